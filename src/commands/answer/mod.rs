//! An answer on its way from the wire to the terminal, pipe or file, and to its exit code.

pub(crate) mod whole;

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::commands::Context;
use crate::commands::session::Session;
use crate::error::{Failure, Result, io_reason};
use crate::exchange::decode::{DecodeError, Decoder};
use crate::exchange::{Exchange, Head};
use crate::exit::Exit;
use crate::output::body::{BodyOutput, Destination, Trouble};
use crate::output::dump::Dump;
use crate::output::file::is_terminal;
use crate::output::progress::Meter;
use crate::output::record::Record;
use crate::output::status;
use crate::output::terminal::{sanitise, sanitise_text};
use crate::output::verbose;
use crate::output::view::{Screen, View};
use crate::plan::checks::Checks;
use crate::verdict::checks;
use crate::verdict::explain::{self, AnswerHead};
use crate::verdict::sniff::Sniffer;
use crate::verdict::{self, AnsweredBy, Evidence, Verdict};

/// How answers of a call are read and shown.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) view: View,
    /// The largest body, decoded.
    pub(crate) max_size: Option<u64>,
    /// Whether the headers are all that was asked for (HEAD).
    pub(crate) head_only: bool,
    /// Whether the endpoint is declared to answer with something else than JSON.
    pub(crate) other_than_json: bool,
    /// What the answer must be.
    pub(crate) checks: Checks,
}

impl Reading {
    /// Returns whether a status says that the answer is not what was asked for.
    fn is_failure(&self, status: u16) -> bool {
        let wanted = &self.checks.statuses;
        status >= 300 && !wanted.as_ref().is_some_and(|wanted| wanted.contain(status))
    }
}

/// What ends the reading of a body early.
pub(crate) enum Stop {
    Failed(Failure),
    /// The reader of our output has gone: nobody wants the rest.
    ClosedPipe,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(failure)
    }
}

/// How much of a body is held where a filter looks at it.
const MOST_HELD: u64 = 256 * 1024 * 1024;

/// Reads an answer's body, passes it on, says how it went, and returns what it means.
///
/// # Errors
/// Fails when the answer is not whole, is not what was asked for or expected, or cannot be
/// written.
pub(crate) async fn pass_on(
    exchange: Exchange,
    reading: &Reading,
    session: &Session<'_>,
    record: &mut Record,
    cx: &Context,
) -> Result<Exit> {
    show_head(&exchange.head, session, cx);
    let mut answer = Answer {
        exchange,
        reading,
        session,
        cx,
    };
    let mut sniffer = Sniffer::new(record.server().is_some());
    let mut received = 0;
    let read = answer.read(&mut sniffer, &mut received).await;
    record.received = received;
    record.bytes = sniffer.seen();
    record.timings = Some(answer.exchange.timings());
    let outcome = read.and_then(|read| answer.conclude(read, &sniffer, record));
    said(
        answer.seen_to_fail(outcome, &sniffer, record),
        session,
        record,
        cx,
    )
}

/// Keeps a piece of a body.
fn hold(body: &mut Vec<u8>, piece: &[u8], most: u64) -> Result<(), Stop> {
    if (body.len() + piece.len()) as u64 > most {
        return Err(Stop::Failed(
            Failure::new(
                Exit::TooLarge,
                format!(
                    "the answer is larger than {}, too large to be looked at as a whole",
                    status::size(most)
                ),
            )
            .hint("ask for less at a time, e.g. limit=100"),
        ));
    }
    body.extend_from_slice(piece);
    Ok(())
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

/// Shows an answer's head where `-v` asks for it.
pub(crate) fn show_head(head: &Head, session: &Session<'_>, cx: &Context) {
    if session.options.output.verbose {
        cx.notes(&verbose::head(&head.block, session.about().redactor));
    }
}

/// Writes the status line, and with `-v` the phases.
pub(crate) fn say(session: &Session<'_>, record: &Record, cx: &Context) {
    let output = &session.options.output;
    let width = cx.env.stderr_terminal.then(|| cx.env.columns());
    if output.verbose {
        cx.notes(&status::phases(record, &cx.stderr_theme, width));
    }
    let replaced = output.meta.as_deref().is_some_and(|file| file == "-");
    if !output.silent && !replaced {
        cx.notes(&[status::line(record, &cx.stderr_theme, width)]);
    }
}

/// What is done with each piece of a body, and with what has been seen until then.
pub(crate) type Taking<'a> = dyn FnMut(&[u8], &Sniffer) -> Result<(), Stop> + 'a;

/// Reads a body with its coding undone, piece by piece.
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
    let codings = exchange.head.headers.get_all("content-encoding");
    let mut decoder = if reading.head_only || has_no_body(exchange.head.status) {
        Decoder::identity()
    } else {
        Decoder::for_header(codings.iter().map(http::HeaderValue::as_bytes)).map_err(|coding| {
            Failure::new(
                Exit::Coding,
                format!("the body's content coding is not known: {coding}"),
            )
            .hint("ask for none: -H 'Accept-Encoding: identity'")
        })?
    };
    let max_size = reading.max_size;
    let mut take = |piece: &[u8]| {
        if let Some(most) = max_size
            && sniffer.seen() + piece.len() as u64 > most
        {
            return Err(Stop::Failed(Failure::new(
                Exit::TooLarge,
                format!("the body is larger than --max-size {}", status::size(most)),
            )));
        }
        sniffer.push(piece);
        sink(piece, sniffer)
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

/// Returns whether an answer of this status has no body, whatever its headers say of one.
pub(crate) fn has_no_body(status: u16) -> bool {
    matches!(status, 204 | 205 | 304)
}

/// Judges an answer whose body has been seen.
pub(crate) fn judge(
    head: &Head,
    reading: &Reading,
    sniffer: &Sniffer,
    record: &mut Record,
) -> Verdict {
    let evidence = Evidence {
        status: head.status,
        body_due: !reading.head_only && !has_no_body(head.status),
        timed: record.server().is_some(),
        other_than_json: reading.other_than_json,
        body: sniffer,
    };
    let mut verdict = verdict::judge(&evidence);
    if is_gone_on_a_retry(&verdict, head, record) {
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
    record.answered_by = Some(match verdict.answered_by {
        AnsweredBy::Platform => "reinfer",
        AnsweredBy::Intermediary => "intermediary",
    });
    verdict
}

/// Returns whether a DELETE was made again and the platform itself then said that there is nothing:
/// that is what was wanted, whoever it was that deleted it.
fn is_gone_on_a_retry(verdict: &Verdict, head: &Head, record: &Record) -> bool {
    record.method == "DELETE"
        && record.retries > 0
        && head.status == 404
        && verdict.answered_by == AnsweredBy::Platform
}

/// Explains an answer that is not what was asked for; `None` when all is well.
pub(crate) fn explain_answer(
    verdict: Verdict,
    head: &Head,
    sniffer: &Sniffer,
    session: &Session<'_>,
) -> Option<Failure> {
    let shown = AnswerHead {
        status: head.status,
        reason: &head.reason,
        headers: &head.headers,
    };
    let mut failure = explain::answer(verdict, &shown, sniffer, &session.about())?;
    if verdict.is_unexpected {
        failure.exit = Exit::Unmet;
        failure.headline = format!("not the expected status: {}", failure.headline);
    }
    Some(failure)
}

/// One answer whose head is there.
struct Answer<'a> {
    exchange: Exchange,
    reading: &'a Reading,
    session: &'a Session<'a>,
    cx: &'a Context,
}

/// Where a body has come to.
struct Reader {
    output: BodyOutput,
    /// What the format or filter could not use. It does not end the reading: who answered is told
    /// by all of the body.
    trouble: Option<Failure>,
    /// The body as far as it is needed when it is complete.
    kept: Option<Vec<u8>>,
    /// The beginning, where a failure that shows only in the body must print nothing.
    held_back: Option<Vec<u8>>,
    /// Whether the reader of our output has gone.
    is_closed: bool,
    /// The file or device that is written to, where it is not a standard stream.
    file: Option<PathBuf>,
}

impl Reader {
    fn take(&mut self, piece: &[u8], sniffer: &Sniffer) -> Result<(), Stop> {
        if let Some(kept) = &mut self.kept {
            hold(kept, piece, MOST_HELD)?;
        }
        if self.trouble.is_some() || self.is_closed {
            return Ok(());
        }
        if let Some(held_back) = &mut self.held_back {
            held_back.extend_from_slice(piece);
            if !sniffer.may_be_a_failure() {
                return self.let_go();
            }
            // What has shown itself as a failure is not shown.
            if sniffer.is_beyond_the_beginning() {
                held_back.clear();
            }
            return Ok(());
        }
        self.show(piece)
    }

    /// Shows what has been held back.
    fn let_go(&mut self) -> Result<(), Stop> {
        match self.held_back.take() {
            Some(held_back) => self.show(&held_back),
            None => Ok(()),
        }
    }

    fn show(&mut self, piece: &[u8]) -> Result<(), Stop> {
        match self.output.push(piece) {
            Ok(()) => Ok(()),
            Err(Trouble::Content(failure)) => {
                self.trouble = Some(failure);
                Ok(())
            }
            // What is expected of the answer is looked at even where nobody reads it.
            Err(Trouble::Write(error))
                if error.kind() == io::ErrorKind::BrokenPipe && self.kept.is_some() =>
            {
                self.is_closed = true;
                Ok(())
            }
            Err(Trouble::Write(error)) => Err(stopped(self.file.as_deref(), &error)),
        }
    }

    /// Ends the output; returns what is worth telling. That its reader has gone changes nothing.
    fn finish(self) -> Result<Option<String>, Stop> {
        match self.output.finish() {
            Ok(note) => Ok(note),
            Err(Trouble::Content(failure)) => Err(Stop::Failed(failure)),
            Err(Trouble::Write(error)) => match stopped(self.file.as_deref(), &error) {
                Stop::ClosedPipe => Ok(None),
                stop => Err(stop),
            },
        }
    }
}

impl Answer<'_> {
    /// Opens the output and writes the head where that is asked for.
    fn begin(&self) -> Result<Reader, Stop> {
        let mut output = self.open_output()?;
        self.write_head(&mut output)?;
        let is_success = (200..300).contains(&self.exchange.head.status);
        let is_looked_at = !self.reading.checks.expects.is_empty() && !self.failed();
        Ok(Reader {
            output,
            trouble: None,
            kept: is_looked_at.then(Vec::new),
            held_back: (self.reading.view.is_layout() && is_success).then(Vec::new),
            is_closed: false,
            file: self.file().map(Path::to_owned),
        })
    }

    /// Reads the body into its output.
    async fn read(&mut self, sniffer: &mut Sniffer, received: &mut u64) -> Result<Reader, Stop> {
        let mut reader = self.begin()?;
        let mut meter = self.meter(&reader);
        let (mut come, length) = (0, self.length());
        let read = read_body(
            &mut self.exchange,
            self.reading,
            self.session,
            sniffer,
            received,
            &mut |piece, sniffer| {
                come += piece.len() as u64;
                if let Some(meter) = &mut meter {
                    meter.download(come, length);
                }
                reader.take(piece, sniffer)
            },
        )
        .await;
        drop(meter);
        if read.is_err() {
            reader.output.break_off();
        }
        read.map(|()| reader)
    }

    /// Begins to show how a file comes in.
    fn meter(&self, reader: &Reader) -> Option<Meter> {
        let is_shown = reader.output.is_file() && !self.session.options.output.silent;
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

    /// Returns whether the status says that the answer is not what was asked for.
    fn failed(&self) -> bool {
        self.reading.is_failure(self.exchange.head.status)
    }

    /// Returns the file of `-o`, which an answer that is not what was asked for does not get.
    fn file(&self) -> Option<&Path> {
        let file = self.session.options.output.output.as_deref();
        file.filter(|file| *file != "-" && !self.failed())
            .map(Path::new)
    }

    /// Returns whether there is no body to be shown.
    fn is_empty(&self) -> bool {
        let head = &self.exchange.head;
        let length = head.headers.get(http::header::CONTENT_LENGTH);
        self.reading.head_only
            || matches!(head.status, 204 | 205 | 304)
            || length.is_some_and(|length| length == "0")
    }

    /// Decides where the body goes and how it is shown.
    fn open_output(&self) -> Result<BodyOutput, Stop> {
        let options = &self.session.options.output;
        let cx = self.cx;
        let raw;
        let mut view = &self.reading.view;
        let to_file = options.output.as_deref().filter(|file| *file != "-");
        let (destination, terminal) = match to_file {
            _ if self.failed() && options.fail && self.exchange.head.status >= 400 => {
                (Destination::Nowhere, false)
            }
            Some(_) if self.failed() => (
                Destination::StandardError {
                    commands: cx.env.is_github_actions(),
                },
                cx.env.stderr_terminal,
            ),
            Some(file) => {
                let file = Path::new(file);
                (Destination::File(file), is_terminal(file))
            }
            None if self.failed() && view.is_rendered() && !options.keep_error_body => {
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

    /// Writes the header block where `-i`, `-I` and `-D` want it.
    fn write_head(&self, output: &mut BodyOutput) -> Result<(), Stop> {
        let options = &self.session.options.output;
        let block = &self.exchange.head.block;
        if options.include || self.reading.head_only {
            output
                .push_head(block)
                .map_err(|error| cannot_write(&error))?;
        }
        dump_head(block, self.session)
    }

    /// Judges the answer and finishes its output.
    fn conclude(
        &self,
        mut read: Reader,
        sniffer: &Sniffer,
        record: &mut Record,
    ) -> Result<Exit, Stop> {
        let head = &self.exchange.head;
        let verdict = judge(head, self.reading, sniffer, record);
        if let Some(failure) = explain_answer(verdict, head, sniffer, self.session) {
            if read.output.is_file() {
                // The file stays as it was; what came in its place is shown, as far as it was kept.
                let text = String::from_utf8_lossy(sniffer.beginning());
                let text = record.redactor.clean(&text);
                self.cx.notes(&[sanitise_text(&text).into_owned()]);
            } else if self.failed() || !self.reading.view.is_rendered() {
                read.finish()?;
            }
            return Err(Stop::Failed(failure));
        }
        read.let_go()?;
        if let Some(failure) = read.trouble.take() {
            return Err(Stop::Failed(failure));
        }
        let unmet = checked(head.status, read.kept.as_deref(), self.reading, record);
        if let (Some(failure), true) = (&unmet, read.output.is_file()) {
            let kept = failure.clone().fact("the file stays as it was");
            return Err(Stop::Failed(kept));
        }
        if is_gone_on_a_retry(&verdict, head, record) {
            self.cx.notes(&[
                "note: Re:infer answers the retry with 404: it is not there, which counts as deleted"
                    .to_owned(),
            ]);
        }
        record.items = read.output.items();
        record.file = self
            .session
            .options
            .output
            .output
            .as_deref()
            .filter(|_| read.output.is_file())
            .map(|file| file.to_string_lossy().into_owned());
        if let Some(note) = read.finish()? {
            self.cx.warn(&note);
        }
        match unmet {
            Some(failure) => Err(Stop::Failed(failure)),
            None => Ok(Exit::Ok),
        }
    }

    /// Where the reader of our output has gone before the end, tells a failure from an answer of
    /// which no more is wanted, by what has come until then.
    fn seen_to_fail(
        &self,
        outcome: Result<Exit, Stop>,
        sniffer: &Sniffer,
        record: &mut Record,
    ) -> Result<Exit, Stop> {
        let Err(Stop::ClosedPipe) = outcome else {
            return outcome;
        };
        let head = &self.exchange.head;
        let verdict = judge(head, self.reading, sniffer, record);
        // The mark of Re:infer's can stand in what has not come.
        let is_open = verdict.exit == Exit::NotReinfer && !sniffer.is_html();
        if !is_open && let Some(failure) = explain_answer(verdict, head, sniffer, self.session) {
            return Err(Stop::Failed(failure));
        }
        match checked(head.status, None, self.reading, record) {
            Some(failure) => Err(Stop::Failed(failure)),
            None => outcome,
        }
    }
}

/// Checks an answer against what is expected of it, notes the outcome, and returns the failure
/// when something was not met.
pub(crate) fn checked(
    status: u16,
    body: Option<&[u8]>,
    reading: &Reading,
    record: &mut Record,
) -> Option<Failure> {
    if reading.checks.is_empty() {
        return None;
    }
    let seen = checks::Seen {
        status,
        server: record.server(),
        total: record
            .timings
            .map(|timings| timings.total)
            .unwrap_or_default(),
        body: body.unwrap_or_default(),
    };
    record.checks = checks::check(&reading.checks, &seen);
    checks::failure(&record.checks)
}

/// Opens where an answer goes to.
///
/// # Errors
/// Fails when it cannot be written to.
pub(crate) fn open(
    destination: &Destination<'_>,
    view: &View,
    screen: &Screen,
    secret: Option<crate::secret::Secret>,
) -> Result<BodyOutput, Stop> {
    BodyOutput::open(destination, view, screen, secret, None).map_err(|error| match destination {
        Destination::File(path) => Stop::Failed(cannot_write_file(path, &error)),
        _ => cannot_write(&error),
    })
}

/// Writes the header block where `-D` wants it.
pub(crate) fn dump_head(block: &[u8], session: &Session<'_>) -> Result<(), Stop> {
    let Some(place) = session.options.output.dump_header.as_deref() else {
        return Ok(());
    };
    let named = (place != "-").then(|| Path::new(place));
    Dump::open(place, Some(session.secret()))
        .and_then(|mut dump| dump.write(block))
        .map_err(|error| stopped(named, &error))
}

/// Says that the output, or the file that it is, could not be written.
fn stopped(file: Option<&Path>, error: &io::Error) -> Stop {
    match file {
        Some(file) if error.kind() != io::ErrorKind::BrokenPipe => {
            Stop::Failed(cannot_write_file(file, error))
        }
        _ => cannot_write(error),
    }
}

/// Says that a file could not be written.
fn cannot_write_file(file: &Path, error: &io::Error) -> Failure {
    let shown = file.to_string_lossy();
    Failure::new(
        Exit::Write,
        format!("cannot write {}: {}", sanitise(&shown), io_reason(error)),
    )
}

/// Makes sure, before anything is sent, that the file of `-o` can be there.
///
/// # Errors
/// Fails when it has no name (exit 2), is a folder, or its folder is not there (23).
pub(crate) fn check_file(file: Option<&std::ffi::OsStr>) -> Result<()> {
    let Some(file) = file.filter(|file| *file != "-") else {
        return Ok(());
    };
    if file.is_empty() {
        return Err(Failure::usage("-o names no file").fact("nothing was sent"));
    }
    crate::output::file::can_be_there(Path::new(file))
        .map_err(|error| cannot_write_file(Path::new(file), &error).fact("nothing was sent"))
}

/// Finishes an output; returns what is worth telling.
pub(crate) fn finish(output: BodyOutput) -> Result<Option<String>, Stop> {
    output.finish().map_err(|trouble| match trouble {
        Trouble::Write(error) => cannot_write(&error),
        Trouble::Content(failure) => Stop::Failed(failure),
    })
}

/// Says that the output could not be written; a pipe that was closed is no failure.
pub(crate) fn cannot_write(error: &io::Error) -> Stop {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Stop::ClosedPipe;
    }
    Stop::Failed(Failure::new(
        Exit::Write,
        format!("the output could not be written: {}", io_reason(error)),
    ))
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
