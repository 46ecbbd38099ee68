//! The body of a raw call: chunks of data, items, a form or an upload.

use bytes::Bytes;
use percent_encoding::utf8_percent_encode;

use crate::cli::items::{Item, Kind};
use crate::cli::options::DataKind;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::input::{Data, FormContent, FormPart, OpenFile, Upload};
use crate::plan::fields::{Fields, json_string};
use crate::plan::headers::Headers;
use crate::request::{Body, COMPONENT, Form, FormChunk};
use crate::text::lexical;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Puts the chunks of data together as curl does: `&` between them, nothing between `--json`.
pub(crate) fn join(data: &[Data]) -> Vec<u8> {
    let mut joined = Vec::new();
    for (position, chunk) in data.iter().enumerate() {
        if position > 0 && chunk.kind != DataKind::Json {
            joined.push(b'&');
        }
        if chunk.kind == DataKind::UrlEncode {
            if let Some(name) = &chunk.name {
                joined.extend_from_slice(name.as_bytes());
                joined.push(b'=');
            }
            joined.extend_from_slice(form_encode(&chunk.content).as_bytes());
        } else {
            joined.extend_from_slice(&chunk.content);
        }
    }
    joined
}

/// Percent-encodes as curl's `--data-urlencode` does: everything but the unreserved characters,
/// a blank as `+`.
fn form_encode(content: &[u8]) -> String {
    percent_encoding::percent_encode(content, COMPONENT)
        .to_string()
        .replace("%20", "+")
}

/// Makes the body of `-d`, `--json` and `--data-urlencode`; JSON is checked, bytes stay as given.
///
/// # Errors
/// Fails when the body should be JSON and is not, with line and column.
pub(crate) fn from_data(data: &[Data], headers: &mut Headers) -> Result<Body> {
    let bytes = join(data);
    let encoded = data.iter().any(|chunk| chunk.kind == DataKind::UrlEncode);
    headers.set_default("Content-Type", if encoded { FORM } else { JSON });
    if data.iter().any(|chunk| chunk.kind == DataKind::Json) {
        headers.set_default("Accept", JSON);
    }
    let is_json = headers.get("Content-Type").is_some_and(names_json);
    if is_json && bytes.is_empty() && data.iter().any(|chunk| chunk.is_stdin) {
        return Err(
            Failure::usage("the body is empty: standard input gave nothing")
                .fact("nothing was sent")
                .hint("to send an empty body, write -d ''"),
        );
    }
    if is_json && !bytes.is_empty() {
        check_json(&bytes)?;
    }
    Ok(Body::Bytes(bytes.into()))
}

/// Returns whether a content type is JSON's.
pub(super) fn names_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case(JSON) || media_type.to_ascii_lowercase().ends_with("+json")
}

fn check_json(bytes: &[u8]) -> Result<()> {
    lexical::checked("the body", bytes, Exit::Usage).map_err(|failure| {
        let failure = failure.fact("nothing was sent");
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first.is_some_and(|first| !matches!(first, b'{' | b'[')) && bytes.contains(&b'=') {
            failure
                .hint("give fields as items, without -d: name=text name:=json")
                .hint("a form needs its type: -H 'Content-Type: application/x-www-form-urlencoded'")
        } else {
            failure.hint("to send it all the same, name its type: -H 'Content-Type: text/plain'")
        }
    })
}

/// Makes a JSON object of the items that are fields.
///
/// # Errors
/// Fails when a `:=` value is not JSON or when names clash.
pub(crate) fn from_items<'a>(
    items: impl Iterator<Item = &'a Item>,
    headers: &mut Headers,
) -> Result<Body> {
    let mut fields = Fields::new();
    for item in items {
        let json = match item.kind {
            Kind::Text => json_string(&item.value),
            _ => checked_value(item)?,
        };
        fields.insert(&item.key, json)?;
    }
    headers.set_default("Content-Type", JSON);
    Ok(Body::Bytes(fields.to_json().into()))
}

fn checked_value(item: &Item) -> Result<String> {
    let name = format!("the value of {}:=", item.key);
    lexical::checked(&name, item.value.as_bytes(), Exit::Usage)
        .map_err(|failure| failure.hint(format!("for text, write {}=...", item.key)))?;
    Ok(item.value.trim().to_owned())
}

/// Makes the body of `-T`.
pub(crate) fn from_upload(upload: Upload) -> Body {
    match upload {
        Upload::File(OpenFile { path, file, length }) => Body::File { path, file, length },
        Upload::Stdin => Body::Stdin,
    }
}

/// Makes the body of `-F`, header blocks and boundaries as curl writes them.
pub(crate) fn from_form(parts: Vec<FormPart>, headers: &mut Headers) -> Body {
    let boundary = format!("------------------------{:016x}", fastrand::u64(..));
    let mut chunks = Vec::with_capacity(parts.len() * 2 + 1);
    for (position, part) in parts.into_iter().enumerate() {
        let line_break = if position == 0 { "" } else { "\r\n" };
        let mut head = format!(
            "{line_break}--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"",
            escape_name(&part.name)
        );
        if let Some(file_name) = &part.file_name {
            head.push_str(&format!("; filename=\"{}\"", escape_name(file_name)));
        }
        if let Some(content_type) = &part.content_type {
            head.push_str(&format!(
                "\r\nContent-Type: {}",
                without_line_breaks(content_type)
            ));
        }
        head.push_str("\r\n\r\n");
        chunks.push(FormChunk::Bytes(Bytes::from(head)));
        chunks.push(match part.content {
            FormContent::Bytes(bytes) => FormChunk::Bytes(bytes),
            FormContent::File(OpenFile { file, length, .. }) => FormChunk::File { file, length },
            FormContent::Stdin => FormChunk::Stdin,
        });
    }
    chunks.push(FormChunk::Bytes(Bytes::from(format!(
        "\r\n--{boundary}--\r\n"
    ))));
    headers.set_default(
        "Content-Type",
        format!("multipart/form-data; boundary={boundary}"),
    );
    Body::Form(Form { boundary, chunks })
}

/// Escapes a name inside a part's header as the HTML standard says (and curl since 7.81).
fn escape_name(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn without_line_breaks(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).collect()
}

/// Returns the query parameters that items and `--url-query` add, encoded.
pub(crate) fn query(items: &[Item], url_query: &[Data]) -> Vec<String> {
    let pair = |name: &str, value: &str| {
        format!(
            "{}={}",
            utf8_percent_encode(name, COMPONENT),
            utf8_percent_encode(value, COMPONENT)
        )
    };
    let from_items = items
        .iter()
        .filter(|item| item.kind == Kind::Query)
        .map(|item| pair(&item.key, &item.value));
    let from_options = url_query
        .iter()
        .map(|chunk| String::from_utf8_lossy(&join(std::slice::from_ref(chunk))).into_owned());
    from_options.chain(from_items).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    fn data(kind: DataKind, text: &str) -> Data {
        Data {
            kind,
            name: None,
            content: text.as_bytes().to_vec(),
            is_stdin: false,
        }
    }

    fn sent(chunks: &[Data], lines: &[&str]) -> Result<(String, Option<String>)> {
        let mut headers = Headers::default();
        for line in lines {
            headers.add_line(line)?;
        }
        let Body::Bytes(bytes) = from_data(chunks, &mut headers)? else {
            return Err(Failure::local("not bytes"));
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok((text, headers.get("content-type").map(str::to_owned)))
    }

    #[test]
    fn typed_bytes_are_the_bytes_sent() {
        let body = "{\"a\": 1E5,\r\n \"a\":1.10}\n";
        assert_eq!(
            sent(&[data(DataKind::Data, body)], &[]),
            Ok((body.into(), Some(JSON.into())))
        );
    }

    #[test]
    fn a_body_that_is_not_json_names_line_and_column() {
        let failure = sent(&[data(DataKind::Data, "{\"size\":8,}")], &[]).expect_err("not JSON");
        assert!(failure.headline.contains("line 1, column 11"), "{failure}");
    }

    #[test]
    fn another_content_type_switches_the_check_off() {
        let (_, content_type) = sent(
            &[data(DataKind::Data, "a=1")],
            &["content-type: text/plain"],
        )
        .expect("a body");
        assert_eq!(content_type.as_deref(), Some("text/plain"));
    }

    #[test]
    fn pieces_are_joined_as_curl_joins_them() {
        let text = |chunks: &[Data]| String::from_utf8(join(chunks)).expect("text");
        assert_eq!(
            text(&[data(DataKind::Data, "a=1"), data(DataKind::Raw, "b=2")]),
            "a=1&b=2"
        );
        assert_eq!(
            text(&[data(DataKind::Json, "{\"a\":"), data(DataKind::Json, "1}")]),
            "{\"a\":1}"
        );
        assert_eq!(
            text(&[data(DataKind::UrlEncode, "x=a b&c/é~")]),
            "x%3Da+b%26c%2F%C3%A9~"
        );
    }

    #[test]
    fn items_become_a_typed_object() {
        let items: Vec<Item> = ["a=1", "n:=1.10", "q==x", "X:y", "l[]:=true"]
            .iter()
            .map(|word| Item::parse(OsStr::new(word)).expect("an item"))
            .collect();
        let fields = items.iter().filter(|item| item.is_field());
        let Body::Bytes(bytes) = from_items(fields, &mut Headers::default()).expect("a body")
        else {
            panic!("not bytes");
        };
        assert_eq!(bytes, r#"{"a":"1","n":1.10,"l":[true]}"#);
    }

    #[test]
    fn query_parameters_are_encoded_and_keep_their_order() {
        let items: Vec<Item> = ["a==1 2", "a==3&4"]
            .iter()
            .map(|word| Item::parse(OsStr::new(word)).expect("an item"))
            .collect();
        let mut options = vec![
            data(DataKind::UrlEncode, "x y"),
            data(DataKind::Raw, "raw%20"),
            data(DataKind::UrlEncode, "z/"),
        ];
        options[0].name = Some("b".to_owned());
        assert_eq!(
            query(&items, &options),
            ["b=x+y", "raw%20", "z%2F", "a=1%202", "a=3%264"]
        );
    }

    #[test]
    fn a_form_is_written_as_curl_writes_it() {
        let part = |name: &str, file_name: Option<&str>, content_type: Option<&str>| FormPart {
            name: name.to_owned(),
            content: FormContent::Bytes(Bytes::from_static(b"x")),
            content_type: content_type.map(str::to_owned),
            file_name: file_name.map(str::to_owned),
        };
        let parts = vec![
            part("a", None, None),
            part("f", Some("q\".json"), Some("application/json")),
        ];
        let Body::Form(form) = from_form(parts, &mut Headers::default()) else {
            panic!("not a form");
        };
        let text: String = form
            .chunks
            .iter()
            .map(|chunk| match chunk {
                FormChunk::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                _ => String::new(),
            })
            .collect();
        let b = &form.boundary;
        assert_eq!(
            text,
            format!(
                "--{b}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--{b}\r\n\
                 Content-Disposition: form-data; name=\"f\"; filename=\"q%22.json\"\r\n\
                 Content-Type: application/json\r\n\r\nx\r\n--{b}--\r\n"
            )
        );
        assert_eq!(form.length(), Some(text.len() as u64));
    }
}
