//! One request on the wire and its response. The only folder that knows sockets, TLS and the HTTP
//! client.

pub(crate) mod auth;
pub(crate) mod client;
pub mod decode;
pub(crate) mod failure;
pub(crate) mod lookup;
mod pace;
pub(crate) mod proxy;
pub(crate) mod recording_verifier;
pub(crate) mod retry;
pub(crate) mod timing;
pub(crate) mod tls;
pub(crate) mod upload;

use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use percent_encoding::{AsciiSet, percent_encode};
use tokio::time::Instant;

use self::auth::Credential;
use self::client::{Client, MAX_HEADER_BLOCK};
use self::decode::{Decoder, UnknownCoding};
use self::failure::{CutShort, Limit, TransportFailure, TransportKind, classify};
use self::pace::Pace;
use self::timing::{Phase, Timings};
use self::upload::Activity;
use crate::profile::known::KnownTokens;
use crate::request::{Body, Request};
use crate::secret::search::Finder;

/// The time limits of a command.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimeLimits {
    /// The whole command: every request, wait and body.
    pub(crate) total: Option<Duration>,
    /// When `total` is over, once the command has begun.
    pub(crate) deadline: Option<Instant>,
    /// The maximum time during which no data moves, or too little.
    pub(crate) stall: Duration,
    /// How many bytes per second are too little; nothing at all when there is no such limit.
    pub(crate) speed: Option<u64>,
    /// Until the connection is made; the client enforces it, and messages name it.
    pub(crate) connect: Duration,
}

impl TimeLimits {
    /// Begins the time of the whole command.
    pub(crate) fn begin(self) -> Self {
        let deadline = self
            .total
            .and_then(|total| Instant::now().checked_add(total));
        TimeLimits { deadline, ..self }
    }

    /// Returns how much of the whole command's time is left, when it is limited.
    pub(crate) fn left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }
}

/// A response whose header block is there and whose body is still to come.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The header block.
    pub(crate) head: Head,
    body: reqwest::Body,
    /// Chunks of the body that have been waited for already; `None` is its end.
    ahead: VecDeque<Option<Bytes>>,
    client: Client,
    limits: TimeLimits,
    activity: Activity,
    pace: Pace,
}

/// The header block of a response.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// The status code.
    pub(crate) status: u16,
    /// The reason phrase, as received; the usual one where the protocol has none.
    pub(crate) reason: String,
    /// The HTTP version.
    pub(crate) version: http::Version,
    /// The headers.
    pub(crate) headers: Arc<HeaderMap>,
    /// Status line and headers as text, where that was asked for. The client hands out names in
    /// lower case; HTTP/1.1 names are written in title case.
    pub(crate) block: Vec<u8>,
    /// Who answered on the connection: the server, or the proxy.
    pub(crate) remote: Option<SocketAddr>,
}

/// Returns where these headers point to. Bytes that are not ASCII are percent-encoded, as curl does.
pub(crate) fn location(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(LOCATION)?;
    Some(percent_encode(value.as_bytes(), &AsciiSet::EMPTY).to_string())
}

/// Sends a request and waits for the header block of the response.
///
/// # Errors
/// Fails with what went wrong on the way; an HTTP error status is a response and not a failure.
pub(crate) async fn send(
    client: &Client,
    request: Request,
    credential: Option<&Credential>,
    limits: TimeLimits,
    keep_head: bool,
) -> Result<Exchange, TransportFailure> {
    client.marks.begin();
    if let Some(kind) = &client.unreachable {
        return Err(TransportFailure {
            kind: kind.clone(),
            phase: Phase::Lookup,
        });
    }
    let activity = Activity::new();
    let mut pace = Pace::new(&limits);
    let limits = match limits.deadline {
        Some(_) => limits,
        None => limits.begin(),
    };
    let over_plain_http = request.url.scheme() == "http";
    let outgoing = outgoing(request, credential, &activity, &client.known);
    let sending = client.inner.execute(outgoing);
    let response = with_limits(sending, &activity, &mut pace, &limits).await;
    let failed = |kind: TransportKind| TransportFailure {
        kind: match kind {
            TransportKind::NotHttp { .. } => TransportKind::NotHttp { over_plain_http },
            kind => kind,
        },
        phase: client.marks.phase(),
    };
    let response = match response {
        Ok(response) => response.map_err(|error| failed(unsent(&error, client, &limits)))?,
        Err(what) => return Err(failed(time_out(what, &limits))),
    };
    client.marks.first_byte();
    let (head, body) = parts(response, keep_head);
    if head.size() > MAX_HEADER_BLOCK as usize {
        return Err(failed(TransportKind::HeadTooLarge));
    }
    if head.status >= 300 {
        activity.stop_sending();
    }
    Ok(Exchange {
        head,
        body,
        ahead: VecDeque::new(),
        client: client.clone(),
        limits,
        activity,
        pace,
    })
}

impl Head {
    /// Returns what undoes the coding of the body, of its content or of its transfer; the chunks
    /// are undone already.
    ///
    /// # Errors
    /// Fails on a coding that is not known, and on several.
    pub(crate) fn decoder(&self) -> Result<Decoder, UnknownCoding> {
        let content = self.headers.get_all(CONTENT_ENCODING);
        let transfer = self.headers.get_all(TRANSFER_ENCODING);
        let transfer = transfer
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .filter(|coding| !coding.trim_ascii().eq_ignore_ascii_case(b"chunked"));
        Decoder::for_header(content.iter().map(HeaderValue::as_bytes).chain(transfer))
    }

    /// Returns where a redirect points to.
    pub(crate) fn location(&self) -> Option<String> {
        location(&self.headers)
    }

    /// Returns its size in bytes: as received, else as it would be written.
    fn size(&self) -> usize {
        const COLON_AND_END: usize = 4;
        let lines = self.headers.iter();
        let written: usize = lines
            .map(|(name, value)| name.as_str().len() + value.len() + COLON_AND_END)
            .sum();
        written.max(self.block.len())
    }
}

impl Exchange {
    /// Waits for the first chunk of the body, and keeps it: a call whose response breaks off before
    /// anything of it was passed on can be retried.
    ///
    /// # Errors
    /// Fails as [`Exchange::chunk`] does.
    pub(crate) async fn begin_body(&mut self) -> Result<(), TransportFailure> {
        if self.ahead.is_empty() {
            let first = self.chunk().await?;
            self.ahead.push_back(first);
        }
        Ok(())
    }

    /// Waits for the whole body and keeps it, up to `most` bytes: a call whose response breaks off
    /// anywhere can then be retried.
    ///
    /// # Errors
    /// Fails as [`Exchange::chunk`] does.
    pub(crate) async fn hold_body(&mut self, most: u64) -> Result<(), TransportFailure> {
        let mut held = VecDeque::new();
        let mut bytes = 0;
        loop {
            let chunk = self.chunk().await?;
            let is_end = chunk.is_none();
            bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            held.push_back(chunk);
            if is_end || bytes > most {
                break;
            }
        }
        self.ahead = held;
        Ok(())
    }

    /// Returns the next chunk of the body as it came, or `None` at its end.
    ///
    /// # Errors
    /// Fails when the connection breaks, the body is cut short or a time limit is reached.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, TransportFailure> {
        if let Some(ahead) = self.ahead.pop_front() {
            return Ok(ahead);
        }
        // The time in which nobody waits for a chunk is not the server's.
        self.activity.moved();
        let waiting = next_data(&mut self.body, self.head.version);
        let response = with_limits(waiting, &self.activity, &mut self.pace, &self.limits).await;
        let phase = self.client.marks.phase();
        let kind = match response {
            Ok(Ok(chunk)) => {
                self.activity.passed(chunk.as_ref().map_or(0, Bytes::len));
                return Ok(chunk);
            }
            Ok(Err(error)) => classify(&*error, false, phase, self.client.proxied),
            Err(what) => time_out(what, &self.limits),
        };
        Err(TransportFailure { kind, phase })
    }

    /// Returns what has been measured until now.
    pub(crate) fn timings(&self) -> Timings {
        self.client.marks.timings()
    }
}

/// Returns the next data of a body. Trailers are not part of it.
async fn next_data(
    body: &mut reqwest::Body,
    version: http::Version,
) -> Result<Option<Bytes>, Box<dyn Error + Send + Sync>> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            return Ok(Some(data));
        }
    }
    // hyper ends the body of a stream that was reset with NO_ERROR as if it were whole.
    if version == http::Version::HTTP_2 && !body.is_end_stream() {
        return Err(CutShort.into());
    }
    Ok(None)
}

/// Returns why there is no response.
fn unsent(error: &reqwest::Error, client: &Client, limits: &TimeLimits) -> TransportKind {
    if error.is_timeout() {
        return TransportKind::TimeOut {
            limit: limits.connect,
            what: Limit::Connect,
        };
    }
    let phase = client.marks.phase();
    classify(error, error.is_connect(), phase, client.proxied)
}

fn time_out(what: Limit, limits: &TimeLimits) -> TransportKind {
    let limit = match what {
        Limit::Total => limits.total.unwrap_or_default(),
        Limit::Stall | Limit::Speed(_) => limits.stall,
        Limit::Connect => limits.connect,
    };
    TransportKind::TimeOut { limit, what }
}

/// Waits for `work`, at most to the deadline, at most for the stall limit after the last movement,
/// and at most for as long while less moves than the speed limit.
async fn with_limits<T>(
    work: impl Future<Output = T>,
    activity: &Activity,
    pace: &mut Pace,
    limits: &TimeLimits,
) -> Result<T, Limit> {
    let mut work = std::pin::pin!(work);
    loop {
        let begun = Instant::now();
        let stalled_at = Instant::from_std(activity.last()).checked_add(limits.stall);
        let sampled_at = pace.next_sample().and_then(|wait| begun.checked_add(wait));
        let until = [stalled_at, limits.deadline, sampled_at];
        let done = match until.into_iter().flatten().min() {
            Some(until) => tokio::time::timeout_at(until, &mut work).await.ok(),
            None => Some(work.as_mut().await),
        };
        let is_too_slow = pace.is_too_slow(begun.elapsed(), activity.bytes());
        if let Some(done) = done {
            return Ok(done);
        }
        let now = Instant::now();
        let is_over = |limit: Option<Instant>| limit.is_some_and(|limit| limit <= now);
        if is_over(limits.deadline) {
            return Err(Limit::Total);
        }
        if let Some(speed) = limits.speed.filter(|_| is_too_slow) {
            return Err(Limit::Speed(speed));
        }
        if is_over(Instant::from_std(activity.last()).checked_add(limits.stall)) {
            return Err(Limit::Stall);
        }
    }
}

fn outgoing(
    request: Request,
    credential: Option<&Credential>,
    activity: &Activity,
    known: &KnownTokens,
) -> reqwest::Request {
    let forbidden = match request.body {
        // What is in memory has been looked at before.
        Body::Empty | Body::Bytes(_) => Finder::default(),
        Body::File { .. } | Body::Stdin | Body::Form(_) => known.foreign_to(&request.url),
    };
    let Request {
        method,
        url,
        headers,
        body,
        typed: _,
    } = request;
    let mut outgoing = reqwest::Request::new(Method::GET, url);
    let map = outgoing.headers_mut();
    for header in &headers {
        let name = HeaderName::try_from(&*header.name);
        let value = HeaderValue::try_from(header.value.as_bytes());
        // The plan has refused whatever these two would refuse.
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    if let Some(credential) = credential {
        credential.attach(map);
    }
    // RFC 9110, section 8.6. hyper writes no length for a body that is empty.
    if has_empty_body(&method, &body) {
        map.entry(CONTENT_LENGTH).or_insert(HeaderValue::from(0));
    }
    *outgoing.method_mut() = method;
    *outgoing.body_mut() = upload::body(body, activity, forbidden);
    outgoing
}

/// Returns whether a request says that it has a body of no bytes: it was given an empty one, or its
/// method means that there is one.
pub(crate) fn has_empty_body(method: &Method, body: &Body) -> bool {
    match body {
        Body::Empty => matches!(*method, Method::POST | Method::PUT | Method::PATCH),
        body => body.length() == Some(0),
    }
}

fn parts(response: reqwest::Response, keep_head: bool) -> (Head, reqwest::Body) {
    let remote = response.remote_addr();
    let (parts, body) = http::Response::from(response).into_parts();
    let mut head = Head {
        status: parts.status.as_u16(),
        reason: reason(parts.status, &parts.extensions),
        version: parts.version,
        headers: Arc::new(parts.headers),
        block: Vec::new(),
        remote,
    };
    if keep_head {
        head.block = rebuild(&head);
    }
    (head, body)
}

fn reason(status: http::StatusCode, extensions: &http::Extensions) -> String {
    extensions.get::<hyper::ext::ReasonPhrase>().map_or_else(
        || status.canonical_reason().unwrap_or_default().to_owned(),
        |reason| String::from_utf8_lossy(reason.as_bytes()).into_owned(),
    )
}

/// Returns the number of an HTTP version: `1.0`, `1.1` or `2`.
pub(crate) fn version_number(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_10 => "1.0",
        http::Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// Writes the header block as text: for HTTP/1 with the names in title case, for HTTP/2 as curl
/// shows one that never was text.
fn rebuild(head: &Head) -> Vec<u8> {
    let (is_text, version) = (
        head.version < http::Version::HTTP_2,
        version_number(head.version),
    );
    let reason = if is_text { &*head.reason } else { "" };
    let mut block = format!("HTTP/{version} {} {reason}\r\n", head.status).into_bytes();
    for (name, value) in &*head.headers {
        match is_text {
            true => block.extend(title_case(name.as_str())),
            false => block.extend_from_slice(name.as_str().as_bytes()),
        }
        block.extend_from_slice(b": ");
        block.extend_from_slice(value.as_bytes());
        block.extend_from_slice(b"\r\n");
    }
    block.extend_from_slice(b"\r\n");
    block
}

/// Returns `content-type` as `Content-Type`.
fn title_case(name: &str) -> impl Iterator<Item = u8> + '_ {
    let mut is_start = true;
    name.bytes().map(move |byte| {
        let shown = if is_start {
            byte.to_ascii_uppercase()
        } else {
            byte
        };
        is_start = byte == b'-';
        shown
    })
}
