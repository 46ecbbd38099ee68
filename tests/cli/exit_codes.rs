//! One table of exit codes, each code shown by a call.

use crate::support::{Recorder, Reply, rein};

fn exit_of(reply: Reply) -> i32 {
    let server = Recorder::always(reply);
    rein(["/api/v1/x"]).at(&server.url()).run().exit
}

#[test]
fn every_status_code_has_its_exit_code() {
    let replies: Vec<Reply> = (200..600)
        .map(|status| Reply::json(status, r#"{"status":"ok"}"#))
        .collect();
    // A status without a body leaves the connection to the next request.
    for (status, reply) in (200..600).zip(replies) {
        // Every tenth and all that are in use: a process each.
        if status % 10 != 0
            && ![
                201, 204, 301, 302, 304, 307, 308, 401, 403, 404, 409, 422, 429, 502, 503, 504,
            ]
            .contains(&status)
        {
            continue;
        }
        let reply = match status {
            204 | 304 => Reply::Bytes(
                format!("HTTP/1.1 {status} X\r\nServer-Timing: total;dur=1\r\n\r\n").into_bytes(),
            ),
            _ => reply,
        };
        let expected = match status / 100 {
            2 => 0,
            3 => 3,
            4 => 4,
            _ => 5,
        };
        assert_eq!(exit_of(reply), expected, "{status}");
    }
}

#[test]
fn status_first_then_who_answered_then_the_body() {
    let html = &["Content-Type: text/html"];
    let json = &["Content-Type: application/json"];
    let cases = [
        (
            Reply::with(200, html, b"<html><title>Sign in</title></html>"),
            8,
            "Sign in",
        ),
        (
            Reply::with(502, html, b"<html><h1>Bad Gateway</h1></html>"),
            5,
            "gateway",
        ),
        (
            Reply::with(503, &["Content-Type: text/plain"], b"upstream"),
            5,
            "not from Re:infer",
        ),
        (
            Reply::with(400, json, br#"{"error":"invalid_client"}"#),
            4,
            "not from Re:infer",
        ),
        (
            Reply::with(200, json, br#"{"x":1}"#),
            8,
            "without Re:infer's status",
        ),
        (Reply::with(200, html, br#"{"status":"ok"}"#), 0, ""),
        (
            Reply::json(200, r#"{"status":"error","message":"odd"}"#),
            5,
            "odd",
        ),
        (Reply::json(500, r#"{"status":"ok"}"#), 5, "500"),
        (
            Reply::json(404, r#"{"status":"error","message":"404 Not Found"}"#),
            4,
            "404 Not Found",
        ),
        (
            Reply::with(302, &["Location: https://login.example/x"], b""),
            3,
            "login.example",
        ),
        (
            Reply::with(200, &["Server-Timing: total;dur=1"], b"%PDF"),
            0,
            "",
        ),
        (Reply::with(200, &[], b""), 0, ""),
    ];
    for (reply, exit, says) in cases {
        let server = Recorder::always(reply);
        rein(["/api/v1/x"])
            .at(&server.url())
            .run()
            .exit(exit)
            .says(says)
            .no_canary();
    }
}

#[test]
fn a_401_and_a_403_name_the_tokens_source_and_what_to_do() {
    let server = Recorder::always(Reply::json(401, r#"{"status":"error","message":"m"}"#));
    rein(["/api/v1/x"])
        .at(&server.url())
        .run()
        .exit(4)
        .says("$REINFER_TOKEN")
        .says("a new token revokes the previous one");
    let server = Recorder::always(Reply::json(403, r#"{"status":"error","message":"m"}"#));
    rein(["/api/v1/datasets"])
        .at(&server.url())
        .run()
        .exit(4)
        .says("403 Forbidden from Re:infer: m")
        .says("$REINFER_TOKEN");
}

#[test]
fn a_head_is_judged_by_its_status() {
    for (status, exit) in [(200, 0), (404, 4), (503, 5)] {
        let reply =
            Reply::Close(format!("HTTP/1.1 {status} X\r\nContent-Length: 10\r\n\r\n").into_bytes());
        let server = Recorder::always(reply);
        rein(["-I", "/api/v1/x"]).at(&server.url()).run().exit(exit);
    }
}

#[test]
fn a_call_by_name_has_the_codes_of_a_raw_call() {
    let bytes = |text: &str| Reply::Close(text.as_bytes().to_vec());
    let with = |head: &str| {
        bytes(&format!(
            "HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\n{head}"
        ))
    };
    for (reply, words, exit) in [
        (Reply::json(200, r#"{"status":"ok"}"#), &[][..], 0),
        (Reply::with(302, &["Location: /x"], b""), &[], 3),
        (Reply::json(404, r#"{"status":"error"}"#), &[], 4),
        (Reply::json(500, r#"{"status":"error"}"#), &[], 5),
        (Reply::json(200, r#"{"status":"error"}"#), &[], 5),
        (Reply::with(200, &[], b"<html>"), &[], 8),
        (Reply::json(200, "{}"), &["--expect", "false"], 11),
        (with("Content-Length: 9\r\n\r\n{"), &[], 18),
        (Reply::json(200, "{}"), &["-o", "/nonexistent/x"], 23),
        (Reply::Hang(Vec::new()), &["-m", "0.2"], 28),
        (bytes(""), &[], 52),
        (bytes("nonsense\r\n\r\n"), &[], 56),
        (
            with("Content-Encoding: x\r\nContent-Length: 1\r\n\r\n{"),
            &[],
            61,
        ),
        (Reply::json(200, "{}"), &["--max-size", "1"], 63),
        (Reply::json(200, "{}"), &["--nonsense"], 2),
    ] {
        let server = Recorder::always(reply);
        for target in [&["v1/sources"][..], &["call", "list-sources"]] {
            let line = [target, &["--retry", "0"], words].concat();
            rein(line).at(&server.url()).run().exit(exit);
        }
    }
}

#[test]
fn help_and_version_are_answers() {
    let version = rein(["--version"]).run().exit(0);
    assert!(version.stdout_text().starts_with("rein "));
    for args in [
        &["--help"][..],
        &["-h"],
        &["help"],
        &["help", "profile"],
        &["--color", "never", "help"],
        &["-s", "help", "call"],
        &["help", "--color", "never"],
        &["help", "profile", "list", "-p", "x"],
        &["profile", "--help"],
        &["profile", "list", "-h"],
    ] {
        let help = rein(args).run().exit(0);
        assert!(help.stdout_text().contains("Usage:"), "{help}");
        assert!(help.stderr.is_empty(), "{help}");
    }
}

#[test]
fn no_code_depends_on_what_a_message_says() {
    for message in [
        "404 Not Found",
        "no permission on project retail",
        "429 Too Many Requests, try again",
        "timed out",
        "connection refused",
        "200 OK",
        "status: ok",
        "exit code 0",
        "",
    ] {
        let body = format!(r#"{{"status":"error","message":"{message}"}}"#);
        for (status, code) in [(200, 5), (400, 4), (403, 4), (409, 4), (500, 5)] {
            let server = Recorder::always(Reply::json(status, &body));
            let run = rein(["/api/v1/x"]).at(&server.url()).run().exit(code);
            assert_eq!(server.requests().len(), 1, "{run}");
        }
    }
}
