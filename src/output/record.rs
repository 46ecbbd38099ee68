//! `Record`: all that is known about a call, for the status line, `--meta` and `-w`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use url::Url;

use crate::catalogue::Class;
use crate::exchange::timing::Timings;
use crate::secret::Redactor;
use crate::verdict::AnsweredBy;
use crate::verdict::checks::Checked;
use crate::verdict::server_timing::{self, Metric};

/// What is known about a call that has ended: what was sent, and what became of the response. Texts
/// have been redacted but for the URL of the request and the headers of the response; no text of the server is safe for a
/// terminal before it is made so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) attempts: Attempts,
    pub(crate) received: Received,
}

/// What is known about the requests of a call, up to the header block of the last response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempts {
    /// The profile's name, once one has been chosen.
    pub(crate) profile: Option<String>,
    /// Whether the profile has a guard.
    pub(crate) guarded: bool,
    /// What the call may do.
    pub(crate) class: Option<Class>,
    /// The endpoint's name in the catalogue.
    pub(crate) endpoint: Option<&'static str>,
    /// The method; none where it is not known what was to be called.
    pub(crate) method: Option<Method>,
    /// Where the request goes.
    pub(crate) sent_to: SentTo,
    /// Where the token came from; never the token.
    pub(crate) token_source: Option<String>,
    /// Hides the token where a server echoes it onto a terminal.
    pub(crate) redactor: Redactor,
    /// The header block of the last response.
    pub(crate) response: Option<Arc<ResponseInfo>>,
    /// What was measured of the last attempt.
    pub(crate) timings: Option<Timings>,
    /// The size of the request's body in bytes, where it is known.
    pub(crate) body_size: u64,
    /// How many requests were sent on behalf of the call: its own, those for a token, retries, and
    /// redirects that were followed.
    pub(crate) requests: u32,
    /// How many times the call was retried after an outcome that can pass by itself.
    pub(crate) retries: u32,
    /// Whether a request whose response was lost may have reached the server.
    pub(crate) may_have_arrived: bool,
    /// How many redirects were followed.
    pub(crate) redirects: u32,
}

/// Where a request goes; [`Attempts::url`] and [`Attempts::path`] are what may be shown of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentTo {
    url: Option<Url>,
    /// The length of the endpoint's URL that it begins with; 0 where it does not.
    endpoint_length: usize,
}

impl SentTo {
    /// Notes the URL of a request, and the endpoint that it is below.
    pub(crate) fn new(url: &Url, endpoint: &str) -> Self {
        let is_below = url.as_str().starts_with(endpoint);
        SentTo {
            url: Some(url.clone()),
            endpoint_length: if is_below { endpoint.len() } else { 0 },
        }
    }

    /// Returns the whole URL as it may be shown; empty where there is none.
    pub(crate) fn shown(&self, redactor: &Redactor) -> String {
        let url = self.url.as_ref();
        url.map_or(String::new(), |url| redactor.url(url))
    }

    /// Returns path and query below the endpoint as they may be shown; the whole URL where it is
    /// not below it.
    pub(crate) fn path(&self, redactor: &Redactor) -> String {
        let shown = self.shown(redactor);
        let sent = self.url.as_ref().map_or("", Url::as_str);
        match shown.split_at_checked(self.endpoint_length) {
            Some((endpoint, "")) if !endpoint.is_empty() => "/".to_owned(),
            Some((endpoint, path)) if sent.starts_with(endpoint) => path.to_owned(),
            _ => shown,
        }
    }
}

/// What became of the response of a call, or of the responses of all its pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    /// Who gave the last response, once that has been judged.
    pub(crate) answered_by: Option<AnsweredBy>,
    /// How many bytes of bodies were received.
    pub(crate) coded_bytes: u64,
    /// How many bytes they are with their content coding undone.
    pub(crate) bytes: u64,
    /// How many items were written, where items were looked for.
    pub(crate) items: Option<u64>,
    /// How many pages were read.
    pub(crate) pages: Option<u64>,
    /// What was expected of the response, and whether it was met.
    pub(crate) checks: Vec<Checked>,
    /// The file that the body was written to.
    pub(crate) file: Option<String>,
}

/// The header block of a response.
#[derive(Clone, Debug)]
pub(crate) struct ResponseInfo {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) version: http::Version,
    pub(crate) headers: Arc<HeaderMap>,
    /// The size of the header block in bytes.
    pub(crate) head_size: usize,
    /// The other end of the connection: the server, or the proxy.
    pub(crate) remote: Option<SocketAddr>,
    /// The metrics of `Server-Timing`.
    pub(crate) metrics: Vec<Metric>,
}

impl ResponseInfo {
    /// Returns the platform's own time in milliseconds, when it said so.
    pub(crate) fn server(&self) -> Option<f64> {
        server_timing::total(&self.metrics)
    }

    /// Returns a header's first value as text.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
}

impl Attempts {
    /// Returns [`SentTo::shown`], made on demand: few of the calls of a batch are shown.
    pub(crate) fn url(&self) -> String {
        self.sent_to.shown(&self.redactor)
    }

    /// Returns [`SentTo::path`].
    pub(crate) fn path(&self) -> String {
        self.sent_to.path(&self.redactor)
    }

    /// Returns the platform's own time in milliseconds, when it said so.
    pub(crate) fn server(&self) -> Option<f64> {
        self.response.as_ref()?.server()
    }

    /// Returns the method, empty where it is not known.
    pub(crate) fn method_name(&self) -> &str {
        self.method.as_ref().map_or("", Method::as_str)
    }

    /// Returns the status of the last response.
    pub(crate) fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|response| response.status)
    }

    /// Returns the time until the first byte that the server does not account for, in
    /// milliseconds, never below zero: the two clocks differ. `None` where the server said nothing.
    pub(crate) fn network(&self) -> Option<f64> {
        let first_byte = self.timings?.first_byte?;
        Some((millis(first_byte) - self.server()?).max(0.0))
    }
}

/// Returns a duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
pub(super) fn example() -> Record {
    let metrics = server_timing::parse([b"db;dur=5, total;dur=37.7".as_slice()].into_iter());
    let headers = HeaderMap::from_iter([(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    )]);
    let mut example = Record {
        attempts: Attempts {
            profile: Some("prod".to_owned()),
            guarded: true,
            class: Some(Class::Read),
            method: Some(Method::POST),
            token_source: Some("$REINFER_TOKEN".to_owned()),
            response: Some(Arc::new(ResponseInfo {
                status: 200,
                reason: "OK".to_owned(),
                version: http::Version::HTTP_11,
                headers: Arc::new(headers),
                head_size: 100,
                remote: None,
                metrics,
            })),
            timings: Some(Timings {
                first_byte: Some(Duration::from_micros(61_800)),
                total: Duration::from_micros(62_000),
                ..Timings::default()
            }),
            requests: 1,
            ..Attempts::default()
        },
        received: Received {
            answered_by: Some(AnsweredBy::Platform),
            bytes: 2100,
            coded_bytes: 2100,
            ..Received::default()
        },
    };
    let path = "/api/v1/datasets/retail/orders/export";
    example
        .attempts
        .set_url_below("https://h/acme/prod/reinfer_", path);
    example
}

#[cfg(test)]
impl Attempts {
    /// Makes the request one to a path below an endpoint.
    pub(crate) fn set_url_below(&mut self, endpoint: &str, path: &str) {
        let url = Url::parse(&format!("{endpoint}{path}")).expect("a URL");
        self.sent_to = SentTo::new(&url, endpoint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn the_network_is_what_the_server_does_not_account_for() {
        let mut attempts = example().attempts;
        assert_eq!(
            attempts.network().map(|network| (network * 10.0).round()),
            Some(241.0)
        );
        if let Some(timings) = &mut attempts.timings {
            timings.first_byte = Some(Duration::from_millis(5));
        }
        assert_eq!(attempts.network(), Some(0.0));
        attempts.response = None;
        assert_eq!(attempts.network(), None);
    }

    #[test]
    fn a_path_is_what_follows_the_endpoint_as_far_as_that_may_be_shown() {
        let mut attempts = Attempts::default();
        assert_eq!(
            (attempts.url(), attempts.path()),
            <(String, String)>::default()
        );
        attempts
            .redactor
            .learn(&Secret::new("SEKRET-0123".to_owned()));
        for (endpoint, path, shown) in [
            ("https://h", "/a?token=x", "/a?token=(redacted)"),
            ("https://h/a", "", "/"),
            ("https://h/a", "/SEKRET-0123/b", "/(redacted)/b"),
            ("https://h/SEKRET-0123", "/b", "https://h/(redacted)/b"),
        ] {
            attempts.set_url_below(endpoint, path);
            assert_eq!(attempts.path(), shown, "{endpoint} {path}");
        }
        let url = Url::parse("https://u:p@other/b").expect("a URL");
        attempts.sent_to = SentTo::new(&url, "https://h");
        assert_eq!(attempts.path(), "https://other/b");
    }
}
