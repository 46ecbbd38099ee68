//! The second way of sending: for requests that the usual client would write in its own spelling.
//!
//! hyper speaks the protocol and frames the body. Over HTTP/1.1 its head is replaced by ours, byte
//! for byte as the plan has it: the usual client encodes what curl sends as typed (`'`, `{}`), adds
//! `Accept`, and hyper itself writes every name in small letters. The same wrapper keeps the
//! answer's head as it was received. Over HTTP/2, where there is no such text, hyper's is sent.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::{Buf, Bytes};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::auth::Credential;
use super::client::{ConnectTo, LARGEST_HEADER_BLOCK, MOST_HEADERS};
use super::lookup::{LookupFailed, Resolver};
use super::proxy::Proxy;
use super::timing::Marks;
use super::upload::{self, Activity};
use super::wire;
use crate::request::{Body, Request};

/// What a connection of this kind needs.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    pub(super) resolver: Resolver,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) proxy: Option<Proxy>,
    /// Whether plain http goes through a proxy's tunnel as well.
    pub(super) tunnel: bool,
    pub(super) connect_to: Vec<ConnectTo>,
    pub(super) connect_timeout: Duration,
    pub(super) marks: Marks,
}

/// An answer whose head is there.
pub(super) struct Answered {
    pub(super) response: http::Response<Incoming>,
    /// The head as received, over HTTP/1.1.
    pub(super) block: Option<Vec<u8>>,
    pub(super) remote: Option<SocketAddr>,
    /// The size of the head that was sent in bytes.
    pub(super) sent: usize,
}

/// Why no answer came.
pub(super) enum Trouble {
    /// Before there was a connection.
    Connect(Box<dyn Error + Send + Sync>),
    /// `--connect-timeout`.
    Timeout,
    /// The proxy answered CONNECT with this status.
    ProxyRefused(u16),
    /// On the connection.
    Exchange(hyper::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Connect(error.into())
    }
}

type Stream = Box<dyn Duplex>;

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

struct Connected {
    stream: Stream,
    remote: Option<SocketAddr>,
    speaks_http2: bool,
    /// Whether requests name the whole URL: to a proxy without a tunnel.
    whole_url: bool,
}

impl Direct {
    /// Returns whether this way reaches the target: SOCKS and TLS to a proxy are the usual
    /// client's.
    pub(super) fn is_possible(&self) -> bool {
        self.proxy
            .as_ref()
            .is_none_or(|proxy| proxy.url.scheme() == "http")
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        request: Request,
        credential: Option<&Credential>,
        activity: &Activity,
    ) -> Result<Answered, Trouble> {
        self.marks.connect_begins();
        let connected = tokio::time::timeout(self.connect_timeout, self.connect(&request.url))
            .await
            .map_err(|_| Trouble::Timeout)??;
        self.marks.connect_ends();
        activity.moved();
        if connected.speaks_http2 {
            over_http2(connected, request, credential, activity).await
        } else {
            let proxy = self.proxy.as_ref().filter(|_| connected.whole_url);
            over_http1(connected, request, credential, proxy, activity).await
        }
    }

    async fn connect(&self, url: &Url) -> Result<Connected, Trouble> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let (to_host, to_port) = self.place(host, port);
        let is_https = url.scheme() == "https";
        let (mut stream, remote) = match &self.proxy {
            Some(proxy) => {
                let at = proxy.url.host_str().unwrap_or_default();
                self.reach(at, proxy.url.port_or_known_default().unwrap_or(80))
                    .await?
            }
            None => self.reach(&to_host, to_port).await?,
        };
        let tunnelled = self.proxy.is_some() && (is_https || self.tunnel);
        if let Some(proxy) = self.proxy.as_ref().filter(|_| tunnelled) {
            open_tunnel(&mut stream, &format!("{to_host}:{to_port}"), proxy).await?;
        }
        let mut connected = Connected {
            stream: Box::new(stream),
            remote,
            speaks_http2: false,
            whole_url: self.proxy.is_some() && !tunnelled,
        };
        if is_https {
            let name = host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned();
            let name = ServerName::try_from(name)
                .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
            self.marks.tls_begins();
            let stream = TlsConnector::from(Arc::clone(&self.tls))
                .connect(name, connected.stream)
                .await?;
            connected.speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            connected.stream = Box::new(stream);
        }
        Ok(connected)
    }

    /// Returns the host and port that `--connect-to` puts in the place of these.
    fn place(&self, host: &str, port: u16) -> (String, u16) {
        let found = self.connect_to.iter().find(|entry| {
            entry
                .from_host
                .as_ref()
                .is_none_or(|from| from.eq_ignore_ascii_case(host))
                && entry.from_port.is_none_or(|from| from == port)
        });
        match found {
            Some(entry) => (
                entry.to_host.clone().unwrap_or_else(|| host.to_owned()),
                entry.to_port.unwrap_or(port),
            ),
            None => (host.to_owned(), port),
        }
    }

    /// Connects to the first of a host's addresses that answers.
    async fn reach(
        &self,
        host: &str,
        port: u16,
    ) -> Result<(TcpStream, Option<SocketAddr>), Trouble> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = match bare.parse::<IpAddr>() {
            Ok(address) => {
                if !self.resolver.family.allows(address) {
                    let failed = LookupFailed {
                        host: host.to_owned(),
                        family: Some(self.resolver.family),
                    };
                    return Err(Trouble::Connect(failed.into()));
                }
                vec![SocketAddr::new(address, port)]
            }
            Err(_) => {
                self.marks.lookup_begins();
                let found = self
                    .resolver
                    .addresses(bare)
                    .await
                    .map_err(|failed| Trouble::Connect(failed.into()))?;
                self.marks.lookup_ends();
                found
            }
        };
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for mut address in addresses {
            address.set_port(port);
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // A connection that cannot be hurried is as good.
                    let _slower = stream.set_nodelay(true);
                    return Ok((stream, Some(address)));
                }
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }
}

/// Returns the credentials that stand in a proxy's address, as a header's value.
fn proxy_credentials(proxy: &Proxy) -> Option<String> {
    let url = &proxy.url;
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let mut pair = decoded(url.username());
    pair.push(b':');
    pair.extend(decoded(url.password().unwrap_or_default()));
    Some(format!("Basic {}", BASE64_STANDARD.encode(&pair)))
}

/// Asks a proxy for a tunnel (RFC 9110, 9.3.6).
async fn open_tunnel(stream: &mut TcpStream, place: &str, proxy: &Proxy) -> Result<(), Trouble> {
    const LARGEST_ANSWER: usize = 16 * 1024;
    let mut head = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
    if let Some(credentials) = proxy_credentials(proxy) {
        head.push_str(&format!("Proxy-Authorization: {credentials}\r\n"));
    }
    head.push_str(&format!(
        "User-Agent: {}\r\nProxy-Connection: Keep-Alive\r\n\r\n",
        crate::request::USER_AGENT
    ));
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    // Byte by byte: what follows the head is the tunnel's.
    while !answer.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await?;
        answer.push(byte);
        if answer.len() > LARGEST_ANSWER {
            return Err(io::Error::from(io::ErrorKind::InvalidData).into());
        }
    }
    let status = answer
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse::<u16>().ok());
    match status {
        Some(200..=299) => Ok(()),
        Some(status) => Err(Trouble::ProxyRefused(status)),
        None => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
    }
}

async fn over_http1(
    connected: Connected,
    request: Request,
    credential: Option<&Credential>,
    proxy: Option<&Proxy>,
    activity: &Activity,
) -> Result<Answered, Trouble> {
    let head = head(&request, credential, proxy);
    let sent = head.len();
    let received: Arc<Mutex<Vec<u8>>> = Arc::default();
    let stream = OwnHead {
        inner: connected.stream,
        writing: Writing::Replacing { matched: 0 },
        head: Bytes::from(head),
        received: Some(Arc::clone(&received)),
    };
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_headers(MOST_HEADERS)
        .handshake::<_, reqwest::Body>(TokioIo::new(stream))
        .await
        .map_err(Trouble::Exchange)?;
    // It ends with the body; how is told there.
    let _detached = tokio::spawn(connection);
    let chunked = request
        .headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case("transfer-encoding"));
    let mut outgoing = http::Request::new(outgoing_body(request.body, activity));
    *outgoing.method_mut() = request.method;
    if chunked {
        outgoing.headers_mut().insert(
            http::header::TRANSFER_ENCODING,
            http::HeaderValue::from_static("chunked"),
        );
    }
    let response = sender
        .send_request(outgoing)
        .await
        .map_err(Trouble::Exchange)?;
    let received = std::mem::take(&mut *received.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Answered {
        response,
        block: wire::final_head(&received).map(<[u8]>::to_vec),
        remote: connected.remote,
        sent,
    })
}

async fn over_http2(
    connected: Connected,
    request: Request,
    credential: Option<&Credential>,
    activity: &Activity,
) -> Result<Answered, Trouble> {
    /// Headers that HTTP/2 has no place for (RFC 9113, 8.2.2).
    const OF_A_CONNECTION: [&str; 6] = [
        "host",
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    ];
    let unusable = || io::Error::from(io::ErrorKind::InvalidInput);
    let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .adaptive_window(true)
        .max_header_list_size(LARGEST_HEADER_BLOCK)
        .handshake::<_, reqwest::Body>(TokioIo::new(connected.stream))
        .await
        .map_err(Trouble::Exchange)?;
    let _detached = tokio::spawn(connection);
    let uri: http::Uri = request.url.as_str().parse().map_err(|_| unusable())?;
    let mut outgoing = http::Request::new(outgoing_body(request.body, activity));
    *outgoing.method_mut() = request.method;
    *outgoing.uri_mut() = uri;
    let map = outgoing.headers_mut();
    for header in &request.headers {
        let name = http::HeaderName::try_from(header.name.as_str()).map_err(|_| unusable())?;
        let value = http::HeaderValue::try_from(header.value.as_bytes()).map_err(|_| unusable())?;
        if !OF_A_CONNECTION.contains(&name.as_str()) {
            map.append(name, value);
        }
    }
    if let Some(credential) = credential {
        credential.attach(map);
    }
    let sent = map
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let response = sender
        .send_request(outgoing)
        .await
        .map_err(Trouble::Exchange)?;
    Ok(Answered {
        response,
        block: None,
        remote: connected.remote,
        sent,
    })
}

fn outgoing_body(body: Body, activity: &Activity) -> reqwest::Body {
    upload::body(body, activity).unwrap_or_default()
}

/// Writes the head of a request: what the plan has, in its order, and what it must not leave out.
fn head(request: &Request, credential: Option<&Credential>, proxy: Option<&Proxy>) -> Vec<u8> {
    let exact = request.exact.clone().unwrap_or_default();
    let url = &request.url;
    let target = exact.target.unwrap_or_else(|| match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    });
    let host = match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let origin = match proxy {
        Some(_) => format!("{}://{host}", url.scheme()),
        None => String::new(),
    };
    let mut head = format!("{} {origin}{target} HTTP/1.1\r\n", request.method).into_bytes();
    let mut line = |name: &str, value: &[u8]| {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(if value.is_empty() { b":" } else { b": " });
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    };
    let (hosts, others): (Vec<_>, Vec<_>) = request
        .headers
        .iter()
        .partition(|header| header.name.eq_ignore_ascii_case("host"));
    for header in &hosts {
        line(&header.name, header.value.as_bytes());
    }
    if hosts.is_empty() && !exact.without_host {
        line("Host", host.as_bytes());
    }
    if let Some(proxy) = proxy {
        if let Some(credentials) = proxy_credentials(proxy) {
            line("Proxy-Authorization", credentials.as_bytes());
        }
        line("Proxy-Connection", b"Keep-Alive");
    }
    if let Some(credential) = credential {
        line("Authorization", credential.bytes());
    }
    for header in others {
        line(&header.name, header.value.as_bytes());
    }
    let framed = ["Content-Length", "Transfer-Encoding"]
        .iter()
        .any(|name| request.header(name).is_some());
    match (&request.body, request.body.length()) {
        _ if framed => {}
        (Body::Empty, _) => {}
        (_, Some(length)) => line("Content-Length", length.to_string().as_bytes()),
        (_, None) => line("Transfer-Encoding", b"chunked"),
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// A connection on which the first head that is written is replaced, and the first head that is
/// read is kept.
struct OwnHead<S> {
    inner: S,
    writing: Writing,
    head: Bytes,
    received: Option<Arc<Mutex<Vec<u8>>>>,
}

enum Writing {
    /// The head of the protocol's making is dropped; so many bytes of its end have been seen.
    Replacing { matched: usize },
    /// Ours is being written.
    Head,
    /// Everything is passed on.
    Passing,
}

impl<S: AsyncWrite + Unpin> OwnHead<S> {
    /// Drops the other head as far as it goes, and returns how many bytes of it these were.
    fn drop_head(&mut self, bytes: &[u8]) -> usize {
        const END: &[u8] = b"\r\n\r\n";
        let Writing::Replacing { matched } = &mut self.writing else {
            return 0;
        };
        for (position, byte) in bytes.iter().enumerate() {
            *matched = match byte {
                byte if END.get(*matched) == Some(byte) => *matched + 1,
                b'\r' => 1,
                _ => 0,
            };
            if *matched == END.len() {
                self.writing = Writing::Head;
                return position + 1;
            }
        }
        bytes.len()
    }

    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while matches!(self.writing, Writing::Head) {
            match Pin::new(&mut self.inner).poll_write(context, &self.head) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => self.head.advance(count),
            }
            if self.head.is_empty() {
                self.writing = Writing::Passing;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for OwnHead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let dropped = this.drop_head(bytes);
        if dropped > 0 {
            return Poll::Ready(Ok(dropped));
        }
        match this.poll_head(context) {
            Poll::Ready(Ok(())) => Pin::new(&mut this.inner).poll_write(context, bytes),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.poll_head(context) {
            Poll::Ready(Ok(())) => Pin::new(&mut self.inner).poll_flush(context),
            other => other,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.poll_head(context) {
            Poll::Ready(Ok(())) => Pin::new(&mut self.inner).poll_shutdown(context),
            other => other,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for OwnHead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        if let Some(received) = self.received.take() {
            let is_complete = {
                let mut kept = received.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer.filled()[before..]);
                wire::final_head(&kept).is_some() || kept.len() > wire::LARGEST_HEAD
            };
            if !is_complete {
                self.received = Some(received);
            }
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_replaced_wherever_it_is_cut() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let theirs = b"POST / HTTP/1.1\r\ncontent-length: 4\r\n\r\nbody";
        for piece in 1..theirs.len() {
            let mut written = Vec::new();
            let mut stream = OwnHead {
                inner: &mut written,
                writing: Writing::Replacing { matched: 0 },
                head: Bytes::from_static(b"POST /'x' HTTP/1.1\r\nX-b: 1\r\n\r\n"),
                received: None,
            };
            runtime.block_on(async {
                for piece in theirs.chunks(piece) {
                    stream.write_all(piece).await.expect("written");
                }
                stream.flush().await.expect("flushed");
            });
            assert_eq!(
                String::from_utf8_lossy(&written),
                "POST /'x' HTTP/1.1\r\nX-b: 1\r\n\r\nbody",
                "{piece}"
            );
        }
    }

    #[test]
    fn a_head_without_a_body_is_written_by_the_flush() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let mut written = Vec::new();
        let mut stream = OwnHead {
            inner: &mut written,
            writing: Writing::Replacing { matched: 0 },
            head: Bytes::from_static(b"GET /a HTTP/1.1\r\n\r\n"),
            received: None,
        };
        runtime.block_on(async {
            stream
                .write_all(b"GET / HTTP/1.1\r\n\r\n")
                .await
                .expect("written");
            stream.flush().await.expect("flushed");
        });
        assert_eq!(written, b"GET /a HTTP/1.1\r\n\r\n");
    }
}
