//! `rein batch`: a call for each row, grouped and split, with results one a line.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::output::typing_on_a_terminal_when_asked;
use crate::support::command::{Finished, Rein};
use crate::support::{CANARY, Demo, Recorded, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok"}"#;

fn server() -> Recorder {
    Recorder::always(Reply::json(200, OK))
}

/// Begins a batch whose rows come on standard input.
fn batch(server: &Recorder, words: &[&str], rows: &str) -> Rein {
    rein([&["batch"], words, &["--from", "-"]].concat())
        .at(&server.url())
        .stdin(rows)
}

/// Returns the results of a batch.
fn results(finished: &Finished) -> Vec<Value> {
    let text = finished.stdout_text();
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a result"))
        .collect()
}

fn lines(results: &[Value]) -> Vec<u64> {
    results
        .iter()
        .map(|result| result["line"].as_u64().expect("a line"))
        .collect()
}

/// Returns the JSON body of a request.
fn body(request: &Recorded) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

/// Rows of comments, numbered from 1.
fn comments(count: usize) -> String {
    (1..=count)
        .map(|number| {
            format!(
                "{{\"id\":\"c{number}\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"messages\":[{{\"body\":{{\"text\":\"t\"}}}}]}}\n"
            )
        })
        .collect()
}

#[test]
fn a_row_fills_placeholders_and_body_as_it_is() {
    let server = server();
    let rows = "{\"name\":\"a b\",\"title\":\"\\u00e9\",\"n\":1.10}\n{\"name\":2,\"deep\":{\"x\":[1, 2]}}\n";
    let words = ["PUT", "v1/sources/acme/{name}", "common=yes", "--jobs", "1"];
    let finished = batch(&server, &words, rows).run().exit(0);
    let found = results(&finished);
    assert_eq!(lines(&found), [1, 2]);
    assert_eq!(found[0]["status"], 200);
    assert_eq!(found[0]["server_ms"], 1.5);
    assert_eq!(found[0]["attempts"], 1);
    assert_eq!(found[0]["body"]["status"], "ok");
    assert!(found[0]["total_ms"].is_number());
    let requests = server.requests();
    assert_eq!(requests[0].line(), "PUT /api/v1/sources/acme/a%20b");
    assert_eq!(
        requests[0].text(),
        "{\"common\":\"yes\",\"title\":\"\\u00e9\",\"n\":1.10}"
    );
    assert_eq!(requests[1].line(), "PUT /api/v1/sources/acme/2");
    assert_eq!(
        requests[1].text(),
        "{\"common\":\"yes\",\"deep\":{\"x\":[1, 2]}}"
    );
}

#[test]
fn a_row_fills_the_fields_of_a_name() {
    let demo = Demo::start();
    let rows = "{\"source\":\"one\",\"title\":\"One\",\"language\":\"en\"}\n{\"source\":\"two\",\"title\":\"Two\",\"language\":\"de\"}\n";
    let call = |words: &[&str]| {
        rein(words)
            .var("REINFER_ENDPOINT", &demo.url)
            .var("REINFER_TOKEN", &demo.token)
    };
    call(&[
        "batch",
        "call",
        "create-source",
        "project=retail-dev",
        "--from",
        "-",
    ])
    .stdin(rows)
    .run()
    .exit(0);
    let list = call(&["call", "list-sources", "-q", ".sources[].name"])
        .run()
        .exit(0);
    let text = list.stdout_text();
    assert!(text.contains("one\n") && text.contains("two\n"), "{text}");
}

#[test]
fn cells_are_typed_and_columns_mapped() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("in.csv");
    let rows = "ident,when,text,channel,more\r\nc1,2024-01-01T00:00:00Z,\"a \"\"b\"\"\nc\",mail,x\r\nc2,2024-01-01T00:00:00Z,d,,y\r\n";
    std::fs::write(&file, rows).expect("written");
    std::fs::write(
        folder.path().join("map.txt"),
        "# fields of a comment\nid=ident\ntimestamp=when\nmessages[0].body.text=text\n",
    )
    .expect("written");
    let words = [
        "batch",
        "call",
        "sync-comments",
        "project=acme",
        "source=s",
        "--group",
        "10",
        "comments",
        "--from",
        "in.csv",
        "--map",
        "@map.txt",
        "--map",
        "user_properties.string:Channel=channel",
    ];
    rein(words)
        .at(&server.url())
        .folder(folder.path())
        .run()
        .exit(0);
    assert_eq!(
        server.only().text(),
        r#"{"comments":[{"id":"c1","timestamp":"2024-01-01T00:00:00Z","messages":[{"body":{"text":"a \"b\"\nc"}}],"user_properties":{"string:Channel":"mail"}},{"id":"c2","timestamp":"2024-01-01T00:00:00Z","messages":[{"body":{"text":"d"}}]}]}"#
    );
    server.take();
    // A number is one where the field is, and a cell that is none is a wrong row.
    let rows = "dataset\tlimit\norders\t5\norders\tfive\n";
    let words = [
        "call",
        "export-dataset",
        "project=acme",
        "--input-format",
        "tsv",
    ];
    let finished = batch(&server, &words, rows).run().exit(10);
    assert_eq!(body(&server.only())["limit"], 5);
    let found = results(&finished);
    assert_eq!(lines(&found), [2, 3]);
    let message = found[1]["error"]["message"].as_str().expect("a message");
    assert!(
        message.contains("limit of export-dataset must be"),
        "{message}"
    );
    // A column that is not there is a mistake of the command.
    let words = ["POST", "v1/x/y", "--input-format", "csv", "--map", "a=nmae"];
    batch(&server, &words, "name\nx\n")
        .run()
        .exit(2)
        .says("did you mean name?");
}

#[test]
fn rows_are_grouped_up_to_the_limit_in_rows_and_in_bytes() {
    let server = server();
    let call = [
        "call",
        "sync-comments",
        "project=acme",
        "source=s",
        "--group",
    ];
    let words = [&call[..], &["4", "comments", "--jobs", "1"]].concat();
    let finished = batch(&server, &words, &comments(10)).run().exit(0);
    let sizes = |server: &Recorder| -> Vec<usize> {
        let requests = server.take();
        let list = |request| body(request)["comments"].as_array().map(Vec::len);
        requests.iter().filter_map(list).collect()
    };
    assert_eq!(sizes(&server), [4, 4, 2]);
    let found = results(&finished);
    assert_eq!(lines(&found), [1, 5, 9]);
    assert_eq!(found[2]["lines"], serde_json::json!([[9, 10]]));
    // 110 bytes and a comma each.
    let row = comments(1).len();
    let limit = (2 * row + 40).to_string();
    let words = [
        &call[..],
        &["4", "comments", "--jobs", "1", "--group-bytes", &limit],
    ]
    .concat();
    batch(&server, &words, &comments(5)).run().exit(0);
    for request in server.requests() {
        assert!(request.body.len() <= 2 * row + 40, "{}", request.body.len());
    }
    assert_eq!(sizes(&server), [2, 2, 1]);
    let words = [&call[..], &["16385", "comments"]].concat();
    batch(&server, &words, "")
        .run()
        .exit(2)
        .says("at most 16384 comments");
    let words = [&call[..], &["2", "coments"]].concat();
    batch(&server, &words, "")
        .run()
        .exit(2)
        .says("lists: comments");
}

#[test]
fn a_refused_group_is_split_until_the_wrong_rows_are_known() {
    for status in [400, 413, 422] {
        let server = Recorder::by(move |_, request| {
            match request.text().contains("c7\"") || request.text().contains("c3\"") {
                true => Reply::json(status, r#"{"status":"error","message":"no"}"#),
                false => {
                    let count = body(request)["comments"].as_array().map_or(0, Vec::len);
                    Reply::json(
                        200,
                        &format!(
                            "{{\"status\":\"ok\",\"new\":{count},\"updated\":0,\"unchanged\":0}}"
                        ),
                    )
                }
            }
        });
        let folder = tempfile::tempdir().expect("a folder");
        let words = [
            "call",
            "sync-comments",
            "project=acme",
            "source=s",
            "--group",
            "8",
            "comments",
            "--failed",
            "failed",
            "--summary",
            "summary",
        ];
        let rows = comments(10);
        let finished = batch(&server, &words, &rows)
            .folder(folder.path())
            .run()
            .exit(10);
        let failed = std::fs::read_to_string(folder.path().join("failed")).expect("read");
        let all: Vec<&str> = rows.split_inclusive('\n').collect();
        assert_eq!(failed, [all[2], all[6]].concat());
        let summary = std::fs::read(folder.path().join("summary")).expect("read");
        let summary: Value = serde_json::from_slice(&summary).expect("JSON");
        // A request that was refused has cost nothing, and each comment is counted once.
        for (name, value) in [
            ("done", 8),
            ("failed", 2),
            ("new", 8),
            ("ai_units_at_most", 8),
        ] {
            assert_eq!(summary[name], value, "{name}: {summary}");
        }
        let found = results(&finished);
        let failures: Vec<u64> = lines(&found)
            .into_iter()
            .zip(&found)
            .filter(|(_, result)| result.get("error").is_some())
            .map(|(line, _)| line)
            .collect();
        assert_eq!(failures, [3, 7]);
    }
    // Another status leaves the group whole.
    let server = Recorder::always(Reply::json(403, r#"{"status":"error"}"#));
    let words = [
        "call",
        "sync-comments",
        "project=a",
        "source=s",
        "--group",
        "8",
        "comments",
    ];
    batch(&server, &words, &comments(8)).run().exit(10);
    server.only();
    let words = [&words[..], &["--split-on", "403", "--jobs", "1"]].concat();
    server.take();
    batch(&server, &words, &comments(4)).run().exit(10);
    assert_eq!(server.requests().len(), 7);
}

#[test]
fn wrong_rows_are_named_and_kept_byte_for_byte_and_the_rest_goes_on() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let long = format!("{{\"name\":\"{}\"}}\n", "x".repeat(17 << 20));
    let rows = [
        "{\"name\":\"a\"}\r\n",
        "  not json \r\n",
        "\n",
        "[1]\n",
        "{\"other\":1}\n",
        "{\"name\":{}}\n",
        &long,
        "{\"name\":\"b\"}",
    ]
    .concat();
    let words = ["GET", "v1/sources/acme/{name}", "--failed", "failed"];
    let finished = batch(&server, &words, &rows)
        .folder(folder.path())
        .run()
        .exit(10);
    let found = results(&finished);
    assert_eq!(lines(&found), [1, 2, 4, 5, 6, 7, 8]);
    for (at, text) in [
        (1, "not valid JSON"),
        (2, "not a JSON object"),
        (3, "no placeholder {other}"),
        (4, "name must be text"),
        (5, "longer than 16 MiB"),
    ] {
        let message = found[at]["error"]["message"].as_str().expect("a message");
        assert!(message.contains(text), "{message}");
        assert_eq!(found[at]["error"]["outcome"], "invalid");
    }
    let failed = std::fs::read(folder.path().join("failed")).expect("read");
    let expected = [
        "  not json \r\n",
        "[1]\n",
        "{\"other\":1}\n",
        "{\"name\":{}}\n",
        &long,
    ]
    .concat();
    assert!(failed == expected.as_bytes(), "{} bytes", failed.len());
    let mut requests: Vec<String> = server
        .requests()
        .iter()
        .map(|one| one.line().to_owned())
        .collect();
    requests.sort();
    assert_eq!(
        requests,
        ["GET /api/v1/sources/acme/a", "GET /api/v1/sources/acme/b"]
    );
}

#[test]
fn failed_rows_of_csv_have_their_header_and_can_be_fed_back() {
    let is_bad = |request: &Recorded| request.line().ends_with("/bad");
    let server = Recorder::by(move |_, request| match is_bad(request) {
        true => Reply::json(404, r#"{"status":"error"}"#),
        false => Reply::json(200, OK),
    });
    let folder = tempfile::tempdir().expect("a folder");
    let words = [
        "DELETE",
        "v1/sources/acme/{name}",
        "--input-format",
        "csv",
        "--failed",
        "failed.csv",
    ];
    batch(&server, &words, "name\r\nx\r\n\"bad\"\r\ny")
        .folder(folder.path())
        .run()
        .exit(10);
    let failed = std::fs::read_to_string(folder.path().join("failed.csv")).expect("read");
    assert_eq!(failed, "name\r\n\"bad\"\r\n");
    server.take();
    let words = [
        "batch",
        "DELETE",
        "v1/sources/acme/{name}",
        "--from",
        "failed.csv",
    ];
    rein(words)
        .at(&server.url())
        .folder(folder.path())
        .run()
        .exit(10);
    assert_eq!(server.only().line(), "DELETE /api/v1/sources/acme/bad");
}

#[test]
fn strict_sends_nothing_of_a_file_with_a_wrong_row() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let rows = "{\"name\":\"a\"}\n{\"name\":\"b\"}\nno\n";
    std::fs::write(folder.path().join("in"), rows).expect("written");
    let words = [
        "batch",
        "GET",
        "v1/sources/acme/{name}",
        "--strict",
        "--from",
        "in",
    ];
    rein(words)
        .at(&server.url())
        .folder(folder.path())
        .run()
        .exit(2)
        .stdout("")
        .says("line 3: the row is not valid JSON");
    server.saw_nothing();
    let words = ["GET", "v1/sources/acme/{name}", "--strict", "--jobs", "1"];
    let rows = format!("{rows}{{\"name\":\"c\"}}\n");
    batch(&server, &words, &rows).run().exit(10).says("line 3");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn results_are_in_the_order_of_the_input_or_as_they_come() {
    let answer = |_: usize, request: &Recorded| {
        if request.line().ends_with("/1") {
            std::thread::sleep(Duration::from_millis(300));
        }
        Reply::json(200, OK)
    };
    let rows = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n";
    // Each connection is served by a thread, but answers are given one after the other.
    let slow = || {
        Recorder::by(
            move |position, request| match request.line().ends_with("/1") {
                true if position == 0 => answer(position, request),
                _ => Reply::json(200, OK),
            },
        )
    };
    let words = ["GET", "v1/sources/acme/{n}", "--jobs", "3"];
    let finished = batch(&slow(), &words, rows).run().exit(0);
    assert_eq!(lines(&results(&finished)), [1, 2, 3]);
    let late = Recorder::by(|_, request| {
        match request.line().ends_with("/1") && request.header("x-late").is_empty() {
            true => Reply::with(429, &["Retry-After: 0"], b""),
            false => Reply::json(200, OK),
        }
    });
    let words = [
        "GET",
        "v1/sources/acme/{n}",
        "--jobs",
        "3",
        "--unordered",
        "--retry-delay",
        "300ms",
    ];
    let finished = batch(&late, &words, rows).run().exit(10);
    let found = results(&finished);
    assert_eq!(found.last().expect("a result")["line"], 1);
    assert_eq!(found.len(), 3);
}

#[test]
fn results_take_filters_columns_and_formats() {
    let server = server();
    let rows = "{\"n\":1}\n{\"n\":2}\n";
    let call = |words: &[&str]| {
        batch(
            &server,
            &[&["GET", "v1/sources/acme/{n}"], words].concat(),
            rows,
        )
    };
    call(&["-q", ".body.status, .line"])
        .run()
        .exit(0)
        .stdout("ok\n1\nok\n2\n");
    call(&["--format", "csv", "--columns", "line,status,body.status"])
        .run()
        .exit(0)
        .stdout("line,status,body.status\n1,200,ok\n2,200,ok\n");
    call(&["--quiet-ok"]).run().exit(0).stdout("");
    for words in [
        &["-t"][..],
        &["-o", "x"],
        &["-w", "x"],
        &["--paginate"],
        &["--limit", "3"],
        &["--curl"],
        &["-d", "{}"],
    ] {
        let option = format!("{} ", words[0]);
        for help in ["-h", "--help"] {
            let shown = rein(["batch", help]).run().exit(0).stdout_text();
            assert!(!shown.contains(&option), "{help} {option}");
        }
        call(words)
            .run()
            .exit(2)
            .stdout("")
            .says("not supported in a batch");
    }
}

#[test]
fn a_wait_that_the_server_asks_for_slows_all_workers() {
    let server = Recorder::start(vec![
        Reply::with(429, &["Retry-After: 1"], b""),
        Reply::json(200, OK),
    ]);
    let rows: String = (0..20).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let begun = Instant::now();
    let finished = batch(
        &server,
        &["GET", "v1/sources/acme/{n}", "--jobs", "2"],
        &rows,
    )
    .run()
    .exit(0);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert!(
        results(&finished)
            .iter()
            .any(|result| result["attempts"] == 2)
    );
    assert_eq!(server.requests().len(), 21);
    finished.says("21 requests (1 retried)");
}

#[test]
fn a_rate_is_kept() {
    let server = server();
    let rows: String = (0..11).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let begun = Instant::now();
    batch(
        &server,
        &["GET", "v1/sources/acme/{n}", "--rate", "20/s"],
        &rows,
    )
    .run()
    .exit(0);
    assert!(
        begun.elapsed() >= Duration::from_millis(500),
        "{:?}",
        begun.elapsed()
    );
    batch(&server, &["GET", "v1/x/{n}", "--rate", "fast"], "")
        .run()
        .exit(2)
        .says("50/s");
}

#[test]
fn it_stops_after_so_many_failures() {
    let server = Recorder::always(Reply::json(400, r#"{"status":"error"}"#));
    let rows: String = (0..50).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let words = [
        "GET",
        "v1/sources/acme/{n}",
        "--jobs",
        "1",
        "--stop-after",
        "3",
    ];
    batch(&server, &words, &rows)
        .run()
        .exit(10)
        .says("stopped after 3 failures (--stop-after)");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_dry_run_checks_every_row_and_sends_nothing() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let rows = format!("{}{{\"id\":1}}\n", comments(3));
    std::fs::write(folder.path().join("in"), rows).expect("written");
    let words = [
        "batch",
        "call",
        "sync-comments",
        "project=acme",
        "source=s",
        "--group",
        "2",
        "comments",
        "--from",
        "in",
        "--dry-run",
    ];
    let finished = rein(words)
        .at(&server.url())
        .folder(folder.path())
        .run()
        .exit(10)
        .says("line 4: ")
        .no_canary();
    let text = finished.stdout_text();
    for part in [
        "lines     4, 1 of them invalid",
        "requests  2",
        "class     billable",
        "up to 3 AI units",
        "first request, lines 1-2:",
        "POST ",
        "nothing was sent",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    server.saw_nothing();
}

/// Two guarded profiles of one tenant, and one without a guard.
fn guarded(server: &Recorder) -> String {
    let url = server.url();
    let profile = |name: &str, guard: &str| {
        format!(
            "[profiles.{name}]\nendpoint = \"{url}\"\nproject = \"{name}\"\ntoken_env = \"T\"\nguard = \"{guard}\"\n"
        )
    };
    [
        profile("dev", "none"),
        profile("prod", "confirm"),
        profile("shop", "confirm"),
        profile("keep", "read-only"),
    ]
    .concat()
}

fn delete_in(rows: &str, words: &[&str], server: &Recorder, folder: &std::path::Path) -> Rein {
    std::fs::write(folder.join("in"), rows).expect("written");
    let all = [
        &[
            "-p",
            "dev",
            "batch",
            "DELETE",
            "v1/datasets/{project}/{name}",
            "--from",
            "in",
        ],
        words,
    ]
    .concat();
    rein(all)
        .config(&guarded(server))
        .var("T", CANARY)
        .folder(folder)
}

const OWNED: &str = "{\"project\":\"dev\",\"name\":\"a\"}\n{\"project\":\"prod\",\"name\":\"b\"}\n{\"project\":\"shop\",\"name\":\"c\"}\n";

#[test]
fn one_confirmation_names_every_owner() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let call = |words: &[&str]| delete_in(OWNED, words, &server, folder.path());
    for words in [&[][..], &["--confirm", "prod"], &["--confirm", "dev,prod"]] {
        call(words)
            .run()
            .exit(9)
            .stdout("")
            .says("--confirm prod,shop")
            .says("lines: 3")
            .says("requests: 3")
            .says("class: destructive")
            .says("owners: dev, keep, prod, shop");
    }
    server.saw_nothing();
    call(&["--confirm", "shop,prod"]).run().exit(0).no_canary();
    assert_eq!(server.take().len(), 3);
    // What is read-only stays so whatever is confirmed.
    let rows = "{\"project\":\"dev\",\"name\":\"a\"}\n{\"project\":\"keep\",\"name\":\"b\"}\n";
    delete_in(rows, &["--confirm", "keep"], &server, folder.path())
        .run()
        .exit(9)
        .says("read-only")
        .says("line 2");
    assert!(server.requests().is_empty());
}

#[test]
fn the_question_is_asked_once_for_the_whole_batch() {
    for (typed, sent) in [("prod,shop\n", 3), ("prod\n", 0)] {
        let server = server();
        let folder = tempfile::tempdir().expect("a folder");
        let call = delete_in(OWNED, &[], &server, folder.path());
        let seen = typing_on_a_terminal_when_asked(&call.command(), typed);
        assert!(seen.contains("Type \"prod,shop\" to send it"), "{seen}");
        assert!(seen.contains("requests: 3"), "{seen}");
        assert_eq!(server.requests().len(), sent, "{seen}");
    }
}

#[test]
fn a_row_of_a_stream_that_leads_to_another_owner_is_not_sent() {
    let server = server();
    let words = [
        "-p",
        "dev",
        "batch",
        "DELETE",
        "v1/datasets/{project}/{name}",
        "--from",
        "-",
    ];
    let call = |rows: &str, confirm: &[&str]| {
        rein([&words[..], confirm].concat())
            .config(&guarded(&server))
            .var("T", CANARY)
            .stdin(rows)
    };
    call(OWNED.split_once('\n').expect("rows").1, &[])
        .run()
        .exit(9)
        .stdout("")
        .says("--confirm prod");
    server.saw_nothing();
    let finished = call(OWNED, &["--confirm", "prod"]).run().exit(10);
    let found = results(&finished);
    assert_eq!(found[2]["error"]["exit"], 9);
    assert_eq!(found[2]["attempts"], 0);
    let mut sent: Vec<String> = server
        .requests()
        .iter()
        .map(|one| one.line().to_owned())
        .collect();
    sent.sort();
    assert_eq!(
        sent,
        [
            "DELETE /api/v1/datasets/dev/a",
            "DELETE /api/v1/datasets/prod/b"
        ]
    );
}

#[test]
fn the_summary_describes_the_whole_batch() {
    let server = Recorder::by(|_, request| match request.line().ends_with("/2") {
        true => Reply::json(404, r#"{"status":"error","message":"gone <&>"}"#),
        false => Reply::json(200, OK),
    });
    let folder = tempfile::tempdir().expect("a folder");
    let words = [
        "GET",
        "v1/sources/acme/{n}",
        "--meta",
        "meta",
        "--summary",
        "summary",
        "--report",
        "junit=report.xml",
    ];
    let rows = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n";
    batch(&server, &words, rows)
        .folder(folder.path())
        .run()
        .exit(10)
        .says("3 lines: 2 done, 1 failed · 3 requests (0 retried)")
        .says("server p50 1.5");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("read");
    assert_eq!(read("meta"), read("summary"));
    let summary: Value = serde_json::from_str(&read("meta")).expect("JSON");
    for (name, value) in [
        ("lines", 3),
        ("requests", 3),
        ("done", 2),
        ("failed", 1),
        ("exit", 10),
    ] {
        assert_eq!(summary[name], value, "{name}");
    }
    assert_eq!(summary["server_ms"]["p99"], 1.5);
    let report = read("report.xml");
    assert!(report.contains("tests=\"2\" failures=\"1\""), "{report}");
    assert!(
        report.contains("line 2") && report.contains("gone &lt;&amp;&gt;"),
        "{report}"
    );
    batch(&server, &["GET", "v1/x/{n}", "-s"], "{\"n\":1}\n")
        .run()
        .exit(0)
        .never_says("line");
}

#[test]
#[cfg(unix)]
fn ctrl_c_writes_everything_that_is_known() {
    let server = Recorder::by(|_, request| match request.line().ends_with("/3") {
        true => Reply::Hang(Vec::new()),
        false => Reply::json(200, OK),
    });
    let folder = tempfile::tempdir().expect("a folder");
    let rows: String = (0..6).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    std::fs::write(folder.path().join("in"), rows).expect("written");
    let words = [
        "batch",
        "POST",
        "v1/x/{n}",
        "--jobs",
        "2",
        "--from",
        "in",
        "--summary",
        "summary",
    ];
    let call = rein(words).at(&server.url()).folder(folder.path());
    let (exit, stdout, stderr) = crate::support::command::interrupted(&call, || {
        let is_asked = server.requests().len() == 6;
        // Until all responses but that one have been read.
        std::thread::sleep(Duration::from_millis(if is_asked { 500 } else { 20 }));
        is_asked
    });
    assert_eq!(exit, 130, "{stderr}");
    let found: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a result"))
        .collect();
    assert_eq!(found.len(), 6, "{stdout}");
    let unknown: Vec<&Value> = found
        .iter()
        .filter(|one| one.get("error").is_some())
        .collect();
    assert_eq!(unknown.len(), 1, "{stdout}");
    assert_eq!(unknown[0]["line"], 4);
    assert_eq!(unknown[0]["error"]["outcome"], "unknown");
    assert!(stderr.contains("5 done, 1 unknown"), "{stderr}");
    let summary = std::fs::read(folder.path().join("summary")).expect("read");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    assert_eq!(summary["exit"], 130);
}

#[test]
fn a_call_that_cannot_be_made_twice_is_unknown_when_its_response_is_lost() {
    let server = Recorder::by(|_, request| match request.line().ends_with("/2") {
        true => Reply::Reset(Vec::new()),
        false => Reply::json(200, OK),
    });
    let folder = tempfile::tempdir().expect("a folder");
    let rows = "{\"n\":1}\n{\"n\":2}\n";
    let words = ["POST", "v1/x/{n}", "--failed", "failed"];
    let finished = batch(&server, &words, rows)
        .folder(folder.path())
        .run()
        .exit(10);
    assert_eq!(results(&finished)[1]["error"]["outcome"], "unknown");
    // Fed back, it could be applied twice.
    assert_eq!(
        std::fs::read(folder.path().join("failed")).expect("read"),
        b""
    );
    assert_eq!(server.requests().len(), 2);
    let finished = batch(&server, &["PUT", "v1/x/{n}", "--failed", "failed"], rows)
        .folder(folder.path())
        .run()
        .exit(10);
    assert_eq!(results(&finished)[1]["error"]["outcome"], "failed");
    assert_eq!(
        std::fs::read(folder.path().join("failed")).expect("read"),
        b"{\"n\":2}\n"
    );
}

#[test]
fn a_slow_reader_holds_up_the_batch_and_takes_no_memory() {
    let big = format!("{{\"status\":\"ok\",\"x\":\"{}\"}}", "x".repeat(100_000));
    let server = Recorder::always(Reply::json(200, &big));
    let folder = tempfile::tempdir().expect("a folder");
    let rows: String = (0..2000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    std::fs::write(folder.path().join("in"), rows).expect("written");
    let mut call = rein(["batch", "GET", "v1/x/{n}", "--from", "in", "-s"])
        .at(&server.url())
        .folder(folder.path())
        .start();
    // Nothing reads its output: it must come to rest long before all 2000 are asked for.
    let mut before = 0;
    let asked = loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = server.requests().len();
        if now > 0 && now == before {
            break now;
        }
        before = now;
    };
    assert!(asked < 500, "{asked}");
    call.kill().expect("ended");
    let _status = call.wait().expect("an end");
}

#[test]
fn files_are_kept_until_something_is_sent() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let rows = "{\"n\":1}\n";
    std::fs::write(path("in"), rows).expect("written");
    std::fs::write(path("failed"), "of an earlier run\n").expect("written");
    let call = |words: &[&str]| {
        rein([&["batch", "GET", "v1/x/{n}", "--from", "in"], words].concat()).folder(folder.path())
    };
    let read = |name: &str| std::fs::read_to_string(path(name)).expect("read");
    // Without a token nothing is sent.
    call(&["--failed", "failed"])
        .var("REINFER_ENDPOINT", server.url())
        .run()
        .exit(2);
    assert_eq!(read("failed"), "of an earlier run\n");
    call(&["--failed", "failed"])
        .at(&server.url())
        .run()
        .exit(0);
    assert_eq!(read("failed"), "");
    for option in ["--failed", "--journal", "--summary", "--meta"] {
        let text = format!("{option} and --from name the same file");
        call(&[option, "./in"])
            .at(&server.url())
            .run()
            .exit(2)
            .says(&text);
        assert_eq!(read("in"), rows);
    }
}

#[test]
fn an_empty_input_is_done_and_a_missing_one_is_a_mistake() {
    let server = server();
    batch(&server, &["GET", "v1/x/{n}"], "\n\n")
        .run()
        .exit(0)
        .stdout("");
    let missing = ["batch", "GET", "v1/x/{n}", "--from", "nowhere"];
    rein(missing)
        .at(&server.url())
        .run()
        .exit(2)
        .says("cannot read nowhere");
    server.saw_nothing();
}

#[test]
fn progress_is_a_bar_on_a_terminal_and_a_line_every_ten_seconds_elsewhere() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = Recorder::by(move |_, _| {
        // The first calls are done at once, and the last one keeps the batch going.
        match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0..4 => Reply::json(200, OK),
            _ => Reply::Hang(Vec::new()),
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let rows: String = (0..5).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    std::fs::write(folder.path().join("in"), rows).expect("written");
    let words = ["batch", "GET", "v1/x/{n}", "--jobs", "1", "--from", "in"];
    let call = |more: &[&str]| {
        rein([&words[..], more].concat())
            .at(&server.url())
            .folder(folder.path())
    };
    let silent = call(&["-s", "-m", "11"]);
    let silent = std::thread::spawn(move || silent.run());
    let finished = call(&["-m", "11"]).run();
    finished.says("done · 0 failed · ").says("s left");
    let silent = silent.join().expect("an end");
    silent.never_says(" · ");
}

#[test]
#[cfg(unix)]
fn a_bar_shows_how_far_the_batch_has_come() {
    let server = Recorder::by(|_, _| {
        std::thread::sleep(Duration::from_millis(20));
        Reply::json(200, OK)
    });
    let folder = tempfile::tempdir().expect("a folder");
    let rows: String = (0..60).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    std::fs::write(folder.path().join("in"), rows).expect("written");
    let call = rein(["batch", "GET", "v1/x/{n}", "--from", "in"])
        .at(&server.url())
        .folder(folder.path());
    let command = crate::output::in_a_shell(&call.command(), "exec \"$0\" \"$@\" > results");
    let seen = crate::output::on_a_terminal(&command);
    assert!(seen.contains("%") && seen.contains("/s"), "{seen}");
    assert!(seen.contains("60 lines: 60 done"), "{seen}");
    let results = std::fs::read_to_string(folder.path().join("results")).expect("read");
    assert_eq!(results.lines().count(), 60);
}

#[test]
fn reports_that_cannot_be_written_are_found_before_anything_is_sent() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("in"), "{\"n\":1}\n").expect("written");
    for (words, exit, says) in [
        (["--report", "bogus"], 2, "--report junit=FILE"),
        (["--report", "junit=none/x"], 23, "cannot write none/x"),
        (["--summary", "none/x"], 23, "cannot write none/x"),
        (["--meta", "none/x"], 23, "cannot write none/x"),
    ] {
        let all = [&["batch", "PUT", "v1/x/{n}", "--from", "in"], &words[..]].concat();
        let call = rein(all).at(&server.url()).folder(folder.path());
        call.run().exit(exit).says(says);
        server.saw_nothing();
    }
}

#[test]
fn two_files_of_a_batch_are_not_one() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("in"), "{\"n\":1}\n").expect("written");
    std::fs::write(path("old"), "kept").expect("written");
    let call = |words: &[&str]| {
        let all = [&["batch", "PUT", "v1/x/{n}", "--from", "in"], words].concat();
        rein(all).at(&server.url()).folder(folder.path()).run()
    };
    for names in [["new", "new"], ["old", "old"], ["old", "./old"]] {
        call(&["--failed", names[0], "--journal", names[1]])
            .exit(2)
            .says("--journal and --failed name the same file");
    }
    server.saw_nothing();
    assert_eq!(std::fs::read_to_string(path("old")).expect("read"), "kept");
    call(&["--summary", "both", "--meta", "both"]).exit(0);
}

#[test]
fn the_summary_on_standard_error_is_no_command() {
    let server = server();
    for option in ["--summary", "--meta"] {
        batch(&server, &["PUT", "v1/x/##[error]b", option, "-"], "{}\n")
            .var("GITHUB_ACTIONS", "true")
            .run()
            .says("schema_version")
            .never_says("##[error]");
    }
}

#[test]
fn rows_decide_on_the_method_of_a_target_without_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server();
    for (rows, methods, class) in [
        ("{\"n\":1}\n", &["GET"][..], "read"),
        ("{\"n\":1,\"a\":2}\n", &["POST"], "write"),
        (
            "{\"n\":1}\n{\"n\":1,\"a\":2}\n{\"n\":1}\n",
            &["GET", "GET", "POST"],
            "write",
        ),
    ] {
        let words = ["v1/x/{n}", "--summary", "summary"];
        let call = batch(&server, &words, rows).folder(folder.path());
        call.run().exit(0);
        let requests = server.take();
        // Several are sent at once, so that they come in any order.
        let mut lines: Vec<_> = requests.iter().map(Recorded::line).collect();
        lines.sort_unstable();
        let expected: Vec<_> = methods
            .iter()
            .map(|one| format!("{one} /api/v1/x/1"))
            .collect();
        assert_eq!(lines, expected, "{rows}");
        let summary = std::fs::read(folder.path().join("summary")).expect("read");
        let summary: Value = serde_json::from_slice(&summary).expect("JSON");
        assert_eq!(summary["class"], class, "{rows}");
    }
}

#[test]
fn rows_that_are_elements_of_a_list_need_a_group() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = server();
    let words = ["call", "sync-comments", "project=acme", "source=s"];
    batch(&server, &words, &comments(2))
        .run()
        .exit(2)
        .stdout("")
        .says("sync-comments takes a list of comments, and the rows are its elements")
        .says("--group 1024 comments");
    let rows = "id,timestamp,messages[0].body.text\nc1,2024-01-01T00:00:00Z,t\n";
    std::fs::write(folder.path().join("in.csv"), rows).expect("written");
    let in_csv = [&["batch"], &words[..], &["--from", "in.csv"]].concat();
    rein(in_csv)
        .at(&server.url())
        .folder(folder.path())
        .run()
        .exit(2)
        .says("--group 1024 comments");
    server.saw_nothing();
    // A row that has a field of the call itself is judged as it is.
    let row = "{\"comments\":[],\"id\":\"c1\",\"timestamp\":\"t\",\"messages\":[]}\n";
    let found = results(&batch(&server, &words, row).run().exit(10));
    assert_eq!(found[0]["error"]["outcome"], "invalid");
}

#[test]
#[cfg(target_os = "linux")]
fn rows_from_a_terminal_are_announced() {
    let server = server();
    let call = batch(&server, &["GET", "v1/x/{n}"], "");
    let seen = typing_on_a_terminal_when_asked(&call.command(), "{\"n\":7}\n\u{4}");
    let note = "note: reading rows from the terminal; end with Ctrl-D";
    assert!(seen.contains(note), "{seen}");
    assert_eq!(server.requests().len(), 1, "{seen}");
}

#[test]
fn a_header_that_asks_for_a_year_ends_in_the_time_for_retries() {
    let server = Recorder::always(Reply::with(503, &["Retry-After: 31536000"], b""));
    let begun = Instant::now();
    let words = ["GET", "v1/x/{n}", "--retry-max-time", "1", "--jobs", "2"];
    batch(&server, &words, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n")
        .run()
        .exit(10);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn what_is_written_when_the_reader_goes_is_whole_and_each_line_is_sent_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: String = (1..=3000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    std::fs::write(folder.path().join("in"), rows).expect("written");
    let server = server();
    let words = ["POST", "v1/x/{n}", "--from", "in", "--journal", "journal"];
    let call = || {
        rein([&["batch"][..], &words].concat())
            .at(&server.url())
            .folder(folder.path())
    };
    let mut first = call().start();
    // Its output is closed before anything has been written to it.
    drop(first.stdout.take());
    let ended = first.wait_with_output().expect("an end");
    assert_eq!(ended.status.code(), Some(23));
    let sent = server.requests().len();
    assert!(sent > 0 && sent < 3000, "{sent}");
    call().run().exit(0);
    let requests = server.requests();
    let mut lines: Vec<&str> = requests.iter().map(Recorded::line).collect();
    lines.sort_unstable();
    let before = lines.len();
    lines.dedup();
    assert_eq!((before, lines.len()), (3000, 3000));
}

#[test]
#[cfg(unix)]
fn an_interrupt_while_nobody_reads_loses_no_result() {
    let big = format!("{{\"status\":\"ok\",\"x\":\"{}\"}}", "x".repeat(50_000));
    let server = Recorder::always(Reply::json(200, &big));
    let folder = tempfile::tempdir().expect("a folder");
    let rows: String = (0..2000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    std::fs::write(folder.path().join("in"), rows).expect("written");
    let words = ["batch", "GET", "v1/x/{n}", "--from", "in", "--summary", "s"];
    let call = rein(words).at(&server.url()).folder(folder.path());
    let before = std::cell::Cell::new(0);
    let (exit, stdout, stderr) = crate::support::command::interrupted(&call, || {
        // Until it has come to rest, because nothing reads its output.
        std::thread::sleep(Duration::from_millis(500));
        let now = server.requests().len();
        now > 0 && now == before.replace(now)
    });
    assert_eq!(exit, 130, "{stderr}");
    let summary = std::fs::read(folder.path().join("s")).expect("read");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    let done = stdout
        .lines()
        .filter(|line| line.contains("\"status\":200"));
    assert_eq!(summary["done"], done.count(), "{stderr}");
}

#[test]
fn a_result_is_written_and_a_call_is_sent_while_further_rows_are_waited_for() {
    let server = server();
    let words = ["batch", "PUT", "v1/x/{n}", "--from", "-", "--jobs", "2"];
    let call = rein(words).at(&server.url());
    let mut child = call
        .command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a start");
    let mut rows = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    for n in 1..=5 {
        writeln!(rows, "{{\"n\":{n}}}").expect("written");
        // Its result comes although the next row does not.
        let result = lines.next().expect("a result").expect("a line");
        assert!(result.starts_with(&format!("{{\"line\":{n},")), "{result}");
        assert_eq!(server.requests().len(), n);
    }
    drop(rows);
    assert!(lines.next().is_none());
    assert!(child.wait().expect("an end").success());
}

#[test]
fn no_call_waits_behind_one_that_hangs() {
    let server = Recorder::by(|_, request| match request.line().ends_with("/2") {
        true => Reply::Hang(Vec::new()),
        false => Reply::json(200, OK),
    });
    let rows: String = (1..=50).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let words = ["POST", "v1/x/{n}", "--jobs", "2", "--unordered"];
    let limits = ["-m", "3", "--retry", "0"];
    let finished = batch(&server, &[&words[..], &limits].concat(), &rows).run();
    let mut found = lines(&results(&finished));
    found.sort_unstable();
    assert_eq!(found, (1..=50).collect::<Vec<_>>());
    assert_eq!(server.requests().len(), 50);
}

#[test]
fn everything_before_the_row_that_stops_a_strict_batch_is_sent() {
    let server = server();
    let rows: String = (1..=20).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let words = ["PUT", "v1/x/{n}", "--strict"];
    let finished = batch(&server, &words, &format!("{rows}[]\n{rows}"))
        .run()
        .exit(10)
        .says("line 21");
    assert_eq!(lines(&results(&finished)), (1..=21).collect::<Vec<_>>());
    assert_eq!(server.requests().len(), 20);
}
