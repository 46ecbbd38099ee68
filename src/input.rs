//! Reads what the command line points at: `@file`, `@-`, `-T FILE`. The edge between the
//! arguments and the plan; everything is opened before anything is sent.

pub(crate) mod rows;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::cli::items::{Item, Kind};
use crate::cli::options::{DataKind, RequestOptions};
use crate::cli::tail;
use crate::error::{Failure, Result, io_reason};

/// Returns whether a pipe is standard input and has data that nobody has read.
#[cfg(unix)]
pub(crate) fn is_data_waiting() -> bool {
    use rustix::fs::{FileType, fstat};
    let stdin = std::io::stdin();
    let is_pipe =
        fstat(&stdin).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Fifo);
    is_pipe && rustix::io::ioctl_fionread(&stdin).is_ok_and(|bytes| bytes > 0)
}

/// Returns whether a pipe is standard input and has data: elsewhere that is not known.
#[cfg(not(unix))]
pub(crate) fn is_data_waiting() -> bool {
    false
}

/// What the command line says about a request, with every file read or opened.
#[derive(Default)]
pub(crate) struct Input {
    /// The chunks of the body, in the order typed.
    pub(crate) data: Vec<Data>,
    /// The items, in the order typed; a file's text is instead of its name.
    pub(crate) items: Vec<Item>,
    /// Header lines, in the order typed.
    pub(crate) header_lines: Vec<String>,
    /// The chunks of `--url-query`, in the order typed; `Raw` ones are added as they are.
    pub(crate) url_query: Vec<Data>,
    /// Form parts, in the order typed.
    pub(crate) form: Vec<FormPart>,
    /// What `-T` names.
    pub(crate) upload: Option<Upload>,
}

/// A chunk of the body.
#[derive(Clone)]
pub(crate) struct Data {
    /// The option it was given with.
    pub(crate) kind: DataKind,
    /// For `--data-urlencode`: the name before the content.
    pub(crate) name: Option<String>,
    /// The content.
    pub(crate) content: Vec<u8>,
    /// Whether it is what standard input gave.
    pub(crate) is_stdin: bool,
}

/// A part of a form.
pub(crate) struct FormPart {
    /// The field's name.
    pub(crate) name: String,
    /// What is sent for it.
    pub(crate) content: FormContent,
    /// The part's content type, when one was given.
    pub(crate) content_type: Option<String>,
    /// The part's file name, when one was given or a file is sent.
    pub(crate) file_name: Option<String>,
}

/// The content of a form part.
pub(crate) enum FormContent {
    /// Bytes in memory.
    Bytes(Bytes),
    /// An opened file.
    File(OpenFile),
    /// Standard input.
    Stdin,
}

/// A file that is opened and not read.
pub(crate) struct OpenFile {
    /// Where it was found.
    pub(crate) path: PathBuf,
    /// The file.
    pub(crate) file: File,
    /// Its length when it is a regular file.
    pub(crate) length: Option<u64>,
}

/// What `-T` names.
pub(crate) enum Upload {
    /// An opened file.
    File(OpenFile),
    /// Standard input.
    Stdin,
}

/// Reads and opens everything that a call's options and items name.
///
/// # Errors
/// Fails (exit 2) on the first file that cannot be read, on text that is not UTF-8 where text is
/// needed, and when standard input is named twice.
pub(crate) fn gather(
    options: &RequestOptions,
    data: Vec<(DataKind, OsString)>,
    form: Vec<(bool, OsString)>,
    items: &[OsString],
    stdin_taken: bool,
) -> Result<Input> {
    let mut reader = Reader { stdin_taken };
    let mut input = Input::default();
    for word in &options.header {
        reader.header_lines(word, &mut input.header_lines)?;
    }
    for word in &options.url_query {
        input.url_query.push(reader.query(word)?);
    }
    for (kind, word) in data {
        input.data.push(reader.data(kind, &word)?);
    }
    for word in items {
        input.items.push(reader.item(word)?);
    }
    for (literal, word) in form {
        input.form.push(reader.form_part(literal, &word)?);
    }
    if let Some(word) = &options.upload_file {
        input.upload = Some(if word == "-" || word == "." {
            reader.claim_stdin("-T")?;
            Upload::Stdin
        } else {
            Upload::File(reader.open(Path::new(word))?)
        });
    }
    Ok(input)
}

/// Returns whether `--token-file` or `-w` reads standard input, so that nothing else may.
///
/// # Errors
/// Fails (exit 2) when both do.
pub(crate) fn stdin_taken(token_file: Option<&OsStr>, write_out: Option<&OsStr>) -> Result<bool> {
    let holds_token = token_file == Some(OsStr::new("-"));
    let holds_format = write_out == Some(OsStr::new("@-"));
    if holds_token && holds_format {
        return Err(named_twice("-w"));
    }
    Ok(holds_token || holds_format)
}

fn named_twice(option: &str) -> Failure {
    Failure::usage(format!(
        "{option} names standard input, which is already used"
    ))
    .hint("give one of the two in a file")
}

/// Reads files, and standard input at most once.
struct Reader {
    stdin_taken: bool,
}

impl Reader {
    fn claim_stdin(&mut self, option: &str) -> Result<()> {
        if self.stdin_taken {
            return Err(named_twice(option));
        }
        self.stdin_taken = true;
        Ok(())
    }

    fn read(&mut self, option: &str, name: &OsStr) -> Result<Vec<u8>> {
        if name == "-" {
            self.claim_stdin(option)?;
            return stdin_bytes();
        }
        std::fs::read(name).map_err(|error| unreadable(Path::new(name), &error))
    }

    fn open(&self, path: &Path) -> Result<OpenFile> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
        if metadata.is_dir() {
            return Err(Failure::usage(format!(
                "{} is a directory, not a file",
                path.display()
            )));
        }
        let length = metadata.is_file().then_some(metadata.len());
        Ok(OpenFile {
            path: path.to_owned(),
            file,
            length,
        })
    }

    fn header_lines(&mut self, word: &OsStr, lines: &mut Vec<String>) -> Result<()> {
        let Some(name) = strip_at(word) else {
            lines.push(text(word.as_encoded_bytes().to_vec(), "a header")?);
            return Ok(());
        };
        let content = text(self.read("-H", name)?, "the header file")?;
        lines.extend(
            content
                .lines()
                .filter(|line| !line.trim().is_empty())
                .map(str::to_owned),
        );
        Ok(())
    }

    fn data(&mut self, kind: DataKind, word: &OsStr) -> Result<Data> {
        if kind == DataKind::UrlEncode {
            return self.data_to_encode(word);
        }
        let file = strip_at(word).filter(|_| kind != DataKind::Raw);
        let content = match file {
            Some(name) => self.read("-d", name)?,
            None => word.as_encoded_bytes().to_vec(),
        };
        Ok(Data {
            kind,
            name: None,
            content,
            is_stdin: file.is_some_and(|file| file == "-"),
        })
    }

    /// Reads curl's forms `content`, `=content`, `name=content`, `@file` and `name@file`.
    fn data_to_encode(&mut self, word: &OsStr) -> Result<Data> {
        let kind = DataKind::UrlEncode;
        const OPTION: &str = "--data-urlencode";
        let bytes = word.as_encoded_bytes();
        let position = bytes.iter().position(|byte| matches!(byte, b'=' | b'@'));
        let name = text(bytes[..position.unwrap_or(0)].to_vec(), OPTION)?;
        let name = (!name.is_empty()).then_some(name);
        let content = match position {
            // A file's name may be any bytes.
            Some(at) if bytes[at] == b'@' => self.read(OPTION, tail(word, at + 1))?,
            at => {
                let start = at.map_or(0, |at| at + 1);
                text(bytes[start..].to_vec(), OPTION)?.into_bytes()
            }
        };
        Ok(Data {
            kind,
            name,
            content,
            is_stdin: false,
        })
    }

    /// Reads a chunk of `--url-query`: `+text` as it is, everything else to be encoded.
    fn query(&mut self, word: &OsStr) -> Result<Data> {
        match word.as_encoded_bytes().strip_prefix(b"+") {
            Some(raw) => Ok(Data {
                kind: DataKind::Raw,
                name: None,
                content: raw.to_vec(),
                is_stdin: false,
            }),
            None => self.data_to_encode(word),
        }
    }

    fn item(&mut self, word: &OsStr) -> Result<Item> {
        let (mut item, file) = Item::parse_with_file(word)?;
        let Some(file) = file else {
            return Ok(item);
        };
        let content = self.read(&item.key, file)?;
        item.value = text(content, &format!("the file for {}", item.key))?;
        item.kind = if item.kind == Kind::JsonFile {
            Kind::Json
        } else {
            Kind::Text
        };
        Ok(item)
    }

    fn form_part(&mut self, literal: bool, word: &OsStr) -> Result<FormPart> {
        let (word, raw_file) = form_word_and_file(word, literal)?;
        let Some((name, value)) = word.split_once('=') else {
            return Err(Failure::usage("-F needs NAME=CONTENT")
                .hint("-F comment='some text' or -F file=@invoice.pdf"));
        };
        let name = name.to_owned();
        if literal {
            let content = FormContent::Bytes(value.to_owned().into());
            return Ok(FormPart {
                name,
                content,
                content_type: None,
                file_name: None,
            });
        }
        let (value, settings) = form_settings(value)?;
        let mut part = FormPart {
            name,
            content: FormContent::Bytes(Bytes::new()),
            content_type: settings.content_type,
            file_name: settings.file_name,
        };
        if let Some(file) = value.strip_prefix('@') {
            let file = raw_file.unwrap_or(OsStr::new(file));
            part.content = self.form_file(file, &mut part.file_name)?;
            if part.content_type.is_none() {
                let name = file.to_string_lossy();
                part.content_type = Some(type_by_extension(&name).to_owned());
            }
        } else if let Some(file) = value.strip_prefix('<') {
            let file = raw_file.unwrap_or(OsStr::new(file));
            part.content = FormContent::Bytes(self.read("-F", file)?.into());
        } else {
            part.content = FormContent::Bytes(value.into());
        }
        Ok(part)
    }

    fn form_file(&mut self, file: &OsStr, file_name: &mut Option<String>) -> Result<FormContent> {
        if file == "-" {
            self.claim_stdin("-F")?;
            file_name.get_or_insert_with(|| "-".to_owned());
            return Ok(FormContent::Stdin);
        }
        let opened = self.open(Path::new(file))?;
        if file_name.is_none() {
            *file_name = opened
                .path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
        }
        Ok(FormContent::File(opened))
    }
}

/// Returns a form part as text. Where that is not available because of its file's name, which may
/// be any bytes, the name is returned beside a text without it.
fn form_word_and_file(word: &OsStr, literal: bool) -> Result<(String, Option<&OsStr>)> {
    let bytes = word.as_encoded_bytes();
    let not_text = || text(bytes.to_vec(), "a form part");
    let start = bytes.iter().position(|byte| *byte == b'=').map(|at| at + 2);
    let is_file = start.is_some_and(|start| matches!(bytes.get(start - 1), Some(b'@' | b'<')));
    let (Some(start), None, true) = (start, word.to_str(), is_file && !literal) else {
        return Ok((not_text()?, None));
    };
    let length = memchr::memchr(b';', &bytes[start..]).unwrap_or(bytes.len() - start);
    let settings = tail(word, start + length);
    let around = [&bytes[..start], settings.as_encoded_bytes()].concat();
    let around = String::from_utf8(around).or_else(|_| not_text())?;
    Ok((around, Some(head(tail(word, start), length))))
}

/// Returns the first `length` bytes of a word, which end before an ASCII character.
fn head(word: &OsStr, length: usize) -> &OsStr {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        OsStr::from_bytes(word.as_bytes().get(..length).unwrap_or_default())
    }
    #[cfg(not(unix))]
    {
        let text = word.to_str().unwrap_or_default();
        OsStr::new(text.get(..length).unwrap_or_default())
    }
}

struct FormSettings {
    content_type: Option<String>,
    file_name: Option<String>,
}

/// Splits curl's `;type=` and `;filename=` off a form part's value, which may be in quotes.
///
/// # Errors
/// Fails on a `;` that begins nothing of the kind: curl would drop what follows.
fn form_settings(value: &str) -> Result<(String, FormSettings)> {
    let mut settings = FormSettings {
        content_type: None,
        file_name: None,
    };
    let (content, mut rest) = form_word(value);
    while let Some(setting) = rest.strip_prefix(';') {
        let setting = setting.trim_start();
        let (text, after) = match setting.split_once('=') {
            Some((_, value)) => form_word(value),
            None => (
                String::new(),
                &setting[setting.find(';').unwrap_or(setting.len())..],
            ),
        };
        if setting.starts_with("type=") {
            // A type's own parameters are set off by the same sign: ;charset=utf-8.
            let (parameters, after) = type_parameters(after);
            settings.content_type = Some(format!("{}{parameters}", text.trim()));
            rest = after;
            continue;
        }
        if setting.starts_with("filename=") {
            settings.file_name = Some(text);
        } else if setting.starts_with("headers=") || setting.starts_with("encoder=") {
            return Err(Failure::usage(
                "-F takes ;type= and ;filename= and no other setting",
            ));
        } else if !setting.is_empty() {
            return Err(Failure::usage(
                "-F: what follows the ; is not a setting and would be lost",
            )
            .hint("send the text as it is with --form-string, or in quotes: -F 'name=\"a;b\"'"));
        }
        rest = after;
    }
    Ok((content, settings))
}

/// Reads a word up to the next `;`, or in quotes, in which a backslash makes the next one plain.
fn form_word(text: &str) -> (String, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut word = String::new();
        let mut characters = quoted.char_indices();
        while let Some((position, character)) = characters.next() {
            match character {
                '"' => {
                    let rest = quoted[position + 1..].trim_start();
                    if rest.is_empty() || rest.starts_with(';') {
                        return (word, rest);
                    }
                    break;
                }
                '\\' => word.extend(characters.next().map(|(_, escaped)| escaped)),
                _ => word.push(character),
            }
        }
    }
    let end = text.find(';').unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

/// Splits what belongs to a type off the settings that follow it.
fn type_parameters(rest: &str) -> (&str, &str) {
    let mut end = 0;
    while let Some(parameter) = rest[end..].strip_prefix(';') {
        let name = parameter.trim_start();
        if ["filename=", "headers=", "encoder=", "type="]
            .iter()
            .any(|setting| name.starts_with(setting))
        {
            break;
        }
        end += 1 + parameter.find(';').unwrap_or(parameter.len());
    }
    rest.split_at(end)
}

/// Returns the content type that curl gives a file by its name.
fn type_by_extension(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" => "text/plain",
        "htm" | "html" => "text/html",
        "pdf" => "application/pdf",
        "xml" => "application/xml",
        _ => "application/octet-stream",
    }
}

fn strip_at(word: &OsStr) -> Option<&OsStr> {
    word.as_encoded_bytes()
        .starts_with(b"@")
        .then(|| tail(word, 1))
}

/// Reads a file of text that an option names.
///
/// # Errors
/// Fails (exit 2) when it cannot be read or is not UTF-8.
pub(crate) fn read_text(file: &OsStr, option: &str) -> Result<String> {
    let path = Path::new(file);
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    text(bytes, &format!("the file of {option}"))
}

/// Reads text for the one option that [`stdin_taken`] lets read standard input.
///
/// # Errors
/// Fails (exit 2) when it cannot be read or is not UTF-8.
pub(crate) fn read_stdin(option: &str) -> Result<String> {
    text(stdin_bytes()?, &format!("the input of {option}"))
}

fn stdin_bytes() -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut bytes);
    read.map_err(|error| {
        Failure::usage(format!(
            "standard input could not be read: {}",
            io_reason(&error)
        ))
    })?;
    Ok(bytes)
}

fn text(bytes: Vec<u8>, what: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{what} is not valid UTF-8")))
}

/// Returns the failure of a file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let path = crate::text::terminal::sanitise(&path.to_string_lossy()).into_owned();
    Failure::usage(format!("cannot read {path}: {}", io_reason(error))).fact("nothing was sent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_settings_are_split_off_as_curl_does() {
        let cases = [
            ("text", "text", None, None),
            (
                "@f.json;type=application/json",
                "@f.json",
                Some("application/json"),
                None,
            ),
            (
                "@f;type=text/plain;charset=utf-8;filename=x y",
                "@f",
                Some("text/plain;charset=utf-8"),
                Some("x y"),
            ),
            ("\"a;b\"", "a;b", None, None),
            ("\"a\\\"b\";type=x/y", "a\"b", Some("x/y"), None),
            ("a\"b\"", "a\"b\"", None, None),
            ("@f;filename=\"q\"", "@f", None, Some("q")),
        ];
        for (value, content, content_type, file_name) in cases {
            let (found, settings) = form_settings(value).expect(value);
            assert_eq!(found, content, "{value}");
            assert_eq!(settings.content_type.as_deref(), content_type, "{value}");
            assert_eq!(settings.file_name.as_deref(), file_name, "{value}");
        }
    }

    #[test]
    fn what_would_be_lost_behind_a_semicolon_is_refused() {
        for value in ["a;b", "a;type=x/y;filename=z;b", "a;headers=\"X: y\""] {
            assert!(form_settings(value).is_err(), "{value}");
        }
    }

    fn reader(stdin_taken: bool) -> Reader {
        Reader { stdin_taken }
    }

    #[test]
    fn standard_input_is_named_once() {
        let mut reader = reader(true);
        assert!(reader.read("-d", OsStr::new("-")).is_err());
    }

    #[test]
    fn data_to_encode_takes_curls_forms() {
        let mut reader = reader(false);
        let cases = [
            ("a b", None, "a b"),
            ("=a=b", None, "a=b"),
            ("n=v", Some("n"), "v"),
        ];
        for (word, name, content) in cases {
            let data = reader
                .data(DataKind::UrlEncode, OsStr::new(word))
                .expect("data");
            assert_eq!(data.name.as_deref(), name, "{word}");
            assert_eq!(data.content, content.as_bytes(), "{word}");
        }
    }
}
