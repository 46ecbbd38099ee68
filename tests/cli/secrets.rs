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

#[cfg(target_os = "linux")]
#[test]
fn no_command_line_of_the_whole_tree_holds_the_token() {
    let page = r#"{"status":"ok","results":[{"comment":{"uid":"a.1"}}],"sequence_id":"s","more_results":false,"num_filtered":0}"#;
    let server = Recorder::always(Reply::json(200, page));
    let folder = tempfile::tempdir().expect("a folder");
    let started = folder.path().join("started");
    let script = format!("sh -c 'touch {}; sleep 600'", started.display());
    let config = format!(
        "[profiles.p]\nendpoint = \"{}\"\ntoken_env = \"T\"\n",
        server.url()
    );
    let call = rein(["-p", "p", "follow", "p/orders/late", "--exec", &script])
        .config(&config)
        .var("T", CANARY)
        .var("PATH", "/usr/bin:/bin");
    let mut child = call
        .command()
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let is_started = (0..2000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        started.exists()
    });
    let lines = command_lines(child.id());
    child.kill().expect("a kill");
    child.wait().expect("an end");
    for line in lines.iter().skip(1) {
        let _ended = std::process::Command::new("kill").arg(&line.0).status();
    }
    assert!(is_started);
    assert!(lines.len() > 1, "{lines:?}");
    assert!(
        lines.iter().all(|(_, line)| !line.contains(CANARY)),
        "{lines:?}"
    );
    rein(["--token", CANARY, "v1/x"])
        .run()
        .exit(2)
        .says("--token")
        .no_canary();
}

/// Returns the command lines of a process and of all below it, with their numbers.
#[cfg(target_os = "linux")]
fn command_lines(root: u32) -> Vec<(String, String)> {
    let read = |id: &str, file: &str| {
        let bytes = std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    // The parent's number is the second word behind the name, which may hold anything.
    let parent = |id: &str| {
        let stat = read(id, "stat");
        let behind = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        behind.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let all: Vec<String> = std::fs::read_dir("/proc")
        .expect("listed")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let mut tree = vec![root.to_string()];
    let mut at = 0;
    while let Some(id) = tree.get(at).cloned() {
        tree.extend(all.iter().filter(|other| parent(other) == id).cloned());
        at += 1;
    }
    tree.into_iter()
        .map(|id| {
            let line = read(&id, "cmdline");
            (id, line)
        })
        .collect()
}

#[cfg(unix)]
#[test]
fn a_command_that_floods_or_fails_gives_no_token() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    for (words, says) in [
        (r#"["yes", "SEKRET-0123"]"#, "printed too much for a token"),
        (
            r#"["sh", "-c", "echo SEKRET-0123; echo locked >&2; exit 3"]"#,
            "locked\nerror: no token: token_command sh ended with 3",
        ),
        (r#"["sh", "-c", "kill -9 $$"]"#, "was ended by a signal"),
        (r#"["true"]"#, "is empty"),
    ] {
        let config = format!(
            "[profiles.p]\nendpoint = \"{}\"\ntoken_command = {words}\n",
            server.url()
        );
        // Another token at hand is no way out.
        rein(["-p", "p", "v1/x"])
            .config(&config)
            .var("PATH", "/usr/bin:/bin")
            .var("REINFER_TOKEN", "another")
            .run()
            .exit(2)
            .stdout("")
            .says(says)
            .no_canary();
    }
    server.saw_nothing();
}

#[cfg(unix)]
#[test]
fn what_is_no_text_is_refused_by_its_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let bytes = OsStr::from_bytes(b"SEKRET-0123\xff");
    for name in ["REINFER_TOKEN", "REINFER_PROJECT", "REINFER_PROFILE"] {
        rein(["v1/x"])
            .at(&server.url())
            .var(name, bytes)
            .run()
            .exit(2)
            .says(&format!("the variable {name} is not valid UTF-8"))
            .no_canary();
    }
    let target = OsStr::from_bytes(b"v1/\xff");
    for (args, says) in [
        (&[target][..], "the target is not valid UTF-8"),
        (
            &[OsStr::new("v1/x"), OsStr::new("-V"), bytes],
            "the value of -V is not valid UTF-8",
        ),
        (
            &[OsStr::new("v1/x"), OsStr::new("-H"), bytes],
            "not valid UTF-8",
        ),
    ] {
        let run = rein(args).at(&server.url()).run();
        run.exit(2).says(says).no_canary();
    }
    server.saw_nothing();
}
