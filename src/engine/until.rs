//! `--until`: a read repeated until it holds, with only the last response passed on.

use std::time::{Duration, Instant, SystemTime};

use crate::engine::Context;
use crate::engine::response::whole::Whole;
use crate::engine::response::{self, Stop};
use crate::engine::session::Session;
use crate::error::{Failure, Result};
use crate::exchange::retry;
use crate::exit::Exit;
use crate::output::progress::Meter;
use crate::output::record::Record;
use crate::output::status::counted;
use crate::plan::call::Reading;
use crate::plan::checks::Until;
use crate::request::Request;
use crate::signal;
use crate::verdict::checks::{self, Checked, Step, Unheld};
use crate::verdict::explain::seconds;

/// How large a response may be: it is held, and looked at as a whole.
const MAX_BODY: u64 = 256 * 1024 * 1024;

/// Repeats a read.
///
/// # Errors
/// Fails with 11 when it does not hold in time, and at once with what will not pass by itself.
pub(crate) async fn run(
    session: &mut Session<'_>,
    request: &Request,
    until: &Until,
    reading: &Reading,
    record: &mut Record,
    cx: &Context,
) -> Result<Exit> {
    let repeated = repeat(session, request, until, reading, record, cx);
    match signal::unless_interrupted(repeated).await {
        Some(outcome) => outcome,
        None => Err(Failure::new(
            Exit::Interrupted,
            "interrupted before --until was met",
        )),
    }
}

/// What one attempt of a repeated read has shown.
enum Look {
    /// The response is the last: it holds, or no later one will.
    Last(Whole, Result<(), Unheld>),
    /// Not yet, and why; the response, where one came, and how long the server asks to wait.
    NotYet(String, Option<(Whole, Duration)>),
}

async fn repeat(
    session: &mut Session<'_>,
    request: &Request,
    until: &Until,
    reading: &Reading,
    record: &mut Record,
    cx: &Context,
) -> Result<Exit> {
    session.hold_bodies(MAX_BODY);
    let begun = Instant::now();
    let mut meter = Meter::start_now(&cx.env);
    let mut last = None;
    let mut attempts = 0_u64;
    let why = loop {
        attempts += 1;
        let left = until.within.saturating_sub(begun.elapsed());
        // The last attempt, at the end of the time, may take as long as the wait before it.
        let most = left.max(until.every);
        let has_responded = last.is_some();
        let looked = look(session, request, until, reading, record, has_responded);
        let Ok(looked) = tokio::time::timeout(most, looked).await else {
            break "no response came in time".to_owned();
        };
        let (why, response) = match looked? {
            Look::Last(whole, held) => {
                drop(meter);
                return deliver_last(whole, held, session, until, reading, record);
            }
            Look::NotYet(why, response) => (why, response),
        };
        let asked = response
            .as_ref()
            .map_or(Duration::ZERO, |(_, asked)| *asked);
        last = response.map(|(whole, _)| whole).or(last);
        let left = until.within.saturating_sub(begun.elapsed());
        let left = session.time_left().map_or(left, |time| left.min(time));
        if left.is_zero() || asked > left {
            break why;
        }
        let wait = until.every.max(asked).min(left);
        let (why, wait_text) = (checks::shown(&why), seconds(wait));
        let line = format!("attempt {attempts}: not yet ({why}); again in {wait_text}");
        if !meter.say(&line) {
            cx.notes(&[format!("note: {line}")]);
        }
        tokio::time::sleep(wait).await;
    };
    drop(meter);
    // The last response is passed on, whatever it is.
    let delivered = last.map(|whole| {
        response::show_head(&whole.exchange.head, session, cx);
        whole.deliver(reading, session, record, cx)
    });
    record.checks.push(checked(until, Some(why.clone())));
    let failure = given_up(session, until)
        .fact(checks::shown(&format!("{}: {why}", until.expect.text)))
        .fact(counted(attempts, "attempt", "attempts"));
    Err(match delivered {
        Some(Err(cause)) if cause.exit == Exit::Write => response::unwritten(failure, cause),
        Some(Err(cause)) => cause.facts.into_iter().fold(failure, Failure::fact),
        _ => failure,
    })
}

/// Makes one attempt; `has_responded` is whether an earlier one got a response.
///
/// # Errors
/// Fails with what will not pass by itself.
async fn look(
    session: &mut Session<'_>,
    request: &Request,
    until: &Until,
    reading: &Reading,
    record: &mut Record,
    has_responded: bool,
) -> Result<Look> {
    let whole = match once(session, request, reading, record).await {
        Ok(whole) => whole,
        Err(failure) if checks::may_come_back(failure.exit, has_responded) => {
            return Ok(Look::NotYet(failure.headline, None));
        }
        Err(failure) => return Err(failure),
    };
    let head = &whole.exchange.head;
    let status = head.status;
    let asked = retry::asked(&head.headers, SystemTime::now()).unwrap_or_default();
    let (exit, held) = match whole.judge(reading, session, record) {
        Ok(()) => (Exit::Ok, checks::holds(&until.expect, &whole.body)),
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

fn deliver_last(
    whole: Whole,
    held: Result<(), Unheld>,
    session: &Session<'_>,
    until: &Until,
    reading: &Reading,
    record: &mut Record,
) -> Result<Exit> {
    response::show_head(&whole.exchange.head, session, session.cx);
    let outcome = whole.deliver(reading, session, record, session.cx);
    let problem = held.clone().err().map(Unheld::why);
    record.checks.push(checked(until, problem));
    match held {
        Err(Unheld::CannotRun(failure)) => outcome.and(Err(failure)),
        _ => outcome,
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

fn checked(until: &Until, problem: Option<String>) -> Checked {
    Checked {
        name: format!("--until '{}'", until.expect.text),
        problem,
    }
}

async fn once(
    session: &mut Session<'_>,
    request: &Request,
    reading: &Reading,
    record: &mut Record,
) -> Result<Whole> {
    let request = request
        .try_clone()
        .ok_or_else(|| Failure::usage("cannot repeat the request: its body was streamed"))?;
    record.bytes = 0;
    record.received = 0;
    let exchange = session.open(request, record).await?;
    match Whole::read(exchange, MAX_BODY, reading, session, record).await {
        Ok(whole) => Ok(whole),
        Err(Stop::Failed(failure)) => Err(failure),
        // Nothing is written while a body is only held.
        Err(Stop::ClosedPipe) => Err(Failure::local("the output has gone")),
    }
}
