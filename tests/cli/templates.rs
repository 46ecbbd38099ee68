//! Calls by name: every row of the catalogue goes out as it says, and mistakes do not go out.

use serde_json::Value;

use crate::support::{CANARY, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok"}"#;

fn catalogue() -> Vec<Value> {
    let list = rein(["templates", "--format", "json"]).run().exit(0);
    serde_json::from_slice(&list.stdout).expect("JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn every_endpoint_is_called_as_its_row_says() {
    let server = Recorder::always(Reply::with(
        200,
        &["Server-Timing: total;dur=1"],
        OK.as_bytes(),
    ));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("f.bin");
    std::fs::write(&file, [0, 255, 13, 10]).expect("written");
    let rows = catalogue();
    assert_eq!(rows.len(), 182);
    for row in &rows {
        let name = text(&row["name"]);
        let mut args = vec!["call".to_owned(), name.to_owned()];
        let mut path = text(&row["path"]).to_owned();
        for param in row["path_params"].as_array().expect("a list") {
            let param = text(&param["name"]);
            args.push(format!("{param}=v {param}"));
            path = path.replace(&format!("{{{param}}}"), &format!("v%20{param}"));
        }
        let mut query = Vec::new();
        for param in row["query_params"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|param| param["required"] == true)
        {
            args.push(format!("{}=1", text(&param["name"])));
            query.push(format!("{}=1", text(&param["name"])));
        }
        if name == "delete-comments" {
            args.push("id=1".to_owned());
            query.push("id=1".to_owned());
        }
        let fields = row["body_fields"].as_array().expect("a list");
        let kind = |words: &str| fields.iter().any(|field| text(&field["type"]) == words);
        let mut body = row["example_body"].clone();
        if kind("a file") {
            args.push(format!("file=@{}", file.display()));
            body = Value::Null;
        } else if kind("bytes") {
            args.extend(["-T".to_owned(), file.display().to_string()]);
            body = Value::Null;
        } else if !body.is_null() {
            args.extend(["-d".to_owned(), body.to_string()]);
        }
        let before = server.requests().len();
        rein(&args).at(&server.url()).run().exit(0);
        let request = server.requests()[before].clone();
        let target = if query.is_empty() {
            path
        } else {
            format!("{path}?{}", query.join("&"))
        };
        assert_eq!(
            request.line(),
            format!("{} {target}", text(&row["method"])),
            "{name}"
        );
        if kind("a file") {
            assert!(
                request.header("content-type")[0].starts_with("multipart/form-data"),
                "{name}"
            );
            assert!(
                request.text().contains("name=\"file\"; filename=\"f.bin\""),
                "{name}"
            );
        } else if kind("bytes") {
            assert_eq!(request.body, [0, 255, 13, 10], "{name}");
        } else if !body.is_null() {
            assert_eq!(request.text(), body.to_string(), "{name}");
            assert_eq!(
                request.header("content-type"),
                ["application/json"],
                "{name}"
            );
        }
    }
}

#[test]
fn items_go_where_the_endpoint_declares_them_with_their_type() {
    let server = Recorder::always(Reply::json(200, OK));
    let cases: [(&[&str], &str, &str); 6] = [
        (
            &[
                "export-dataset",
                "project=p",
                "dataset=d",
                "limit=10",
                "from=2024",
                "source_ids=a",
                "source_ids=b",
            ],
            "POST /api/v1/datasets/p/d/export",
            r#"{"limit":10,"from":"2024","source_ids":["a","b"]}"#,
        ),
        (
            &[
                "create-source",
                "project=p",
                "source=s",
                "source.title=T",
                "should_translate=true",
            ],
            "PUT /api/v1/sources/p/s",
            r#"{"source":{"title":"T","should_translate":true}}"#,
        ),
        (
            &[
                "create-source",
                "project=p",
                "source=s",
                "source:={\"title\": 1.10}",
            ],
            "PUT /api/v1/sources/p/s",
            r#"{"source":{"title": 1.10}}"#,
        ),
        (
            &[
                "list-comments",
                "project=p",
                "source=s",
                "limit=5",
                "after=a b",
            ],
            "GET /api/_private/sources/p/s/comments?limit=5&after=a%20b",
            "",
        ),
        (
            &["get-source-by-id", "source_id=18ba"],
            "GET /api/v1/sources/id:18ba",
            "",
        ),
        (
            &["delete-comments", "project=p", "source=s", "id=a", "id=b"],
            "DELETE /api/v1/sources/p/s/comments?id=a&id=b",
            "",
        ),
    ];
    for (args, line, body) in cases {
        let before = server.requests().len();
        rein([&["call"][..], args].concat())
            .at(&server.url())
            .run()
            .exit(0);
        let request = &server.requests()[before];
        assert_eq!(
            (request.line(), request.text().as_str()),
            (line, body),
            "{args:?}"
        );
    }
    let config = format!(
        "[vars]\ndataset = \"orders\"\n[profiles.p]\nendpoint = \"{}\"\nproject = \"retail\"\n",
        server.url()
    );
    rein(["-p", "p", "call", "get-dataset"])
        .config(&config)
        .var("REINFER_TOKEN", CANARY)
        .run()
        .exit(0)
        .says("/api/v1/datasets/retail/orders");
}

#[test]
fn mistakes_are_named_and_nothing_is_sent() {
    let server = Recorder::always(Reply::json(200, OK));
    for (args, says) in [
        (&["export-datset"][..], "did you mean export-dataset"),
        (
            &["export-dataset", "project=p", "dataset=d", "limt=5"],
            "did you mean limit?",
        ),
        (
            &["export-dataset", "project=p", "dataset=d", "limit=x"],
            "must be a whole number",
        ),
        (
            &["export-dataset", "project=p", "dataset=d", "limit:=\"5\""],
            "must be a whole number",
        ),
        (&["export-dataset"], "export-dataset needs project, dataset"),
        (
            &[
                "export-dataset",
                "project=p",
                "dataset=d",
                "limit=5",
                "-d",
                "{}",
            ],
            "cannot be combined",
        ),
        (
            &[
                "create-source",
                "project=p",
                "source=s",
                "should_translate=yes",
            ],
            "true or false",
        ),
        (
            &["sync-comments", "project=p", "source=s", "comments=x"],
            "a list of objects",
        ),
        (
            &["sync-comments", "project=p", "source=s"],
            "sync-comments needs comments",
        ),
        (
            &["list-comments", "project=p", "source=s", "limit=257"],
            "limit must be between 1 and 256, not 257",
        ),
        (
            &["get-dataset", "project=p", "dataset=.."],
            "would change the path",
        ),
        (
            &["get-dataset", "project=p", "dataset=d", "-X", "DELETE"],
            "decides on the method",
        ),
    ] {
        rein([&["call"][..], args].concat())
            .at(&server.url())
            .run()
            .exit(2)
            .stdout("")
            .says(says)
            .no_canary();
    }
    server.saw_nothing();
}

#[test]
fn the_catalogue_can_be_searched_and_every_entry_read() {
    let list = |args: &[&str]| {
        rein([&["templates"][..], args].concat())
            .run()
            .exit(0)
            .stdout_text()
    };
    assert_eq!(list(&[]).lines().count(), 183);
    assert!(
        list(&["--group", "streams"])
            .lines()
            .skip(1)
            .all(|line| line.contains("stream"))
    );
    assert!(
        list(&["--class", "stateful"])
            .lines()
            .skip(1)
            .all(|line| line.contains("stateful"))
    );
    assert!(list(&["--search", "AUDIT"]).contains("query-audit-events"));
    rein(["templates", "--class", "reed"])
        .run()
        .exit(2)
        .says("did you mean read?");
    rein(["templates", "--group", "stream"])
        .run()
        .exit(2)
        .says("did you mean streams?");
    for row in catalogue() {
        let page = list(&[text(&row["name"])]);
        for part in [
            "request",
            "class",
            "Example",
            text(&row["path"]),
            text(&row["class"]),
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}

#[test]
fn the_examples_of_what_the_demo_serves_work() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "list-sources",
        "list-project-sources",
        "get-source",
        "get-comment",
        "list-comments",
        "list-datasets",
        "get-dataset",
        "export-dataset",
        "list-streams",
        "get-stream",
        "get-stream-results",
        "list-model-tags",
        "get-model-validation",
        "query-audit-events",
        "list-users",
        "get-current-user",
        "list-projects",
        "list-quotas",
        "get-attachment",
        "predict",
        "sync-comments",
        "create-stream",
        "update-source",
    ] {
        let page = rein(["templates", name]).run().exit(0).stdout_text();
        let line = page.lines().last().expect("an example").trim().to_owned();
        let script = line.replacen("rein ", &format!("{} ", env!("CARGO_BIN_EXE_rein")), 1);
        let output = std::process::Command::new("sh")
            .args(["-ec", &script])
            .env_clear()
            .current_dir(folder.path())
            .output()
            .expect("sh runs");
        assert!(
            output.status.success(),
            "{line}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

const OWN: &str = r#"
[templates.late-orders]
summary = "Comments labelled late since a date"
method = "POST"
path = "/api/v1/datasets/{project}/{dataset}/export"
body = { from = "{since}", limit = "{limit}", order_by = "timestamp", note = "since {since}" }
defaults = { dataset = "orders", limit = 100 }
items = "comments"
reads = true

[templates.drop]
method = "DELETE"
path = "/api/v1/datasets/{project}/{dataset}"
reads = true

[templates.probe]
method = "POST"
path = "/api/v1/unlisted"
query = { q = "{q}" }
reads = true

[templates.advance]
method = "POST"
path = "/api/v1/datasets/{project}/d/streams/s/{verb}"
reads = true
"#;

#[test]
fn templates_of_ones_own_keep_types_and_cannot_be_injected() {
    let server = Recorder::always(Reply::json(200, OK));
    let config = format!(
        "[profiles.p]\nendpoint = \"{}\"\nproject = \"retail\"\ntoken = \"{CANARY}\"\nguard = \"confirm\"\n{OWN}",
        server.url()
    );
    let call = |args: &[&str]| rein([&["-p", "p", "call"][..], args].concat()).config(&config);
    call(&["late-orders", "since=2024\"x"]).run().exit(0);
    call(&["late-orders", "since=2024", "limit=5", "dataset=a b"])
        .run()
        .exit(0);
    call(&["probe", "q=a&b"]).run().exit(0);
    let requests = server.requests();
    assert_eq!(
        requests[0].line(),
        "POST /api/v1/datasets/retail/orders/export"
    );
    assert_eq!(
        requests[0].text(),
        r#"{"from":"2024\"x","limit":100,"order_by":"timestamp","note":"since 2024\"x"}"#
    );
    assert_eq!(
        requests[1].line(),
        "POST /api/v1/datasets/retail/a%20b/export"
    );
    assert!(requests[1].text().contains(r#""limit":5,"#));
    assert_eq!(requests[2].line(), "POST /api/v1/unlisted?q=a%26b");
    for (args, exit, says) in [
        (&["late-orders"][..], 2, "late-orders needs since"),
        (&["late-orders", "sinc=1"], 2, "did you mean since?"),
        (
            &["late-orders", "since=1", "limit=x"],
            2,
            "must be a number",
        ),
        (&["late-ordrs"], 2, "did you mean late-orders?"),
        // What the catalogue knows as more stays guarded, whatever the template says.
        (&["drop", "dataset=orders"], 9, "destructive"),
        (
            &["probe", "q=1", "-H", "X-HTTP-Method-Override: DELETE"],
            9,
            "write",
        ),
        (
            &["probe", "q=1", "-H", "X_HTTP_METHOD_OVERRIDE: DELETE"],
            9,
            "write",
        ),
        (
            &["advance", "verb=advance", "-d", "{\"sequence_id\":\"x\"}"],
            9,
            "stateful",
        ),
        (&["advance", "verb=advance;x"], 9, "stateful"),
        (&["advance", "verb=%61dvance"], 9, "stateful"),
    ] {
        call(args).run().exit(exit).says(says).no_canary();
    }
    assert_eq!(server.requests().len(), 3);
    let page = rein(["templates", "late-orders"])
        .config(OWN)
        .run()
        .exit(0)
        .stdout_text();
    assert!(
        page.contains("{limit}") && page.contains("default 100"),
        "{page}"
    );
}

#[test]
fn what_a_template_of_ones_own_cannot_use_is_an_error() {
    let server = Recorder::always(Reply::json(200, OK));
    let config = format!(
        "[profiles.p]\nendpoint = \"{}\"\nproject = \"retail\"\ntoken = \"{CANARY}\"\n{OWN}",
        server.url()
    );
    let call = |args: &[&str]| {
        let line = [&["-p", "p", "call", "late-orders"][..], args].concat();
        rein(line).config(&config).run()
    };
    for (args, says) in [
        (
            &["since=1", "-d", "{}"][..],
            "-d and items cannot be combined: the request has one body",
        ),
        (&["since=1", "-F", "a=b"], "items and -F cannot be combined"),
        (
            &["since=1", "-T", "/dev/null"],
            "items and -T cannot be combined",
        ),
        (&["-d", "{}", "-F", "a=b"], "-d and -F cannot be combined"),
        (&["since=1", "limit=1", "limit=2"], "limit is given twice"),
        (&["since=1", "-X", "GET"], "decides on the method itself"),
        (&["since=1", "-I"], "decides on the method itself"),
    ] {
        call(args).exit(2).stdout("").says(says).no_canary();
    }
    let two_forms = ["call", "get-dataset", "dataset=a", "dataset=b", "project=c"];
    rein(two_forms)
        .at(&server.url())
        .run()
        .exit(2)
        .says("dataset is given twice");
    server.saw_nothing();
    // In the place of its body, what is given needs none of the body's values.
    call(&["dataset=x", "-d", "{\"a\":1}"]).exit(0);
    call(&["-F", "a=b", "--url-query", "n=a b"]).exit(0);
    let requests = server.requests();
    assert_eq!(
        (requests[0].line(), requests[0].text().as_str()),
        ("POST /api/v1/datasets/retail/x/export", "{\"a\":1}")
    );
    assert_eq!(
        requests[1].line(),
        "POST /api/v1/datasets/retail/orders/export?n=a+b"
    );
    assert!(requests[1].header("content-type")[0].starts_with("multipart/form-data"));
}

#[test]
fn a_templates_default_comes_after_everything_else_and_gives_the_type() {
    let server = Recorder::always(Reply::json(200, OK));
    let config = format!(
        "[vars]\nlimit = \"7\"\n[profiles.p]\nendpoint = \"{}\"\nproject = \"retail-dev\"\ntoken = \"{CANARY}\"\n\
         [templates.t]\npath = \"/api/v1/datasets/{{project}}/d/export\"\n\
         body = {{ limit = \"{{limit}}\", text = \"{{text}}\" }}\n\
         defaults = {{ project = \"retail\", limit = 100, text = \"x\" }}\n",
        server.url()
    );
    for (args, path, body) in [
        (
            &["call", "t"][..],
            "retail-dev",
            r#"{"limit":7,"text":"x"}"#,
        ),
        (
            &["call", "t", "--project", "other"],
            "other",
            r#"{"limit":7,"text":"x"}"#,
        ),
        (
            &["call", "t", "-V", "limit=1.10"],
            "retail-dev",
            r#"{"limit":1.10,"text":"x"}"#,
        ),
        (
            &[
                "call",
                "t",
                "-V",
                "limit=8",
                "limit=9",
                "project=q",
                "text=10",
            ],
            "q",
            r#"{"limit":9,"text":"10"}"#,
        ),
    ] {
        let before = server.requests().len();
        rein([&["-p", "p"][..], args].concat())
            .config(&config)
            .run()
            .exit(0);
        let request = &server.requests()[before];
        // A body makes it a POST, as in a raw call.
        let line = format!("POST /api/v1/datasets/{path}/d/export");
        assert_eq!(
            (request.line(), request.text().as_str()),
            (line.as_str(), body),
            "{args:?}"
        );
    }
    rein(["-p", "p", "call", "t", "-V", "limit=many"])
        .config(&config)
        .run()
        .exit(2)
        .says("limit of t must be a number");
}

#[test]
fn a_broken_template_names_file_line_and_key() {
    for (text, says) in [
        (
            "[templates.x]\npth = \"/a/b\"\n",
            "config.toml:2:1: unknown key pth",
        ),
        ("[templates.x]\nmethod = \"GET\"\n", "has no path"),
        (
            "[templates.x]\npath = \"/a/b\"\nreads = \"yes\"\n",
            "reads must be true or false",
        ),
        (
            "[templates.list-sources]\npath = \"/a/b\"\n",
            "name of a built-in one",
        ),
        (
            "[templates.x]\npath = \"/a/b\"\ndefaults = { y = 1 }\n",
            "default for y",
        ),
        (
            "[templates.x]\npath = \"/a/b\"\nbody = { n = inf }\n",
            "numbers that JSON has",
        ),
    ] {
        rein(["config", "check"])
            .config(text)
            .run()
            .exit(2)
            .says(says);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        std::fs::write(&file, text).expect("written");
        // It is read whatever is called.
        for name in ["x", "list-sources"] {
            for words in [&["call", name, "-p", "demo"][..], &["templates", name]] {
                rein([words, &["--templates", &file.display().to_string()]].concat())
                    .run()
                    .exit(2)
                    .stdout("")
                    .says(says);
            }
        }
    }
    rein(["call", "list-sources", "--templates", "/nonexistent"])
        .run()
        .exit(2)
        .says("cannot read the templates in /nonexistent");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("own.toml");
    std::fs::write(&file, OWN).expect("written");
    let file = file.display().to_string();
    rein(["call", "probe", "q=1", "--templates", &file, "-p", "demo"])
        .run()
        .exit(4);
    rein(["call", "probe", "--templates", &file])
        .config(OWN)
        .run()
        .exit(2)
        .says("defined twice");
}
