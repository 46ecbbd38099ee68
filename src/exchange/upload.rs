//! The body of a request on its way out, in constant memory and with its length when known.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::request::{Body, Piece};

/// How much is read at a time.
const BLOCK: usize = 64 * 1024;

/// When something last moved, so that a long upload is not taken for a stalled one.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    origin: Instant,
    millis: Arc<AtomicU64>,
}

impl Activity {
    /// Begins with now.
    pub(crate) fn new() -> Self {
        Activity {
            origin: Instant::now(),
            millis: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Notes that something moved.
    pub(crate) fn moved(&self) {
        let millis = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }

    /// Returns when something last moved.
    pub(crate) fn last(&self) -> Instant {
        let millis = std::time::Duration::from_millis(self.millis.load(Ordering::Relaxed));
        self.origin.checked_add(millis).unwrap_or(self.origin)
    }
}

/// Makes the client's body of a request's; `None` when there is none.
pub(crate) fn body(body: Body, activity: &Activity) -> Option<reqwest::Body> {
    let (parts, length) = match body {
        Body::Empty => return None,
        Body::Bytes(bytes) => return Some(reqwest::Body::from(bytes)),
        Body::File { file, length, .. } => {
            (VecDeque::from([part(Piece::File { file, length })]), length)
        }
        Body::Stdin => (VecDeque::from([part(Piece::Stdin)]), None),
        Body::Form(form) => {
            let length = form.length();
            (form.pieces.into_iter().map(part).collect(), length)
        }
    };
    let upload = Upload {
        parts,
        left: length,
        activity: activity.clone(),
    };
    Some(reqwest::Body::wrap(upload))
}

/// A piece being sent.
enum Part {
    Bytes(Bytes),
    /// A regular file: reading it does not block for long.
    File {
        file: File,
        left: u64,
    },
    /// A pipe or terminal, read by a thread of its own.
    Slow(mpsc::Receiver<io::Result<Bytes>>),
}

fn part(piece: Piece) -> Part {
    match piece {
        Piece::Bytes(bytes) => Part::Bytes(bytes),
        Piece::File {
            file,
            length: Some(left),
        } => Part::File { file, left },
        Piece::File { file, length: None } => Part::Slow(read_in_thread(file)),
        Piece::Stdin => Part::Slow(read_in_thread(io::stdin())),
    }
}

/// Reads blocks in a thread, so that a slow pipe does not hold up the answer or the clock.
fn read_in_thread(mut source: impl Read + Send + 'static) -> mpsc::Receiver<io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(2);
    std::thread::spawn(move || {
        loop {
            let mut block = vec![0; BLOCK];
            let block = match source.read(&mut block) {
                Ok(0) => break,
                Ok(count) => {
                    block.truncate(count);
                    Ok(Bytes::from(block))
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = block.is_err();
            if sender.blocking_send(block).is_err() || failed {
                break;
            }
        }
    });
    receiver
}

struct Upload {
    parts: VecDeque<Part>,
    left: Option<u64>,
    activity: Activity,
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        this.activity.moved();
        while let Some(part) = this.parts.front_mut() {
            let block = match part {
                Part::Bytes(bytes) => Ok(std::mem::take(bytes)),
                Part::File { file, left } => read_block(file, left),
                Part::Slow(receiver) => match receiver.poll_recv(context) {
                    Poll::Ready(block) => block.unwrap_or_else(|| Ok(Bytes::new())),
                    Poll::Pending => return Poll::Pending,
                },
            };
            match block {
                Ok(block) if block.is_empty() => {
                    this.parts.pop_front();
                }
                Ok(block) => {
                    this.left = this
                        .left
                        .map(|left| left.saturating_sub(block.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(block))));
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}

/// Reads at most what the file had when it was opened: the length has been promised.
fn read_block(file: &mut File, left: &mut u64) -> io::Result<Bytes> {
    let wanted = usize::try_from(*left).unwrap_or(BLOCK).min(BLOCK);
    if wanted == 0 {
        return Ok(Bytes::new());
    }
    let mut block = vec![0; wanted];
    let count = file.read(&mut block)?;
    if count == 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file became shorter",
        ));
    }
    block.truncate(count);
    *left -= count as u64;
    Ok(Bytes::from(block))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[test]
    fn pieces_are_sent_in_order_with_their_length() {
        let mut file = tempfile::tempfile().expect("a file");
        std::io::Write::write_all(&mut file, b"file").expect("written");
        std::io::Seek::rewind(&mut file).expect("rewound");
        let upload = Upload {
            parts: VecDeque::from([
                part(Piece::Bytes(Bytes::from_static(b"head "))),
                part(Piece::File {
                    file,
                    length: Some(4),
                }),
                part(Piece::Bytes(Bytes::from_static(b" tail"))),
            ]),
            left: Some(14),
            activity: Activity::new(),
        };
        assert_eq!(upload.size_hint().exact(), Some(14));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let sent = runtime
            .block_on(upload.collect())
            .expect("a body")
            .to_bytes();
        assert_eq!(sent, "head file tail");
    }
}
