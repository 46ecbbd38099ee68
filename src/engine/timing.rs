//! `rein timing`: the same read many times, on one profile or on several in turn.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use crate::engine::fetch::{Fetched, fetch};
use crate::engine::limiter::Limiter;
use crate::engine::session::Session;
use crate::error::{Failure, Result};
use crate::exchange::retry;
use crate::exit::Exit;
use crate::output::progress::Meter;
use crate::output::timing::{Connections, ReadError, Sample, Times};
use crate::plan::call::Reading;
use crate::plan::timing::Pattern;
use crate::request::Request;

/// The largest body of a read, for all tasks together: it is held until it has been judged.
const MAX_BODIES: u64 = 256 * 1024 * 1024;
/// The longest wait for which a server can hold the next read.
const MAX_HOLD: Duration = Duration::from_secs(60);

/// The read of one profile.
pub(crate) struct Lane<'a> {
    pub(crate) session: Session<'a>,
    pub(crate) request: Request,
    pub(crate) reading: Reading,
}

/// Everything that the tasks share.
pub(crate) struct Measurement<'a> {
    lanes: Vec<Lane<'a>>,
    pattern: Pattern,
    samples: RefCell<Vec<Sample>>,
    begun: Cell<Option<Instant>>,
    /// How many rounds have begun: a round is a read of each profile.
    rounds: Cell<usize>,
    /// When the next round may begin.
    limiter: Limiter,
    meter: RefCell<Meter>,
}

impl<'a> Measurement<'a> {
    /// Prepares a measurement.
    pub(crate) fn new(lanes: Vec<Lane<'a>>, pattern: Pattern, meter: Meter) -> Self {
        Measurement {
            limiter: Limiter::new(pattern.interval),
            lanes,
            pattern,
            samples: RefCell::default(),
            begun: Cell::default(),
            rounds: Cell::default(),
            meter: RefCell::new(meter),
        }
    }

    /// Makes all reads. Those that have ended are kept when this is dropped before its end.
    ///
    /// # Errors
    /// Fails with what does not pass by itself before a read of its profile has succeeded, and (exit 28) when
    /// the time of the whole command is over. Any other failure is a sample.
    pub(crate) async fn run(&self) -> Result<()> {
        let tasks = (0..self.pattern.jobs).map(|_| self.task());
        let mut tasks: FuturesUnordered<_> = tasks.collect();
        while let Some(ended) = tasks.next().await {
            ended?;
        }
        Ok(())
    }

    /// Returns the reads, in the order in which they ended.
    pub(crate) fn into_samples(self) -> Vec<Sample> {
        self.samples.into_inner()
    }

    /// Reads until there are enough reads, over connections of its own.
    async fn task(&self) -> Result<()> {
        let sessions = self.lanes.iter().map(Lane::connect);
        let mut sessions: Vec<Session<'a>> = sessions.collect::<Result<_>>()?;
        for _ in 0..self.pattern.warmup {
            if self.pattern.limits_warmup {
                self.admit(&sessions).await?;
            }
            for (profile, session) in sessions.iter_mut().enumerate() {
                let fetched = self.fetch(&self.lanes[profile], session).await?;
                self.judge(&fetched, profile, session)?;
            }
        }
        while let Some(round) = self.next_round() {
            self.admit(&sessions).await?;
            // Every other round is made backwards, so that no profile is always the first.
            let count = sessions.len();
            for at in 0..count {
                let at = if round % 2 == 0 { at } else { count - 1 - at };
                self.read(at, round, &mut sessions[at]).await?;
            }
        }
        Ok(())
    }

    /// Waits until a round may begin, and no longer than the time of the whole command.
    async fn admit(&self, sessions: &[Session<'_>]) -> Result<()> {
        let left = sessions.iter().filter_map(Session::time_left).min();
        let admitted = self.limiter.admit();
        match left {
            Some(left) => tokio::time::timeout(left, admitted)
                .await
                .map_err(|_| out_of_time()),
            None => {
                admitted.await;
                Ok(())
            }
        }
    }

    fn next_round(&self) -> Option<usize> {
        let round = self.rounds.get();
        (round < self.pattern.reads).then(|| {
            self.rounds.set(round + 1);
            round
        })
    }

    /// Makes a read that is measured.
    async fn read(&self, profile: usize, round: usize, session: &mut Session<'a>) -> Result<()> {
        let lane = &self.lanes[profile];
        if self.pattern.connections == Connections::Fresh {
            *session = session.reconnected(&lane.request.url)?;
        }
        let start = Instant::now();
        let first = self.begun.get().unwrap_or(start);
        self.begun.set(Some(first));
        let fetched = self.fetch(lane, session).await?;
        let at = start.saturating_duration_since(first).as_secs_f64() * 1000.0;
        let judged = self.judge(&fetched, profile, session);
        if judged
            .as_ref()
            .is_err_and(|failure| failure.exit == Exit::TimeOut)
        {
            return judged;
        }
        let Fetched {
            record, outcome, ..
        } = fetched;
        let mut samples = self.samples.borrow_mut();
        samples.push(Sample {
            profile,
            read: round + 1,
            at,
            status: record.attempts.status(),
            bytes: record.received.bytes,
            times: Times::of(&record.attempts),
            error: outcome.err().map(|failure| ReadError {
                exit: failure.exit,
                headline: failure.headline,
            }),
        });
        let all = self.pattern.reads * self.lanes.len();
        let line = format!("{} of {all} reads", samples.len());
        self.meter.borrow_mut().say(&line);
        judged
    }

    async fn fetch(&self, lane: &Lane<'a>, session: &mut Session<'a>) -> Result<Fetched> {
        let request = lane
            .request
            .try_clone()
            .ok_or_else(|| Failure::usage("cannot repeat the request: its body was streamed"))?;
        let most = MAX_BODIES / self.pattern.jobs.max(1) as u64;
        Ok(fetch(session, request, &lane.reading, most).await)
    }

    /// Ends the measurement where a failure says that all further reads would fail as well.
    fn judge(&self, fetched: &Fetched, profile: usize, session: &Session<'_>) -> Result<()> {
        let Err(failure) = &fetched.outcome else {
            return Ok(());
        };
        if session.time_left() == Some(Duration::ZERO) {
            return Err(out_of_time());
        }
        let response = fetched.record.attempts.response.as_ref();
        let status = fetched.record.attempts.status();
        if let (Some(429 | 503), Some(response)) = (status, response)
            && let Some(asked) = retry::asked(&response.headers, SystemTime::now())
        {
            self.limiter.hold(asked.min(MAX_HOLD));
        }
        let has_succeeded = || {
            self.samples
                .borrow()
                .iter()
                .any(|read| read.profile == profile && read.error.is_none())
        };
        if is_lasting(failure.exit, status) && !has_succeeded() {
            return Err(self.of_profile(failure.clone(), session));
        }
        Ok(())
    }

    /// Says which of several profiles a failure is about.
    fn of_profile(&self, mut failure: Failure, session: &Session<'_>) -> Failure {
        if self.lanes.len() > 1 {
            let name = session.about().profile;
            failure.facts.insert(0, format!("profile: {name}"));
        }
        failure
    }
}

fn out_of_time() -> Failure {
    Failure::new(Exit::TimeOut, "--max-time ended the measurement")
}

impl<'a> Lane<'a> {
    fn connect(&self) -> Result<Session<'a>> {
        self.session.reconnected(&self.request.url)
    }
}

/// Returns whether a failure does not pass by itself.
fn is_lasting(exit: Exit, status: Option<u16>) -> bool {
    match exit {
        Exit::Caller => !matches!(status, Some(408 | 425 | 429)),
        Exit::Platform | Exit::TimeOut | Exit::EmptyReply | Exit::Receive | Exit::Incomplete => {
            false
        }
        _ => true,
    }
}
