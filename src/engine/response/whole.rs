//! A response that is read whole before anything is made of it: a page, a batch of a stream, one of many attempts.

use super::delivery::hold;
use super::{Incoming, Stop, dump_head, explain_response, judge, read_body, said, with_dumped};
use crate::engine::Context;
use crate::engine::session::Session;
use crate::error::Result;
use crate::exchange::Exchange;
use crate::exit::Exit;
use crate::output::record::Record;
use crate::plan::call::Reading;
use crate::text::lexical::without_mark;
use crate::verdict::sniff::Sniffer;

/// A response that has been read whole before it is known whether it is passed on.
pub(crate) struct Whole {
    pub(crate) exchange: Exchange,
    pub(crate) body: Vec<u8>,
    sniffer: Sniffer,
    received: u64,
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
        record: &Record,
    ) -> Result<Whole, Stop> {
        let mut sniffer = Sniffer::new(record.server().is_some());
        let mut received = 0;
        let mut body = Vec::new();
        let mut take = |chunk: &[u8], _: &Sniffer| hold(&mut body, chunk, most);
        read_body(
            &mut exchange,
            reading,
            session,
            &mut sniffer,
            &mut received,
            &mut take,
        )
        .await?;
        Ok(Whole {
            exchange,
            body,
            sniffer,
            received,
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
    pub(crate) fn judge(
        &self,
        reading: &Reading,
        session: &Session<'_>,
        record: &mut Record,
    ) -> Result<()> {
        record.received += self.received;
        record.bytes += self.sniffer.seen();
        record.timings = Some(self.exchange.timings());
        let head = &self.exchange.head;
        let verdict = judge(head, reading, &self.sniffer, record);
        match explain_response(verdict, head, &self.sniffer, session) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Delivers it as `deliver` does; its headers have been shown.
    ///
    /// # Errors
    /// Fails as [`deliver`] does.
    pub(crate) fn deliver(
        self,
        reading: &Reading,
        session: &Session<'_>,
        record: &mut Record,
        cx: &Context,
    ) -> Result<Exit> {
        record.received = self.received;
        record.bytes = self.sniffer.seen();
        record.timings = Some(self.exchange.timings());
        let response = Incoming {
            exchange: self.exchange,
            reading,
            session,
            cx,
        };
        let dumped = dump_head(&response.exchange.head.block, session);
        let outcome = response.begin().and_then(|mut read| {
            read.take(&self.body, &self.sniffer)?;
            response.conclude(read, &self.sniffer, record)
        });
        let outcome = response.seen_to_fail(outcome, &self.sniffer, record);
        said(with_dumped(outcome, dumped), session, record, cx)
    }
}
