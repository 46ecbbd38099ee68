//! What a newcomer meets: help that fits a screen, the words of other tools, notes on what is
//! easily overlooked.

#[cfg(target_os = "linux")]
use crate::output::on_a_terminal;
use crate::support::{CANARY, Recorder, Rein, Reply, rein};

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
        .says("already exists");
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

/// Returns what a terminal of so many columns is shown.
#[cfg(target_os = "linux")]
fn shown(call: Rein, columns: &str) -> String {
    let call = call.var("COLUMNS", columns).var("NO_COLOR", "1");
    on_a_terminal(&call.command()).replace("\r\n", "\n")
}

#[test]
#[cfg(target_os = "linux")]
fn lists_fit_a_terminal_and_break_between_words() {
    let long = "https://cloud.uipath.com/an-organisation/a-tenant/reinfer_";
    let config = format!(
        "[profiles.dev]\nendpoint = \"{long}\"\nproject = \"retail-dev\"\ntoken_env = \"A\"\n\
         [profiles.prod]\nextends = \"dev\"\ntoken_env = \"B\"\n"
    );
    for columns in ["100", "80", "60"] {
        for words in [
            &["templates", "--group", "streams"][..],
            &["templates", "list-comments"],
            &["templates", "sync-comments"],
            &["profile", "list"],
            &["profile", "show", "prod"],
            &["profile", "check", "demo"],
        ] {
            let screen = shown(rein(words).config(&config), columns);
            let width = columns.parse::<usize>().expect("a number");
            for line in screen.lines() {
                // A word that is longer than a line stays whole, and so does a line to be copied.
                let last = line.trim().rsplit("  ").next().unwrap_or_default();
                let is_one_word = !last.contains(' ') || line.split_whitespace().count() < 3;
                let is_example = line.starts_with("  rein -p demo call");
                assert!(
                    line.chars().count() <= width || is_one_word || is_example,
                    "{columns}: {line}\n{screen}"
                );
            }
        }
    }
    let screen = shown(rein(["templates", "--group", "streams"]), "80");
    assert!(screen.contains("get-stream-results"), "{screen}");
    let screen = shown(rein(["profile", "list"]).config(&config), "60");
    assert!(screen.contains(&format!("    {long}\n")), "{screen}");
    // In a pipe a list has all that there is, a line each.
    let run = rein(["templates", "--group", "streams"]).run().exit(0);
    let text = run.stdout_text();
    assert!(text.contains("/api/v1/datasets/{project}"), "{text}");
}

#[test]
fn the_status_line_begins_a_line_where_both_streams_are_one_file() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("both");
    let both = |words: &[&str]| {
        let file = std::fs::File::create(&path).expect("created");
        let again = file.try_clone().expect("a handle");
        let call = rein(words).at(&server.url());
        let mut command = call.command();
        let status = command.stdout(file).stderr(again).status().expect("run");
        assert!(status.success());
        std::fs::read_to_string(&path).expect("there")
    };
    let text = both(&["v1/x"]);
    assert!(text.starts_with("{\"status\":\"ok\"}\n127.0.0.1"), "{text}");
    // Nothing is added to the body alone, or to what ends a line already.
    assert_eq!(both(&["v1/x", "-s"]), r#"{"status":"ok"}"#);
    let text = both(&["v1/x", "-q", ".status"]);
    assert!(text.starts_with("ok\n127.0.0.1"), "{text}");
    rein(["v1/x"])
        .at(&server.url())
        .run()
        .stdout(r#"{"status":"ok"}"#);
}

/// Two profiles on one endpoint, prod's project guarded.
fn dev_and_prod(endpoint: &str, token_file: &str) -> String {
    format!(
        "default_profile = \"dev\"\n\
         [profiles.dev]\nendpoint = \"{endpoint}\"\nproject = \"retail-dev\"\n\
         token_file = \"{token_file}\"\n\
         [profiles.prod]\nextends = \"dev\"\nproject = \"retail\"\n\
         token_file = \"{token_file}\"\nguard = \"read-only\"\n"
    )
}

/// Writes a token's file, readable by its owner alone.
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
fn token_file(folder: &std::path::Path) -> String {
    let path = folder.join("a token");
    std::fs::write(&path, CANARY).expect("written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, mode).expect("set");
    }
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_guard_of_another_profile_says_whose_it_is_and_what_can_be_done() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let folder = tempfile::tempdir().expect("a folder");
    let config = dev_and_prod(&server.url(), &token_file(folder.path()));
    rein(["DELETE", "v1/datasets/retail/orders"])
        .config(&config)
        .run()
        .exit(9)
        .says("refused by the guard of profile prod (read-only)")
        .says("profile prod guards this: project retail is its own")
        .says("to allow writes, change guard in [profiles.prod] of the config file")
        .never_says("another profile without it");
    server.saw_nothing();
}

#[test]
fn a_curl_line_reads_the_profile_s_own_token_and_says_that_curl_does_not_ask() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let folder = tempfile::tempdir().expect("a folder");
    let token = token_file(folder.path());
    let config = dev_and_prod(&server.url(), &token);
    let line = |words: &[&str]| rein(words).config(&config).run().exit(0);
    let run = line(&["v1/datasets", "--curl"]).never_says("note:");
    let text = run.stdout_text();
    assert!(text.contains(&format!("$(cat '{token}')")), "{text}");
    assert!(!text.contains("$REINFER_TOKEN"), "{text}");
    let delete = [
        "-p",
        "prod",
        "DELETE",
        "v1/datasets/retail/orders",
        "--curl",
    ];
    line(&delete).says(
        "note: this call is destructive, and curl sends it without asking: the guard is rein's",
    );
    line(&[&delete[..], &["-s"]].concat()).never_says("note:");
    server.saw_nothing();
    // The line works in a shell that has curl.
    if std::process::Command::new("curl")
        .arg("--version")
        .output()
        .is_ok()
    {
        let status = std::process::Command::new("sh")
            .args(["-c", text.trim()])
            .output()
            .expect("a shell");
        assert!(status.status.success(), "{text}");
        let request = server.only();
        assert_eq!(
            request.header("authorization"),
            [format!("Bearer {CANARY}")]
        );
    }
}

#[test]
fn a_curl_line_says_where_a_token_comes_from_that_it_cannot_read() {
    let config =
        "[profiles.dev]\nendpoint = \"https://a.example\"\ntoken_command = [\"pass\", \"x\"]\n";
    rein(["-p", "dev", "v1/datasets", "--curl"])
        .config(config)
        .run()
        .exit(0)
        .says("note: set REINFER_TOKEN to the token of profile dev first: token_command pass");
}

#[test]
fn a_mistake_in_the_config_file_is_shown_with_its_line_and_no_value() {
    let begin = "[profiles.dev]\nendpoint = \"http://127.0.0.1:1\"\n";
    for (text, line, caret) in [
        (
            "project = SEKRET-0123\n",
            "  project = ...\n",
            "            ^\n",
        ),
        (
            "token = \"SEKRET-0123\n",
            "  token = ...\n",
            "          ^\n",
        ),
        ("guard = 5\n", "  guard = ...\n", "          ^\n"),
        (
            "tokn_env = \"SEKRET-0123\"\n",
            "  tokn_env = ...\n",
            "  ^\n",
        ),
        ("[profiles.prod\n", "  [profiles.prod\n", "^\n"),
    ] {
        let run = rein(["-p", "dev", "v1/x"])
            .config(&format!("{begin}{text}"))
            .run()
            .exit(2)
            .says("config.toml:3:")
            .says(line)
            .says(caret)
            .says("nothing was sent")
            .never_says("SEKRET");
        drop(run);
    }
    // Within a text of many lines everything can be a chunk of a token.
    for text in [
        "token = \"\"\"\nSEKRET=0123\ntoken = 5\n\"\"\" x\n",
        "token = \"\"\"\n[profiles.SEKRET\n\"\"\" x\n",
    ] {
        rein(["-p", "dev", "v1/x"])
            .config(&format!("{begin}{text}"))
            .run()
            .exit(2)
            .never_says("SEKRET");
    }
    rein(["-p", "dev", "v1/x"])
        .config(&format!("{begin}tokn_env = \"A\"\n"))
        .run()
        .exit(2)
        .says("known keys: ")
        .says("did you mean token_env?");
}

#[test]
fn an_endpoint_of_its_own_says_what_the_token_in_the_environment_belongs_to() {
    let config = "default_profile = \"dev\"\n[profiles.dev]\nendpoint = \"http://127.0.0.1:1\"\n";
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let url = server.url();
    rein(["--endpoint", &url, "v1/x"])
        .config(config)
        .var("REINFER_TOKEN", CANARY)
        .run()
        .exit(2)
        .says("is not that of profile dev")
        .says("REINFER_TOKEN goes with REINFER_ENDPOINT: to use it here, set REINFER_ENDPOINT");
    server.saw_nothing();
    // What it says works.
    rein(["v1/x"]).config(config).at(&url).run().exit(0);
    rein(["--endpoint", &url, "v1/x"])
        .config(config)
        .run()
        .exit(2)
        .never_says("REINFER_TOKEN");
}

/// Reads a dataset in three pages.
const EXPORT: [&str; 6] = [
    "-p",
    "demo",
    "call",
    "export-dataset",
    "dataset=orders",
    "--paginate",
];

#[test]
fn an_export_that_stops_early_says_where_its_items_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |more: &[&str]| {
        let words = [&EXPORT[..], &["--max-pages", "1"], more].concat();
        rein(words).folder(folder.path()).run()
    };
    run(&["-o", "a.json"])
        .exit(18)
        .says("no file was written: -o writes complete files only")
        .says("to keep what there is, add --state FILE");
    assert!(!folder.path().join("a.json").exists());
    let kept = ["-o", "b.ndjson", "--format", "ndjson", "--state", "s"];
    run(&kept)
        .exit(18)
        .says("the items so far are in .b.ndjson.part")
        .says("rerun the same command to resume here");
    let text = std::fs::read_to_string(folder.path().join(".b.ndjson.part")).expect("there");
    assert_eq!(text.lines().count(), 64);
    run(&[]).exit(18).never_says("file was written");
}

#[test]
#[cfg(target_os = "linux")]
fn an_error_s_body_is_in_the_message_on_a_terminal() {
    let error = |status: u16, body: &str| Recorder::always(Reply::json(status, body));
    let screen = |server: &Recorder, more: &[&str]| {
        let words = [&["v1/x", "--retry", "0"], more].concat();
        shown(rein(words).at(&server.url()), "100")
    };
    let known = error(404, r#"{"status":"error","message":"404 Not Found"}"#);
    let seen = screen(&known, &[]);
    assert!(!seen.contains('{'), "{seen}");
    assert_eq!(seen.matches("404 Not Found").count(), 2, "{seen}");
    for more in [&["-i"][..], &["--keep-error-body"]] {
        assert!(screen(&known, more).contains('{'), "{more:?}");
    }
    let said = error(
        401,
        r#"{"status":"error","message":"401 Unauthorized: it is old"}"#,
    );
    let seen = screen(&said, &[]);
    assert!(!seen.contains('{'), "{seen}");
    assert!(
        seen.contains("error: 401 Unauthorized from Re:infer: it is old\n"),
        "{seen}"
    );
    // What the message does not say is shown.
    let long = format!(r#"{{"status":"error","message":"{}"}}"#, "ab ".repeat(900));
    for body in [
        r#"{"status":"error","message":"no","errors":[{"path":"a"}]}"#,
        r#"{"status":"error","message":"one\ntwo"}"#,
        r#"{"status":"error","message":5}"#,
        long.as_str(),
        "{}",
        "[",
    ] {
        let seen = screen(&error(400, body), &[]);
        let start = if body.starts_with('[') { '[' } else { '{' };
        assert!(seen.contains(start), "{body}: {seen}");
    }
    // In a pipe the body is what the server sent.
    rein(["v1/x"])
        .at(&known.url())
        .run()
        .exit(4)
        .stdout(r#"{"status":"error","message":"404 Not Found"}"#);
}

#[test]
fn a_refused_token_leads_to_the_check_of_its_profile() {
    let body = r#"{"status":"error","message":"401 Unauthorized: it is old"}"#;
    let server = Recorder::always(Reply::json(401, body));
    let folder = tempfile::tempdir().expect("a folder");
    let token = token_file(folder.path());
    let config = dev_and_prod(&server.url(), &token);
    rein(["v1/x"])
        .config(&config)
        .run()
        .exit(4)
        .says("error: 401 Unauthorized from Re:infer: it is old\n")
        .says("check: rein profile check dev");
    rein(["v1/x"])
        .at(&server.url())
        .run()
        .exit(4)
        .says("check: rein profile check\n");
    // The check would use another token.
    rein(["v1/x", "--token-file", &token])
        .config(&config)
        .run()
        .exit(4)
        .never_says("check:");
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_shows_that_a_call_waits() {
    let server = Recorder::by(|_, _| {
        std::thread::sleep(std::time::Duration::from_millis(1600));
        Reply::json(200, r#"{"status":"ok"}"#)
    });
    let call = |words: &[&str]| shown(rein(words).at(&server.url()), "80");
    let host = server.url().replace("http://", "");
    let waiting = format!("waiting for {host} ... 1 s");
    assert!(call(&["v1/x"]).contains(&waiting));
    assert!(!call(&["v1/x", "-s"]).contains("waiting for"));
    rein(["v1/x"])
        .at(&server.url())
        .run()
        .exit(0)
        .never_says("waiting for");
}

/// Returns a text without the words that name a test's own folder.
fn without_folders(text: &str) -> String {
    let words = text
        .split_whitespace()
        .filter(|word| !word.contains(".tmp"));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn options_before_the_word_do_what_they_do_behind_it_or_the_line_is_shown() {
    let config = "[profiles.dev]\nendpoint = \"http://127.0.0.1:1\"\n";
    let options: [&[&str]; 12] = [
        &["-p", "dev"],
        &["--profile=dev"],
        &["--project", "x"],
        &["--config", "/dev/null"],
        &["-s"],
        &["-v"],
        &["--color", "never"],
        &["-m", "5s"],
        &["-t"],
        &["-H", "A: SEKRET"],
        &["--format", "json"],
        &["-k"],
    ];
    let commands: [&[&str]; 20] = [
        &["templates"],
        &["templates", "list-quotas"],
        &["completions", "bash"],
        &["man"],
        &["demo", "--port", "99999"],
        &["profile", "list"],
        &["profile", "show"],
        &["profile", "use", "dev"],
        &["profile", "remove", "dev"],
        &["profile", "add", "x", "--endpoint", "http://127.0.0.1:1"],
        &["config", "path"],
        &["config", "check"],
        &["config", "init"],
        &["config", "example"],
        &["config", "import", "re", "/dev/null"],
        &["diff", "a.json", "b.json"],
        &["timing", "v1/x", "--dry-run"],
        &["follow", "a/b/c", "--dry-run"],
        &["batch", "v1/x", "--from", "/dev/null", "--dry-run"],
        &["call", "list-datasets", "--dry-run"],
    ];
    for command in commands {
        for option in options {
            let line = |words: Vec<&str>| rein(words).config(config).run();
            let before = line([option, command].concat());
            let behind = line([command, option].concat());
            let stderr = before.stderr_text();
            assert_eq!(before.exit, behind.exit, "{before}{behind}");
            assert_eq!(
                without_folders(&stderr),
                without_folders(&behind.stderr_text()),
                "{before}{behind}"
            );
            assert!(!stderr.contains("SEKRET"), "{before}");
            assert!(!stderr.contains("unexpected argument"), "{before}");
            if let Some(at) = stderr.find("without it: rein ") {
                let words = stderr[at..].lines().next().expect("a line");
                let words = shell_words::split(words).expect("words");
                let repeated = rein(&words[3..]).config(config).run();
                repeated.never_says("has no option");
            }
        }
    }
}

#[test]
fn a_profile_before_the_word_is_the_one_of_the_example_or_of_the_command() {
    let config = "[profiles.dev]\nendpoint = \"http://127.0.0.1:1\"\n";
    let line = |words: &[&str]| rein(words).config(config).run();
    let card = line(&["-p", "dev", "templates", "list-quotas"]).exit(0);
    assert!(
        card.stdout_text()
            .ends_with("rein -p dev call list-quotas\n")
    );
    line(&["-p", "dev", "profile", "use"])
        .exit(2)
        .says("rein profile use has no option -p")
        .says("without it: rein profile use dev");
}

#[test]
fn a_misspelt_field_within_an_object_is_pointed_out() {
    let call = |items: &[&str]| {
        let words = ["-p", "demo", "call", "create-source", "source=new"];
        rein([&words, items].concat()).run()
    };
    call(&["title=A", "langauge=en"])
        .exit(2)
        .says("create-source has no field langauge")
        .says("did you mean source.language?");
    call(&["source[title]=A", "source[langauge]=en"])
        .exit(2)
        .says("did you mean source.language");
    let warning =
        "warning: create-source has no field source.langauge; did you mean source.language?";
    // The service may know more fields than the catalogue: whole JSON is sent as it is.
    call(&[r#"source:={"title":"A","langauge":"en"}"#])
        .exit(4)
        .says(warning);
    call(&["-d", r#"{"source":{"title":"A","langauge":"en"}}"#])
        .exit(4)
        .says(warning);
    for body in [
        r#"{"source":{"title":"A","language":"en","langauges":1}}"#,
        r#"{"source":{"title":"A","colour":"red"}}"#,
    ] {
        call(&["-d", body, "--dry-run"])
            .exit(0)
            .never_says("warning:");
    }
    for command in [
        &["-p", "demo", "call"][..],
        &["-p", "demo", "timing", "call"],
    ] {
        let words = ["export-dataset", "dataset=orders", "--dry-run", "-d"];
        rein([command, &words, &[r#"{"limti":2}"#]].concat())
            .run()
            .exit(0)
            .says("warning: export-dataset has no field limti; did you mean limit?");
    }
    let words = ["-p", "demo", "call", "sync-comments", "source=reviews"];
    let items = ["comments[0][id]=a", "comments[0].messagse[0].body.text=x"];
    rein([&words[..], &items].concat())
        .run()
        .exit(2)
        .says("has no field comments[0].messagse; did you mean comments[0].messages?");
}

#[test]
fn json_is_not_a_flag() {
    for option in ["-q", "--dry-run", "-t"] {
        rein(["-p", "demo", "POST", "v1/x", "--json", option, ".status"])
            .run()
            .exit(2)
            .says(&format!("--json takes a body, and {option} is an option"))
            .says("nothing was sent")
            .says("leave --json out");
    }
    let number = ["-p", "demo", "POST", "v1/x", "--json", "-5", "--dry-run"];
    rein(number).run().exit(0);
}

#[test]
fn a_direction_of_the_catalogue_is_one_of_the_demo_s() {
    let card = rein(["templates", "list-comments"]).run().exit(0);
    let card = card.stdout_text();
    assert!(card.contains("ascending or descending"), "{card}");
    let first = |direction: &str| {
        let words = [
            "-p",
            "demo",
            "call",
            "list-comments",
            "source=reviews",
            "limit=1",
        ];
        let view = ["-q", ".comments[0].id"];
        let direction = format!("direction={direction}");
        let line = [&words[..], &[direction.as_str()], &view].concat();
        rein(line).run()
    };
    let (up, down) = (first("ascending").exit(0), first("descending").exit(0));
    assert_ne!(up.stdout, down.stdout);
    first("desc").exit(4).says("'desc' is not one of");
}

#[test]
fn a_filter_on_many_pages_says_that_it_ran_on_each() {
    let run = |more: &[&str]| rein([&EXPORT, more].concat()).run();
    run(&["-q", ".comments | length"])
        .exit(0)
        .stdout("64\n64\n22\n")
        .says("note: -q ran on each of the 3 pages")
        .says("3 pages")
        .never_says("0 items");
    run(&["-q", ".comments | length", "-s"])
        .exit(0)
        .never_says("note:");
    run(&["-q", ".comments | length", "--max-pages", "1"])
        .exit(18)
        .says("incomplete after 1 page: ");
    run(&["--format", "csv"]).exit(0).says("150 items");
}
