//! `--paginate` and `--state`: every page once, in order, and what is said when one is missing.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::command::{after, exit_code, interrupted};
use crate::support::{Demo, Recorder, Reply, rein};

fn page(text: &str) -> Reply {
    Reply::json(200, text)
}

/// What was asked for, page by page: the request line's query, and the body.
fn asked(server: &Recorder) -> Vec<String> {
    let requests = server.requests();
    let query = |line: &str| {
        line.split_once('?')
            .map_or("", |(_, query)| query)
            .to_owned()
    };
    requests
        .iter()
        .map(|request| {
            format!("{} {}", query(request.line()), request.text())
                .trim()
                .to_owned()
        })
        .collect()
}

/// A call by name, the pages that come, what is asked for, and the items' ids.
type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], &'a str);

#[test]
fn every_recipe_is_followed_to_its_own_end() {
    let cases: [Case; 6] = [
        (
            &[
                "list-comments",
                "source=s",
                "from_timestamp=2024-01-01T00:00:00Z",
                "limit=2",
            ],
            &[
                r#"{"status":"ok","comments":[{"id":"1"}],"continuation":"a&b"}"#,
                r#"{"status":"ok","comments":[],"continuation":"c"}"#,
                r#"{"status":"ok","comments":[{"id":"2"}]}"#,
            ],
            &[
                "from_timestamp=2024-01-01T00:00:00Z&limit=2",
                "limit=2&after=a%26b",
                "limit=2&after=c",
            ],
            "1 2",
        ),
        (
            &[
                "export-dataset",
                "dataset=d",
                "limit=1",
                "order_by=timestamp",
            ],
            &[
                r#"{"status":"ok","comments":[{"id":"1"}],"continuation":"x"}"#,
                r#"{"status":"ok","comments":[{"id":"2"}],"continuation":null}"#,
            ],
            &[
                r#"{"limit":1,"order_by":"timestamp"}"#,
                r#"{"limit":1,"order_by":"timestamp","continuation":"x"}"#,
            ],
            "1 2",
        ),
        (
            &["query-audit-events", "limit=1"],
            &[
                r#"{"status":"ok","audit_events":[{"id":"1"}],"users":[],"continuation":"x"}"#,
                r#"{"status":"ok","audit_events":[{"id":"2"}],"users":[]}"#,
            ],
            &[r#"{"limit":1}"#, r#"{"limit":1,"continuation":"x"}"#],
            "1 2",
        ),
        (
            &["get-annotations", "dataset=d"],
            &[
                r#"{"status":"ok","results":[{"id":"1"}],"after":"x"}"#,
                r#"{"status":"ok","results":[],"after":"y"}"#,
            ],
            &["", "after=x"],
            "1",
        ),
        (
            &["list-models", "dataset=d"],
            &[
                r#"{"status":"ok","labellers":[{"id":"1","version":7},{"id":"2","version":6}]}"#,
                r#"{"status":"ok","labellers":[]}"#,
            ],
            &["", r#"{"older_than_version":6}"#],
            "1 2",
        ),
        (
            &["query-bucket-emails", "bucket=b", "limit=1"],
            &[
                r#"{"status":"ok","emails":[{"id":"1"}],"more_results":true,"continuation":"x"}"#,
                r#"{"status":"ok","emails":[{"id":"2"}],"more_results":false,"continuation":"y"}"#,
            ],
            &[r#"{"limit":1}"#, r#"{"limit":1,"continuation":"x"}"#],
            "1 2",
        ),
    ];
    for (call, pages, expected, ids) in cases {
        let server = Recorder::start(pages.iter().map(|text| page(text)).collect());
        let run = rein(["call"].iter().chain(call).chain(&[
            "--project",
            "p",
            "--paginate",
            "--format",
            "ndjson",
        ]))
        .at(&server.url())
        .run();
        let found: Vec<String> = run
            .stdout_text()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].to_string())
            .map(|id| id.trim_matches('"').to_owned())
            .collect();
        assert_eq!(found.join(" "), ids, "{run}");
        let asked = asked(&server);
        let expected: Vec<&str> = expected.to_vec();
        let plain = |text: &str| text.replace("%3A", ":").trim_start_matches("{}").to_owned();
        let asked: Vec<String> = asked.iter().map(|text| plain(text)).collect();
        assert_eq!(asked, expected, "{run}");
        run.exit(0);
    }
}

#[test]
fn json_becomes_one_document_and_tables_come_at_the_end() {
    let demo = Demo::start();
    let audit = |args: &[&str]| {
        rein(
            ["call", "query-audit-events", "limit=70", "--paginate"]
                .iter()
                .chain(args),
        )
        .var("REINFER_ENDPOINT", &demo.url)
        .var("REINFER_TOKEN", &demo.token)
        .run()
        .exit(0)
    };
    let run = audit(&[]);
    let whole: Value = serde_json::from_slice(&run.stdout).expect("one document");
    assert_eq!(whole["audit_events"].as_array().map(Vec::len), Some(300));
    // Each page has the names of just what it mentions; joined, all are there.
    let names: Vec<&str> = whole["users"]
        .as_array()
        .expect("users")
        .iter()
        .filter_map(|user| user["username"].as_str())
        .collect();
    assert!(
        names.contains(&"dana") && names.contains(&"kim"),
        "{names:?}"
    );
    assert!(whole.get("continuation").is_none(), "{run}");
    run.says("5 pages · 300 items");
    for (format, lines) in [("csv", 301), ("tsv", 301), ("ndjson", 300), ("table", 301)] {
        let run = audit(&["--format", format]);
        assert_eq!(run.stdout_text().lines().count(), lines, "{run}");
    }
    let filtered = audit(&["-q", ".audit_events[].event_id"]);
    assert_eq!(filtered.stdout_text().lines().count(), 300);
}

#[test]
fn a_limit_is_a_wish_and_exact() {
    let demo = Demo::start();
    for (limit, count) in [("1", 1), ("70", 70), ("71", 71), ("300", 300), ("999", 300)] {
        for format in ["ndjson", "raw"] {
            let run = rein([
                "call",
                "query-audit-events",
                "limit=70",
                "--paginate",
                "--limit",
                limit,
                "--format",
                format,
            ])
            .var("REINFER_ENDPOINT", &demo.url)
            .var("REINFER_TOKEN", &demo.token)
            .run()
            .exit(0);
            let found = if format == "ndjson" {
                run.stdout_text().lines().count()
            } else {
                let whole: Value = serde_json::from_slice(&run.stdout).expect("a document");
                whole["audit_events"].as_array().expect("a list").len()
            };
            assert_eq!(found, count, "{run}");
        }
    }
}

#[test]
fn what_stops_before_the_end_is_told_with_its_cursor() {
    let first = r#"{"status":"ok","comments":[{"id":1}],"continuation":"c1"}"#;
    let export = |server: &Recorder, args: &[&str]| {
        rein(
            [
                "call",
                "export-dataset",
                "dataset=d",
                "--project",
                "p",
                "--paginate",
                "--format",
                "ndjson",
                "--retry-delay",
                "1ms",
            ]
            .iter()
            .chain(args),
        )
        .at(&server.url())
        .run()
    };
    // A cursor that does not move.
    let server = Recorder::always(page(first));
    export(&server, &[])
        .exit(18)
        .stdout("{\"id\":1}\n{\"id\":1}\n")
        .says("the server's cursor does not move on")
        .says("next cursor: \"c1\"");
    // A limit on pages.
    let server = Recorder::always(page(first));
    export(&server, &["--max-pages", "1"])
        .exit(18)
        .stdout("{\"id\":1}\n")
        .says("--max-pages was reached");
    assert_eq!(server.requests().len(), 1);
    // A later error, after what its class allows has been tried.
    for (reply, requests, words) in [
        (
            Reply::json(401, r#"{"status":"error","message":"expired"}"#),
            2,
            "401 Unauthorized",
        ),
        (
            Reply::json(503, r#"{"status":"error"}"#),
            4,
            "503 Service Unavailable",
        ),
        (
            Reply::with(200, &[], b"<html><title>Sign in</title>"),
            2,
            "Sign in",
        ),
        (page("{\"status\":\"ok\",\"comments\":[,]}"), 2, "not JSON"),
        (
            Reply::Close(
                b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"status\":\"ok\"".to_vec(),
            ),
            4,
            "incomplete",
        ),
    ] {
        let server = Recorder::start(vec![page(first), reply]);
        let run = export(&server, &[])
            .exit(18)
            .stdout("{\"id\":1}\n")
            .says(words)
            .says("next cursor: \"c1\"");
        assert_eq!(server.requests().len(), requests, "{run}");
    }
    // The first page has a code of its own.
    let server = Recorder::always(Reply::json(403, r#"{"status":"error","message":"no"}"#));
    export(&server, &[])
        .exit(4)
        .stdout("")
        .says("403 Forbidden");
    // A page that can be had at the second try is no loss.
    let server = Recorder::start(vec![
        page(first),
        Reply::json(503, r#"{"status":"error"}"#),
        page(r#"{"status":"ok","comments":[{"id":2}]}"#),
    ]);
    export(&server, &[])
        .exit(0)
        .stdout("{\"id\":1}\n{\"id\":2}\n")
        .says("3 requests · 2 pages · 2 items");
}

#[test]
fn what_cannot_be_paged_is_refused_before_anything_is_sent() {
    let server = Recorder::always(page("{}"));
    for (args, words) in [
        (&["/api/v1/somewhere", "--paginate"][..], "--cursor-out"),
        (
            &["/api/v1/datasets/p/d/streams/s/results", "--paginate"],
            "rein follow",
        ),
        (&["/api/v1/x", "--limit", "3"], "--paginate"),
        (
            &["/api/v1/x", "--paginate", "--cursor-out", "a"],
            "--cursor-in",
        ),
        (
            &["/api/_private/sources/p/s/comments", "--paginate", "-i"],
            "-D FILE",
        ),
        (
            &[
                "/api/_private/sources/p/s/comments",
                "--paginate",
                "--until",
                ".x",
            ],
            "--until",
        ),
        (
            &[
                "/api/_private/sources/p/s/comments",
                "--paginate",
                "-q",
                ".x",
                "--limit",
                "1",
            ],
            "--limit",
        ),
        (
            &[
                "POST",
                "/api/v1/datasets/p/d/export",
                "--paginate",
                "-T",
                "-",
            ],
            "-d @FILE",
        ),
    ] {
        rein(args).at(&server.url()).run().exit(2).says(words);
    }
    server.saw_nothing();
    // What is not paged is one request.
    let server = Recorder::always(page(r#"{"status":"ok","sources":[]}"#));
    rein(["/api/v1/sources", "--paginate"])
        .at(&server.url())
        .run()
        .exit(0);
    server.only();
}

#[test]
fn an_unknown_path_is_paged_as_it_is_told() {
    let server = Recorder::start(vec![
        page(r#"{"status":"ok","rows":[1],"meta":{"next":"https://evil/?a=1&b"}}"#),
        page(r#"{"status":"ok","rows":[2],"meta":{"next":null}}"#),
    ]);
    rein([
        "/api/v1/rows?size=1",
        "--paginate",
        "--cursor-out",
        "meta.next",
        "--cursor-in",
        "page",
        "--format",
        "ndjson",
    ])
    .at(&server.url())
    .run()
    .exit(0)
    .stdout("1\n2\n");
    assert_eq!(
        asked(&server),
        ["size=1", "size=1&page=https%3A%2F%2Fevil%2F%3Fa%3D1%26b"]
    );
}

/// The arguments of a long export into a file, whose place is kept.
fn resumable(folder: &Path, demo: &str) -> Vec<String> {
    [
        "--endpoint",
        demo,
        "/api/_demo/pages?pages=12&rows=50",
        "--paginate",
        "--cursor-out",
        "continuation",
        "--cursor-in",
        "after",
        "--format",
        "ndjson",
        "-o",
    ]
    .iter()
    .map(|word| (*word).to_owned())
    .chain([
        folder.join("out").display().to_string(),
        "--state".to_owned(),
        folder.join("state").display().to_string(),
    ])
    .collect()
}

#[test]
fn a_killed_run_goes_on_without_gap_or_repeat() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let whole: String = rein([
        "/api/_demo/pages?pages=12&rows=50",
        "--paginate",
        "--cursor-out",
        "continuation",
        "--cursor-in",
        "after",
        "--format",
        "ndjson",
    ])
    .var("REINFER_ENDPOINT", &demo.url)
    .var("REINFER_TOKEN", &demo.token)
    .run()
    .exit(0)
    .stdout_text();
    assert_eq!(whole.lines().count(), 600);
    let words = resumable(folder.path(), &demo.url);
    let state = folder.path().join("state");
    let run = || {
        rein(&words)
            .var("REINFER_ENDPOINT", &demo.url)
            .var("REINFER_TOKEN", &demo.token)
    };
    // Killed after every page that has been recorded: each run gets one page further.
    for _ in 0..4 {
        let before = std::fs::read_to_string(&state).unwrap_or_default();
        let mut child = run()
            .command()
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        while std::fs::read_to_string(&state).unwrap_or_default() == before
            && child.try_wait().expect("a status").is_none()
        {
            std::thread::yield_now();
        }
        child.kill().expect("killed");
        child.wait().expect("an end");
    }
    // What stands behind the recorded length is cut off, as after a power failure.
    let part = folder.path().join(".out.part");
    if part.exists() {
        let mut bytes = std::fs::read(&part).expect("read");
        bytes.extend_from_slice(b"{\"half\":");
        std::fs::write(&part, bytes).expect("written");
    }
    run().run().exit(0);
    let out = std::fs::read_to_string(folder.path().join("out")).expect("a file");
    assert!(out == whole, "{} lines", out.lines().count());
    assert!(!part.exists());
    // It is finished: nothing is sent, and the file stays.
    let server = Recorder::always(page("{}"));
    run().run().exit(0).says("nothing left to do");
    server.saw_nothing();
    // Another command's state is refused.
    let mut other = words.clone();
    other[2] = "/api/_demo/pages?pages=12&rows=51".to_owned();
    rein(&other)
        .var("REINFER_ENDPOINT", &demo.url)
        .var("REINFER_TOKEN", &demo.token)
        .run()
        .exit(2)
        .says("belongs to another command")
        .says("its query or body is another");
    // What has been taken away since is not there, whatever the state says.
    std::fs::remove_file(folder.path().join("out")).expect("removed");
    run().run().exit(1).says("out is not there").says(&format!(
        "to read all pages again, remove the state: {}",
        state.display()
    ));
    std::fs::remove_file(&state).expect("removed");
}

/// The words of a call that reads two pages into `out`, with its place kept in `state`.
fn two_pages(folder: &Path) -> Vec<String> {
    let path = |name: &str| folder.join(name).display().to_string();
    let words = "/api/_private/sources/p/s/comments --paginate --format csv --columns id";
    words
        .split(' ')
        .map(str::to_owned)
        .chain([
            "-o".to_owned(),
            path("out"),
            "--state".to_owned(),
            path("state"),
        ])
        .collect()
}

#[cfg(unix)]
#[test]
fn an_unfinished_file_is_never_written_through_a_link() {
    let first = r#"{"status":"ok","comments":[{"id":1}],"continuation":"c1"}"#;
    let last = r#"{"status":"ok","comments":[{"id":2}]}"#;
    let folder = tempfile::tempdir().expect("a folder");
    let (part, other) = (folder.path().join(".out.part"), folder.path().join("other"));
    std::fs::write(&other, "id\n1\nprecious\n").expect("written");
    let plant = || std::os::unix::fs::symlink(&other, &part).expect("a link");
    let server = Recorder::start(vec![
        page(first),
        Reply::json(404, r#"{"status":"error"}"#),
        page(last),
    ]);
    let run = || rein(two_pages(folder.path())).at(&server.url()).run();
    // At the beginning it makes room for the file;
    plant();
    run().exit(18);
    assert_eq!(std::fs::read_to_string(&part).expect("a part"), "id\n1\n");
    assert!(!part.is_symlink());
    // and nothing goes on in its place.
    std::fs::remove_file(&part).expect("removed");
    plant();
    run().exit(23).says("not a regular file").says("or a link");
    assert_eq!(
        std::fs::read_to_string(&other).expect("kept"),
        "id\n1\nprecious\n"
    );
}

#[cfg(unix)]
#[test]
fn a_state_is_for_its_owner_alone_and_in_our_words() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let server = Recorder::start(vec![
        page(r#"{"status":"ok","comments":[{"id":1}],"continuation":"c1"}"#),
        Reply::json(404, r#"{"status":"error"}"#),
    ]);
    // With a umask that forbids nothing.
    let call = rein(two_pages(folder.path())).at(&server.url());
    let ended = after("umask 000", &call).output().expect("an end");
    assert_eq!(exit_code(ended.status), 18);
    let state = folder.path().join("state");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o600);
    assert_eq!(mode(&folder.path().join(".out.part")), 0o666);
    let kept = std::fs::read_to_string(&state).expect("a state");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    let of_output = ["format", "columns_option", "output"].map(|name| kept[name].clone());
    assert_eq!(of_output, ["csv", "id", "out"]);
    // It tells what it belongs to and how far that has come, and nothing else.
    let keys: Vec<&String> = kept.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "schema_version",
            "profile",
            "endpoint",
            "method",
            "path",
            "request",
            "items_path",
            "format",
            "columns_option",
            "output",
            "cursor",
            "items",
            "pages",
            "bytes",
            "finished",
            "columns"
        ]
    );
    assert!(!kept.to_string().contains("SEKRET"), "{kept}");
    // Another layout is another command's, and is called by its name.
    let other = two_pages(folder.path())
        .into_iter()
        .map(|word| word.replace("csv", "tsv"));
    rein(other)
        .at(&server.url())
        .run()
        .exit(2)
        .says("its format is csv, this command's is tsv");
}

#[test]
fn a_failed_run_goes_on_from_its_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let (out, state) = (folder.path().join("out"), folder.path().join("state"));
    let first = r#"{"status":"ok","comments":[{"id":1}],"continuation":"c1"}"#;
    let last = r#"{"status":"ok","comments":[{"id":2}]}"#;
    let failing = Recorder::start(vec![page(first), Reply::json(404, r#"{"status":"error"}"#)]);
    let words = |url: &str| -> Vec<String> {
        [
            "--endpoint",
            url,
            "/api/_private/sources/p/s/comments",
            "--paginate",
            "--format",
            "ndjson",
            "-o",
        ]
        .iter()
        .map(|word| (*word).to_owned())
        .chain([
            out.display().to_string(),
            "--state".to_owned(),
            state.display().to_string(),
        ])
        .collect()
    };
    std::fs::write(&out, "old\n").expect("written");
    rein(words(&failing.url()))
        .at(&failing.url())
        .run()
        .exit(18)
        .says("rerun the same command to resume here")
        .no_canary();
    assert_eq!(
        std::fs::read_to_string(&out).expect("the old file"),
        "old\n"
    );
    let kept = std::fs::read_to_string(&state).expect("a state");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(
        (&kept["cursor"], &kept["items"], &kept["pages"]),
        (&"\"c1\"".into(), &1.into(), &1.into())
    );
    assert!(!kept.to_string().contains("SEKRET"), "{kept}");
    // The state belongs to its endpoint.
    let elsewhere = Recorder::always(page(last));
    rein(words(&elsewhere.url()))
        .at(&elsewhere.url())
        .run()
        .exit(2)
        .says("its profile is");
    elsewhere.saw_nothing();
}

#[test]
fn a_state_needs_an_output_that_can_be_gone_on_with() {
    let server = Recorder::always(page("{}"));
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state").display().to_string();
    for (args, words) in [
        (&["--format", "raw"][..], "--format ndjson"),
        (&["-t"], "--format ndjson"),
        (&["--format", "csv"], "--columns"),
        (&["--format", "ndjson", "--limit", "3"], "--max-pages"),
        (&["--format", "ndjson", "--sort", "id"], "--sort"),
    ] {
        let call = [
            "/api/v1/rows",
            "--paginate",
            "--cursor-out",
            "a",
            "--cursor-in",
            "b",
            "--state",
            &state,
        ];
        rein(call.iter().chain(args))
            .at(&server.url())
            .run()
            .exit(2)
            .says(words);
    }
    server.saw_nothing();
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_whole_pages_and_tells_the_cursor() {
    let first = r#"{"status":"ok","comments":[{"id":1}],"continuation":"c1"}"#;
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"status\":\"ok\",\"comments\":[{\"id\":2},".to_vec();
    for second in [Reply::Hang(Vec::new()), Reply::Hang(half)] {
        let server = Recorder::start(vec![page(first), second]);
        let call = rein([
            "/api/_private/sources/p/s/comments",
            "--paginate",
            "--format",
            "ndjson",
        ])
        .at(&server.url());
        let (exit, stdout, stderr) = interrupted(&call, || server.requests().len() == 2);
        assert_eq!((exit, stdout.as_str()), (130, "{\"id\":1}\n"), "{stderr}");
        assert!(
            stderr.contains("interrupted") && stderr.contains("next cursor: \"c1\""),
            "{stderr}"
        );
    }
}

#[test]
fn a_closed_pipe_asks_for_no_further_page() {
    let demo = Demo::start();
    let mut child = rein([
        "/api/_demo/pages?pages=500&rows=500",
        "--paginate",
        "--cursor-out",
        "continuation",
        "--cursor-in",
        "after",
        "--format",
        "ndjson",
    ])
    .var("REINFER_ENDPOINT", &demo.url)
    .var("REINFER_TOKEN", &demo.token)
    .command()
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .expect("it starts");
    let mut first = [0; 10];
    child
        .stdout
        .take()
        .expect("stdout")
        .read_exact(&mut first)
        .expect("read");
    let output = child.wait_with_output().expect("an end");
    assert_eq!(exit_code(output.status), 0);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn expectations_hold_for_every_page() {
    let told = "--expect '.comments | length > 0': page 2: the filter gave false";
    // The second server's cursor does not move on: it is told what else was not as expected.
    for (last, exit) in [("", 11), (r#","continuation":"c2""#, 18)] {
        let server = Recorder::start(vec![
            page(r#"{"status":"ok","comments":[{"id":1}],"continuation":"c1"}"#),
            page(&format!(r#"{{"status":"ok","comments":[]{last}}}"#)),
        ]);
        rein([
            "/api/_private/sources/p/s/comments",
            "--paginate",
            "--format",
            "ndjson",
            "--expect",
            ".comments | length > 0",
        ])
        .at(&server.url())
        .run()
        .exit(exit)
        .stdout("{\"id\":1}\n")
        .says(told);
    }
}

#[test]
fn waits_and_limits_hold_for_every_page() {
    let words = [
        "/api/_private/sources/p/s/comments",
        "--paginate",
        "--format",
        "ndjson",
    ];
    let numbered = |id: &str, next: &str| {
        page(&format!(
            r#"{{"status":"ok","comments":[{{"id":{id}}}]{next}}}"#
        ))
    };
    let busy = Reply::with(
        503,
        &["Retry-After: 1", "Server-Timing: total;dur=1"],
        br#"{"status":"error","message":"busy"}"#,
    );
    let server = Recorder::start(vec![
        numbered("1", r#","continuation":"a""#),
        numbered("2", r#","continuation":"b""#),
        busy,
        numbered("3", ""),
    ]);
    rein(words)
        .at(&server.url())
        .run()
        .exit(0)
        .stdout("{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n")
        .says("retrying in 1 s (retry 1 of 2)")
        .says("4 requests · 3 pages · 3 items");
    let queries = asked(&server);
    assert_eq!(queries[2], queries[3]);
    // No page is larger than is allowed, however large all of them are.
    let large = format!("\"{}\"", "x".repeat(100));
    let server = Recorder::start(vec![
        numbered(&large, r#","continuation":"a""#),
        numbered(&large, r#","continuation":"b""#),
        numbered(&format!("\"{}\"", "x".repeat(300)), ""),
    ]);
    let run = rein(words.iter().chain(&["--max-size", "200"]))
        .at(&server.url())
        .run()
        .exit(18)
        .says("larger than --max-size 200 B")
        .says("next cursor: \"b\"");
    assert_eq!(run.stdout_text().lines().count(), 2, "{run}");
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_at_once() {
    let first = r#"{"status":"ok","comments":[{"id":1}],"continuation":"c1"}"#;
    let server = Recorder::start(vec![page(first), Reply::Hang(Vec::new())]);
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = rein(two_pages(folder.path()))
        .at(&server.url())
        .command()
        .stderr(Stdio::null())
        .spawn()
        .expect("a start");
    while server.requests().len() < 2 {
        std::thread::yield_now();
    }
    let begun = std::time::Instant::now();
    for _ in 0..2 {
        let sent = std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(sent.expect("kill").success());
    }
    assert_eq!(exit_code(child.wait().expect("an end")), 130);
    assert!(begun.elapsed() < std::time::Duration::from_secs(1));
    let state = std::fs::read_to_string(folder.path().join("state")).expect("a state");
    assert!(state.contains("c1"), "{state}");
}

#[test]
fn a_state_in_use_keeps_a_second_run_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state").display().to_string();
    let server = Recorder::start(vec![
        Reply::json(
            200,
            r#"{"status":"ok","comments":[{"id":"1"}],"continuation":"c"}"#,
        ),
        Reply::Hang(Vec::new()),
        Reply::json(200, r#"{"status":"ok","comments":[{"id":"2"}]}"#),
    ]);
    let call = || {
        let args = [
            "call",
            "export-dataset",
            "project=p",
            "dataset=d",
            "--paginate",
        ];
        rein(
            args.iter()
                .chain(&["--format", "ndjson", "--state", &state]),
        )
        .at(&server.url())
    };
    let running = call();
    let mut command = running.command();
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut first = command.spawn().expect("a start");
    while server.requests().len() < 2 {
        std::thread::yield_now();
    }
    call()
        .run()
        .exit(14)
        .stdout("")
        .says("is in use by another run");
    assert_eq!(server.requests().len(), 2);
    // The lock goes with the process, even when that is killed.
    first.kill().expect("killed");
    first.wait().expect("an end");
    call().run().exit(0).stdout("{\"id\":\"2\"}\n");
    assert!(!folder.path().join(".state.lock").exists());
}
