//! A connection that can be made to misbehave below HTTP.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What happens instead of the next write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misdeed {
    /// The connection is reset.
    Reset,
    /// The connection is closed.
    Close,
    /// Bytes that are not HTTP are written, and the connection is closed.
    Garbage,
}

/// Makes a connection misbehave.
#[derive(Clone, Debug, Default)]
pub(super) struct Switch(Arc<Mutex<Option<Misdeed>>>);

impl Switch {
    pub(super) fn set(&self, misdeed: Misdeed) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(misdeed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.get().is_some()
    }

    fn get(&self) -> Option<Misdeed> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const GARBAGE: &[u8] = b"\x16\x03garbage: this is not HTTP\r\n\r\n";

/// A TCP connection under the control of a switch.
#[derive(Debug)]
pub(super) struct Sabotage {
    stream: TcpStream,
    switch: Switch,
    done: bool,
}

impl Sabotage {
    pub(super) fn new(stream: TcpStream, switch: Switch) -> Self {
        Sabotage {
            stream,
            switch,
            done: false,
        }
    }
}

impl AsyncRead for Sabotage {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Sabotage {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let broken = || Poll::Ready(Err(io::Error::from(io::ErrorKind::BrokenPipe)));
        match self.switch.get() {
            None => Pin::new(&mut self.stream).poll_write(cx, bytes),
            Some(Misdeed::Close) => broken(),
            Some(Misdeed::Reset) => {
                // Closing with no time to linger makes the system send a reset.
                let _best_effort = self.stream.set_zero_linger();
                broken()
            }
            Some(Misdeed::Garbage) if self.done => broken(),
            Some(Misdeed::Garbage) => {
                self.done = true;
                match Pin::new(&mut self.stream).poll_write(cx, GARBAGE) {
                    Poll::Ready(_) => broken(),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.switch.get() == Some(Misdeed::Reset) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
