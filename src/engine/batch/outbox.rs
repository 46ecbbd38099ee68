//! Results on their way out: in the order of the input, or as they come.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::input::rows::{Raw, Row};
use crate::output::batch::{End, Outcome, Results, Summary};

/// Which results are written, and in which order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Order {
    /// Whether a result is written as it comes, instead of the order of the input.
    pub(crate) unordered: bool,
    /// Whether results of calls that were done are left out.
    pub(crate) quiet_ok: bool,
}

/// An outcome with the rows that it is of.
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) rows: Vec<Row>,
}

/// `--failed`: the rows that failed, byte for byte.
pub(crate) struct FailedRows {
    path: PathBuf,
    file: File,
    /// The header of the input, until the first row is written.
    header: Option<Raw>,
    /// Whether what it held before is gone.
    is_begun: bool,
    ends_with_newline: bool,
}

impl FailedRows {
    /// Opens the file. What it holds stays until something has been sent.
    ///
    /// # Errors
    /// Fails (exit 2) when it cannot be opened.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        let file = options.open(path).map_err(|error| {
            Failure::unsent(format!(
                "cannot create {}: {}",
                path.display(),
                io_reason(&error)
            ))
        })?;
        Ok(FailedRows {
            path: path.to_owned(),
            file,
            header: None,
            is_begun: false,
            ends_with_newline: true,
        })
    }

    /// Writes the header of the input before the first row.
    pub(crate) fn set_header(&mut self, header: Raw) {
        self.header = Some(header);
    }

    /// Empties the file of an earlier run.
    fn begin(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.is_begun, true) {
            return Ok(());
        }
        // A pipe or terminal has nothing to be removed.
        let is_file = self.file.metadata().is_ok_and(|found| found.is_file());
        match is_file {
            true => self.file.set_len(0).map_err(|error| self.unwritten(&error)),
            false => Ok(()),
        }
    }

    fn unwritten(&self, error: &std::io::Error) -> Failure {
        Failure::new(
            Exit::Write,
            format!("cannot write {}: {}", self.path.display(), io_reason(error)),
        )
    }

    fn write(&mut self, row: &mut Row) -> Result<()> {
        self.begin()?;
        self.header
            .take()
            .map_or(Ok(()), |mut header| self.raw(&mut header))?;
        self.raw(&mut row.raw)
    }

    fn raw(&mut self, raw: &mut Raw) -> Result<()> {
        use std::io::Write;
        // The last row of an input may have no line end; another one must not be glued to it.
        let separated = match self.ends_with_newline {
            true => Ok(()),
            false => self.file.write_all(b"\n"),
        };
        self.ends_with_newline = match raw {
            Raw::Bytes(bytes) => bytes.ends_with(b"\n"),
            Raw::TooLong(_) => true,
        };
        separated
            .and_then(|()| raw.write_to(&mut self.file))
            .map_err(|error| self.unwritten(&error))
    }
}

/// Results that have not been handed over yet.
pub(crate) struct Outbox {
    order: Order,
    /// The place of the result that is written next.
    next: u64,
    waiting: BTreeMap<u64, Vec<Ended>>,
    /// How many bytes of bodies are waiting.
    held: usize,
    results: Results,
    /// What is ready to be written.
    pub(crate) out: Vec<u8>,
    pub(crate) failed: Option<FailedRows>,
    pub(crate) summary: Summary,
}

impl Outbox {
    /// Begins.
    pub(crate) fn new(
        order: Order,
        results: Results,
        failed: Option<FailedRows>,
        summary: Summary,
    ) -> Self {
        Outbox {
            order,
            next: 0,
            waiting: BTreeMap::new(),
            held: 0,
            results,
            out: Vec::new(),
            failed,
            summary,
        }
    }

    /// Returns how many calls beyond this place may be under way: further ones would have to be
    /// held until an earlier one has ended.
    pub(crate) fn has_room(&self, place: u64, window: u64, max_held: usize) -> bool {
        self.order.unordered || (place < self.next + window && self.held < max_held)
    }

    /// Takes what has come of the call at a place.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub(crate) fn put(&mut self, place: u64, ended: Vec<Ended>) -> Result<()> {
        for one in &ended {
            self.summary.add(&one.outcome);
        }
        if self.order.unordered {
            return self.write(ended);
        }
        self.held += size(&ended);
        self.waiting.insert(place, ended);
        while let Some(ended) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.held = self.held.saturating_sub(size(&ended));
            self.write(ended)?;
        }
        Ok(())
    }

    /// Writes what waits for results that will not come any more.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub(crate) fn give_up_order(&mut self) -> Result<()> {
        for ended in std::mem::take(&mut self.waiting).into_values() {
            self.write(ended)?;
        }
        Ok(())
    }

    /// Ends the results.
    ///
    /// # Errors
    /// Fails when they cannot be written.
    pub(crate) fn finish(&mut self) -> Result<Option<String>> {
        if let Some(failed) = self.failed.as_mut().filter(|_| self.summary.requests > 0) {
            failed.begin()?;
        }
        let Outbox { results, out, .. } = self;
        results.finish(out)
    }

    fn write(&mut self, ended: Vec<Ended>) -> Result<()> {
        for Ended { outcome, mut rows } in ended {
            if let (End::Failed(_) | End::Invalid(_), Some(failed)) =
                (&outcome.end, &mut self.failed)
            {
                for row in &mut rows {
                    failed.write(row)?;
                }
            }
            let is_left_out = self.order.quiet_ok && matches!(outcome.end, End::Done);
            if !is_left_out {
                self.results.push(&outcome.json(), &mut self.out)?;
            }
        }
        Ok(())
    }
}

fn size(ended: &[Ended]) -> usize {
    let rows = |one: &Ended| one.rows.iter().map(|row| row.raw.held()).sum::<usize>();
    ended
        .iter()
        .map(|one| one.outcome.body.len() + rows(one))
        .sum()
}
