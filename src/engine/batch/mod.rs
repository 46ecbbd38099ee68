//! `rein batch`: many calls by a few workers, limited only by the server.
//!
//! Each worker takes the next call, records its lines in the journal, sends it, records how it has
//! ended and puts the result into the [`Outbox`]. While its call is under way it takes the next row
//! from the [`Feed`] and makes a call for the worker that is free first. All run on one thread;
//! the input is read and the output is written by a thread each, behind bounded channels, so that
//! neither a long input nor a slow output takes memory.

mod feed;
mod ledger;
mod outbox;
mod printer;
mod source;
mod survey;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Mutex, Notify};

pub(crate) use self::feed::Skipping;
use self::feed::{Counts, Fed, Feed};
use self::ledger::Ledger;
use self::outbox::{Ended, Outbox};
pub(crate) use self::outbox::{FailedRows, Order};
use self::printer::Printer;
pub(crate) use self::source::Source;
pub(crate) use self::survey::Survey;
use crate::catalogue::{Class, ResponseKind};
use crate::engine::Context;
use crate::engine::fetch::fetch;
use crate::engine::limiter::Limiter;
use crate::engine::response::checked;
use crate::engine::session::Session;
use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::output::batch::{End, Outcome, Results, Summary};
use crate::output::progress::BatchMeter;
use crate::output::record::{Attempts, Record, millis};
use crate::output::status::counted;
use crate::plan::batch::{self, Approval, Made, Recipe, Unit, Waiting};
use crate::plan::call::Reading;
use crate::plan::delivery::Delivery;
use crate::plan::sending::Sending;
use crate::signal;
use crate::state::journal::{Event, Journal};
use crate::state::lines::LineSet;
use crate::verdict::AnsweredBy;
use crate::verdict::checks;

/// How many results beyond the one that is written next may be held, for each worker.
const WINDOW: u64 = 8;

/// How many bytes of results may wait for earlier ones.
const MAX_HELD: usize = 4 * 1024 * 1024;

/// How many bytes of output may wait for the thread that writes them.
const MAX_OUT: usize = 256 * 1024;

/// Results are handed over to be written when there are so many bytes of them, and at the latest
/// after this time: a write for each of them would cost more than making its call.
const OUT_BYTES: usize = 32 * 1024;
const OUT_DELAY: Duration = Duration::from_millis(10);

/// How often the progress is looked at.
const TICK: Duration = Duration::from_millis(200);

/// How a batch is run.
pub(crate) struct Settings {
    pub(crate) jobs: usize,
    /// The time between two requests.
    pub(crate) interval: Option<Duration>,
    /// Whether rows are grouped.
    pub(crate) is_grouped: bool,
    /// The statuses by which a group is split.
    pub(crate) split_on: Vec<u16>,
    pub(crate) stop_after: Option<u64>,
    /// Whether the first row that no call can be made of ends the batch.
    pub(crate) strict: bool,
    /// How large a response may be.
    pub(crate) max_body: u64,
    /// Whether a call can be retried without harm when its outcome is not known.
    pub(crate) is_idempotent: bool,
    /// Whether a token that a server echoes is hidden: results go to a terminal.
    pub(crate) is_redacted: bool,
}

/// A batch that is ready to be run.
pub(crate) struct Job<'a> {
    pub(crate) recipe: &'a Recipe<'a>,
    pub(crate) source: Source,
    pub(crate) sending: Sending<'a>,
    pub(crate) delivery: Delivery,
    pub(crate) reading: Reading,
    pub(crate) settings: Settings,
    pub(crate) approval: Approval,
    pub(crate) skipping: Skipping,
    pub(crate) journal: Option<Journal>,
    pub(crate) order: Order,
    pub(crate) results: Results,
    pub(crate) failed: Option<FailedRows>,
    pub(crate) meter: BatchMeter,
}

/// Runs a batch; the summary is what is known of it, however it ends.
pub(crate) async fn run(job: Job<'_>, summary: Summary, cx: &Context) -> (Summary, Result<Exit>) {
    let begun = Instant::now();
    let is_synced = !job.settings.is_idempotent;
    let started = Ledger::new(job.journal, is_synced).and_then(|ledger| {
        let printer = Printer::start()?;
        Ok((ledger, printer))
    });
    let (ledger, printer) = match started {
        Ok(started) => started,
        Err(failure) => return (summary, Err(failure)),
    };
    let floor = Floor {
        settings: job.settings,
        recipe: job.recipe,
        ledger,
        feed: Mutex::new(Feed::new(
            job.source,
            job.recipe,
            job.approval,
            job.skipping,
        )),
        outbox: RefCell::new(Outbox::new(job.order, job.results, job.failed, summary)),
        counts: Counts::default(),
        made: RefCell::default(),
        pending: RefCell::default(),
        failed: Cell::default(),
        in_flight: RefCell::default(),
        stopped: RefCell::default(),
        is_finished: Cell::new(false),
        moved: Notify::new(),
        ready: Notify::new(),
        finished: Notify::new(),
    };
    let lead = Lead {
        sending: job.sending,
        delivery: job.delivery,
        reading: job.reading,
    };
    let work = async {
        let sent = async {
            floor.send_all(lead, cx).await;
            floor.is_finished.set(true);
            floor.ready.notify_one();
            floor.finished.notify_one();
        };
        tokio::join!(sent, floor.pump(&printer), floor.watch(job.meter));
    };
    let is_whole = signal::unless_interrupted(work).await.is_some();
    if !is_whole {
        floor.interrupted();
    }
    floor.conclude(printer, begun, cx).await
}

/// What the sessions of the workers are made of.
struct Lead<'a> {
    sending: Sending<'a>,
    delivery: Delivery,
    reading: Reading,
}

/// What the workers share.
struct Floor<'j, 'a> {
    settings: Settings,
    recipe: &'j Recipe<'a>,
    ledger: Ledger,
    feed: Mutex<Feed<'j, 'a>>,
    outbox: RefCell<Outbox>,
    counts: Counts,
    /// What is next, in the order of the input.
    made: RefCell<VecDeque<Result<Fed>>>,
    /// Results that have not been put into the outbox.
    pending: RefCell<VecDeque<(u64, Vec<Ended>)>>,
    /// How many lines have failed, or may have. It counts when a call ends; the summary counts when
    /// the result is put out, too late for `--stop-after`.
    failed: Cell<u64>,
    /// The lines that have been sent and have not ended.
    in_flight: RefCell<LineSet>,
    /// Why no further call is made.
    stopped: RefCell<Option<Failure>>,
    is_finished: Cell<bool>,
    /// Something has moved: there may be room for results, or for output, or no need any more.
    moved: Notify,
    /// There is output to be written, or enough of it.
    ready: Notify,
    /// All calls have ended.
    finished: Notify,
}

impl Floor<'_, '_> {
    /// Makes all calls. A session is started once it is known that there is something to send.
    async fn send_all(&self, lead: Lead<'_>, cx: &Context) {
        let Some(first) = self.next_call().await else {
            return;
        };
        let Fed::Call { unit, .. } = &first else {
            return;
        };
        let request = &unit.call.request;
        let Lead {
            sending,
            delivery,
            reading,
        } = lead;
        let session = Session::start(sending, delivery, request, cx).await;
        let mut session = match session {
            Ok(session) => session,
            Err(not_started) => return self.stop(not_started.failure),
        };
        session.hold_bodies(self.settings.max_body);
        let limiter = Arc::new(Limiter::new(self.settings.interval));
        let mut first = Some(first);
        let workers = (0..self.settings.jobs).map(|_| {
            let session = session.worker(Arc::clone(&limiter));
            self.work(session, reading.clone(), first.take())
        });
        let mut workers: FuturesUnordered<_> = workers.collect();
        while workers.next().await.is_some() {}
    }

    /// Waits for the next call.
    async fn next_call(&self) -> Option<Fed> {
        loop {
            let moved = self.moved.notified();
            if self.is_stopped() {
                return None;
            }
            match self.next_made() {
                Some(Ok(Fed::Ended(place, ended))) => {
                    let ended = vec![*ended];
                    self.stop_for(&ended);
                    self.put(place, ended).await;
                }
                Some(Ok(call @ Fed::Call { .. })) => return Some(call),
                Some(Err(failure)) => self.stop(failure),
                None => {
                    let can_be_more = tokio::select! {
                        biased;
                        can_be_more = self.make() => can_be_more,
                        () = moved => true,
                    };
                    if !can_be_more {
                        return None;
                    }
                }
            }
        }
    }

    /// Takes the next call; the queue is not borrowed while something is done with it.
    fn next_made(&self) -> Option<Result<Fed>> {
        self.made.borrow_mut().pop_front()
    }

    /// Makes a call of the next row, when its result can be held. Returns whether there can be more.
    async fn make(&self) -> bool {
        let window = self.settings.jobs as u64 * WINDOW;
        loop {
            let moved = self.moved.notified();
            let place = self.counts.place.get();
            if self.is_stopped() || self.outbox.borrow().has_room(place, window, MAX_HELD) {
                break;
            }
            moved.await;
        }
        let mut feed = self.feed.lock().await;
        if matches!(self.made.borrow().back(), Some(Err(_))) {
            return true;
        }
        let Some(made) = feed.next(&self.counts).await.transpose() else {
            return false;
        };
        self.made.borrow_mut().push_back(made);
        self.moved.notify_waiters();
        true
    }

    /// Makes calls for as long as there are some. While one is under way, the result of the last one
    /// is put out and the next call is made: what is done between a response and the next request
    /// is time in which the server has nothing to do.
    async fn work(&self, session: Session<'_>, reading: Reading, first: Option<Fed>) {
        let (mut session, mut reading) = (session, reading);
        let mut next = match first {
            Some(call) => Some(call),
            None => self.next_call().await,
        };
        while let Some(Fed::Call {
            place,
            unit,
            is_resent,
        }) = next
        {
            let mut call = Calling {
                session: &mut session,
                reading: &mut reading,
                is_resent,
            };
            let mut sent = pin!(self.send(&mut call, *unit));
            let ended = tokio::select! {
                biased;
                () = self.meanwhile() => sent.await,
                ended = &mut sent => ended,
            };
            self.stop_for(&ended);
            self.pending.borrow_mut().push_back((place, ended));
            if self.made.borrow().is_empty() {
                // The next row may be long in coming, and the result must not wait for it.
                self.put_pending().await;
            }
            next = self.next_call().await;
        }
        self.put_pending().await;
    }

    /// Puts out results and makes a call for the next worker that is free, once the requests that
    /// can be written have been. Of a group there is one at a time: they can be large.
    async fn meanwhile(&self) {
        tokio::task::yield_now().await;
        self.put_pending().await;
        if !self.settings.is_grouped && self.made.borrow().len() < self.settings.jobs {
            self.make().await;
        }
    }

    /// Ends the batch for results that are not to be followed by others.
    fn stop_for(&self, ended: &[Ended]) {
        for Ended { outcome, .. } in ended {
            match &outcome.end {
                End::Done => continue,
                End::Invalid(failure) if self.settings.strict => self.stop(Failure {
                    exit: Exit::BatchFailed,
                    headline: format!("line {}: {} (--strict)", outcome.lines, failure.headline),
                    ..failure.clone()
                }),
                _ => {}
            }
            let failed = self.failed.get() + outcome.lines.count();
            self.failed.set(failed);
            if self.settings.stop_after.is_some_and(|most| failed >= most) {
                let failures = counted(failed, "failure", "failures");
                let headline = format!("stopped after {failures} (--stop-after)");
                self.stop(Failure::new(Exit::BatchFailed, headline));
            }
        }
    }

    async fn put_pending(&self) {
        while let Some((place, ended)) = self.next_pending() {
            self.put(place, ended).await;
        }
    }

    /// Takes the next result; the queue is not borrowed while something is done with it.
    fn next_pending(&self) -> Option<(u64, Vec<Ended>)> {
        self.pending.borrow_mut().pop_front()
    }

    /// Sends a call. A group that is refused as a whole is split until it is known which of its
    /// rows are wrong.
    async fn send(&self, call: &mut Calling<'_, '_>, unit: Unit) -> Vec<Ended> {
        let mut todo = vec![unit];
        let mut ended = Vec::new();
        while let Some(unit) = todo.pop() {
            if self.is_stopped() {
                break;
            }
            if call.session.time_left().is_some_and(|left| left.is_zero()) {
                self.stop(Failure::new(Exit::TimeOut, "timed out (--max-time)"));
                break;
            }
            let lines = unit.lines();
            if let Err(failure) = self.ledger.begin(&lines).await {
                self.stop(failure);
                break;
            }
            self.in_flight.borrow_mut().add_all(&lines);
            let (outcome, rows) = self.call(call, unit, lines).await;
            let lines = &outcome.lines;
            self.in_flight.borrow_mut().remove_all(lines);
            let recorded = match &outcome.end {
                End::Done => self.ledger.end(Event::Done, lines),
                End::Failed(_) => self.ledger.end(Event::Failed, lines),
                End::Unknown(_) | End::Invalid(_) => Ok(()),
            };
            if let Err(failure) = recorded {
                self.stop(failure);
            }
            let is_split = rows.len() > 1
                && matches!(outcome.end, End::Failed(_))
                && outcome
                    .status
                    .is_some_and(|status| self.settings.split_on.contains(&status));
            if is_split {
                self.outbox.borrow_mut().summary.add_call(&outcome);
                self.split(rows, &mut todo, &mut ended);
            } else {
                let rows = rows.into_iter().map(|waiting| waiting.row).collect();
                ended.push(Ended { outcome, rows });
            }
        }
        ended
    }

    /// Makes two calls of the rows of one, the first on top.
    fn split(&self, rows: Vec<Waiting>, todo: &mut Vec<Unit>, ended: &mut Vec<Ended>) {
        let mut first = rows;
        let second = first.split_off(first.len() / 2);
        for half in [second, first] {
            for made in batch::unit(self.recipe, half) {
                match made {
                    Made::Call(unit) => todo.push(*unit),
                    Made::Bad(row, failure) => {
                        let lines = [row.line].into_iter().collect();
                        let outcome = Outcome::unsent(lines, End::Invalid(failure));
                        let rows = vec![row];
                        ended.push(Ended { outcome, rows });
                    }
                }
            }
        }
    }

    /// Makes one call.
    async fn call(
        &self,
        call: &mut Calling<'_, '_>,
        unit: Unit,
        lines: LineSet,
    ) -> (Outcome, Vec<Waiting>) {
        let Unit { rows, call: made } = unit;
        let classified = made.judgement.classified;
        let endpoint = classified.endpoint;
        call.session.take_up(classified.class, endpoint);
        call.reading.head_only = made.request.method == http::Method::HEAD;
        call.reading.other_than_json =
            endpoint.is_some_and(|endpoint| endpoint.response == ResponseKind::Other);
        let is_delete = made.request.method == http::Method::DELETE;
        let max_body = self.settings.max_body;
        let fetched = fetch(call.session, made.request, call.reading, max_body).await;
        let Record { attempts, received } = fetched.record;
        let status = attempts.status();
        let met = fetched.outcome.and_then(|()| {
            let checks = checked(&attempts, Some(&fetched.body), call.reading);
            checks::failure(&checks).map_or(Ok(()), Err)
        });
        let is_gone = is_delete
            && call.is_resent
            && status == Some(404)
            && received.answered_by == Some(AnsweredBy::Platform);
        let end = match met {
            Ok(()) => End::Done,
            // An earlier run may have deleted it already.
            Err(_) if is_gone => End::Done,
            Err(failure)
                if classified.class != Class::Read && self.is_unknown(&attempts, &failure) =>
            {
                End::Unknown(failure)
            }
            Err(failure) => End::Failed(failure),
        };
        let outcome = Outcome {
            lines,
            is_group: self.settings.is_grouped,
            class: Some(classified.class),
            end,
            status,
            server: attempts.server(),
            network: attempts.network(),
            total: attempts.timings.map(|timings| millis(timings.total)),
            attempts: attempts.requests,
            body: match self.settings.is_redacted {
                true => attempts
                    .redactor
                    .clean(&String::from_utf8_lossy(&fetched.body))
                    .into(),
                false => fetched.body,
            },
            units: match classified.class {
                Class::Billable => made.units,
                _ => Some(0),
            },
        };
        (outcome, rows)
    }

    /// Returns whether a call that has failed may have been applied. What can be retried without
    /// harm has simply failed.
    fn is_unknown(&self, attempts: &Attempts, failure: &Failure) -> bool {
        if self.settings.is_idempotent {
            return false;
        }
        match attempts.status() {
            None => attempts.may_have_arrived,
            Some(500..) => true,
            Some(200..=299) => !matches!(failure.exit, Exit::Platform | Exit::Unmet),
            Some(_) => false,
        }
    }

    /// Puts results where they are written from, and waits while too much is there already.
    async fn put(&self, place: u64, ended: Vec<Ended>) {
        let before = self.out_bytes();
        let put = self.outbox.borrow_mut().put(place, ended);
        if let Err(failure) = put {
            self.stop(failure);
        }
        let after = self.out_bytes();
        if after >= OUT_BYTES || (before == 0 && after > 0) {
            self.ready.notify_one();
        }
        self.moved.notify_waiters();
        loop {
            let moved = self.moved.notified();
            if self.is_stopped() || self.out_bytes() <= MAX_OUT {
                return;
            }
            moved.await;
        }
    }

    /// Returns how many bytes of output wait to be handed over.
    fn out_bytes(&self) -> usize {
        self.outbox.borrow().out.len()
    }

    /// Waits until so many bytes of output are there, or no more will come.
    async fn gathered(&self, bytes: usize) {
        while self.out_bytes() < bytes && !self.is_finished.get() {
            self.ready.notified().await;
        }
    }

    /// Hands output over to the thread that writes it.
    async fn pump(&self, printer: &Printer) {
        loop {
            self.gathered(1).await;
            let _enough = tokio::time::timeout(OUT_DELAY, self.gathered(OUT_BYTES)).await;
            if self.out_bytes() == 0 {
                return;
            }
            // Taken only when there is room for it: an interrupt while it waits would lose it.
            let Ok(room) = printer.sender.reserve().await else {
                // Why it has ended is reported by the thread.
                self.stop(Failure::new(Exit::Write, "standard output was closed"));
                return;
            };
            let out = &mut self.outbox.borrow_mut().out;
            // As large as the last one, instead of growing by steps.
            let next = Vec::with_capacity(out.len().min(2 * OUT_BYTES));
            room.send(std::mem::replace(out, next));
            self.moved.notify_waiters();
        }
    }

    /// Says how far the batch has come.
    async fn watch(&self, meter: BatchMeter) {
        let mut meter = meter;
        while !self.is_finished.get() && meter.is_shown() {
            let done = self.outbox.borrow().summary.done;
            meter.update(done, self.failed.get(), self.counts.bytes.get());
            let _in_time = tokio::time::timeout(TICK, self.finished.notified()).await;
        }
    }

    fn stop(&self, failure: Failure) {
        self.stopped.borrow_mut().get_or_insert(failure);
        self.moved.notify_waiters();
    }

    fn is_stopped(&self) -> bool {
        self.stopped.borrow().is_some()
    }

    /// Notes what an interrupt has left behind.
    fn interrupted(&self) {
        self.stop(Failure::new(Exit::Interrupted, "interrupted"));
        while let Some((place, ended)) = self.next_pending() {
            let _stopped_already = self.outbox.borrow_mut().put(place, ended);
        }
        let lines = std::mem::take(&mut *self.in_flight.borrow_mut());
        if lines.count() == 0 {
            return;
        }
        let failure = Failure::new(
            Exit::Interrupted,
            "interrupted while it was under way; its outcome is not known",
        );
        let outcome = Outcome {
            is_group: lines.count() > 1,
            ..Outcome::unsent(lines, End::Unknown(failure))
        };
        let rows = Vec::new();
        let ended = vec![Ended { outcome, rows }];
        let _stopped_already = self.outbox.borrow_mut().put(u64::MAX, ended);
    }

    /// Writes what is left, and says how the batch has ended.
    async fn conclude(
        self,
        printer: Printer,
        begun: Instant,
        cx: &Context,
    ) -> (Summary, Result<Exit>) {
        let mut outbox = self.outbox.into_inner();
        let mut stopped = self.stopped.into_inner();
        let rest = outbox
            .give_up_order()
            .and_then(|()| outbox.finish())
            .map(|note| note.iter().for_each(|note| cx.warn(note)));
        let chunk = std::mem::take(&mut outbox.out);
        if !chunk.is_empty() {
            let _closed = printer.sender.send(chunk).await;
        }
        let written = printer.finish();
        let mut summary = outbox.summary;
        let is_read = summary.class.is_none_or(|class| class == Class::Read);
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && is_read => {
                // Nobody wants the rest.
                stopped = None;
            }
            Err(error) => {
                stopped = Some(Failure::new(
                    Exit::Write,
                    format!("the results could not be written: {}", io_reason(&error)),
                ));
            }
        }
        let stopped = stopped.or(rest.err()).or(self.ledger.finish().err());
        summary.lines = self.counts.lines.get();
        summary.earlier = self.counts.earlier.get();
        summary.elapsed = begun.elapsed();
        summary.stopped.clone_from(&stopped);
        let exit = match stopped {
            Some(failure) => Err(failure),
            None if summary.is_all_done() => Ok(Exit::Ok),
            None => Ok(Exit::BatchFailed),
        };
        (summary, exit)
    }
}

/// What a worker makes its calls with.
struct Calling<'c, 'a> {
    session: &'c mut Session<'a>,
    reading: &'c mut Reading,
    /// Whether an earlier run has sent the lines already.
    is_resent: bool,
}
