//! `--report junit=FILE`: a call and what was expected of it as test cases, in the XML that CI
//! systems read.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::error::Failure;
use crate::exit::Exit;
use crate::output::batch::Summary;
use crate::output::record::Record;
use crate::text::terminal::sanitise;

/// Returns the report of a call with this method and path: one case for the call itself, and one for each expectation.
pub(crate) fn report(call: &str, record: &Record, result: Result<Exit, &Failure>) -> Vec<u8> {
    let failed = result.err().filter(|failure| failure.exit != Exit::Unmet);
    let Record { attempts, received } = record;
    let unmet = received
        .checks
        .iter()
        .filter(|check| check.problem.is_some())
        .count();
    // An unexpected status is known without looking at the response.
    let is_unexpected = result
        .err()
        .filter(|failure| failure.exit == Exit::Unmet && unmet == 0);
    let seconds = attempts
        .timings
        .map_or(0.0, |timings| timings.total.as_secs_f64());
    let suite = [
        ("name", "rein".to_owned()),
        ("tests", (received.checks.len() + 1).to_string()),
        (
            "failures",
            (unmet + usize::from(is_unexpected.is_some())).to_string(),
        ),
        ("errors", usize::from(failed.is_some()).to_string()),
        ("time", format!("{seconds:.3}")),
    ];
    let mut report = Report(Writer::new_with_indent(Vec::new(), b' ', 2));
    report.write(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
    report.begin("testsuite", &suite);
    let class = attempts.profile.as_deref().unwrap_or("rein");
    report.case(
        class,
        call.trim(),
        seconds,
        failed
            .map(|failure| ("error", failure))
            .or(is_unexpected.map(|failure| ("failure", failure)))
            .map(|(kind, failure)| (kind, failure.headline.as_str(), failure.to_string())),
    );
    for check in &received.checks {
        let problem = check.problem.as_deref();
        report.case(
            class,
            &check.name,
            0.0,
            problem.map(|problem| ("failure", problem, problem.to_owned())),
        );
    }
    report.end("testsuite");
    let mut text = report.0.into_inner();
    text.push(b'\n');
    text
}

/// Returns the report of a batch: one case for the batch, and one for each of the first failures.
pub(crate) fn batch(summary: &Summary, result: Result<Exit, &Failure>) -> Vec<u8> {
    let seconds = summary.elapsed.as_secs_f64();
    let ended = result.err().or(summary.stopped.as_ref());
    let suite = [
        ("name", "rein batch".to_owned()),
        ("tests", (summary.failures.len() + 1).to_string()),
        ("failures", summary.failures.len().to_string()),
        ("errors", usize::from(ended.is_some()).to_string()),
        ("time", format!("{seconds:.3}")),
    ];
    let mut report = Report(Writer::new_with_indent(Vec::new(), b' ', 2));
    report.write(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
    report.begin("testsuite", &suite);
    let problem = ended.map(|failure| ("error", failure.headline.as_str(), failure.to_string()));
    report.case(&summary.profile, &summary.call, seconds, problem);
    for (lines, message) in &summary.failures {
        let name = format!("line {lines}");
        let problem = Some(("failure", message.as_str(), message.clone()));
        report.case(&summary.profile, &name, 0.0, problem);
    }
    report.end("testsuite");
    let mut text = report.0.into_inner();
    text.push(b'\n');
    text
}

struct Report(Writer<Vec<u8>>);

impl Report {
    /// Writes into memory, which does not fail.
    fn write(&mut self, event: Event<'_>) {
        let _written = self.0.write_event(event);
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, String)]) {
        let mut start = quick_xml::events::BytesStart::new(name);
        for (key, value) in attributes {
            start.push_attribute((*key, clean(value).as_str()));
        }
        self.write(Event::Start(start.borrow()));
    }

    fn end(&mut self, name: &str) {
        self.write(Event::End(quick_xml::events::BytesEnd::new(name)));
    }

    fn case(
        &mut self,
        class: &str,
        name: &str,
        seconds: f64,
        problem: Option<(&str, &str, String)>,
    ) {
        self.begin(
            "testcase",
            &[
                ("classname", class.to_owned()),
                ("name", name.to_owned()),
                ("time", format!("{seconds:.3}")),
            ],
        );
        if let Some((kind, message, text)) = problem {
            self.begin(kind, &[("message", message.to_owned())]);
            self.write(Event::Text(BytesText::new(&clean(&text))));
            self.end(kind);
        }
        self.end("testcase");
    }
}

/// XML has no way to write most controls, so they are made visible.
fn clean(text: &str) -> String {
    text.lines()
        .map(|line| sanitise(line).into_owned())
        .collect::<Vec<String>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::record::example;
    use crate::verdict::checks::Checked;

    fn text(record: &Record, result: Result<Exit, &Failure>) -> String {
        let attempts = &record.attempts;
        let call = format!("{} {}", attempts.method_name(), attempts.path());
        String::from_utf8(report(&call, record, result)).expect("text")
    }

    #[test]
    fn a_report_has_a_case_for_the_call_and_each_expectation() {
        let mut record = example();
        record.received.checks = vec![
            Checked {
                name: "--expect '.a < 3'".to_owned(),
                problem: None,
            },
            Checked {
                name: "--expect '.b'".to_owned(),
                problem: Some("it gave \"\u{1b}[2J<x>&\"".to_owned()),
            },
        ];
        let failure = Failure::new(Exit::Unmet, "1 of 2 expectations were not met");
        insta::assert_snapshot!(text(&record, Err(&failure)), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuite name="rein" tests="3" failures="1" errors="0" time="0.062">
          <testcase classname="prod" name="POST /api/v1/datasets/retail/orders/export" time="0.062">
          </testcase>
          <testcase classname="prod" name="--expect &apos;.a &lt; 3&apos;" time="0.000">
          </testcase>
          <testcase classname="prod" name="--expect &apos;.b&apos;" time="0.000">
            <failure message="it gave &quot;\x1b[2J&lt;x&gt;&amp;&quot;">it gave &quot;\x1b[2J&lt;x&gt;&amp;&quot;</failure>
          </testcase>
        </testsuite>
        "#);
    }

    #[test]
    fn a_call_that_failed_is_an_error() {
        let mut record = example();
        record.received.checks.clear();
        let failure = Failure::new(Exit::Connect, "no connection").fact("refused");
        insta::assert_snapshot!(text(&record, Err(&failure)), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuite name="rein" tests="1" failures="0" errors="1" time="0.062">
          <testcase classname="prod" name="POST /api/v1/datasets/retail/orders/export" time="0.062">
            <error message="no connection">error: no connection
          refused</error>
          </testcase>
        </testsuite>
        "#);
    }
}
