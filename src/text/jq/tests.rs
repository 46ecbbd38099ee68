//! The table of cases, and what no table can hold.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::limits::MAX_DEPTH;
use super::value::Value;
use super::{Filter, Var, read, write};
use crate::error::{Failure, Result};
use crate::exit::Exit;

/// Runs a filter; what it gave before it failed is kept.
fn run(filter: &Filter, body: &str) -> (Vec<String>, Result<()>) {
    let mut list = Vec::new();
    let end = filter.run(body.as_bytes().to_vec(), &mut |output| {
        list.push(String::from_utf8_lossy(&output.json).into_owned());
        Ok::<(), Failure>(())
    });
    (list, end)
}

fn results(code: &str, body: &str) -> Result<Vec<String>> {
    let vars = [
        Var::Text("who".to_owned(), "you".to_owned()),
        Var::Json("n".to_owned(), "[1]".to_owned()),
    ];
    let (list, end) = run(&Filter::compile("-q", code, &vars)?, body);
    end.map(|()| list)
}

fn value(text: &str) -> Value {
    read::one(text.as_bytes()).unwrap_or_else(|_| panic!("not JSON: {text}"))
}

/// A filter, its input, and its results; after them `error` where it fails.
struct Case<'a> {
    /// The first version of jq, 1.x, that gives these results; older ones lack a function, or mean
    /// something else.
    since: u32,
    filter: &'a str,
    input: &'a str,
    results: Vec<&'a str>,
    fails: bool,
}

const OLDEST_JQ: u32 = 6;

impl Case<'_> {
    /// Returns whether these results, and this end, are those of the table.
    fn gives(&self, list: &[String], fails: bool) -> bool {
        // nan prints as null, so that two printed results are compared, not two values.
        let same = |a: &String, b: &&str| {
            let (a, b) = (value(a), value(b));
            a == b || write::to_string(&a) == write::to_string(&b)
        };
        list.len() == self.results.len()
            && list.iter().zip(&self.results).all(|(a, b)| same(a, b))
            && fails == self.fails
    }

    fn difference(&self, given: &str) -> String {
        format!(
            "{}\n  input {}\n  gives {given}\n  table {:?} {}",
            self.filter, self.input, self.results, self.fails
        )
    }
}

fn assert_none(differs: &[String]) {
    assert!(
        differs.is_empty(),
        "{}\n{} differ",
        differs.join("\n"),
        differs.len()
    );
}

/// Reads `cases.txt`: blocks of a filter, an input and results, with an empty line behind each, and
/// `# jq 1.x` before those that jq 1.6 cannot do.
fn cases() -> Vec<Case<'static>> {
    include_str!("cases.txt")
        .split("\n\n")
        .filter(|block| !block.trim().is_empty())
        .map(|block| {
            let mut lines = block.trim_matches('\n').lines().peekable();
            let since = lines
                .next_if(|line| line.starts_with("# jq"))
                .map_or(OLDEST_JQ, |mark| {
                    let version = mark.strip_prefix("# jq 1.").expect(mark);
                    version.parse().expect(mark)
                });
            let filter = lines.next().unwrap_or_default();
            let input = lines.next().unwrap_or_default();
            let mut results: Vec<&str> = lines.filter(|line| *line != "empty").collect();
            let fails = results.last() == Some(&"error");
            if fails {
                results.pop();
            }
            Case {
                since,
                filter,
                input,
                results,
                fails,
            }
        })
        .collect()
}

/// The results of the table are jq 1.8's.
#[test]
fn every_case_of_the_table_gives_what_jq_gives() {
    let cases = cases();
    assert!(cases.len() >= 400, "{}", cases.len());
    let mut differs = Vec::new();
    for case in &cases {
        let outcome = Filter::compile("-q", case.filter, &[]).map(|f| run(&f, case.input));
        let (list, end) = match outcome {
            Ok(outcome) => outcome,
            Err(failure) => (Vec::new(), Err(failure)),
        };
        if !case.gives(&list, end.is_err()) {
            let end = end.err().map(|failure| failure.headline);
            differs.push(case.difference(&format!("{list:?} {end:?}")));
        }
    }
    assert_none(&differs);
}

/// What an installed jq gives for a case, and whether it fails.
fn run_jq(case: &Case<'_>) -> (Vec<String>, bool) {
    let mut jq = Command::new("jq")
        .arg("-c")
        // A filter that begins with `-` is not an option behind a blank.
        .arg(format!(" {}", case.filter))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("jq");
    let mut input = jq.stdin.take().expect("stdin");
    // A filter that jq refuses leaves its input unread.
    let _unread = input.write_all(case.input.as_bytes());
    drop(input);
    let output = jq.wait_with_output().expect("jq");
    let list = String::from_utf8_lossy(&output.stdout);
    let list = list.lines().map(str::to_owned).collect();
    (list, !output.status.success())
}

/// Returns the installed jq's version, the x of 1.x; `None` where there is none.
fn installed_jq() -> Option<u32> {
    let output = Command::new("jq").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let minor = text.trim().strip_prefix("jq-1.")?;
    let digits = minor.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The table says what jq says, as far as the installed version can do it.
#[test]
fn an_installed_jq_gives_what_the_table_says() {
    let Some(installed) = installed_jq().filter(|version| *version >= OLDEST_JQ) else {
        // The harness keeps back what `eprintln!` prints.
        let note = format!("skipped: no jq 1.{OLDEST_JQ} or later is installed\n");
        std::io::stderr().write_all(note.as_bytes()).expect(&note);
        return;
    };
    let cases = cases();
    let (able, unable): (Vec<&Case<'_>>, Vec<&Case<'_>>) =
        cases.iter().partition(|case| case.since <= installed);
    let mut differs = Vec::new();
    for case in &able {
        let (list, fails) = run_jq(case);
        if !case.gives(&list, fails) {
            differs.push(case.difference(&format!("{list:?} {fails}")));
        }
    }
    assert_none(&differs);
    // Marking a case takes it out of the comparison, which must stay one of most cases.
    assert!(able.len() > 5 * unable.len(), "{}", unable.len());
}

#[test]
fn numbers_and_variables_keep_their_text() {
    let body = r#"{"a":[{"b":1.10,"c":"x"},{"b":18446744073709551616}],"z":0,"y":null}"#;
    let cases: [(&str, &[&str]); 10] = [
        (".a[].b", &["1.10", "18446744073709551616"]),
        (
            ".",
            &[r#"{"a":[{"b":1.10,"c":"x"},{"b":18446744073709551616}],"z":0,"y":null}"#],
        ),
        (r#"[1.10, 1] | @csv"#, &[r#""1.10,1""#]),
        (".a | length", &["2"]),
        ("keys_unsorted", &[r#"["a","z","y"]"#]),
        (r#""\($who) \($n[0])""#, &[r#""you 1""#]),
        ("env, $ENV, env.HOME", &["{}", "{}", "null"]),
        ("[nan, infinite]", &["[null,1.7976931348623157e+308]"]),
        ("1, halt, 2", &["1"]),
        ("[1.0, 01, .5]", &["[1.0,1,0.5]"]),
    ];
    for (code, expected) in cases {
        assert_eq!(results(code, body).expect(code), expected, "{code}");
    }
}

#[test]
fn a_filter_that_is_not_jq_is_pointed_into() {
    for (code, column, what) in [
        (".a | map(", 8, "expected"),
        (".a.b | nope", 7, "nope is not defined"),
        (".a | $x", 5, "$x is not defined"),
        ("{", 0, "expected"),
        (".a | input", 5, "input is not supported"),
        ("import \"x\" as x; .", 0, "modules are not supported"),
        ("include \"x\"; .", 0, "modules are not supported"),
        ("1 as $x | 2 as", 14, "expected a variable"),
        ("{(1)}", 4, "expected :"),
    ] {
        let failure = results(code, "1").expect_err(code);
        assert_eq!(failure.exit, Exit::Usage, "{code}");
        assert!(
            failure.headline.contains(what),
            "{code}: {}",
            failure.headline
        );
        let at = failure.facts[1].find('^');
        assert!(
            at.is_some_and(|at| at.abs_diff(column) <= 1),
            "{code}: {:?}",
            failure.facts
        );
    }
}

#[test]
fn a_filter_that_fails_is_a_local_failure() {
    for code in [
        ".a.b.c[0].d",
        "error(\"no\")",
        "halt_error",
        "error(null)",
        "{(1):2}",
    ] {
        let failure = results(code, r#"{"a":1}"#).expect_err(code);
        assert_eq!(failure.exit, Exit::Local, "{code}");
    }
}

#[test]
fn limits_end_a_filter_with_an_error() {
    let brackets = |count: usize| format!("\"{}\"", "[".repeat(count));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let commented = format!("#\"\n{deep}");
    for (code, body, what) in [
        (".", deep.as_str(), "deeper"),
        (".", commented.as_str(), "not JSON"),
        ("fromjson", &brackets(40_000), "depth"),
        ("def f: 1 + f; f", "1", "too deeply"),
        ("def f: [f]; f", "1", "too deeply"),
        ("def f: {a: f}; f", "1", "too deeply"),
        ("def f: f | f; f", "1", "too deeply"),
        ("def f(x): x + f(x); f(.)", "1", "too deeply"),
        ("reduce range(20000) as $i (.; [.]) | tojson", "1", "deeper"),
        ("reduce range(20000) as $i (.; {a: .})", "1", "deeper"),
        ("reduce range(64) as $i (\"ab\"; . + .)", "1", "memory"),
        ("[repeat(\"abc\" * 10000000)]", "1", "memory"),
        ("\"abc\" * 1000000000", "1", "too long"),
        (".[1e9] = 1", "null", "too large"),
        ("[range(0; infinite)]", "1", "memory"),
        ("setpath([range(1000000) | 0]; 1)", "null", "too deep"),
        ("1e18 | localtime", "1", "converting"),
        // Beyond 2^64 in microseconds, where it would be a time of 1970.
        ("18446744073710 | gmtime", "1", "converting"),
        ("18446744073710 | todate", "1", "converting"),
        ("nan | strflocaltime(\"%Y\")", "1", "converting"),
    ] {
        let failure = results(code, body).expect_err(code);
        assert_eq!(failure.exit, Exit::Local, "{code}");
        assert!(
            failure.headline.contains(what),
            "{code}: {}",
            failure.headline
        );
    }
    let fine = format!("{}{}", "[".repeat(9000), "]".repeat(9000));
    assert!(fine.len() < 2 * MAX_DEPTH as usize);
    assert_eq!(
        results("[.. | arrays] | length", &fine).expect("fine"),
        ["9000"]
    );
}

#[test]
fn alternatives_inside_each_other_take_no_more_than_their_text() {
    let code = ". as [$a] ?// $a | ".repeat(64) + "$a";
    assert_eq!(results(&code, "1").expect("fine"), ["1"]);
}

#[test]
fn time_ends_a_filter_with_28() {
    for code in [
        "def f: f; f",
        "repeat(1)",
        "last(repeat(1))",
        "[limit(1; repeat(empty))]",
    ] {
        let filter = Filter::compile("-q", code, &[]).expect(code);
        filter.bound(Some(std::time::Duration::from_millis(50)));
        let (_, end) = run(&filter, "1");
        assert_eq!(end.expect_err(code).exit, Exit::TimeOut, "{code}");
    }
}

#[test]
fn a_mark_before_the_document_is_skipped() {
    assert_eq!(results(".a", "\u{feff}{\"a\":1}").expect("a result"), ["1"]);
}
