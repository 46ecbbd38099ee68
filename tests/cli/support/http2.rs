//! An HTTP/2 server that writes its frames by hand, so that it can do what no library does.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::tls::{Identity, listen};

/// A connection on which frames are exchanged.
type Stream = StreamOwned<ServerConnection, TcpStream>;

/// The types of frames and their flags (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// Error codes (RFC 9113, section 7).
pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const INTERNAL_ERROR: u32 = 2;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const HTTP_1_1_REQUIRED: u32 = 13;

/// What the server speaks, as ALPN names it.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// `:status 413` by the name's place in the static table (RFC 7541, 6.2.2 and appendix A).
const TOO_LARGE: [u8; 5] = [8, 3, b'4', b'1', b'3'];

/// When the server responds.
#[derive(Clone, Copy)]
enum Moment {
    Headers,
    End,
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    /// A response's header block with these headers beside the status 200.
    Head(Vec<(&'static str, String)>),
    /// The header block of a response with the status 413.
    TooLarge,
    /// A part of its body.
    Data(&'static str),
    /// The last part of its body.
    LastData(&'static str),
    /// RST_STREAM with this code.
    Reset(u32),
    /// GOAWAY with this last stream and code.
    GoAway(u32, u32),
    /// The end of the connection.
    Close,
}

/// The server; it ends with the test.
pub(crate) struct Http2 {
    pub(crate) identity: Identity,
    port: u16,
    requests: Arc<Mutex<Vec<&'static str>>>,
}

impl Http2 {
    /// Starts a server that responds with the frames that are given for how many requests there
    /// were before; over HTTP/1.1 it always responds with `{"status":"ok"}`.
    pub(crate) fn start(respond: impl Fn(usize) -> Vec<Frame> + Send + Sync + 'static) -> Http2 {
        let identity = Identity::new();
        let config = identity.config(&PROTOCOLS);
        Http2::with(identity, config, Moment::End, respond)
    }

    /// Starts a server that responds to the headers of a request, and does not wait for its body.
    pub(crate) fn start_early(
        respond: impl Fn(usize) -> Vec<Frame> + Send + Sync + 'static,
    ) -> Http2 {
        let identity = Identity::new();
        let config = identity.config(&PROTOCOLS);
        Http2::with(identity, config, Moment::Headers, respond)
    }

    /// Starts a server that also asks its clients for a certificate.
    pub(crate) fn start_for_clients(
        respond: impl Fn(usize) -> Vec<Frame> + Send + Sync + 'static,
    ) -> Http2 {
        let identity = Identity::new();
        let config = identity.config_for_clients(&PROTOCOLS);
        Http2::with(identity, config, Moment::End, respond)
    }

    fn with(
        identity: Identity,
        config: Arc<ServerConfig>,
        moment: Moment,
        respond: impl Fn(usize) -> Vec<Frame> + Send + Sync + 'static,
    ) -> Http2 {
        let requests: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let port = listen(config, move |mut stream| {
            let _gone = match stream.conn.alpn_protocol() {
                Some(b"h2") => serve(&mut stream, moment, &respond, &seen),
                _ => serve_http1(&mut stream, &seen),
            };
            // Closing with bytes unread would reset the connection, and what was sent would be lost.
            let _gone = stream.sock.shutdown(std::net::Shutdown::Write);
            let _gone = stream.sock.set_read_timeout(Some(Duration::from_secs(1)));
            let _gone = io::copy(&mut stream.sock, &mut io::sink());
        });
        Http2 {
            identity,
            port,
            requests,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the endpoint.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Returns the protocol of each request that has come.
    pub(crate) fn requests(&self) -> Vec<&'static str> {
        self.requests.lock().expect("a lock").clone()
    }
}

fn serve_http1(stream: &mut Stream, seen: &Mutex<Vec<&'static str>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    seen.lock().expect("a lock").push("1.1");
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}",
    )?;
    stream.flush()
}

fn serve(
    stream: &mut Stream,
    moment: Moment,
    respond: &impl Fn(usize) -> Vec<Frame>,
    seen: &Mutex<Vec<&'static str>>,
) -> io::Result<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface)?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let [a, b, c, kind, flags, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload)?;
        if kind == SETTINGS && flags & ACK == 0 {
            stream.write_all(&frame(SETTINGS, ACK, 0, &[]))?;
        }
        let is_end = match moment {
            Moment::End => matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0,
            Moment::Headers => kind == HEADERS,
        };
        if !is_end {
            continue;
        }
        let position = {
            let mut seen = seen.lock().expect("a lock");
            seen.push("2");
            seen.len() - 1
        };
        for step in respond(position) {
            let id = u32::from_be_bytes(id);
            let bytes = match step {
                Frame::Head(headers) => frame(HEADERS, END_HEADERS, id, &block(&headers)),
                Frame::TooLarge => frame(HEADERS, END_HEADERS, id, &TOO_LARGE),
                Frame::Data(text) => frame(DATA, 0, id, text.as_bytes()),
                Frame::LastData(text) => frame(DATA, END_STREAM, id, text.as_bytes()),
                Frame::Reset(code) => frame(RST_STREAM, 0, id, &code.to_be_bytes()),
                Frame::GoAway(last, code) => {
                    let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
                    frame(GOAWAY, 0, 0, &payload)
                }
                Frame::Close => return Ok(()),
            };
            stream.write_all(&bytes)?;
            stream.flush()?;
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Writes a header block without compression (RFC 7541, 6.2.2), after the status 200.
fn block(headers: &[(&str, String)]) -> Vec<u8> {
    let mut bytes = vec![0x88];
    for (name, value) in headers {
        bytes.push(0);
        for text in [name, value.as_str()] {
            bytes.push(u8::try_from(text.len()).expect("a short header"));
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}
