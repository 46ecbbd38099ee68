//! `rein diff`: the same read on two profiles, and saved files, compared.

use std::path::Path;

use crate::support::command::Rein;
use crate::support::{CANARY, Recorder, Reply, rein};

const DEV: &str =
    r#"{"status":"ok","dataset":{"id":"1","owner":"retail-dev","title":"Orders","limit":1.0}}"#;
const PROD: &str =
    r#"{ "status": "ok", "dataset": {"limit":1,"title":"Questions","owner":"retail","id":"2"} }"#;

/// Two tenants and the command with a profile for each.
struct Pair {
    dev: Recorder,
    prod: Recorder,
}

impl Pair {
    fn new(dev: Reply, prod: Reply) -> Pair {
        Pair {
            dev: Recorder::always(dev),
            prod: Recorder::always(prod),
        }
    }

    fn json(dev: &str, prod: &str) -> Pair {
        Pair::new(Reply::json(200, dev), Reply::json(200, prod))
    }

    fn rein(&self, args: &[&str]) -> Rein {
        let config = format!(
            "[profiles.dev]\nendpoint = \"{}\"\nproject = \"retail-dev\"\ntoken_env = \"DEV_TOKEN\"\n\n\
             [profiles.prod]\nendpoint = \"{}\"\nproject = \"retail\"\ntoken_env = \"PROD_TOKEN\"\nguard = \"confirm\"\n",
            self.dev.url(),
            self.prod.url()
        );
        rein(["diff"].iter().chain(args))
            .config(&config)
            .var("DEV_TOKEN", format!("{CANARY}-dev"))
            .var("PROD_TOKEN", format!("{CANARY}-prod"))
    }

    fn saw_nothing(&self) {
        self.dev.saw_nothing();
        self.prod.saw_nothing();
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("written");
}

#[test]
fn the_same_read_goes_to_both_profiles_each_with_its_own_project_and_token() {
    let pair = Pair::json(DEV, PROD);
    let run = pair
        .rein(&["dev..prod", "v1/datasets/{project}/orders"])
        .run()
        .exit(11);
    run.stdout(
        "--- dev\n+++ prod\n\ndataset\n  - title: \"Orders\"\n  + title: \"Questions\"\n  - limit: 1.0\n  + limit: 1\n",
    );
    for (recorder, path, token) in [
        (&pair.dev, "GET /api/v1/datasets/retail-dev/orders", "dev"),
        (&pair.prod, "GET /api/v1/datasets/retail/orders", "prod"),
    ] {
        let request = recorder.only();
        assert_eq!(request.line(), path);
        let bearer = format!("Bearer {CANARY}-{token}");
        assert_eq!(request.header("authorization"), [bearer]);
    }
}

#[test]
fn statuses_and_server_times_of_both_and_what_was_ignored_are_on_standard_error() {
    let pair = Pair::json(DEV, PROD);
    let run = pair
        .rein(&["dev..prod", "v1/datasets/{project}/orders"])
        .run();
    let said = run.stderr_text();
    let lines: Vec<&str> = said.lines().collect();
    for (line, begin) in [(0, "dev "), (1, "prod ")] {
        assert!(lines[line].starts_with(begin), "{}", run.stderr_text());
        assert!(
            lines[line].contains("200 OK  server 1.5 ms"),
            "{}",
            run.stderr_text()
        );
    }
    assert!(
        lines[2].starts_with("note: ignored by default at any depth: id (1), "),
        "{}",
        run.stderr_text()
    );
    assert!(
        lines[2].contains("project names retail-dev = retail (1)"),
        "{}",
        run.stderr_text()
    );
    assert!(
        lines[2].ends_with("--no-default-ignore compares them"),
        "{}",
        run.stderr_text()
    );
    assert_eq!(lines[3], "2 changed, 0 only in dev, 0 only in prod");
    let silent = pair
        .rein(&["-s", "dev..prod", "v1/datasets/{project}/orders"])
        .run()
        .exit(11);
    assert_eq!(silent.stderr_text(), "");
}

#[test]
fn what_is_ignored_by_default_can_be_compared() {
    let pair = Pair::json(DEV, PROD);
    let run = pair
        .rein(&[
            "--no-default-ignore",
            "--format",
            "json",
            "dev..prod",
            "/api/v1/datasets",
        ])
        .run()
        .exit(11);
    for path in [
        "/dataset/id",
        "/dataset/owner",
        "/dataset/title",
        "/dataset/limit",
    ] {
        assert!(run.stdout_text().contains(path), "{}", run.stdout_text());
    }
    assert!(
        !run.stderr_text().contains("ignored"),
        "{}",
        run.stderr_text()
    );
}

#[test]
fn the_same_ends_with_0_and_prints_nothing() {
    let pair = Pair::json(
        r#"{"a":[1,{"b":2,"c":"é"}]}"#,
        "{\n \"a\": [1, {\"c\": \"\\u00e9\", \"b\": 2}]}",
    );
    let run = pair.rein(&["dev..prod", "/api/v1/datasets"]).run().exit(0);
    let run = run.stdout("");
    assert!(
        run.stderr_text().ends_with("no differences\n"),
        "{}",
        run.stderr_text()
    );
    pair.rein(&["dev..prod", "/api/v1/datasets", "--format", "json"])
        .run()
        .exit(0)
        .stdout("[]\n");
}

#[test]
fn a_call_by_name_takes_its_items() {
    let pair = Pair::json(DEV, DEV);
    pair.rein(&["dev..prod", "call", "get-dataset", "dataset=orders"])
        .run()
        .exit(0);
    assert_eq!(
        pair.dev.only().line(),
        "GET /api/v1/datasets/retail-dev/orders"
    );
    assert_eq!(
        pair.prod.only().line(),
        "GET /api/v1/datasets/retail/orders"
    );
}

#[test]
fn a_read_by_post_sends_its_body_to_both() {
    let pair = Pair::json(DEV, DEV);
    pair.rein(&[
        "dev..prod",
        "POST",
        "v1/datasets/{project}/orders/export",
        "limit:=2",
    ])
    .run()
    .exit(0);
    for recorder in [&pair.dev, &pair.prod] {
        assert_eq!(recorder.only().text(), r#"{"limit":2}"#);
    }
}

#[test]
fn a_write_is_refused_before_anything_is_sent() {
    let pair = Pair::json(DEV, DEV);
    for args in [
        &["dev..prod", "DELETE", "v1/datasets/{project}/orders"][..],
        &["dev..prod", "v1/sources/{project}/new", "-d", "{}"],
        &[
            "prod..dev",
            "-X",
            "PUT",
            "v1/datasets/{project}/orders",
            "-d",
            "{}",
        ],
    ] {
        let run = pair.rein(args).run().exit(2);
        assert!(
            run.stderr_text().contains("diff makes only reads"),
            "{}",
            run.stderr_text()
        );
        assert!(
            run.stderr_text().contains("nothing was sent"),
            "{}",
            run.stderr_text()
        );
    }
    pair.saw_nothing();
}

#[test]
fn a_side_that_failed_gives_its_own_code() {
    let failed = Pair::new(
        Reply::json(200, DEV),
        Reply::json(403, r#"{"status":"error","message":"no"}"#),
    );
    let run = failed
        .rein(&["dev..prod", "/api/v1/datasets"])
        .run()
        .exit(4);
    let run = run.stdout("");
    assert!(
        run.stderr_text().contains("side: prod"),
        "{}",
        run.stderr_text()
    );
    assert!(
        run.stderr_text().contains("403 Forbidden"),
        "{}",
        run.stderr_text()
    );
    let page = Pair::new(
        Reply::with(
            200,
            &["Content-Type: text/html"],
            b"<html><title>Log in</title></html>",
        ),
        Reply::json(200, DEV),
    );
    let run = page.rein(&["dev..prod", "/api/v1/datasets"]).run().exit(8);
    assert!(
        run.stderr_text().contains("side: dev"),
        "{}",
        run.stderr_text()
    );
    let cut = Pair::new(
        Reply::json(200, DEV),
        Reply::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{".to_vec()),
    );
    cut.rein(&["dev..prod", "/api/v1/datasets", "--retry", "0"])
        .run()
        .exit(18);
}

#[test]
fn a_saved_file_is_compared_with_a_profile() {
    let pair = Pair::json(DEV, PROD);
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "orders.json", DEV);
    let run = pair
        .rein(&[
            "orders.json..prod",
            "v1/datasets/{project}/orders",
            "--numbers",
            "value",
        ])
        .folder(folder.path())
        .run()
        .exit(11);
    run.stdout(
        "--- orders.json\n+++ prod\n\ndataset\n  - owner: \"retail-dev\"\n  + owner: \"retail\"\n  - title: \"Orders\"\n  + title: \"Questions\"\n",
    );
    pair.dev.saw_nothing();
    assert_eq!(
        pair.prod.only().line(),
        "GET /api/v1/datasets/retail/orders"
    );
}

#[test]
fn two_files_need_no_configuration_and_no_target() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "a.json", "\u{feff}[1,2]\n");
    write(folder.path(), "b", "[1,3]");
    let run = rein(["diff", "a.json.../b", "--format", "json"])
        .folder(folder.path())
        .run()
        .exit(11);
    run.stdout("[\n{\"op\":\"replace\",\"path\":\"/1\",\"value\":3}\n]\n");
    rein(["diff", "./a.json..a.json"])
        .folder(folder.path())
        .run()
        .exit(0);
    let run = rein(["diff", "./a.json..a.json", "/api/v1/x"])
        .folder(folder.path())
        .run()
        .exit(2);
    assert!(
        run.stderr_text().contains("without a TARGET"),
        "{}",
        run.stderr_text()
    );
    write(folder.path(), "no.json", "{\"a\":1,}");
    let run = rein(["diff", "no.json..a.json"])
        .folder(folder.path())
        .run()
        .exit(1);
    assert!(
        run.stderr_text()
            .contains("no.json is not JSON: line 1, column 8"),
        "{}",
        run.stderr_text()
    );
    let run = rein(["diff", "./gone.json..a.json"])
        .folder(folder.path())
        .run()
        .exit(2);
    assert!(
        run.stderr_text().contains("cannot read ./gone.json"),
        "{}",
        run.stderr_text()
    );
}

#[test]
fn a_name_is_a_file_when_it_exists_and_a_profile_otherwise() {
    let pair = Pair::json(DEV, DEV);
    let run = pair
        .rein(&["gone.json..prod", "/api/v1/datasets"])
        .run()
        .exit(2);
    assert!(
        run.stderr_text().contains("gone.json"),
        "{}",
        run.stderr_text()
    );
    assert!(
        run.stderr_text()
            .contains("no file named gone.json exists either"),
        "{}",
        run.stderr_text()
    );
    pair.saw_nothing();
}

#[test]
fn lines_that_are_wrong_say_what_to_type() {
    let pair = Pair::json(DEV, DEV);
    for (args, said) in [
        (&["dev", "/api/v1/datasets"][..], "expected A..B"),
        (&["dev..prod..x", "/api/v1/datasets"], "more than one .."),
        (&["dev..prod"], "no target was given"),
        (&["dev..prod", "call"], "call needs the name of an endpoint"),
        (
            &["-p", "dev", "dev..prod", "/api/v1/datasets"],
            "-p cannot be combined with A..B",
        ),
        (
            &["dev..prod", "/api/v1/datasets", "--ignore", "a..b"],
            "--ignore \"a..b\": invalid path",
        ),
        (
            &["dev..prod", "/api/v1/datasets", "--key", "a="],
            "--key \"a=\": invalid field",
        ),
        (
            &[
                "dev..prod",
                "/api/v1/datasets",
                "--stat",
                "--format",
                "table",
            ],
            "cannot be combined",
        ),
        (&["dev..nobody", "/api/v1/datasets"], "nobody"),
    ] {
        let run = pair.rein(args).run().exit(2);
        assert!(
            run.stderr_text().contains(said),
            "{args:?}: {}",
            run.stderr_text()
        );
    }
    pair.saw_nothing();
}

#[test]
fn one_tenants_token_is_not_used_for_two_endpoints() {
    let pair = Pair::json(DEV, DEV);
    let config = format!(
        "[profiles.dev]\nendpoint = \"{}\"\n[profiles.prod]\nendpoint = \"{}\"\n",
        pair.dev.url(),
        pair.prod.url()
    );
    let line = || {
        rein(["diff", "dev..prod", "/api/v1/datasets"])
            .config(&config)
            .var("REINFER_TOKEN", CANARY)
    };
    let run = line().run().exit(2);
    assert!(
        run.stderr_text()
            .contains("REINFER_TOKEN_DEV and REINFER_TOKEN_PROD"),
        "{}",
        run.stderr_text()
    );
    pair.saw_nothing();
    line()
        .var("REINFER_TOKEN_PROD", format!("{CANARY}-2"))
        .run()
        .exit(0);
    let bearer = pair.prod.only();
    assert_eq!(
        bearer.header("authorization"),
        [format!("Bearer {CANARY}-2")]
    );
}

#[test]
fn standard_input_is_not_a_body_for_two_profiles() {
    let pair = Pair::json(DEV, DEV);
    let args = [
        "dev..prod",
        "POST",
        "v1/datasets/{project}/orders/export",
        "-d",
        "@-",
    ];
    let run = pair.rein(&args).stdin("{}").run().exit(2);
    assert!(
        run.stderr_text().contains("standard input"),
        "{}",
        run.stderr_text()
    );
    pair.saw_nothing();
}

#[test]
fn pages_are_joined_before_they_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    write(
        folder.path(),
        "saved.json",
        r#"{"status":"ok","comments":[{"comment":{"id":"b","n":2}},{"comment":{"id":"a","n":1}}]}"#,
    );
    let prod = Recorder::start(vec![
        Reply::json(
            200,
            r#"{"status":"ok","comments":[{"comment":{"id":"a","n":1}}],"continuation":"x"}"#,
        ),
        Reply::json(
            200,
            r#"{"status":"ok","comments":[{"comment":{"id":"b","n":3}}]}"#,
        ),
    ]);
    let run = rein([
        "diff",
        "saved.json..prod",
        "POST",
        "v1/datasets/p/orders/export",
        "limit:=1",
        "--paginate",
        "--key",
        "comment.id",
    ])
    .folder(folder.path())
    .config(&format!("[profiles.prod]\nendpoint = \"{}\"\n", prod.url()))
    .var("REINFER_TOKEN", CANARY)
    .run()
    .exit(11);
    let run = run
        .stdout("--- saved.json\n+++ prod\n\ncomments[comment.id=b].comment\n  - n: 2\n  + n: 3\n");
    assert_eq!(prod.requests().len(), 2);
    assert!(
        run.stderr_text().contains("200 OK  server 3.0 ms"),
        "{}",
        run.stderr_text()
    );
}

#[test]
fn a_later_page_that_fails_is_incomplete() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "saved.json", "{}");
    let prod = Recorder::start(vec![
        Reply::json(
            200,
            r#"{"status":"ok","comments":[{"comment":{"id":"a"}}],"continuation":"x"}"#,
        ),
        Reply::json(403, r#"{"status":"error"}"#),
    ]);
    let line = |more: &[&str]| {
        let args = [
            "diff",
            "./saved.json..prod",
            "POST",
            "v1/datasets/p/orders/export",
            "--paginate",
        ];
        rein(args.iter().chain(more))
            .folder(folder.path())
            .config(&format!("[profiles.prod]\nendpoint = \"{}\"\n", prod.url()))
            .var("REINFER_TOKEN", CANARY)
            .run()
    };
    let run = line(&[]).exit(18);
    assert!(
        run.stderr_text().contains("incomplete after 1 page: 403"),
        "{}",
        run.stderr_text()
    );
    let prod = Recorder::always(Reply::json(
        200,
        r#"{"status":"ok","comments":[{"comment":{"id":"a"}}],"continuation":"x"}"#,
    ));
    rein([
        "diff",
        "./saved.json..prod",
        "POST",
        "v1/datasets/p/orders/export",
        "--paginate",
        "--max-pages",
        "1",
    ])
    .folder(folder.path())
    .config(&format!("[profiles.prod]\nendpoint = \"{}\"\n", prod.url()))
    .var("REINFER_TOKEN", CANARY)
    .run()
    .exit(18);
}

#[test]
fn keys_that_are_missing_or_repeated_are_reported() {
    let pair = Pair::json(
        r#"{"datasets":[{"name":"a"},{"name":"a"},{"x":1}]}"#,
        r#"{"datasets":[{"x":1},{"name":"a"},{"name":"a"}]}"#,
    );
    let run = pair
        .rein(&["dev..prod", "/api/v1/datasets", "--key", "name"])
        .run()
        .exit(0);
    for line in [
        "warning: dev: datasets: 1 element repeats the key of an earlier one (name=a); compared in their order",
        "warning: prod: datasets: 1 element without the key name; compared in their order",
    ] {
        assert!(run.stderr_text().contains(line), "{}", run.stderr_text());
    }
}

#[test]
fn counts_and_tables() {
    let pair = Pair::json(DEV, PROD);
    let args = ["dev..prod", "/api/v1/datasets"];
    let run = |more: &[&str]| pair.rein(&[&args, more].concat()).run().exit(11);
    run(&["--stat"]).stdout("2 changed\n0 only in dev\n0 only in prod\n");
    run(&["--stat", "--format", "json"]).stdout("{\"changed\":2,\"removed\":0,\"added\":0}\n");
    let table = run(&["--format", "table"]).stdout_text();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["path", "dev", "prod"]
    );
    assert!(
        lines[1].starts_with("dataset.title") && lines[1].ends_with("\"Questions\""),
        "{table}"
    );
}

#[test]
fn what_is_too_large_is_refused_with_what_to_type() {
    let folder = tempfile::tempdir().expect("a folder");
    let large = format!("[{}1]", "1,".repeat(17 << 20));
    write(folder.path(), "large.json", &large);
    let run = rein(["diff", "large.json..large.json"])
        .folder(folder.path())
        .run()
        .exit(1);
    assert!(
        run.stderr_text().contains("at most 32 MiB"),
        "{}",
        run.stderr_text()
    );
}

#[test]
fn a_profile_is_compared_with_itself() {
    let run = rein(["diff", "demo..demo", "v1/datasets/{project}/orders"]).run();
    run.exit(0).stdout("");
}

#[test]
fn a_large_list_is_compared_by_its_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let element = |id: u32, title: &str| {
        format!(
            "{{\"id\":{id},\"title\":\"{title}\",\"body\":\"{}\"}}",
            "x".repeat(100_000)
        )
    };
    let list = |ids: &mut dyn Iterator<Item = u32>, title: &str| {
        let elements: Vec<String> = ids
            .map(|id| element(id, if id == 7 { title } else { "same" }))
            .collect();
        format!("{{\"status\":\"ok\",\"results\":[{}]}}", elements.join(","))
    };
    write(folder.path(), "a.json", &list(&mut (0..340), "one"));
    write(folder.path(), "b.json", &list(&mut (1..341).rev(), "other"));
    let line = |more: &[&str]| {
        rein(["diff", "a.json..b.json"].iter().chain(more))
            .folder(folder.path())
            .run()
    };
    let run = line(&["--key", "id", "--format", "json"]).exit(11);
    let patch = run.stdout_text();
    let lines: Vec<&str> = patch.lines().collect();
    assert_eq!(
        lines[1],
        r#"{"op":"replace","path":"/results/7/title","value":"other"},"#
    );
    assert_eq!(lines[2], r#"{"op":"remove","path":"/results/0"},"#);
    assert!(lines[3].starts_with(r#"{"op":"add","path":"/results/-","value":{"id":340,"#));
    line(&["--key", "id", "--ignore", "results"]).exit(0);
    line(&["--key", "other=id"])
        .exit(1)
        .says("is too large to be compared");
    line(&["--key", "gone"])
        .exit(1)
        .says("share a key or have none");
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_is_driven_by_nothing_and_shown_no_token() {
    use crate::output::{drives_a_terminal, on_a_terminal};
    let echo = |title: &str| format!("{{\"a\u{202e}\":\"\u{9b}31m {title} {CANARY}-prod\"}}");
    let pair = Pair::json(&echo("x"), &echo("y"));
    for format in ["text", "json", "table"] {
        let args = [
            "dev..prod",
            "/api/v1/datasets",
            "--color",
            "never",
            "--format",
            format,
        ];
        let seen = on_a_terminal(&pair.rein(&args).command());
        assert!(seen.contains("(redacted)"), "{format}: {seen}");
        assert!(!seen.contains(CANARY), "{format}: {seen}");
        assert!(!seen.contains(drives_a_terminal), "{format}: {seen:?}");
    }
    let coloured = on_a_terminal(&pair.rein(&["dev..prod", "/api/v1/datasets"]).command());
    for style in ["\u{1b}[31m", "\u{1b}[32m"] {
        assert!(coloured.contains(style), "{coloured:?}");
    }
}

#[test]
fn a_dry_run_shows_the_request_of_each_profile_and_sends_nothing() {
    let pair = Pair::json(DEV, DEV);
    let args = ["dev..prod", "v1/datasets/{project}/orders", "--dry-run"];
    let run = pair.rein(&args).run().exit(0).no_canary();
    let shown = run.stdout_text();
    let requests: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("GET "))
        .collect();
    assert_eq!(
        requests,
        [
            format!("GET {}/api/v1/datasets/retail-dev/orders", pair.dev.url()),
            format!("GET {}/api/v1/datasets/retail/orders", pair.prod.url()),
        ]
    );
    pair.rein(&["dev..prod", "DELETE", "/api/v1/x", "--dry-run"])
        .run()
        .exit(2)
        .says("diff makes only reads, but DELETE /api/v1/x is a write");
    pair.saw_nothing();
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "a.json", "[]");
    rein(["diff", "a.json..a.json", "--dry-run"])
        .folder(folder.path())
        .run()
        .exit(2)
        .says("two files are compared without any");
}
