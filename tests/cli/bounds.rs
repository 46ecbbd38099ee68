//! What a format holds is bounded, and a filter that never ends can be interrupted.

use crate::support::{Recorder, Reply, rein};

#[test]
fn a_token_that_is_too_large_to_be_held_is_named() {
    const LENGTH: usize = 70 << 20;
    let long = "a".repeat(LENGTH);
    let body = format!(r#"{{"status":"ok","{long}":1,"rows":[{{"id":1}}]}}"#);
    let server = Recorder::always(Reply::json(200, &body));
    let call = |args: &[&str]| {
        rein(["-s", "v1/x"].iter().chain(args))
            .at(&server.url())
            .run()
    };
    for format in ["csv", "table"] {
        call(&["--format", format]).exit(1).stdout("").says(
            "the name of a member beside the items needs more than 64 MiB, too large for this format",
        );
    }
    // Where nothing has to be held, the size does not matter.
    let run = call(&["--format", "compact"]).exit(0);
    assert_eq!(run.stdout.len(), body.len());
}

#[test]
fn more_members_than_there_can_be_columns_are_refused() {
    let members: Vec<String> = (0..5000).map(|number| format!("\"m{number}\":1")).collect();
    let body = format!(r#"{{"status":"ok","rows":[{{{}}}]}}"#, members.join(","));
    let server = Recorder::always(Reply::json(200, &body));
    for format in ["csv", "tsv", "table"] {
        rein(["-s", "v1/x", "--format", format])
            .at(&server.url())
            .run()
            .exit(1)
            .says("more than 4096 different members")
            .says("--columns");
    }
    rein(["-s", "v1/x", "--format", "csv", "--columns", "m4999"])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout("m4999\n1\n");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_an_endless_filter_and_removes_its_file() {
    use crate::support::command::interrupted;

    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    for filter in [
        "range(100000), (def f: f; f)",
        "range(100000), last(repeat(1))",
        "range(100000), [range(0; 1e18) | empty]",
        "range(100000), (\"a\" | until(false; .))",
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let call = rein(["v1/x", "-q", filter, "-o", "out"])
            .at(&server.url())
            .folder(folder.path());
        // The first results have been written, so that the filter is at work on the last one.
        let has_begun = || {
            let files = std::fs::read_dir(folder.path())
                .expect("a folder")
                .flatten();
            let mut lengths = files
                .flat_map(|file| file.metadata())
                .map(|file| file.len());
            lengths.any(|length| length > 0)
        };
        let (exit, stdout, _) = interrupted(&call, has_begun);
        assert_eq!((exit, stdout.as_str()), (130, ""), "{filter}");
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0, "{filter}");
    }
}
