//! Client credentials: asked for once, kept, renewed once, and never another tenant's.

use crate::support::{Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok"}"#;

fn config(api: &Recorder, login: &Recorder) -> String {
    format!(
        "[profiles.ci]\nendpoint = \"{}\"\n[profiles.ci.oauth]\ntoken_url = \"{}/connect/token\"\n\
         client_id = \"one\"\nclient_secret_env = \"CLIENT\"\nscope = \"Ixp.ApiAccess\"\n",
        api.url(),
        login.url()
    )
}

fn granted(token: &str) -> Reply {
    let body = format!(r#"{{"access_token":"{token}","expires_in":3600,"token_type":"Bearer"}}"#);
    Reply::with(200, &["Content-Type: application/json"], body.as_bytes())
}

#[test]
fn a_token_is_asked_for_with_a_form_and_kept_for_the_next_call() {
    let (api, login) = (
        Recorder::always(Reply::json(200, OK)),
        Recorder::always(granted("SEKRET-0123")),
    );
    let state = tempfile::tempdir().expect("a folder");
    let call = || {
        rein(["-p", "ci", "v1/x"])
            .config(&config(&api, &login))
            .var("CLIENT", "client secret".replace(' ', "-"))
            .var("XDG_STATE_HOME", state.path())
    };
    call()
        .run()
        .exit(0)
        .says("asking 127.0.0.1 for a token")
        .no_canary();
    call().run().exit(0).never_says("asking").no_canary();
    assert_eq!(
        login.only().text(),
        "grant_type=client_credentials&client_id=one&client_secret=client-secret&scope=Ixp.ApiAccess"
    );
    assert!(login.only().header("authorization").is_empty());
    assert!(
        api.requests()
            .iter()
            .all(|request| request.header("authorization") == ["Bearer SEKRET-0123"])
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = state.path().join("rein/oauth/ci.json");
        assert_eq!(
            std::fs::metadata(file).expect("kept").permissions().mode() & 0o777,
            0o600
        );
    }
}

#[test]
fn a_refused_token_is_renewed_once() {
    let refused = Reply::json(401, r#"{"status":"error","message":"expired"}"#);
    let api = Recorder::start(vec![refused.clone(), Reply::json(200, OK), refused]);
    let login = Recorder::start(vec![granted("first"), granted("second"), granted("third")]);
    let state = tempfile::tempdir().expect("a folder");
    let call = || {
        rein(["-p", "ci", "v1/x", "a=1"])
            .config(&config(&api, &login))
            .var("CLIENT", "s")
            .var("XDG_STATE_HOME", state.path())
    };
    // The requests for tokens count as the calls do.
    call().run().exit(0).stdout(OK).says(" · 4 requests  ");
    call().run().exit(4).says("401").says(" · 3 requests  ");
    let tokens: Vec<String> = api
        .requests()
        .iter()
        .map(|request| request.header("authorization")[0].to_owned())
        .collect();
    assert_eq!(
        tokens,
        [
            "Bearer first",
            "Bearer second",
            "Bearer second",
            "Bearer third"
        ]
    );
    assert!(
        api.requests()
            .iter()
            .all(|request| request.text() == r#"{"a":"1"}"#)
    );
}

#[test]
fn a_life_in_seconds_may_be_a_text() {
    for (life, asked) in [
        ("\"3600\"", 1),
        ("3600.5", 1),
        ("null", 1),
        ("\"1\"", 2),
        ("1", 2),
    ] {
        let body = format!(r#"{{"access_token":"SEKRET-0123","expires_in":{life}}}"#);
        let (api, login) = (
            Recorder::always(Reply::json(200, OK)),
            Recorder::always(Reply::with(200, &[], body.as_bytes())),
        );
        let state = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            rein(["-p", "ci", "v1/x"])
                .config(&config(&api, &login))
                .var("CLIENT", "s")
                .var("XDG_STATE_HOME", state.path())
                .run()
                .exit(0);
        }
        assert_eq!(login.requests().len(), asked, "{life}");
    }
}

#[test]
fn what_is_no_token_service_sends_no_call() {
    for (reply, exit, says) in [
        (
            Reply::with(200, &["Content-Type: text/html"], b"<html>"),
            8,
            "check token_url",
        ),
        (
            Reply::with(400, &[], br#"{"error":"invalid_client"}"#),
            4,
            "client_id",
        ),
        (
            Reply::with(503, &[], b""),
            5,
            "the token service itself failed",
        ),
        (granted(""), 8, "a token that cannot be in a header"),
        (granted("a b"), 8, "a token that cannot be in a header"),
        (
            Reply::with(200, &[], br#"{"access_token":7}"#),
            8,
            "check token_url",
        ),
        (Reply::Close(Vec::new()), 52, "[profiles.ci.oauth]"),
    ] {
        let (api, login) = (
            Recorder::always(Reply::json(200, OK)),
            Recorder::always(reply),
        );
        rein(["-p", "ci", "v1/x"])
            .config(&config(&api, &login))
            .var("CLIENT", "SEKRET-0123")
            .run()
            .exit(exit)
            .says(says)
            .no_canary();
        api.saw_nothing();
    }
}

#[test]
fn a_delete_after_a_renewal_has_deleted_nothing() {
    let api = Recorder::start(vec![
        Reply::json(401, r#"{"status":"error","message":"expired"}"#),
        Reply::json(404, r#"{"status":"error","message":"no such source"}"#),
    ]);
    let login = Recorder::start(vec![granted("first"), granted("second")]);
    rein([
        "-p",
        "ci",
        "DELETE",
        "v1/sources/id:1",
        "-w",
        "%{stderr}<%{num_retries}>",
    ])
    .config(&config(&api, &login))
    .var("CLIENT", "s")
    .run()
    .exit(4)
    .says("no such source")
    .says("<0>");
    assert_eq!(api.requests().len(), 2);
}
