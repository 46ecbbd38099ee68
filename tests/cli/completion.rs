//! Tab: profiles, templates, fields and paths from local files, whatever state they are in.

use crate::support::{Recorder, Reply, rein};

/// Asks as a shell's script does, with the last word being typed.
fn offered(shell: &str, config: &str, words: &[&str]) -> Vec<String> {
    let line = [&["--", "rein"][..], words].concat();
    let run = rein(line)
        .config(config)
        .var("REIN_COMPLETE", shell)
        .var("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .var("_CLAP_COMPLETE_COMP_TYPE", "9")
        .var("_CLAP_COMPLETE_SPACE", "false")
        .var("_CLAP_IFS", "\n")
        .run()
        .exit(0);
    assert!(run.stderr.is_empty(), "{run}");
    run.stdout_text()
        .lines()
        .map(|line| {
            line.split(['\t', ':'])
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

#[test]
fn tab_offers_what_could_come_next_in_every_shell() {
    let server = Recorder::always(Reply::json(200, "{}"));
    let config = format!(
        "[profiles.dev]\nendpoint = \"{}\"\n[profiles.prod]\nextends = \"dev\"\n[templates.mine]\npath = \"/api/v1/x/{{a}}\"\n",
        server.url()
    );
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        for (words, expected) in [
            (&["-p", ""][..], "prod"),
            (&["-p", "de"], "demo"),
            (&["call", "export-d"], "export-dataset"),
            (&["-p", "dev", "call", "mi"], "mine"),
            (&["call", "export-dataset", "li"], "limit="),
            (&["v1/datas"], "v1/datasets"),
            (&["templates", "--group", "str"], "streams"),
            (&["profile", "use", "pr"], "prod"),
            (&["prof"], "profile"),
            (&["--form"], "--format"),
        ] {
            let offered = offered(shell, &config, words);
            assert!(
                offered.iter().any(|word| word == expected),
                "{shell} {words:?}: {offered:?}"
            );
        }
    }
    server.saw_nothing();
}

#[test]
fn a_broken_file_offers_the_rest() {
    assert_eq!(offered("bash", "[broken", &["-p", ""]), ["demo"]);
    assert!(!offered("bash", "[broken", &["call", "list-"]).is_empty());
}

/// Completes a line in bash, whose words are given as bash splits them at blanks, `=` and `:`.
fn in_bash(line: &str, words: &[&str], current: &str) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_rein"));
    let program = program.parent().expect("a folder");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", program.display());
    let script = "source <(rein completions bash)\nCOMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9\n\
                  current=$2; shift 2; COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1))\n\
                  _rein rein \"$current\" \"\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let done = std::process::Command::new("bash")
        .args(["--norc", "-c", script, "bash", line, current])
        .args(words)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder.path())
        .output();
    match done {
        Ok(done) => {
            assert!(
                done.stderr.is_empty(),
                "{}",
                String::from_utf8_lossy(&done.stderr)
            );
            let text = String::from_utf8_lossy(&done.stdout);
            Some(text.lines().map(str::to_owned).collect())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("bash: {error}"),
    }
}

#[test]
fn bash_completes_words_with_equals_signs_and_colons() {
    use std::io::Write;
    for (line, words, current, expected) in [
        (
            "rein call export-dataset --format=n",
            &["rein", "call", "export-dataset", "--format", "=", "n"][..],
            "n",
            "ndjson",
        ),
        (
            "rein --color=al",
            &["rein", "--color", "=", "al"],
            "al",
            "always",
        ),
        (
            "rein v1/datasets/id:",
            &["rein", "v1/datasets/id", ":"],
            "",
            "{dataset_id}",
        ),
        (
            "rein -p demo v1/datas",
            &["rein", "-p", "demo", "v1/datas"],
            "v1/datas",
            "v1/datasets",
        ),
        (
            "rein call list-comments sour",
            &["rein", "call", "list-comments", "sour"],
            "sour",
            "source=",
        ),
        (
            "rein call list-comments --format ",
            &["rein", "call", "list-comments", "--format", ""],
            "",
            "table",
        ),
        (
            "rein call export-dataset dataset=or",
            &["rein", "call", "export-dataset", "dataset", "=", "or"],
            "or",
            "",
        ),
    ] {
        let Some(offered) = in_bash(line, words, current) else {
            let mut stderr = std::io::stderr();
            writeln!(stderr, "skipped: there is no bash").expect("standard error");
            return;
        };
        assert!(
            offered.iter().any(|word| word == expected),
            "{line}: {offered:?}"
        );
    }
}

/// Returns what zsh is offered at the first Tab, with the script in its `fpath` or sourced; `None`
/// where there is no zsh.
fn in_zsh(load: &str, words: &[&str]) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let script = rein(["completions", "zsh"]).run().exit(0).stdout_text();
    std::fs::write(folder.path().join("_rein"), script).expect("written");
    // What zsh's own completion functions would do with the candidates is not looked at.
    let stubs = "compdef() { registered=$1 }; _describe() { print -l -- ${(P)@[-1]} }\n\
                 fpath=($1 $fpath); load=$2; shift 2; words=(\"$@\"); CURRENT=$#\n";
    let own = std::path::Path::new(env!("CARGO_BIN_EXE_rein"));
    let own = own.parent().expect("a folder").display().to_string();
    let run = std::process::Command::new("zsh")
        .args(["-f", "-c", &format!("{stubs}{load}"), "zsh"])
        .arg(folder.path())
        .arg("")
        .args(words)
        .env_clear()
        .env("PATH", format!("{own}:/usr/local/bin:/usr/bin:/bin"))
        .env("HOME", folder.path())
        .output();
    let run = run.ok()?;
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    Some(String::from_utf8_lossy(&run.stdout).into_owned())
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped must be seen")]
fn zsh_completes_at_the_first_tab_however_the_script_is_loaded() {
    for load in [
        "autoload -Uz _rein; _rein",
        "autoload -Uz _rein; _rein >/dev/null; _rein",
        "source $fpath[1]/_rein; $registered",
    ] {
        for (words, offered) in [
            (
                &["rein", "-p", "demo", "v1/datasets", "--format=n"][..],
                "--format=ndjson",
            ),
            (&["rein", "prof"], "profile"),
            (
                &["rein", "-p", "demo", "call", "export-dataset", "da"],
                "dataset=",
            ),
        ] {
            let Some(seen) = in_zsh(load, words) else {
                eprintln!("SKIPPED: zsh is not installed");
                return;
            };
            assert!(seen.contains(offered), "{load}: {words:?}: {seen}");
        }
    }
}

#[test]
fn tab_offers_options_and_paths_only_where_they_are_begun() {
    let fields = offered("bash", "", &["call", "list-comments", ""]);
    assert!(fields.contains(&"source=".to_owned()), "{fields:?}");
    assert!(
        fields.iter().all(|field| !field.starts_with('-')),
        "{fields:?}"
    );
    let options = offered("bash", "", &["call", "list-comments", "--f"]);
    assert!(options.contains(&"--format".to_owned()), "{options:?}");
    let first = offered("bash", "", &[""]);
    assert!(first.contains(&"call".to_owned()), "{first:?}");
    assert!(first.len() < 20, "{first:?}");
    let paths = offered("bash", "", &["v1/datas"]);
    assert!(paths.contains(&"v1/datasets".to_owned()), "{paths:?}");
    // The value of an option is offered whatever it is.
    assert!(!offered("bash", "", &["call", "list-comments", "--format", ""]).is_empty());
}
