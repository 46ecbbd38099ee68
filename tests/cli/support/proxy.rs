//! A proxy on a raw socket: HTTP CONNECT and SOCKS, whatever it is spoken to with. It notes where it
//! is asked to go to and always goes to one port of this machine.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The proxy; it ends with the test.
pub(crate) struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy that leads to this port.
    pub(crate) fn to(target: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || {
                    let _gone = serve(stream, target, &noted);
                });
            }
        });
        Proxy { port, asked }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the places that it has been asked for, and forgets them.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("a lock"))
    }
}

fn serve(mut stream: TcpStream, target: u16, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    let note = |place: String| asked.lock().expect("a lock").push(place);
    match byte(&mut stream)? {
        5 => {
            let methods = byte(&mut stream)?;
            take(&mut stream, methods.into())?;
            stream.write_all(&[5, 0])?;
            let [_version, _connect, _reserved, kind] = array(&mut stream)?;
            let host = match kind {
                1 => address(array(&mut stream)?),
                _ => {
                    let length = byte(&mut stream)?;
                    let name = take(&mut stream, length.into())?;
                    String::from_utf8_lossy(&name).into_owned()
                }
            };
            let port = u16::from_be_bytes(array(&mut stream)?);
            note(format!("{host}:{port}"));
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
        }
        4 => {
            let _connect = byte(&mut stream)?;
            let port = u16::from_be_bytes(array(&mut stream)?);
            let numbers: [u8; 4] = array(&mut stream)?;
            until_zero(&mut stream)?;
            // 4a: an address that is none says that a name follows.
            let host = match numbers {
                [0, 0, 0, last] if last != 0 => until_zero(&mut stream)?,
                numbers => address(numbers),
            };
            note(format!("{host}:{port}"));
            stream.write_all(&[0, 90, 0, 0, 0, 0, 0, 0])?;
        }
        first => {
            let mut head = vec![first];
            while !head.ends_with(b"\r\n\r\n") {
                head.push(byte(&mut stream)?);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            note(head.split(' ').nth(1).unwrap_or_default().to_owned());
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        }
    }
    let mut onward = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
    let (mut from, mut to) = (stream.try_clone()?, onward.try_clone()?);
    std::thread::spawn(move || {
        let _gone = io::copy(&mut from, &mut to);
        let _gone = to.shutdown(Shutdown::Write);
    });
    io::copy(&mut onward, &mut stream)?;
    stream.shutdown(Shutdown::Write)
}

fn address(numbers: [u8; 4]) -> String {
    Ipv4Addr::from(numbers).to_string()
}

fn byte(stream: &mut TcpStream) -> io::Result<u8> {
    array::<1>(stream).map(|[byte]| byte)
}

fn array<const LENGTH: usize>(stream: &mut TcpStream) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn take(stream: &mut TcpStream, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn until_zero(stream: &mut TcpStream) -> io::Result<String> {
    let mut text = Vec::new();
    loop {
        match byte(stream)? {
            0 => return Ok(String::from_utf8_lossy(&text).into_owned()),
            byte => text.push(byte),
        }
    }
}
