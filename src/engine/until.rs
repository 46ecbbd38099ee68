//! `--until`: a read repeated until it holds, with only the last response passed on.

use std::time::{Duration, Instant, SystemTime};

use crate::engine::response::whole::Whole;
use crate::engine::response::{self, Stop};
use crate::engine::session::Session;
use crate::engine::{CallEnd, Context};
use crate::error::{Failure, Result};
use crate::exchange::retry;
use crate::exit::Exit;
use crate::output::progress::Meter;
use crate::output::status::counted;
use crate::plan::call::Reading;
use crate::plan::checks::Until;
use crate::request::Request;
use crate::signal;
use crate::verdict::checks::{self, Checked, Step, Unheld};
use crate::verdict::explain::seconds;

/// How large a response may be: it is held, and looked at as a whole.
const MAX_BODY: u64 = 256 * 1024 * 1024;

/// Repeats a read. The call fails with 11 when it does not hold in time, and at once with what will
/// not pass by itself.
pub(crate) async fn run(
    session: &mut Session<'_>,
    request: &Request,
    until: &Until,
    reading: &Reading,
    cx: &Context,
) -> CallEnd {
    let mut repeated = Repeated {
        request,
        until,
        reading,
        cx,
        last: None,
        attempts: 0,
    };
    let ended = signal::unless_interrupted(repeated.run(session)).await;
    let failure = match ended {
        Some(Ok(Met::Last(whole, held))) => return repeated.deliver_last(whole, held, session),
        Some(Ok(Met::NotInTime(why))) => return repeated.give_up(&why, session),
        Some(Err(failure)) => failure,
        None => Failure::new(Exit::Interrupted, "interrupted before --until was met"),
    };
    CallEnd::without_response(session.attempts().clone(), Err(failure))
}

/// A read that is repeated.
struct Repeated<'a> {
    request: &'a Request,
    until: &'a Until,
    reading: &'a Reading,
    cx: &'a Context,
    /// The last response.
    last: Option<Box<Whole>>,
    attempts: u64,
}

/// How the attempts ended.
enum Met {
    /// With a response after which no later one is of use.
    Last(Box<Whole>, Result<(), Unheld>),
    /// With the time, and why the last attempt did not hold.
    NotInTime(String),
}

/// What one attempt of a repeated read has shown.
enum Look {
    /// The response is the last: it holds, or no later one will.
    Last(Box<Whole>, Result<(), Unheld>),
    /// Not yet, and why; the response, where one came, and how long the server asks to wait.
    NotYet(String, Option<(Box<Whole>, Duration)>),
}

impl Repeated<'_> {
    /// Makes attempts until one is the last, or no time is left for another.
    ///
    /// # Errors
    /// Fails with what will not pass by itself.
    async fn run(&mut self, session: &mut Session<'_>) -> Result<Met> {
        session.hold_bodies(MAX_BODY);
        let begun = Instant::now();
        let mut meter = Meter::start_now(&self.cx.env);
        loop {
            self.attempts += 1;
            let left = self.until.within.saturating_sub(begun.elapsed());
            // The last attempt, at the end of the time, may take as long as the wait before it.
            let most = left.max(self.until.every);
            let Ok(looked) = tokio::time::timeout(most, self.look(session)).await else {
                return Ok(Met::NotInTime("no response came in time".to_owned()));
            };
            let (why, response) = match looked? {
                Look::Last(whole, held) => return Ok(Met::Last(whole, held)),
                Look::NotYet(why, response) => (why, response),
            };
            let mut asked = Duration::ZERO;
            if let Some((whole, asks)) = response {
                (self.last, asked) = (Some(whole), asks);
            }
            let left = self.until.within.saturating_sub(begun.elapsed());
            let left = session.time_left().map_or(left, |time| left.min(time));
            if left.is_zero() || asked > left {
                return Ok(Met::NotInTime(why));
            }
            let wait = self.until.every.max(asked).min(left);
            let (attempts, why) = (self.attempts, checks::shown(&why));
            let line = format!(
                "attempt {attempts}: not yet ({why}); again in {}",
                seconds(wait)
            );
            if !meter.say(&line) {
                self.cx.notes(&[format!("note: {line}")]);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Makes one attempt.
    ///
    /// # Errors
    /// Fails with what will not pass by itself.
    async fn look(&self, session: &mut Session<'_>) -> Result<Look> {
        let mut whole = match self.once(session).await {
            Ok(whole) => Box::new(whole),
            Err(failure) if checks::may_come_back(failure.exit, self.last.is_some()) => {
                return Ok(Look::NotYet(failure.headline, None));
            }
            Err(failure) => return Err(failure),
        };
        let judged = whole.judge(self.reading, session);
        let head = &whole.exchange.head;
        let status = head.status;
        let asked = retry::asked(&head.headers, SystemTime::now()).unwrap_or_default();
        let (exit, held) = match judged {
            Ok(()) => (Exit::Ok, checks::holds(&self.until.expect, &whole.body)),
            Err(failure) => (failure.exit, Err(Unheld::Not(failure.headline))),
        };
        Ok(match checks::after(exit, status, &held) {
            Step::Last => Look::Last(whole, held),
            _ => {
                let why = held.err().map(Unheld::why).unwrap_or_default();
                Look::NotYet(why, Some((whole, asked)))
            }
        })
    }

    async fn once(&self, session: &mut Session<'_>) -> Result<Whole> {
        let request = self
            .request
            .try_clone()
            .ok_or_else(|| Failure::usage("cannot repeat the request: its body was streamed"))?;
        let exchange = session.open(request).await?;
        match Whole::read(exchange, MAX_BODY, self.reading, session).await {
            Ok(whole) => Ok(whole),
            Err(Stop::Failed(failure)) => Err(failure),
            // Nothing is written while a body is only held.
            Err(Stop::ClosedPipe) => Err(Failure::local("the output has gone")),
        }
    }

    fn deliver_last(
        &self,
        whole: Box<Whole>,
        held: Result<(), Unheld>,
        session: &Session<'_>,
    ) -> CallEnd {
        response::show_head(&whole.exchange.head, session, self.cx);
        let mut end = whole.deliver(self.reading, session, self.cx);
        let problem = held.clone().err().map(Unheld::why);
        end.record.received.checks.push(self.checked(problem));
        if let Err(Unheld::CannotRun(failure)) = held {
            end.outcome = end.outcome.and(Err(failure));
        }
        end
    }

    /// Ends the call when no time is left. The last response is passed on, whatever it is.
    fn give_up(&mut self, why: &str, session: &Session<'_>) -> CallEnd {
        let failure = given_up(session, self.until)
            .fact(checks::shown(&format!("{}: {why}", self.until.expect.text)))
            .fact(counted(self.attempts, "attempt", "attempts"));
        let mut end = match self.last.take() {
            None => CallEnd::without_response(session.attempts().clone(), Err(failure)),
            Some(whole) => {
                response::show_head(&whole.exchange.head, session, self.cx);
                let CallEnd { record, outcome } = whole.deliver(self.reading, session, self.cx);
                let failure = match outcome {
                    Err(cause) if cause.exit == Exit::Write => response::unwritten(failure, cause),
                    Err(cause) => cause.facts.into_iter().fold(failure, Failure::fact),
                    Ok(_) => failure,
                };
                let outcome = Err(failure);
                CallEnd { record, outcome }
            }
        };
        let check = self.checked(Some(why.to_owned()));
        end.record.received.checks.push(check);
        end
    }

    fn checked(&self, problem: Option<String>) -> Checked {
        Checked {
            name: format!("--until '{}'", self.until.expect.text),
            problem,
        }
    }
}

/// Says that the read was given up before it held.
fn given_up(session: &Session<'_>, until: &Until) -> Failure {
    match session.time_left() {
        Some(Duration::ZERO) => Failure::new(
            Exit::TimeOut,
            "timed out (--max-time) before --until was met",
        ),
        _ => Failure::new(
            Exit::Unmet,
            format!("--until was not met within {}", seconds(until.within)),
        ),
    }
}
