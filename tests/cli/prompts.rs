//! A guard's question: where it is asked, and what counts as no.

use crate::output::{in_a_shell, on_a_terminal, typing_ahead, typing_on_a_terminal_when_asked};
use crate::support::command::Rein;
use crate::support::{CANARY, Recorder, Reply, rein};

const QUESTION: &str = "Type \"prod\" to send it";

/// A call that a guard asks about, and the server that it would go to.
fn guarded() -> (Recorder, Rein) {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let config = format!(
        "[profiles.prod]\nendpoint = \"{}\"\nguard = \"confirm\"\ntoken_env = \"T\"\n",
        server.url()
    );
    let call = rein(["-p", "prod", "DELETE", "v1/datasets/retail/orders"])
        .config(&config)
        .var("T", CANARY);
    (server, call)
}

#[test]
fn an_end_of_input_and_ctrl_c_mean_no() {
    // What the keys Ctrl-D and Ctrl-C send.
    for key in ["\u{4}", "\u{3}"] {
        let (server, call) = guarded();
        let seen = typing_on_a_terminal_when_asked(&call.command(), key);
        assert!(seen.contains(QUESTION), "{seen}");
        server.saw_nothing();
    }
}

#[test]
fn what_was_typed_before_the_question_is_no_reply() {
    for (typed, sent) in [("", 0), ("prod", 1)] {
        let (server, call) = guarded();
        let seen = typing_ahead(&call.command(), "prod\n", typed);
        assert!(seen.contains(QUESTION), "{seen}");
        assert_eq!(server.requests().len(), sent, "{typed:?}: {seen}");
    }
}

#[test]
fn the_question_is_asked_beside_the_answer() {
    let (server, call) = guarded();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("answer");
    let script = format!("exec \"$0\" \"$@\" > {}", file.display());
    let command = in_a_shell(&call.command(), &script);
    let seen = typing_on_a_terminal_when_asked(&command, "prod");
    assert!(seen.contains(QUESTION), "{seen}");
    assert_eq!(server.requests().len(), 1);
    let answer = std::fs::read_to_string(&file).expect("read");
    assert_eq!(answer, r#"{"status":"ok"}"#);
}

#[test]
fn without_both_terminals_nothing_is_asked_and_nothing_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").expect("written");
    let errors = folder.path().join("errors").display().to_string();
    for turned in [format!("< {}", empty.display()), format!("2> {errors}")] {
        let (server, call) = guarded();
        let script = format!("\"$0\" \"$@\" {turned}; echo ended with $?");
        let seen = on_a_terminal(&in_a_shell(&call.command(), &script));
        assert!(seen.contains("ended with 9"), "{seen}");
        assert!(!seen.contains(QUESTION), "{seen}");
        server.saw_nothing();
    }
    let said = std::fs::read_to_string(&errors).expect("read");
    assert!(
        said.contains("--confirm prod") && !said.contains(QUESTION),
        "{said}"
    );
}

/// What is opened takes no number of a closed stream, so that no message gets into it.
#[test]
fn closed_streams_keep_out_of_files_that_are_written() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let script = format!("exec \"$0\" \"$@\" {closed}");
        let (head, meta, config) = (at("head"), at("meta"), at("c.toml"));
        let place = |path: &std::path::Path| path.display().to_string();
        let body = place(&at("body"));
        let words = [
            "v1/x",
            "-D",
            &place(&head),
            "--meta",
            &place(&meta),
            "-o",
            &body,
        ];
        let call = rein(words).at(&server.url());
        let add = rein(["profile", "add", "a", "--domain", "d"]).var("REINFER_CONFIG", &config);
        // What is printed about the new profile cannot be written then.
        let printed = if closed.contains(">&-") && closed != "2>&-" {
            23
        } else {
            0
        };
        for (call, code) in [(call, 0), (add, printed)] {
            let status = in_a_shell(&call.command(), &script)
                .stdin(std::process::Stdio::null())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .output()
                .expect("sh runs")
                .status;
            assert_eq!(status.code(), Some(code), "{closed}: {status}");
        }
        let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("read");
        assert!(
            read(&head).starts_with("HTTP/1.1 200 OK\r\n") && read(&head).ends_with("\r\n\r\n")
        );
        serde_json::from_str::<serde_json::Value>(&read(&meta)).expect("JSON");
        assert_eq!(
            read(&config),
            "default_profile = \"a\"\n\n[profiles.a]\ndomain = \"d\"\n",
            "{closed}"
        );
        std::fs::remove_file(&config).expect("removed");
    }
}
