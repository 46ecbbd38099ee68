//! An answer that is read whole before anything is made of it: a page, a batch, one of many tries.

use super::delivery::hold;
use super::{Answer, Stop, dump_head, explain_answer, judge, read_body, said, with_dumped};
use crate::engine::Context;
use crate::engine::session::Session;
use crate::error::Result;
use crate::exchange::Exchange;
use crate::exit::Exit;
use crate::output::record::Record;
use crate::plan::call::Reading;
use crate::text::lexical::without_mark;
use crate::verdict::sniff::Sniffer;

/// An answer that has been read whole before it is known whether it is passed on.
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
        let mut take = |piece: &[u8], _: &Sniffer| hold(&mut body, piece, most);
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
    /// Fails as the answer did.
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
        match explain_answer(verdict, head, &self.sniffer, session) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Passes it on as a response that comes is passed on; its headers have been shown.
    ///
    /// # Errors
    /// Fails as [`pass_on`] does.
    pub(crate) fn pass_on(
        self,
        reading: &Reading,
        session: &Session<'_>,
        record: &mut Record,
        cx: &Context,
    ) -> Result<Exit> {
        record.received = self.received;
        record.bytes = self.sniffer.seen();
        record.timings = Some(self.exchange.timings());
        let answer = Answer {
            exchange: self.exchange,
            reading,
            session,
            cx,
        };
        let dumped = dump_head(&answer.exchange.head.block, session);
        let outcome = answer.begin().and_then(|mut read| {
            read.take(&self.body, &self.sniffer)?;
            answer.conclude(read, &self.sniffer, record)
        });
        let outcome = answer.seen_to_fail(outcome, &self.sniffer, record);
        said(with_dumped(outcome, dumped), session, record, cx)
    }
}
