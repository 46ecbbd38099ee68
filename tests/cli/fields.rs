//! What the catalogue knows is checked before a call is sent, and every row's example works.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::support::{CANARY, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok"}"#;

fn catalogue() -> Vec<Value> {
    let list = rein(["templates", "--format", "json"]).run().exit(0);
    serde_json::from_slice(&list.stdout).expect("JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list<'a>(row: &'a Value, key: &str) -> &'a [Value] {
    row[key].as_array().map_or(&[], Vec::as_slice)
}

/// The files that examples name.
fn with_files(folder: &Path) {
    for name in ["invoice.pdf", "call.mp3", "comments.csv"] {
        std::fs::write(folder.join(name), "id,text\n1,x\n").expect("written");
    }
}

#[test]
fn the_example_of_every_row_is_accepted_by_the_demo_tenant() {
    let folder = tempfile::tempdir().expect("a folder");
    with_files(folder.path());
    let mut refused = Vec::new();
    let rows = catalogue();
    assert_eq!(rows.len(), 182);
    for row in &rows {
        let example = text(&row["example"]);
        let words = shell_words::split(example).expect("words");
        assert_eq!(words[0], "rein", "{example}");
        let run = rein(&words[1..]).folder(folder.path()).run();
        if run.exit != 0 {
            refused.push(format!("{example}\n{}", run.stderr_text()));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// A call of a row with all that it needs, as words and as a body.
struct Whole {
    name: String,
    words: Vec<String>,
    query: Vec<String>,
    body: Option<Value>,
}

impl Whole {
    fn of(row: &Value) -> Whole {
        let name = text(&row["name"]).to_owned();
        let path = list(row, "path_params").iter();
        let words = path
            .map(|field| format!("{}=v", text(&field["name"])))
            .collect();
        let needed = |field: &&Value| field["required"] == true;
        let query = list(row, "query_params").iter().filter(needed);
        let mut query: Vec<String> = query.map(|field| text(&field["name"]).to_owned()).collect();
        if name == "delete-comments" {
            query.push("id".to_owned());
        }
        let body = Some(&row["example_body"]).filter(|body| !body.is_null());
        Whole {
            name,
            words,
            query,
            body: body.cloned(),
        }
    }

    fn run(&self, url: &str, folder: &Path) -> crate::support::command::Finished {
        let mut args = vec!["call".to_owned(), self.name.clone()];
        args.extend(self.words.iter().cloned());
        args.extend(self.query.iter().map(|name| format!("{name}=1")));
        if let Some(body) = &self.body {
            let file = folder.join("body.json");
            std::fs::write(&file, body.to_string()).expect("written");
            args.extend(["-d".to_owned(), format!("@{}", file.display())]);
        }
        rein(&args).at(url).run()
    }
}

/// Returns every object or list at a declared path of a body; `[]` is each element.
fn places<'a>(body: &'a mut Value, path: &[&str]) -> Vec<&'a mut Value> {
    let Some((first, rest)) = path.split_first() else {
        return vec![body];
    };
    let name = first.trim_end_matches("[]");
    let Some(next) = body.get_mut(name) else {
        return Vec::new();
    };
    if *first == name {
        return places(next, rest);
    }
    let elements = next.as_array_mut().into_iter().flatten();
    elements.flat_map(|element| places(element, rest)).collect()
}

#[test]
fn what_a_row_needs_is_needed_and_its_limits_hold() {
    let server = Recorder::always(Reply::json(200, OK));
    let folder = tempfile::tempdir().expect("a folder");
    let (mut lacking, mut over) = (0, 0);
    for row in &catalogue() {
        let takes_file = list(row, "body_fields")
            .iter()
            .any(|field| ["a file", "bytes"].contains(&text(&field["type"])));
        let whole = || Whole::of(row);
        let name = whole().name;
        let refused = |call: &Whole, says: &str| {
            let run = call.run(&server.url(), folder.path()).exit(2).stdout("");
            assert!(run.stderr_text().contains(says), "{says}\n{run}");
            run.says("nothing was sent");
        };
        for at in 0..whole().query.len() {
            let mut call = whole();
            let gone = call.query.remove(at);
            refused(&call, &gone);
            lacking += 1;
        }
        if takes_file {
            refused(&whole(), &format!("{name} needs"));
            lacking += 1;
            continue;
        }
        for field in list(row, "body_fields") {
            let field_name = text(&field["name"]);
            let path: Vec<&str> = field_name.split('.').collect();
            let (last, parents) = path.split_last().expect("a name");
            if field["required"] == true && field["default"].is_null() {
                let mut call = whole();
                let body = call.body.as_mut().expect("an example");
                for parent in places(body, parents) {
                    parent
                        .as_object_mut()
                        .and_then(|parent| parent.remove(*last));
                }
                refused(&call, last);
                if parents.is_empty() {
                    let mut empty = whole();
                    empty.body = None;
                    empty.words.extend(["-d".to_owned(), String::new()]);
                    refused(&empty, "the body is empty");
                }
                lacking += 1;
            }
            let Some(most) = field["maximum"].as_u64() else {
                continue;
            };
            let mut call = whole();
            let body = call.body.get_or_insert_with(|| json!({}));
            // An example need not have what is optional around the field.
            let mut around = &mut *body;
            let mut is_there = true;
            for parent in parents {
                let name = parent.trim_end_matches("[]");
                if !around.is_object() {
                    is_there = false;
                    break;
                }
                around = &mut around[name];
                if *parent == name {
                    if around.is_null() {
                        *around = Value::Object(Map::new());
                    }
                } else if around.get(0).is_some() {
                    around = &mut around[0];
                } else {
                    *around = json!([{}]);
                    around = &mut around[0];
                }
            }
            assert!(is_there, "{name} {field_name}");
            let beyond = usize::try_from(most).expect("small") + 1;
            let kind = text(&field["type"]);
            around[*last] = match kind {
                "text" => "x".repeat(beyond).into(),
                "a list of texts" => vec!["x"; beyond].into(),
                "a list of objects" => {
                    let element = around[*last].get(0).cloned().unwrap_or_else(|| json!({}));
                    vec![element; beyond].into()
                }
                _ => (most + 1).into(),
            };
            refused(&call, &most.to_string());
            over += 1;
        }
        for field in list(row, "query_params") {
            let Some(most) = field["maximum"].as_u64() else {
                continue;
            };
            let mut call = whole();
            let field_name = text(&field["name"]);
            if text(&field["type"]) == "a list of texts" {
                let beyond = usize::try_from(most).expect("small") + 1;
                call.query = vec![field_name.to_owned(); beyond];
            } else {
                call.words.push(format!("{field_name}={}", most + 1));
            }
            refused(&call, &most.to_string());
            over += 1;
        }
        for field in list(row, "path_params") {
            let Some(most) = field["maximum"].as_u64() else {
                continue;
            };
            let mut call = whole();
            let field_name = text(&field["name"]);
            let long = "x".repeat(usize::try_from(most).expect("small") + 1);
            call.words
                .retain(|word| !word.starts_with(&format!("{field_name}=")));
            call.words.push(format!("{field_name}={long}"));
            refused(&call, &most.to_string());
            over += 1;
        }
    }
    server.saw_nothing();
    // The walk found something to refuse.
    assert!(lacking > 90 && over > 120, "{lacking} {over}");
}

#[test]
fn slips_of_a_script_are_refused_however_the_body_is_given() {
    let server = Recorder::always(Reply::json(200, OK));
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").expect("written");
    let (at_empty, empty) = (format!("@{}", empty.display()), empty.display().to_string());
    let own = "[templates.mine]\nmethod = \"POST\"\npath = \"/api/v1/sources/p/s/sync\"\nbody = { comments = [] }\n\
               [templates.other]\nmethod = \"POST\"\npath = \"/api/v1/unlisted\"\nbody = { a = 1 }\n";
    let sync = ["call", "sync-comments", "project=p", "source=s"];
    let ids: Vec<String> = (0..129).map(|id| format!("id={id}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let delete = ["call", "delete-comments", "project=p", "source=s"];
    let source = ["call", "create-source", "project=p", "source=s"];
    let with = |call: &[&'static str], more: &[&str]| -> Vec<String> {
        call.iter()
            .chain(more)
            .map(|word| (*word).to_owned())
            .collect()
    };
    let comma = (0..129)
        .map(|id| id.to_string())
        .collect::<Vec<_>>()
        .join(",");
    let long_title = format!("title={}", "ü".repeat(129));
    for (args, says) in [
        (
            with(&sync, &["-d", "@-"]),
            "the body is empty: sync-comments needs comments",
        ),
        (with(&sync, &["-d", &at_empty]), "the body is empty"),
        (with(&sync, &["-d", ""]), "the body is empty"),
        (with(&sync, &["--json", ""]), "the body is empty"),
        (
            with(&sync, &["--data-binary", &at_empty]),
            "the body is empty",
        ),
        (with(&sync, &["-T", &empty]), "the body is empty"),
        (with(&sync, &["-d", "{}"]), "sync-comments needs comments"),
        (with(&sync, &["-d", "[]"]), "sync-comments needs comments"),
        (
            with(&sync, &["-d", r#"{"comments":null}"#]),
            "needs comments",
        ),
        (with(&sync, &["comments:=null"]), "needs comments"),
        (
            with(&sync, &["-d", r#"{"comments":[{"id":"a"}]}"#]),
            "comments[0].timestamp",
        ),
        (with(&sync, &["comments[0][id]=a"]), "comments[0].timestamp"),
        (
            with(
                &["call", "list-models", "project=p", "dataset=d"],
                &["-d", ""],
            ),
            "the body is empty",
        ),
        (
            with(
                &["call", "sync-comments-csv", "project=p", "source=s"],
                &["-T", &empty],
            ),
            "the body is empty",
        ),
        (
            with(
                &["call", "upload-document", "source_id=s"],
                &["-F", "other=x"],
            ),
            "upload-document needs file",
        ),
        (with(&delete, &[]), "delete-comments needs id or ids"),
        (with(&delete, &["id="]), "delete-comments needs id or ids"),
        (with(&delete, &["ids="]), "delete-comments needs id or ids"),
        (with(&delete, &["id=="]), "delete-comments needs id or ids"),
        (
            with(&delete, &ids),
            "id must have at most 128 values, not 129",
        ),
        (
            with(&delete, &[&format!("ids={comma}")]),
            "at most 128 values, not 129",
        ),
        (
            with(&delete, &[&format!("ids=={comma}")]),
            "at most 128 values, not 129",
        ),
        (
            with(&delete, &["--url-query", &format!("ids={comma}")]),
            "at most 128 values, not 129",
        ),
        (
            with(&source, &[&long_title]),
            "source.title must have at most 128 characters, not 129",
        ),
        (
            with(&source, &["langauge=en"]),
            "did you mean source.language",
        ),
        (
            with(&source, &["source[langauge]=en"]),
            "did you mean source.language",
        ),
        (
            with(&source, &["source.langauge=en"]),
            "did you mean source.language",
        ),
        (
            with(
                &["call", "list-comments", "project=p", "source=s"],
                &["limit==257"],
            ),
            "limit must be between 1 and 256, not 257",
        ),
        (
            with(
                &["call", "export-dataset", "project=p", "dataset=d"],
                &["filtre[a]=1"],
            ),
            "has no field filtre[a]",
        ),
        (with(&["call", "mine"], &["-d", ""]), "the body is empty"),
        (
            with(&["call", "mine"], &["-d", "{}"]),
            "sync-comments needs comments",
        ),
        (with(&["call", "other"], &["-d", "@-"]), "the body is empty"),
    ] {
        let config = format!(
            "[profiles.p]\nendpoint = \"{}\"\ntoken = \"{CANARY}\"\n{own}",
            server.url()
        );
        rein(
            ["-p", "p"]
                .iter()
                .map(|word| (*word).to_owned())
                .chain(args),
        )
        .config(&config)
        .stdin("")
        .run()
        .exit(2)
        .stdout("")
        .says(says)
        .says("nothing was sent")
        .no_canary();
    }
    server.saw_nothing();
}

#[test]
fn what_is_complete_is_sent_as_given() {
    let server = Recorder::always(Reply::json(200, OK));
    let many = format!(
        r#"{{"comments":[{}]}}"#,
        vec![r#"{"id":"a","timestamp":"t","messages":[{"body":{"text":"x"}}]}"#; 16_384].join(",")
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("many.json");
    std::fs::write(&file, &many).expect("written");
    let at_file = format!("@{}", file.display());
    let streamed = "{}";
    for (args, line, body) in [
        (
            &[
                "sync-comments",
                "project=p",
                "source=s",
                "-d",
                at_file.as_str(),
            ][..],
            "POST /api/v1/sources/p/s/sync",
            many.as_str(),
        ),
        // A stream cannot be looked into.
        (
            &["sync-comments", "project=p", "source=s", "-T", "-"],
            "POST /api/v1/sources/p/s/sync",
            streamed,
        ),
        // Nor can a body of another type.
        (
            &[
                "sync-comments",
                "project=p",
                "source=s",
                "-d",
                "{}",
                "-H",
                "Content-Type: text/plain",
            ],
            "POST /api/v1/sources/p/s/sync",
            "{}",
        ),
        // Required fields with a default.
        (
            &["query-bucket-emails", "project=p", "bucket=b"],
            "POST /api/_private/buckets/p/b/emails/query",
            r#"{"limit":64}"#,
        ),
        (
            &["query-bucket-emails", "project=p", "bucket=b", "limit=5"],
            "POST /api/_private/buckets/p/b/emails/query",
            r#"{"limit":5}"#,
        ),
        (
            &["create-bucket", "project=p", "bucket=b", "bucket.title=T"],
            "PUT /api/_private/buckets/p/b",
            r#"{"bucket":{"title":"T","bucket_type":"emails"}}"#,
        ),
        (
            &["get-dataset-summary", "project=p", "dataset=d", "-d", "{}"],
            "POST /api/_private/datasets/p/d/summary",
            "{}",
        ),
        // Fields inside declared objects and lists.
        (
            &[
                "query-audit-events",
                "filter[timestamp][minimum]=2024",
                "filter[event_types][]=a",
                "filter[event_types][]=b",
            ],
            "POST /api/v1/audit_events/query",
            r#"{"filter":{"timestamp":{"minimum":"2024"},"event_types":["a","b"]}}"#,
        ),
        (
            &["query-audit-events", "filter.timestamp.minimum=2024"],
            "POST /api/v1/audit_events/query",
            r#"{"filter":{"timestamp":{"minimum":"2024"}}}"#,
        ),
        (
            &[
                "create-stream",
                "project=p",
                "dataset=d",
                "name=n",
                "comment_filter[user_properties][string\\:a.b][one_of][]=x",
            ],
            "PUT /api/v1/datasets/p/d/streams",
            r#"{"stream":{"name":"n","comment_filter":{"user_properties":{"string:a.b":{"one_of":["x"]}}}}}"#,
        ),
        (
            &[
                "create-source",
                "project=p",
                "source=s",
                "source[brand_new][x\\[0\\]]:=1",
            ],
            "PUT /api/v1/sources/p/s",
            r#"{"source":{"brand_new":{"x[0]":1}}}"#,
        ),
        (
            &[
                "sync-comments",
                "project=p",
                "source=s",
                "comments[0][id]=a",
                "comments[0].timestamp=t",
                "comments[0][messages][0][body][text]=x",
                "comments[0][later]=y",
            ],
            "POST /api/v1/sources/p/s/sync",
            r#"{"comments":[{"id":"a","timestamp":"t","messages":[{"body":{"text":"x"}}],"later":"y"}]}"#,
        ),
        (
            &[
                "export-dataset",
                "project=p",
                "dataset=d",
                "source_ids[0]=a",
                "source_ids[]=b",
                "source_ids=c",
            ],
            "POST /api/v1/datasets/p/d/export",
            r#"{"source_ids":["a","b","c"]}"#,
        ),
    ] {
        let before = server.requests().len();
        rein([&["call"][..], args].concat())
            .at(&server.url())
            .stdin(streamed)
            .run()
            .exit(0);
        let request = &server.requests()[before];
        assert_eq!(request.line(), line, "{args:?}");
        assert!(request.text() == body, "{args:?}: {:.300}", request.text());
    }
}

#[test]
fn a_path_with_an_empty_segment_is_only_read() {
    let server = Recorder::always(Reply::json(200, OK));
    for args in [
        &["-X", "DELETE", "v1/datasets/retail/"][..],
        &["DELETE", "/api/v1/datasets/retail//"],
        &["DELETE", "v1/datasets//orders"],
        &["DELETE", "v1/datasets/retail%2F"],
        &["DELETE", "v1/datasets/retail%2f%2Forders"],
        &["PUT", "v1/sources/retail/", "source[title]=x"],
        &["PATCH", "v1/unlisted/"],
        &["v1/datasets/retail/?x=1", "-d", "{}"],
        &["POST", "v1/datasets/retail//export"],
        &[
            "GET",
            "v1/datasets/retail/",
            "X-HTTP-Method-Override:DELETE",
        ],
        &["DELETE", "_private/projects/", "--dry-run"],
        &["DELETE", "_private/projects/", "--curl"],
    ] {
        rein(args)
            .at(&server.url())
            .run()
            .exit(2)
            .stdout("")
            .says("empty segment")
            .says("nothing was sent");
    }
    let whole = format!("{}/api/v1/datasets/retail/", server.url());
    rein(["DELETE", &whole])
        .at(&server.url())
        .run()
        .exit(2)
        .says("empty segment");
    server.saw_nothing();
    for args in [
        &["v1/datasets/retail/"][..],
        &["HEAD", "v1/datasets//retail"],
        &["POST", "v1/datasets/retail/orders/export/", "limit:=1"],
        &["_private/buckets/id:a/keyed-sync-states/"],
    ] {
        rein(args).at(&server.url()).run().exit(0);
    }
    // The name of an uploaded file completes the path, as with curl.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("f.bin");
    std::fs::write(&file, "x").expect("written");
    rein(["v1/unlisted/", "-T", &file.display().to_string()])
        .at(&server.url())
        .run()
        .exit(0);
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn searching_templates_finds_what_is_meant() {
    let found = |args: &[&str]| {
        let run = rein([&["templates"][..], args].concat()).run().exit(0);
        let lines = run.stdout_text();
        let names = lines
            .lines()
            .skip(1)
            .filter_map(|line| line.split(' ').next());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    for (search, first) in [
        ("stream results", "get-stream-results"),
        ("model performance", "get-model-validation"),
        ("metrics", "get-model-validation"),
        ("usage", "list-quotas"),
        ("Quota", "list-quotas"),
    ] {
        assert_eq!(
            found(&["--search", search]).first().map(String::as_str),
            Some(first),
            "{search}"
        );
    }
    let users = found(&["--search", "users and permissions"]);
    assert!(
        users.contains(&"list-users-detailed".to_owned()),
        "{users:?}"
    );
    let streams = found(&["--search", "stream"]);
    assert!(
        !streams.iter().any(|name| name.contains("csv")),
        "{streams:?}"
    );
    let last = streams.last().expect("streams");
    assert!(
        last.contains("trigger") || last.contains("preview"),
        "{streams:?}"
    );
    rein(["templates", "--search", "straem reslts"])
        .run()
        .exit(0)
        .stdout("")
        .says("note: no template matches \"straem reslts\"")
        .says("did you mean stream")
        .says("rein templates --group");
    rein(["templates", "--search", "zzz", "--format", "json"])
        .run()
        .exit(0)
        .stdout("[]\n")
        .says("no template matches");
}

#[test]
fn ones_own_templates_are_listed_found_and_given_as_json() {
    let own = "[templates.late-orders]\nsummary = \"Orders that came late\"\nmethod = \"POST\"\n\
               path = \"v1/datasets/{project}/orders/export\"\nbody = { limit = \"{limit}\" }\ndefaults = { limit = 5 }\n\
               [templates.drop]\nmethod = \"DELETE\"\npath = \"/api/v1/datasets/{project}/{dataset}\"\nreads = true\n";
    let run = |args: &[&str]| {
        rein([&["templates"][..], args].concat())
            .config(own)
            .run()
            .exit(0)
    };
    let listed = run(&[]).stdout_text();
    assert_eq!(listed.lines().count(), 185, "{listed}");
    let line = |name: &str| {
        let line = listed.lines().find(|line| line.starts_with(name));
        line.expect(name)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        line("late-orders "),
        "late-orders read POST v1/datasets/{project}/orders/export Orders that came late"
    );
    assert!(line("drop ").contains("destructive"));
    assert!(
        run(&["--search", "late orders"])
            .stdout_text()
            .contains("late-orders")
    );
    assert_eq!(run(&["--group", "own"]).stdout_text().lines().count(), 3);
    assert!(
        !run(&["--class", "stateful"])
            .stdout_text()
            .contains("late-orders")
    );
    let json: Value =
        serde_json::from_slice(&run(&["--group", "own", "--format", "json"]).stdout).expect("JSON");
    assert_eq!(json[1]["name"], "drop");
    let one: Value =
        serde_json::from_slice(&run(&["late-orders", "--format", "json"]).stdout).expect("JSON");
    assert_eq!(one["class"], "read");
    assert_eq!(
        one["placeholders"],
        json!([
            {"name": "project", "required": true, "default": null},
            {"name": "limit", "required": false, "default": 5},
        ])
    );
    // A broken file hides its own templates, not the catalogue.
    let broken = rein(["templates"])
        .config("[templates.x]\npth = 1\n")
        .run()
        .exit(0);
    assert_eq!(broken.stdout_text().lines().count(), 183);
    broken.says("warning: the templates of the config file are left out");
}

#[test]
fn help_of_a_call_is_its_templates_page() {
    for args in [
        &["call", "export-dataset", "--help"][..],
        &["call", "export-dataset", "-h"],
        &[
            "-p",
            "demo",
            "call",
            "--limit",
            "3",
            "export-dataset",
            "dataset=x",
            "--help",
        ],
    ] {
        let text = rein(args).run().exit(0).stdout_text();
        assert!(text.starts_with("export-dataset  "), "{text}");
        assert!(
            text.contains("In the body") && text.contains("Example"),
            "{text}"
        );
        assert!(
            text.ends_with("For the options of every call: rein call --help\n"),
            "{text}"
        );
    }
    for args in [
        &["call", "--help"][..],
        &["call", "nothing-like-it", "--help"],
    ] {
        let text = rein(args).run().exit(0).stdout_text();
        assert!(text.contains("Usage: rein call"), "{text}");
    }
    let own = "[templates.mine]\npath = \"/api/v1/x\"\n";
    let text = rein(["call", "mine", "--help"])
        .config(own)
        .run()
        .exit(0)
        .stdout_text();
    assert!(text.starts_with("mine"), "{text}");
}

#[test]
fn a_404_names_the_nearest_path_or_the_list() {
    for (args, says) in [
        (&["v1/dataset"][..], "did you mean /api/v1/datasets?"),
        (&["v1/buckets"], "did you mean /api/_private/buckets?"),
        (
            &["v1/datasets/retail-dev/nope"],
            "list what is there: GET /api/v1/datasets/retail-dev, or GET /api/v1/datasets\n",
        ),
        (
            &["DELETE", "v1/datasets/retail-dev/nope"],
            "list what is there: GET /api/v1/datasets/retail-dev",
        ),
        (
            &["v1/sources/retail-dev/support/comments/none"],
            "list what is there: GET /api/_private/sources/retail-dev/support/comments",
        ),
        (
            &["v1/datasets/retail-dev/orders/export"],
            "this path exists with another method: POST",
        ),
        (&["v1/zzz"], "check the names in the path"),
        (
            &["call", "get-dataset", "dataset=nope"],
            "list what is there: GET /api/v1/datasets/retail-dev",
        ),
    ] {
        rein([&["-p", "demo"][..], args].concat())
            .run()
            .exit(4)
            .says(says);
    }
}

#[test]
fn what_would_send_something_against_the_line_is_refused() {
    let server = Recorder::always(Reply::json(200, OK));
    let config = format!(
        "[profiles.p]\nendpoint = \"{}\"\ntoken = \"{CANARY}\"\n[templates.mine]\npath = \"/api/v1/unlisted\"\n",
        server.url()
    );
    for (args, says) in [
        (
            &["list-sources", "--preflight", "--dry-run"][..],
            "--preflight asks the server",
        ),
        (
            &["list-sources", "--preflight", "--curl"],
            "--preflight asks the server",
        ),
        (
            &["mine", "--preflight"],
            "--preflight is not supported for mine",
        ),
        (
            &[
                "list-comments",
                "project=p",
                "source=s",
                "--paginate",
                "--limit",
                "0",
            ],
            "--limit must be at least 1",
        ),
    ] {
        rein([&["-p", "p", "call"][..], args].concat())
            .config(&config)
            .run()
            .exit(2)
            .stdout("")
            .says(says)
            .no_canary();
    }
    server.saw_nothing();
}

#[test]
fn the_demo_can_be_made_the_default() {
    let config = "[profiles.p]\nendpoint = \"http://127.0.0.1:9\"\ntoken_env = \"T\"\n";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    std::fs::write(&file, config).expect("written");
    let file = file.display().to_string();
    rein(["profile", "use", "demo", "--config", &file])
        .run()
        .exit(0)
        .stdout(format!("default: demo in {file}\n"));
    rein(["v1/projects", "--config", &file])
        .run()
        .exit(0)
        .stdout_starts("{\"status\":\"ok\"");
    rein([
        "call",
        "list-comments",
        "source=support",
        "direction=descending",
        "limit=1",
        "-q",
        ".comments[0].id",
        "-p",
        "demo",
    ])
    .run()
    .exit(0)
    .stdout("ticket-1150\n");
}
