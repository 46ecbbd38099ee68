//! The calls of a batch, one after the other.

use std::cell::Cell;
use std::collections::VecDeque;

use super::outbox::Ended;
use super::source::Source;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::input::rows::Row;
use crate::output::batch::{End, Outcome};
use crate::plan::batch::{Approval, Made, Maker, Recipe, Unit};
use crate::state::journal::Reached;
use crate::state::lines::LineSet;

/// Which rows are skipped, because of what earlier runs have done with them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Skipping {
    pub(crate) reached: Reached,
    /// Whether rows whose outcome is not known are sent again.
    pub(crate) resend_unknown: bool,
}

impl Skipping {
    /// Returns whether a row is sent.
    pub(crate) fn is_sent(&self, line: u64) -> bool {
        !self.reached.done.contains(line)
            && (self.resend_unknown || !self.reached.unknown.contains(line))
    }
}

/// What is next, and its place among the results.
pub(super) enum Fed {
    Call {
        place: u64,
        unit: Box<Unit>,
        /// Whether an earlier run has sent it, with an outcome that is not known.
        is_resent: bool,
    },
    Ended(u64, Box<Ended>),
}

/// What has been read.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) lines: Cell<u64>,
    pub(super) bytes: Cell<u64>,
    pub(super) earlier: Cell<u64>,
    /// The place of the result that comes next.
    pub(super) place: Cell<u64>,
}

fn add(cell: &Cell<u64>, more: u64) -> u64 {
    let before = cell.get();
    cell.set(before + more);
    before
}

/// Makes calls of the rows of a source.
pub(super) struct Feed<'j, 'a> {
    source: Source,
    maker: Maker<'j, 'a>,
    approval: Approval,
    skipping: Skipping,
    made: VecDeque<Made>,
    is_over: bool,
    /// Whether a call has been handed over.
    has_begun: bool,
}

impl<'j, 'a> Feed<'j, 'a> {
    /// Begins.
    pub(super) fn new(
        source: Source,
        recipe: &'j Recipe<'a>,
        approval: Approval,
        skipping: Skipping,
    ) -> Self {
        Feed {
            source,
            maker: Maker::new(recipe),
            approval,
            skipping,
            made: VecDeque::new(),
            is_over: false,
            has_begun: false,
        }
    }

    /// Returns the next call, or the outcome of a row that no call is made of.
    ///
    /// # Errors
    /// Fails when the input cannot be read, and (exit 9) when the first call is not to be sent.
    pub(super) async fn next(&mut self, counts: &Counts) -> Result<Option<Fed>> {
        loop {
            if let Some(made) = self.made.pop_front() {
                let place = add(&counts.place, 1);
                return self.fed(made, place).map(Some);
            }
            if self.is_over {
                return Ok(None);
            }
            let mut made = Vec::new();
            match self.source.next().await? {
                None => {
                    self.is_over = true;
                    self.maker.finish(&mut made);
                }
                Some(row) => {
                    add(&counts.lines, 1);
                    add(&counts.bytes, row.raw.held() as u64);
                    if self.skipping.reached.done.contains(row.line) {
                        add(&counts.earlier, 1);
                    } else if self.skipping.is_sent(row.line) {
                        self.maker.push(row, &mut made);
                    } else {
                        return Ok(Some(Fed::Ended(add(&counts.place, 1), unknown(row))));
                    }
                }
            }
            self.made = made.into();
        }
    }

    fn fed(&mut self, made: Made, place: u64) -> Result<Fed> {
        let unit = match made {
            Made::Bad(row, failure) => {
                return Ok(Fed::Ended(place, ended(row, End::Invalid(failure))));
            }
            Made::Call(unit) => unit,
        };
        match self.approval.check(&unit.call.judgement) {
            Ok(()) => {
                self.has_begun = true;
                let unknown = &self.skipping.reached.unknown;
                let mut rows = unit.rows.iter();
                Ok(Fed::Call {
                    place,
                    is_resent: rows.any(|waiting| unknown.contains(waiting.row.line)),
                    unit,
                })
            }
            Err(failure) if !self.has_begun => {
                Err(failure.fact(unit.lines().named()).fact("nothing was sent"))
            }
            Err(failure) => {
                let lines = unit.lines();
                let rows = unit.rows.into_iter().map(|waiting| waiting.row).collect();
                let outcome = Outcome::unsent(lines, End::Failed(failure));
                Ok(Fed::Ended(place, Box::new(Ended { outcome, rows })))
            }
        }
    }
}

fn ended(row: Row, end: End) -> Box<Ended> {
    let lines: LineSet = [row.line].into_iter().collect();
    Box::new(Ended {
        outcome: Outcome::unsent(lines, end),
        rows: vec![row],
    })
}

/// Returns the outcome of a row that an earlier run has sent.
fn unknown(row: Row) -> Box<Ended> {
    let failure = Failure::new(
        Exit::BatchFailed,
        "an earlier run sent it, and its outcome is not known",
    )
    .fact("it was not sent again")
    .hint("check it, or send it again with --resend-unknown");
    ended(row, End::Unknown(failure))
}
