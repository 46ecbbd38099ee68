//! The token stays home: it is in no output, no argument and no file, whatever happens.

use crate::support::{CANARY, Recorder, Reply, rein};

#[test]
fn no_output_holds_the_token_however_the_call_ends() {
    let echoing = format!(r#"{{"status":"error","message":"token {CANARY} is wrong"}}"#);
    let replies = [
        Reply::json(200, r#"{"status":"ok"}"#),
        Reply::json(401, r#"{"status":"error","message":"no"}"#),
        Reply::json(403, r#"{"status":"error","message":"no"}"#),
        Reply::json(503, r#"{"status":"error","message":"no"}"#),
        Reply::with(
            302,
            &[&format!("Location: https://x.example/?token={CANARY}")],
            b"",
        ),
        Reply::with(
            200,
            &[&format!("Server: {CANARY}")],
            b"<html><title>x</title>",
        ),
        Reply::Close(Vec::new()),
    ];
    for reply in replies {
        let server = Recorder::always(reply);
        for args in [
            &["v1/x"][..],
            &["v1/x", "-v"],
            &["v1/x", "-s"],
            &["v1/x", "-o", "/dev/null"],
            &["POST", "v1/x", "a=1"],
        ] {
            for (name, value) in [
                ("RUST_BACKTRACE", "full"),
                ("RUST_LOG", "trace"),
                ("SSLKEYLOGFILE", "/dev/stderr"),
            ] {
                rein(args)
                    .at(&server.url())
                    .var(name, value)
                    .run()
                    .no_canary();
            }
        }
    }
    // What the server says of the token is hidden in our message and left in its own bytes.
    let server = Recorder::always(Reply::json(400, &echoing));
    let run = rein(["v1/x"]).at(&server.url()).run().exit(4);
    assert!(!run.stderr_text().contains(CANARY), "{run}");
    assert_eq!(run.stdout_text(), echoing);
}

#[test]
fn token_like_parameters_are_not_shown() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let run = rein(["v1/x?token=abcdef&a=1"])
        .at(&server.url())
        .run()
        .exit(0);
    assert!(
        !run.stderr_text().contains("abcdef") && run.stderr_text().contains("a=1"),
        "{run}"
    );
    assert_eq!(server.only().line(), "GET /api/v1/x?token=abcdef&a=1");
}

#[test]
fn urls_and_texts_of_the_server_are_shown_without_the_token_everywhere() {
    let location = format!("Location: /api/v1/y?a=SEKRET%2D0123&token=abcdef&b={CANARY}");
    let timing = format!("Server-Timing: total;dur=1, {CANARY};dur=2;desc=\"{CANARY}\"");
    let head = format!(
        "HTTP/1.1 302 Found {CANARY}\r\n{location}\r\n{timing}\r\nContent-Length: 0\r\n\r\n"
    );
    let server = Recorder::always(Reply::Bytes(head.into_bytes()));
    let target = "v1/x?token=abcdef&a=1&b=SEKRET%2d0123&%74oken=abcdef";
    for words in [
        &["-v"][..],
        &["--meta", "-"],
        &["-w", "%{redirect_url} %{url_effective}"],
        &["-v", "-L"],
    ] {
        let run = rein([target].iter().chain(words))
            .at(&server.url())
            .run()
            .no_canary();
        for hidden in ["abcdef", "SEKRET"] {
            let told = [run.stdout_text(), run.stderr_text()].concat();
            assert!(!told.contains(hidden), "{run}");
        }
    }
    let url = format!("{}/api/v1/x?token=abcdef", server.url());
    let run = rein(["curl", "-sv", &url]).at(&server.url()).run().exit(0);
    assert!(!run.stderr_text().contains("abcdef"), "{run}");
    // What is told of all pages is told as of one.
    let page = Recorder::always(Reply::json(200, r#"{"status":"ok","comments":[]}"#));
    let target = format!("/api/_private/sources/p/s/comments?token=abcdef&a={CANARY}");
    for words in [&["--paginate"][..], &["--paginate", "--meta", "-"]] {
        let run = rein([target.as_str()].iter().chain(words))
            .at(&page.url())
            .run()
            .exit(0)
            .no_canary()
            .says("token=(redacted)&a=(redacted)");
        assert!(!run.stderr_text().contains("abcdef"), "{run}");
    }
}

#[test]
fn one_authorization_goes_with_a_request() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let header = format!("authorization: bearer {CANARY}");
    rein(["v1/x", "-H", &header, "-H", &header])
        .at(&server.url())
        .run()
        .exit(0);
    assert_eq!(
        server.only().header("authorization"),
        [format!("Bearer {CANARY}")]
    );
    assert_eq!(server.only().header("referer"), [""; 0]);
    assert_eq!(server.only().header("cookie"), [""; 0]);
}

#[test]
fn unusable_tokens_are_refused_by_source_and_not_by_value() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    for token in [
        "",
        " ",
        "a\rSEKRET-0123",
        "SEKRET-0123\n\n",
        "SEKRET-0123 x",
        "SEKRET-é",
    ] {
        let call = rein(["v1/x"])
            .var("REINFER_ENDPOINT", server.url())
            .var("REINFER_TOKEN", token);
        let run = call.run().exit(2).says("REINFER_TOKEN");
        assert!(!run.stderr_text().contains("SEKRET"), "{token:?} {run}");
    }
    server.saw_nothing();
}
