//! What a terminal is shown: nothing that drives it, and no token that a server echoes.
#![cfg(target_os = "linux")]

use crate::output::{drives_a_terminal, on_a_terminal};
use crate::support::{CANARY, Recorder, Reply, rein};

/// Returns what a terminal is shown of a call with these words, without colour.
fn seen(server: &Recorder, words: &[&str]) -> String {
    let fixed = ["--color", "never", "--retry", "0"];
    let line: Vec<&str> = words.iter().copied().chain(fixed).collect();
    on_a_terminal(&rein(line).at(&server.url()).command())
}

/// An answer that holds the token in this spelling, in a header and in its body.
fn echoing(spelling: &str) -> Recorder {
    let body = format!(
        "{{\"status\":\"ok\",\"rows\":[{{\"id\":\"{spelling}\",\"more\":\"a {spelling} b\"}}]}}"
    );
    let header = format!("X-Echo: {spelling}");
    let headers = ["Server-Timing: total;dur=1", header.as_str()];
    Recorder::always(Reply::with(200, &headers, body.as_bytes()))
}

#[test]
fn an_echoed_token_is_hidden_in_every_place() {
    let server = echoing(CANARY);
    for words in [
        &["-i"][..],
        &["-D", "-"],
        &["-D", "/dev/tty"],
        &["-w", "%header{x-echo} %{header_json}"],
        &["-w", "%{stderr}%header{x-echo}"],
        &["-w", "%output{/dev/tty}%header{x-echo}"],
        &["-q", ".rows[0].id[:3] + .rows[0].id[3:]"],
        &["-q", ".", "-o", "/dev/tty"],
    ] {
        let seen = seen(&server, &[&["/api/v1/x"], words].concat());
        assert!(seen.contains("(redacted)"), "{words:?}: {seen}");
        assert!(!seen.contains(CANARY), "{words:?}: {seen}");
    }
}

#[test]
fn an_echoed_token_is_hidden_in_every_spelling() {
    let spellings = [
        r"SEK\u0052ET-0123",
        r"\u0053EK\u0052ET\u002D0123",
        "SEKRET%2d0123",
    ];
    for spelling in spellings {
        let server = echoing(spelling);
        for words in [
            &[][..],
            &["-t"],
            &["--format", "csv"],
            &["--format", "yaml"],
            &["--format", "raw"],
            &["-q", ".rows[].id"],
        ] {
            let seen = seen(&server, &[&["/api/v1/x"], words].concat());
            assert!(seen.contains("(redacted)"), "{words:?}: {seen}");
            for shown in [spelling, CANARY] {
                assert!(!seen.contains(shown), "{words:?}: {seen}");
            }
        }
    }
}

#[test]
fn a_terminal_is_one_by_whatever_name_it_is_opened() {
    let evil = "\u{9b}2J\u{202e}";
    let header = format!("X-Evil: a{evil}");
    let body = format!("{{\"status\":\"ok\",\"a\":\"{evil}\"}}");
    let headers = [header.as_str(), "Server-Timing: total;dur=1"];
    let server = Recorder::always(Reply::with(200, &headers, body.as_bytes()));
    let places = ["-", "/dev/tty", "/dev/stderr", "/dev/stdout"];
    let shown = |words: &[&str], at_all: &str| {
        let seen = seen(&server, words);
        let found = seen.chars().find(|character| drives_a_terminal(*character));
        assert_eq!(found, None, "{words:?}: {seen:?}");
        assert!(seen.contains(at_all), "{words:?}: {seen:?}");
    };
    for place in places {
        shown(&["/api/v1/x", "-D", place], "X-Evil: a\\x9b2J");
        shown(&["/api/v1/x", "-o", place], "\\u009b2J\\u202e");
        shown(&["/api/v1/x", "-o", place, "--format", "raw"], "\\x9b2J");
    }
    shown(
        &["/api/v1/x", "-w", "%output{/dev/tty}%header{x-evil}"],
        "a\\x9b2J",
    );
}
