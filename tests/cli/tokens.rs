//! A token that is known never goes elsewhere and shows nowhere.

use std::path::Path;

use crate::support::command::{Rein, after, set_mode};
use crate::support::{CANARY, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok"}"#;

/// The token of the profile that calls.
const OWN: &str = "TOKEN-OF-DEV-456";

/// Two tenants: `dev` calls, and the canary is the token of `prod`.
struct Tenants {
    dev: Recorder,
    prod: Recorder,
    folder: tempfile::TempDir,
}

impl Tenants {
    fn new() -> Tenants {
        let start = || Recorder::always(Reply::json(200, OK));
        Tenants {
            dev: start(),
            prod: start(),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn config(&self, source_of_prod: &str) -> String {
        format!(
            "[profiles.dev]\nendpoint = \"{}\"\ntoken_env = \"TOK_DEV\"\n[profiles.prod]\nendpoint = \"{}\"\n{source_of_prod}\n",
            self.dev.url(),
            self.prod.url()
        )
    }

    /// A call of `dev`, both tokens in their variables.
    fn call<S: AsRef<str>>(&self, words: &[S]) -> Rein {
        self.call_with("token_env = \"TOK_PROD\"", words)
            .var("TOK_PROD", CANARY)
    }

    fn call_with<S: AsRef<str>>(&self, source_of_prod: &str, words: &[S]) -> Rein {
        let words = words.iter().map(AsRef::as_ref);
        rein(["-p", "dev"].into_iter().chain(words))
            .config(&self.config(source_of_prod))
            .var("TOK_DEV", OWN)
            .folder(self.folder.path())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        path.display().to_string()
    }
}

/// Fails the test if the canary, in clear, is in a file below a folder.
#[track_caller]
fn no_canary_below(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("listed").flatten() {
        let path = entry.path();
        if path.is_dir() {
            no_canary_below(&path);
        } else {
            let bytes = std::fs::read(&path).expect("read");
            let found = bytes
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes());
            assert!(!found, "the canary is in {}", path.display());
        }
    }
}

#[test]
fn a_token_of_another_place_is_refused_in_every_part_of_a_request() {
    let tenants = Tenants::new();
    let small = tenants.file("small", format!("a {CANARY} b"));
    let json = tenants.file("json", format!("{{\"a\":\"{CANARY}\"}}"));
    let basic = |scheme: &str| format!("X-Note: {scheme} dTpTRUtSRVQtMDEyMw==");
    let lines: Vec<Vec<String>> = [
        // The URL.
        vec!["v1/x?a=SEKRET-0123"],
        vec!["v1/x?a=SEKRET%2D0123"],
        vec!["v1/x?a=SEKRET%252d0123"],
        vec!["v1/x?a=%2553%2545KRET-0123"],
        vec!["v1/SEKRET-0123/y"],
        vec!["v1/x", "a==SEKRET-0123"],
        vec!["v1/{name}", "-V", "name=SEKRET-0123"],
        vec!["v1/x", "--url-query", "a=SEKRET-0123"],
        vec!["v1/x", "-G", "-d", "a=SEKRET-0123"],
        vec!["v1/x", "-G", "--data-urlencode", "a=SEKRET-0123"],
        // Headers.
        vec!["v1/x", "-H", "X-Note: SEKRET-0123"],
        vec!["v1/x", "X-Note:SEKRET-0123"],
        vec!["v1/x", "-H", "Cookie: a=SEKRET%2d0123"],
        vec!["v1/x", "-H", "Proxy-Authorization: Bearer SEKRET-0123"],
        vec!["v1/x", "-H", "Authorization: Bearer SEKRET-0123"],
        vec!["v1/x", "-A", "SEKRET-0123"],
        // Bodies.
        vec!["v1/x", "-d", "{\"a\":\"SEKRET-0123\"}"],
        vec!["v1/x", "-d", "{\"a\":\"SEK\\u0052ET-0123\"}"],
        vec!["v1/x", "--json", "{\"a\":\"SEKRET-0123\"}"],
        vec!["v1/x", "--data-raw", "\"SEKRET-0123\""],
        vec!["v1/x", "--data-binary", "\"SEKRET-0123\""],
        vec!["v1/x", "--data-urlencode", "a=SEKRET-0123"],
        vec!["v1/x", "a=SEKRET-0123"],
        vec!["v1/x", "a:=[\"SEKRET-0123\"]"],
        vec!["v1/x", "a=@small"],
        vec!["v1/x", "a:=@json"],
        vec!["v1/x", "-d", "@json"],
        vec!["v1/x", "-F", "a=SEKRET-0123"],
        vec!["v1/x", "-F", "a=@small"],
        vec!["v1/x", "-F", "a=<small"],
        vec!["v1/x", "-F", "a=b;type=text/SEKRET-0123"],
        vec!["v1/x", "-F", "SEKRET-0123=b"],
        vec!["v1/x", "-T", "small"],
        vec![
            "call",
            "create-source",
            "source=x",
            "project=p",
            "title=SEKRET-0123",
        ],
    ]
    .into_iter()
    .map(|line| line.into_iter().map(str::to_owned).collect())
    .chain(
        ["Basic", "basic", "BASIC", "bAsIc"]
            .map(|scheme| vec!["v1/x".to_owned(), "-H".to_owned(), basic(scheme)]),
    )
    .chain([vec![
        "v1/x".to_owned(),
        "-H".to_owned(),
        "Content-Type: text/plain".to_owned(),
        "-d".to_owned(),
        "dTpTRUtSRVQtMDEyMw==".to_owned(),
    ]])
    .collect();
    for line in &lines {
        let meta: Vec<String> = line
            .iter()
            .cloned()
            .chain(["--meta".to_owned(), "m.json".to_owned()])
            .collect();
        let run = tenants.call(&meta).run().exit(2).stdout("").no_canary();
        assert!(
            run.stderr_text().contains("profile prod ($TOK_PROD)")
                || run.stderr_text().contains("two different tokens"),
            "{run}"
        );
        let meta = tenants.folder.path().join("m.json");
        let text = std::fs::read_to_string(&meta).expect("written");
        for spelling in [CANARY, "SEKRET%2", "dTpTRUtSRVQtMDEyMw"] {
            assert!(!text.contains(spelling), "{line:?}: {text}");
        }
    }
    tenants.dev.saw_nothing();
    tenants.prod.saw_nothing();
    // What is only looked at is refused as well: it would show the token.
    for look in ["--dry-run", "--curl"] {
        tenants
            .call(&["v1/x?a=SEKRET-0123", look])
            .run()
            .exit(2)
            .stdout("")
            .no_canary();
    }
    let _used = (small, json);
}

#[test]
fn the_own_token_may_be_in_a_request_to_its_own_endpoint() {
    let tenants = Tenants::new();
    for line in [
        &["v1/x?a=TOKEN-OF-DEV-456"][..],
        &["v1/x", "-d", "{\"a\":\"TOKEN-OF-DEV-456\"}"],
        &["v1/x", "-H", "X-Note: TOKEN-OF-DEV-456"],
        &["v1/x", "-H", "Authorization: Bearer TOKEN-OF-DEV-456"],
    ] {
        tenants.call(line).run().exit(0);
        assert_eq!(tenants.dev.take().len(), 1, "{line:?}");
    }
    // Two profiles of one endpoint, and two profiles with one token, are no other place.
    let same = format!(
        "[profiles.dev]\nendpoint = \"{0}\"\ntoken_env = \"TOK_DEV\"\n[profiles.other]\nendpoint = \"{0}\"\ntoken_env = \"TOK_PROD\"\n[profiles.prod]\nendpoint = \"{1}\"\ntoken_env = \"TOK_PROD\"\n",
        tenants.dev.url(),
        tenants.prod.url(),
    );
    rein(["-p", "dev", "v1/x", "-d", "{\"a\":\"SEKRET-0123\"}"])
        .config(&same)
        .var("TOK_DEV", OWN)
        .var("TOK_PROD", CANARY)
        .run()
        .exit(0);
    assert_eq!(tenants.dev.take().len(), 1);
    // A short one is in everything by chance.
    tenants
        .call_with("token_env = \"TOK_PROD\"", &["v1/x", "a=short12"])
        .var("TOK_PROD", "short12")
        .run()
        .exit(0);
}

#[test]
fn a_token_is_known_from_every_source_that_needs_no_command() {
    let tenants = Tenants::new();
    let token_file = tenants.file("tok", format!("{CANARY}\n"));
    set_mode(Path::new(&token_file), 0o600);
    let oauth = |rest: &str| {
        format!(
            "[profiles.prod.oauth]\ntoken_url = \"https://id.example/t\"\nclient_id = \"one\"\n{rest}"
        )
    };
    let words = ["v1/x", "a=SEKRET-0123"];
    for source in [
        "token_env = \"T\"".to_owned(),
        format!("token = \"{CANARY}\""),
        format!("token_file = \"{token_file}\""),
        oauth("client_secret_env = \"T\""),
        oauth(&format!("client_secret_file = \"{token_file}\"")),
        String::new(),
    ] {
        let mut call = tenants.call_with(&source, &words);
        if source.contains("\"T\"") {
            call = call.var("T", CANARY);
        }
        if source.is_empty() {
            call = call.var("REINFER_TOKEN_PROD", CANARY);
        }
        call.run().exit(2).says("profile prod").no_canary();
    }
    for variable in ["REINFER_TOKEN", "REINFER_TOKEN_OTHER"] {
        tenants
            .call_with("token_env = \"NOT_SET\"", &words)
            .var(variable, CANARY)
            .run()
            .exit(2)
            .says(&format!("${variable}"))
            .no_canary();
    }
    // What stands in the file for this profile while an option names another token.
    let other = tenants.file("other", "ANOTHER-TOKEN-1\n");
    set_mode(Path::new(&other), 0o600);
    let away = Recorder::always(Reply::json(200, OK));
    rein([
        "-p",
        "dev",
        "--endpoint",
        &away.url(),
        "--token-file",
        &other,
        "v1/x",
        "a=SEKRET-0123",
    ])
    .config(&tenants.config(""))
    .var("TOK_DEV", CANARY)
    .run()
    .exit(2)
    .says("profile dev ($TOK_DEV)")
    .no_canary();
    away.saw_nothing();
    // No command is run to find out, and a pipe that nobody writes into holds nothing up.
    let ran = tenants.folder.path().join("ran");
    let command = format!("token_command = [\"touch\", \"{}\"]", ran.display());
    tenants.call_with(&command, &["v1/x", "a=b"]).run().exit(0);
    assert!(!ran.exists());
    #[cfg(unix)]
    {
        let pipe = tenants.folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo").success());
        let source = format!("token_file = \"{}\"", pipe.display());
        tenants.call_with(&source, &["v1/x", "a=b"]).run().exit(0);
    }
    assert!(
        tenants
            .dev
            .requests()
            .iter()
            .all(|request| !request.text().contains(CANARY))
    );
}

#[test]
fn a_cached_token_of_another_tenant_is_known() {
    let tenants = Tenants::new();
    let grant = format!(r#"{{"access_token":"{CANARY}","expires_in":3600}}"#);
    let login = Recorder::always(Reply::with(
        200,
        &["Content-Type: application/json"],
        grant.as_bytes(),
    ));
    let source = format!(
        "[profiles.prod.oauth]\ntoken_url = \"{}/t\"\nclient_id = \"one\"\nclient_secret_env = \"CLIENT\"",
        login.url()
    );
    let state = tenants.folder.path().join("state");
    let with = |call: Rein| {
        call.var("CLIENT", "client-secret-1")
            .var("XDG_STATE_HOME", &state)
    };
    let words = ["-p", "prod", "v1/x"];
    with(tenants.call_with(&source, &words)).run().exit(0);
    with(tenants.call_with(&source, &["v1/x", "a=SEKRET-0123"]))
        .run()
        .exit(2)
        .says("[profiles.prod.oauth]")
        .no_canary();
    // The secret of an application is for its token service alone, not even for its tenant.
    with(tenants.call_with(&source, &["-p", "prod", "v1/x", "a=client-secret-1"]))
        .run()
        .exit(2)
        .says("$CLIENT")
        .never_says("client-secret-1");
    tenants.dev.saw_nothing();
    assert_eq!(tenants.prod.requests().len(), 1);
}

#[test]
fn no_known_token_goes_to_a_proxy() {
    let tenants = Tenants::new();
    let proxy = Recorder::always(Reply::json(200, OK));
    let at = proxy.url().replace("http://", "");
    for token in [CANARY, OWN] {
        for user in [format!("u:{token}"), format!("{token}:"), token.to_owned()] {
            let address = format!("http://{user}@{at}");
            let run = tenants.call(&["v1/x", "-x", &address]).run().exit(2);
            assert!(!run.stderr_text().contains(token), "{run}");
        }
        let header = format!("Proxy-Authorization: Bearer {token}");
        let run = tenants.call(&["v1/x", "-H", &header]).run().exit(2);
        assert!(!run.stderr_text().contains(token), "{run}");
    }
    // The token of this call that only a command knows.
    let config = format!(
        "[profiles.c]\nendpoint = \"{}\"\ntoken_command = [\"echo\", \"{CANARY}\"]\n",
        tenants.dev.url()
    );
    let address = format!("http://u:SEKRET%2D0123@{at}");
    rein(["-p", "c", "v1/x", "-x", &address])
        .config(&config)
        .var("PATH", "/usr/bin:/bin")
        .run()
        .exit(2)
        .says("token_command echo")
        .no_canary();
    proxy.saw_nothing();
    tenants.dev.saw_nothing();
}

#[test]
fn a_streamed_upload_is_cut_before_a_token_of_another_place() {
    let tenants = Tenants::new();
    // Across the blocks that a file is read in, and behind much that is harmless.
    for before in [0, 65_530, 3_000_000] {
        for spelling in [
            CANARY,
            "SEKRET%2d0123",
            "SEK\\u0052ET-0123",
            "SEKRET%252d0123",
        ] {
            let body = format!("{}{spelling}{}", "x".repeat(before), "y".repeat(200_000));
            let file = tenants.file("large", &body);
            let form = format!("a=@{file}");
            for (words, stdin) in [
                (&["PUT", "v1/x", "-T", "-"][..], true),
                (&["PUT", "v1/x", "-T", &file], false),
                (&["v1/x", "-F", &form], false),
                (&["v1/x", "-F", "a=@-"], true),
            ] {
                let mut call = tenants.call(words);
                if stdin {
                    call = call.stdin(body.clone());
                }
                call.run()
                    .exit(2)
                    .stdout("")
                    .says("profile prod ($TOK_PROD)")
                    .no_canary();
            }
        }
    }
    for request in tenants.dev.requests() {
        assert!(!request.text().contains("SEK"), "{}", request.head);
    }
    // What holds no such token comes through as it is.
    let body = format!("{}SEKRET-012{}", "x".repeat(70_000), "%5".repeat(9000));
    let file = tenants.file("fine", &body);
    tenants.dev.take();
    for (words, stdin) in [
        (&["PUT", "v1/x", "-T", "-"][..], true),
        (&["PUT", "v1/x", "-T", &file], false),
    ] {
        let mut call = tenants.call(words);
        if stdin {
            call = call.stdin(body.clone());
        }
        call.run().exit(0);
        assert!(tenants.dev.take()[0].text() == body);
    }
}

#[test]
fn following_and_paging_are_watched_too() {
    let tenants = Tenants::new();
    for words in [
        &["follow", "p/orders/SEKRET-0123", "--once"][..],
        &[
            "call",
            "export-dataset",
            "dataset=SEKRET-0123",
            "project=p",
            "--paginate",
        ],
        &["v1/x?a=SEKRET-0123", "--until", ".a", "--every", "1s"],
    ] {
        tenants.call(words).run().exit(2).no_canary();
    }
    tenants.dev.saw_nothing();
}

#[test]
fn credentials_are_redacted_by_name_and_place() {
    let location = "Location: http://someone:PASSWORD-1@h.example/x?token=PASSWORD-1";
    let head = format!(
        "HTTP/1.1 302 Found\r\nServer-Timing: total;dur=1\r\nSet-Cookie: s=PASSWORD-1\r\nX-Api-Key: PASSWORD-1\r\nX-Amz-Security-Token: PASSWORD-1\r\nLink: <https://someone:PASSWORD-1@h.example/>\r\n{location}\r\nContent-Length: 0\r\n\r\n"
    );
    let server = Recorder::always(Reply::Bytes(head.into_bytes()));
    let names = [
        "X-Api-Key",
        "Cookie",
        "X-Auth-Token",
        "Api_Key",
        "Ocp-Apim-Subscription-Key",
        "X-Functions-Key",
        "Private-Token",
        "X-Session-Id",
        "X-Client-Secret",
        "X-CSRF-Token",
        "Proxy-Authorization",
    ];
    for look in [
        &["-v"][..],
        &["--dry-run"],
        &["--meta", "-"],
        &["-v", "-L"],
        &["-w", "%{redirect_url}"],
    ] {
        let mut words = vec!["v1/x".to_owned()];
        words.extend(look.iter().map(|word| (*word).to_owned()));
        for name in names {
            words.extend(["-H".to_owned(), format!("{name}: PASSWORD-1")]);
        }
        let run = rein(&words).at(&server.url()).run().no_canary();
        let said = [run.stdout_text(), run.stderr_text()].concat();
        assert!(!said.contains("PASSWORD-1"), "{run}");
        assert!(!said.contains("someone"), "{run}");
    }
    // What is no credential stays readable.
    rein([
        "v1/x",
        "-v",
        "-H",
        "Idempotency-Key: abc",
        "-H",
        "X-Author: me",
    ])
    .at(&server.url())
    .run()
    .says("> Idempotency-Key: abc")
    .says("> X-Author: me");
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_is_shown_no_credential_of_a_response() {
    let head = "HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nSet-Cookie: s=PASSWORD-1\r\nX-Api-Key: PASSWORD-1\r\nLocation: http://someone:PASSWORD-1@h.example/?token=PASSWORD-1\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}";
    let server = Recorder::always(Reply::Bytes(head.as_bytes().to_vec()));
    for words in [
        &["-i"][..],
        &["-I"],
        &["-D", "-"],
        &["-D", "/dev/tty"],
        &["-v"],
        &["-w", "%header{location} %header{set-cookie}"],
        &["-w", "%{header_json}"],
        &["-w", "%{redirect_url}"],
        &["-w", "%{stderr}%header{x-api-key}"],
        &["-w", "%output{/dev/tty}%header{x-api-key}"],
    ] {
        let call = rein([&["v1/x"][..], words].concat()).at(&server.url());
        let seen = crate::output::on_a_terminal(&call.command());
        assert!(seen.contains("(redacted)"), "{words:?}: {seen}");
        assert!(!seen.contains("PASSWORD-1"), "{words:?}: {seen}");
    }
    // A pipe gets what came.
    let run = rein(["v1/x", "-i", "-w", "%header{x-api-key}"])
        .at(&server.url())
        .run()
        .exit(0);
    assert_eq!(run.stdout_text(), format!("{head}PASSWORD-1"));
}

#[test]
fn no_error_shows_a_password() {
    let server = Recorder::always(Reply::json(200, OK));
    let at = server.url().replace("http://", "");
    let url = format!("http://someone:PASSWORD-1@{at}/api/v1/x");
    let other = "https://someone:PASSWORD-1@h.example/api/v1/x";
    let https = "https://127.0.0.1:9/api/v1/x";
    for words in [
        &[
            "--cert",
            "f.pem:PASSWORD-1",
            "--endpoint",
            "https://127.0.0.1:9",
            https,
        ][..],
        &[
            "-E",
            "f.pem:PASSWORD-1",
            "--endpoint",
            "https://127.0.0.1:9",
            https,
        ],
        &["--cert", "f.pem:PASSWORD-1", "v1/x"],
        &["--cert", "f.pem:PASSWORD-1", "v1/x", "--curl"],
        &["--cert", "f.pem:PASSWORD-1", "v1/x", "--dry-run"],
        &["-u", "someone:PASSWORD-1", "v1/x"],
        &["--user", "someone:PASSWORD-1", "v1/x"],
        &["-usomeone:PASSWORD-1", "v1/x"],
        &["-U", "someone:PASSWORD-1", "v1/x"],
        &["--proxy-user", "someone:PASSWORD-1", "v1/x"],
        &["--pass", "PASSWORD-1", "v1/x"],
        &["--oauth2-bearer", "PASSWORD-1", "v1/x"],
        &["-x", "http://someone:PASSWORD-1@[", "v1/x"],
        &["-x", "ftp://someone:PASSWORD-1@h", "v1/x"],
        &["--endpoint", "https://someone:PASSWORD-1@h.example", "v1/x"],
        &[url.as_str()],
        &[other],
        &["GET", other, other],
        &["-H", "Cookie PASSWORD-1", "v1/x"],
        &["-H", "X-Api-Key: PASSWORD-1\nX: y", "v1/x"],
        &["-H", "PASSWORD-1\u{7f}: y", "v1/x"],
    ] {
        let run = rein(words).at(&server.url()).run().exit(2).no_canary();
        let said = [run.stdout_text(), run.stderr_text()].concat();
        assert!(!said.contains("PASSWORD-1"), "{run}");
    }
    server.saw_nothing();
}

#[cfg(unix)]
#[test]
fn a_part_file_has_the_mode_of_the_file_that_it_replaces() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| {
        let metadata = std::fs::metadata(path).expect("there");
        metadata.permissions().mode() & 0o777
    };
    // Half of the body, and then nothing more.
    let half = b"HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nContent-Length: 40\r\n\r\n{\"status\":\"ok\"";
    let page = r#"{"status":"ok","comments":[{"id":"1"}],"continuation":"c"}"#;
    let state_words = [
        "v1/datasets/p/d/export",
        "POST",
        "--paginate",
        "--format",
        "ndjson",
        "--state",
        "st",
    ];
    for (old, expected) in [(Some(0o600), 0o600), (Some(0o640), 0o640), (None, 0o644)] {
        for with_state in [false, true] {
            let folder = tempfile::tempdir().expect("a folder");
            let target = folder.path().join("out");
            if let Some(old) = old {
                std::fs::write(&target, "old").expect("written");
                set_mode(&target, old);
            }
            let server = if with_state {
                Recorder::start(vec![Reply::json(200, page), Reply::Hang(half.to_vec())])
            } else {
                Recorder::always(Reply::Hang(half.to_vec()))
            };
            let mut words = vec!["-o", "out"];
            if with_state {
                words.extend(["POST", "v1/datasets/p/d/export"]);
                words.extend(&state_words[2..]);
            } else {
                words.push("v1/x");
            }
            let call = rein(&words).at(&server.url()).folder(folder.path());
            let mut child = call.start();
            let part = || {
                let found = std::fs::read_dir(folder.path()).expect("listed").flatten();
                found
                    .map(|entry| entry.path())
                    .find(|path| path.to_string_lossy().ends_with(".part"))
            };
            let found = (0..4000).find_map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(5));
                part()
            });
            let found = found.expect("a part file");
            // Between its creation and its first byte it may be narrower, never wider.
            assert_eq!(mode(&found) & !expected, 0, "{old:?} {with_state}");
            child.kill().expect("killed");
            child.wait().expect("an end");
            assert_eq!(mode(&found) & !expected, 0, "{old:?} {with_state}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_token_file_that_others_can_read_warns_and_a_writable_one_is_refused() {
    let tenants = Tenants::new();
    let file = tenants.file("tok", format!("{CANARY}\n"));
    let config = format!(
        "[profiles.dev]\nendpoint = \"{}\"\ntoken_file = \"{file}\"\n",
        tenants.dev.url()
    );
    let endpoint = tenants.dev.url();
    for (mode, exit, warns) in [
        (0o600, 0, false),
        (0o400, 0, false),
        (0o440, 0, true),
        (0o444, 0, true),
        (0o604, 0, true),
        (0o620, 2, false),
        (0o602, 2, false),
        (0o666, 2, false),
    ] {
        set_mode(Path::new(&file), mode);
        for call in [
            rein(["-p", "dev", "v1/x"]).config(&config),
            rein(["--endpoint", &endpoint, "--token-file", &file, "v1/x"]),
        ] {
            let run = call.run().exit(exit).no_canary();
            let warned = run.stderr_text().contains("can be read by others");
            assert_eq!(warned, warns, "{mode:o} {run}");
        }
    }
    assert_eq!(tenants.dev.requests().len(), 10);
}

#[cfg(unix)]
#[test]
fn planted_links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let page = r#"{"status":"ok","comments":[]}"#;
    let server = Recorder::always(Reply::json(200, page));
    let folder = tempfile::tempdir().expect("a folder");
    let victim = folder.path().join("victim");
    // The lock beside a state.
    symlink(&victim, folder.path().join(".st.lock")).expect("a link");
    rein([
        "POST",
        "v1/datasets/p/d/export",
        "--paginate",
        "--format",
        "ndjson",
        "--state",
        "st",
        "-o",
        "out",
    ])
    .at(&server.url())
    .folder(folder.path())
    .run()
    .exit(2)
    .says("link");
    assert!(!victim.exists());
    server.saw_nothing();
    // The lock beside the config file.
    let config = folder.path().join("c.toml");
    symlink(&victim, folder.path().join(".config.lock")).expect("a link");
    let run = rein(["profile", "add", "a", "--domain", "d"])
        .var("REINFER_CONFIG", &config)
        .run();
    assert_ne!(run.exit, 0, "{run}");
    assert!(!victim.exists() && !config.exists());
    // A cached token.
    let grant = r#"{"access_token":"TOKEN-GRANTED-1","expires_in":3600}"#;
    let login = Recorder::always(Reply::with(200, &[], grant.as_bytes()));
    let text = format!(
        "[profiles.ci]\nendpoint = \"{}\"\n[profiles.ci.oauth]\ntoken_url = \"{}/t\"\nclient_id = \"one\"\nclient_secret_env = \"CLIENT\"\n",
        server.url(),
        login.url()
    );
    let call = || {
        rein(["-p", "ci", "v1/x"])
            .config(&text)
            .var("CLIENT", "client-secret-1")
            .var("XDG_STATE_HOME", folder.path())
    };
    call().run().exit(0);
    let kept = folder.path().join("rein/oauth/ci.json");
    let moved = folder.path().join("moved.json");
    std::fs::rename(&kept, &moved).expect("moved");
    symlink(&moved, &kept).expect("a link");
    call().run().exit(0);
    assert_eq!(login.requests().len(), 2, "the link was not read");
}

/// A server that does not respond while `look` is at the running command.
#[cfg(target_os = "linux")]
fn while_it_waits(look: impl FnOnce(u32)) {
    let server = Recorder::always(Reply::Hang(Vec::new()));
    let call = rein(["v1/x"]).at(&server.url());
    // As another user than root, whose processes all have files of root's.
    let as_nobody = "ulimit -c unlimited; exec setpriv --reuid=65534 --regid=65534 --clear-groups \"$0\" \"$@\"";
    let script = if rustix::process::geteuid().is_root() {
        as_nobody
    } else {
        "ulimit -S -c hard 2>/dev/null || ulimit -S -c $(ulimit -H -c)"
    };
    let mut child = after(script, &call)
        .env("PATH", "/usr/bin:/bin")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("a start");
    let is_sent = (0..4000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        !server.requests().is_empty()
    });
    assert!(is_sent);
    look(child.id());
    child.kill().expect("killed");
    child.wait().expect("an end");
}

#[cfg(target_os = "linux")]
#[test]
fn a_crash_leaves_no_core_file() {
    while_it_waits(|id| {
        let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).expect("read");
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let words: Vec<&str> = line.expect("a line").split_whitespace().collect();
        assert_eq!(words[4], "0", "{words:?}");
        // The files of a process that is not dumpable belong to root, whoever runs it.
        use std::os::unix::fs::MetadataExt;
        let owner = std::fs::metadata(format!("/proc/{id}/environ")).expect("there");
        assert_eq!(owner.uid(), 0);
    });
}

#[test]
fn own_texts_show_no_control_characters() {
    let evil = "a\u{1b}[2J\u{9b}1m\u{202e}b";
    let value = format!("--retry={evil}");
    for words in [
        &["--token-file", evil, "v1/x"][..],
        &["--config", evil, "-p", "x", "v1/x"],
        &["--config", evil, "profile", "list"],
        &["--config", evil, "config", "path"],
        &["-p", evil, "v1/x"],
        &["--endpoint", evil, "v1/x"],
        &["v1/x", "-d", &format!("@{evil}")],
        &["v1/x", "-T", evil],
        &["v1/x", "-F", &format!("a=@{evil}")],
        &["v1/x", "-o", &format!("{evil}/x")],
        &["v1/x", "--meta", &format!("{evil}/x")],
        &["v1/x", "-D", &format!("{evil}/x")],
        &[
            "v1/x",
            "--cacert",
            evil,
            "--endpoint",
            "https://127.0.0.1:9",
            "--token-file",
            "/dev/null",
        ],
        &["v1/x", "--state", evil],
        &["v1/x", "--templates", evil],
        &["call", evil],
        &["call", "get-source", &format!("{evil}=1")],
        &["v1/x", "-V", evil],
        &["v1/x", "--items", evil],
        &["v1/x", "-q", evil],
        &["v1/x", "-w", &format!("@{evil}")],
        &["v1/x", "--resolve", evil],
        &["v1/x", "-x", evil],
        &["v1/x", &value],
        &["v1/x", "--nosuch", evil],
        &[&format!("--{evil}"), "v1/x"],
        &["v1/x", "--format", evil],
        &["v1/x", "--color", evil],
        &["config", "import", "re", evil],
        &["config", evil],
        &["profile", "show", evil],
        &["profile", "use", evil],
        &["templates", evil],
        &["completions", evil],
        &[evil],
        &[evil, "v1/x"],
        &["follow", evil],
    ] {
        for colour in ["never", "always"] {
            let folder = tempfile::tempdir().expect("a folder");
            let words = [words, &["--color", colour]].concat();
            let run = rein(&words)
                .var("REINFER_TOKEN", CANARY)
                .folder(folder.path())
                .run()
                .no_canary();
            let said = run.stderr_text();
            for raw in ["\u{1b}[2J", "\u{9b}", "\u{202e}"] {
                assert!(!said.contains(raw), "{raw:?} {run}");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn own_listings_show_no_control_characters_on_a_terminal() {
    let evil = "a\u{1b}[2J";
    for words in [
        &["config", "path"][..],
        &["config", "check"],
        &["profile", "list"],
        &["profile", "show", "p"],
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join(evil);
        std::fs::write(
            &config,
            "[profiles.p]\ndomain = \"d\"\ntoken_file = \"x\"\n",
        )
        .expect("written");
        let call = rein(words).var("REINFER_CONFIG", &config);
        let seen = crate::output::on_a_terminal(&call.command());
        assert!(!seen.contains("\u{1b}[2J"), "{words:?}: {seen:?}");
    }
}

#[test]
fn standard_output_holds_no_command_where_that_is_asked_for() {
    let body = "{\"status\":\"ok\",\"a\":\"::error::x\",\"b\":\"\\n::add-mask::y\",\"c\":\"##vso[task.setvariable]z ##[error]\"}";
    let server = Recorder::always(Reply::json(200, body));
    let raw = Recorder::always(Reply::with(
        200,
        &["Server-Timing: total;dur=1", "X-Note: ::stop-commands::x"],
        b"::error::a\r\n \t::warning::b\rc ::d\n##[group]e ##vso[task.complete]f\n",
    ));
    for variable in ["GITHUB_ACTIONS", "TF_BUILD"] {
        let value = if variable == "TF_BUILD" {
            "True"
        } else {
            "true"
        };
        let run = |server: &Recorder, words: &[&str]| {
            rein([&["v1/x", "--safe-stdout"][..], words].concat())
                .at(&server.url())
                .var(variable, value)
                .run()
        };
        let safe = ": :error::a\r\n \t: :warning::b\rc ::d\n## [group]e ##vso [task.complete]f\n";
        assert_eq!(run(&raw, &["-s"]).stdout_text(), safe);
        assert_eq!(
            run(&server, &["-q", ".a, .b, .c"]).exit(0).stdout_text(),
            ": :error::x\n\n: :add-mask::y\n##vso [task.setvariable]z ## [error]\n"
        );
        run(
            &server,
            &["-w", "\\n::debug::%{http_code}\\n", "-q", ".status"],
        )
        .exit(0)
        .stdout("ok\n\n: :debug::200\n");
        for words in [
            &["-i"][..],
            &["-D", "-"],
            &["--format", "csv"],
            &["-t"],
            &["--format", "pretty"],
        ] {
            let run = run(&server, words);
            for line in run.stdout_text().lines() {
                let starts = line.trim_start().starts_with("::");
                assert!(
                    !starts && !line.contains("##[") && !line.contains("##vso["),
                    "{run}"
                );
            }
        }
        // Without the option the bytes are the server's, and so are those of a file.
        rein(["v1/x"])
            .at(&server.url())
            .var(variable, value)
            .run()
            .stdout(body);
        let folder = tempfile::tempdir().expect("a folder");
        rein(["v1/x", "--safe-stdout", "-o", "f"])
            .at(&server.url())
            .folder(folder.path())
            .run()
            .exit(0);
        assert_eq!(
            std::fs::read_to_string(folder.path().join("f")).expect("read"),
            body
        );
    }
}

#[test]
fn an_import_merges_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let contexts = folder.path().join("contexts.json");
    let context = |name: &str, endpoint: &str, token: &str, proxy: &str| {
        format!(
            r#"{{"name":"{name}","endpoint":"https://{endpoint}.reinfer.io/","token":"{token}","proxy":{proxy}}}"#
        )
    };
    let all = [
        context("my prod", "one", "TOKEN-ONE-1234", "\"http://p.example:1\""),
        context("my-prod", "two", "TOKEN-TWO-1234", "null"),
        context("my/prod", "three", "TOKEN-THREE-1234", "null"),
        context("MY_PROD", "four", "TOKEN-FOUR-1234", "null"),
        context("plain", "five", CANARY, "null"),
    ];
    std::fs::write(&contexts, format!("{{\"contexts\":[{}]}}", all.join(","))).expect("written");
    let sub = folder.path().join("sub");
    std::fs::create_dir(&sub).expect("a folder");
    let contexts = contexts.display().to_string();
    let import = |config: &str| {
        rein([
            "config", "import", "re", &contexts, "--tokens", "--config", config,
        ])
        // The default file has a profile of one of these names: it is not the one written to.
        .config("[profiles.plain]\ndomain = \"other\"\n")
        .folder(folder.path())
        .run()
        .exit(0)
        .no_canary()
    };
    let run = import("sub/new.toml");
    assert_eq!(run.stdout_text().matches("added: ").count(), 5, "{run}");
    let text = std::fs::read_to_string(sub.join("new.toml")).expect("written");
    assert!(!text.contains("TOKEN-") && !text.contains(CANARY), "{text}");
    for (endpoint, token) in [
        ("one", "TOKEN-ONE-1234"),
        ("two", "TOKEN-TWO-1234"),
        ("three", "TOKEN-THREE-1234"),
        ("four", "TOKEN-FOUR-1234"),
        ("five", CANARY),
    ] {
        let section = text
            .split("[profiles.")
            .find(|section| section.contains(&format!("https://{endpoint}.")))
            .unwrap_or_else(|| panic!("{endpoint}: {text}"));
        assert_eq!(section.contains("proxy"), endpoint == "one", "{section}");
        let file = section
            .lines()
            .find_map(|line| line.strip_prefix("token_file = "))
            .expect("a file")
            .trim_matches('"');
        // A path in the file is read from where the file is.
        let file = sub.join(file);
        let found = std::fs::read_to_string(&file).expect("a token");
        assert_eq!(found.trim_end(), token);
    }
    // The one that has the name already keeps it.
    let plain = |name: &str| format!("[profiles.{name}]\nendpoint = \"https://two.");
    assert!(text.contains(&plain("my-prod")), "{text}");
    rein(["config", "check", "--config", "sub/new.toml"])
        .folder(folder.path())
        .run()
        .exit(0);
    // Once more changes nothing.
    let again = import("sub/new.toml");
    assert_eq!(again.stdout_text().matches("kept: ").count(), 5, "{again}");
    assert_eq!(
        std::fs::read_to_string(sub.join("new.toml")).expect("read"),
        text
    );
    // A secret of another profile is not written over.
    std::fs::write(sub.join("new.toml"), "").expect("written");
    let secret = sub.join("secrets/plain.token");
    std::fs::write(&secret, "SOMETHING-ELSE-1\n").expect("written");
    import("sub/new.toml");
    assert_eq!(
        std::fs::read_to_string(&secret).expect("read"),
        "SOMETHING-ELSE-1\n"
    );
}

#[test]
fn no_file_that_is_written_holds_a_token() {
    let page = format!(
        r#"{{"status":"ok","comments":[{{"id":"1"}}],"continuation":null,"echo":"{OWN}"}}"#
    );
    let tenants = Tenants::new();
    let server = Recorder::always(Reply::json(200, &page));
    let config = format!(
        "[profiles.p]\nendpoint = \"{}\"\ntoken_env = \"T\"\n",
        server.url()
    );
    rein([
        "-p",
        "p",
        "POST",
        "v1/datasets/p/d/export",
        "--paginate",
        "--format",
        "ndjson",
        "--state",
        "st",
        "-o",
        "out",
        "--meta",
        "m",
        "--report",
        "junit=j.xml",
        "--expect-status",
        "200",
        "-v",
    ])
    .config(&config)
    .var("T", CANARY)
    .folder(tenants.folder.path())
    .run()
    .no_canary();
    no_canary_below(tenants.folder.path());
}
