//! What is written down is true: the README's commands run, and the generated files are current.

use std::path::Path;

use clap_complete::Shell;

use crate::support::{CANARY, rein};

const README: &str = include_str!("../../README.md");

/// Compares a generated file with what is kept, or renews it when `REIN_RENEW` is set.
#[expect(
    clippy::disallowed_methods,
    reason = "the one switch that renews generated files"
)]
fn current(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("REIN_RENEW").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{} is stale: REIN_RENEW=1 cargo test --test cli documents",
        path.display()
    );
}

#[test]
fn completions_are_current_and_printed_by_the_command() {
    for (shell, name) in [
        (Shell::Bash, "bash"),
        (Shell::Zsh, "zsh"),
        (Shell::Fish, "fish"),
        (Shell::PowerShell, "powershell"),
        (Shell::Elvish, "elvish"),
    ] {
        let script = rein::completion_script(shell).expect("a script");
        assert!(script.contains("rein"), "{name}");
        current(&format!("completions/rein.{name}"), &script);
        rein(["completions", name]).run().exit(0).stdout(&script);
    }
}

#[test]
fn the_manual_is_current_and_printed_by_the_command() {
    let page = rein::manual_page().expect("a page");
    assert!(
        page.contains(".SH EXAMPLES") || page.contains("Examples"),
        "{page}"
    );
    current("completions/rein.1", &page);
    rein(["man"]).run().exit(0).stdout(&page);
}

/// Returns the lines of the README's shell blocks that call the command.
fn commands() -> Vec<&'static str> {
    let mut commands = Vec::new();
    let mut in_shell = false;
    for line in README.lines() {
        match line {
            "```sh" => in_shell = true,
            "```" => in_shell = false,
            _ if in_shell => commands.push(line.split("  #").next().unwrap_or_default().trim()),
            _ => {}
        }
    }
    commands
}

#[test]
fn every_command_of_the_readme_works() {
    let folder = tempfile::tempdir().expect("a folder");
    // The lines build on each other, so they share one home.
    let call = rein::<&str>([]).config(include_str!("../../config.example.toml"));
    let mut ran = 0;
    for line in commands() {
        // These two are what a newcomer and this very test do.
        let line = match line {
            "cargo test" => continue,
            _ => line.replace("cargo run --release --", "rein"),
        };
        assert!(line.starts_with("rein "), "{line}");
        if line.starts_with("rein demo") {
            continue; // It serves until it is stopped: tests/cli/tenant.rs.
        }
        let binary = env!("CARGO_BIN_EXE_rein");
        let script = line.replacen("rein ", &format!("{binary} "), 1);
        let mut command = std::process::Command::new("sh");
        command
            .args(["-ec", &script])
            .current_dir(folder.path())
            .env_clear()
            // `rein curl` looks for a curl there.
            .env("PATH", "/usr/bin:/bin:/usr/local/bin");
        command.envs(
            call.command()
                .get_envs()
                .filter_map(|(name, value)| value.map(|value| (name, value))),
        );
        let output = command.output().expect("sh runs");
        assert!(
            output.status.success(),
            "{line}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        ran += 1;
    }
    assert!(ran >= 10, "{ran}");
}

#[test]
fn the_example_configuration_passes_its_check() {
    rein(["config", "check"])
        .config(include_str!("../../config.example.toml"))
        .run()
        .exit(0);
    let shown = rein(["profile", "show", "prod"])
        .config(include_str!("../../config.example.toml"))
        .var("REINFER_TOKEN", CANARY)
        .run()
        .exit(0)
        .no_canary();
    assert!(
        shown
            .stdout_text()
            .contains("https://cloud.uipath.com/acme/prod/reinfer_"),
        "{shown}"
    );
}

#[test]
fn every_example_in_a_help_text_that_needs_no_set_up_works() {
    let help = rein(["--help"]).run().exit(0).stdout_text();
    assert!(help.contains("rein -p demo /api/v1/datasets"), "{help}");
    rein(["-p", "demo", "/api/v1/datasets"]).run().exit(0);
}

#[test]
fn the_readme_names_every_exit_code_of_the_table() {
    for code in [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "11", "18", "23", "28", "35", "47", "52",
        "56", "60", "61", "63", "129", "130", "143",
    ] {
        let named = README
            .lines()
            .filter(|line| line.starts_with("| "))
            .any(|line| {
                let cell = line.split('|').nth(1).unwrap_or_default();
                cell.split(',').any(|found| found.trim() == code)
            });
        assert!(named, "{code}");
    }
}
