//! `rein profile check`: each step once, each failure with its cure, and an end in time.

use std::time::{Duration, Instant};

use crate::support::{CANARY, Recorder, Reply, rein};

/// Returns the lines of a report whose step is this one.
fn lines(report: &str, step: &str) -> Vec<String> {
    report
        .lines()
        .filter(|line| line.split_whitespace().nth(1) == Some(step))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_failure_has_a_cure_and_is_told_once() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("an address");
    let server = |reply| Recorder::always(reply);
    let failing = server(Reply::json(503, r#"{"status":"error"}"#));
    let forbidden = server(Reply::json(403, r#"{"status":"error"}"#));
    let strange = server(Reply::Close(b"220 mail ready\r\n".to_vec()));
    let empty = server(Reply::Close(Vec::new()));
    let fine = server(Reply::json(200, r#"{"status":"ok","user":{}}"#));
    let token = format!("token_command = [\"echo\", \"{CANARY}\"]");
    let no_token = "token_command = [\"false\"]".to_owned();
    let bad_proxy = format!("{token}\nproxy = \"socks9://x\"");
    for (endpoint, keys, exit, step, cure) in [
        (
            format!("http://{closed}"),
            &token,
            7,
            "connect",
            "check host and port",
        ),
        (
            failing.url(),
            &token,
            5,
            "response",
            "report it to its support",
        ),
        (forbidden.url(), &token, 4, "response", "administrator"),
        (
            strange.url(),
            &token,
            56,
            "response",
            "another service may be listening",
        ),
        (
            empty.url(),
            &token,
            52,
            "response",
            "another service may be listening",
        ),
        (fine.url(), &no_token, 2, "token", "run the command by hand"),
        (fine.url(), &bad_proxy, 2, "proxy", "write http://host:port"),
    ] {
        let config = format!("[profiles.p]\nendpoint = \"{endpoint}\"\n{keys}\n");
        let run = rein(["profile", "check", "p"])
            .config(&config)
            .var("PATH", "/usr/bin:/bin")
            .run()
            .exit(exit)
            .no_canary();
        let report = run.stdout_text();
        let failed: Vec<&str> = report
            .lines()
            .filter(|line| line.trim_start().starts_with("fail"))
            .collect();
        assert_eq!(failed.len(), 1, "{run}");
        assert_eq!(lines(&report, step).len(), 1, "{run}");
        assert!(
            failed[0].contains(step) && report.contains(cure),
            "{cure}: {run}"
        );
        let token_was_read = step != "token" && step != "proxy";
        assert_eq!(report.contains("ok    token"), token_was_read, "{run}");
    }
    let run = rein(["profile", "check"]).config("[broken").run().exit(2);
    let report = run.stdout_text();
    assert_eq!(report.matches("not valid TOML").count(), 1, "{run}");
    assert!(report.contains("rein config check"), "{run}");
}

#[test]
fn a_silent_server_cannot_hold_it() {
    let silent = Recorder::always(Reply::Hang(Vec::new()));
    let begun = Instant::now();
    let check = |args: &[&str]| {
        let words = [&["profile", "check"], args].concat();
        rein(words).at(&silent.url()).run()
    };
    let run = check(&["-m", "0.3"]).exit(28);
    assert!(run.stdout_text().contains("raise it with -m"), "{run}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    check(&["-m", "soon"]).exit(2).says("-m");
}

#[test]
fn a_clock_that_is_wrong_is_told_in_words() {
    let server = Recorder::always(Reply::with(
        200,
        &[
            "Content-Type: application/json",
            "Server-Timing: total;dur=1",
            "Date: Sat, 01 Jan 2000 00:00:00 GMT",
        ],
        br#"{"status":"ok","user":{}}"#,
    ));
    let run = rein(["profile", "check"]).at(&server.url()).run().exit(0);
    let report = run.stdout_text();
    assert!(report.contains(" years from the server's"), "{run}");
    assert!(report.contains("as a user without a name"), "{run}");
}
