//! `profile add`, `use`, `remove` and `config import`: what they change, keep and refuse.

use std::path::{Path, PathBuf};

#[cfg(unix)]
use crate::support::command::after;
use crate::support::command::{Finished, in_the_place_of, set_mode};
use crate::support::{CANARY, Recorder, Reply, rein};

/// A configuration file in a folder of its own.
struct Config {
    folder: tempfile::TempDir,
}

impl Config {
    fn new(text: impl AsRef<[u8]>) -> Config {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config { folder };
        std::fs::write(config.path(), text).expect("written");
        set_mode(&config.path(), 0o600);
        config
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("c.toml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).expect("read")
    }

    fn rein(&self, args: &[&str]) -> crate::support::command::Rein {
        rein(args).var("REINFER_CONFIG", self.path())
    }

    fn run(&self, args: &[&str]) -> Finished {
        self.rein(args).run()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("listed");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_never_replaced() {
    use std::os::unix::fs::FileTypeExt;
    let folder = tempfile::tempdir().expect("a folder");
    let (pipe, link, inside) = (
        folder.path().join("pipe"),
        folder.path().join("link"),
        folder.path().join("folder"),
    );
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo runs").success());
    std::os::unix::fs::symlink(&pipe, &link).expect("a link");
    std::fs::create_dir(&inside).expect("a folder");
    let contexts = folder.path().join("contexts.json");
    let text = format!(
        r#"{{"contexts":[{{"name":"a","endpoint":"https://a.reinfer.io/","token":"{CANARY}","proxy":null}}]}}"#
    );
    std::fs::write(&contexts, text).expect("written");
    let contexts = contexts.display().to_string();
    let before = names(folder.path());
    for place in [&pipe, &link, &inside] {
        for args in [
            &["profile", "add", "z", "--domain", "d"][..],
            &["profile", "use", "z"],
            &["profile", "remove", "z"],
            &["config", "import", "re", &contexts, "--tokens"],
        ] {
            rein(args)
                .var("REINFER_CONFIG", place)
                .run()
                .exit(2)
                .says("is not a regular file")
                .says("--config FILE")
                .stdout("")
                .no_canary();
            assert_eq!(names(folder.path()), before, "{args:?}");
        }
    }
    let kind = std::fs::symlink_metadata(&pipe).expect("there").file_type();
    assert!(kind.is_fifo());
    assert!(names(&inside).is_empty());
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_written_is_23_and_stays() {
    let config = Config::new("[profiles.a]\ndomain = \"x\"\n");
    let before = config.text();
    // The largest file that may be written has no byte: as on a full disk, every write fails.
    let call = config.rein(&["profile", "add", "b", "--domain", "y"]);
    let mut command = after("trap '' XFSZ; ulimit -f 0", &call);
    let output = command.output().expect("sh runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(23), "{said}");
    assert!(said.contains("cannot change"), "{said}");
    assert_eq!(config.text(), before);
    assert_eq!(names(config.folder.path()), [".config.lock", "c.toml"]);
}

#[test]
fn comments_line_ends_and_the_byte_order_mark_are_kept() {
    let config = Config::new(
        "# managed by ops\n# ask before changing\n\n# about a\n[profiles.a]\ndomain = \"x\"\n\n\
         # about b\n[profiles.b]\ndomain = \"y\" # b\n\n# the end\n",
    );
    config.run(&["profile", "remove", "a"]).exit(0);
    assert_eq!(
        config.text(),
        "# managed by ops\n# ask before changing\n\n# about b\n[profiles.b]\ndomain = \"y\" # b\n\n# the end\n"
    );
    config.run(&["profile", "remove", "b"]).exit(0);
    assert_eq!(
        config.text(),
        "# managed by ops\n# ask before changing\n\n# the end\n"
    );
    let config =
        Config::new("# head\ndefault_profile = \"a\" # why\n[profiles.a]\ndomain = \"x\"\n");
    config.run(&["profile", "remove", "a"]).exit(0);
    assert_eq!(config.text(), "# head\n");
    let windows = "\u{feff}# head\r\n[profiles.a]\r\ndomain = \"x\" # d\r\n";
    let config = Config::new(windows);
    config
        .run(&["profile", "add", "b", "--domain", "y"])
        .exit(0);
    let text = config.text();
    assert!(text.starts_with(windows), "{text:?}");
    assert!(
        text.contains("[profiles.b]\r\ndomain = \"y\"\r\n"),
        "{text:?}"
    );
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    config.run(&["profile", "use", "b"]).exit(0);
    assert!(config.text().starts_with('\u{feff}'), "{:?}", config.text());
}

#[test]
fn the_keys_that_stand_there_keep_their_order() {
    let config = Config::new(
        "[profiles.z]\nproject = \"p\"\ntoken_env = \"T\"\ndomain = \"x\"\n\n[profiles.a]\ndomain = \"y\"\n",
    );
    config
        .run(&[
            "profile",
            "add",
            "z",
            "--project",
            "q",
            "--guard",
            "confirm",
        ])
        .exit(0);
    assert_eq!(
        config.text(),
        "[profiles.z]\nproject = \"q\"\ntoken_env = \"T\"\ndomain = \"x\"\nguard = \"confirm\"\n\n[profiles.a]\ndomain = \"y\"\n"
    );
}

#[test]
fn a_change_that_would_break_the_file_is_told_without_a_line_of_it() {
    let config = Config::new("[profiles.a]\ndomain = \"x\"\n");
    let run = config
        .run(&["profile", "add", "b", "--guard", "confirm"])
        .exit(2)
        .says("cannot change ")
        .says("nothing was changed")
        .never_says("nothing was sent");
    let said = run.stderr_text();
    let behind = said.split("c.toml:").nth(1).unwrap_or_default();
    assert!(behind.starts_with(" profile b"), "a line is named: {run}");
}

#[test]
fn paths_that_were_typed_mean_the_same_from_the_files_own_folder() {
    let config = Config::new("");
    let here = tempfile::tempdir().expect("a folder");
    let here_path = std::fs::canonicalize(here.path()).expect("a path");
    let add = |args: &[&str]| {
        let words = [&["profile", "add", "n", "--domain", "d"], args].concat();
        config.rein(&words).folder(here.path()).run()
    };
    add(&["--token-file", "-"])
        .exit(2)
        .says("--ask-token")
        .says("nothing was changed");
    assert_eq!(config.text(), "");
    for (option, key) in [
        ("--token-file", "token_file"),
        ("--ca-file", "ca_file"),
        ("--token-command", "token_command"),
    ] {
        add(&[option, "./tf"]).exit(0);
        let path = here_path.join("tf").display().to_string();
        let text = config.text();
        let line = text.lines().find(|line| line.starts_with(key));
        assert!(line.is_some_and(|line| line.contains(&path)), "{text}");
    }
    for (option, value, line) in [
        (
            "--token-command",
            "op read x",
            "token_command = [\"op\", \"read\", \"x\"]\n",
        ),
        ("--token-file", "~/tok", "token_file = \"~/tok\"\n"),
    ] {
        add(&[option, value]).exit(0);
        assert!(config.text().contains(line), "{}", config.text());
    }
}

#[test]
fn a_check_warns_of_a_token_file_that_is_not_there() {
    let config = Config::new(
        "[profiles.a]\ndomain = \"x\"\ntoken_file = \"missing\"\n[profiles.b]\ndomain = \"x\"\n\
         [profiles.b.oauth]\ntoken_url = \"https://h\"\nclient_id = \"i\"\nclient_secret_file = \"gone\"\n",
    );
    config
        .run(&["config", "check"])
        .exit(0)
        .says("profile a: cannot read the token_file ")
        .says("profile b: cannot read the client_secret_file ");
}

#[cfg(unix)]
#[test]
fn a_program_with_a_slash_is_the_one_beside_the_file() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let config = Config::new(format!(
        "[profiles.p]\nendpoint = \"{}\"\ntoken_command = [\"./tc\"]\n",
        server.url()
    ));
    let elsewhere = tempfile::tempdir().expect("a folder");
    for (folder, token) in [
        (config.folder.path(), "of-the-file"),
        (elsewhere.path(), CANARY),
    ] {
        let program = folder.join("tc");
        std::fs::write(&program, format!("#!/bin/sh\necho {token}\n")).expect("written");
        set_mode(&program, 0o700);
    }
    config
        .rein(&["-p", "p", "v1/x"])
        .folder(elsewhere.path())
        .run()
        .exit(0);
    assert_eq!(
        server.only().header("authorization"),
        ["Bearer of-the-file"]
    );
}

#[test]
fn a_stored_token_stays_when_something_else_is_changed() {
    let config = Config::new(format!(
        "[profiles.a]\ndomain = \"x\"\ntoken = \"{CANARY}\" # mine\n"
    ));
    config
        .run(&[
            "profile",
            "add",
            "a",
            "--project",
            "p",
            "--guard",
            "confirm",
        ])
        .exit(0)
        .no_canary();
    assert!(
        config
            .text()
            .contains(&format!("token = \"{CANARY}\" # mine")),
        "{}",
        config.text()
    );
    config
        .run(&["profile", "add", "a", "--token-env", "T"])
        .exit(0);
    assert!(!config.text().contains(CANARY), "{}", config.text());
}

#[test]
fn an_import_says_what_it_did_not_do() {
    let config = Config::new("[profiles.a]\ndomain = \"x\"\n");
    let contexts = config.folder.path().join("contexts.json");
    let path = contexts.display().to_string();
    std::fs::write(&contexts, r#"{"contexts":[]}"#).expect("written");
    config
        .run(&["config", "import", "re", &path])
        .exit(0)
        .stdout("")
        .says("holds no profile");
    let text = format!(
        r#"{{"contexts":[{{"name":"a","endpoint":"https://a.reinfer.io/","token":"{CANARY}","proxy":null}}]}}"#
    );
    std::fs::write(&contexts, text).expect("written");
    config
        .run(&["config", "import", "re", &path])
        .exit(0)
        .stdout("kept: a already exists\n");
    config
        .run(&["config", "import", "re", &path, "--tokens"])
        .exit(0)
        .stdout_starts("kept: a already exists; its token was not moved")
        .no_canary();
}

/// A kill leaves the old file or the new one, whole.
#[cfg(unix)]
#[test]
fn a_kill_in_the_middle_of_a_change_leaves_a_whole_file() {
    let config = Config::new("# head\n[profiles.a]\ndomain = \"x\"\n");
    for round in 0..24 {
        let name = format!("k{round}");
        let before = config.text();
        let call = config.rein(&["profile", "add", &name, "--domain", "d"]);
        let mut command = call.command();
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let mut child = command.spawn().expect("a start");
        std::thread::sleep(std::time::Duration::from_micros(400 * round));
        child.kill().expect("killed");
        child.wait().expect("an end");
        let after = config.text();
        if after == before {
            continue;
        }
        let added = format!("\n[profiles.{name}]\ndomain = \"d\"\n");
        assert_eq!(after, format!("{before}{added}"));
    }
    // The lock of a killed run does not stay.
    config
        .run(&["profile", "add", "last", "--domain", "d"])
        .exit(0);
    config.run(&["config", "check"]).exit(0);
}

/// A signal at the prompt for a token finds the terminal as it was, with its echo.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_at_the_prompt_leaves_the_echo_on() {
    use std::io::{Read, Write};
    let config = Config::new("");
    let call = config.rein(&[]);
    let pid = config.folder.path().join("pid");
    let line = format!(
        "sh -c 'echo $$ > {}; exec {} profile add a --domain d --ask-token'; echo ended with $?; stty -a",
        pid.display(),
        env!("CARGO_BIN_EXE_rein")
    );
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &line, "/dev/null"]);
    in_the_place_of(&call.command(), &mut script);
    script
        .env("PATH", "/usr/bin:/bin")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = script.spawn().expect("script runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"token: ") {
        assert_eq!(stdout.read(&mut byte).expect("a byte"), 1);
        seen.push(byte[0]);
    }
    // The prompt may be written before the echo is turned off.
    std::thread::sleep(std::time::Duration::from_millis(100));
    let pid = std::fs::read_to_string(&pid).expect("a pid");
    let sent = std::process::Command::new("kill")
        .args(["-TERM", pid.trim()])
        .status();
    assert!(sent.expect("kill").success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    let _ended = stdin.write_all(b"\n");
    child.wait().expect("an end");
    assert!(rest.contains("ended with 143"), "{rest}");
    assert!(rest.contains(" echo "), "{rest}");
}
