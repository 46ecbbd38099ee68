//! What is told about a call: `--meta`, `-w`, the status line in its sequence.

use serde_json::{Value, json};

use crate::support::command::interrupted;
use crate::support::{CANARY, Recorder, Reply, rein};

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect(text)
}

#[test]
fn meta_is_one_object_on_success_and_on_every_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("meta.json");
    let path = file.to_str().expect("text");
    let read = || json_of(&std::fs::read_to_string(&file).expect("written"));
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    rein(["/api/v1/sources?a=1", "--meta", path])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout("{\"status\":\"ok\"}")
        .no_canary();
    let meta = read();
    assert_eq!(meta["status"], json!(200));
    assert_eq!(meta["class"], json!("read"));
    assert_eq!(meta["endpoint"], json!("list-sources"));
    assert_eq!(meta["answered_by"], json!("reinfer"));
    assert_eq!(meta["server_timing"]["total"], json!(1.5));
    assert_eq!(meta["tries"], json!(1));
    assert_eq!(meta["bytes"], json!(15));
    assert_eq!(meta["token_source"], json!("$REINFER_TOKEN"));
    assert!(
        meta["timings"]["total"]
            .as_f64()
            .is_some_and(|total| total > 0.0)
    );
    assert!(!meta.to_string().contains(CANARY));

    let config = format!(
        "[profiles.prod]\nendpoint = \"{}\"\nguard = \"confirm\"\ntoken_env = \"T\"\n",
        server.url()
    );
    rein([
        "-p",
        "prod",
        "DELETE",
        "/api/v1/sources/id:1",
        "--meta",
        path,
    ])
    .config(&config)
    .var("T", CANARY)
    .run()
    .exit(9);
    let refused = read();
    assert_eq!(
        (&refused["status"], &refused["exit"], &refused["profile"]),
        (&Value::Null, &json!(9), &json!("prod"))
    );
    rein(["/api/v1/x", "--meta", path])
        .at("http://127.0.0.1:1")
        .run()
        .exit(7);
    assert_eq!(read()["exit"], json!(7));
    rein(["/api/v1/x", "--meta", path, "-p", "nope"])
        .run()
        .exit(2);
    assert_eq!(read()["profile"], Value::Null);
}

#[test]
fn meta_is_never_that_of_an_earlier_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("meta.json");
    let path = file.to_str().expect("text");
    let server = Recorder::always(Reply::json(403, r#"{"status":"error"}"#));
    for (words, exit) in [
        (&["datasets"][..], 2),
        (&[], 2),
        (&["call", "nope"], 2),
        (&["v1/x", "--report", "xml=f"], 2),
        (&["v1/x", "-w", "@/nonexistent"], 2),
        (&["call", "export-dataset", "--preflight"], 4),
    ] {
        std::fs::write(&file, "an earlier one").expect("written");
        rein([words, &["--meta", path]].concat())
            .at(&server.url())
            .run()
            .exit(exit);
        let meta = json_of(&std::fs::read_to_string(&file).expect("written"));
        assert_eq!(meta["exit"], json!(exit), "{words:?}");
    }
}

#[cfg(unix)]
#[test]
fn meta_tells_of_a_signal() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("meta.json");
    std::fs::write(&file, "an earlier one").expect("written");
    let silent = Recorder::always(Reply::Hang(Vec::new()));
    let call = rein(["v1/x", "--meta", file.to_str().expect("text")]).at(&silent.url());
    let (exit, ..) = interrupted(&call, || !silent.requests().is_empty());
    let meta = json_of(&std::fs::read_to_string(&file).expect("written"));
    assert_eq!((exit, &meta["exit"]), (130, &json!(130)));
    assert_eq!(meta["url"], json!(format!("{}/api/v1/x", silent.url())));
    assert_eq!(
        (&meta["status"], &meta["error"]),
        (&Value::Null, &json!("interrupted by a signal"))
    );
    assert!(!meta.to_string().contains(CANARY));
}

#[test]
fn meta_takes_the_place_of_the_status_line() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let run = rein(["/api/v1/x", "--meta", "-"])
        .at(&server.url())
        .run()
        .exit(0);
    assert_eq!(run.stderr_text().lines().count(), 1);
    assert_eq!(json_of(&run.stderr_text())["status"], json!(200));
}

#[test]
fn write_out_has_curls_variables_and_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out");
    let server = Recorder::always(Reply::with(
        200,
        &[
            "Content-Type: application/json",
            "X-Id: 7",
            "Server-Timing: total;dur=2",
        ],
        br#"{"status":"ok"}"#,
    ));
    let format = format!(
        "\\n%{{http_code}} %{{size_download}} %header{{x-id}} %{{class}} %{{server_timing}}%{{stderr}}err%output{{{}}}file",
        file.display()
    );
    let run = rein(["-s", "/api/v1/sources", "-w", &format])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout("{\"status\":\"ok\"}\n200 15 7 read 2.0");
    assert_eq!(run.stderr_text(), "err");
    assert_eq!(std::fs::read_to_string(&file).expect("written"), "file");
    rein([
        "-s",
        "/api/v1/x",
        "-w",
        "%{http_code} %{exitcode}%{onerror} failed: %{errormsg}",
    ])
    .at("http://127.0.0.1:1")
    .run()
    .exit(7)
    .stdout_starts("000 7 failed: no connection");
    rein(["-s", "/api/v1/x", "-w", "%{nope}%{http_cod}"])
        .at(&server.url())
        .run()
        .exit(0)
        .says("no variable nope\n")
        .says("no variable http_cod (did you mean http_code?)");
    let format = folder.path().join("format");
    std::fs::write(&format, "%{method}\n").expect("written");
    rein([
        "-s",
        "/api/v1/x",
        "-o",
        "/dev/null",
        "-w",
        &format!("@{}", format.display()),
    ])
    .at(&server.url())
    .run()
    .exit(0)
    .stdout("GET\n");
}

#[test]
fn write_out_knows_what_curl_knows_of_a_url() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let run = rein([
        "-s",
        "/api/v1/x?a=1",
        "-o",
        "/dev/null",
        "-w",
        "%{url.scheme} %{url.host} %{url.path} %{url.query} %{xfer_id}[%{url.user}%{certs}]",
    ])
    .at(&server.url())
    .run()
    .exit(0)
    .stdout("http 127.0.0.1 /api/v1/x a=1 0[]");
    assert_eq!(run.stderr_text(), "");
}

#[test]
fn write_out_never_shows_the_token() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    rein(["/api/v1/x", "-w", "%{json}%{header_json}%{url}", "-v"])
        .at(&server.url())
        .run()
        .exit(0)
        .no_canary();
}
