//! `rein follow`: each result at least once, never lost, whatever ends it and wherever.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::process::Stdio;

use serde_json::Value;

use crate::support::command::{exit_code, in_the_place_of, interrupted};
use crate::support::{Demo, Recorder, Reply, rein};

const BATCH: &str = r#"{"status":"ok","results":[{"comment":{"uid":"s.1"},"continuation":"a"},{"comment":{"uid":"s.2"},"continuation":"b"}],"num_filtered":0,"more_results":false,"continuation":"b"}"#;
const NEXT: &str = r#"{"status":"ok","results":[{"comment":{"uid":"s.3"},"continuation":"c"}],"num_filtered":0,"more_results":false,"continuation":"c"}"#;
const END: &str =
    r#"{"status":"ok","results":[],"num_filtered":0,"more_results":false,"continuation":"c"}"#;
const FILTERED: &str =
    r#"{"status":"ok","results":[],"num_filtered":9,"more_results":false,"continuation":"f"}"#;
const ADVANCED: &str = r#"{"status":"ok","sequence_id":"b"}"#;

const LINES: &str = "{\"comment\":{\"uid\":\"s.1\"},\"continuation\":\"a\"}\n{\"comment\":{\"uid\":\"s.2\"},\"continuation\":\"b\"}\n";
const NEXT_LINE: &str = "{\"comment\":{\"uid\":\"s.3\"},\"continuation\":\"c\"}\n";

fn json(body: &str) -> Reply {
    Reply::json(200, body)
}

/// Method, last part of the path, and body of every request.
fn calls(server: &Recorder) -> Vec<String> {
    let call = |request: &crate::support::Recorded| {
        let line = request.line().to_owned();
        let (method, path) = line.split_once(' ').expect("a request line");
        let path = path.split('?').next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        format!("{method} {last} {}", request.text())
            .trim()
            .to_owned()
    };
    server.requests().iter().map(call).collect()
}

fn follow(server: &Recorder, args: &[&str]) -> crate::support::command::Finished {
    rein(["follow", "p/orders/late", "--once"].iter().chain(args))
        .at(&server.url())
        .run()
}

#[test]
fn results_are_written_and_then_the_stream_is_advanced() {
    let server = Recorder::start(vec![
        json(BATCH),
        json(ADVANCED),
        json(FILTERED),
        json(ADVANCED),
        json(NEXT),
        json(ADVANCED),
        json(END),
    ]);
    follow(&server, &["--batch", "2"])
        .exit(0)
        .stdout(format!("{LINES}{NEXT_LINE}"))
        .says("p/orders/late  3 results in 3 batches")
        .no_canary();
    assert_eq!(
        calls(&server),
        [
            "GET results",
            r#"POST advance {"sequence_id":"b"}"#,
            "GET results",
            // What the filter left out is passed over, or it would be looked at for ever.
            r#"POST advance {"sequence_id":"f"}"#,
            "GET results",
            r#"POST advance {"sequence_id":"c"}"#,
            "GET results",
        ]
    );
    assert!(
        server.requests()[0]
            .line()
            .ends_with("/results?max_results=2&max_filtered=1024")
    );
}

#[test]
fn the_older_route_is_followed_as_well() {
    let server = Recorder::start(vec![
        json(
            r#"{"status":"ok","results":[{"sequence_id":"a","comment":{"uid":"s.1"}}],"filtered":0,"is_end_sequence":true,"sequence_id":"b"}"#,
        ),
        json(ADVANCED),
        json(
            r#"{"status":"ok","results":[],"filtered":0,"is_end_sequence":true,"sequence_id":"b"}"#,
        ),
    ]);
    follow(&server, &["--legacy"])
        .exit(0)
        .stdout("{\"sequence_id\":\"a\",\"comment\":{\"uid\":\"s.1\"}}\n");
    assert_eq!(
        calls(&server),
        [
            r#"POST fetch {"size":64,"max_filtered":1024}"#,
            r#"POST advance {"sequence_id":"b"}"#,
            r#"POST fetch {"size":64,"max_filtered":1024}"#,
        ]
    );
}

#[test]
fn what_cannot_be_written_is_not_advanced_over() {
    let server = Recorder::always(json(BATCH));
    let full = OpenOptions::new().write(true).open("/dev/full");
    if let Ok(full) = full {
        let output = rein(["follow", "p/orders/late", "--once"])
            .at(&server.url())
            .command()
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .expect("it runs");
        assert_eq!(exit_code(output.status), 23);
        assert_eq!(calls(&server), ["GET results"]);
    }
    // A reader that has gone is no failure, and nothing is advanced.
    let server = Recorder::always(json(BATCH));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = rein(["follow", "p/orders/late", "--once"])
        .at(&server.url())
        .command()
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("it runs");
    assert_eq!(exit_code(output.status), 0);
    assert_eq!(calls(&server), ["GET results"]);
}

#[test]
fn a_command_gets_each_batch_and_must_succeed() {
    let server = Recorder::start(vec![
        json(BATCH),
        json(ADVANCED),
        json(NEXT),
        json(ADVANCED),
        json(END),
    ]);
    follow(&server, &["--exec", "sed -e 's/^/got: /'"])
        .exit(0)
        .stdout(
            format!("{LINES}{NEXT_LINE}")
                .lines()
                .map(|line| format!("got: {line}\n"))
                .collect::<String>(),
        );
    for (command, words) in [
        ("false", "the command false failed"),
        ("sh -c 'cat >/dev/null; exit 3'", "exit status: 3"),
        ("/nonexistent/x", "cannot be run"),
    ] {
        let server = Recorder::always(json(BATCH));
        follow(&server, &["--exec", command])
            .exit(1)
            .says(words)
            .says("was not advanced");
        assert_eq!(calls(&server), ["GET results"]);
    }
    let server = Recorder::always(json(BATCH));
    for (args, words) in [
        (&["--exec", "'open"][..], "open quote"),
        (&["--exec", ""], "no command"),
        (&["--exceptions"], "--exec"),
        (&["--batch", "0"], "--batch"),
        (&["--every", "x"], "--every"),
    ] {
        follow(&server, args).exit(2).says(words);
    }
    for stream in ["late", "a/b/c/d", "/x", "a//b"] {
        rein(["follow", stream]).at(&server.url()).run().exit(2);
    }
    server.saw_nothing();
}

#[test]
fn comments_whose_command_fails_are_tagged_and_passed_over() {
    let server = Recorder::start(vec![
        json(BATCH),
        json(r#"{"status":"ok"}"#),
        json(ADVANCED),
        json(END),
    ]);
    follow(
        &server,
        &["--exec", "grep -q s.2", "--exceptions=No Prediction"],
    )
    .exit(0)
    .says("2 results in 1 batch; 1 exception tagged");
    assert_eq!(
        calls(&server),
        [
            "GET results",
            r#"PUT exceptions {"exceptions":[{"uid":"s.1","metadata":{"type":"No Prediction"}}]}"#,
            r#"POST advance {"sequence_id":"b"}"#,
            "GET results",
        ]
    );
    // What cannot be tagged is not passed over.
    let server = Recorder::start(vec![json(BATCH), Reply::json(403, r#"{"status":"error"}"#)]);
    follow(&server, &["--exec", "false", "--exceptions"]).exit(4);
    assert_eq!(calls(&server).len(), 2);
}

#[test]
fn after_a_lost_reply_the_stream_is_looked_at_before_anything_is_sent_again() {
    let lost = || Reply::Close(Vec::new());
    // It has moved: nothing is sent again.
    let server = Recorder::start(vec![
        json(BATCH),
        lost(),
        json(NEXT),
        json(NEXT),
        json(ADVANCED),
        json(END),
    ]);
    follow(&server, &[])
        .exit(0)
        .stdout(format!("{LINES}{NEXT_LINE}"))
        .says("to see whether it has moved");
    assert_eq!(
        calls(&server),
        [
            "GET results",
            r#"POST advance {"sequence_id":"b"}"#,
            "GET results",
            "GET results",
            r#"POST advance {"sequence_id":"c"}"#,
            "GET results",
        ]
    );
    // It has not: the same token lies ahead and is sent again.
    let server = Recorder::start(vec![
        json(BATCH),
        lost(),
        json(BATCH),
        json(ADVANCED),
        json(END),
    ]);
    follow(&server, &[]).exit(0).stdout(LINES);
    assert_eq!(
        calls(&server),
        [
            "GET results",
            r#"POST advance {"sequence_id":"b"}"#,
            "GET results",
            r#"POST advance {"sequence_id":"b"}"#,
            "GET results",
        ]
    );
    // It never does.
    let server = Recorder::start(vec![
        json(BATCH),
        lost(),
        json(BATCH),
        lost(),
        json(BATCH),
        lost(),
    ]);
    follow(&server, &[])
        .exit(52)
        .stdout(LINES)
        .says("may be delivered again");
    // It says that it does, and stays.
    let server = Recorder::start(vec![json(BATCH), json(ADVANCED), json(BATCH)]);
    follow(&server, &[])
        .exit(18)
        .stdout(LINES)
        .says("did not move");
}

#[test]
fn what_is_no_batch_moves_nothing() {
    for (reply, exit) in [
        (json(r#"{"status":"ok"}"#), 5),
        (
            json(r#"{"status":"ok","results":[1],"continuation":null}"#),
            5,
        ),
        (json("{\"status\":\"ok\",\"results\":[,]}"), 5),
        (Reply::with(200, &[], b"<html>sign in"), 8),
        (Reply::json(403, r#"{"status":"error"}"#), 4),
    ] {
        let server = Recorder::always(reply);
        let run = follow(&server, &[]).exit(exit);
        assert!(
            calls(&server).iter().all(|call| call.starts_with("GET")),
            "{run}"
        );
    }
}

#[test]
fn a_guarded_stream_is_moved_only_when_that_is_confirmed() {
    let server = Recorder::start(vec![json(BATCH), json(ADVANCED), json(END)]);
    let config = |guard: &str| {
        format!(
            "[profiles.prod]\nendpoint = \"{}\"\nproject = \"p\"\nguard = \"{guard}\"\n\n[profiles.dev]\nendpoint = \"{0}\"\nproject = \"q\"\n",
            server.url()
        )
    };
    let run = |guard: &str, profile: &str, args: &[&str]| {
        rein(
            ["-p", profile, "follow", "p/orders/late", "--once"]
                .iter()
                .chain(args),
        )
        .config(&config(guard))
        .var("REINFER_TOKEN", crate::support::CANARY)
        .run()
    };
    for (guard, profile, args) in [
        ("confirm", "prod", &[][..]),
        ("confirm", "prod", &["--confirm", "dev"]),
        ("confirm", "dev", &[]),
        ("read-only", "prod", &["--confirm", "prod"]),
        ("read-only", "dev", &["--confirm", "prod"]),
    ] {
        run(guard, profile, args)
            .exit(9)
            .says("nothing was sent")
            .no_canary();
    }
    server.saw_nothing();
    run("confirm", "prod", &["--confirm", "prod"])
        .exit(0)
        .stdout(LINES);
}

/// Returns the uids of whole lines.
fn uids(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|result| Some(result["comment"]["uid"].as_str()?.to_owned()))
        .collect()
}

#[test]
fn killed_at_any_step_it_loses_nothing() {
    let expected = {
        let demo = Demo::start();
        let run = demo_follow(&demo, &[]).run().exit(0);
        uids(&run.stdout_text())
    };
    assert_eq!(expected.len(), 120);
    for exec in [&[][..], &["--exec", "cat"]] {
        let demo = Demo::start();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        let length = || std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        for _ in 0..12 {
            let before = length();
            let out = OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
                .expect("a file");
            let mut child = demo_follow(&demo, exec)
                .command()
                .stdout(out)
                .stderr(Stdio::null())
                .spawn()
                .expect("it starts");
            // As soon as something has been written: between write, flush and advance.
            while length() == before && child.try_wait().expect("a status").is_none() {
                std::thread::yield_now();
            }
            child.kill().expect("killed");
            child.wait().expect("an end");
        }
        let rest = demo_follow(&demo, exec).run().exit(0).stdout_text();
        let all = std::fs::read_to_string(&path).expect("read") + "\n" + &rest;
        assert_eq!(uids(&all), expected);
    }
}

fn demo_follow(demo: &Demo, args: &[&str]) -> crate::support::command::Rein {
    rein(
        [
            "follow",
            "retail-dev/orders/late-orders",
            "--once",
            "--batch",
            "4",
        ]
        .iter()
        .chain(args),
    )
    .var("REINFER_ENDPOINT", &demo.url)
    .var("REINFER_TOKEN", &demo.token)
}

#[test]
fn killed_while_the_advance_is_under_way_the_batch_has_been_written() {
    let server = Recorder::start(vec![json(BATCH), Reply::Hang(Vec::new())]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("out");
    let out = std::fs::File::create(&path).expect("a file");
    let mut child = rein(["follow", "p/orders/late"])
        .at(&server.url())
        .command()
        .stdout(out)
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    while server.requests().len() < 2 {
        std::thread::yield_now();
    }
    child.kill().expect("killed");
    child.wait().expect("an end");
    assert_eq!(std::fs::read_to_string(&path).expect("read"), LINES);
}

#[cfg(unix)]
#[test]
fn an_interrupt_is_the_usual_end_and_says_how_far_it_came() {
    for last in [json(END), Reply::Hang(Vec::new())] {
        let server = Recorder::start(vec![json(BATCH), json(ADVANCED), last]);
        let call = rein(["follow", "p/orders/late", "--every", "1h"]).at(&server.url());
        let (exit, stdout, stderr) = interrupted(&call, || server.requests().len() == 3);
        assert_eq!((exit, stdout.as_str()), (130, LINES), "{stderr}");
        assert!(
            stderr.contains("p/orders/late  2 results in 1 batch\n"),
            "{stderr}"
        );
        assert!(!stderr.contains("error"), "{stderr}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_command_too() {
    let server = Recorder::always(json(BATCH));
    let folder = tempfile::tempdir().expect("a folder");
    let started = folder.path().join("started");
    let mut child = rein([
        "follow",
        "p/orders/late",
        "--exec",
        &format!("sh -c 'echo $$ > {}; exec sleep 600'", started.display()),
    ])
    .at(&server.url())
    .command()
    .stdout(Stdio::null())
    .stderr(Stdio::null())
    .spawn()
    .expect("it starts");
    let command = loop {
        let text = std::fs::read_to_string(&started).unwrap_or_default();
        if text.ends_with('\n') {
            break text.trim().to_owned();
        }
        std::thread::yield_now();
    };
    let interrupted = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.expect("kill").success());
    assert_eq!(exit_code(child.wait().expect("an end")), 130);
    assert!(is_gone(&command), "the command {command} goes on");
    assert_eq!(calls(&server), ["GET results"]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_ends_what_a_command_has_started() {
    let server = Recorder::always(json(BATCH));
    let folder = tempfile::tempdir().expect("a folder");
    for signal in ["-INT", "-TERM"] {
        let started = folder.path().join(format!("started{signal}"));
        let script = format!(
            "sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait",
            started.display()
        );
        let config = format!(
            "[profiles.p]\nendpoint = \"{}\"\ntoken_command = [\"sh\", \"-c\", \"{script}\"]\n",
            server.url()
        );
        let rein = rein(["-p", "p", "v1/x"]).config(&config);
        let call = rein.command();
        // Without a terminal, as a pipeline runs it.
        let mut setsid = std::process::Command::new("setsid");
        setsid.arg(call.get_program()).args(call.get_args());
        in_the_place_of(&call, &mut setsid);
        let mut child = setsid
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let sleeping = loop {
            let text = std::fs::read_to_string(&started).unwrap_or_default();
            if !text.is_empty() {
                break text.trim().to_owned();
            }
            std::thread::yield_now();
        };
        let interrupted = std::process::Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(interrupted.expect("kill").success());
        child.wait().expect("an end");
        assert!(is_gone(&sleeping), "{sleeping} goes on after {signal}");
    }
    server.saw_nothing();
}

/// Waits for a process to be gone, or as good as gone: one that nobody waits for stays a zombie.
#[cfg(unix)]
fn is_gone(process: &str) -> bool {
    (0..2000).any(|_| {
        let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let gone = state.is_empty() || state.contains(") Z ");
        if !gone {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        gone
    })
}

#[test]
fn a_dry_run_shows_the_calls_of_a_round_and_opens_no_socket() {
    let server = Recorder::always(json(END));
    let config = format!(
        "[profiles.prod]\nendpoint = \"{}\"\nproject = \"retail\"\nguard = \"confirm\"\ntoken_command = [\"false\"]\n",
        server.url()
    );
    let look = |args: &[&str]| {
        rein(
            ["-p", "prod", "follow", "orders/late", "--dry-run"]
                .iter()
                .chain(args),
        )
        .config(&config)
        .run()
        .exit(0)
        .stdout_text()
    };
    let shown = look(&["--batch", "5"]);
    for part in [
        "/api/v1/datasets/retail/orders/streams/late/results?max_results=5",
        "  read (get-stream-results)",
        "/streams/late/advance\n  stateful (advance-stream)",
        "guard     confirm: would be refused without --confirm prod",
        "nothing was sent\n",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("exceptions"), "{shown}");
    let shown = look(&[
        "--confirm",
        "prod",
        "--exec",
        "cat",
        "--exceptions",
        "--legacy",
    ]);
    for part in [
        "(fetch-stream)",
        "(tag-stream-exceptions)",
        "confirm: passes",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    rein(["-p", "demo", "follow", "orders/late-orders", "--dry-run"])
        .run()
        .exit(0);
    server.saw_nothing();
}
