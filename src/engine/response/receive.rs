//! Reads a body: undoes its content coding and limits its size.

use bytes::Bytes;

use super::Stop;
use crate::engine::session::Session;
use crate::error::{Failure, Result};
use crate::exchange::decode::{DecodeError, Decoder};
use crate::exchange::{Exchange, Head};
use crate::exit::Exit;
use crate::output::status;
use crate::plan::call::Reading;
use crate::verdict::explain;
use crate::verdict::sniff::Sniffer;

/// What is done with each chunk of a body, and with what has been seen until then.
pub(crate) type Taking<'a> = dyn FnMut(&[u8], &Sniffer) -> Result<(), Stop> + 'a;

/// Reads a body with its coding undone, chunk by chunk.
///
/// # Errors
/// Fails when the body is not whole or too large, or when `sink` does.
pub(crate) async fn read_body(
    exchange: &mut Exchange,
    reading: &Reading,
    session: &Session<'_>,
    sniffer: &mut Sniffer,
    received: &mut u64,
    sink: &mut Taking<'_>,
) -> Result<(), Stop> {
    let mut decoder = if reading.head_only || has_no_body(exchange.head.status) {
        Decoder::identity()
    } else {
        self::decoder(&exchange.head)
            .map_err(|failure| failure.hint("ask for none: -H 'Accept-Encoding: identity'"))?
    };
    let max_size = reading.max_size;
    let mut take = |chunk: &[u8]| {
        if let Some(most) = max_size
            && sniffer.seen() + chunk.len() as u64 > most
        {
            return Err(Stop::Failed(Failure::new(
                Exit::TooLarge,
                format!("the body is larger than --max-size {}", status::size(most)),
            )));
        }
        sniffer.push(chunk);
        sink(chunk, sniffer)
    };
    while let Some(chunk) = next_chunk(exchange, session).await? {
        *received += chunk.len() as u64;
        decoder.push(&chunk, &mut take).map_err(coding_failure)?;
    }
    decoder.finish(&mut take).map_err(coding_failure)
}

async fn next_chunk(exchange: &mut Exchange, session: &Session<'_>) -> Result<Option<Bytes>, Stop> {
    exchange
        .chunk()
        .await
        .map_err(|failure| Stop::Failed(explain::transport(&failure, &session.about())))
}

/// Returns what undoes the codings that a header block declares.
///
/// # Errors
/// Fails (exit 61) on a coding that is not known, and on several.
pub(crate) fn decoder(head: &Head) -> Result<Decoder> {
    head.decoder().map_err(|coding| {
        Failure::new(
            Exit::Coding,
            format!("the body's content coding is not known: {coding}"),
        )
    })
}

/// Returns whether a response of this status has no body, whatever its headers say of one.
pub(crate) fn has_no_body(status: u16) -> bool {
    matches!(status, 204 | 205 | 304)
}

fn coding_failure(error: DecodeError<Stop>) -> Stop {
    match error {
        DecodeError::Sink(stop) => stop,
        DecodeError::Broken => Stop::Failed(Failure::new(
            Exit::Coding,
            "the body is not what its content coding says",
        )),
        DecodeError::Truncated => Stop::Failed(Failure::new(
            Exit::Incomplete,
            "the body ends in the middle of its content coding",
        )),
    }
}
