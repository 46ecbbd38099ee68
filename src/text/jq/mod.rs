//! jq's language, built in: a filter is compiled before anything is sent, and run on the response.
//! It reads no file, runs nothing, and sees no variable of the environment.
//!
//! `jaq` is the engine. Where its meaning differs from jq's, this module has its own: the values
//! (`value`), the reading and writing of JSON (`read`, `write`), the syntax (`parse`, `rewrite`), and the
//! functions (`builtins`, `prelude.jq`). A filter runs on a thread of its own (`worker`), within
//! limits (`limits`).

mod builtins;
mod compile;
mod limits;
mod parse;
mod read;
mod regex;
mod rewrite;
mod value;
mod worker;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::text::terminal::sanitise;
use worker::{Outcome, Worker};

/// How long a filter may be: the engine recurses over it.
const MAX_CODE: usize = 64 * 1024;

/// A compiled filter with the values of its variables.
#[derive(Clone)]
pub(crate) struct Filter {
    worker: Arc<Worker>,
    option: &'static str,
}

/// A variable of a filter: its name without `$`, and its value.
#[derive(Clone, Debug)]
pub(crate) enum Var {
    /// `--arg`: a text.
    Text(String, String),
    /// `--argjson`: any value.
    Json(String, String),
}

/// A result of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// JSON on one line.
    pub(crate) json: Vec<u8>,
    /// Whether jq takes it for true: all but `false` and `null`.
    pub(crate) is_true: bool,
    /// Whether no other result is waiting: then whoever reads should see this one.
    pub(crate) is_awaited: bool,
}

impl Filter {
    /// Compiles a filter that was given with this option.
    ///
    /// # Errors
    /// Fails (exit 2) when it is not jq, pointing to where.
    pub(crate) fn compile(option: &'static str, code: &str, vars: &[Var]) -> Result<Filter> {
        if code.len() > MAX_CODE {
            return Err(Failure::usage(format!(
                "{option}: the filter is longer than {} KiB",
                MAX_CODE >> 10
            )));
        }
        let worker = Worker::start(code, vars).map_err(|problem| match problem {
            worker::Unusable::NotJq(problem) => not_jq(option, code, &problem),
            worker::Unusable::Variable(name) => {
                Failure::usage(format!("--argjson {name}: value is not valid JSON"))
            }
            worker::Unusable::NoThread(error) => Failure::local(format!(
                "{option}: cannot start the thread of the filter: {error}"
            )),
        })?;
        Ok(Filter {
            worker: Arc::new(worker),
            option,
        })
    }

    /// Ends every later run of the filter at this time from now on.
    pub(crate) fn bound(&self, max_time: Option<Duration>) {
        if let Some(max_time) = max_time {
            self.worker.end_after(max_time);
        }
    }

    /// Runs the filter on each JSON text of a response body, and hands over each result.
    ///
    /// # Errors
    /// Fails (exit 1) when the body is not JSON, the filter fails on it or exceeds a limit; with
    /// 28 when its time is up; or as `take` does.
    pub(crate) fn run<E: From<Failure>>(
        &self,
        body: Vec<u8>,
        take: &mut dyn FnMut(Output) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let outcome = self.worker.run(body, take)?;
        self.failure(&outcome)
            .map_or(Ok(()), |failure| Err(failure.into()))
    }

    fn failure(&self, outcome: &Outcome) -> Option<Failure> {
        let option = self.option;
        Some(match outcome {
            Outcome::Done | Outcome::Halted => return None,
            Outcome::Failed(reason) => self.failed(reason),
            Outcome::NotJson => Failure::local(format!(
                "{option}: the response is not JSON that a filter can read"
            ))
            .hint("without a filter it is shown as received"),
            Outcome::TooDeep => Failure::local(format!(
                "{option}: the response nests deeper than {} levels, too deep for a filter",
                limits::MAX_DEPTH
            ))
            .hint("--format pretty and raw show any depth"),
            Outcome::Stopped(limit) => Failure::local(format!(
                "{option}: the filter was stopped: {}",
                limit.describe()
            )),
            Outcome::TimeIsUp => Failure::new(
                Exit::TimeOut,
                format!("{option}: the filter was stopped: the time of -m is up"),
            ),
        })
    }

    fn failed(&self, reason: &str) -> Failure {
        const MAX_SHOWN: usize = 300;
        let shown: String = sanitise(reason).chars().take(MAX_SHOWN).collect();
        Failure::local(format!(
            "{}: the filter failed on the response: {shown}",
            self.option
        ))
    }
}

fn not_jq(option: &str, code: &str, problem: &compile::Problem) -> Failure {
    let at = problem.at.min(code.len());
    let before = code.get(..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(0, |line_end| line_end + 1);
    let line = code
        .get(start..)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    let column = before.get(start..).unwrap_or_default().chars().count();
    Failure::usage(format!(
        "{option}: the filter is not jq: {}",
        sanitise(&problem.what)
    ))
    .fact(sanitise(line).into_owned())
    .fact(format!("{}^", " ".repeat(column)))
}
