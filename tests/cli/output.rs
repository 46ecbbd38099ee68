//! What comes back: bytes on standard output, everything about them on standard error.

use std::io::Read;
use std::process::Stdio;

use crate::support::command::{exit_code, in_the_place_of};
use crate::support::{CANARY, Demo, Recorder, Reply, rein};

/// A body that parsers lose something of.
const ODD: &[u8] = b"{\"status\":\"ok\",\"n\":12345678901234567890123,\"f\":1.10,\"e\":1E400,\r\n\"n\":-0,\"s\":\"\\ud800\xff\x00\"}";

#[test]
fn piped_bytes_are_the_servers() {
    let deep = format!(
        "{{\"status\":\"ok\",\"d\":{}{}}}",
        "[".repeat(5000),
        "]".repeat(5000)
    );
    for body in [ODD, deep.as_bytes(), b"", b"plain \x1b[2J"] {
        let server = Recorder::always(Reply::with(200, &["Server-Timing: total;dur=1"], body));
        rein(["/api/v1/x"])
            .at(&server.url())
            .run()
            .exit(0)
            .stdout(body);
    }
}

#[test]
fn the_status_line_is_on_stderr_and_s_drops_it_but_no_error() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let run = rein(["/api/v1/x?a=1"]).at(&server.url()).run().exit(0);
    let line = run.stderr_text();
    let host = server.url().trim_start_matches("http://").to_owned();
    assert!(
        line.starts_with(&format!(
            "{host}  GET /api/v1/x?a=1  200 OK  server 1.5 ms · network "
        )),
        "{line}"
    );
    assert!(line.ends_with(" ms  15 B\n"), "{line}");
    let quiet = rein(["-s", "/api/v1/x"]).at(&server.url()).run().exit(0);
    assert!(quiet.stderr.is_empty(), "{quiet}");
    let absent = Recorder::always(Reply::with(200, &[], br#"{"status":"ok"}"#));
    rein(["/api/v1/x"])
        .at(&absent.url())
        .run()
        .exit(0)
        .says("server absent");
    let failing = Recorder::always(Reply::json(404, r#"{"status":"error","message":"gone"}"#));
    rein(["-s", "/api/v1/x"])
        .at(&failing.url())
        .run()
        .exit(4)
        .says("gone");
}

#[test]
fn layouts_are_lexical_and_a_failed_call_prints_none() {
    let server = Recorder::always(Reply::json(200, "{\"status\":\"ok\", \"n\":1.10}"));
    rein(["/api/v1/x", "--format", "pretty"])
        .at(&server.url())
        .run()
        .stdout("{\n  \"status\": \"ok\",\n  \"n\": 1.10\n}");
    rein(["/api/v1/x", "--format", "compact"])
        .at(&server.url())
        .run()
        .stdout("{\"status\":\"ok\",\"n\":1.10}");
    let failing = Recorder::always(Reply::json(404, r#"{"status":"error","message":"m"}"#));
    rein(["/api/v1/x", "--format", "pretty"])
        .at(&failing.url())
        .run()
        .exit(4)
        .stdout("");
    rein(["/api/v1/x"])
        .at(&failing.url())
        .run()
        .exit(4)
        .stdout(r#"{"status":"error","message":"m"}"#);
    rein(["/api/v1/x", "-f"])
        .at(&failing.url())
        .run()
        .exit(4)
        .stdout("");
    let broken = Recorder::always(Reply::with(
        200,
        &["Server-Timing: total;dur=1"],
        b"{\"a\":1,]rest",
    ));
    rein(["/api/v1/x", "--format", "compact"])
        .at(&broken.url())
        .run()
        .exit(0)
        .stdout("{\"a\":1,]rest")
        .says("not JSON");
}

#[test]
fn headers_are_shown_with_names_in_title_case() {
    let sent = "HTTP/1.1 200 Fine\r\nX-MiXed: 1\r\nserver-timing: total;dur=1\r\nSet-Cookie: a\r\nx-other: 2\r\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\n";
    // Those of one name are together.
    let block = "HTTP/1.1 200 Fine\r\nX-Mixed: 1\r\nServer-Timing: total;dur=1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-Other: 2\r\nContent-Length: 2\r\n\r\n";
    let server = Recorder::always(Reply::Bytes(format!("{sent}{{}}").into_bytes()));
    rein(["-i", "/api/v1/x"])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout(format!("{block}{{}}"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("head");
    rein(["/api/v1/x", "-D", &file.display().to_string()])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout("{}");
    assert_eq!(std::fs::read_to_string(&file).expect("read"), block);
    let verbose = rein(["-v", "/api/v1/x"])
        .at(&server.url())
        .run()
        .exit(0)
        .no_canary();
    for part in [
        "> GET /api/v1/x",
        "> Authorization: Bearer (redacted)",
        "< HTTP/1.1 200 Fine",
        "< X-Mixed: 1",
        "< Set-Cookie: (redacted)",
        "* first byte",
    ] {
        assert!(verbose.stderr_text().contains(part), "{part}: {verbose}");
    }
    let head = Recorder::always(Reply::Bytes(sent.as_bytes().to_vec()));
    rein(["-I", "/api/v1/x"])
        .at(&head.url())
        .run()
        .exit(0)
        .stdout(block);
}

#[test]
fn many_headers_are_no_problem() {
    let many: String = (0..150)
        .map(|number| format!("X-{number}: {number}\r\n"))
        .collect();
    let reply = format!(
        "HTTP/1.1 200 OK\r\n{many}Server-Timing: total;dur=1\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let server = Recorder::always(Reply::Bytes(reply.into_bytes()));
    rein(["/api/v1/x"])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout("{}");
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out");
    let path = file.display().to_string();
    let names = || std::fs::read_dir(folder.path()).expect("listed").count();
    let good = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    rein(["/api/v1/x", "-o", &path])
        .at(&good.url())
        .run()
        .exit(0)
        .stdout("");
    assert_eq!(
        std::fs::read_to_string(&file).expect("read"),
        r#"{"status":"ok"}"#
    );
    let cut = Reply::Close(
        b"HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nContent-Length: 100\r\n\r\n{\"half"
            .to_vec(),
    );
    for (reply, exit, says) in [
        (cut, 18, "was cut short"),
        (
            Reply::json(404, r#"{"status":"error","message":"m"}"#),
            4,
            r#"{"status":"error","message":"m"}"#,
        ),
        (
            Reply::json(200, r#"{"status":"error","message":"odd"}"#),
            5,
            r#"{"status":"error","message":"odd"}"#,
        ),
        (
            Reply::with(
                200,
                &["Content-Type: text/html"],
                b"<html><title>Log in</title>",
            ),
            8,
            "<html><title>Log in</title>",
        ),
    ] {
        let server = Recorder::always(reply);
        rein(["/api/v1/x", "-o", &path])
            .at(&server.url())
            .run()
            .exit(exit)
            .stdout("")
            .says(&format!("{says}\n"));
        assert_eq!(
            std::fs::read_to_string(&file).expect("read"),
            r#"{"status":"ok"}"#,
            "{exit}"
        );
        assert_eq!(names(), 1, "{exit}");
    }
    rein(["/api/v1/x", "-o", "/dev/null"])
        .at(&good.url())
        .run()
        .exit(0);
}

#[test]
fn blanks_at_a_mistake_are_kept() {
    for (body, compact) in [
        (
            r#"{"status":"ok","a": 1   2}"#,
            r#"{"status":"ok","a":1   2}"#,
        ),
        (r#"[1, [2 3]]"#, r#"[1,[2 3]]"#),
        ("{\"a\":\"b \u{1}\"}", "{\"a\":\"b \u{1}\"}"),
    ] {
        let server = Recorder::always(Reply::json(200, body));
        rein(["v1/x", "--format", "compact"])
            .at(&server.url())
            .run()
            .exit(0)
            .stdout(compact)
            .says("it is shown as received from there");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named_before_anything_is_sent_where_that_is_known() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("text");
    let unsent = |file: &str, exit, says: &str| {
        rein(["POST", "/api/v1/x", "-o", file])
            .at(&server.url())
            .run()
            .exit(exit)
            .stdout("")
            .says(&format!("{says}\n  nothing was sent"));
    };
    let missing = "error: cannot write /nonexistent/x: no such file or directory";
    unsent("/nonexistent/x", 23, missing);
    unsent(
        folder,
        23,
        &format!("error: cannot write {folder}: is a directory"),
    );
    unsent("", 2, "error: -o names no file");
    server.saw_nothing();
    rein(["/api/v1/x", "-D", "/nonexistent/x"])
        .at(&server.url())
        .run()
        .exit(23)
        .says(missing);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_23() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    rein(["/api/v1/x", "-o", "/dev/full"])
        .at(&server.url())
        .run()
        .exit(23);
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("a device");
    let call = rein(["/api/v1/x"]).at(&server.url());
    let status = call
        .command()
        .stdout(full)
        .stderr(Stdio::null())
        .status()
        .expect("an end");
    assert_eq!(exit_code(status), 23);
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_hides_no_failure() {
    let big = format!(r#"{{"status":"ok","list":[{}1]}}"#, "1,".repeat(500_000));
    let platform = |status| Reply::json(status, &big);
    let page = Reply::with(200, &[], b"<html><title>Sign in</title>");
    for (reply, words, exit, says) in [
        (platform(200), &["-q", ".status"][..], 0, ""),
        (platform(200), &["--expect", "true"], 0, ""),
        (platform(200), &["--max-server-time", "1s"], 0, ""),
        (platform(404), &["--expect-status", "404"], 0, ""),
        (
            platform(200),
            &["--expect", "false"],
            11,
            "--expect 'false'",
        ),
        (platform(200), &["--expect-status", "404"], 11, "it was 200"),
        (
            platform(200),
            &["--max-server-time", "1ms"],
            11,
            "--max-server-time",
        ),
        (platform(401), &[], 4, "401"),
        (platform(500), &["-X", "POST"], 5, "500"),
        (page, &[], 8, "Sign in"),
    ] {
        let server = Recorder::always(reply);
        let call = rein([&["v1/x"][..], words].concat()).at(&server.url());
        let mut child = call.start();
        drop(child.stdout.take());
        let end = child.wait_with_output().expect("an end");
        let told = String::from_utf8_lossy(&end.stderr);
        assert_eq!(exit_code(end.status), exit, "{words:?}: {told}");
        assert!(told.contains(says), "{words:?}: {told}");
    }
}

#[test]
fn a_closed_pipe_is_silence() {
    let demo = Demo::start();
    let call = rein(["/api/_demo/big?bytes=100000000"])
        .var("REINFER_ENDPOINT", &demo.url)
        .var("REINFER_TOKEN", &demo.token)
        .var("RUST_BACKTRACE", "1");
    let mut child = call.start();
    let mut first = [0; 10];
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut first).expect("some bytes");
    drop(stdout);
    let end = child.wait_with_output().expect("an end");
    assert_eq!(exit_code(end.status), 0);
    assert!(
        end.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&end.stderr)
    );
    for args in [&["--help"][..], &["man"], &["completions", "bash"]] {
        let call = rein(args);
        let mut child = call.start();
        drop(child.stdout.take());
        let end = child.wait_with_output().expect("an end");
        assert_eq!(exit_code(end.status), 0, "{args:?}");
        assert!(
            end.stderr.is_empty(),
            "{args:?}: {}",
            String::from_utf8_lossy(&end.stderr)
        );
    }
}

#[cfg(unix)]
#[test]
fn closed_standard_streams_do_no_harm() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out");
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let script = format!("\"$0\" /api/v1/x -o {} {closed}", file.display());
        let status = std::process::Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_rein")])
            .env_clear()
            .current_dir(folder.path())
            .env("REINFER_ENDPOINT", server.url())
            .env("REINFER_TOKEN", CANARY)
            .stderr(Stdio::null())
            .status()
            .expect("an end");
        assert_eq!(exit_code(status), 0, "{closed}");
        assert_eq!(
            std::fs::read_to_string(&file).expect("read"),
            r#"{"status":"ok"}"#,
            "{closed}"
        );
    }
}

#[test]
fn no_escape_byte_reaches_a_pipe_and_colour_can_be_asked_for() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let plain = rein(["/api/v1/x", "--format", "pretty"])
        .at(&server.url())
        .run()
        .exit(0);
    assert!(
        !plain.stdout.contains(&0x1b) && !plain.stderr.contains(&0x1b),
        "{plain}"
    );
    for (call, coloured) in [
        (
            rein(["/api/v1/x", "--format", "pretty", "--color", "always"]),
            true,
        ),
        (
            rein(["/api/v1/x", "--format", "pretty"]).var("CLICOLOR_FORCE", "1"),
            true,
        ),
        (
            rein(["/api/v1/x", "--format", "pretty"])
                .var("CLICOLOR_FORCE", "1")
                .var("NO_COLOR", "1"),
            false,
        ),
    ] {
        let run = call.at(&server.url()).run().exit(0);
        assert_eq!(run.stdout.contains(&0x1b), coloured, "{run}");
    }
}

#[test]
fn a_size_limit_holds_for_decoded_bytes() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    rein(["/api/v1/x", "--max-size", "15"])
        .at(&server.url())
        .run()
        .exit(0);
    rein(["/api/v1/x", "--max-size", "14"])
        .at(&server.url())
        .run()
        .exit(63);
}

#[test]
fn content_codings_are_undone_and_unknown_ones_are_61() {
    use std::io::Write;
    let body = br#"{"status":"ok","text":"hello hello hello"}"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(body).expect("written");
    let gzip = gzip.finish().expect("finished");
    let coded = |coding: &str, bytes: &[u8]| {
        Recorder::always(Reply::with(
            200,
            &[
                &format!("Content-Encoding: {coding}"),
                "Server-Timing: total;dur=1",
            ],
            bytes,
        ))
    };
    let server = coded("gzip", &gzip);
    rein(["/api/v1/x"])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout(body);
    let shown = rein(["-i", "/api/v1/x"]).at(&server.url()).run().exit(0);
    assert!(
        shown.stdout_text().contains("Content-Encoding: gzip\r\n"),
        "{shown}"
    );
    for (coding, bytes, exit) in [
        ("foo", &gzip[..], 61),
        ("gzip, gzip", &gzip, 61),
        ("gzip", body, 61),
        ("gzip", &gzip[..20], 18),
    ] {
        let server = coded(coding, bytes);
        rein(["/api/v1/x"]).at(&server.url()).run().exit(exit);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_a_pretty_safe_body_with_the_token_hidden() {
    let body = format!(
        "{{\"status\":\"ok\",\"evil\":\"\\u001b[2J\u{9b}31m\u{202e}\",\"echo\":\"{CANARY}\"}}"
    );
    let server = Recorder::always(Reply::json(200, &body));
    let call = rein(["/api/v1/x"]).at(&server.url());
    let seen = on_a_terminal(&call.command());
    assert!(seen.contains("\"evil\""), "{seen:?}");
    assert!(seen.contains("\\u009b31m\\u202e"), "{seen:?}");
    assert!(
        !seen.contains(CANARY) && !seen.contains('\u{202e}') && !seen.contains('\u{9b}'),
        "{seen:?}"
    );
    let page = Recorder::always(Reply::with(
        200,
        &["Server-Timing: total;dur=1"],
        b"text \x1b]0;x\x07\xff",
    ));
    let call = rein(["/api/v1/x"]).at(&page.url());
    let seen = on_a_terminal(&call.command());
    assert!(seen.contains("text \\x1b]0;x\\x07\\xff"), "{seen:?}");
}

#[test]
fn a_coding_of_a_body_that_is_not_there_is_no_failure() {
    let head = "HTTP/1.1 204 No Content\r\nContent-Encoding: foo\r\n\r\n";
    let server = Recorder::always(Reply::Bytes(head.as_bytes().to_vec()));
    rein(["DELETE", "/api/v1/x"])
        .at(&server.url())
        .run()
        .exit(0)
        .stdout("");
}

#[test]
fn a_header_block_over_256_kib_is_56() {
    let head = |kib: usize| {
        let line = format!("X: {}\r\n", "a".repeat(1019));
        Recorder::always(Reply::Bytes(
            format!(
                "HTTP/1.1 200 OK\r\n{}Server-Timing: total;dur=1\r\nContent-Length: 2\r\n\r\n{{}}",
                line.repeat(kib)
            )
            .into_bytes(),
        ))
    };
    for (kib, exit) in [(250, 0), (257, 56), (300, 56), (500, 56), (2000, 56)] {
        let server = head(kib);
        for words in [&["/api/v1/x"][..], &["/api/v1/x", "-i"]] {
            let run = rein(words).at(&server.url()).run().exit(exit);
            if exit > 0 {
                run.stdout("").says("header block is too large");
            }
        }
        assert_eq!(server.take().len(), 2, "{kib}");
    }
}

/// C0 but for line breaks, DEL, C1, and controls of writing direction.
#[cfg(target_os = "linux")]
pub(crate) fn drives_a_terminal(character: char) -> bool {
    (character.is_control() && !matches!(character, '\n' | '\r'))
        || matches!(character, '\u{200b}' | '\u{202e}')
}

#[cfg(target_os = "linux")]
#[test]
fn server_text_cannot_drive_a_terminal_wherever_it_is_shown() {
    let evil = "\u{9b}2J\u{202e}\u{200b}";
    let header = format!("X-Evil: a{evil}");
    let location = format!("Location: /api/v1/y{evil}");
    let timing = format!("Server-Timing: total;dur=1;desc=\"{evil}\"");
    let content = "Content-Type: application/json";
    let headers = [header.as_str(), &location, &timing, content];
    let html = format!("<html><title>Sign in \u{1b}[2J{evil}</title></html>");
    let message =
        format!("{{\"status\":\"error\",\"message\":\"\\u001b[2J{evil}\\u0007\\u007f\"}}");
    let rows = format!("{{\"status\":\"ok\",\"rows\":[{{\"a{evil}\":\"\\u001b[2J{evil}\"}}]}}");
    for (status, body) in [
        (200, &html),
        (502, &html),
        (302, &html),
        (200, &message),
        (403, &message),
        (500, &message),
        (200, &rows),
    ] {
        for options in [
            &["-i", "-v", "-w", "%{json} %header{x-evil} %{redirect_url}"][..],
            &["-I"],
            &["-D", "-"],
            &["-t"],
            &["--format", "csv"],
            &["--format", "tsv"],
            &["--format", "yaml"],
            &["--format", "ndjson"],
            &["--format", "raw"],
            &["-q", ".. | strings"],
            &["--meta", "-"],
            &["-s", "-w", "%{stderr}%header{location}"],
        ] {
            let server = Recorder::always(Reply::with(status, &headers, body.as_bytes()));
            let fixed = ["/api/v1/x", "--color", "never", "--retry", "0"];
            let call = rein(fixed.iter().chain(options)).at(&server.url());
            let seen = on_a_terminal(&call.command());
            let found = seen.chars().find(|character| drives_a_terminal(*character));
            assert_eq!(found, None, "{status} {options:?}: {seen:?}");
        }
    }
}

/// Runs a command on a pseudo-terminal and returns what it wrote there.
#[cfg(target_os = "linux")]
pub(crate) fn on_a_terminal(command: &std::process::Command) -> String {
    typing_on_a_terminal(command, "")
}

/// Returns a shell that runs a script, in which `"$0" "$@"` is the command, with its variables.
#[cfg(target_os = "linux")]
pub(crate) fn in_a_shell(command: &std::process::Command, script: &str) -> std::process::Command {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", script]).args(words);
    in_the_place_of(command, &mut shell);
    shell
}

/// Runs a command on a pseudo-terminal where somebody types.
#[cfg(target_os = "linux")]
pub(crate) fn typing_on_a_terminal(command: &std::process::Command, typed: &str) -> String {
    typing_after(command, "", "", typed)
}

/// Runs a command on a pseudo-terminal where somebody types a line once a question stands there:
/// the terminal itself shows what is typed before.
#[cfg(target_os = "linux")]
pub(crate) fn typing_on_a_terminal_when_asked(
    command: &std::process::Command,
    typed: &str,
) -> String {
    typing_after(command, "", ": ", &format!("{typed}\n"))
}

/// Runs a command on a pseudo-terminal where somebody types before it starts, and once more when a
/// question stands there.
#[cfg(target_os = "linux")]
pub(crate) fn typing_ahead(command: &std::process::Command, ahead: &str, typed: &str) -> String {
    let late = in_a_shell(command, "sleep 0.5; exec \"$0\" \"$@\"");
    typing_after(&late, ahead, ": ", &format!("{typed}\n"))
}

#[cfg(target_os = "linux")]
fn typing_after(
    command: &std::process::Command,
    ahead: &str,
    question: &str,
    typed: &str,
) -> String {
    use std::io::Write;
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<String> = words
        .map(|word| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''")))
        .collect();
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &line.join(" "), "/dev/null"]);
    in_the_place_of(command, &mut script);
    if !command.get_envs().any(|(name, _)| name == "PATH") {
        script.env("PATH", "/usr/bin:/bin");
    }
    let mut child = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = child.stdout.take().expect("a pipe");
    stdin.write_all(ahead.as_bytes()).expect("typed");
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(question.as_bytes()) && stdout.read(&mut byte).expect("a byte") == 1 {
        seen.push(byte[0]);
    }
    if !question.is_empty() && seen.ends_with(question.as_bytes()) {
        // The question is written before the echo is turned off.
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    // The command may end without reading: that is for the test to judge.
    let _not_read = stdin.write_all(typed.as_bytes());
    // The terminal stays until the command has ended: an end of input would hang it up.
    stdout.read_to_end(&mut seen).expect("an end");
    drop(stdin);
    child.wait().expect("an end");
    String::from_utf8(seen).expect("text")
}

#[test]
fn every_subcommand_takes_color_wherever_it_stands() {
    let config = "[profiles.p]\ndomain = \"acme\"\nguard = \"confirm\"\n";
    for (args, coloured) in [
        (&["profile", "list"][..], true),
        (&["profile", "show", "p"], true),
        (&["profile", "show", "nope"], true),
        (&["profile", "use", "nope"], true),
        (&["profile", "remove", "nope"], true),
        (&["profile", "add", "demo", "--domain", "x"], true),
        (&["profile", "check", "nope"], true),
        (&["config", "check"], true),
        (&["config", "path"], false),
        (&["config", "import", "re", "/nonexistent"], true),
        (&["templates"], true),
        (&["templates", "get-stream"], true),
        (&["completions", "bash"], false),
        (&["man"], false),
        (&["demo", "--fault", "nope"], true),
        (&["call", "nope"], true),
        (&["call", "list-datasets", "--nope"], true),
    ] {
        for (word, wanted) in [("always", coloured), ("never", false), ("auto", false)] {
            for line in [
                [&["--color", word], args].concat(),
                [args, &["--colour", word]].concat(),
            ] {
                let run = rein(&line).config(config).run();
                assert!(
                    !run.stderr_text().contains("unexpected argument '--color"),
                    "{run}"
                );
                let has_escapes = [&run.stdout, &run.stderr]
                    .iter()
                    .any(|bytes| bytes.contains(&0x1b));
                assert_eq!(has_escapes, wanted, "{line:?}: {run}");
            }
        }
    }
    for args in [
        &["config", "path", "--paginate"][..],
        &["profile", "list", "--project", "x"],
        &["--token-file", "x", "profile", "list"],
        &["templates", "get-stream", "--class", "read"],
        &["man", "-p", "x"],
    ] {
        rein(args).config(config).run().exit(2).stdout("");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_said_of_a_body_that_breaks_off_begins_a_line() {
    let cut = b"HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nContent-Length: 99\r\n\r\n{\"status\":\"ok\",\"text\":\"half".to_vec();
    for (variable, end) in [("NO_COLOR", "half\r\n"), ("NOTHING", "half\u{1b}[0m\r\n")] {
        let server = Recorder::always(Reply::Close(cut.clone()));
        let call = rein(["/api/v1/x", "--retry", "0"])
            .at(&server.url())
            .var(variable, "1");
        let seen = on_a_terminal(&call.command());
        assert!(seen.contains(end), "{seen:?}");
    }
}

#[test]
fn a_files_name_never_comes_from_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Recorder::always(Reply::with(
        200,
        &[
            "Content-Disposition: attachment; filename=\"../evil.sh\"",
            "Server-Timing: total;dur=1",
        ],
        b"{\"status\":\"ok\"}",
    ));
    for words in [&["/api/v1/report"][..], &["/api/v1/report", "-o", "mine"]] {
        rein(words)
            .at(&server.url())
            .folder(folder.path())
            .run()
            .exit(0);
    }
    rein(["/api/v1/report", "-J"])
        .at(&server.url())
        .folder(folder.path())
        .run()
        .exit(2);
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .expect("listed")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    assert_eq!(names, ["mine"]);
}
