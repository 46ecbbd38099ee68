//! What a batch writes: a result a call, and a summary of all of them.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use crate::catalogue::Class;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::items::Rows;
use crate::output::items::ndjson::line;
use crate::output::quantiles::Quantiles;
use crate::output::status::counted;
use crate::output::view::{Filtered, Renderer, Screen, View};
use crate::state::lines::LineSet;
use crate::text::lexical;
use crate::text::terminal::sanitise;

/// The version of the summary's shape: later versions only add members.
const SCHEMA_VERSION: u32 = 1;

/// How many failures are named in a report.
const MAX_NAMED: usize = 1000;

/// How a call, or a row that no call was made of, has ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Done,
    /// It was refused or not sent, so that its lines can be retried.
    Failed(Failure),
    /// Whether it was applied is not known.
    Unknown(Failure),
    /// No call could be made of the row.
    Invalid(Failure),
}

/// A call that has ended, or a row that no call was made of.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) lines: LineSet,
    /// Whether rows are grouped, so that the lines are a list.
    pub(crate) is_group: bool,
    /// What the call may do, where one was made.
    pub(crate) class: Option<Class>,
    pub(crate) end: End,
    pub(crate) status: Option<u16>,
    /// The platform's own time in milliseconds.
    pub(crate) server: Option<f64>,
    /// The time until the first byte that the platform does not account for, in milliseconds.
    pub(crate) network: Option<f64>,
    /// The time of the last attempt in milliseconds.
    pub(crate) total: Option<f64>,
    pub(crate) attempts: u32,
    pub(crate) body: Vec<u8>,
    /// How many AI units it may have cost at most.
    pub(crate) units: Option<u64>,
}

impl Outcome {
    /// Returns the outcome of lines for which nothing was sent.
    pub(crate) fn unsent(lines: LineSet, end: End) -> Outcome {
        Outcome {
            lines,
            is_group: false,
            class: None,
            end,
            status: None,
            server: None,
            network: None,
            total: None,
            attempts: 0,
            body: Vec::new(),
            units: Some(0),
        }
    }

    /// Returns the failure, where there is one.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.end {
            End::Done => None,
            End::Failed(failure) | End::Unknown(failure) | End::Invalid(failure) => Some(failure),
        }
    }

    /// Returns it as one JSON object on one line; the body is as the server wrote it.
    pub(crate) fn json(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(128 + self.body.len());
        // Nothing fails that is written to memory.
        let _written = self.push_head(&mut text);
        if let Some(failure) = self.failure() {
            let mut error = json!({
                "exit": failure.exit.code(),
                "message": failure.headline,
                "outcome": match self.end {
                    End::Unknown(_) => "unknown",
                    End::Invalid(_) => "invalid",
                    _ => "failed",
                },
            });
            // What is said of a row is said of a command line too: where a value could come from.
            if !matches!(self.end, End::Invalid(_)) && !failure.facts.is_empty() {
                error["facts"] = json!(failure.facts);
            }
            text.extend_from_slice(format!(",\"error\":{error}").as_bytes());
        }
        if !self.body.is_empty() || self.failure().is_none() {
            text.extend_from_slice(b",\"body\":");
            push_body(&self.body, &mut text);
        }
        text.push(b'}');
        text
    }

    fn push_head(&self, text: &mut Vec<u8>) -> io::Result<()> {
        write!(
            text,
            "{{\"line\":{}",
            self.lines.first().unwrap_or_default()
        )?;
        if self.is_group {
            let ranges: Vec<[u64; 2]> = self.lines.ranges().map(|(a, b)| [a, b]).collect();
            write!(text, ",\"lines\":{}", json!(ranges))?;
        }
        match self.status {
            Some(status) => write!(text, ",\"status\":{status}")?,
            None => write!(text, ",\"status\":null")?,
        }
        for (name, time) in [("server_ms", self.server), ("total_ms", self.total)] {
            match time.map(rounded).filter(|time| time.is_finite()) {
                // With a point, as a number that is not whole has one.
                Some(time) => write!(text, ",\"{name}\":{time:?}")?,
                None => write!(text, ",\"{name}\":null")?,
            }
        }
        write!(text, ",\"attempts\":{}", self.attempts)
    }
}

/// Adds a body: JSON as it is, but on one line, anything else as a text.
fn push_body(body: &[u8], out: &mut Vec<u8>) {
    let body = body.trim_ascii();
    if body.is_empty() {
        out.extend_from_slice(b"null");
    } else if std::str::from_utf8(body).is_ok() && lexical::check(body).is_ok() {
        line(body, out);
        out.pop();
    } else {
        let text = String::from_utf8_lossy(body);
        out.extend_from_slice(json!(text).to_string().as_bytes());
    }
}

fn rounded(milliseconds: f64) -> f64 {
    (milliseconds * 1000.0).round() / 1000.0
}

/// Writes results as `--format`, `--columns` and `-q` ask for.
pub(crate) enum Results {
    Rows(Box<dyn Rows>),
    Filter(Box<Filtered>),
}

impl Results {
    /// Begins.
    pub(crate) fn new(view: &View, screen: &Screen) -> Self {
        match view.renderer(screen, None) {
            Renderer::Filter(filter) => Results::Filter(filter),
            _ => Results::Rows(view.rows(screen)),
        }
    }

    /// Writes a result.
    ///
    /// # Errors
    /// Fails when the filter does, or the format cannot hold it.
    pub(crate) fn push(&mut self, result: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self {
            Results::Rows(rows) => {
                rows.item(result, out)?;
                rows.flush(out);
                Ok(())
            }
            Results::Filter(filter) => {
                filter.push(result)?;
                filter.end_document(&mut |chunk| -> Result<()> {
                    out.extend_from_slice(chunk);
                    Ok(())
                })
            }
        }
    }

    /// Ends the list, and returns what is worth reporting about it.
    ///
    /// # Errors
    /// Fails when what has been held cannot be written.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<Option<String>> {
        match self {
            Results::Rows(rows) => rows.finish(out),
            Results::Filter(filter) => filter.finish(out),
        }
    }
}

/// What is known about a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) profile: String,
    /// The strictest class of the calls, as far as it is known.
    pub(crate) class: Option<Class>,
    pub(crate) endpoint: Option<&'static str>,
    /// Method and target, or the template's name.
    pub(crate) call: String,
    /// How many rows have been read.
    pub(crate) lines: u64,
    pub(crate) done: u64,
    pub(crate) failed: u64,
    /// Rows that no call could be made of; they count as failed too.
    pub(crate) invalid: u64,
    pub(crate) unknown: u64,
    /// Rows that the journal has as done.
    pub(crate) earlier: u64,
    pub(crate) requests: u64,
    /// Attempts after the first.
    pub(crate) retries: u64,
    pub(crate) units: u64,
    /// Whether some calls may cost units whose number is not known.
    pub(crate) has_unknown_units: bool,
    /// What the responses say was new, updated and unchanged.
    pub(crate) new: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) server: Quantiles,
    pub(crate) network: Quantiles,
    pub(crate) elapsed: Duration,
    /// Why the batch has ended before its input, when it has.
    pub(crate) stopped: Option<Failure>,
    /// The first failures: lines and headline.
    pub(crate) failures: Vec<(String, String)>,
}

impl Summary {
    /// Counts an outcome.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        let lines = outcome.lines.count();
        match &outcome.end {
            End::Done => self.done += lines,
            End::Failed(_) => self.failed += lines,
            End::Unknown(_) => self.unknown += lines,
            End::Invalid(_) => {
                self.failed += lines;
                self.invalid += lines;
            }
        }
        if let Some(failure) = outcome.failure()
            && self.failures.len() < MAX_NAMED
        {
            let named = (outcome.lines.to_string(), failure.headline.clone());
            self.failures.push(named);
        }
        self.add_call(outcome);
        if matches!(outcome.end, End::Done) {
            let [new, updated, unchanged] = counts_in(&outcome.body);
            self.new += new;
            self.updated += updated;
            self.unchanged += unchanged;
        }
    }

    /// Counts the requests of an outcome, and what they took and cost.
    pub(crate) fn add_call(&mut self, outcome: &Outcome) {
        self.class = self.class.max(outcome.class);
        let attempts = u64::from(outcome.attempts);
        self.requests += attempts;
        self.retries += attempts.saturating_sub(1);
        // A call that was refused has cost nothing.
        if !matches!(outcome.end, End::Failed(_) | End::Invalid(_)) {
            self.units += outcome.units.unwrap_or(0);
            self.has_unknown_units |= outcome.units.is_none();
        }
        outcome
            .server
            .into_iter()
            .for_each(|time| self.server.add(time));
        outcome
            .network
            .into_iter()
            .for_each(|time| self.network.add(time));
    }

    /// Returns whether every row is done.
    pub(crate) fn is_all_done(&self) -> bool {
        self.failed == 0 && self.unknown == 0 && self.stopped.is_none()
    }

    fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64().max(0.001)
    }

    /// Returns the rows that are neither done nor failed nor unknown: they were not sent.
    fn unsent(&self) -> u64 {
        self.lines
            .saturating_sub(self.done + self.failed + self.unknown + self.earlier)
    }

    /// Returns what is said about the batch on standard error.
    pub(crate) fn text(&self) -> Vec<String> {
        let mut parts = vec![format!("{} done", self.done)];
        for (count, what) in [
            (self.failed, "failed"),
            (self.unknown, "unknown"),
            (self.earlier, "done earlier"),
            (self.unsent(), "not sent"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        let mut lines = vec![format!(
            "{}  {}  {}: {} · {} ({} retried) · {:.1}/s · {:.1} s",
            sanitise(&self.profile),
            sanitise(&self.call),
            counted(self.lines, "line", "lines"),
            parts.join(", "),
            counted(self.requests, "request", "requests"),
            self.retries,
            self.rate(),
            self.elapsed.as_secs_f64(),
        )];
        let times: Vec<String> = [("server", &self.server), ("network", &self.network)]
            .into_iter()
            .filter_map(|(name, times)| {
                let at = |percent| times.percentile(percent);
                Some(format!(
                    "{name} p50 {:.1} p95 {:.1} p99 {:.1} max {:.1} ms",
                    at(50.0)?,
                    at(95.0)?,
                    at(99.0)?,
                    times.max()?
                ))
            })
            .collect();
        if !times.is_empty() {
            lines.push(format!("  {}", times.join(" · ")));
        }
        if self.new + self.updated + self.unchanged > 0 {
            lines.push(format!(
                "  {} new, {} updated, {} unchanged",
                self.new, self.updated, self.unchanged
            ));
        }
        if self.class == Some(Class::Billable) {
            let and = if self.has_unknown_units {
                ", and those of calls whose units are not known"
            } else {
                ""
            };
            lines.push(format!(
                "  at most {}{and}",
                counted(self.units, "AI unit", "AI units")
            ));
        }
        lines
    }

    /// Returns the object of `--meta` and `--summary`, on one line.
    pub(crate) fn object(&self, exit: Exit, error: Option<&Failure>) -> String {
        let times = |times: &Quantiles| {
            let at = |percent| times.percentile(percent).map(rounded);
            json!({"p50": at(50.0), "p95": at(95.0), "p99": at(99.0), "max": times.max().map(rounded)})
        };
        let failures: Vec<Value> = self
            .failures
            .iter()
            .map(|(lines, message)| json!({"lines": lines, "message": message}))
            .collect();
        json!({
            "schema_version": SCHEMA_VERSION,
            "rein": env!("CARGO_PKG_VERSION"),
            "profile": self.profile,
            "class": self.class.map(Class::name),
            "endpoint": self.endpoint,
            "call": self.call,
            "lines": self.lines,
            "requests": self.requests,
            "retries": self.retries,
            "done": self.done,
            "failed": self.failed,
            "invalid": self.invalid,
            "unknown": self.unknown,
            "done_earlier": self.earlier,
            "not_sent": self.unsent(),
            "new": self.new,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "ai_units_at_most": (!self.has_unknown_units).then_some(self.units),
            "elapsed_ms": rounded(self.elapsed.as_secs_f64() * 1000.0),
            "requests_per_second": rounded(self.rate()),
            "server_ms": times(&self.server),
            "network_ms": times(&self.network),
            "failures": failures,
            "exit": exit.code(),
            "error": error.or(self.stopped.as_ref()).map(|failure| &failure.headline),
        })
        .to_string()
    }
}

/// Returns what a response says was new, updated and unchanged.
fn counts_in(body: &[u8]) -> [u64; 3] {
    if memchr::memmem::find(body, b"\"unchanged\"").is_none() || lexical::check(body).is_err() {
        return [0; 3];
    }
    let mut counts = [0; 3];
    for (key, value) in lexical::scan::members(body.trim_ascii()) {
        let is_it = |name: &&str| lexical::scan::is_key(key, name);
        if let Some(at) = ["new", "updated", "unchanged"].iter().position(is_it) {
            let value = std::str::from_utf8(value).ok();
            counts[at] = value.and_then(|value| value.parse().ok()).unwrap_or(0);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(line: u64, body: &str) -> Outcome {
        Outcome {
            status: Some(200),
            server: Some(1.5),
            network: Some(0.25),
            total: Some(2.0),
            attempts: 2,
            body: body.as_bytes().to_vec(),
            units: Some(3),
            ..Outcome::unsent([line].into_iter().collect(), End::Done)
        }
    }

    #[test]
    fn a_result_keeps_the_body_as_it_came() {
        let outcome = done(7, "{\"n\": 1.10,\n \"n\": 18446744073709551616}");
        assert_eq!(
            String::from_utf8_lossy(&outcome.json()),
            r#"{"line":7,"status":200,"server_ms":1.5,"total_ms":2.0,"attempts":2,"body":{"n":1.10,"n":18446744073709551616}}"#
        );
        let text = String::from_utf8_lossy(&done(7, "<p>\n").json()).into_owned();
        assert!(text.ends_with(r#""body":"<p>"}"#), "{text}");
    }

    #[test]
    fn a_failure_takes_the_place_of_the_body() {
        let failure = Failure::usage("the row is not a JSON object");
        let outcome = Outcome::unsent([3].into_iter().collect(), End::Invalid(failure));
        let result: Value = serde_json::from_slice(&outcome.json()).expect("JSON");
        assert_eq!(result["error"]["outcome"], "invalid");
        assert_eq!(result["status"], Value::Null);
        assert!(result.get("body").is_none());
    }

    #[test]
    fn a_summary_counts() {
        let mut summary = Summary {
            lines: 3,
            ..Summary::default()
        };
        summary.add(&done(1, r#"{"new":2,"updated":1,"unchanged":0}"#));
        summary.add(&Outcome {
            end: End::Failed(Failure::new(Exit::Caller, "no")),
            ..done(2, "{}")
        });
        let object: Value =
            serde_json::from_str(&summary.object(Exit::BatchFailed, None)).expect("JSON");
        let expected = [
            ("lines", 3),
            ("done", 1),
            ("failed", 1),
            ("not_sent", 1),
            ("requests", 4),
            ("retries", 2),
            ("new", 2),
            ("updated", 1),
            ("ai_units_at_most", 3),
            ("exit", 10),
        ];
        for (name, value) in expected {
            assert_eq!(object[name], json!(value), "{name}");
        }
        let schema: Value = serde_json::from_str(include_str!("batch.schema.json")).expect("JSON");
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler
            .add_resource("file:///batch.schema.json", schema)
            .expect("added");
        let index = compiler
            .compile("file:///batch.schema.json", &mut schemas)
            .expect("a schema");
        if let Err(error) = schemas.validate(&object, index) {
            panic!("{error}");
        }
    }
}
