//! `-w FORMAT`: curl's variables and a few of our own, printed after the response.

use std::time::Duration;

use serde_json::{Map, Value, json};
use url::Url;

use crate::catalogue::Class;
use crate::error::{Failure, nearest};
use crate::exchange::timing::Timings;
use crate::exchange::version_number;
use crate::exit::Exit;
use crate::output::record::{Record, ResponseInfo};

/// A format that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WriteOut(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(String),
    Variable(Variable),
    /// A name that is not a variable: it is warned about and prints nothing, as in curl.
    Unknown(String),
    Header(String),
    /// What follows is printed only when the call failed.
    OnError,
    /// What follows goes there.
    To(Sink),
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

/// The value of a variable.
enum Figure {
    /// Three digits in text, a number in JSON.
    Status(u16),
    /// Six decimals in text, a number in JSON.
    Seconds(Duration),
    Json(Value),
}

impl<T: Into<Value>> From<T> for Figure {
    fn from(value: T) -> Self {
        Figure::Json(value.into())
    }
}

/// Makes the variables from their table: `Variant "name" "meaning" => value`.
macro_rules! variables {
    ($call:ident: $($variant:ident $name:literal $meaning:literal => $value:expr;)*) => {
        /// A variable, by curl's name where curl has it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Variable {
            $(#[doc = $meaning] $variant,)*
        }

        impl Variable {
            /// Every variable with its name and meaning.
            const TABLE: &[(Variable, &'static str, &'static str)] =
                &[$((Variable::$variant, $name, $meaning),)*];

            fn value(self, $call: &Call<'_>) -> Figure {
                match self {
                    $(Variable::$variant => Figure::from($value),)*
                }
            }
        }
    };
}

variables! { call:
    Certs "certs" "empty: certificates are not shown" => Value::Null;
    Class "class" "what the call may do: read, write, ..." => call.record.attempts.class.map(Class::name);
    ConnectionId "conn_id" "0" => 0;
    ContentType "content_type" "`Content-Type` of the response" => call.header("content-type");
    ErrorMessage "errormsg" "the headline of the error" => call.result.err().map(|failure| failure.headline.as_str());
    ExitCode "exitcode" "exit code" => call.exit().code();
    File "filename_effective" "the file of `-o`" => call.record.received.file.as_deref();
    FtpEntryPath "ftp_entry_path" "empty: there is no FTP" => Value::Null;
    HeaderJson "header_json" "all response headers as JSON" => call.header_json();
    HttpCode "http_code" "status code of the last response" => call.status();
    HttpConnect "http_connect" "000" => Figure::Status(0);
    HttpVersion "http_version" "1.0, 1.1 or 2" => call.response().map_or("0", |response| version_number(response.version));
    Json "json" "all variables as JSON" => call.all();
    Method "method" "request method" => call.record.attempts.method_name();
    NetworkTime "network_time" "milliseconds to the first byte less `server_timing`"
        => call.record.attempts.network().map(|network| (network * 1000.0).round() / 1000.0);
    CertificateCount "num_certs" "0" => 0;
    ConnectCount "num_connects" "1 if there was a response" => u32::from(call.response().is_some());
    HeaderCount "num_headers" "number of response headers" => call.response().map_or(0, |response| response.headers.len());
    RedirectCount "num_redirects" "number of redirects followed" => call.record.attempts.redirects;
    RetryCount "num_retries" "number of retries" => call.record.attempts.retries;
    Profile "profile" "profile of the call" => call.record.attempts.profile.as_deref();
    ProxyVerifyResult "proxy_ssl_verify_result" "0" => 0;
    RedirectUrl "redirect_url" "URL of a redirect that was not followed" => call.redirect_url();
    Referer "referer" "empty: a request has no referer of its own" => Value::Null;
    RemoteIp "remote_ip" "address of the server or proxy" => call.remote().map(|remote| remote.ip().to_string());
    RemotePort "remote_port" "port of the server or proxy" => call.remote().map_or(0, |remote| remote.port());
    ResponseCode "response_code" "the same as `http_code`" => call.status();
    Scheme "scheme" "scheme of the URL" => call.url().map(|url| url.scheme().to_owned());
    ServerTiming "server_timing" "the platform's own time in milliseconds" => call.record.attempts.server();
    SizeDelivered "size_delivered" "size of the decoded response body" => call.record.received.bytes;
    SizeDownload "size_download" "size of the response body as received" => call.record.received.coded_bytes;
    SizeHeader "size_header" "size of the response headers" => call.response().map_or(0, |response| response.head_size);
    SizeRequest "size_request" "empty: the size of the request headers is not known" => Value::Null;
    SizeUpload "size_upload" "size of the request body" => call.record.attempts.body_size;
    SpeedDownload "speed_download" "bytes received per second" => call.speed(call.record.received.coded_bytes);
    SpeedUpload "speed_upload" "bytes sent per second" => call.speed(call.record.attempts.body_size);
    VerifyResult "ssl_verify_result" "0" => 0;
    TimeAppConnect "time_appconnect" "seconds until TLS was set up" => call.time(|timings| timings.tls);
    TimeConnect "time_connect" "seconds until connected" => call.time(|timings| timings.connect.or(timings.lookup));
    TimeLookup "time_namelookup" "seconds until the name was resolved" => call.time(|timings| timings.lookup);
    TimePretransfer "time_pretransfer" "seconds until the request was sent"
        => call.time(|timings| timings.tls.or(timings.connect).or(timings.lookup));
    TimeQueue "time_queue" "0" => call.time(|_| None);
    TimeRedirect "time_redirect" "0" => call.time(|_| None);
    TimeFirstByte "time_starttransfer" "seconds until the first byte" => call.time(|timings| timings.first_byte);
    TimeTotal "time_total" "seconds in all" => call.time(|timings| Some(timings.total));
    EarlyData "tls_earlydata" "0" => 0;
    Url "url" "URL of the request" => call.record.attempts.url();
    UrlFragment "url.fragment" "fragment of the URL" => call.part(Url::fragment);
    UrlHost "url.host" "host of the URL" => call.part(Url::host_str);
    UrlOptions "url.options" "empty: a URL has no options" => Value::Null;
    UrlPassword "url.password" "empty: a URL has no password" => Value::Null;
    UrlPath "url.path" "path of the URL" => call.part(|url| Some(url.path()));
    UrlPort "url.port" "port of the URL" => call.url().and_then(|url| url.port_or_known_default()).map(|port| port.to_string());
    UrlQuery "url.query" "query of the URL" => call.part(Url::query);
    UrlScheme "url.scheme" "scheme of the URL" => call.part(|url| Some(url.scheme()));
    UrlUser "url.user" "empty: a URL has no user" => Value::Null;
    UrlZone "url.zoneid" "empty" => Value::Null;
    EffectiveUrl "url_effective" "the same as `url`" => call.record.attempts.url();
    UrlNumber "urlnum" "0" => 0;
    TransferId "xfer_id" "0" => 0;
}

impl WriteOut {
    /// Reads a format. Whatever is not understood prints as it is, as in curl.
    pub(crate) fn parse(format: &str) -> WriteOut {
        let mut segments = Vec::new();
        let mut text = String::new();
        let mut rest = format;
        while let Some(at) = rest.find(['%', '\\']) {
            text.push_str(&rest[..at]);
            let (segment, after) = first_segment(&rest[at..]);
            rest = after;
            match segment {
                Segment::Text(plain) => text.push_str(&plain),
                segment => segments.extend([Segment::Text(std::mem::take(&mut text)), segment]),
            }
        }
        text.push_str(rest);
        segments.push(Segment::Text(text));
        WriteOut(segments)
    }

    /// Returns the names that are not variables, each with the nearest one that is.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = (&str, Option<&'static str>)> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Unknown(name) => {
                let known = Variable::TABLE.iter().map(|(_, name, _)| *name);
                Some((name.as_str(), nearest(name, known).first().copied()))
            }
            _ => None,
        })
    }

    /// Returns the files that parts of the text go to.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::To(Sink::File(file, _)) => Some(file.as_str()),
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
        let mut parts = Vec::new();
        let mut sink = Sink::Stdout;
        let mut text = String::new();
        for segment in &self.0 {
            match segment {
                Segment::Text(plain) => text.push_str(plain),
                Segment::Variable(variable) => text.push_str(&call.text(*variable)),
                Segment::Header(name) => text.push_str(&call.header(name).unwrap_or_default()),
                Segment::Unknown(_) => {}
                Segment::OnError if call.exit() == Exit::Ok => break,
                Segment::OnError => {}
                Segment::To(next) => {
                    let sink = std::mem::replace(&mut sink, next.clone());
                    parts.push((sink, std::mem::take(&mut text)));
                }
            }
        }
        parts.push((sink, text));
        parts.retain(|(sink, text)| !text.is_empty() || matches!(sink, Sink::File(..)));
        parts
    }
}

/// Reads what a text that begins with `%` or `\` begins with, and returns the rest too.
fn first_segment(text: &str) -> (Segment, &str) {
    for (escape, plain) in [("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t"), ("%%", "%")] {
        if let Some(rest) = text.strip_prefix(escape) {
            return (Segment::Text(plain.to_owned()), rest);
        }
    }
    for (start, make) in [
        ("%{", variable as fn(&str) -> Segment),
        ("%header{", |name| Segment::Header(name.trim().to_owned())),
        ("%output{", |file| {
            let appended = file.strip_prefix(">>");
            let name = appended.unwrap_or(file).to_owned();
            Segment::To(Sink::File(name, appended.is_some()))
        }),
    ] {
        let braced = text.strip_prefix(start);
        if let Some((inner, rest)) = braced.and_then(|text| text.split_once('}')) {
            return (make(inner), rest);
        }
    }
    // A backslash takes the character after it along, so that a `%` there stays one.
    let length = match text.strip_prefix('\\').and_then(|rest| rest.chars().next()) {
        Some(after) => 1 + after.len_utf8(),
        None => 1,
    };
    let (plain, rest) = text.split_at(length);
    (Segment::Text(plain.to_owned()), rest)
}

fn variable(name: &str) -> Segment {
    match name {
        "stdout" => Segment::To(Sink::Stdout),
        "stderr" => Segment::To(Sink::Stderr),
        "onerror" => Segment::OnError,
        _ => {
            let known = Variable::TABLE.iter().find(|(_, known, _)| *known == name);
            known.map_or_else(
                || Segment::Unknown(name.to_owned()),
                |(variable, ..)| Segment::Variable(*variable),
            )
        }
    }
}

/// A call whose variables are asked for.
struct Call<'a> {
    record: &'a Record,
    result: Result<Exit, &'a Failure>,
    echoes: Echoes,
}

impl<'a> Call<'a> {
    fn exit(&self) -> Exit {
        self.result.unwrap_or_else(|failure| failure.exit)
    }

    fn text(&self, variable: Variable) -> String {
        match variable.value(self) {
            Figure::Status(status) => format!("{status:03}"),
            Figure::Seconds(time) => format!("{:.6}", time.as_secs_f64()),
            Figure::Json(Value::Null) => String::new(),
            Figure::Json(Value::String(text)) => text,
            Figure::Json(value) => value.to_string(),
        }
    }

    fn response(&self) -> Option<&'a ResponseInfo> {
        self.record.attempts.response.as_deref()
    }

    fn status(&self) -> Figure {
        Figure::Status(self.response().map_or(0, |response| response.status))
    }

    fn remote(&self) -> Option<std::net::SocketAddr> {
        self.response()?.remote
    }

    fn header(&self, name: &str) -> Option<String> {
        let value = self.response()?.header(name)?;
        Some(self.shown(name, value))
    }

    fn shown(&self, name: &str, value: String) -> String {
        match self.echoes {
            Echoes::Shown => value,
            Echoes::Redacted => self.record.attempts.redactor.header(name, &value),
        }
    }

    /// Returns every header with all of its values.
    fn header_json(&self) -> Map<String, Value> {
        let mut object = Map::new();
        for (name, value) in self
            .response()
            .iter()
            .flat_map(|response| &*response.headers)
        {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let value = Value::from(self.shown(name.as_str(), value));
            if let Value::Array(values) = object.entry(name.as_str()).or_insert_with(|| json!([])) {
                values.push(value);
            }
        }
        object
    }

    fn url(&self) -> Option<Url> {
        Url::parse(&self.record.attempts.url()).ok()
    }

    /// Returns a part of the URL.
    fn part(&self, part: impl FnOnce(&Url) -> Option<&str>) -> Option<String> {
        part(&self.url()?).map(str::to_owned)
    }

    /// Returns where a redirect that was not followed leads, as a whole URL.
    fn redirect_url(&self) -> Option<String> {
        let record = self.record;
        let location = crate::exchange::location(&self.response()?.headers)?;
        let leads_to = self.url()?.join(&location).map_or(location, String::from);
        Some(record.attempts.redactor.target(&leads_to))
    }

    /// Returns a moment as time since the beginning of the attempt. As in curl, a phase that did
    /// not happen has the moment of the one before, and 0 where there was no TLS.
    fn time(&self, moment: impl FnOnce(&Timings) -> Option<Duration>) -> Figure {
        let moment = self.record.attempts.timings.as_ref().and_then(moment);
        Figure::Seconds(moment.unwrap_or_default())
    }

    fn speed(&self, bytes: u64) -> u64 {
        let total = self.record.attempts.timings.map(|timings| timings.total);
        match total.filter(|total| !total.is_zero()) {
            Some(total) => (bytes as f64 / total.as_secs_f64()) as u64,
            None => 0,
        }
    }

    /// Returns every variable but those that are JSON themselves.
    fn all(&self) -> Map<String, Value> {
        let is_json = |variable| matches!(variable, Variable::Json | Variable::HeaderJson);
        let values = Variable::TABLE
            .iter()
            .filter(|(variable, ..)| !is_json(*variable));
        let mut object: Map<String, Value> = values
            .map(|(variable, name, _)| {
                let value = match variable.value(self) {
                    Figure::Status(status) => json!(status),
                    Figure::Seconds(time) => json!(time.as_secs_f64()),
                    Figure::Json(value) => value,
                };
                ((*name).to_owned(), value)
            })
            .collect();
        let version = concat!("rein/", env!("CARGO_PKG_VERSION"));
        object.insert("curl_version".to_owned(), json!(version));
        object
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
        let unknown = WriteOut::parse("%{http_cod}%{qqq}");
        let unknown: Vec<_> = unknown.unknown().collect();
        assert_eq!(unknown, [("http_cod", Some("http_code")), ("qqq", None)]);
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

    #[test]
    fn the_documentation_lists_every_variable() {
        let lines = Variable::TABLE.iter();
        let table: String = lines
            .map(|(_, name, meaning)| format!("| `{name}` | {meaning} |\n"))
            .collect();
        let page = include_str!("../../docs/output.md").replace('\r', "");
        assert!(
            page.contains(&format!("| --- | --- |\n{table}\n")),
            "{table}"
        );
    }

    proptest! {
        #[test]
        fn any_format_is_read(format in any::<String>()) {
            let _parts = rendered(&format);
        }
    }
}
