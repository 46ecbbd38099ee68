//! `--paginate`: reads page after page into one output and saves its progress.

use std::path::Path;
use std::sync::Arc;

use crate::engine::response::whole::Whole;
use crate::engine::response::{self, Stop};
use crate::engine::resume::{Resumed, not_resumable};
use crate::engine::session::Session;
use crate::engine::{CallEnd, Context};
use crate::error::{Failure, Result};
use crate::exchange::timing::Timings;
use crate::exit::Exit;
use crate::output::body::{BodyOutput, Destination, Trouble};
use crate::output::file::{cannot_write, is_terminal};
use crate::output::items::columns::Columns;
use crate::output::progress::Meter;
use crate::output::record::{Received, Record};
use crate::output::status::counted;
use crate::output::view::Screen;
use crate::plan::call::Reading;
use crate::plan::paging::{Next, PagePlan, Pager, Recipe};
use crate::request::Request;
use crate::signal;
use crate::state::Progress;
use crate::text::lexical;
use crate::text::terminal::sanitise;
use crate::verdict::AnsweredBy;
use crate::verdict::checks::{self, Checked};
use crate::verdict::server_timing::Metric;

/// How large a page may be: it is held until it is known to be whole.
pub(crate) const MAX_PAGE: u64 = 64 * 1024 * 1024;

/// Says that an earlier run has read and written everything.
pub(crate) fn nothing_left(resumed: &Resumed, cx: &Context) -> Exit {
    cx.notes(&[format!(
        "note: nothing left to do: all {} pages were read and written",
        resumed.progress.pages
    )]);
    Exit::Ok
}

/// What ends the reading of pages before the last.
enum Ended {
    /// The first response was no page: it has been passed on as it is.
    PassedOn(Box<CallEnd>),
    ClosedPipe,
    Stopped(Failure),
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Failed(failure) => Ended::Stopped(failure),
            Stop::ClosedPipe => Ended::ClosedPipe,
        }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Ended::Stopped(failure)
    }
}

/// All pages of a call.
pub(crate) struct Pages<'a> {
    first: Request,
    recipe: Recipe,
    limit: Option<u64>,
    max_pages: Option<u64>,
    pager: Pager,
    reading: &'a Reading,
    /// What an earlier run has reached, and with it where this one began.
    resumed: Resumed,
    progress: Progress,
    output: Option<BodyOutput>,
    /// What of the pages was not as expected, by the first page that was not.
    checks: Vec<Checked>,
    /// Why the header block could not be written.
    undumped: Option<Failure>,
    totals: Totals,
    /// Who gave the last page.
    answered_by: Option<AnsweredBy>,
    cx: &'a Context,
}

/// The times and sizes of all pages together.
#[derive(Default)]
pub(crate) struct Totals {
    bytes: u64,
    coded_bytes: u64,
    /// The platform's own time, where the response has it.
    server: Option<f64>,
    timings: Timings,
}

impl Totals {
    /// Adds those of a page.
    pub(crate) fn add(&mut self, record: &Record) {
        let Record { attempts, received } = record;
        self.bytes += received.bytes;
        self.coded_bytes += received.coded_bytes;
        let timings = attempts.timings.unwrap_or_default();
        self.timings.total += timings.total;
        let first_byte = self.timings.first_byte.unwrap_or_default();
        self.timings.first_byte = Some(first_byte + timings.first_byte.unwrap_or_default());
        if let Some(server) = attempts.server() {
            self.server = Some(self.server.unwrap_or(0.0) + server);
        }
    }

    /// Reports those of all pages instead of the last one's.
    pub(crate) fn write(&self, record: &mut Record) {
        record.received.bytes = self.bytes;
        record.received.coded_bytes = self.coded_bytes;
        record.attempts.timings = Some(self.timings);
        if let Some(response) = &mut record.attempts.response {
            Arc::make_mut(response).metrics = self.server.map(Metric::total).into_iter().collect();
        }
    }
}

impl<'a> Pages<'a> {
    /// Begins, or resumes from where an earlier run has come to.
    pub(crate) fn new(
        first: Request,
        wanted: PagePlan,
        reading: &'a Reading,
        resumed: Resumed,
        cx: &'a Context,
    ) -> Self {
        let PagePlan {
            recipe,
            limit,
            max_pages,
            state: _,
        } = wanted;
        let pager = Pager::new(recipe.clone(), resumed.progress.cursor.as_deref());
        let mut progress = resumed.progress.clone();
        if progress.pages == 0 {
            let columns = reading.view.columns.iter().flat_map(Columns::paths);
            progress.columns = columns.map(ToString::to_string).collect();
        }
        Pages {
            first,
            recipe,
            limit,
            max_pages,
            pager,
            reading,
            resumed,
            progress,
            output: None,
            checks: Vec::new(),
            undumped: None,
            totals: Totals::default(),
            answered_by: None,
            cx,
        }
    }

    /// Reads all pages. The call fails with the first page's own code, with 18 when a later
    /// one does not come or the end is not reached, and with 11 when a page is not as expected.
    pub(crate) async fn run(mut self, session: &mut Session<'_>) -> CallEnd {
        session.hold_bodies(MAX_PAGE);
        let ended = signal::unless_interrupted(self.all(session)).await;
        session.show(&self.first);
        let mut record = Record {
            attempts: session.attempts().clone(),
            received: Received {
                answered_by: self.answered_by,
                pages: Some(self.progress.pages),
                checks: std::mem::take(&mut self.checks),
                ..Received::default()
            },
        };
        self.totals.write(&mut record);
        let stopped = match ended {
            Some(Err(Ended::PassedOn(end))) => return *end,
            Some(Err(Ended::ClosedPipe)) => {
                let outcome = Ok(Exit::Ok);
                return CallEnd { record, outcome };
            }
            Some(Ok(())) => None,
            Some(Err(Ended::Stopped(failure))) => Some(failure),
            None => Some(Failure::new(Exit::Interrupted, "interrupted")),
        };
        let unmet = self.unmet(&record);
        let is_complete = stopped.is_none() && unmet.is_none();
        let part = self.output.as_ref().and_then(BodyOutput::part);
        let part = part.map(Path::to_path_buf);
        let finished = self.finish(is_complete, session.delivery.file.as_deref());
        let is_counted = self.reading.view.filter.is_none();
        record.received.items = is_counted.then_some(self.progress.items);
        if !is_counted && self.progress.pages > 1 && !session.delivery.notes.no_progress {
            let pages = self.progress.pages;
            self.cx
                .notes(&[format!("note: -q ran on each of the {pages} pages")]);
        }
        response::say(session, &record, self.cx);
        let stopped = stopped.map(|failure| self.incomplete(failure, part.as_deref()));
        let outcome = self.outcome(stopped, unmet, finished);
        CallEnd { record, outcome }
    }

    /// Returns how the call ended.
    fn outcome(
        self,
        stopped: Option<Failure>,
        unmet: Option<Failure>,
        finished: Result<(), Stop>,
    ) -> Result<Exit> {
        let failure = match (stopped, unmet) {
            (Some(mut stopped), Some(unmet)) => {
                stopped.facts.extend(unmet.facts);
                Some(stopped)
            }
            (stopped, unmet) => stopped.or(unmet),
        };
        let outcome = match (failure, finished) {
            (Some(failure), _) | (None, Err(Stop::Failed(failure))) => Err(failure),
            (None, Err(Stop::ClosedPipe) | Ok(())) => Ok(Exit::Ok),
        };
        match (outcome, self.undumped) {
            (outcome, None) => outcome,
            (Ok(_), Some(write)) => Err(write),
            (Err(failure), Some(write)) => Err(response::unwritten(failure, write)),
        }
    }

    /// Returns the failure when pages were not as expected.
    fn unmet(&self, record: &Record) -> Option<Failure> {
        let failure = checks::failure(&record.received.checks)?;
        let is_file = self.output.as_ref().is_some_and(BodyOutput::is_file);
        Some(if is_file {
            failure.fact("the file stays as it was")
        } else {
            failure
        })
    }

    async fn all(&mut self, session: &mut Session<'_>) -> Result<(), Ended> {
        let (limit, most) = (self.limit, self.max_pages);
        let mut meter = Meter::start(&self.cx.env, session.delivery.file.is_some());
        if self.resumed.is_read() {
            self.output = Some(self.begun_output(session)?);
            self.progress.finished = true;
            return Ok(());
        }
        loop {
            let request = match &self.progress.cursor {
                Some(cursor) => self.recipe.request(&self.first, cursor)?,
                None => self.recipe.first(&self.first)?,
            };
            let page = self.page(session, request).await?;
            lexical::checked("the page", &page, Exit::Local)?;
            self.write(&page, session)?;
            let next = self.pager.next(&page);
            drop(page);
            self.progress.pages += 1;
            self.progress.cursor = match &next {
                Next::Page(cursor) | Next::Repeated(cursor) => Some(cursor.clone()),
                Next::End => None,
            };
            self.progress.finished = next == Next::End;
            self.save()?;
            meter.update(self.progress.pages, self.progress.items, self.totals.server);
            let is_enough = self
                .output
                .as_ref()
                .is_some_and(|output| output.is_enough(limit));
            match next {
                Next::End => return Ok(()),
                _ if is_enough => return Ok(()),
                Next::Repeated(_) => {
                    return Err(Failure::new(
                        Exit::Incomplete,
                        "the server's cursor does not move on",
                    )
                    .into());
                }
                Next::Page(_)
                    if most.is_some_and(|most| {
                        self.progress.pages - self.resumed.progress.pages >= most
                    }) =>
                {
                    return Err(Failure::new(
                        Exit::Incomplete,
                        "--max-pages was reached, and there is more",
                    )
                    .into());
                }
                Next::Page(_) => {}
            }
        }
    }

    /// Reads one page whole, and judges it.
    async fn page(
        &mut self,
        session: &mut Session<'_>,
        request: Request,
    ) -> Result<Vec<u8>, Ended> {
        let exchange = session.open(request).await?;
        if self.progress.pages == 0 && exchange.head.status >= 300 {
            let passed_on = response::deliver(exchange, self.reading, session, self.cx).await;
            return Err(self.passed_on(passed_on));
        }
        response::show_head(&exchange.head, session, self.cx);
        let mut whole = Whole::read(exchange, MAX_PAGE, self.reading, session).await?;
        let judged = whole.judge(self.reading, session);
        self.totals.add(&whole.record);
        self.answered_by = whole.record.received.answered_by;
        if self.progress.pages == 0 {
            if judged.is_err() {
                let passed_on = whole.deliver(self.reading, session, self.cx);
                return Err(self.passed_on(passed_on));
            }
            match response::dump_head(&whole.exchange.head.block, session) {
                Err(Stop::Failed(failure)) => self.undumped = Some(failure),
                dumped => dumped?,
            }
        }
        judged?;
        let checks = response::checked(&whole.record.attempts, Some(&whole.body), self.reading);
        match checks::failure(&checks) {
            // A page that is recorded is never read again, so one that is not as expected is not.
            Some(failure) if self.resumed.state.is_some() => {
                self.checks = checks;
                return Err(failure.into());
            }
            _ => self.add_checks(&checks),
        }
        Ok(whole.into_json())
    }

    fn passed_on(&self, mut end: CallEnd) -> Ended {
        end.record.received.pages = Some(self.progress.pages);
        Ended::PassedOn(Box::new(end))
    }

    /// Adds what of a page is not as expected.
    fn add_checks(&mut self, checks: &[Checked]) {
        if self.checks.is_empty() {
            self.checks = checks.to_vec();
            self.checks
                .iter_mut()
                .for_each(|check| check.problem = None);
        }
        let page = self.progress.pages + 1;
        for (kept, of_page) in self.checks.iter_mut().zip(checks) {
            if kept.problem.is_none() {
                let problem = of_page.problem.as_ref();
                kept.problem = problem.map(|problem| format!("page {page}: {problem}"));
            }
        }
    }

    fn write(&mut self, page: &[u8], session: &Session<'_>) -> Result<(), Ended> {
        let output = match &mut self.output {
            Some(output) => output,
            None => self.output.insert(self.begun_output(session)?),
        };
        output.page(page).map_err(stop)?;
        self.progress.items = self.resumed.progress.items + output.items().unwrap_or(0);
        Ok(())
    }

    fn begun_output(&self, session: &Session<'_>) -> Result<BodyOutput, Ended> {
        let cx = self.cx;
        let file = session.delivery.file.as_deref();
        let (destination, terminal) = match file {
            Some(file) => (Destination::File(file), is_terminal(file)),
            None => (Destination::StandardOutput, cx.env.stdout_terminal),
        };
        let screen = Screen {
            terminal,
            width: terminal.then(|| cx.env.columns()),
            theme: cx.stdout_theme.clone(),
        };
        let view = self.resumed.view(&self.reading.view)?;
        let renderer = view.paged_renderer(&screen, self.limit, self.recipe.page_members());
        let secret = terminal.then(|| session.secret());
        let resumed = self.resumed.state.as_ref();
        let resumed = resumed.map(|_| self.resumed.progress.bytes);
        BodyOutput::open_paged(&destination, renderer, terminal, secret, resumed).map_err(|error| {
            let file = file.unwrap_or(Path::new("standard output"));
            Ended::Stopped(if resumed.is_some_and(|bytes| bytes > 0) {
                not_resumable(file, &error)
            } else {
                cannot_write(&file.to_string_lossy(), &error)
            })
        })
    }

    /// Records the place behind the page that has just been written.
    fn save(&mut self) -> Result<(), Ended> {
        let (Some(state), Some(output)) = (&self.resumed.state, &mut self.output) else {
            return Ok(());
        };
        self.progress.bytes = output
            .sync()
            .map_err(|error| response::cannot_write(&error))?;
        // The file is not in its place yet: that it is finished is recorded when it is.
        let recorded = Progress {
            finished: self.progress.finished && !output.is_file(),
            ..self.progress.clone()
        };
        state.save(&recorded)?;
        Ok(())
    }

    /// Ends the output, which may go to a file; an unfinished one only where it can be used as it is.
    fn finish(&mut self, complete: bool, file: Option<&Path>) -> Result<(), Stop> {
        let Some(output) = self.output.take() else {
            return Ok(());
        };
        let is_file = output.is_file();
        if !complete && is_file {
            return Ok(());
        }
        let note = response::finish(output)?;
        if let Some(note) = note {
            self.cx.warn(&note);
        }
        if let (true, Some(state)) = (is_file && self.progress.finished, &self.resumed.state) {
            if let Some(found) = file.and_then(|file| std::fs::metadata(file).ok()) {
                self.progress.bytes = found.len();
            }
            state.save(&self.progress)?;
        }
        Ok(())
    }

    /// Says what is missing and how to resume. A first page that failed has its own code.
    fn incomplete(&self, cause: Failure, part: Option<&Path>) -> Failure {
        if self.progress.pages == self.resumed.progress.pages
            && self.resumed.progress.pages == 0
            && cause.exit != Exit::Interrupted
        {
            return cause;
        }
        let exit = match cause.exit {
            code @ (Exit::Interrupted | Exit::Write | Exit::Unmet) => code,
            _ => Exit::Incomplete,
        };
        let mut failure = Failure::new(
            exit,
            format!(
                "incomplete after {}{}: {}",
                counted(self.progress.pages, "page", "pages"),
                match self.reading.view.filter {
                    Some(_) => String::new(),
                    None => format!(" and {}", counted(self.progress.items, "item", "items")),
                },
                cause.headline
            ),
        );
        failure.facts = cause.facts;
        if let Some(cursor) = &self.progress.cursor {
            failure = failure.fact(format!("next cursor: {}", sanitise(cursor)));
        }
        failure.hints = cause.hints;
        match (self.resumed.state.is_some(), part) {
            (true, Some(part)) => failure
                .fact(format!(
                    "the items so far are in {}, until the file is complete",
                    sanitise(&part.to_string_lossy())
                ))
                .hint("rerun the same command to resume here"),
            (true, None) => failure.hint("rerun the same command to resume here"),
            (false, Some(_)) => failure
                .fact("no file was written: -o writes complete files only")
                .hint("to keep what there is, add --state FILE: rerunning the command resumes here")
                .hint("to stop after N items without an error: --limit N"),
            (false, None) => {
                failure.hint("with --state FILE, rerunning the command would resume here")
            }
        }
    }
}

fn stop(trouble: Trouble) -> Ended {
    match trouble {
        Trouble::Write(error) => response::cannot_write(&error).into(),
        Trouble::Content(failure) => Ended::Stopped(failure),
    }
}
