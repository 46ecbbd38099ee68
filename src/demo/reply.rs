//! Responses: the two envelopes, bytes, and bodies that misbehave or never end.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use serde_json::{Value, json};

/// The body of a response on the wire.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A response.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content: Content,
    /// Whether the platform answers, and not something in front of it.
    pub(super) timed: bool,
}

/// What follows the header block.
#[derive(Debug)]
pub(super) enum Content {
    Bytes(Bytes),
    /// Half of these, and then nothing more; `stall` keeps the connection open.
    Half {
        whole: Bytes,
        stall: bool,
    },
    /// A JSON document of about this size.
    Big(u64),
}

impl Content {
    pub(super) fn half(content: Content, stall: bool) -> Content {
        match content {
            Content::Bytes(whole) => Content::Half { whole, stall },
            other => other,
        }
    }
}

impl Reply {
    /// A JSON object as it is.
    pub(super) fn json(status: u16, value: &Value) -> Reply {
        Reply::bytes(status, "application/json", value.to_string().into())
    }

    /// The success envelope around these members.
    pub(super) fn ok(members: Value) -> Reply {
        let mut envelope = json!({"status": "ok"});
        if let (Value::Object(envelope), Value::Object(members)) = (&mut envelope, members) {
            envelope.extend(members);
        }
        Reply::json(200, &envelope)
    }

    /// The error envelope: exactly two fields.
    pub(super) fn error(status: u16, message: &str) -> Reply {
        Reply::json(status, &json!({"status": "error", "message": message}))
    }

    /// Bytes of some type.
    pub(super) fn bytes(status: u16, content_type: &str, bytes: Bytes) -> Reply {
        Reply {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            content: Content::Bytes(bytes),
            timed: true,
        }
    }

    /// A page of something in front of the platform.
    pub(super) fn page(status: u16, text: &'static str) -> Reply {
        let mut reply = Reply::bytes(
            status,
            "text/html; charset=utf-8",
            Bytes::from_static(text.as_bytes()),
        );
        reply.headers.push(("Server", "demo-gateway".to_owned()));
        reply.timed = false;
        reply
    }

    /// Returns the response for the wire, with the time that it took.
    pub(super) fn into_response(self, took: Duration, head_only: bool) -> hyper::Response<Body> {
        let mut builder = hyper::Response::builder().status(self.status);
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        if self.timed {
            builder = builder.header(
                "Server-Timing",
                format!("total;dur={:.1}", took.as_secs_f64() * 1000.0),
            );
        }
        let body = match self.content {
            Content::Bytes(bytes) if head_only => {
                builder = builder.header("Content-Length", bytes.len());
                Empty::new().map_err(never).boxed_unsync()
            }
            _ if head_only => Empty::new().map_err(never).boxed_unsync(),
            Content::Bytes(bytes) => Full::new(bytes).map_err(never).boxed_unsync(),
            Content::Half { whole, stall } => HalfBody::new(&whole, stall).boxed_unsync(),
            Content::Big(size) => BigBody::new(size).boxed_unsync(),
        };
        // Statuses and header values are written in this folder, so they are valid.
        builder
            .body(body)
            .unwrap_or_else(|_| hyper::Response::new(Empty::new().map_err(never).boxed_unsync()))
    }
}

fn never(never: Infallible) -> io::Error {
    match never {}
}

/// Half of a body that was announced as a whole.
struct HalfBody {
    half: Option<Bytes>,
    announced: u64,
    /// When the connection is closed; `None` keeps it open.
    end: Option<Pin<Box<tokio::time::Sleep>>>,
}

/// Between the half and the end, so that the half is on its way before the connection goes.
const UNTIL_CUT: Duration = Duration::from_millis(20);

impl HalfBody {
    fn new(whole: &Bytes, stall: bool) -> Self {
        let end = (!stall).then(|| Box::pin(tokio::time::sleep(UNTIL_CUT)));
        HalfBody {
            half: Some(whole.slice(..whole.len() / 2)),
            announced: whole.len() as u64,
            end,
        }
    }
}

impl HttpBody for HalfBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        match &mut self.end {
            Some(end) => end
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(io::Error::from(io::ErrorKind::BrokenPipe)))),
            // Nothing wakes this up again, which is the point.
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}

/// A JSON envelope with as many rows as fit into a size, made while it is sent.
struct BigBody {
    left: u64,
    begun: bool,
    ended: bool,
    rows: Bytes,
}

const ROW: &str = r#"{"id":"18ba5ce699f8da1f","timestamp":"2024-05-06T09:30:00Z","score":1.10,"labels":["Delivery > Late",null,true],"text":"Where is my order? It has not \"arrived\" yet."}"#;

impl BigBody {
    fn new(size: u64) -> Self {
        let rows = format!(",{ROW}").repeat(400);
        BigBody {
            left: size,
            begun: false,
            ended: false,
            rows: rows.into(),
        }
    }
}

impl HttpBody for BigBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let chunk = if !self.begun {
            self.begun = true;
            Bytes::from(format!("{{\"status\":\"ok\",\"rows\":[{ROW}"))
        } else if self.left > 0 {
            let whole = self.rows.len() as u64;
            self.left = self.left.saturating_sub(whole);
            self.rows.clone()
        } else if !self.ended {
            self.ended = true;
            Bytes::from_static(b"]}\n")
        } else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }
}
