//! A byte order mark before a response: whatever reads JSON skips it, and what passes bytes keeps it.

use crate::support::{Recorder, Reply, rein};

const MARK: &str = "\u{feff}";
const LIST: &str = r#"{"status":"ok","rows":[{"id":"a1"},{"id":"b2"}]}"#;

/// A response whose first bytes come one by one.
fn in_pieces(headers: &str, body: &str) -> Reply {
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\n{headers}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    let (first, rest) = body.as_bytes().split_at(4);
    for piece in first.chunks(1).chain([rest]) {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    Reply::Bytes(bytes)
}

#[test]
fn whatever_reads_json_skips_a_mark_and_what_passes_bytes_keeps_it() {
    const TIMED: &str = "Server-Timing: total;dur=1\r\n";
    let marked = format!("{MARK}{LIST}");
    for args in [
        &["--format", "csv"][..],
        &["--format", "tsv"],
        &["--format", "ndjson"],
        &["--format", "yaml"],
        &["--format", "table"],
        &["--format", "csv", "--sort", "-id"],
        &["--format", "csv", "--items", "rows"],
        &["--format", "pretty"],
        &["--format", "compact"],
        &["-q", ".rows[].id"],
        &["-q", ".rows", "--format", "csv"],
        &["--format", "compact", "--expect", ".status == \"ok\""],
        &["--format", "compact", "--until", ".status == \"ok\""],
        // These pass the bytes on.
        &[],
        &["--format", "raw"],
        &["--expect", ".status == \"ok\""],
        &["--until", ".status == \"ok\""],
    ] {
        let passes_on =
            !args.contains(&"-q") && !args.contains(&"--format") || args.contains(&"raw");
        // Without Server-Timing it is the status in the body that tells whose response it is.
        for headers in [TIMED, ""] {
            let call = |body: &str| {
                let server = Recorder::always(in_pieces(headers, body));
                rein(["-s", "v1/x"].iter().chain(args))
                    .at(&server.url())
                    .run()
                    .exit(0)
                    .stdout_text()
            };
            let plain = call(LIST);
            assert!(!plain.is_empty(), "{args:?}");
            let expected = if passes_on { &marked } else { &plain };
            assert_eq!(&call(&marked), expected, "{args:?} {headers}");
        }
    }
}

#[test]
fn pages_and_batches_are_read_behind_a_mark() {
    let pages = |mark: &'static str| {
        Recorder::by(move |before, _| {
            let cursor = if before == 0 { "\"c\"" } else { "null" };
            let body = format!(
                "{mark}{{\"status\":\"ok\",\"comments\":[{{\"id\":{before}}}],\"continuation\":{cursor}}}"
            );
            Reply::json(200, &body)
        })
    };
    for args in [
        &[][..],
        &["--format", "ndjson"],
        &["--format", "csv"],
        &["-q", "."],
    ] {
        let call = |mark| {
            let server = pages(mark);
            let words = [
                "-s",
                "call",
                "export-dataset",
                "project=p",
                "dataset=d",
                "--paginate",
            ];
            let run = rein(words.iter().chain(args))
                .at(&server.url())
                .run()
                .exit(0);
            assert_eq!(server.requests().len(), 2, "{args:?}");
            run.stdout_text()
        };
        assert_eq!(call(MARK), call(""), "{args:?}");
    }
    const RESULT: &str = r#"{"comment":{"uid":"s.1"},"continuation":"a"}"#;
    let batch = |results: &str| {
        let body = format!(
            r#"{MARK}{{"status":"ok","results":[{results}],"num_filtered":0,"continuation":"a"}}"#
        );
        Reply::json(200, &body)
    };
    let advanced = Reply::json(
        200,
        &format!(r#"{MARK}{{"status":"ok","sequence_id":"a"}}"#),
    );
    let server = Recorder::start(vec![batch(RESULT), advanced, batch("")]);
    rein(["-s", "follow", "p/orders/late", "--once"])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout(format!("{RESULT}\n"));
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn an_error_behind_a_mark_is_read_and_what_is_not_json_loses_no_byte() {
    let body = format!("{MARK}{{\"status\":\"error\",\"message\":\"no such dataset\"}}");
    let server = Recorder::always(Reply::with(404, &[], body.as_bytes()));
    rein(["v1/x"])
        .at(&server.url())
        .run()
        .exit(4)
        .says("no such dataset");
    for body in [
        format!("{MARK}oops"),
        format!("{MARK} [1 2]"),
        "\u{fefc}x".to_owned(),
    ] {
        let server = Recorder::always(Reply::json(200, &body));
        let run = rein(["v1/x", "--format", "pretty"]).at(&server.url()).run();
        if !body.contains('[') {
            assert_eq!(run.stdout_text(), body);
        }
        run.exit(0).says("the body is not JSON (line 1, column");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_shows_json_behind_a_mark_as_json() {
    use crate::output::on_a_terminal;

    let shown = |body: &str| {
        let server = Recorder::always(in_pieces("Server-Timing: total;dur=1\r\n", body));
        let call = rein(["-s", "v1/x", "--color", "never"]).at(&server.url());
        on_a_terminal(&call.command())
    };
    let plain = shown(LIST);
    assert!(plain.contains("  \"status\": \"ok\""), "{plain}");
    assert_eq!(shown(&format!("{MARK}{LIST}")), plain);
}
