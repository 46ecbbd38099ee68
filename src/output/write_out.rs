//! `-w FORMAT`: curl's variables and a few of our own, printed after the response.

use serde_json::{Map, Value, json};

use crate::error::Failure;
use crate::exit::Exit;
use crate::output::record::Record;

/// A format that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WriteOut {
    chunks: Vec<FormChunk>,
    /// Names that are no variables: they are warned about and print nothing, as in curl.
    pub(crate) unknown: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum FormChunk {
    Text(String),
    Variable(&'static str),
    Header(String),
    Stdout,
    Stderr,
    /// What follows is printed only when the call failed.
    OnError,
    /// What follows goes to this file; `true` appends.
    Output(String, bool),
}

/// Where a part of the text goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sink {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file; `true` appends.
    File(String, bool),
}

/// Whether credentials and known tokens that a server echoes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echoes {
    /// As they came: in a pipe or file.
    Shown,
    /// Redacted: on a terminal.
    Redacted,
}

/// Every variable, by curl's name where curl has it.
const VARIABLES: [&str; 41] = [
    "content_type",
    "errormsg",
    "exitcode",
    "filename_effective",
    "http_code",
    "http_connect",
    "http_version",
    "method",
    "num_connects",
    "num_headers",
    "num_redirects",
    "num_retries",
    "redirect_url",
    "remote_ip",
    "remote_port",
    "response_code",
    "scheme",
    "size_delivered",
    "size_download",
    "size_header",
    "size_request",
    "size_upload",
    "speed_download",
    "speed_upload",
    "ssl_verify_result",
    "time_appconnect",
    "time_connect",
    "time_namelookup",
    "time_pretransfer",
    "time_redirect",
    "time_starttransfer",
    "time_total",
    "url",
    "url_effective",
    "urlnum",
    "header_json",
    "json",
    "server_timing",
    "network_time",
    "profile",
    "class",
];

/// Variables of curl's that are empty here: there is no FTP, and no user in a URL.
const EMPTY: [&str; 7] = [
    "certs",
    "ftp_entry_path",
    "referer",
    "url.options",
    "url.password",
    "url.user",
    "url.zoneid",
];

/// Variables of curl's that are zero for one transfer over a new connection.
const ZERO: [&str; 6] = [
    "conn_id",
    "num_certs",
    "proxy_ssl_verify_result",
    "time_queue",
    "tls_earlydata",
    "xfer_id",
];

/// The parts of the URL.
const PARTS: [&str; 6] = [
    "url.fragment",
    "url.host",
    "url.path",
    "url.port",
    "url.query",
    "url.scheme",
];

/// Returns every variable.
fn variables() -> impl Iterator<Item = &'static str> {
    let lists: [&[&'static str]; 4] = [&VARIABLES, &EMPTY, &ZERO, &PARTS];
    lists.into_iter().flatten().copied()
}

impl WriteOut {
    /// Reads a format. Whatever is not understood prints as it stands, as in curl.
    pub(crate) fn parse(format: &str) -> WriteOut {
        let mut read = WriteOut {
            chunks: Vec::new(),
            unknown: Vec::new(),
        };
        let mut text = String::new();
        let mut rest = format;
        while let Some(first) = rest.chars().next() {
            let (chunk, length) = read.one(rest);
            match chunk {
                Some(FormChunk::Text(plain)) => text.push_str(&plain),
                Some(chunk) => {
                    read.add_text(&mut text);
                    read.chunks.push(chunk);
                }
                None => {}
            }
            rest = rest.get(length.max(first.len_utf8())..).unwrap_or_default();
        }
        read.add_text(&mut text);
        read
    }

    fn add_text(&mut self, text: &mut String) {
        if !text.is_empty() {
            self.chunks.push(FormChunk::Text(std::mem::take(text)));
        }
    }

    /// Reads what the text begins with, and says how long that is.
    fn one(&mut self, rest: &str) -> (Option<FormChunk>, usize) {
        let text = |text: &str| Some(FormChunk::Text(text.to_owned()));
        let mut characters = rest.chars();
        match (characters.next(), characters.next()) {
            (Some('\\'), Some('n')) => (text("\n"), 2),
            (Some('\\'), Some('r')) => (text("\r"), 2),
            (Some('\\'), Some('t')) => (text("\t"), 2),
            (Some('\\'), Some(other)) => {
                let length = 1 + other.len_utf8();
                (text(&rest[..length]), length)
            }
            (Some('%'), Some('%')) => (text("%"), 2),
            (Some('%'), Some('{')) => match rest[2..].split_once('}') {
                Some((name, _)) => (self.variable(name), name.len() + 3),
                None => (text("%{"), 2),
            },
            (Some('%'), _) => {
                for (start, make) in [
                    ("%header{", FormChunk::Header as fn(String) -> FormChunk),
                    ("%output{", output as fn(String) -> FormChunk),
                ] {
                    if let Some((inner, _)) = rest
                        .strip_prefix(start)
                        .and_then(|rest| rest.split_once('}'))
                    {
                        return (Some(make(inner.to_owned())), start.len() + inner.len() + 1);
                    }
                }
                (text("%"), 1)
            }
            (Some(first), _) => (Some(FormChunk::Text(first.to_string())), first.len_utf8()),
            (None, _) => (None, 0),
        }
    }

    fn variable(&mut self, name: &str) -> Option<FormChunk> {
        match name {
            "stdout" => Some(FormChunk::Stdout),
            "stderr" => Some(FormChunk::Stderr),
            "onerror" => Some(FormChunk::OnError),
            _ => match variables().find(|known| *known == name) {
                Some(known) => Some(FormChunk::Variable(known)),
                None => {
                    self.unknown.push(name.to_owned());
                    None
                }
            },
        }
    }

    /// Returns the files that parts of the text go to.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.chunks.iter().filter_map(|chunk| match chunk {
            FormChunk::Output(file, _) => Some(file.as_str()),
            _ => None,
        })
    }

    /// Returns the text for a call, and where each part of it goes.
    pub(crate) fn render(
        &self,
        record: &Record,
        result: Result<Exit, &Failure>,
        echoes: Echoes,
    ) -> Vec<(Sink, String)> {
        let call = Call {
            record,
            result,
            echoes,
        };
        let mut parts = vec![(Sink::Stdout, String::new())];
        for chunk in &self.chunks {
            let sink = match chunk {
                FormChunk::OnError => {
                    if call.exit() == Exit::Ok {
                        break;
                    }
                    continue;
                }
                FormChunk::Stdout => Sink::Stdout,
                FormChunk::Stderr => Sink::Stderr,
                FormChunk::Output(file, append) => Sink::File(file.clone(), *append),
                FormChunk::Text(_) | FormChunk::Variable(_) | FormChunk::Header(_) => {
                    if let Some((_, text)) = parts.last_mut() {
                        text.push_str(&call.text(chunk));
                    }
                    continue;
                }
            };
            parts.push((sink, String::new()));
        }
        parts.retain(|(sink, text)| !text.is_empty() || matches!(sink, Sink::File(..)));
        parts
    }
}

fn output(inner: String) -> FormChunk {
    match inner.strip_prefix(">>") {
        Some(file) => FormChunk::Output(file.to_owned(), true),
        None => FormChunk::Output(inner, false),
    }
}

/// A call whose variables are asked for.
struct Call<'a> {
    record: &'a Record,
    result: Result<Exit, &'a Failure>,
    echoes: Echoes,
}

impl Call<'_> {
    fn exit(&self) -> Exit {
        match self.result {
            Ok(exit) => exit,
            Err(failure) => failure.exit,
        }
    }

    fn text(&self, chunk: &FormChunk) -> String {
        match chunk {
            FormChunk::Text(text) => text.clone(),
            FormChunk::Header(name) => self.header(name.trim()).unwrap_or_default(),
            FormChunk::Variable(name) => match self.value(name) {
                Value::Null => String::new(),
                Value::String(text) => text,
                Value::Number(number) if name.starts_with("time_") => {
                    format!("{:.6}", number.as_f64().unwrap_or_default())
                }
                value => value.to_string(),
            },
            FormChunk::Stdout | FormChunk::Stderr | FormChunk::OnError | FormChunk::Output(..) => {
                String::new()
            }
        }
    }

    fn header(&self, name: &str) -> Option<String> {
        let value = self.record.response.as_ref()?.header(name)?;
        Some(self.shown(name, value))
    }

    fn shown(&self, name: &str, value: String) -> String {
        match self.echoes {
            Echoes::Shown => value,
            Echoes::Redacted => self.record.redactor.header(name, &value),
        }
    }

    /// Returns every header with all of its values.
    fn header_json(&self) -> Value {
        let mut object = Map::new();
        let headers = self
            .record
            .response
            .iter()
            .flat_map(|response| response.headers.iter());
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let value = Value::from(self.shown(name.as_str(), value));
            if let Value::Array(values) = object
                .entry(name.as_str().to_owned())
                .or_insert_with(|| Value::Array(Vec::new()))
            {
                values.push(value);
            }
        }
        Value::Object(object)
    }

    fn value(&self, name: &str) -> Value {
        let record = self.record;
        let response = record.response.as_ref();
        let status = response.map_or(0, |response| response.status);
        match name {
            "http_code" | "response_code" => json!(format!("{status:03}")),
            "http_connect" => json!("000"),
            "http_version" => json!(response.map_or("0", |response| response.version)),
            "method" => json!(record.method),
            "content_type" => json!(response.and_then(|response| response.header("content-type"))),
            "redirect_url" => json!(self.redirect_url()),
            "size_request" => json!(record.head_sent),
            "num_headers" => json!(response.map_or(0, |response| response.headers.len())),
            "size_header" => json!(response.map_or(0, |response| response.head_size)),
            "header_json" => self.header_json(),
            "errormsg" => json!(self.result.err().map(|failure| failure.headline.as_str())),
            "exitcode" => json!(self.exit().code()),
            "filename_effective" => json!(record.file),
            "num_connects" => json!(u32::from(response.is_some())),
            "num_redirects" => json!(record.redirects),
            "num_retries" => json!(record.retries),
            "remote_ip" => json!(
                response
                    .and_then(|response| response.remote)
                    .map(|remote| remote.ip().to_string())
            ),
            "remote_port" => json!(
                response
                    .and_then(|response| response.remote)
                    .map_or(0, |remote| remote.port())
            ),
            "scheme" => json!(record.url.split_once(':').map(|(scheme, _)| scheme)),
            "size_delivered" => json!(record.bytes),
            "size_download" => json!(record.received),
            "size_upload" => json!(record.sent),
            "speed_download" => json!(self.speed(record.received)),
            "speed_upload" => json!(self.speed(record.sent)),
            "ssl_verify_result" => json!(0),
            "url" | "url_effective" => json!(record.url),
            "urlnum" => json!(0),
            "json" => self.all(),
            "server_timing" => json!(record.server()),
            "network_time" => json!(
                record
                    .network()
                    .map(|network| (network * 1000.0).round() / 1000.0)
            ),
            "profile" => json!(record.profile),
            "class" => json!(record.class),
            _ if EMPTY.contains(&name) => Value::Null,
            _ if ZERO.contains(&name) => json!(0),
            _ if PARTS.contains(&name) => json!(self.part(name)),
            _ => self.time(name),
        }
    }

    /// Returns a part of the URL.
    fn part(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(&self.record.url).ok()?;
        match name {
            "url.host" => url.host_str().map(str::to_owned),
            "url.path" => Some(url.path().to_owned()),
            "url.port" => url.port_or_known_default().map(|port| port.to_string()),
            "url.query" => url.query().map(str::to_owned),
            "url.scheme" => Some(url.scheme().to_owned()),
            _ => url.fragment().map(str::to_owned),
        }
    }

    /// Returns where a redirect that was not followed leads, as a whole URL.
    fn redirect_url(&self) -> Option<String> {
        let record = self.record;
        if record.redirect_url.is_some() {
            return record.redirect_url.clone();
        }
        let response = record.response.as_ref()?;
        let location = crate::exchange::location(&response.headers)?;
        let from = url::Url::parse(&record.url).ok()?;
        let leads_to = from.join(&location).map_or(location, String::from);
        Some(record.redactor.target(&leads_to))
    }

    /// Returns a moment in seconds since the beginning of the attempt, as curl does: a phase that did
    /// not happen has the moment of the one before, and 0 where there was no TLS.
    fn time(&self, name: &str) -> Value {
        let Some(timings) = self.record.timings else {
            return json!(0.0);
        };
        let lookup = timings.lookup.unwrap_or_default();
        let connect = timings.connect.unwrap_or(lookup);
        let moment = match name {
            "time_namelookup" => lookup,
            "time_connect" => connect,
            "time_appconnect" => timings.tls.unwrap_or_default(),
            "time_pretransfer" => timings.tls.unwrap_or(connect),
            "time_starttransfer" => timings.first_byte.unwrap_or_default(),
            "time_total" => timings.total,
            _ => std::time::Duration::ZERO,
        };
        json!(moment.as_secs_f64())
    }

    fn speed(&self, bytes: u64) -> u64 {
        let seconds = self
            .record
            .timings
            .map_or(0.0, |timings| timings.total.as_secs_f64());
        if seconds > 0.0 {
            (bytes as f64 / seconds) as u64
        } else {
            0
        }
    }

    fn all(&self) -> Value {
        let mut object: Map<String, Value> = VARIABLES
            .iter()
            .filter(|name| !matches!(**name, "json" | "header_json"))
            .map(|name| {
                let value = match *name {
                    "http_code" | "response_code" => {
                        json!(
                            self.record
                                .response
                                .as_ref()
                                .map_or(0, |response| response.status)
                        )
                    }
                    "http_connect" => json!(0),
                    name => self.value(name),
                };
                ((*name).to_owned(), value)
            })
            .collect();
        object.insert(
            "curl_version".to_owned(),
            json!(concat!("rein/", env!("CARGO_PKG_VERSION"))),
        );
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::record::example;
    use proptest::prelude::*;

    fn rendered(format: &str) -> Vec<(Sink, String)> {
        WriteOut::parse(format).render(&example(), Ok(Exit::Ok), Echoes::Shown)
    }

    #[test]
    fn variables_have_curls_shapes() {
        for (format, expected) in [
            (r"%{http_code}\n", "200\n"),
            (
                "%{response_code} %{method} %{content_type}",
                "200 POST application/json",
            ),
            (
                "%{time_starttransfer} %{time_appconnect}",
                "0.061800 0.000000",
            ),
            (
                "%{server_timing} %{network_time} %{profile} %{class}",
                "37.7 24.1 prod read",
            ),
            ("%header{Content-Type}|%header{x}", "application/json|"),
            (r"100%% \t\r\x %{", "100% \t\r\\x %{"),
            (
                "%{size_download} %{num_retries} %{exitcode}[%{errormsg}]",
                "2100 0 0[]",
            ),
            ("a%{nope}b", "ab"),
            (
                "%{url.scheme} %{url.host} %{url.port} %{url.path} [%{url.query}%{url.user}]",
                "https h 443 /acme/prod/reinfer_/api/v1/datasets/retail/orders/export []",
            ),
            ("%{xfer_id} %{time_queue}[%{certs}]", "0 0.000000[]"),
            ("%", "%"),
        ] {
            assert_eq!(
                rendered(format),
                [(Sink::Stdout, expected.to_owned())],
                "{format}"
            );
        }
        assert_eq!(WriteOut::parse("%{nope}").unknown, ["nope"]);
    }

    #[test]
    fn parts_go_where_they_are_sent() {
        assert_eq!(
            rendered("a%{stderr}b%output{f}c%output{>>g}d%{stdout}e%{onerror}never"),
            [
                (Sink::Stdout, "a".to_owned()),
                (Sink::Stderr, "b".to_owned()),
                (Sink::File("f".to_owned(), false), "c".to_owned()),
                (Sink::File("g".to_owned(), true), "d".to_owned()),
                (Sink::Stdout, "e".to_owned()),
            ]
        );
        let failure = Failure::new(Exit::Connect, "no");
        let failed = WriteOut::parse("%{onerror}%{exitcode} %{http_code}");
        assert_eq!(
            failed.render(&Record::default(), Err(&failure), Echoes::Shown),
            [(Sink::Stdout, "7 000".to_owned())]
        );
    }

    #[test]
    fn json_holds_every_variable() {
        let text = &rendered("%{json}")[0].1;
        let object: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(object["http_code"], json!(200));
        assert_eq!(object["server_timing"], json!(37.7));
        let headers: Value = serde_json::from_str(&rendered("%{header_json}")[0].1).expect("JSON");
        assert_eq!(headers["content-type"], json!(["application/json"]));
    }

    proptest! {
        #[test]
        fn any_format_is_read(format in any::<String>()) {
            let _parts = rendered(&format);
        }
    }
}
