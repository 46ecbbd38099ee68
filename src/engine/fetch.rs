//! Sends one call of many, reads its response whole and judges it; writes nothing.

use crate::engine::response::whole::Whole;
use crate::engine::response::{self, Stop};
use crate::engine::session::Session;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::record::Record;
use crate::plan::call::Reading;
use crate::request::Request;

/// A call that has ended.
pub(crate) struct Fetched {
    /// What is known about it.
    pub(crate) record: Record,
    /// The body of its response with the content coding undone, without a byte order mark; empty
    /// when it was not received whole.
    pub(crate) body: Vec<u8>,
    /// How it ended: fails with the exit code and text of a single call.
    pub(crate) outcome: Result<()>,
}

/// Sends a request, again where that is allowed, and reads its response, of at most `max_body`
/// bytes decoded.
pub(crate) async fn fetch(
    session: &mut Session<'_>,
    request: Request,
    reading: &Reading,
    max_body: u64,
) -> Fetched {
    session.begin();
    match received(session, request, reading, max_body).await {
        Ok(mut whole) => {
            let outcome = whole.judge(reading, session);
            Fetched {
                record: std::mem::take(&mut whole.record),
                body: whole.into_json(),
                outcome,
            }
        }
        Err(failure) => Fetched {
            record: Record {
                attempts: session.attempts().clone(),
                ..Record::default()
            },
            body: Vec::new(),
            outcome: Err(failure),
        },
    }
}

async fn received(
    session: &mut Session<'_>,
    request: Request,
    reading: &Reading,
    max_body: u64,
) -> Result<Whole> {
    let exchange = session.open(request).await?;
    response::show_head(&exchange.head, session, session.cx);
    match Whole::read(exchange, max_body, reading, session).await {
        Ok(whole) => Ok(whole),
        Err(Stop::Failed(failure)) => Err(failure),
        // Nothing is written here, so no pipe can be closed.
        Err(Stop::ClosedPipe) => Err(Failure::new(Exit::Write, "the output was closed")),
    }
}
