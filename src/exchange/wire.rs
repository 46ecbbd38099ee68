//! The head of an answer exactly as it was received: letter case and order of the names.
//!
//! The HTTP client hands out header names in small letters and repeated ones grouped, but it
//! offers (`connection_verbose`) to log what it reads from a connection, inside TLS. This logger
//! keeps the first head and then turns logging off, so a body costs nothing. It sees reads only:
//! what is written, the token among it, is dropped unread.

use std::sync::{Mutex, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};

/// More than this is not kept: the client refuses larger heads anyway.
pub(super) const LARGEST_HEAD: usize = 512 * 1024;

static TAP: Tap = Tap {
    received: Mutex::new(Vec::new()),
};

struct Tap {
    received: Mutex<Vec<u8>>,
}

/// Begins to keep what is received. Only for calls that show the head.
pub(crate) fn listen() {
    // Fails only when it is set already, by an earlier call of this same function.
    let _already_set = log::set_logger(&TAP);
    TAP.received
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clear();
    log::set_max_level(LevelFilter::Trace);
}

/// Returns the last head received, from its status line to its empty line, and stops listening.
///
/// `None` over HTTP/2, which has no such text, and when nothing was kept.
pub(crate) fn take_head() -> Option<Vec<u8>> {
    log::set_max_level(LevelFilter::Off);
    let received =
        std::mem::take(&mut *TAP.received.lock().unwrap_or_else(PoisonError::into_inner));
    final_head(&received).map(<[u8]>::to_vec)
}

impl Log for Tap {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "reqwest::connect::verbose" || metadata.target() == "reqwest::connect"
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // The token is in the lines about writing; deciding on the format's fixed part alone
        // means that they are never put together.
        let text = record.args().to_string();
        let Some((_, escaped)) = text.split_once(" read: b\"") else {
            return;
        };
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        unescape(escaped.strip_suffix('"').unwrap_or(escaped), &mut received);
        if final_head(&received).is_some() || received.len() > LARGEST_HEAD {
            log::set_max_level(LevelFilter::Off);
        }
    }

    fn flush(&self) {}
}

/// Undoes the escapes of a Rust byte string.
fn unescape(escaped: &str, bytes: &mut Vec<u8>) {
    let mut rest = escaped.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b'r') => bytes.push(b'\r'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'0') => bytes.push(0),
            Some(b'x') => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| (byte as char).to_digit(16));
                let value = digit(rest.next()).unwrap_or(0) * 16 + digit(rest.next()).unwrap_or(0);
                bytes.push(value as u8);
            }
            Some(other) => bytes.push(other),
            None => {}
        }
    }
}

/// Returns the first head that is not an interim (1xx) one, when it is complete.
pub(super) fn final_head(received: &[u8]) -> Option<&[u8]> {
    let mut rest = received;
    loop {
        if !rest.starts_with(b"HTTP/1.") {
            return None;
        }
        let end = memchr::memmem::find(rest, b"\r\n\r\n")? + 4;
        if rest.get(9) != Some(&b'1') {
            return Some(&rest[..end]);
        }
        rest = &rest[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_come_back_as_bytes() {
        let mut bytes = Vec::new();
        unescape(r#"A\r\n\t\0\"\\\xff\x1bz"#, &mut bytes);
        assert_eq!(bytes, b"A\r\n\t\0\"\\\xff\x1bz");
    }

    #[test]
    fn interim_heads_are_passed_over() {
        let received = b"HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nETag: x\r\n\r\nbody";
        assert_eq!(
            final_head(received),
            Some(&b"HTTP/1.1 200 OK\r\nETag: x\r\n\r\n"[..])
        );
        assert_eq!(final_head(b"HTTP/1.1 200 OK\r\nET"), None);
        assert_eq!(final_head(b"\0\0\0frame"), None);
    }
}
