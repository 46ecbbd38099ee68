//! What is sent again, how often, after which wait, and what is said about it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Recorded, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok"}"#;
const QUICK: [&str; 2] = ["--retry-delay", "1ms"];

fn busy(status: u16) -> Reply {
    Reply::json(status, r#"{"status":"error","message":"busy"}"#)
}

#[test]
fn a_read_is_tried_again_and_gives_one_document() {
    for first in [
        busy(429),
        busy(502),
        busy(503),
        busy(504),
        Reply::Close(Vec::new()),
        Reply::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_vec()),
    ] {
        let server = Recorder::start(vec![first.clone(), first, Reply::json(200, OK)]);
        let run = rein(["/api/v1/x"].iter().chain(&QUICK))
            .at(&server.url())
            .run()
            .exit(0)
            .stdout(OK);
        assert_eq!(server.requests().len(), 3, "{run}");
        run.says("retrying in 1 ms (retry 1 of 2)")
            .says("3 requests");
    }
    let server = Recorder::always(busy(503));
    rein(["/api/v1/x"].iter().chain(&QUICK))
        .at(&server.url())
        .run()
        .exit(5);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    for status in [400, 401, 403, 404, 408, 409, 422, 500] {
        let server = Recorder::always(busy(status));
        rein(["/api/v1/x"].iter().chain(&QUICK))
            .at(&server.url())
            .run();
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[test]
fn a_write_is_tried_again_only_when_nothing_was_done() {
    for (args, first, requests) in [
        (["PUT", "/api/v1/sources/p/s"], busy(503), 1),
        (["PUT", "/api/v1/sources/p/s"], Reply::Close(Vec::new()), 1),
        (["PUT", "/api/v1/sources/p/s"], busy(429), 2),
        (["DELETE", "/api/v1/sources/id:1"], busy(502), 1),
        (
            ["POST", "/api/v1/datasets/p/d/streams/s/advance"],
            busy(503),
            1,
        ),
        (
            ["POST", "/api/v1/datasets/p/d/streams/s/advance"],
            busy(429),
            2,
        ),
    ] {
        let server = Recorder::start(vec![first, Reply::json(200, OK)]);
        let run = rein(args.iter().chain(&QUICK)).at(&server.url()).run();
        assert_eq!(server.requests().len(), requests, "{run}");
    }
    let lost = Recorder::always(Reply::Close(Vec::new()));
    rein(["PUT", "/api/v1/sources/p/s"])
        .at(&lost.url())
        .run()
        .exit(52)
        .says("may have been applied");
}

#[test]
fn an_unknown_outcome_names_the_read_that_tells() {
    let lost = Recorder::always(Reply::Close(Vec::new()));
    for (call, said) in [
        (
            "PUT /api/v1/sources/p/s",
            "applied\n  check before sending it again: GET /api/v1/sources/p/s\n",
        ),
        (
            "DELETE /api/v1/datasets/p/d",
            "applied, and what it deletes may be gone\n  check before sending it again: GET /api/v1/datasets/p/d\n",
        ),
        (
            "POST /api/v1/datasets/p/d/streams/s/advance",
            "applied, and the position may have moved\n  check before sending it again: GET /api/v1/datasets/p/d/streams/s/results\n",
        ),
        (
            "POST /api/v1/sources/p/s/sync comments[][id]=a comments[][id]=b",
            "applied, and AI units may have been used\n  check before sending it again: GET /api/v1/sources/p/s/comments/b\n",
        ),
        (
            "POST /api/v1/sources/p/s/sync comments:=[]",
            "applied, and AI units may have been used\n  sending it again may cost AI units once more\n",
        ),
        (
            "DELETE /api/v1/sources/p/s/comments?id=a&id=b",
            "gone\n  check before sending it again: GET /api/v1/sources/p/s/comments/a\n",
        ),
        (
            "PUT /api/v1/datasets/p/d/streams/s/exceptions",
            "applied\n  check what it changes before sending it again\n",
        ),
        (
            "POST /api/_private/quotas/sources",
            "applied\n  check before sending it again: GET /api/_private/quotas\n",
        ),
        (
            "DELETE /api/_private/alerts/subscriptions/1",
            "applied\n  check before sending it again: GET /api/_private/alerts/subscriptions\n",
        ),
        (
            "POST /api/_private/datasets/p/d/labels/g?label_name=x",
            "applied\n  check before sending it again: GET /api/_private/datasets/p/d/labels/g?label_name=x\n",
        ),
        (
            "POST /api/v1/datasets/p/d/triggers/t/advance",
            "moved\n  check before sending it again: POST /api/v1/datasets/p/d/triggers/t/fetch size:=1\n",
        ),
        (
            "POST /api/v1/datasets/p/d/labellers/1/predict",
            "applied, and AI units may have been used\n  sending it again may cost AI units once more\n",
        ),
        (
            "POST /api/v1/unlisted",
            "applied\n  check what it changes before sending it again\n",
        ),
    ] {
        rein(call.split(' '))
            .at(&lost.url())
            .run()
            .exit(52)
            .says(said);
    }
}

#[test]
fn a_delete_that_finds_nothing_on_a_retry_has_succeeded() {
    let server = Recorder::start(vec![busy(429), busy(404)]);
    rein(["DELETE", "/api/v1/sources/id:1"].iter().chain(&QUICK))
        .at(&server.url())
        .run()
        .exit(0)
        .says("note: the retry returned 404: it does not exist, which counts as deleted");
    // Not at once, and not because somebody on the way says so.
    let somebody = Reply::with(404, &["Content-Type: text/html"], b"<html>nginx</html>");
    for replies in [vec![busy(404)], vec![busy(429), somebody]] {
        let server = Recorder::start(replies);
        rein(["DELETE", "/api/v1/sources/id:1"].iter().chain(&QUICK))
            .at(&server.url())
            .run()
            .exit(4)
            .never_says("counts as deleted");
    }
}

#[test]
fn retry_after_is_kept_and_its_limit_too() {
    let later = |value: &str| {
        Reply::with(
            429,
            &[
                "Server-Timing: total;dur=1",
                &format!("Retry-After: {value}"),
            ],
            b"{\"status\":\"error\"}",
        )
    };
    let server = Recorder::start(vec![later("1"), Reply::json(200, OK)]);
    let begun = Instant::now();
    rein(["/api/v1/x"].iter().chain(&QUICK))
        .at(&server.url())
        .run()
        .exit(0)
        .says("retrying in 1 s");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // All of the time is enough for a wait that takes all of it.
    let exact = Recorder::start(vec![later("1"), Reply::json(200, OK)]);
    rein(["/api/v1/x", "--retry-max-time", "1s"])
        .at(&exact.url())
        .run()
        .exit(0);
    assert_eq!(exact.requests().len(), 2);
    for value in ["61", "99999999999999999999"] {
        let server = Recorder::always(later(value));
        rein(["/api/v1/x"]).at(&server.url()).run().exit(4);
        assert_eq!(server.requests().len(), 1, "{value}");
    }
    let past = Recorder::start(vec![
        later("Sun, 06 Nov 1994 08:49:37 GMT"),
        Reply::json(200, OK),
    ]);
    rein(["/api/v1/x"]).at(&past.url()).run().exit(0);
    let short = Recorder::always(later("2"));
    rein(["/api/v1/x", "--retry-max-time", "1s"])
        .at(&short.url())
        .run()
        .exit(4);
    assert_eq!(short.requests().len(), 1);
}

#[test]
fn the_number_of_tries_can_be_chosen_and_is_told() {
    let server = Recorder::always(busy(503));
    rein(["/api/v1/x", "--retry", "0"])
        .at(&server.url())
        .run()
        .exit(5);
    assert_eq!(server.requests().len(), 1);
    let server = Recorder::always(busy(503));
    let run = rein(
        ["/api/v1/x", "--retry", "4", "--meta", "-", "-s"]
            .iter()
            .chain(&QUICK),
    )
    .at(&server.url())
    .run()
    .exit(5);
    assert_eq!(server.requests().len(), 5);
    let text = run.stderr_text();
    let meta = text
        .lines()
        .find(|line| line.starts_with('{'))
        .expect("an object");
    let meta: Value = serde_json::from_str(meta).expect("JSON");
    assert_eq!(meta["tries"], 5);
}

#[test]
fn a_body_is_repeated_byte_for_byte_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("body.json");
    std::fs::write(&file, r#"{"a": 1}"#).expect("written");
    let export = "/api/v1/datasets/p/d/export";
    let from_file = format!("@{}", file.display());
    let path = file.to_str().expect("text");
    for args in [&["-d", r#"{"a": 1}"#][..], &["-d", &from_file]] {
        let server = Recorder::start(vec![busy(503), Reply::json(200, OK)]);
        rein(["POST", export].iter().chain(args).chain(&QUICK))
            .at(&server.url())
            .run()
            .exit(0);
        let bodies: Vec<String> = server.requests().iter().map(Recorded::text).collect();
        assert_eq!(bodies, [r#"{"a": 1}"#, r#"{"a": 1}"#], "{args:?}");
    }
    // What a file or standard input asks for is not known before it is sent, so that a POST with
    // it counts as a write, which a 503 does not repeat.
    for upload in [path, "-"] {
        let server = Recorder::start(vec![busy(503), Reply::json(200, OK)]);
        rein(["POST", export, "-T", upload].iter().chain(&QUICK))
            .stdin(r#"{"a": 1}"#)
            .at(&server.url())
            .run()
            .exit(5);
        assert_eq!(server.requests().len(), 1, "{upload}");
    }
    let form = format!("f=@{path};type=text/csv");
    let server = Recorder::start(vec![busy(503), Reply::json(200, OK)]);
    rein(
        ["POST", export, "-F", "a=1", "-F", &form]
            .iter()
            .chain(&QUICK),
    )
    .at(&server.url())
    .run()
    .exit(5)
    .says("not retried: the request body was streamed");
    assert_eq!(server.requests().len(), 1);
}
