//! The body of a request on its way out, in constant memory and with its length when known.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::request::{Body, FormChunk};
use crate::secret::search::{Finder, Watch};

/// How much is read at a time.
const BLOCK: usize = 64 * 1024;

/// When something last moved and how much in all, so that a long upload is not taken for a stalled
/// one; and whether the rest of it is still wanted.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    origin: Instant,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    millis: AtomicU64,
    bytes: AtomicU64,
    is_refused: AtomicBool,
}

impl Activity {
    /// Begins with now.
    pub(crate) fn new() -> Self {
        Activity {
            origin: Instant::now(),
            seen: Arc::default(),
        }
    }

    /// Notes that something moved.
    pub(crate) fn moved(&self) {
        let millis = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.seen.millis.store(millis, Ordering::Relaxed);
    }

    /// Notes that so many bytes of a body moved.
    pub(crate) fn passed(&self, bytes: usize) {
        self.moved();
        self.seen.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns when something last moved.
    pub(crate) fn last(&self) -> Instant {
        let millis = std::time::Duration::from_millis(self.seen.millis.load(Ordering::Relaxed));
        self.origin.checked_add(millis).unwrap_or(self.origin)
    }

    /// Returns how many bytes have moved.
    pub(crate) fn bytes(&self) -> u64 {
        self.seen.bytes.load(Ordering::Relaxed)
    }

    /// Ends the sending of a body: the server has responded, and does not want the rest. Sending it
    /// would find a closed connection, and that error would take the response with it.
    pub(crate) fn stop_sending(&self) {
        self.seen.is_refused.store(true, Ordering::Relaxed);
    }

    fn is_refused(&self) -> bool {
        self.seen.is_refused.load(Ordering::Relaxed)
    }
}

/// A token of another place is in a body that is being sent.
#[derive(Debug)]
pub(crate) struct TokenInBody {
    /// The name of the token's source.
    pub(crate) source: String,
}

impl fmt::Display for TokenInBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body contains the token of another endpoint")
    }
}

impl std::error::Error for TokenInBody {}

/// Makes the client's body of a request's, which is cut before what `forbidden` finds; `None` when
/// there is none.
pub(crate) fn body(body: Body, activity: &Activity, forbidden: Finder) -> Option<reqwest::Body> {
    let (parts, length) = match body {
        Body::Empty => return None,
        Body::Bytes(bytes) if bytes.len() <= BLOCK => return Some(reqwest::Body::from(bytes)),
        Body::Bytes(bytes) => {
            let length = bytes.len() as u64;
            (VecDeque::from([Part::Bytes(bytes)]), Some(length))
        }
        Body::File { file, length, .. } => (
            VecDeque::from([part(FormChunk::File { file, length })]),
            length,
        ),
        Body::Stdin => (VecDeque::from([part(FormChunk::Stdin)]), None),
        Body::Form(form) => {
            let length = form.length();
            (form.chunks.into_iter().map(part).collect(), length)
        }
    };
    let upload = Upload {
        parts,
        left: length,
        activity: activity.clone(),
        paused: None,
        is_begun: false,
        guard: (!forbidden.is_empty()).then(|| UploadGuard {
            watch: Watch::new(forbidden),
            held: BytesMut::new(),
        }),
    };
    Some(reqwest::Body::wrap(upload))
}

/// A chunk being sent.
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

fn part(chunk: FormChunk) -> Part {
    match chunk {
        FormChunk::Bytes(bytes) => Part::Bytes(bytes),
        FormChunk::File {
            file,
            length: Some(left),
        } => Part::File { file, left },
        FormChunk::File { file, length: None } => Part::Slow(read_in_thread(file)),
        FormChunk::Stdin => Part::Slow(read_in_thread(io::stdin())),
    }
}

/// Reads blocks in a thread, so that a slow pipe does not hold up the response or the clock.
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
    /// The next block, while the runtime has a turn before it is sent: it looks at sockets only
    /// between turns, and hyper gives up a connection that cannot be written to without reading
    /// what is waiting in it, a response that was sent in the middle of the upload. A task of its
    /// own, because hyper asks for the next block again within the same turn.
    paused: Option<(JoinHandle<()>, Bytes)>,
    is_begun: bool,
    guard: Option<UploadGuard>,
}

impl Upload {
    fn hand_on(&mut self, block: Bytes) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.activity.passed(block.len());
        self.left = self
            .left
            .map(|left| left.saturating_sub(block.len() as u64));
        Poll::Ready(Some(Ok(Frame::data(block))))
    }
}

/// Looks at what is sent, and holds its end back as long as that may be the beginning of a token.
struct UploadGuard {
    watch: Watch,
    held: BytesMut,
}

impl UploadGuard {
    /// Takes a block, and returns what may be sent.
    fn push(&mut self, block: &Bytes) -> io::Result<Bytes> {
        refuse(self.watch.push(block))?;
        self.held.extend_from_slice(block);
        let count = self.held.len().saturating_sub(self.watch.held_back());
        Ok(self.held.split_to(count).freeze())
    }

    /// Returns the end.
    fn finish(&mut self) -> io::Result<Bytes> {
        refuse(self.watch.finish())?;
        Ok(self.held.split().freeze())
    }
}

fn refuse(source: Option<&str>) -> io::Result<()> {
    match source {
        None => Ok(()),
        Some(source) => Err(io::Error::other(TokenInBody {
            source: source.to_owned(),
        })),
    }
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
        if this.activity.is_refused() {
            return Poll::Pending;
        }
        if let Some((pause, _)) = &mut this.paused
            && Pin::new(pause).poll(context).is_pending()
        {
            return Poll::Pending;
        }
        if let Some((_, block)) = this.paused.take() {
            return this.hand_on(block);
        }
        while let Some(part) = this.parts.front_mut() {
            let block = match part {
                Part::Bytes(bytes) => Ok(bytes.split_to(bytes.len().min(BLOCK))),
                Part::File { file, left } => read_block(file, left),
                Part::Slow(receiver) => match receiver.poll_recv(context) {
                    Poll::Ready(block) => block.unwrap_or_else(|| Ok(Bytes::new())),
                    Poll::Pending => return Poll::Pending,
                },
            };
            let is_end = matches!(&block, Ok(block) if block.is_empty());
            if is_end {
                this.parts.pop_front();
            }
            let block = match (block, &mut this.guard) {
                (Ok(block), Some(guard)) if !is_end => guard.push(&block),
                (Ok(_), Some(guard)) if this.parts.is_empty() => guard.finish(),
                (block, _) => block,
            };
            match block {
                Ok(block) if block.is_empty() => {}
                Ok(block) => {
                    // The first block goes together with the header block.
                    if !std::mem::replace(&mut this.is_begun, true) {
                        return this.hand_on(block);
                    }
                    let mut pause = tokio::spawn(tokio::task::yield_now());
                    if Pin::new(&mut pause).poll(context).is_ready() {
                        return this.hand_on(block);
                    }
                    this.paused = Some((pause, block));
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty() && self.paused.is_none()
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
                part(FormChunk::Bytes(Bytes::from_static(b"head "))),
                part(FormChunk::File {
                    file,
                    length: Some(4),
                }),
                part(FormChunk::Bytes(Bytes::from_static(b" tail"))),
            ]),
            left: Some(14),
            activity: Activity::new(),
            paused: None,
            is_begun: false,
            guard: None,
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
