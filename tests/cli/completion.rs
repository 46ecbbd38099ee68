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
