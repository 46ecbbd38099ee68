//! A server that is not the limit of what is measured: it responds to every request over HTTP/1.1
//! with the same bytes.
//!
//!     rustc -O fixed.rs && ./fixed [MILLISECONDS]     prints its port
//!
//! Without a wait it asks its connections in turn and never sleeps, so that waking it costs the
//! client nothing; it keeps a core busy.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
Server-Timing: total;dur=0.1\r\nContent-Length: 49\r\n\r\n\
{\"status\":\"ok\",\"new\":1,\"unchanged\":0,\"updated\":0}";

fn main() -> io::Result<()> {
    let wait = std::env::args().nth(1).and_then(|wait| wait.parse().ok());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    match wait.unwrap_or(0) {
        0 => spin(&listener),
        wait => {
            for connection in listener.incoming() {
                let mut connection = Connection::new(connection?)?;
                std::thread::spawn(move || {
                    while connection.serve(Duration::from_millis(wait)).is_ok() {}
                });
            }
            Ok(())
        }
    }
}

/// Serves all connections on this thread.
fn spin(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut connections: Vec<Connection> = Vec::new();
    for turn in 0_u64.. {
        if turn % 64 == 0 && let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            connections.push(Connection::new(stream)?);
        }
        connections.retain_mut(|connection| match connection.serve(Duration::ZERO) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        });
        if connections.is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    held: usize,
    /// How much of a body is still to come.
    body: usize,
    /// Whether the response to it is still to be written.
    is_due: bool,
}

impl Connection {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            buffer: vec![0; 64 * 1024],
            held: 0,
            body: 0,
            is_due: false,
        })
    }

    /// Reads once, and responds to every request that is whole.
    fn serve(&mut self, wait: Duration) -> io::Result<()> {
        let read = self.stream.read(&mut self.buffer[self.held..])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let end = self.held + read;
        let (mut at, mut responses) = (0, Vec::new());
        loop {
            let skipped = self.body.min(end - at);
            self.body -= skipped;
            at += skipped;
            if self.body == 0 && std::mem::take(&mut self.is_due) {
                responses.extend_from_slice(RESPONSE);
            }
            let input = &self.buffer[at..end];
            let Some(head) = input.windows(4).position(|window| window == b"\r\n\r\n") else {
                break;
            };
            self.body = length(&input[..head]);
            self.is_due = true;
            at += head + 4;
        }
        self.held = end - at;
        self.buffer.copy_within(at..end, 0);
        if !responses.is_empty() {
            std::thread::sleep(wait);
            self.stream.write_all(&responses)?;
        }
        Ok(())
    }
}

/// Returns the length of the body that a header block declares.
fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head);
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}
