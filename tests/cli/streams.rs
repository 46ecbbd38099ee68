//! Standard streams, terminals and files: what goes where, and what is waited for.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::output::on_a_terminal;
use crate::support::command::{Rein, exit_code, in_the_place_of, set_mode};
use crate::support::{CANARY, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok","list":[{"a":1},{"a":2}]}"#;

fn ok() -> Recorder {
    Recorder::always(Reply::json(200, OK))
}

/// Runs a call's line in a shell, where streams can be led elsewhere.
fn in_a_shell(call: &Rein, redirection: &str) -> Command {
    let command = call.command();
    let words = command.get_args().map(|word| word.to_string_lossy());
    let line = shell_words::join(words);
    let mut shell = Command::new("sh");
    let binary = command.get_program().to_string_lossy();
    shell.args(["-c", &format!("'{binary}' {line} {redirection}")]);
    in_the_place_of(&command, &mut shell);
    shell
}

#[test]
fn an_input_that_stays_open_is_not_waited_for() {
    let server = ok();
    for words in [&["v1/x"][..], &["call", "list-sources"]] {
        let call = rein(words).at(&server.url());
        let mut child = call
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a start");
        let kept_open = child.stdin.take();
        assert_eq!(exit_code(child.wait().expect("an end")), 0, "{words:?}");
        drop(kept_open);
    }
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.line().starts_with("GET ") && request.body.is_empty())
    );
}

#[test]
fn each_stream_is_judged_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("stream");
    let server = ok();
    for (stream, kept) in [(">", "\"status\""), ("2>", "200 OK")] {
        let call = rein(["v1/x"]).at(&server.url());
        let redirection = format!("{stream} '{}'", file.display());
        let seen = on_a_terminal(&in_a_shell(&call, &redirection));
        let piped = std::fs::read_to_string(&file).expect("written");
        assert!(seen.contains('\u{1b}'), "{stream} {seen:?}");
        assert!(
            piped.contains(kept) && !piped.contains('\u{1b}'),
            "{piped:?}"
        );
    }
}

#[test]
fn a_last_newline_is_added_on_a_terminal_alone() {
    let server = ok();
    let call = || rein(["-s", "v1/x", "--format", "raw"]).at(&server.url());
    assert_eq!(on_a_terminal(&call().command()), format!("{OK}\r\n"));
    call().run().exit(0).stdout(OK);
}

#[test]
fn there_is_no_pager_and_nothing_is_drawn_in_a_pipe() {
    let slow = Recorder::by(|_, _| {
        std::thread::sleep(Duration::from_millis(1200));
        Reply::json(200, OK)
    });
    let run = rein(["v1/x"]).at(&slow.url()).run().exit(0).stdout(OK);
    assert!(!run.stderr_text().contains(['\r', '\u{1b}']), "{run}");
    let server = ok();
    let plain = rein(["-s", "v1/x"]).at(&server.url());
    let paged = rein(["-s", "v1/x"])
        .at(&server.url())
        .var("PAGER", "/bin/false")
        .var("GIT_PAGER", "/bin/false");
    assert_eq!(
        on_a_terminal(&plain.command()),
        on_a_terminal(&paged.command())
    );
    // A call that is done soon draws no progress.
    let seen = on_a_terminal(&rein(["v1/x"]).at(&server.url()).command());
    assert!(!seen.replace("\r\n", "\n").contains('\r'), "{seen:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_23_whatever_is_written() {
    let server = ok();
    let full = || {
        let device = std::fs::File::options().write(true).open("/dev/full");
        device.expect("a device")
    };
    for words in [
        &["--help"][..],
        &["--version"],
        &["templates"],
        &["templates", "list-sources", "--format", "json"],
        &["completions", "bash"],
        &["man"],
        &["v1/x", "-i"],
        &["v1/x", "-t"],
        &["v1/x", "-q", ".status"],
        &["v1/x", "--format", "pretty"],
        &["v1/x", "--format", "csv"],
        &["v1/x", "--format", "ndjson"],
        &["v1/x", "--format", "yaml"],
        &["v1/x", "-D", "-"],
        &["v1/x", "-o", "/dev/null", "-w", "done"],
        &["v1/x", "--dry-run"],
        &["v1/x", "--curl"],
    ] {
        let call = rein(words).at(&server.url());
        let end = call
            .command()
            .stdout(full())
            .stderr(Stdio::piped())
            .output()
            .expect("it runs");
        let told = String::from_utf8_lossy(&end.stderr);
        assert_eq!(exit_code(end.status), 23, "{words:?}: {told}");
        assert!(told.contains("error: "), "{words:?}: {told}");
    }
    for option in ["-o", "-D", "--meta"] {
        rein(["v1/x", option, "/dev/full"])
            .at(&server.url())
            .run()
            .exit(23)
            .says("/dev/full");
    }
}

#[cfg(unix)]
#[test]
fn a_file_keeps_its_mode_a_link_its_target_and_a_pipe_is_written_directly() {
    use std::os::unix::fs::PermissionsExt;
    let server = ok();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let save = |name: &str| rein(["v1/x", "-o", &path(name)]).at(&server.url());
    let read = |name: &str| std::fs::read_to_string(path(name)).expect("read");

    std::fs::write(path("kept"), "old").expect("written");
    set_mode(path("kept").as_ref(), 0o640);
    std::os::unix::fs::symlink(path("kept"), path("link")).expect("a link");
    save("link").run().exit(0).stdout("");
    assert_eq!((read("kept"), read("link")), (OK.into(), OK.into()));
    let link = std::fs::symlink_metadata(path("link")).expect("there");
    assert!(link.file_type().is_symlink());
    let mode = std::fs::metadata(path("kept"))
        .expect("there")
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o640);

    let made = Command::new("mkfifo").arg(path("pipe")).status();
    assert!(made.expect("mkfifo runs").success());
    let fifo = path("pipe");
    let reader = std::thread::spawn(move || std::fs::read_to_string(fifo).expect("read"));
    save("pipe").run().exit(0).stdout("");
    assert_eq!(reader.join().expect("an end"), OK);
    let names = std::fs::read_dir(folder.path()).expect("listed").count();
    assert_eq!(names, 3, "kept, link and pipe");
}

#[test]
fn headers_stand_before_what_is_rendered() {
    let block = "HTTP/1.1 200 OK\r\nX-MiXed: 1\r\nserver-timing: total;dur=1\r\nX-mixed: 2\r\n";
    let length = format!("Content-Length: {}\r\n\r\n", OK.len());
    let answer = format!("{block}{length}{OK}");
    let shown_block =
        "HTTP/1.1 200 OK\r\nX-Mixed: 1\r\nX-Mixed: 2\r\nServer-Timing: total;dur=1\r\n";
    let server = Recorder::always(Reply::Bytes(answer.clone().into_bytes()));
    for (words, shown) in [
        (&["-q", ".status"][..], "ok\n"),
        (&["-t"], "a\n1\n2\n"),
        (&["--format", "csv"], "a\n1\n2\n"),
    ] {
        rein([&["-i", "v1/x"][..], words].concat())
            .at(&server.url())
            .run()
            .exit(0)
            .stdout(format!("{shown_block}{length}{shown}"));
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_what_is_waited_for_before_and_between_requests() {
    let busy = Recorder::always(Reply::json(503, r#"{"status":"error"}"#));
    let config = format!(
        "[profiles.slow]\nendpoint = \"{}\"\ntoken_command = [\"sleep\", \"30\"]\n",
        busy.url()
    );
    for (words, requests) in [
        // In the wait before a further try, in the token's command, and where input is read.
        (&["v1/x", "--retry-delay", "30s"][..], 1),
        (&["-p", "slow", "v1/x"], 0),
        (&["v1/x", "-d", "@-"], 0),
    ] {
        for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
            busy.take();
            let call = rein(words).at(&busy.url()).config(&config);
            let call = if words[0] == "-p" {
                rein(words).config(&config)
            } else {
                call
            };
            let mut child = call
                .command()
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("a start");
            let kept_open = child.stdin.take();
            std::thread::sleep(Duration::from_millis(400));
            let begun = Instant::now();
            let sent = Command::new("kill")
                .args(["-s", signal, &child.id().to_string()])
                .status();
            assert!(sent.expect("kill").success());
            let exit = exit_code(child.wait().expect("an end"));
            assert_eq!(exit, code, "{words:?}");
            assert!(begun.elapsed() < Duration::from_secs(2), "{words:?}");
            assert_eq!(busy.requests().len(), requests, "{words:?}");
            drop(kept_open);
        }
    }
    assert!(!config.contains(CANARY));
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_while_a_token_is_typed_gives_the_terminal_its_echo_back() {
    let call = rein(["profile", "add", "x", "--domain", "d", "--ask-token"]);
    let command = in_a_shell(&call, "</dev/tty &");
    let rest = "sleep 0.5; stty -a | grep -o -- '.echo\\b'; kill -TERM $!; wait $!; \
                echo ended with $?; stty -a | grep -o -- '.echo\\b'";
    let mut line = command.get_args().nth(1).expect("a line").to_owned();
    line.push(rest);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(line);
    in_the_place_of(&command, &mut shell);
    let seen = on_a_terminal(&shell).replace("\r\n", "\n");
    assert!(seen.contains("-echo\n"), "{seen:?}");
    assert!(seen.ends_with("ended with 143\n echo\n"), "{seen:?}");
}

#[test]
fn a_closed_standard_output_is_found_before_anything_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("response");
    let output = file.to_str().expect("text");
    for (words, code, requests) in [
        (&["v1/x"][..], 23, 0),
        (&["v1/x", "-q", ".status"], 23, 0),
        (&["v1/x", "--format", "csv", "--items", ".status"], 23, 0),
        (&["v1/x", "-i"], 23, 0),
        (&["v1/x", "-D", "-", "-o", output], 23, 0),
        (&["-X", "DELETE", "v1/x"], 23, 0),
        (&["call", "list-sources"], 23, 0),
        (&["templates"], 23, 0),
        (&["v1/x", "-o", output], 0, 1),
    ] {
        let server = ok();
        let call = rein(words).at(&server.url());
        let status = in_a_shell(&call, ">&-").status().expect("an end");
        assert_eq!(exit_code(status), code, "{words:?}");
        assert_eq!(server.requests().len(), requests, "{words:?}");
    }
    // The null device, however it was opened, is a place to write to.
    let server = ok();
    let null = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .expect("the null device");
    let call = rein(["v1/x"]).at(&server.url());
    let status = call.command().stdout(null).status().expect("an end");
    assert_eq!(exit_code(status), 0);
}
