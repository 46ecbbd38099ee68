//! `--expect` and its like, `--until`, reports and annotations.

use serde_json::Value;

use crate::support::command::interrupted;
use crate::support::{Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok","count":3}"#;

fn answers(status: u16, body: &str) -> Recorder {
    Recorder::always(Reply::json(status, body))
}

#[test]
fn every_expectation_that_is_not_met_is_listed() {
    let server = answers(200, OK);
    rein(["/api/v1/x", "--expect", ".count == 3", "--expect", ".count > 5", "--expect", ".missing", "--max-server-time", "1ms"])
        .at(&server.url())
        .run()
        .exit(11)
        .stdout(OK)
        .says("error: 3 of 4 expectations were not met\n  --expect '.count > 5': the filter gave false\n  --expect '.missing': the filter gave null\n  --max-server-time 1 ms: it was 1.5 ms\n");
    rein([
        "/api/v1/x",
        "--expect",
        ".count == 3",
        "--expect-status",
        "2xx",
        "--max-server-time",
        "1s",
        "--max-total-time",
        "1m",
    ])
    .at(&server.url())
    .run()
    .exit(0)
    .stdout(OK);
    // A check that cannot see does not pass.
    let silent = Recorder::always(Reply::with(200, &[], OK.as_bytes()));
    rein(["/api/v1/x", "--max-server-time", "1h"])
        .at(&silent.url())
        .run()
        .exit(11)
        .says("Server-Timing is absent");
}

#[test]
fn a_wanted_status_takes_the_place_of_the_class() {
    let gone = r#"{"status":"error","message":"404 Not Found"}"#;
    for (status, body, wanted, exit) in [
        (404, gone, "404", 0),
        (404, gone, "200,404", 0),
        (404, gone, "4xx", 0),
        (404, gone, "200", 11),
        (200, OK, "404", 11),
        (204, "", "2xx", 0),
        (500, r#"{"status":"error"}"#, "500", 0),
        (302, "", "302", 0),
        (302, "", "200", 11),
    ] {
        let server = answers(status, body);
        rein(["/api/v1/x", "--expect-status", wanted])
            .at(&server.url())
            .run()
            .exit(exit)
            .stdout(body);
    }
    // Somebody else's answer is no proof of anything.
    let page = Recorder::always(Reply::with(200, &[], b"<html><title>Sign in</title>"));
    rein(["/api/v1/x", "--expect-status", "200"])
        .at(&page.url())
        .run()
        .exit(8);
    let gateway = Recorder::always(Reply::with(404, &[], b"<html>no such host</html>"));
    rein(["/api/v1/x", "--expect-status", "404"])
        .at(&gateway.url())
        .run()
        .exit(4);
    // The first cause counts: an answer that failed is not looked at further.
    let failed = answers(404, gone);
    rein(["/api/v1/x", "--expect", ".x"])
        .at(&failed.url())
        .run()
        .exit(4)
        .never_says("--expect");
}

#[test]
fn a_wanted_error_can_be_shown_as_anything_else() {
    let server = answers(404, r#"{"status":"error","message":"404 Not Found"}"#);
    rein(["/api/v1/x", "--expect-status", "404", "-q", ".message"])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout("404 Not Found\n");
}

#[test]
fn a_file_stays_as_it_was_when_its_content_is_not_what_was_expected() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out");
    std::fs::write(&file, "old").expect("written");
    let server = answers(200, OK);
    let call = |expect: &str| {
        rein([
            "/api/v1/x",
            "-o",
            &file.display().to_string(),
            "--expect",
            expect,
        ])
        .at(&server.url())
        .run()
    };
    call(".count > 5").exit(11).says("the file stays as it was");
    assert_eq!(std::fs::read_to_string(&file).expect("read"), "old");
    call(".count > 2").exit(0);
    assert_eq!(std::fs::read_to_string(&file).expect("read"), OK);
}

#[test]
fn what_cannot_be_read_is_refused_before_anything_is_sent() {
    let server = answers(200, OK);
    for (args, words) in [
        (&["--expect", ".["][..], "--expect"),
        (&["--expect-status", "2000"], "200,404 or 2xx"),
        (&["--max-server-time", "-1"], "--max-server-time"),
        (&["--until", ".x", "--every", "soon"], "--every"),
        (&["--until", ".x", "--every", "0"], "must be more than 0"),
        (&["--every", "1s"], "--until"),
        (&["--report", "out.xml"], "--report junit=FILE"),
    ] {
        rein(["/api/v1/x"].iter().chain(args))
            .at(&server.url())
            .run()
            .exit(2)
            .says(words);
    }
    rein(["POST", "/api/v1/x", "a=1", "--until", ".x"])
        .at(&server.url())
        .run()
        .exit(2)
        .says("only reads are repeated");
    server.saw_nothing();
}

#[test]
fn a_read_is_repeated_until_it_holds() {
    let job = |state: &str| Reply::json(200, &format!(r#"{{"status":"ok","job":"{state}"}}"#));
    let server = Recorder::start(vec![
        Reply::json(404, r#"{"status":"error"}"#),
        job("running"),
        Reply::json(500, r#"{"status":"error"}"#),
        Reply::json(200, r#"{"status":"ok"}"#),
        job("done"),
    ]);
    let run = rein([
        "/api/v1/job",
        "--until",
        ".job == \"done\"",
        "--every",
        "1ms",
        "--retry",
        "0",
    ])
    .at(&server.url())
    .run()
    .exit(0)
    .stdout(r#"{"status":"ok","job":"done"}"#)
    .says("note: attempt 1: not yet (404 Not Found from Re:infer); again in 1 ms\n")
    .says("note: attempt 2: not yet (the filter gave false)")
    .says("note: attempt 3: not yet (500 ");
    assert_eq!(server.requests().len(), 5, "{run}");
    // One status line, for the last try.
    assert_eq!(
        run.stderr_text().matches("GET /api/v1/job").count(),
        1,
        "{run}"
    );
}

#[test]
fn what_will_not_pass_ends_the_waiting() {
    for (reply, exit) in [
        (Reply::json(401, r#"{"status":"error"}"#), 4),
        (Reply::json(403, r#"{"status":"error"}"#), 4),
        (Reply::json(400, r#"{"status":"error"}"#), 4),
        (Reply::with(200, &[], b"<html><title>Sign in</title>"), 8),
    ] {
        let server = Recorder::start(vec![Reply::json(200, OK), reply]);
        rein(["/api/v1/job", "--until", ".done", "--every", "1ms"])
            .at(&server.url())
            .run()
            .exit(exit);
        assert_eq!(server.requests().len(), 2);
    }
    // A filter that cannot run on the answer cannot on the next one either; on an error it may yet.
    let server = Recorder::start(vec![
        Reply::json(404, r#"{"status":"error"}"#),
        Reply::json(200, r#"{"status":"ok","job":"x"}"#),
    ]);
    let until = ["--until", ".job[0]", "--every", "1ms", "--within", "5s"];
    rein(["/api/v1/job"].iter().chain(&until))
        .at(&server.url())
        .run()
        .exit(1)
        .stdout(r#"{"status":"ok","job":"x"}"#)
        .says("--until");
    assert_eq!(server.requests().len(), 2);
    // What was never there is a mistake in the call; what was there may come back.
    let server = Recorder::always(Reply::Close(Vec::new()));
    rein([
        "/api/v1/job",
        "--until",
        ".done",
        "--every",
        "1ms",
        "--retry",
        "0",
    ])
    .at(&server.url())
    .run()
    .exit(52);
    assert_eq!(server.requests().len(), 1);
    let server = Recorder::start(vec![
        Reply::json(200, OK),
        Reply::Close(Vec::new()),
        Reply::json(200, r#"{"status":"ok","done":true}"#),
    ]);
    rein([
        "/api/v1/job",
        "--until",
        ".done",
        "--every",
        "1ms",
        "--retry",
        "0",
    ])
    .at(&server.url())
    .run()
    .exit(0);
}

#[test]
fn what_does_not_hold_in_time_is_not_met() {
    let server = answers(200, OK);
    rein([
        "/api/v1/job",
        "--until",
        ".done",
        "--every",
        "1h",
        "--within",
        "0s",
    ])
    .at(&server.url())
    .run()
    .exit(11)
    .stdout(OK)
    .says("error: --until was not met within 0 ms\n  .done: the filter gave null\n");
    let hanging = Recorder::always(Reply::Hang(Vec::new()));
    rein([
        "/api/v1/job",
        "--until",
        ".done",
        "--every",
        "20ms",
        "--within",
        "0s",
    ])
    .at(&hanging.url())
    .run()
    .exit(11)
    .says("no response came in time");
    // A server that asks for more time than there is ends it.
    let busy = Recorder::always(Reply::with(
        429,
        &["Retry-After: 3600", "Server-Timing: total;dur=1"],
        b"{\"status\":\"error\"}",
    ));
    rein([
        "/api/v1/job",
        "--until",
        ".done",
        "--every",
        "5ms",
        "--within",
        "10m",
        "--retry",
        "0",
    ])
    .at(&busy.url())
    .run()
    .exit(11);
    assert_eq!(busy.requests().len(), 1);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_waiting() {
    for reply in [Reply::json(200, OK), Reply::Hang(Vec::new())] {
        let server = Recorder::always(reply);
        let call = rein([
            "/api/v1/job",
            "--until",
            ".done",
            "--every",
            "1h",
            "--within",
            "2h",
        ])
        .at(&server.url());
        let (exit, stdout, stderr) = interrupted(&call, || server.requests().len() == 1);
        assert_eq!((exit, stdout.as_str()), (130, ""), "{stderr}");
        assert!(
            stderr.contains("interrupted before --until was met"),
            "{stderr}"
        );
    }
}

#[test]
fn under_github_actions_failures_are_annotations_and_nothing_else_is() {
    let evil = r#"{"status":"error","message":"50%\n::add-mask::x"}"#;
    let server = answers(400, evil);
    let run = rein(["/api/v1/x", "-v"])
        .at(&server.url())
        .var("GITHUB_ACTIONS", "true")
        .run()
        .exit(4)
        .stdout(evil);
    let commands: Vec<String> = run
        .stderr_text()
        .lines()
        .filter(|line| line.trim_start().starts_with("::"))
        .map(str::to_owned)
        .collect();
    assert_eq!(commands.len(), 1, "{run}");
    assert!(
        commands[0].starts_with("::error title=rein (exit 4)::"),
        "{run}"
    );
    assert!(commands[0].contains("50%25"), "{run}");
    // Nor is what -w writes there.
    let header = Recorder::always(Reply::with(
        200,
        &[
            "X-Evil: ::add-mask::x",
            "X-Hash: ##[group]x",
            "Server-Timing: total;dur=1",
        ],
        br#"{"status":"ok"}"#,
    ));
    let format =
        r"%{stderr}%header{x-evil}\n\r%header{x-evil}\n  %header{x-hash}\nas: %header{x-evil}\n";
    let told = "| ::add-mask::x\n\r| ::add-mask::x\n|   ## [group]x\nas: ::add-mask::x\n";
    rein(["/api/v1/x", "-s", "-w", format])
        .at(&header.url())
        .var("GITHUB_ACTIONS", "true")
        .run()
        .exit(0)
        .says(told);
    let raw = told.replace("| ", "").replace("## [", "##[");
    let run = rein(["/api/v1/x", "-s", "-w", format])
        .at(&header.url())
        .run();
    assert_eq!(run.stderr_text(), raw);
    // A body that goes to standard error is no command either.
    let folder = tempfile::tempdir().expect("a folder");
    let page = Recorder::always(Reply::with(
        400,
        &["Server-Timing: total;dur=1"],
        b"\n::stop-commands::x\n",
    ));
    let run = rein([
        "/api/v1/x",
        "-o",
        &folder.path().join("f").display().to_string(),
    ])
    .at(&page.url())
    .var("GITHUB_ACTIONS", "true")
    .run()
    .exit(4);
    let begins = |line: &&str| line.trim_start().starts_with("::stop");
    assert_eq!(run.stderr_text().lines().find(begins), None, "{run}");
    // A line that cannot be read fails the step as well.
    for (words, says) in [
        (&["/api/v1/x", "--nonsense"][..], "unexpected argument"),
        (&["/api/v1/x", "-u", "a:b"], "-u is not supported"),
    ] {
        let run = rein(words).var("GITHUB_ACTIONS", "true").run().exit(2);
        let text = run.stderr_text();
        let annotation = format!("::error title=rein (exit 2)::{says}");
        assert!(
            text.lines().any(|line| line.starts_with(&annotation)),
            "{run}"
        );
    }
    for elsewhere in ["", "false"] {
        rein(["/api/v1/x"])
            .at(&server.url())
            .var("GITHUB_ACTIONS", elsewhere)
            .run()
            .exit(4)
            .never_says("::error");
    }
}

#[test]
fn a_report_and_the_meta_object_hold_every_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.xml");
    let server = answers(200, OK);
    let run = rein([
        "/api/v1/x",
        "--expect",
        ".count < 3",
        "--expect-status",
        "200",
        "--report",
        &format!("junit={}", report.display()),
        "--meta",
        "-",
    ])
    .at(&server.url())
    .run()
    .exit(11);
    let text = std::fs::read_to_string(&report).expect("a report");
    assert!(
        text.contains(r#"<testsuite name="rein" tests="3" failures="1" errors="0""#),
        "{text}"
    );
    assert!(
        text.contains(r#"name="--expect &apos;.count &lt; 3&apos;""#),
        "{text}"
    );
    let stderr = run.stderr_text();
    let meta = stderr
        .lines()
        .find(|line| line.starts_with('{'))
        .expect("an object");
    let meta: Value = serde_json::from_str(meta).expect("JSON");
    assert_eq!(meta["checks"][1]["met"], false, "{run}");
    assert_eq!(meta["exit"], 11);
    // A call that could not be made is an error of the report.
    let closed = Recorder::always(Reply::Close(Vec::new()));
    rein([
        "/api/v1/x",
        "--retry",
        "0",
        "--report",
        &format!("junit={}", report.display()),
    ])
    .at(&closed.url())
    .run()
    .exit(52);
    let text = std::fs::read_to_string(&report).expect("a report");
    assert!(
        text.contains(r#"errors="1""#) && text.contains("<error"),
        "{text}"
    );
}
