//! A server on a raw socket: it keeps every byte it is sent and answers with exactly the bytes it
//! is told to, right or wrong.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What is answered to a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These bytes; the connection stays open for the next request.
    Bytes(Vec<u8>),
    /// These bytes, and then the connection is closed.
    Close(Vec<u8>),
    /// These bytes, and then the connection is reset.
    Reset(Vec<u8>),
    /// These bytes, and then nothing more while the connection stays open.
    Hang(Vec<u8>),
}

impl Reply {
    /// A JSON answer with this status line's code, as the platform gives it.
    pub(crate) fn json(status: u16, body: &str) -> Reply {
        Reply::with(
            status,
            &[
                "Content-Type: application/json",
                "Server-Timing: total;dur=1.5",
            ],
            body.as_bytes(),
        )
    }

    /// An answer with these header lines.
    pub(crate) fn with(status: u16, headers: &[&str], body: &[u8]) -> Reply {
        let reason = match status {
            200 => "OK",
            204 => "No Content",
            302 => "Found",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            429 => "Too Many Requests",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            _ => "Whatever",
        };
        let mut bytes = format!("HTTP/1.1 {status} {reason}\r\n").into_bytes();
        for header in headers {
            bytes.extend_from_slice(format!("{header}\r\n").as_bytes());
        }
        bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(body);
        Reply::Bytes(bytes)
    }
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorded {
    /// Request line and headers, without the empty line.
    pub(crate) head: String,
    /// The body, chunks put together.
    pub(crate) body: Vec<u8>,
}

impl Recorded {
    /// Returns the request line without the protocol.
    pub(crate) fn line(&self) -> &str {
        self.head
            .lines()
            .next()
            .unwrap_or_default()
            .trim_end_matches(" HTTP/1.1")
    }

    /// Returns the values of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// Returns the body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The server; it ends with the test.
pub(crate) struct Recorder {
    port: u16,
    requests: Arc<Mutex<Vec<Recorded>>>,
    connections: Arc<Mutex<usize>>,
    _accepting: JoinHandle<()>,
}

impl Recorder {
    /// Starts a server that gives every request the same answer.
    pub(crate) fn always(reply: Reply) -> Recorder {
        Recorder::start(vec![reply])
    }

    /// Starts a server that gives these answers in turn, the last one for ever.
    pub(crate) fn start(replies: Vec<Reply>) -> Recorder {
        Recorder::by(move |position, _| replies[position.min(replies.len() - 1)].clone())
    }

    /// Starts a server that asks for each answer, by how many requests there have been before and
    /// what has come.
    pub(crate) fn by(
        answer: impl Fn(usize, &Recorded) -> Reply + Send + Sync + 'static,
    ) -> Recorder {
        let answer = Arc::new(answer);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let requests: Arc<Mutex<Vec<Recorded>>> = Arc::default();
        let connections: Arc<Mutex<usize>> = Arc::default();
        let (kept, counted) = (Arc::clone(&requests), Arc::clone(&connections));
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                *counted.lock().expect("a lock") += 1;
                let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
                std::thread::spawn(move || serve(stream, &*answer, &kept));
            }
        });
        Recorder {
            port,
            requests,
            connections,
            _accepting: accepting,
        }
    }

    /// Returns the endpoint.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns all requests that have come.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().expect("a lock").clone()
    }

    /// Returns all requests that have come, and forgets them.
    pub(crate) fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.requests.lock().expect("a lock"))
    }

    /// Returns the only request that has come.
    #[track_caller]
    pub(crate) fn only(&self) -> Recorded {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "one request was expected: {requests:?}");
        requests.into_iter().next().expect("a request")
    }

    /// Fails the test if anything has come, even a connection alone.
    #[track_caller]
    pub(crate) fn saw_nothing(&self) {
        assert_eq!(
            *self.connections.lock().expect("a lock"),
            0,
            "{:?}",
            self.requests()
        );
    }
}

fn serve(
    mut stream: TcpStream,
    answer: &(impl Fn(usize, &Recorded) -> Reply + ?Sized),
    requests: &Mutex<Vec<Recorded>>,
) {
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer) {
        let reply = {
            let mut requests = requests.lock().expect("a lock");
            let reply = answer(requests.len(), &request);
            requests.push(request);
            reply
        };
        // A client that has gone is for the test to judge.
        match &reply {
            Reply::Bytes(bytes) => {
                if stream.write_all(bytes).is_err() {
                    return;
                }
            }
            Reply::Close(bytes) => {
                let _gone = stream.write_all(bytes);
                let _gone = stream.shutdown(Shutdown::Both);
                return;
            }
            Reply::Reset(bytes) => {
                let _gone = stream.write_all(bytes);
                // The client has read them before it sees the reset.
                std::thread::sleep(std::time::Duration::from_millis(50));
                reset(&stream);
                return;
            }
            Reply::Hang(bytes) => {
                let _gone = stream.write_all(bytes);
                let mut rest = [0; 1024];
                while stream.read(&mut rest).is_ok_and(|count| count > 0) {}
                return;
            }
        }
    }
}

/// Makes the end of a connection a reset: with no time to linger, nothing is waited for.
#[cfg(unix)]
fn reset(stream: &TcpStream) {
    let at_once = Some(std::time::Duration::ZERO);
    rustix::net::sockopt::set_socket_linger(stream, at_once).expect("an option");
}

#[cfg(not(unix))]
fn reset(_stream: &TcpStream) {}

fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Recorded> {
    let end = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break end;
        }
        more(stream, buffer)?;
        // A TLS handshake has no such end, and its client would wait for ever.
        if buffer.first() == Some(&0x16) {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end + 4);
    let mut request = Recorded {
        head,
        body: Vec::new(),
    };
    if !request.header("expect").is_empty() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    if request.header("transfer-encoding") == ["chunked"] {
        request.body = read_chunks(stream, buffer)?;
        return Some(request);
    }
    let length: usize = request
        .header("content-length")
        .first()
        .map_or(0, |length| length.parse().expect("a length"));
    while buffer.len() < length {
        more(stream, buffer)?;
    }
    request.body = buffer.drain(..length).collect();
    Some(request)
}

fn read_chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = find(buffer, b"\r\n") {
                break end;
            }
            more(stream, buffer)?;
        };
        let size =
            usize::from_str_radix(std::str::from_utf8(&buffer[..end]).ok()?.trim(), 16).ok()?;
        while buffer.len() < end + 2 + size + 2 {
            more(stream, buffer)?;
        }
        body.extend_from_slice(&buffer[end + 2..end + 2 + size]);
        buffer.drain(..end + 2 + size + 2);
        if size == 0 {
            return Some(body);
        }
    }
}

fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut block = [0; 16 * 1024];
    match stream.read(&mut block) {
        Ok(0) | Err(_) => None,
        Ok(count) => {
            buffer.extend_from_slice(&block[..count]);
            Some(())
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
