//! A response that is read whole before anything is made of it: a page, a batch of a stream, one of many attempts.

use super::delivery::hold;
use super::{Incoming, Stop, dump_head, explain_response, judge, read_body};
use crate::engine::session::Session;
use crate::engine::{CallEnd, Context};
use crate::error::Result;
use crate::exchange::Exchange;
use crate::output::record::{Attempts, Received, Record};
use crate::plan::call::Reading;
use crate::text::lexical::without_mark;
use crate::verdict::sniff::Sniffer;

/// A response that has been read whole before it is known whether it is passed on.
pub(crate) struct Whole {
    pub(crate) exchange: Exchange,
    pub(crate) body: Vec<u8>,
    /// What is known about the call until now.
    pub(crate) record: Record,
    sniffer: Sniffer,
}

impl Whole {
    /// Reads a body of at most `most` bytes.
    ///
    /// # Errors
    /// Fails when it is not whole or too large.
    pub(crate) async fn read(
        mut exchange: Exchange,
        most: u64,
        reading: &Reading,
        session: &Session<'_>,
    ) -> Result<Whole, Stop> {
        let mut sniffer = Sniffer::new(session.attempts().server().is_some());
        let mut received = Received::default();
        let mut body = Vec::new();
        let mut take = |chunk: &[u8], _: &Sniffer| hold(&mut body, chunk, most);
        read_body(
            &mut exchange,
            reading,
            session,
            &mut sniffer,
            &mut received.coded_bytes,
            &mut take,
        )
        .await?;
        received.bytes = sniffer.seen();
        let attempts = Attempts {
            timings: Some(exchange.timings()),
            ..session.attempts().clone()
        };
        Ok(Whole {
            exchange,
            body,
            record: Record { attempts, received },
            sniffer,
        })
    }

    /// Returns the body as what reads JSON sees it.
    pub(crate) fn into_json(mut self) -> Vec<u8> {
        let mark = self.body.len() - without_mark(&self.body).len();
        self.body.drain(..mark);
        self.body
    }

    /// Judges it; fails with what it is when it is not what was asked for.
    ///
    /// # Errors
    /// Fails as the response did.
    pub(crate) fn judge(&mut self, reading: &Reading, session: &Session<'_>) -> Result<()> {
        let (head, sniffer) = (&self.exchange.head, &self.sniffer);
        let verdict = judge(head, reading, sniffer, &self.record.attempts);
        self.record.received.answered_by = Some(verdict.answered_by);
        match explain_response(verdict, head, sniffer, session) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Delivers it as [`deliver`](super::deliver) does; its headers have been shown. What was sent
    /// after it counts as well.
    pub(crate) fn deliver(self, reading: &Reading, session: &Session<'_>, cx: &Context) -> CallEnd {
        let mut response = Incoming {
            exchange: self.exchange,
            sniffer: self.sniffer,
            record: self.record,
            reading,
            session,
            cx,
        };
        response.record.attempts = Attempts {
            timings: response.record.attempts.timings,
            ..session.attempts().clone()
        };
        let dumped = dump_head(&response.exchange.head.block, session);
        let read = response.begin().and_then(|mut read| {
            read.take(&self.body, &response.sniffer)?;
            Ok(read)
        });
        response.end(read, dumped)
    }
}
