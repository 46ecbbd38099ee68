//! Guards: a write to production is sent only when it is confirmed by name, whatever the spelling.

use crate::support::{CANARY, Demo, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok"}"#;

fn server() -> Recorder {
    Recorder::always(Reply::json(200, OK))
}

/// Development and production as two projects of one tenant.
fn config(server: &Recorder, guard: &str) -> String {
    format!(
        "default_profile = \"dev\"\n\
         [profiles.dev]\nendpoint = \"{url}\"\nproject = \"retail-dev\"\ntoken_env = \"T\"\n\
         [profiles.prod]\nextends = \"dev\"\nproject = \"retail\"\ntoken_env = \"T\"\nguard = \"{guard}\"\n",
        url = server.url()
    )
}

#[test]
fn a_write_needs_the_guarded_profiles_name_from_whichever_profile() {
    let server = server();
    let config = config(&server, "confirm");
    let call = |args: &[&str]| rein(args).config(&config).var("T", CANARY);
    let full = format!("{}/api/v1/datasets/retail/orders", server.url());
    for args in [
        &["-p", "prod", "DELETE", "v1/datasets/{project}/orders"][..],
        &["-p", "prod", "PUT", "v1/sources/other/x", "source[title]=x"],
        &["DELETE", "v1/datasets/retail/orders"],
        &["delete", &full],
        &["-X", "dElEtE", "/api//v1/datasets/retail%2Forders/"],
        &["DELETE", "/API/V1/data%73ets/Retail/orders?x=1"],
        &[
            "GET",
            "v1/datasets/retail/orders",
            "X-HTTP-Method-Override:DELETE",
        ],
        &["GET", "v1/datasets/retail/orders?_method=DELETE"],
        &["DELETE", "v1/sources/id:18ba5ce699f8da1f"],
        &["DELETE", "v1/datasets/{p}/orders", "-V", "p=retail"],
        &["POST", "v1/unlisted/retail", "a=1"],
        &["-X", "PROPFIND", "v1/datasets/retail/orders"],
        &[
            "POST",
            "v1/sources/retail/support/sync",
            "comments:=[{},{},{}]",
        ],
        &[
            "POST",
            "v1/datasets/retail/orders/streams/s/advance",
            "sequence_id=x",
        ],
    ] {
        call(args)
            .run()
            .exit(9)
            .stdout("")
            .says("--confirm prod")
            .no_canary();
        let wrong = [args, &["--confirm", "dev"]].concat();
        call(&wrong).run().exit(9).says("must be --confirm prod");
    }
    server.saw_nothing();
    call(&["DELETE", "v1/datasets/retail/orders", "--confirm", "prod"])
        .run()
        .exit(0);
    assert_eq!(
        server.only().line(),
        "DELETE /api/v1/datasets/retail/orders"
    );
    for args in [
        &["v1/datasets/retail/orders"][..],
        &["POST", "v1/datasets/retail/orders/export", "limit:=1"],
        &["-p", "prod", "-I", "v1/datasets"],
        &["DELETE", "v1/datasets/retail-dev/orders"],
    ] {
        call(args).run().exit(0);
    }
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn read_only_yields_to_nothing() {
    let server = server();
    let config = config(&server, "read-only");
    for args in [
        &["DELETE", "v1/datasets/retail/orders"][..],
        &[
            "-p",
            "prod",
            "DELETE",
            "v1/datasets/retail/orders",
            "--confirm",
            "prod",
        ],
        &[
            "POST",
            "v1/sources/retail/support/sync",
            "comments:=[]",
            "--confirm",
            "prod",
        ],
    ] {
        rein(args)
            .config(&config)
            .var("T", CANARY)
            .run()
            .exit(9)
            .says("is read-only; --confirm cannot override it");
    }
    rein(["-k", "-p", "prod", "v1/datasets"])
        .config(&config)
        .var("T", CANARY)
        .run()
        .exit(2)
        .says("-k is refused");
    server.saw_nothing();
    rein(["-p", "prod", "v1/datasets"])
        .config(&config)
        .var("T", CANARY)
        .run()
        .exit(0);
}

#[test]
fn a_file_that_cannot_be_read_has_guards_that_nobody_knows() {
    let server = server();
    let good = config(&server, "confirm");
    let writes = [
        &["DELETE", "v1/datasets/retail/orders"][..],
        &[
            "DELETE",
            "v1/datasets/retail/orders",
            "--confirm",
            "127.0.0.1",
        ],
        &["POST", "v1/unlisted", "a=1"],
        &["call", "delete-dataset", "project=retail", "dataset=orders"],
        &["follow", "retail/orders/s", "--once"],
    ];
    // One mistake in the text, one in a single profile, and a file that is not there.
    let broken = [
        (format!("{good}[profiles.\"{CANARY}\n"), "config.toml:11:"),
        (
            format!("{good}[profiles.x]\nextends = \"nope\"\n"),
            "config.toml:12: profile x extends nope",
        ),
        (
            format!("{good}[profiles.x]\nguard = \"{CANARY}\"\n"),
            "config.toml:12:9: guard must be one of",
        ),
    ];
    for (text, place) in &broken {
        for args in writes {
            rein(args)
                .config(text)
                .at(&server.url())
                .run()
                .exit(9)
                .stdout("")
                .says("it is not known which guards apply to this call")
                .says(place)
                .says("REINFER_CONFIG=/dev/null")
                .no_canary();
        }
    }
    rein(writes[0])
        .var("REINFER_CONFIG", "/nowhere/c.toml")
        .at(&server.url())
        .run()
        .exit(9)
        .says("cannot read the config file /nowhere/c.toml");
    let look = rein(["DELETE", "v1/datasets/retail/orders", "--dry-run"])
        .config(&broken[0].0)
        .at(&server.url())
        .run()
        .exit(0);
    assert!(
        look.stdout_text()
            .contains(" not known: would be refused (")
    );
    server.saw_nothing();
    // Reads pass, and so does a write when no guard is meant on purpose.
    for args in [
        &["v1/datasets/retail/orders"][..],
        &["POST", "v1/datasets/retail/orders/export", "limit:=1"],
    ] {
        let call = rein(args).config(&broken[0].0).at(&server.url());
        call.run().exit(0);
    }
    rein(writes[0])
        .config(&broken[0].0)
        .var("REINFER_CONFIG", "/dev/null")
        .at(&server.url())
        .run()
        .exit(0);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_refusal_of_a_billable_call_names_the_units() {
    let server = server();
    let args = [
        "POST",
        "v1/sources/retail/support/sync",
        "comments:=[{},{},{}]",
    ];
    rein(args)
        .config(&config(&server, "confirm"))
        .var("T", CANARY)
        .run()
        .exit(9)
        .says("billable: up to 3 AI units");
    server.saw_nothing();
}

#[cfg(target_os = "linux")]
#[test]
fn the_prompt_takes_the_name_and_nothing_else() {
    let server = server();
    let config = config(&server, "confirm");
    for (answer, sent) in [("y", 0), ("", 0), ("dev", 0), ("prod", 1)] {
        let call = rein(["-p", "prod", "DELETE", "v1/datasets/retail/orders"])
            .config(&config)
            .var("T", CANARY);
        let seen = crate::output::typing_on_a_terminal_when_asked(&call.command(), answer);
        assert!(seen.contains("Type \"prod\" to send it"), "{seen}");
        assert!(seen.contains("class: destructive"), "{seen}");
        assert_eq!(server.requests().len(), sent, "{answer:?} {seen}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_prompt_cannot_be_rewritten_by_a_name() {
    let server = server();
    let config = config(&server, "confirm")
        .replace("profiles.prod", "profiles.\"prod\u{202e}x\"")
        .replace("\"retail\"", "\"re\u{202e}tail\"");
    let call = rein(["DELETE", "v1/datasets/id:1/re\u{202e}tail"])
        .config(&config)
        .var("T", CANARY);
    let seen = crate::output::typing_on_a_terminal_when_asked(&call.command(), "prod");
    assert!(seen.contains("Type \"prod"), "{seen}");
    assert!(!seen.contains('\u{202e}'), "{seen}");
    server.saw_nothing();
}

#[test]
fn a_look_runs_no_command_for_the_token() {
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let ran = folder.path().join("ran");
    let url = format!("{}/api/v1/x", server.url());
    for source in [
        "token_command".to_owned(),
        format!(
            "oauth.token_url = \"{}\"\noauth.client_id = \"one\"\noauth.client_secret_command",
            server.url()
        ),
    ] {
        let config = format!(
            "[profiles.p]\nendpoint = \"{}\"\n{source} = [\"touch\", \"{}\"]\n",
            server.url(),
            ran.display()
        );
        for args in [
            &["-p", "p", "v1/x", "--curl"][..],
            &["-p", "p", "v1/x", "--dry-run"],
            &["-p", "p", "curl", "--explain", &url],
            &["-p", "p", "curl", "--dry-run", &url],
            &["profile", "show", "p"],
            &["profile", "list"],
            &["config", "check"],
        ] {
            rein(args)
                .config(&config)
                .var("PATH", "/usr/bin:/bin")
                .run()
                .exit(0);
            assert!(!ran.exists(), "{args:?}");
        }
    }
    server.saw_nothing();
}

#[test]
fn a_403_names_what_the_endpoint_needs() {
    let server = Recorder::always(Reply::json(403, r#"{"status":"error","message":"no"}"#));
    rein(["PUT", "v1/datasets/p/d/streams", "stream[name]=x"])
        .at(&server.url())
        .run()
        .exit(4)
        .says("PUT /api/v1/datasets/p/d/streams needs: Streams admin, View labels")
        .says("token: $REINFER_TOKEN");
}

#[test]
fn a_dry_run_shows_everything_and_opens_no_socket() {
    let server = server();
    let config = format!(
        "{}token_command = [\"false\"]\n",
        config(&server, "confirm").replace("token_env = \"T\"\nguard", "guard")
    );
    let run = rein([
        "-p",
        "prod",
        "POST",
        "v1/sources/{project}/support/sync",
        "comments:=[{},{}]",
        "--dry-run",
    ])
    .config(&config)
    .run()
    .exit(0);
    for part in [
        "POST http://127.0.0.1:",
        "/api/v1/sources/retail/support/sync\n",
        "Authorization: Bearer (redacted)",
        "{\"comments\":[{},{}]}",
        "class      billable (sync-comments)",
        "needs      Edit messages",
        "cost       up to 2 AI units",
        "guard      confirm: would be refused without --confirm prod",
        "{project}  retail (",
        "token      token_command false",
        "nothing was sent",
    ] {
        assert!(run.stdout_text().contains(part), "{part}: {run}");
    }
    rein(["-p", "demo", "v1/datasets", "--dry-run"])
        .run()
        .exit(0);
    server.saw_nothing();
}

#[test]
fn a_dry_run_tells_where_each_value_came_from() {
    let config = "default_profile = \"p\"\n[vars]\ndataset = \"orders\"\n\
        [profiles.base]\nendpoint = \"http://127.0.0.1:9/t\"\nproject = \"retail\"\n\
        [profiles.p]\nextends = \"base\"\ntoken_env = \"T\"\nproxy = \"http://u:SEKRET-0123@127.0.0.1:1\"\n\
        [profiles.p.vars]\nstream = \"late\"\n\
        [templates.mine]\nmethod = \"POST\"\npath = \"/api/v1/datasets/{project}/{dataset}/export\"\n\
        body = { limit = \"{limit}\", from = \"{since}\", to = \"{until}\" }\ndefaults = { limit = 100 }\n";
    let look = |args: &[&str]| rein([args, &["--dry-run"]].concat()).config(config);
    let cases: [(&[&str], &[&str]); 4] = [
        (
            &[
                "v1/datasets/{project}/<dataset>/streams/{stream}/{x}",
                "-V",
                "x=a b",
            ],
            &[
                "{project}  retail (HOME/.config/rein/config.toml:6, from base)",
                "{dataset}  orders (HOME/.config/rein/config.toml:3)",
                "{stream}   late (HOME/.config/rein/config.toml:12)",
                "{x}        a b (-V)",
                "proxy      127.0.0.1:1 (the profile (HOME/.config/rein/config.toml:10))",
            ],
        ),
        (
            &["call", "get-stream", "dataset=other", "--project", "dev"],
            &[
                "{project}  dev (--project)",
                "{dataset}  other (item)",
                "{stream}   late (HOME/",
            ],
        ),
        (
            &[
                "call",
                "get-stream",
                "dataset=item-wins",
                "-V",
                "dataset=v",
                "-V",
                "stream=v",
            ],
            &["{dataset}  item-wins (item)", "{stream}   v (-V)"],
        ),
        (
            &["call", "mine", "since=2024", "-V", "until=2025"],
            &[
                "{limit}    100 (default of the template, HOME/.config/rein/config.toml:13)",
                "{since}    2024 (item)",
                "{until}    2025 (-V)",
                "{dataset}  orders (HOME/",
            ],
        ),
    ];
    for (args, parts) in cases {
        let call = look(args);
        let home = call
            .config_path()
            .ancestors()
            .nth(3)
            .expect("a home")
            .to_owned();
        let run = call.run().exit(0).no_canary();
        let text = run
            .stdout_text()
            .replace(&home.display().to_string(), "HOME");
        for part in parts {
            assert!(text.contains(part), "{part}: {run}");
        }
    }
    let run = look(&["v1/datasets/{project}"])
        .var("REINFER_PROJECT", "of-env")
        .run()
        .exit(0);
    assert!(
        run.stdout_text()
            .contains("{project}  of-env ($REINFER_PROJECT)"),
        "{run}"
    );
}

#[test]
fn the_curl_line_sends_the_same_request() {
    if std::process::Command::new("curl")
        .arg("--version")
        .output()
        .is_err()
    {
        eprintln_skipped();
        return;
    }
    let server = server();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("it's.csv");
    std::fs::write(&file, "a,b\n").expect("written");
    let file = file.display().to_string();
    let form = format!("f=@{file};type=text/csv");
    for args in [
        &["v1/datasets?q=a'b&c=[1]"][..],
        &["v1/x", "a=it's \"$HOME\" `x` !\n", "n:=1.10"],
        &["PUT", "v1/x", "-d", "{\"a\": \"@b\"}"],
        &["DELETE", "v1/x/{v}", "-V", "v=a b{}"],
        &["-I", "v1/x"],
        &["v1/x", "-H", "X-Odd: 'q' $x", "-H", "X-Empty;"],
        &["-T", &file, "v1/x"],
        &["v1/x", "-F", "a=1", "-F", &form],
        &["v1/x", "-H", "User-Agent:"],
        &["v1/x", "-d", "{}", "-H", "Content-Type:"],
    ] {
        let before = server.requests().len();
        rein(args).at(&server.url()).run().exit(0);
        let line = rein([args, &["--curl"]].concat())
            .at(&server.url())
            .run()
            .exit(0)
            .no_canary()
            .stdout_text();
        assert!(
            line.contains("\"Authorization: Bearer $REINFER_TOKEN\""),
            "{line}"
        );
        let ran = std::process::Command::new("sh")
            .args(["-ec", &line])
            .current_dir(folder.path())
            .env("REINFER_TOKEN", CANARY)
            .output()
            .expect("sh");
        assert!(
            ran.status.success(),
            "{line}\n{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let requests = server.requests();
        let [ours, theirs] = &requests[before..] else {
            panic!("{line}: {requests:?}")
        };
        assert_eq!(ours.line(), theirs.line(), "{line}");
        for name in ["authorization", "user-agent", "accept", "x-odd", "x-empty"] {
            assert_eq!(ours.header(name), theirs.header(name), "{name}: {line}");
        }
        let plain = |request: &crate::support::Recorded| {
            let content_type = request
                .header("content-type")
                .first()
                .copied()
                .unwrap_or_default()
                .to_owned();
            let boundary = content_type
                .split_once("boundary=")
                .map_or("none", |(_, boundary)| boundary);
            (
                content_type.replace(boundary, "B"),
                request.text().replace(boundary, "B"),
            )
        };
        assert_eq!(plain(ours), plain(theirs), "{line}");
    }
}

#[test]
fn the_curl_line_goes_the_same_way() {
    let server = server();
    let config = |proxy: &str| {
        format!(
            "[profiles.p]\nendpoint = \"https://tenant.example\"\nproxy = \"{proxy}\"\ntoken = \"TOKEN-OF-P-12\"\n"
        )
    };
    let line = |proxy: &str, words: &[&str]| {
        rein([&["-p", "p", "v1/x", "--curl"], words].concat())
            .config(&config(proxy))
            .var("https_proxy", "http://env.example:3128")
            .run()
            .exit(0)
            .no_canary()
    };
    for (proxy, words, shown) in [
        (
            "proxy.example:8080",
            &[][..],
            "-x http://proxy.example:8080",
        ),
        (
            "proxy.example:8080",
            &["-x", "socks5h://other:1"],
            "-x socks5h://other:1",
        ),
        ("proxy.example", &[], "-x http://proxy.example:80"),
        ("proxy.example", &["-x", ""], "-x ''"),
        (
            "proxy.example",
            &["--noproxy", "tenant.example"],
            "-x '' --noproxy tenant.example",
        ),
    ] {
        let run = line(proxy, words);
        assert!(run.stdout_text().contains(shown), "{shown}: {run}");
        run.never_says("proxy");
    }
    let secret = format!("http://me:{CANARY}@proxy.example:8080");
    for run in [line(&secret, &[]), line("other.example", &["-x", &secret])] {
        assert!(
            run.stdout_text().contains("-x http://proxy.example:8080")
                && !run.stdout_text().contains("me@"),
            "{run}"
        );
        run.says("note: the proxy's user and password are left out: add -U USER:PASSWORD");
    }
    // The environment's is curl's as well; over plain http it must not be.
    for (endpoint, shown) in [
        ("https://tenant.example", "-x http://env.example:3128"),
        (server.url().as_str(), "-x ''"),
    ] {
        let run = rein(["v1/x", "--curl"])
            .at(endpoint)
            .var("http_proxy", "http://env.example:3128")
            .var("https_proxy", "http://env.example:3128")
            .run()
            .exit(0);
        assert!(run.stdout_text().contains(shown), "{run}");
    }
    server.saw_nothing();
}

/// Says visibly that a test could not be made here.
#[expect(clippy::print_stderr, reason = "a test that is skipped must be seen")]
fn eprintln_skipped() {
    eprintln!("SKIPPED: curl is not installed");
}

#[test]
fn the_check_names_each_step_and_the_first_failures_code() {
    let run = rein(["profile", "check", "demo"]).run().exit(0).no_canary();
    for part in [
        "ok    response     from Re:infer, HTTP/1.1, as dana",
        "ok    clock",
        "ok    time         server",
        "permission                retail  retail-dev  sandbox\n",
        "\n  Modify users              -       -           -\n",
        "\n  View sources              yes     yes         yes\n",
    ] {
        assert!(run.stdout_text().contains(part), "{part}: {run}");
    }
    let tls = Demo::tls();
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, tls.ca_pem.as_deref().expect("a certificate")).expect("written");
    let config = format!(
        "[profiles.p]\nendpoint = \"{}\"\nca_file = \"{}\"\n",
        tls.url,
        ca.display()
    );
    let call = rein(["profile", "check", "p"]).config(&config);
    let run = call.var("REINFER_TOKEN", &tls.token).run().exit(0);
    assert!(
        run.stdout_text()
            .contains("ok    certificate  rein demo tenant, issued by rein demo authority, "),
        "{run}"
    );
    let html = Recorder::always(Reply::with(
        200,
        &["Content-Type: text/html"],
        b"<html><title>Sign in</title>",
    ));
    let refused = Recorder::always(Reply::json(401, r#"{"status":"error","message":"no"}"#));
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    let closed = format!("http://{closed}");
    for (endpoint, token, exit, step, cure) in [
        (html.url(), CANARY, 8, "fail  response", "sign-in page"),
        (
            refused.url(),
            CANARY,
            4,
            "fail  response",
            "a new token revokes the previous one",
        ),
        (closed, CANARY, 7, "fail  connect", ""),
        (html.url(), "", 2, "fail  token", "token_env"),
        (
            "http://tenant.example".to_owned(),
            CANARY,
            2,
            "fail  profile",
            "",
        ),
    ] {
        let call = rein(["profile", "check"]).var("REINFER_ENDPOINT", &endpoint);
        let call = if token.is_empty() {
            call
        } else {
            call.var("REINFER_TOKEN", token)
        };
        let run = call.run().exit(exit).no_canary();
        assert!(
            run.stdout_text().contains(step) && run.stdout_text().contains(cure),
            "{step} {cure}: {run}"
        );
    }
    assert!(
        html.requests()
            .iter()
            .all(|request| request.line() == "GET /auth/user")
    );
    let config = format!(
        "[profiles.a]\nendpoint = \"{}\"\ntoken_env = \"T\"\n[profiles.b]\nextends = \"a\"\ntoken_env = \"NONE\"\n",
        refused.url()
    );
    let run = rein(["profile", "check", "--all", "--format", "json"])
        .config(&config)
        .var("T", CANARY)
        .run()
        .exit(4);
    let reports: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!(
        (reports[0]["profile"].as_str(), reports[0]["exit"].as_u64()),
        (Some("a"), Some(4))
    );
    assert_eq!(
        (reports[1]["profile"].as_str(), reports[1]["exit"].as_u64()),
        (Some("b"), Some(2))
    );
}

#[test]
fn a_preflight_compares_and_does_not_call() {
    let user = r#"{"status":"ok","user":{"username":"kim","organisation_permissions":{"retail":["voc-readonly"]}}}"#;
    let server = Recorder::always(Reply::json(200, user));
    let call =
        |args: &[&str]| rein([&["call"][..], args, &["--preflight"]].concat()).at(&server.url());
    let run = call(&["create-stream", "project=retail"])
        .run()
        .exit(4)
        .says("missing for create-stream: Streams admin");
    assert!(
        run.stdout_text().contains("missing  Streams admin")
            && run.stdout_text().contains("ok       View labels"),
        "{run}"
    );
    call(&["list-datasets", "project=retail"]).run().exit(0);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.line() == "GET /auth/user"),
        "{:?}",
        server.requests()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn class_guard_terminal_and_flag_decide_and_the_servers_log_is_witness() {
    let server = server();
    let calls: [(&str, &[&str]); 5] = [
        ("read", &["POST", "v1/datasets/a/b/export", "limit:=1"]),
        ("write", &["PUT", "v1/sources/a/b", "source[title]=x"]),
        (
            "billable",
            &["POST", "v1/sources/a/b/sync", "comments:=[{}]"],
        ),
        (
            "stateful",
            &["POST", "v1/datasets/a/b/streams/c/advance", "sequence_id=x"],
        ),
        ("destructive", &["DELETE", "v1/datasets/a/b"]),
    ];
    for (class, words) in calls {
        for guard in ["none", "confirm", "read-only"] {
            for flag in [None, Some("p"), Some("other")] {
                for typed in [None, Some("p"), Some("y")] {
                    let config = format!(
                        "[profiles.p]\nendpoint = \"{}\"\ntoken_env = \"T\"\nguard = \"{guard}\"\n",
                        server.url()
                    );
                    let mut args = [&["-p", "p", "-s"][..], words].concat();
                    args.extend(flag.map(|name| ["--confirm", name]).into_iter().flatten());
                    let call = rein(&args).config(&config).var("T", CANARY);
                    let before = server.requests().len();
                    match typed {
                        None => drop(call.run()),
                        Some(name) => {
                            drop(crate::output::typing_on_a_terminal_when_asked(
                                &call.command(),
                                name,
                            ));
                        }
                    }
                    let sent = server.requests().len() - before;
                    let confirmed = match (flag, typed) {
                        (Some(name), _) | (None, Some(name)) => name == "p",
                        (None, None) => false,
                    };
                    let expected =
                        class == "read" || guard == "none" || (guard == "confirm" && confirmed);
                    assert_eq!(
                        sent,
                        usize::from(expected),
                        "{class} {guard} {flag:?} {typed:?}"
                    );
                }
            }
        }
    }
}
