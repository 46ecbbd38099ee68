//! Whether a response is what was expected of it, and whether a read is repeated.

use std::time::Duration;

use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::text::jq::Filter;
use crate::text::terminal::sanitise;

/// What a response must be for the call to end with 0.
#[derive(Clone, Default)]
pub(crate) struct Checks {
    /// Filters that must give something true.
    pub(crate) expects: Vec<Expect>,
    /// The statuses that are wanted.
    pub(crate) statuses: Option<Statuses>,
    /// The longest time that the platform may take for itself.
    pub(crate) max_server: Option<Duration>,
    /// The longest time that the call may take.
    pub(crate) max_total: Option<Duration>,
}

/// A filter that must give something true, with its text.
#[derive(Clone)]
pub(crate) struct Expect {
    pub(crate) text: String,
    pub(crate) filter: Filter,
}

/// Statuses by number or by class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statuses {
    /// As given.
    pub(crate) text: String,
    ranges: Vec<(u16, u16)>,
}

impl Checks {
    /// Returns whether nothing is asked of the response.
    pub(crate) fn is_empty(&self) -> bool {
        self.expects.is_empty()
            && self.statuses.is_none()
            && self.max_server.is_none()
            && self.max_total.is_none()
    }
}

impl Expect {
    /// Compiles the filter of an option.
    ///
    /// # Errors
    /// Fails (exit 2) when it is not a filter.
    pub(crate) fn compile(option: &'static str, text: &str) -> Result<Expect> {
        Ok(Expect {
            text: text.to_owned(),
            filter: Filter::compile(option, text, &[])?,
        })
    }
}

impl Statuses {
    /// Reads `200,404` or `2xx`.
    ///
    /// # Errors
    /// Fails (exit 2) on anything that is not a status.
    pub(crate) fn parse(text: &str) -> Result<Statuses> {
        let range = |part: &str| {
            let digits = part.trim();
            if let [class @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] = digits.as_bytes() {
                let first = u16::from(class - b'0') * 100;
                return Some((first, first + 99));
            }
            let status = digits.parse().ok()?;
            (100..600).contains(&status).then_some((status, status))
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        match ranges {
            Some(ranges) => Ok(Statuses {
                text: text.to_owned(),
                ranges,
            }),
            None => {
                Err(Failure::usage("--expect-status needs statuses")
                    .hint("write 200, 200,404 or 2xx"))
            }
        }
    }

    /// Returns whether a status is one of these.
    pub(crate) fn contain(&self, status: u16) -> bool {
        self.ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&status))
    }
}

/// What of a response is checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) status: u16,
    /// The platform's own time in milliseconds, where it said so.
    pub(crate) server: Option<f64>,
    /// The time of the whole call.
    pub(crate) total: Duration,
    pub(crate) body: &'a [u8],
}

/// An expectation, and why it was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The option with its value.
    pub(crate) name: String,
    /// What came instead of what was expected; `None` when it was met.
    pub(crate) problem: Option<String>,
}

/// Checks every expectation. One that cannot be seen is not met.
pub(crate) fn check(checks: &Checks, seen: &Seen<'_>) -> Vec<Checked> {
    let mut list = Vec::new();
    if let Some(statuses) = &checks.statuses {
        list.push(Checked {
            name: format!("--expect-status {}", statuses.text),
            problem: (!statuses.contain(seen.status)).then(|| format!("it was {}", seen.status)),
        });
    }
    for expect in &checks.expects {
        list.push(Checked {
            name: format!("--expect '{}'", expect.text),
            problem: holds(expect, seen.body).err().map(Unheld::why),
        });
    }
    let milliseconds = |limit: Duration| limit.as_secs_f64() * 1000.0;
    if let Some(limit) = checks.max_server {
        let problem = match seen.server {
            None => Some("the response does not say: Server-Timing is absent".to_owned()),
            Some(server) if server > milliseconds(limit) => Some(format!("it was {server:.1} ms")),
            Some(_) => None,
        };
        list.push(Checked {
            name: format!("--max-server-time {} ms", milliseconds(limit)),
            problem,
        });
    }
    if let Some(limit) = checks.max_total {
        list.push(Checked {
            name: format!("--max-total-time {} ms", milliseconds(limit)),
            problem: (seen.total > limit)
                .then(|| format!("it was {:.1} ms", milliseconds(seen.total))),
        });
    }
    list
}

/// Why a filter does not hold on a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unheld {
    /// What it gave, or what came instead of a response that it could be asked of.
    Not(String),
    /// It cannot run on such a response.
    CannotRun(Failure),
}

impl Unheld {
    /// Says it in words.
    pub(crate) fn why(self) -> String {
        match self {
            Unheld::Not(why) => why,
            Unheld::CannotRun(failure) => failure.headline,
        }
    }
}

/// Returns why a filter does not hold on a body: it must give something, and nothing of it may be
/// `false` or `null`.
pub(crate) fn holds(expect: &Expect, body: &[u8]) -> Result<(), Unheld> {
    let mut given = 0_u64;
    let mut first_false = None;
    let run = expect.filter.run(body.to_vec(), &mut |output| {
        given += 1;
        if first_false.is_none() && !output.is_true {
            first_false = Some(output.json);
        }
        Ok::<(), Failure>(())
    });
    match (run, first_false, given) {
        (Err(failure), ..) => Err(Unheld::CannotRun(failure)),
        (Ok(()), Some(value), _) => {
            let value = String::from_utf8_lossy(&value);
            Err(Unheld::Not(format!("the filter gave {value}")))
        }
        (Ok(()), None, 0) => Err(Unheld::Not("the filter gave nothing".to_owned())),
        (Ok(()), None, _) => Ok(()),
    }
}

/// Returns the failure that lists every expectation that was not met; `None` when all were.
pub(crate) fn failure(checked: &[Checked]) -> Option<Failure> {
    let unmet: Vec<(&str, &str)> = checked
        .iter()
        .filter_map(|check| Some((check.name.as_str(), check.problem.as_deref()?)))
        .collect();
    let headline = match unmet.as_slice() {
        [] => return None,
        [_] if checked.len() == 1 => "expectation not met".to_owned(),
        _ => format!(
            "{} of {} expectations were not met",
            unmet.len(),
            checked.len()
        ),
    };
    let failure = Failure::new(Exit::Unmet, headline);
    Some(unmet.iter().fold(failure, |failure, (name, problem)| {
        failure.fact(shown(&format!("{name}: {problem}")))
    }))
}

/// Makes a line of what may hold the server's text: no controls, and not long.
pub(crate) fn shown(text: &str) -> String {
    const MAX_LENGTH: usize = 300;
    let clean = sanitise(text);
    match clean.char_indices().nth(MAX_LENGTH) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean.into_owned(),
    }
}

/// What follows an attempt of a read that is repeated until it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// This response is the last.
    Last,
    /// It does not hold yet.
    NotYet,
}

/// Decides on a response: 404, 429 and 5xx mean that it is not there yet; another failure does not
/// pass by itself, an expired token least of all, nor does a filter that cannot run.
pub(crate) fn after(exit: Exit, status: u16, held: &Result<(), Unheld>) -> Step {
    match (exit, status) {
        (_, 404 | 429 | 500..=599) => Step::NotYet,
        (Exit::Ok, _) if matches!(held, Err(Unheld::Not(_))) => Step::NotYet,
        // The platform says of itself that it failed.
        (Exit::Platform, _) => Step::NotYet,
        _ => Step::Last,
    }
}

/// Returns whether an attempt that got no response may be followed by another: what cannot be reached at
/// first is a mistake in the call, what was there before may come back.
pub(crate) fn may_come_back(exit: Exit, answered_before: bool) -> bool {
    answered_before
        && matches!(
            exit,
            Exit::Connect
                | Exit::TimeOut
                | Exit::EmptyReply
                | Exit::Receive
                | Exit::Incomplete
                | Exit::Lookup
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_numbers_and_classes() {
        let statuses = Statuses::parse("200, 404,5xx").expect("statuses");
        for (status, wanted) in [
            (200, true),
            (201, false),
            (404, true),
            (500, true),
            (599, true),
        ] {
            assert_eq!(statuses.contain(status), wanted, "{status}");
        }
        for text in ["", "2", "99", "600", "200,", "6xx", "xx", "2x"] {
            assert!(Statuses::parse(text).is_err(), "{text}");
        }
    }

    fn expects(filters: &[&str]) -> Checks {
        let compile = |text: &&str| Expect::compile("--expect", text).expect("a filter");
        Checks {
            expects: filters.iter().map(compile).collect(),
            ..Checks::default()
        }
    }

    fn seen(body: &str) -> Seen<'_> {
        Seen {
            status: 200,
            server: None,
            total: Duration::from_millis(20),
            body: body.as_bytes(),
        }
    }

    #[test]
    fn false_null_and_nothing_are_not_met() {
        let is_met =
            |filter: &str, body: &str| check(&expects(&[filter]), &seen(body))[0].problem.is_none();
        for (filter, body, expected) in [
            (".a", r#"{"a":1}"#, true),
            (".a", r#"{"a":false}"#, false),
            (".a", r#"{"a":0}"#, true),
            (".b", r#"{"a":1}"#, false),
            ("empty", "{}", false),
            (".[]", "[1,2]", true),
            (".[]", "[1,null]", false),
            (".a.b", r#"{"a":"text"}"#, false),
            (".", "not JSON", false),
            (".", "", false),
        ] {
            assert_eq!(is_met(filter, body), expected, "{filter} {body}");
        }
    }

    #[test]
    fn every_failure_is_listed() {
        let checks = Checks {
            statuses: Some(Statuses::parse("204").expect("statuses")),
            max_server: Some(Duration::from_millis(1)),
            max_total: Some(Duration::from_millis(10)),
            ..expects(&[".a", ".b"])
        };
        let failure = failure(&check(&checks, &seen(r#"{"a":1}"#))).expect("a failure");
        assert_eq!(failure.exit, Exit::Unmet);
        insta::assert_snapshot!(failure, @r"
        error: 4 of 5 expectations were not met
          --expect-status 204: it was 200
          --expect '.b': the filter gave null
          --max-server-time 1 ms: the response does not say: Server-Timing is absent
          --max-total-time 10 ms: it was 20.0 ms
        ");
    }

    #[test]
    fn a_repeated_read_goes_on_only_after_what_can_pass() {
        for status in 200..600 {
            let exit = match status {
                200..300 => Exit::Ok,
                300..400 => Exit::Redirect,
                400..500 => Exit::Caller,
                _ => Exit::Platform,
            };
            let goes_on = matches!(status, 404 | 429 | 500..=599);
            assert_eq!(
                after(exit, status, &Ok(())) == Step::NotYet,
                goes_on,
                "{status}"
            );
        }
        let not = Err(Unheld::Not("the filter gave false".to_owned()));
        assert_eq!(after(Exit::Ok, 200, &not), Step::NotYet);
        assert_eq!(after(Exit::NotReinfer, 200, &not), Step::Last);
        let cannot = Err(Unheld::CannotRun(Failure::local("it cannot")));
        assert_eq!(after(Exit::Ok, 200, &cannot), Step::Last);
        assert_eq!(after(Exit::Ok, 404, &cannot), Step::NotYet);
    }
}
