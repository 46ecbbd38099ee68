//! A response on its way from the wire to the terminal, pipe or file, and to its exit code.

mod delivery;
mod receive;
pub(crate) mod whole;

use std::path::Path;

use http::Method;

use self::delivery::Reader;
pub(crate) use self::delivery::{cannot_write, check_files, dump_head, finish, open, unwritten};
pub(crate) use self::receive::{has_no_body, read_body};
use crate::engine::session::Session;
use crate::engine::{CallEnd, Context};
use crate::error::{Failure, Result};
use crate::exchange::{Exchange, Head};
use crate::exit::Exit;
use crate::output::body::{BodyOutput, Destination};
use crate::output::file::is_terminal;
use crate::output::progress::Meter;
use crate::output::record::{Attempts, Received, Record};
use crate::output::status;
use crate::output::verbose;
use crate::output::view::{Screen, View};
use crate::plan::call::Reading;
use crate::plan::delivery::ErrorBody;
use crate::text::lexical;
use crate::text::terminal::sanitise_text;
use crate::verdict::checks::{self, Checked};
use crate::verdict::explain::{self, ResponseHead};
use crate::verdict::sniff::Sniffer;
use crate::verdict::{self, AnsweredBy, Evidence, Verdict};

/// What ends the reading of a body early.
pub(crate) enum Stop {
    Failed(Failure),
    /// The reader of our output has gone: the rest is not read.
    ClosedPipe,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(failure)
    }
}

/// Reads a response's body, passes it on, says how it went, and returns what it means. The call
/// fails when the response is not whole, is not what was asked for or expected, or cannot be
/// written.
pub(crate) async fn deliver(
    exchange: Exchange,
    reading: &Reading,
    session: &Session<'_>,
    cx: &Context,
) -> CallEnd {
    show_head(&exchange.head, session, cx);
    let attempts = session.attempts().clone();
    let mut response = Incoming {
        sniffer: Sniffer::new(attempts.server().is_some()),
        record: Record {
            attempts,
            received: Received::default(),
        },
        exchange,
        reading,
        session,
        cx,
    };
    let dumped = dump_head(&response.exchange.head.block, session);
    let read = response.read().await;
    response.record.attempts.timings = Some(response.exchange.timings());
    response.end(read, dumped)
}

/// Returns how a call ended whose header block may not have been written: the body has been passed
/// on all the same.
fn with_dumped(outcome: Result<Exit, Stop>, dumped: Result<(), Stop>) -> Result<Exit, Stop> {
    match (outcome, dumped) {
        (Err(Stop::Failed(call)), Err(Stop::Failed(write))) => {
            Err(Stop::Failed(unwritten(call, write)))
        }
        (_, Err(Stop::Failed(write))) => Err(Stop::Failed(write)),
        (outcome, _) => outcome,
    }
}

/// Says how a call went when it has ended.
fn said(
    outcome: Result<Exit, Stop>,
    session: &Session<'_>,
    record: &Record,
    cx: &Context,
) -> Result<Exit> {
    let outcome = match outcome {
        Err(Stop::ClosedPipe) => return Ok(Exit::Ok),
        Err(Stop::Failed(failure)) => Err(failure),
        Ok(exit) => Ok(exit),
    };
    say(session, record, cx);
    outcome
}

/// Shows a response's header block where `-v` asks for it.
pub(crate) fn show_head(head: &Head, session: &Session<'_>, cx: &Context) {
    if session.delivery.notes.verbose {
        cx.notes(&verbose::head(&head.block, session.about().redactor));
    }
}

/// Writes the status line, and with `-v` the phases.
pub(crate) fn say(session: &Session<'_>, record: &Record, cx: &Context) {
    let notes = session.delivery.notes;
    let width = cx.env.stderr_terminal.then(|| cx.env.columns());
    if notes.verbose {
        cx.notes(&status::phases(record, &cx.stderr_theme, width));
    }
    if !notes.no_status_line {
        cx.notes(&[status::line(record, &cx.stderr_theme, width)]);
    }
}

/// Judges a response whose body has been seen.
fn judge(head: &Head, reading: &Reading, sniffer: &Sniffer, attempts: &Attempts) -> Verdict {
    let evidence = Evidence {
        status: head.status,
        body_due: !reading.head_only && !has_no_body(head.status),
        timed: attempts.server().is_some(),
        other_than_json: reading.other_than_json,
        body: sniffer,
    };
    let mut verdict = verdict::judge(&evidence);
    if is_gone_on_a_retry(&verdict, head, attempts) {
        verdict.exit = Exit::Ok;
    }
    let is_wanted = reading
        .checks
        .statuses
        .as_ref()
        .map(|wanted| wanted.contain(head.status));
    match (is_wanted, verdict.exit) {
        // The wanted status takes the place of the HTTP class, when it is Re:infer that says so.
        (Some(true), Exit::Redirect) => verdict.exit = Exit::Ok,
        (Some(true), Exit::Caller | Exit::Platform)
            if head.status >= 400 && verdict.answered_by == AnsweredBy::Platform =>
        {
            verdict.exit = Exit::Ok;
        }
        (Some(false), Exit::Redirect | Exit::Caller | Exit::Platform) if head.status >= 300 => {
            verdict.is_unexpected = true;
        }
        _ => {}
    }
    verdict
}

/// Returns whether a DELETE was retried and the platform itself then said that it does not exist:
/// that is what was wanted, whoever deleted it.
fn is_gone_on_a_retry(verdict: &Verdict, head: &Head, attempts: &Attempts) -> bool {
    attempts.method == Some(Method::DELETE)
        && attempts.retries > 0
        && head.status == 404
        && verdict.answered_by == AnsweredBy::Platform
}

/// Explains a response that is not what was asked for; `None` when all is well.
fn explain_response(
    verdict: Verdict,
    head: &Head,
    sniffer: &Sniffer,
    session: &Session<'_>,
) -> Option<Failure> {
    // What a message needs is looked up where there is one.
    if verdict.exit == Exit::Ok && !verdict.is_unexpected {
        return None;
    }
    let shown = ResponseHead {
        status: head.status,
        reason: &head.reason,
        headers: &head.headers,
    };
    let mut failure = explain::response(verdict, &shown, sniffer, &session.about())?;
    if verdict.is_unexpected {
        failure.exit = Exit::Unmet;
        failure.headline = format!("not the expected status: {}", failure.headline);
    }
    Some(failure)
}

/// One response whose header block is there.
struct Incoming<'a> {
    exchange: Exchange,
    sniffer: Sniffer,
    record: Record,
    reading: &'a Reading,
    session: &'a Session<'a>,
    cx: &'a Context,
}

impl Incoming<'_> {
    /// Opens the output and writes the header block where that is asked for.
    fn begin(&self) -> Result<Reader, Stop> {
        let (mut output, unwritten) = match self.open_output() {
            Ok(output) => (output, None),
            Err(Stop::Failed(failure)) if self.file().is_some() => (self.nowhere()?, Some(failure)),
            Err(stop) => return Err(stop),
        };
        if self.session.delivery.include_headers || self.reading.head_only {
            output
                .push_head(&self.exchange.head.block)
                .map_err(|error| cannot_write(&error))?;
        }
        // With headers or a format of its own the body is shown as it is.
        let output_is_screen = self.cx.env.stdout_terminal
            && self.session.delivery.file.is_none()
            && self.session.delivery.error_body == ErrorBody::Raw
            && !self.session.delivery.include_headers
            && self.reading.view.is_automatic();
        let is_success = (200..300).contains(&self.exchange.head.status);
        let is_looked_at = !self.reading.checks.expects.is_empty() && !self.failed();
        Ok(Reader {
            output,
            trouble: None,
            kept: is_looked_at.then(Vec::new),
            page: (self.reading.pages.is_some() && is_success && !self.is_silent()).then(Vec::new),
            held_back: (self.reading.view.is_layout() && is_success).then(Vec::new),
            envelope: (self.failed() && output_is_screen).then(Vec::new),
            is_closed: false,
            file: self.file().map(Path::to_owned),
            unwritten,
        })
    }

    /// Returns an output instead of a file that could be opened before the request was sent,
    /// and no longer can.
    fn nowhere(&self) -> Result<BodyOutput, Stop> {
        let screen = Screen {
            terminal: false,
            width: None,
            theme: self.cx.stdout_theme.clone(),
        };
        open(&Destination::Nowhere, &View::raw(), &screen, None)
    }

    /// Reads the body into its output.
    async fn read(&mut self) -> Result<Reader, Stop> {
        let mut reader = self.begin()?;
        let mut meter = self.meter(&reader);
        let length = self.length();
        let read = read_body(
            &mut self.exchange,
            self.reading,
            self.session,
            &mut self.sniffer,
            &mut self.record.received.coded_bytes,
            &mut |chunk, sniffer| {
                if let Some(meter) = &mut meter {
                    meter.download(sniffer.seen(), length);
                }
                reader.take(chunk, sniffer)
            },
        )
        .await;
        drop(meter);
        if read.is_err() {
            // What has come is shown; that it broke off is what is reported.
            let _shown = reader.show_envelope();
            reader.output.break_off();
            if reader.unwritten.is_some() {
                self.show_beginning();
            }
        }
        read.map(|()| reader)
    }

    /// Begins to show how a file comes in.
    fn meter(&self, reader: &Reader) -> Option<Meter> {
        let is_shown = reader.output.is_file() && !self.session.delivery.notes.no_progress;
        is_shown.then(|| Meter::start(&self.cx.env, true))
    }

    /// Returns how long the body will be, where that is known: not of a coded one.
    fn length(&self) -> Option<u64> {
        let headers = &self.exchange.head.headers;
        if headers.contains_key("content-encoding") {
            return None;
        }
        headers.get("content-length")?.to_str().ok()?.parse().ok()
    }

    /// Returns whether the status says that the response is not what was asked for.
    fn failed(&self) -> bool {
        self.reading.is_failure(self.exchange.head.status)
    }

    /// Returns the file of `-o`, which a response that is not what was asked for does not get.
    fn file(&self) -> Option<&Path> {
        let file = self.session.delivery.file.as_deref();
        file.filter(|_| !self.failed())
    }

    /// Returns whether there is no body to be shown.
    fn is_empty(&self) -> bool {
        let head = &self.exchange.head;
        let length = head.headers.get(http::header::CONTENT_LENGTH);
        self.reading.head_only
            || has_no_body(head.status)
            || length.is_some_and(|length| length == "0")
    }

    /// Decides where the body goes and how it is shown.
    fn open_output(&self) -> Result<BodyOutput, Stop> {
        let delivery = &self.session.delivery;
        let cx = self.cx;
        let raw;
        let mut view = &self.reading.view;
        let (destination, terminal) = match delivery.file.as_deref() {
            _ if self.failed()
                && delivery.error_body == ErrorBody::Dropped
                && self.exchange.head.status >= 400 =>
            {
                (Destination::Nowhere, false)
            }
            Some(_) if self.failed() => (
                Destination::StandardError {
                    commands: cx.env.is_read_for_commands(),
                },
                cx.env.stderr_terminal,
            ),
            Some(file) => (Destination::File(file), is_terminal(file)),
            None if self.failed()
                && view.is_rendered()
                && delivery.error_body != ErrorBody::Kept =>
            {
                (Destination::Nowhere, false)
            }
            None => (Destination::StandardOutput, cx.env.stdout_terminal),
        };
        if self.is_empty() || (self.failed() && view.is_rendered()) {
            raw = View::raw();
            view = &raw;
        }
        let theme = if matches!(destination, Destination::StandardError { .. }) {
            cx.stderr_theme.clone()
        } else {
            cx.stdout_theme.clone()
        };
        let screen = Screen {
            terminal,
            width: terminal.then(|| cx.env.columns()),
            theme,
        };
        let secret = terminal.then(|| self.session.secret());
        open(&destination, view, &screen, secret)
    }

    /// Shows on standard error what came instead of a file's content, or could not be written
    /// to the file, as far as it was kept.
    fn show_beginning(&self) {
        let text = String::from_utf8_lossy(self.sniffer.beginning());
        let text = self.session.about().redactor.clean(&text);
        self.cx.notes(&[sanitise_text(&text).into_owned()]);
    }

    /// Ends the call when the body has been read, or its reading was ended.
    fn end(mut self, read: Result<Reader, Stop>, dumped: Result<(), Stop>) -> CallEnd {
        self.record.received.bytes = self.sniffer.seen();
        let concluded = read.and_then(|read| self.conclude(read));
        let outcome = with_dumped(self.seen_to_fail(concluded), dumped);
        CallEnd {
            outcome: said(outcome, self.session, &self.record, self.cx),
            record: self.record,
        }
    }

    /// Judges the response by what has been seen of its body.
    fn judge(&mut self) -> (Verdict, Option<Failure>) {
        let (head, sniffer) = (&self.exchange.head, &self.sniffer);
        let verdict = judge(head, self.reading, sniffer, &self.record.attempts);
        self.record.received.answered_by = Some(verdict.answered_by);
        let failure = explain_response(verdict, head, sniffer, self.session);
        (verdict, failure)
    }

    /// Judges the response and finishes its output.
    fn conclude(&mut self, mut read: Reader) -> Result<Exit, Stop> {
        let (verdict, failure) = self.judge();
        if let Some(failure) = failure {
            return Err(self.conclude_failed(read, failure));
        }
        read.let_go()?;
        read.show_envelope()?;
        if let Some(failure) = read.unwritten.take() {
            self.show_beginning();
            return Err(Stop::Failed(failure));
        }
        if let Some(failure) = read.trouble.take() {
            return Err(Stop::Failed(failure));
        }
        let unmet = self.check(read.kept.as_deref());
        if let (Some(failure), true) = (&unmet, read.output.is_file()) {
            let kept = failure.clone().fact("the file stays as it was");
            return Err(Stop::Failed(kept));
        }
        if is_gone_on_a_retry(&verdict, &self.exchange.head, &self.record.attempts) {
            self.cx.notes(&[
                "note: the retry returned 404: it does not exist, which counts as deleted"
                    .to_owned(),
            ]);
        }
        let page = read.page.take();
        self.record.received.items = read.output.items();
        self.record.received.file = self
            .session
            .delivery
            .file
            .as_deref()
            .filter(|_| read.output.is_file())
            .map(|file| file.to_string_lossy().into_owned());
        match read.finish() {
            Ok(note) => note.iter().for_each(|note| self.cx.warn(note)),
            Err(stop) => {
                if self.file().is_some() {
                    self.show_beginning();
                }
                return Err(stop);
            }
        }
        match unmet {
            Some(failure) => Err(Stop::Failed(failure)),
            None => {
                self.note_more_pages(page.as_deref());
                Ok(Exit::Ok)
            }
        }
    }

    /// Returns whether `-s` leaves out notes.
    fn is_silent(&self) -> bool {
        self.session.delivery.notes.no_progress
    }

    /// Says that there are more items than the response has, where it says so itself.
    fn note_more_pages(&self, page: Option<&[u8]>) {
        let (Some(recipe), Some(page)) = (&self.reading.pages, page) else {
            return;
        };
        if lexical::check(page).is_err() {
            return;
        }
        if let Some(count) = recipe.items_before_more(page) {
            let items = status::counted(count as u64, "item", "items");
            self.cx.notes(&[format!(
                "note: {items} shown and there are more; add --paginate for all of them"
            )]);
        }
    }

    /// Finishes the output of a response that is not what was asked for.
    fn conclude_failed(&self, mut read: Reader, failure: Failure) -> Stop {
        if let Some(write) = read.unwritten.take() {
            self.show_beginning();
            return Stop::Failed(unwritten(failure, write));
        }
        if read.output.is_file() {
            self.show_beginning();
        } else if self.failed() || !self.reading.view.is_rendered() {
            let head = &self.exchange.head;
            let status = format!("{} {}", head.status, head.reason);
            let folded = read.fold_envelope(&failure.headline, status.trim_end());
            if let Err(stop) = folded.and_then(|()| read.finish().map(drop)) {
                return stop;
            }
        }
        Stop::Failed(failure)
    }

    /// Where the reader of our output has gone before the end, tells a failure from a response of
    /// which no more is wanted, by what has come until then.
    fn seen_to_fail(&mut self, outcome: Result<Exit, Stop>) -> Result<Exit, Stop> {
        let Err(Stop::ClosedPipe) = outcome else {
            return outcome;
        };
        let (verdict, failure) = self.judge();
        // The mark of Re:infer's can be in what has not come.
        let is_open = verdict.exit == Exit::NotReinfer && !self.sniffer.is_html();
        match failure.filter(|_| !is_open).or_else(|| self.check(None)) {
            Some(failure) => Err(Stop::Failed(failure)),
            None => outcome,
        }
    }

    /// Checks the response against what is expected of it; returns the failure when something was
    /// not met.
    fn check(&mut self, body: Option<&[u8]>) -> Option<Failure> {
        self.record.received.checks = checked(&self.record.attempts, body, self.reading);
        checks::failure(&self.record.received.checks)
    }
}

/// Checks the response to the last attempt against what is expected of it.
pub(crate) fn checked(attempts: &Attempts, body: Option<&[u8]>, reading: &Reading) -> Vec<Checked> {
    if reading.checks.is_empty() {
        return Vec::new();
    }
    let timings = attempts.timings.as_ref();
    let seen = checks::Seen {
        status: attempts.status().unwrap_or_default(),
        server: attempts.server(),
        total: timings.map(|timings| timings.total).unwrap_or_default(),
        body: body.unwrap_or_default(),
    };
    checks::check(&reading.checks, &seen)
}
