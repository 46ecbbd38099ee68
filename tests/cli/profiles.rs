//! Which tenant and token a call goes to, and what is said when that is unclear.

use crate::support::command::set_mode;
use crate::support::{CANARY, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok"}"#;

/// Two tenants on two servers, each with its own variable.
fn two(dev: &Recorder, prod: &Recorder) -> String {
    format!(
        "default_profile = \"dev\"\n[vars]\ndataset = \"orders\"\n\
         [profiles.dev]\nendpoint = \"{}/acme/dev/reinfer_\"\nproject = \"retail-dev\"\ntoken_env = \"DEV\"\n\
         [profiles.prod]\nextends = \"dev\"\nendpoint = \"{}/acme/prod/reinfer_/\"\nproject = \"retail\"\ntoken_env = \"PROD\"\n",
        dev.url(),
        prod.url()
    )
}

fn servers() -> (Recorder, Recorder) {
    (
        Recorder::always(Reply::json(200, OK)),
        Recorder::always(Reply::json(200, OK)),
    )
}

#[test]
fn each_profile_sends_its_own_token_to_its_own_endpoint() {
    let (dev, prod) = servers();
    let config = two(&dev, &prod);
    let call = |args: &[&str]| {
        rein(args)
            .config(&config)
            .var("DEV", "dev-token")
            .var("PROD", "prod-token")
            .var("REINFER_TOKEN", CANARY)
    };
    call(&["v1/x/{project}/{dataset}"])
        .run()
        .exit(0)
        .no_canary()
        .says("dev  GET /api/v1/x/retail-dev/orders");
    call(&["-p", "prod", "v1/x/{project}"])
        .run()
        .exit(0)
        .says("prod  GET");
    call(&["v1/x/{project}"])
        .var("REINFER_PROFILE", "prod")
        .var("REINFER_PROJECT", "other")
        .run()
        .exit(0);
    call(&["v1/x/{project}", "--project", "third"])
        .var("REINFER_PROJECT", "other")
        .run()
        .exit(0);
    let lines: Vec<(String, String)> = dev
        .requests()
        .iter()
        .chain(&prod.requests())
        .map(|request| {
            (
                request.line().to_owned(),
                request.header("authorization")[0].to_owned(),
            )
        })
        .collect();
    let expected = [
        (
            "GET /acme/dev/reinfer_/api/v1/x/retail-dev/orders",
            "Bearer dev-token",
        ),
        ("GET /acme/dev/reinfer_/api/v1/x/third", "Bearer dev-token"),
        (
            "GET /acme/prod/reinfer_/api/v1/x/retail",
            "Bearer prod-token",
        ),
        (
            "GET /acme/prod/reinfer_/api/v1/x/other",
            "Bearer prod-token",
        ),
    ]
    .map(|(line, token)| (line.to_owned(), token.to_owned()));
    assert_eq!(lines, expected);
}

#[test]
fn what_is_unclear_or_wrong_sends_nothing() {
    let (dev, prod) = servers();
    let config = two(&dev, &prod);
    let url = format!("{}/acme/prod/reinfer_/api/v1/x", prod.url());
    let other_endpoint = format!("{}/acme/prod/reinfer_", prod.url());
    let call = |args: &[&str]| {
        rein(args)
            .config(&config)
            .var("DEV", CANARY)
            .var("PROD", CANARY)
    };
    call(&["-p", "prdo", "v1/x"])
        .run()
        .exit(2)
        .says("did you mean prod?")
        .says("profiles: dev, prod, demo");
    call(&[&url])
        .run()
        .exit(2)
        .says("belongs to profile prod")
        .says("rein -p prod")
        .no_canary();
    call(&["--endpoint", &other_endpoint, "v1/x"])
        .run()
        .exit(2)
        .says("no token may be sent")
        .says("but that of profile prod: -p prod");
    call(&["-p", "dev", "--endpoint", &other_endpoint, "v1/x"])
        .run()
        .exit(2)
        .says("no token may be sent")
        .no_canary();
    call(&["v1/x"])
        .var("REINFER_PROFILE", "dev")
        .var("REINFER_ENDPOINT", &other_endpoint)
        .run()
        .exit(2)
        .says("two different tenants");
    rein(["-p", "prod", "v1/x"])
        .config(&config)
        .var("DEV", CANARY)
        .var("REINFER_TOKEN", CANARY)
        .run()
        .exit(2)
        .says("PROD is not set")
        .no_canary();
    call(&["v1/x", "--config", "/nonexistent"])
        .run()
        .exit(2)
        .says("/nonexistent");
    call(&["v1/x"])
        .var("REINFER_CONFIG", "/nonexistent")
        .run()
        .exit(2)
        .says("/nonexistent");
    rein(["v1/x"])
        .run()
        .exit(2)
        .says("rein -p demo /api/v1/datasets");
    rein(["v1/x"])
        .at("http://tenant.example")
        .run()
        .exit(2)
        .says("plain http");
    for (text, says) in [
        ("[profiles.p]\ngaurd = \"confirm\"\n", "config.toml:2:1"),
        ("[profiles.p]\ntoken = \"SEKRET-0123\nx", "not valid TOML"),
        (
            "[profiles.p]\nendpoint = \"http://tenant.example\"\n",
            "plain http",
        ),
        ("[profiles.demo]\n", "reserved"),
    ] {
        rein(["-p", "p", "v1/x"])
            .config(text)
            .run()
            .exit(2)
            .says(says)
            .no_canary();
    }
    dev.saw_nothing();
    prod.saw_nothing();
}

#[test]
fn an_endpoint_elsewhere_takes_a_token_that_is_named_for_it() {
    let (dev, prod) = servers();
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("t");
    std::fs::write(&token, "named\n").expect("written");
    set_mode(&token, 0o600);
    let endpoint = format!("{}/acme/prod/reinfer_", prod.url());
    let args = [
        "--endpoint",
        &endpoint,
        "--token-file",
        &token.display().to_string(),
        "v1/x",
    ];
    rein(args)
        .config(&two(&dev, &prod))
        .var("DEV", CANARY)
        .run()
        .exit(0);
    assert_eq!(prod.only().header("authorization"), ["Bearer named"]);
    let args = ["--endpoint", &endpoint, "--token-file", "-", "v1/x"];
    rein(args)
        .config(&two(&dev, &prod))
        .stdin("piped\n")
        .run()
        .exit(0);
    assert_eq!(prod.requests()[1].header("authorization"), ["Bearer piped"]);
    dev.saw_nothing();
}

#[test]
fn the_environment_alone_needs_neither_file_nor_home() {
    let (dev, prod) = servers();
    let call = rein(["v1/x"]).at(&dev.url());
    let mut command = call.command();
    command
        .env_remove("HOME")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    assert!(command.status().expect("an end").success());
    rein(["v1/x"])
        .config("[broken")
        .at(&dev.url())
        .run()
        .exit(0);
    rein(["--help"]).config("[broken").run().exit(0);
    rein(["config", "path"]).config("[broken").run().exit(0);
    rein(["completions", "bash"])
        .config("[broken")
        .run()
        .exit(0);
    rein(["-p", "demo", "v1/projects"])
        .config("[broken")
        .run()
        .exit(0);
    rein(["config", "check"]).config("[broken").run().exit(2);
    assert_eq!(dev.requests().len(), 2);
    prod.saw_nothing();
}

#[test]
fn every_source_of_a_token_works_and_is_named_but_never_shown() {
    let (server, _) = servers();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{CANARY}\n")).expect("written");
    set_mode(&file, 0o600);
    for (line, named) in [
        ("token_env = \"MINE\"".to_owned(), "$MINE".to_owned()),
        (
            format!("token_file = \"{}\"", file.display()),
            format!("token_file {}", file.display()),
        ),
        (
            format!("token_command = [\"/bin/cat\", \"{}\"]", file.display()),
            "token_command /bin/cat".to_owned(),
        ),
        (format!("token = \"{CANARY}\""), "token in ".to_owned()),
        (String::new(), "$REINFER_TOKEN_P".to_owned()),
    ] {
        let config = format!("[profiles.p]\nendpoint = \"{}\"\n{line}\n", server.url());
        let call = |args: &[&str]| {
            rein(args)
                .config(&config)
                .var("MINE", CANARY)
                .var("REINFER_TOKEN_P", CANARY)
        };
        call(&["-p", "p", "v1/x", "-v"]).run().exit(0).no_canary();
        let shown = call(&["profile", "show", "p"]).run().exit(0).no_canary();
        assert!(shown.stdout_text().contains(&named), "{named}: {shown}");
    }
    let expected = format!("Bearer {CANARY}");
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.header("authorization") == [expected.as_str()])
    );
    assert_eq!(server.requests().len(), 5);
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_can_read_or_change_is_refused() {
    let (server, _) = servers();
    let config = format!(
        "[profiles.p]\nendpoint = \"{}\"\ntoken = \"{CANARY}\"\n",
        server.url()
    );
    for (mode, exit) in [(0o600, 0), (0o400, 0), (0o640, 2), (0o644, 2)] {
        let call = rein(["-p", "p", "v1/x"]).config(&config);
        set_mode(&call.config_path(), mode);
        let run = call.run().exit(exit).no_canary();
        assert_eq!(
            exit == 2,
            run.stderr_text().contains("chmod 600"),
            "{mode:o} {run}"
        );
    }
    for (command, says) in [
        ("[\"false\"]", "ended with 1"),
        ("[\"true\"]", "is empty"),
        ("[\"/nonexistent/x\"]", "cannot be started"),
        (
            "[\"sh\", \"-c\", \"echo SEKRET-0123 >&2; exit 3\"]",
            "ended with 3",
        ),
    ] {
        let config = format!(
            "[profiles.p]\nendpoint = \"{}\"\ntoken_command = {command}\n",
            server.url()
        );
        rein(["-p", "p", "v1/x"])
            .config(&config)
            .var("PATH", "/usr/bin:/bin")
            .run()
            .exit(2)
            .says(says)
            .stdout("");
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn profiles_are_listed_and_shown_with_where_each_value_came_from() {
    let (dev, prod) = servers();
    let config = two(&dev, &prod);
    let list = rein(["profile", "list"]).config(&config).run().exit(0);
    let lines: Vec<String> = list.stdout_text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(
        lines[1].starts_with('*') && lines[1].contains("dev") && lines[1].contains("$DEV"),
        "{list}"
    );
    assert!(
        lines[2].contains("prod") && lines[2].contains("retail"),
        "{list}"
    );
    assert!(!list.stdout_text().contains("reinfer_/"), "{list}");
    let show = rein(["-p", "prod", "profile", "show"])
        .config(&config)
        .run()
        .exit(0);
    for part in [
        "config.toml:11",
        "endpoint",
        "vars.dataset",
        "config.toml:3",
        "$PROD",
        "built in",
    ] {
        assert!(show.stdout_text().contains(part), "{part}: {show}");
    }
    rein(["config", "check"])
        .config(&config)
        .run()
        .exit(0)
        .stdout_starts("ok: ");
    let broken = format!("{config}[profiles.x]\nextends = \"nope\"\n");
    rein(["config", "check"])
        .config(&broken)
        .run()
        .exit(2)
        .says("does not exist");
    let path = rein(["config", "path"])
        .var("XDG_CONFIG_HOME", "/x")
        .run()
        .exit(0);
    assert_eq!(path.stdout_text(), "/x/rein/config.toml\n");
}

#[test]
fn nothing_is_read_from_the_current_folder() {
    let (server, other) = servers();
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        ".rein.toml",
        "config.toml",
        "rein.toml",
        ".env",
        ".netrc",
        ".curlrc",
    ] {
        std::fs::write(
            folder.path().join(name),
            format!("[profiles.p]\nendpoint = \"{}\"\n", other.url()),
        )
        .expect("written");
    }
    rein(["v1/x"])
        .at(&server.url())
        .folder(folder.path())
        .run()
        .exit(0);
    rein(["-p", "p", "v1/x"])
        .folder(folder.path())
        .run()
        .exit(2);
    other.saw_nothing();
}

#[test]
fn profiles_are_edited_with_comments_kept_and_nothing_half_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("c.toml");
    let path = file.display().to_string();
    let edit = |args: &[&str]| rein([args, &["--config", &path]].concat()).run();
    let read = || std::fs::read_to_string(&file).expect("read");
    std::fs::write(
        &file,
        "# mine\n[profiles.dev] # the first\ndomain = \"acme\" # short\nproject = \"p\"\n",
    )
    .expect("written");
    edit(&[
        "profile",
        "add",
        "prod",
        "--extends",
        "dev",
        "--domain",
        "acme-prod",
        "--guard",
        "confirm",
        "--token-env",
        "PROD",
    ])
    .exit(0)
    .stdout_starts("added: prod");
    edit(&[
        "profile",
        "add",
        "dev",
        "--organisation",
        "acme",
        "--tenant",
        "dev",
        "--token-command",
        "op read 'a b'",
    ])
    .exit(0)
    .stdout_starts("changed: dev");
    edit(&["profile", "use", "prod"]).exit(0);
    let text = read();
    for part in [
        "# mine",
        "# the first",
        "organisation = \"acme\"",
        "project = \"p\"",
        "token_command = [\"op\", \"read\", \"a b\"]",
        "default_profile = \"prod\"",
        "guard = \"confirm\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("domain = \"acme\""), "{text}");
    edit(&["config", "check"]).exit(0);
    for (args, says) in [
        (&["profile", "add", "demo", "--domain", "x"][..], "reserved"),
        (
            &["profile", "add", "x", "--guard", "yes", "--domain", "a"],
            "guards: none, confirm, read-only",
        ),
        (&["profile", "add", "x", "--domain", "a.b"], "not usable"),
        (&["profile", "add", "x"], "names no endpoint"),
        (&["profile", "remove", "dev"], "which does not exist"),
        (&["profile", "remove", "nope"], "unknown profile nope"),
        (&["profile", "use", "nope"], "unknown profile nope"),
        (
            &["profile", "add", "x", "--domain", "a", "--ask-token"],
            "needs a terminal",
        ),
    ] {
        edit(args).exit(2).says(says);
        assert_eq!(read(), text, "{args:?}");
    }
    edit(&["profile", "remove", "prod"])
        .exit(0)
        .says("it was the default");
    assert!(!read().contains("prod"), "{}", read());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(&file)
                .expect("there")
                .permissions()
                .mode()
                & 0o777,
            0o600
        );
    }
}

#[cfg(unix)]
#[test]
fn what_is_written_is_for_its_owner_alone_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let call = rein([
        "profile",
        "add",
        "dev",
        "--domain",
        "acme",
        "--token-env",
        "T",
    ]);
    let ended = crate::support::command::after("umask 000", &call)
        .output()
        .expect("an end");
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let file = call.config_path();
    let folder = file.parent().expect("a folder");
    let is_private = |path: &std::path::Path| {
        let mode = std::fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path:?} {mode:o}");
    };
    is_private(folder);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("listed") {
        let entry = entry.expect("an entry");
        is_private(&entry.path());
        names.push(entry.file_name());
    }
    assert!(names.contains(&"config.toml".into()), "{names:?}");
}

#[test]
fn many_edits_at_once_lose_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("c.toml").display().to_string();
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let path = path.clone();
            std::thread::spawn(move || {
                for number in 0..5 {
                    let name = format!("p{thread}-{number}");
                    rein([
                        "profile", "add", &name, "--domain", "acme", "--config", &path,
                    ])
                    .run()
                    .exit(0);
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("an end"));
    let list = rein(["profile", "list", "--config", &path]).run().exit(0);
    assert_eq!(list.stdout_text().lines().count(), 41, "{list}");
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_token_that_is_asked_for_is_stored_for_the_owner_alone_and_not_echoed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("c.toml");
    let call = rein([
        "profile",
        "add",
        "x",
        "--domain",
        "acme",
        "--ask-token",
        "--config",
        &file.display().to_string(),
    ]);
    let seen = crate::output::typing_on_a_terminal_when_asked(&call.command(), CANARY);
    assert!(seen.contains("added: x"), "{seen}");
    assert!(!seen.contains(CANARY), "{seen}");
    let text = std::fs::read_to_string(&file).expect("read");
    assert!(text.contains(&format!("token = \"{CANARY}\"")), "{text}");
}

#[test]
fn profiles_of_other_tools_are_taken_over_and_tokens_only_on_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let (re, uipath) = (
        folder.path().join("contexts.json"),
        folder.path().join("uipath"),
    );
    std::fs::write(&re, format!(r#"{{"contexts":[{{"name":"old","endpoint":"https://acme.reinfer.io/","token":"{CANARY}","accept_invalid_certificates":true,"proxy":null}},{{"name":"bad","endpoint":"http://x.example/","token":null,"accept_invalid_certificates":false,"proxy":null}}]}}"#)).expect("written");
    std::fs::write(&uipath, format!("profiles:\n  - name: ci\n    organization: acme\n    tenant: prod\n    auth:\n      clientId: one\n      clientSecret: {CANARY}\n")).expect("written");
    let config = folder.path().join("c.toml").display().to_string();
    let (re, uipath) = (re.display().to_string(), uipath.display().to_string());
    let import = |args: &[&str]| {
        rein([&["config", "import"][..], args, &["--config", &config]].concat())
            .run()
            .exit(0)
            .no_canary()
            .stdout_text()
    };
    let said = import(&["re", &re]);
    assert!(
        said.contains("added: old")
            && said.contains("not taken: its setting")
            && said.contains("left out: bad"),
        "{said}"
    );
    let text = std::fs::read_to_string(&config).expect("read");
    assert!(
        text.contains("endpoint = \"https://acme.reinfer.io/\"") && !text.contains(CANARY),
        "{text}"
    );
    assert!(import(&["re", &re]).contains("kept: old already exists"));
    let said = import(&["uipath", &uipath, "--tokens"]);
    assert!(said.contains("added: ci"), "{said}");
    let text = std::fs::read_to_string(&config).expect("read");
    assert!(
        text.contains("client_secret_file") && !text.contains(CANARY),
        "{text}"
    );
    let secret = folder.path().join("secrets/ci.client-secret");
    assert_eq!(
        std::fs::read_to_string(&secret).expect("moved"),
        format!("{CANARY}\n")
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(&secret)
                .expect("there")
                .permissions()
                .mode()
                & 0o777,
            0o600
        );
    }
    rein(["config", "check", "--config", &config]).run().exit(0);
}

#[test]
fn every_mistake_in_the_file_is_told_by_its_place_and_never_by_its_value() {
    for (text, says) in [
        (
            "domain = \"a\"\ndomain = \"SEKRET-0123\"",
            "config.toml:3:1: this name is given twice",
        ),
        (
            "domain = \"a\"\n[profiles.p]\ntoken = \"SEKRET-0123\"",
            "config.toml:3:11: this name is given twice",
        ),
        (
            "token = SEKRET-0123",
            "config.toml:2:9: a text must be in quotes",
        ),
        (
            "endpoint = 5",
            "config.toml:2:12: endpoint must be a string",
        ),
        ("endpiont = \"SEKRET-0123\"", "did you mean endpoint?"),
        (
            "domain = \"a.SEKRET-0123\"",
            "config.toml:2: the endpoint of profile p is not usable",
        ),
        (
            "domain = \"a\"\nendpoint = \"https://SEKRET-0123\"",
            "names its endpoint in more than one way",
        ),
        (
            "organisation = \"SEKRET-0123\"",
            "has an organisation but no tenant",
        ),
        (
            "endpoint = \"https://u:SEKRET-0123@h\"",
            "must not hold a user or password",
        ),
        (
            "endpoint = \"https://h?x=SEKRET-0123\"",
            "must not hold a query",
        ),
        (
            "domain = \"a\"\nguard = \"SEKRET-0123\"",
            "one of \"none\", \"confirm\", \"read-only\"",
        ),
        (
            "domain = \"a\"\ntoken_command = \"SEKRET-0123\"",
            "must be a list of words",
        ),
        (
            "domain = \"a\"\ntoken_env = \"SEKRET-0123\"",
            "config.toml:3:13: token_env must be the name of a variable",
        ),
        ("domain = \"a\"\ntoken_env = \"$T\"", "without $"),
        (
            "domain = \"a\"\ntoken_env = \"T\"\ntoken_file = \"SEKRET-0123\"",
            "names two token sources: token_env and token_file",
        ),
        (
            "domain = \"a\"\nproxy = \"nonsense://SEKRET-0123\"",
            "config.toml:3) names is not a proxy URL",
        ),
        (
            "domain = \"a\"\nproject = \"\"",
            "project must be a string that is not empty",
        ),
        (
            "extends = \"p\"",
            "extends itself, directly or through others",
        ),
        (
            "extends = \"q\"\n[profiles.qq]\ndomain = \"a\"",
            "did you mean qq?",
        ),
        (
            "domain = \"a\"\n[vars]\n\"a b\" = \"SEKRET-0123\"",
            "config.toml:4:1: a variable's name must be letters",
        ),
        (
            "domain = \"a\"\n[vars]\na = [\"SEKRET-0123\"]",
            "config.toml:4:5: a variable must be a string or a whole number",
        ),
        (
            "domain = \"a\"\n[profiles.p.oauth]\nclient_secret = \"SEKRET-0123\"",
            "did you mean client_secret_env?",
        ),
        (
            "domain = \"a\"\n[profiles.p.oauth]\ntoken_url = \"http://x\"",
            "config.toml:4:13: token_url is not usable: plain http",
        ),
        (
            "domain = \"a\"\n[templates.x]\npath = \"/api/v1/x\"\nmethod = \"SEKRET 0123\"",
            "config.toml:5:10: method must be",
        ),
        ("domain = \"a\"\n[templates.x]\n", "template x has no path"),
        (
            "domain = \"a\"\n[templates.list-datasets]\npath = \"/api/v1/x\"",
            "has the name of a built-in one",
        ),
        ("domain = \"SEKRET-0123", "config.toml:2"),
    ] {
        let config = format!("[profiles.p]\n{text}\n");
        rein(["config", "check"])
            .config(&config)
            .run()
            .exit(2)
            .stdout("")
            .says(says)
            .no_canary();
    }
    rein(["config", "check"])
        .config("[profiles.p]\ndomain = \"a\"\nca_file = \"/nonexistent/ca.pem\"\n")
        .run()
        .exit(0)
        .says("config.toml:3: cannot read the ca_file /nonexistent/ca.pem");
}
