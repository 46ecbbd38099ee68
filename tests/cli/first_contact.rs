//! What a newcomer meets: help that fits a screen, the words of other tools, notes on what is
//! easily overlooked.

use crate::support::{CANARY, Recorder, Reply, rein};

#[test]
fn without_a_word_there_is_a_usage_with_examples() {
    let run = rein::<&str>([]).run().exit(2).stdout("");
    let text = run.stderr_text();
    assert!(text.contains("usage: rein"), "{run}");
    assert_eq!(text.matches("\n    rein ").count(), 3, "{run}");
    assert!(text.lines().count() < 12, "{run}");
    // The first example runs as it is printed.
    let first = text.lines().find(|line| line.contains("rein -p demo"));
    let words = first
        .expect("an example")
        .split_whitespace()
        .skip(1)
        .take(3);
    rein(words).run().exit(0);
}

#[test]
fn the_short_help_fits_a_screen_and_the_long_one_has_the_environment() {
    let run = rein(["-h"]).run().exit(0);
    let short = run.stdout_text();
    assert!(short.lines().count() <= 45, "{short}");
    assert!(
        short.lines().skip(1).all(|line| line.chars().count() <= 80),
        "{short}"
    );
    for part in [
        "Usage:",
        "Examples:",
        "Commands:",
        "Options:",
        "--paginate",
        "--help",
    ] {
        assert!(short.contains(part), "{part}: {short}");
    }
    assert_eq!(short.matches("Options:").count(), 1, "{short}");
    let run = rein(["--help"]).run().exit(0);
    let long = run.stdout_text();
    assert!(long.contains("Environment:"), "{long}");
    for variable in [
        "REINFER_TOKEN_<PROFILE>",
        "REINFER_CONFIG",
        "REIN_CURL",
        "NO_COLOR",
    ] {
        assert!(long.contains(variable), "{variable}: {long}");
    }
    assert!(long.contains("--max-redirs"), "{long}");
}

#[test]
fn options_of_other_tools_lead_to_those_that_are_meant() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    for (option, meant) in [
        ("--all", "--paginate"),
        ("--timeout=5", "--max-time"),
        ("--pretty", "--format pretty"),
        ("--filter=.a", "-q EXPR"),
        ("--token=x", "--token-file"),
        ("--organization=acme", "rein profile add"),
    ] {
        for line in [&["v1/x", option][..], &["call", "list-datasets", option]] {
            rein(line)
                .at(&server.url())
                .run()
                .exit(2)
                .says(meant)
                .never_says("tip:");
        }
    }
    for (line, meant) in [
        (&["timing", "v1/x", "--timeout=5"][..], "--max-time"),
        (&["follow", "a/b/c", "--timeout", "5"], "--max-time"),
        (&["follow", "a/b/c", "--force"], "--confirm PROFILE"),
        (&["diff", "a..b", "v1/x", "--all"], "--paginate"),
        (&["batch", "v1/x", "--from", "f", "--fields=a"], "--columns"),
        (&["profile", "add", "x", "--token=SEKRET"], "--ask-token"),
    ] {
        rein(line)
            .at(&server.url())
            .run()
            .exit(2)
            .says(meant)
            .says("nothing was sent")
            .never_says("tip:")
            .never_says("SEKRET");
    }
    // A command that has no such option of its own.
    rein(["timing", "v1/x", "--csv"])
        .run()
        .exit(2)
        .says("unexpected argument")
        .never_says("--format csv");
    assert!(server.requests().is_empty());
}

#[test]
fn a_limit_without_pages_says_what_limits_one_page() {
    let line = [
        "-p",
        "demo",
        "call",
        "list-comments",
        "source=reviews",
        "--limit",
        "3",
    ];
    rein(line)
        .run()
        .exit(2)
        .says("--limit needs --paginate; for one page's size use limit=N")
        .says("nothing was sent");
}

#[test]
fn other_words_for_commands_do_the_same_or_lead_there() {
    let config = "[profiles.dev]\nendpoint = \"http://127.0.0.1:1\"\n";
    let profile = |word: &str| rein(["profile", word]).config(config);
    let listed = profile("ls").run().exit(0).stdout_text();
    assert!(listed.contains("dev"), "{listed}");
    let line = |words: &[&str]| rein(words).config(config).run();
    line(&["profile", "rm", "dev"])
        .exit(0)
        .stdout_starts("removed: dev");
    line(&["profile", "switch", "dev"])
        .exit(0)
        .stdout_starts("default: dev");
    let shown = line(&["profile", "current", "dev"]).exit(0).stdout_text();
    assert!(shown.contains("127.0.0.1:1"), "{shown}");
    line(&[
        "profile",
        "set",
        "x",
        "--organization",
        "acme",
        "--tenant",
        "dev",
    ])
    .exit(0)
    .stdout_starts("added: x");
    line(&["doctor"]).exit(2).says("rein profile check");
    line(&["login"]).exit(2).says("rein profile add");
}

#[test]
fn an_example_config_file_is_written_once_and_is_valid() {
    let run = rein(["config", "example"]).run().exit(0);
    run.stdout(include_str!("../../config.example.toml"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new/config.toml");
    let at = path.to_str().expect("UTF-8");
    rein(["config", "init", "--config", at])
        .run()
        .exit(0)
        .stdout_starts("written: ");
    let text = std::fs::read_to_string(&path).expect("there");
    assert!(text.contains("#default_profile = \"dev\""), "{text}");
    assert!(
        text.lines()
            .all(|line| line.is_empty() || line.starts_with('#')),
        "{text}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    rein(["config", "check", "--config", at]).run().exit(0);
    std::fs::write(&path, "# mine\n").expect("written");
    rein(["config", "init", "--config", at])
        .run()
        .exit(2)
        .says("is there already");
    assert_eq!(std::fs::read_to_string(&path).expect("there"), "# mine\n");
    rein(["v1/datasets"]).run().exit(2).says("rein config init");
}

#[test]
fn a_first_page_says_that_there_are_more() {
    let more = "note: 64 items shown and there are more; add --paginate for all of them";
    let line = ["-p", "demo", "call", "export-dataset", "dataset=orders"];
    for view in [
        &[][..],
        &["-t"],
        &["--format", "csv"],
        &["--format", "json"],
        &["--format", "jsonl"],
        &["-q", ".comments | length"],
        &["--expect", "true"],
    ] {
        rein([&line, view].concat()).run().exit(0).says(more);
    }
    for view in [&["-s"][..], &["--paginate"], &["limit=200"]] {
        rein([&line, view].concat())
            .run()
            .exit(0)
            .never_says("there are more");
    }
    let whole = ["-p", "demo", "call", "list-datasets"];
    rein(whole).run().exit(0).never_says("there are more");
    // A response of the same endpoint that is no JSON, or has no cursor.
    for body in [
        "",
        "[",
        r#"{"status":"ok","comments":[],"continuation":null}"#,
    ] {
        let server = Recorder::always(Reply::json(200, body));
        let line = ["POST", "v1/datasets/a/b/export"];
        rein(line)
            .at(&server.url())
            .run()
            .never_says("there are more")
            .no_canary();
    }
}

#[test]
fn formats_have_the_names_that_people_know() {
    let line = |format: &str| {
        let run = rein(["-p", "demo", "v1/datasets", "--format", format])
            .run()
            .exit(0);
        run.stdout
    };
    assert_eq!(line("json"), line("pretty"));
    assert_eq!(line("jsonl"), line("ndjson"));
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str| {
        rein(["-p", "demo", "v1/datasets", "-o", name])
            .folder(folder.path())
            .run()
            .exit(0)
    };
    write("json").says("note: -o writes a file named json; for the format use --format json");
    write("a.json").never_says("note:");
    assert!(folder.path().join("json").exists());
}

#[test]
fn the_first_profile_is_the_default() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.toml");
    let at = path.to_str().expect("UTF-8");
    let add = |name: &str, more: &[&str]| {
        let endpoint = ["--endpoint", "http://127.0.0.1:1", "--config", at];
        let words = [&["profile", "add", name][..], &endpoint, more].concat();
        rein(words).run().exit(0).stdout_text()
    };
    let first = add("dev", &[]);
    assert!(first.contains("default: dev"), "{first}");
    assert!(first.ends_with("next: rein profile check dev\n"), "{first}");
    assert!(!add("second", &[]).contains("default:"));
    let default = || {
        let text = std::fs::read_to_string(&path).expect("there");
        text.lines()
            .find(|line| line.starts_with("default_profile"))
            .map(str::to_owned)
    };
    assert_eq!(default().as_deref(), Some("default_profile = \"dev\""));
    assert!(add("third", &["--default"]).contains("default: third"));
    assert_eq!(default().as_deref(), Some("default_profile = \"third\""));
    assert!(!add("dev", &[]).contains("next:"));
}

#[test]
fn data_that_nobody_reads_is_pointed_out() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let unread = "note: standard input was not read; to send it as the body add -d @-";
    let call = |words: &[&str]| {
        rein(words)
            .at(&server.url())
            .stdin("{\"comments\":[]}")
            .run()
            .exit(0)
    };
    call(&["POST", "v1/x/sync"]).says(unread).no_canary();
    call(&["POST", "v1/x/sync", "-s"]).never_says("note:");
    call(&["POST", "v1/x/sync", "-d", "@-"]).never_says("note:");
    call(&["POST", "v1/x/sync", "a=b"]).never_says("note:");
    call(&["v1/x"]).never_says("note:");
    let silent = rein(["POST", "v1/x/sync"]).at(&server.url()).run().exit(0);
    silent.never_says("note:");
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.header("authorization") == [format!("Bearer {CANARY}")])
    );
}

#[test]
fn a_write_to_the_demo_says_that_it_is_gone() {
    let gone = "note: -p demo starts afresh with every command";
    let create = [
        "-p",
        "demo",
        "call",
        "create-source",
        "source=new",
        "title=A",
        "language=en",
    ];
    rein(create).run().exit(0).says(gone);
    rein([&create[..], &["-s"]].concat())
        .run()
        .exit(0)
        .never_says("note:");
    rein(["-p", "demo", "v1/datasets"])
        .run()
        .exit(0)
        .never_says("note:");
}

#[test]
fn times_above_a_second_are_in_seconds() {
    let body = br#"{"status":"ok"}"#;
    let reply = Reply::with(200, &["Server-Timing: total;dur=4001.8"], body);
    let server = Recorder::always(reply);
    rein(["v1/x"])
        .at(&server.url())
        .run()
        .exit(0)
        .says("server 4.0 s");
}

#[test]
fn a_column_that_no_item_has_is_named_with_the_nearest_one() {
    let line = |columns: &str, format: &str| {
        let words = ["-p", "demo", "call", "list-comments", "source=reviews"];
        let view = ["--columns", columns, "--format", format];
        rein([&words[..], &view].concat()).run().exit(0)
    };
    for format in ["table", "csv"] {
        line("id,subject", format)
            .says("warning: no item has subject (did you mean messages[0].subject.text?)");
        line("id,timestmap", format).says("(did you mean timestamp?)");
        line("id,messages[0].subject.text", format).never_says("warning:");
    }
    let body = r#"{"status":"ok","rows":[{"a":1},{"b":2}],"n":1}"#;
    let server = Recorder::always(Reply::json(200, body));
    let call = |columns: &str| {
        rein(["v1/x", "-t", "--columns", columns])
            .at(&server.url())
            .run()
            .exit(0)
    };
    // A later item has it, so it is no mistake.
    call("a,b").never_says("warning:");
    call("zzz")
        .says("warning: no item has zzz")
        .never_says("did you mean");
}
