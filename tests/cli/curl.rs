//! `rein curl`: what the profile adds, what guards stop, what goes nowhere else, and what is
//! refused. That everything else is curl's is for `twin.rs`.

use crate::support::command::Rein;
use crate::support::{CANARY, Recorder, Reply, rein};

fn fine() -> Recorder {
    Recorder::always(Reply::json(200, r#"{"status":"ok"}"#))
}

/// A configuration with dev at this endpoint.
fn config(endpoint: &str, more: &str) -> String {
    format!(
        "default_profile = \"dev\"\n[profiles.dev]\nendpoint = \"{endpoint}\"\nproject = \"retail-dev\"\n\
         token_env = \"DEV\"\n{more}"
    )
}

fn curl(words: &[&str]) -> Rein {
    rein([&["curl"], words].concat())
}

#[test]
fn documented_lines_are_filled_in_and_carry_the_token() {
    for host in [
        "https://<my_api_endpoint>",
        "<my_api_endpoint>",
        "https://<mydomain>.reinfer.io",
        "https://cloud.uipath.com/<my_uipath_organisation>/<my_uipath_tenant>/reinfer_",
    ] {
        let server = fine();
        let url = format!("{host}/api/v1/datasets/<project>/<dataset>");
        let run = curl(&[
            "-X",
            "GET",
            &url,
            "-H",
            "Authorization: Bearer ",
            "--var",
            "dataset=a b",
        ])
        .config(&config(&format!("{}/acme/dev/reinfer_", server.url()), ""))
        .var("DEV", CANARY)
        .run()
        .exit(0)
        .stdout(r#"{"status":"ok"}"#)
        .no_canary();
        run.says("note: ").never_says("server ");
        let request = server.only();
        assert_eq!(
            request.line(),
            "GET /acme/dev/reinfer_/api/v1/datasets/retail-dev/a%20b"
        );
        assert_eq!(
            request.header("authorization"),
            [format!("Bearer {CANARY}")]
        );
    }
}

#[test]
fn a_credential_that_is_missing_empty_or_literal_is_the_profiles() {
    let server = fine();
    let url = format!("{}/api/v1/x", server.url());
    for words in [
        &[][..],
        &["-H", "Authorization: Bearer"],
        &["-H", "Authorization: Bearer "],
        &["-H", "Authorization: Bearer $REINFER_TOKEN"],
        &["-H", "authorization: bearer ${REINFER_TOKEN}"],
        &["-H", "Authorization:"],
    ] {
        let run = curl(&[&["-s", &url], words].concat())
            .at(&server.url())
            .run()
            .exit(0)
            .no_canary();
        assert!(run.stderr.is_empty(), "{run}");
        let requests = server.take();
        assert_eq!(
            requests[0].header("authorization"),
            [format!("Bearer {CANARY}")]
        );
    }
}

#[test]
fn a_typed_credential_is_used_as_typed() {
    let server = fine();
    let url = format!("{}/api/v1/x", server.url());
    let with_user = url.replace("http://", "http://a:b@");
    for (words, sent, told) in [
        (
            &[&*url, "-H", "Authorization: Bearer another-token"][..],
            "Bearer another-token",
            true,
        ),
        (
            &[&*url, "-H", "Authorization: Bearer SEKRET-0123"],
            "Bearer SEKRET-0123",
            false,
        ),
        (&[&*url, "-u", "a:b"], "Basic YTpi", false),
        (&[&*url, "--oauth2-bearer", "mine"], "Bearer mine", true),
        (&[&*with_user], "Basic YTpi", false),
        (
            &[&*url, "-u", "a:b", "-H", "Authorization: Foo"],
            "Foo",
            false,
        ),
    ] {
        let run = curl(words).at(&server.url()).run().exit(0).no_canary();
        assert_eq!(run.stderr_text().contains("another token"), told, "{run}");
        let requests = server.take();
        assert_eq!(requests[0].header("authorization"), [sent], "{words:?}");
    }
}

#[test]
fn other_places_get_exactly_what_was_typed() {
    let (own, other) = (fine(), fine());
    let call = |words: &[&str]| {
        curl(words)
            .config(&config(&format!("{}/acme", own.url()), ""))
            .var("DEV", CANARY)
            .run()
    };
    let elsewhere = format!("{}/x", other.url());
    call(&["-s", &elsewhere]).exit(0).no_canary();
    let request = other.take().remove(0);
    assert!(request.header("authorization").is_empty(), "{request:?}");
    // Placeholders and literal variables are nothing of ours there.
    let literal = format!("{}/<project>", other.url());
    call(&["-s", &literal, "-H", "Authorization: Bearer $REINFER_TOKEN"]).exit(0);
    let request = other.take().remove(0);
    assert_eq!(request.line(), "GET /<project>");
    assert_eq!(request.header("authorization"), ["Bearer $REINFER_TOKEN"]);
    // Another path of the own host is another place.
    for path in ["/", "/acme-evil/x", "/acme/%2e%2e/x", "/other/..%2facme/x"] {
        call(&["-s", &format!("{}{path}", own.url())])
            .exit(0)
            .no_canary();
        let request = own.take().remove(0);
        assert!(request.header("authorization").is_empty(), "{path}");
    }
    // A path that dots lead to is what is sent.
    call(&["-s", &format!("{}/x/../acme/y", own.url())]).exit(0);
    let request = own.take().remove(0);
    assert_eq!(request.line(), "GET /acme/y");
    assert_eq!(request.header("authorization").len(), 1);
}

#[test]
fn a_token_that_is_known_goes_nowhere_else() {
    let (own, other) = (fine(), fine());
    let url = format!("{}/x", other.url());
    let with_token = format!("{url}?key={CANARY}");
    let encoded = format!("{url}?key=%53EKRET-0123");
    let as_user = format!(
        "{}/x",
        other
            .url()
            .replace("http://", &format!("http://u:{CANARY}@"))
    );
    let bearer = format!("Authorization: Bearer {CANARY}");
    let cookie = format!("t={CANARY}");
    let user = format!("u:{CANARY}");
    for words in [
        &[&*url, "-H", &bearer][..],
        &[&*url, "-b", &cookie],
        &[&*url, "-u", &user],
        &[&*url, "--oauth2-bearer", CANARY],
        &[&*with_token],
        &[&*encoded],
        &[&*as_user],
    ] {
        curl(&[&["-s"], words].concat())
            .config(&config(&own.url(), ""))
            .var("DEV", CANARY)
            .run()
            .exit(2)
            .says("the token of profile dev ($DEV) is not for")
            .says("nothing was sent")
            .no_canary();
        curl(words)
            .var("REINFER_TOKEN_ANY", CANARY)
            .run()
            .exit(2)
            .says("$REINFER_TOKEN_ANY");
    }
    other.saw_nothing();
}

#[test]
fn another_profiles_url_is_refused_with_its_name() {
    let (own, other) = (fine(), fine());
    let prod = format!(
        "[profiles.prod]\nendpoint = \"{}/acme/prod\"\ntoken_env = \"PROD\"\n",
        other.url()
    );
    let url = format!("{}/acme/prod/api/v1/x", other.url());
    curl(&["-s", &url])
        .config(&config(&own.url(), &prod))
        .var("DEV", CANARY)
        .run()
        .exit(2)
        .says("the URL belongs to profile prod")
        .says("rein -p prod curl");
    // Without a profile that is chosen too.
    curl(&["-s", &url])
        .config(&prod)
        .run()
        .exit(2)
        .says("profile prod");
    other.saw_nothing();
    for words in [
        &["-p", "prod", "curl", "-s", &url][..],
        &["curl", "--profile", "prod", "-s", &url],
    ] {
        rein(words)
            .config(&config(&own.url(), &prod))
            .var("PROD", CANARY)
            .run()
            .exit(0);
        let request = other.take().remove(0);
        assert_eq!(
            request.header("authorization"),
            [format!("Bearer {CANARY}")]
        );
    }
}

#[test]
fn guards_hold_whatever_the_line_says() {
    let server = fine();
    let guarded = |guard: &str| {
        config(
            &format!("{}/acme/dev", server.url()),
            &format!("guard = \"{guard}\"\n"),
        )
    };
    let base = format!("{}/acme/dev", server.url());
    let url = format!("{base}/api/v1/datasets/retail-dev/orders");
    let dots = format!(
        "{}/x/%2e%2e/acme/dev/api/v1/datasets/retail-dev/orders",
        server.url()
    );
    let capitals = format!(
        "{}/ACME/dev/api/v1/datasets/retail-dev/orders",
        server.url()
    );
    for words in [
        &["-X", "DELETE", &url][..],
        &["-XdElEtE", &url],
        &["-sX", "DELETE", &url],
        &["-X", "PUT", "-d", "{}", &url],
        &["-H", "X-HTTP-Method-Override: DELETE", &url],
        &["-X", "DELETE", &dots],
        &["-X", "DELETE", &capitals],
        &[
            "-X",
            "DELETE",
            "--path-as-is",
            &format!("{base}/../dev/api/v1/datasets/retail-dev/orders"),
        ],
        &["-T", "/etc/hostname", &url],
    ] {
        for guard in ["confirm", "read-only"] {
            curl(words)
                .config(&guarded(guard))
                .var("DEV", CANARY)
                .run()
                .exit(9)
                .says("refused by the guard of profile dev")
                .no_canary();
        }
    }
    server.saw_nothing();
    // Reads pass, the POSTs among them too, and a confirmed write.
    let export = format!("{url}/export");
    for words in [
        &["-s", &url][..],
        &["-s", "--json", "{}", &export],
        &["-s", "-X", "DELETE", &url, "--confirm", "dev"],
    ] {
        curl(words)
            .config(&guarded("confirm"))
            .var("DEV", CANARY)
            .run()
            .exit(0);
        assert_eq!(server.take().len(), 1);
    }
    rein(["--confirm", "dev", "curl", "-s", "-X", "DELETE", &url])
        .config(&guarded("read-only"))
        .var("DEV", CANARY)
        .run()
        .exit(9);
    curl(&["-k", &url])
        .config(&guarded("confirm"))
        .var("DEV", CANARY)
        .run()
        .exit(2)
        .says("-k is refused");
    assert!(server.take().is_empty());
}

#[test]
fn a_redirect_takes_nothing_along() {
    let other = fine();
    let away = format!("Location: {}/there", other.url());
    for status in [301, 302, 303, 307, 308] {
        let server = Recorder::always(Reply::with(status, &[&away], b""));
        let url = format!("{}/api/v1/x", server.url());
        curl(&["-sL", &url, "-H", "X-Secret: mine", "-b", "a=b"])
            .at(&server.url())
            .run()
            .exit(0);
        let request = other.take().remove(0);
        for name in ["authorization", "x-secret", "cookie", "referer"] {
            assert!(request.header(name).is_empty(), "{status} {name}");
        }
        // A write is not made again somewhere else on a server's word.
        let write = curl(&[
            "-sS",
            "-L",
            "-X",
            "PUT",
            &format!("{}/api/v1/users", server.url()),
        ])
        .at(&server.url())
        .run()
        .exit(47);
        write.says("would repeat a PUT");
        assert!(other.take().is_empty());
    }
    // Inside the endpoint the token stays with the call; on the way out of it, it does not.
    let server = Recorder::by(|position, _| match position {
        0 => Reply::with(302, &["Location: /acme/dev/api/v1/y"], b""),
        1 => Reply::with(302, &["Location: /acme/prod/z"], b""),
        _ => Reply::json(200, "{}"),
    });
    let base = format!("{}/acme/dev", server.url());
    curl(&["-sL", &format!("{base}/api/v1/x")])
        .at(&base)
        .run()
        .exit(0);
    let sent: Vec<usize> = server
        .take()
        .iter()
        .map(|request| request.header("authorization").len())
        .collect();
    assert_eq!(sent, [1, 1, 0]);
}

#[test]
fn tries_are_curls_but_what_costs_is_not_paid_twice() {
    let flaky = || {
        Recorder::start(vec![
            Reply::with(503, &["Retry-After: 1"], b"not yet"),
            Reply::json(200, r#"{"status":"ok"}"#),
        ])
    };
    let server = flaky();
    let url = format!("{}/api/v1/datasets", server.url());
    curl(&["--retry", "2", "-i", &url])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout_starts("HTTP/1.1 200 OK\r\n")
        .says("trying again in 1 s (retry 1 of 2)");
    assert_eq!(server.requests().len(), 2);
    let server = flaky();
    let url = format!(
        "{}/api/v1/datasets/retail/orders/labellers/1/predict",
        server.url()
    );
    curl(&["-s", "--retry", "2", "--json", r#"{"documents":[]}"#, &url])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout("not yet");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn the_demo_tenant_is_called_by_curls_lines() {
    rein([
        "-p",
        "demo",
        "curl",
        "-sS",
        "-f",
        "https://<my_api_endpoint>/api/v1/datasets/<project>/orders",
    ])
    .run()
    .exit(0)
    .stdout_starts(r#"{"status":"ok""#);
    rein([
        "-p",
        "demo",
        "curl",
        "-sf",
        "https://<my_api_endpoint>/api/v1/datasets/<project>/nothing",
    ])
    .run()
    .exit(22)
    .stdout("");
    curl(&[
        "--profile",
        "demo",
        "-s",
        "-w",
        "%{http_code} %{profile} %{class}",
        "-o",
        "/dev/null",
        "https://<my_api_endpoint>/auth/user",
    ])
    .run()
    .exit(0)
    .stdout("200 demo read");
}

#[test]
fn what_has_no_value_is_not_sent() {
    let server = fine();
    let url = format!("{}/api/v1/datasets/<project>/<source>", server.url());
    curl(&["-s", &url])
        .at(&server.url())
        .run()
        .exit(2)
        .says("no value for {project}, {source}");
    curl(&["-s", "https://<my_api_endpoint>/api/v1/x"])
        .run()
        .exit(2)
        .says("no profile says");
    curl(&["-s", &format!("{}/x", server.url())])
        .config("this is no toml")
        .run()
        .exit(2);
    server.saw_nothing();
}

#[test]
fn nothing_needs_to_be_configured_for_other_places() {
    let server = fine();
    curl(&["-sS", &format!("{}/x?y", server.url())])
        .run()
        .exit(0)
        .stdout(r#"{"status":"ok"}"#);
    assert_eq!(server.only().line(), "GET /x?y");
}

#[test]
fn a_native_line_is_explained_and_sends_the_same() {
    let server = fine();
    let url = format!("{}/api/v1/datasets/retail/orders/export", server.url());
    for words in [
        &["-s", &url][..],
        &["-s", "--json", "{\"a\": \"it's\"}", &url],
        &["-s", "-d", "a=1", "-d", "b=2", &url],
        &[
            "-s",
            "-X",
            "PUT",
            "-d",
            "x",
            "-H",
            "Content-Type: text/plain",
            "-H",
            "X-One: 1",
            &url,
        ],
        &["-s", "-G", "-d", "q=1", "-H", "Accept: text/csv", &url],
        &["-s", "-I", &url],
        &["-s", "-H", "Accept:", "-A", "mine", &url],
        &["-s", "-F", "a=1", "-F", "b=<README.md;type=text/x", &url],
        &["-s", "-T", "README.md", &url],
    ] {
        curl(words).at(&server.url()).run().exit(0);
        let expected = server.take().remove(0);
        let explained = curl(&[&["--explain"], words].concat())
            .at(&server.url())
            .run()
            .exit(0)
            .no_canary();
        assert!(server.take().is_empty());
        let line = explained.stdout_text();
        let native = shell_words::split(&line).expect("words");
        assert_eq!(native[0], "rein");
        rein(&native[1..]).at(&server.url()).run();
        let sent = server.take().remove(0);
        assert_eq!(sent.line(), expected.line(), "{line}");
        let comparable = |request: &crate::support::Recorded| {
            let mut headers: Vec<String> = request
                .head
                .lines()
                .skip(1)
                .map(|header| {
                    header
                        .split("boundary")
                        .next()
                        .unwrap_or_default()
                        .to_lowercase()
                })
                .filter(|header| !header.starts_with("accept-encoding"))
                .collect();
            headers.sort();
            headers
        };
        assert_eq!(comparable(&sent), comparable(&expected), "{line}");
        if !line.contains("-F") {
            assert_eq!(sent.body, expected.body, "{line}");
        }
    }
    curl(&["--explain", "http://127.0.0.1:1/x"])
        .at(&server.url())
        .run()
        .exit(2)
        .says("no native line");
}

#[test]
fn a_dry_run_shows_class_and_guard() {
    let run = rein([
        "-p",
        "demo",
        "curl",
        "--dry-run",
        "-X",
        "DELETE",
        "https://<my_api_endpoint>/api/v1/datasets/<project>/orders",
    ])
    .run()
    .exit(0);
    assert!(run.stdout_text().contains("class     destructive"), "{run}");
}

#[test]
fn a_dry_run_of_a_url_elsewhere_says_that_rein_adds_nothing() {
    let server = fine();
    let url = "https://elsewhere.example/a?token=abc&b='c'";
    curl(&[
        "--dry-run",
        "-X",
        "DELETE",
        url,
        "-H",
        "Cookie: abc",
        "-x",
        "http://u:p@proxy.example:1",
    ])
    .at(&server.url())
    .run()
    .exit(0)
    .no_canary()
    .stdout(
        "DELETE https://elsewhere.example/a?token=(redacted)&b='c'\n\
             Host: elsewhere.example\n\
             User-Agent: rein/0.1.0 (+https://crates.io/crates/rein-cli)\n\
             Accept: */*\n\
             Cookie: (redacted)\n\
             \n\
             profile  none: the URL is not under its endpoint\n\
             token    none of rein's\n\
             proxy    proxy.example:1 (-x)\n\
             guard    none: guards hold for endpoints of profiles\n\
             nothing was sent\n",
    );
    server.saw_nothing();
}

#[test]
fn what_is_not_to_be_had_names_what_is() {
    for (words, instead) in [
        (&["-K", "file"][..], "rein config path"),
        (&["--config", "file"], "rein config path"),
        (&["-n"], "rein profile add"),
        (&["-Z"], "once for each URL"),
        (&["--next"], "once for each URL"),
        (&["-t", "a=b"], "http and https"),
        (&["-c", "jar"], "-b 'name=value'"),
        (&["-b", "jar"], "-b 'session=abc"),
        (&["-C", "5"], "-r FIRST-"),
        (&["-u", "name"], "user:password"),
        (&["--digest"], "--oauth2-bearer"),
        (&["--unix-socket", "/s"], "--connect-to"),
        (&["--resolv", "x"], "did you mean --resolve?"),
    ] {
        let run = curl(&[&["-sS"], words, &["http://127.0.0.1:1/x"]].concat()).run();
        assert!(run.exit == 2, "{run}");
        run.says(instead);
    }
    curl(&["/api/v1/x"]).run().exit(3).says("rein /api/v1/x");
}

#[test]
fn lines_are_taken_as_they_are_pasted() {
    let server = fine();
    let url = format!("\u{201c}{}/api/v1/x\u{201d}", server.url());
    curl(&[
        "$",
        "curl",
        "-X",
        "POST",
        &url,
        " -H",
        "Content-Type: application/json",
        " -d",
        "{}",
    ])
    .at(&server.url())
    .run()
    .exit(0)
    .says("note: a leading curl was left out");
    let request = server.only();
    assert_eq!(request.line(), "POST /api/v1/x");
    assert_eq!(request.header("content-type"), ["application/json"]);
    assert_eq!(request.text(), "{}");
}

#[test]
fn what_is_shown_is_redacted() {
    let server = fine();
    let url = format!("{}/api/v1/x", server.url());
    curl(&["-v", &url])
        .at(&server.url())
        .run()
        .exit(0)
        .says("> GET /api/v1/x HTTP/1.1")
        .says("> Authorization: Bearer (redacted)")
        .says("< HTTP/1.1 200 OK")
        .no_canary();
    let url = format!("{}/x", fine().url());
    for words in [
        &["-v", "-u", "user:SEKRET-0123", &*url][..],
        &["-v", "--oauth2-bearer", CANARY, &url],
    ] {
        curl(words).run().exit(0).no_canary();
    }
}

#[test]
fn the_token_stays_with_its_host() {
    let server = fine();
    let url = format!("{}/api/v1/x", server.url());
    curl(&["-s", &url, "-H", "Host: other.example"])
        .at(&server.url())
        .run()
        .exit(2)
        .says("names another");
    curl(&["-s", &url, "--connect-to", "::other.example:80"])
        .at(&server.url())
        .run()
        .exit(2)
        .says("off this machine");
    server.saw_nothing();
}

#[test]
fn a_raw_call_can_leave_accept_out() {
    let server = fine();
    rein(["/api/v1/x", "-H", "Accept:", "-H", "X-Case: kept", "-i"])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout_starts("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
    let request = server.only();
    assert!(request.header("accept").is_empty(), "{request:?}");
    assert_eq!(
        request.header("authorization"),
        [format!("Bearer {CANARY}")]
    );
    assert!(request.head.contains("X-Case: kept"), "{request:?}");
}

#[test]
fn https_is_spoken_with_one_authority_alone() {
    let tenant = crate::support::Demo::tls();
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, tenant.ca_pem.as_deref().expect("a CA")).expect("written");
    let ca = ca.to_string_lossy().into_owned();
    let url = format!("{}/api/v1/datasets", tenant.url);
    let format = "%{http_version} %{http_code}";
    for (words, expected) in [
        (&["--cacert", &*ca][..], "2 200"),
        (&["--cacert", &ca, "--http1.1"], "1.1 200"),
        (&["--cacert", &ca, "--tlsv1.3"], "2 200"),
        (&["--cacert", &ca, "--tls-max", "1.2"], "2 200"),
        (&["-k"], "2 200"),
    ] {
        curl(&[&["-s", "-o", "/dev/null", "-w", format, &url], words].concat())
            .var("REINFER_ENDPOINT", &tenant.url)
            .var("REINFER_TOKEN", &tenant.token)
            .run()
            .exit(0)
            .stdout(expected);
    }
    let shown = curl(&["-s", "-I", "--cacert", &ca, &url])
        .var("REINFER_ENDPOINT", &tenant.url)
        .var("REINFER_TOKEN", &tenant.token)
        .run()
        .exit(0);
    assert!(shown.stdout.starts_with(b"HTTP/2 200 \r\n"), "{shown}");
    curl(&["-sS", &url]).run().exit(60);
}

#[cfg(target_os = "linux")]
#[test]
fn binary_output_is_kept_off_a_terminal_unless_it_is_asked_for() {
    let server = Recorder::always(Reply::with(200, &[], b"a\0b"));
    let url = format!("{}/x", server.url());
    let refused = rein(["curl", "-w", "%{exitcode}", &url]);
    let seen = crate::output::on_a_terminal(&refused.command());
    assert!(
        seen.starts_with("23") && seen.contains("spoil the terminal") && !seen.contains('\0'),
        "{seen:?}"
    );
    let asked_for = rein(["curl", "-s", "-o", "-", "-w", "%{exitcode}", &url]);
    let seen = crate::output::on_a_terminal(&asked_for.command());
    assert_eq!(seen, "a\0b0");
}
