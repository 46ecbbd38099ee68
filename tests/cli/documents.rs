//! What is written down is true: the commands of the README and of docs/ run, links lead somewhere,
//! and the generated files are current.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap_complete::Shell;

use crate::support::{CANARY, Demo, rein};

const EXIT_CODES: &str = include_str!("../../docs/exit-codes.md");
const JQ: &str = include_str!("../../docs/jq.md");
const JQ_CASES: &str = include_str!("../../src/text/jq/cases.txt");

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

/// A page that people read, by its path in the repository.
struct Page {
    path: PathBuf,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the README, the other pages of the root and every page of `docs/`.
fn pages() -> Vec<Page> {
    let read = |path: PathBuf| Page {
        text: std::fs::read_to_string(root().join(&path)).expect("a page"),
        path,
    };
    let mut pages: Vec<Page> = ["", "docs"]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(root().join(folder)).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .map(|path| read(path.strip_prefix(root()).expect("below").to_owned()))
        .collect();
    pages.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(pages.len() > 10, "{}", pages.len());
    pages
}

/// A command of a page, and the exit code that the comment behind it promises.
struct Line {
    script: String,
    exit: i32,
}

/// Returns the commands of a page's `sh` blocks. Blocks of other languages are not run, so only
/// those that are not a shell's are allowed.
fn commands(page: &Page) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut block: Option<&str> = None;
    let mut script = String::new();
    for line in page.text.lines() {
        if let Some(fence) = line.trim_start().strip_prefix("```") {
            let known = ["sh", "toml", "json", "text", "rust", "rooms"];
            let is_known = block.is_some() || known.contains(&fence);
            assert!(is_known, "{}: ```{fence} is not run", page.path.display());
            block = if block.is_some() { None } else { Some(fence) };
        } else if block == Some("sh") {
            let (command, comment) = line.split_once('#').map_or((line, ""), |(command, rest)| {
                let is_comment = command.is_empty() || command.ends_with("  ");
                if is_comment {
                    (command, rest)
                } else {
                    (line, "")
                }
            });
            if let Some(more) = command.strip_suffix('\\') {
                script.push_str(more);
                continue;
            }
            script.push_str(command.trim());
            let code = comment.trim().strip_prefix("exit ");
            let exit = code.map_or(Ok(0), |code| {
                let digits = code.split(|c: char| !c.is_ascii_digit()).next();
                digits.unwrap_or_default().parse()
            });
            let script = std::mem::take(&mut script);
            if !script.is_empty() {
                let exit = exit.unwrap_or_else(|_| panic!("{script}: # exit NUMBER"));
                lines.push(Line { script, exit });
            }
        }
    }
    lines
}

/// Lines that build, test or renew: what a newcomer, CI and this very test do.
const NOT_RUN: [&str; 5] = [
    "cargo ",
    "bash .ci/run",
    "REIN_RENEW=1 ",
    "docs/pictures/make",
    "benches/compare",
];

/// Where the lines of one page run: they build on each other, so they share a home and a folder.
struct Session<'a> {
    home: crate::support::command::Rein,
    folder: tempfile::TempDir,
    bin: &'a Path,
}

impl Session<'_> {
    fn command(&self, script: &str) -> Command {
        let home = self.home.command();
        let mut command = Command::new("sh");
        command
            .args(["-ec", script])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(
                home.get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            // `rein curl` looks for a curl there.
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin:/usr/local/bin", self.bin.display()),
            );
        command
    }

    /// Starts a demo tenant, waits for the first line that it prints, and ends it.
    fn serve(&self, script: &str) {
        // Two of them at one port would be in each other's way.
        let script = format!("exec {}", script.replace("--port 8080", "--port 0"));
        let mut command = self.command(&script);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("sh runs");
        let mut first = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout)
            .read_line(&mut first)
            .expect("a line");
        child.kill().expect("ended");
        child.wait().expect("ended");
        assert!(
            first.starts_with("export REINFER_ENDPOINT="),
            "{script}: {first}"
        );
    }
}

/// Runs the commands of one page and adds those that end otherwise than the page says to `wrong`;
/// returns how many there were.
fn run_page(page: &Page, bin: &Path, wrong: &mut Vec<String>) -> usize {
    let session = Session {
        home: rein::<&str>([]).config(include_str!("../../config.example.toml")),
        folder: tempfile::tempdir().expect("a folder"),
        bin,
    };
    let mut ran = 0;
    for Line { script, exit } in commands(page) {
        let script = script.replace("cargo run --", "rein");
        if NOT_RUN.iter().any(|start| script.starts_with(start)) {
            continue;
        }
        ran += 1;
        if script.starts_with("rein demo") {
            session.serve(&script);
            continue;
        }
        let output = session.command(&script).output().expect("sh runs");
        if output.status.code() != Some(exit) {
            let said = String::from_utf8_lossy(&output.stderr);
            let path = page.path.display();
            wrong.push(format!(
                "{path}: {script}\n{}, not {exit}\n{said}",
                output.status
            ));
        }
    }
    ran
}

#[test]
#[cfg(unix)]
fn every_command_of_every_page_works() {
    let bin = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rein"), bin.path().join("rein"))
        .expect("a link");
    let mut wrong = Vec::new();
    let ran: usize = pages()
        .iter()
        .map(|page| run_page(page, bin.path(), &mut wrong))
        .sum();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ran >= 60, "{ran}");
}

/// The lines of the pictures, as `docs/pictures/make` reads them.
#[derive(serde::Deserialize)]
struct Pictures {
    config: String,
    pictures: std::collections::BTreeMap<String, Picture>,
}

#[derive(serde::Deserialize)]
struct Picture {
    lines: Vec<PictureLine>,
}

#[derive(serde::Deserialize)]
struct PictureLine {
    run: String,
    #[serde(default)]
    exit: i32,
}

/// Numbers differ from run to run; that a picture shows what can still be run is what counts.
#[test]
#[cfg(unix)]
fn every_line_of_a_picture_still_ends_as_it_shows() {
    let text = include_str!("../../docs/pictures/pictures.toml");
    let table: Pictures = toml::from_str(text).expect("a table");
    let demo = Demo::start();
    let bin = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rein"), bin.path().join("rein"))
        .expect("a link");
    let session = Session {
        home: rein::<&str>([]).config(&table.config.replace("ENDPOINT", &demo.url)),
        folder: tempfile::tempdir().expect("a folder"),
        bin: bin.path(),
    };
    for (name, picture) in &table.pictures {
        for PictureLine { run, exit } in &picture.lines {
            let output = session.command(run).output().expect("sh runs");
            assert_eq!(output.status.code(), Some(*exit), "{name}: {run}");
        }
        for theme in ["light", "dark"] {
            let path = root().join(format!("docs/pictures/{name}-{theme}.svg"));
            let svg = std::fs::read_to_string(&path).expect("a picture");
            let shown = svg.replace("&#160;", " ").replace("&#x27;", "'");
            for PictureLine { run, .. } in &picture.lines {
                assert!(
                    shown.contains(run),
                    "{name}: docs/pictures/make was not run after a change of {run}"
                );
            }
        }
    }
}

/// Returns what a page links to within the repository.
fn links(page: &Page) -> Vec<String> {
    let ends = [("](", ')'), ("srcset=\"", '"'), ("src=\"", '"')];
    ends.iter()
        .flat_map(|(start, end)| page.text.split(start).skip(1).map(move |rest| (rest, *end)))
        .filter_map(|(rest, end)| rest.split_once(end).map(|(link, _)| link.to_owned()))
        .filter(|link| !link.contains("://"))
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_every_page_is_in_the_index() {
    for page in pages() {
        let folder = page.path.parent().expect("a folder");
        for link in links(&page) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = root().join(folder).join(file);
            assert!(target.exists(), "{}: {link}", page.path.display());
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(&target).expect("a page");
                let is_there = text.lines().any(|line| {
                    let heading = line.trim_start_matches('#').trim();
                    line.starts_with('#') && heading.to_lowercase().replace(' ', "-") == anchor
                });
                assert!(is_there, "{}: {link}", page.path.display());
            }
        }
        let name = page.path.file_name().expect("a name").to_string_lossy();
        if folder == Path::new("docs") && name != "README.md" {
            let index = include_str!("../../docs/README.md");
            assert!(
                index.contains(&format!("]({name})")),
                "{name} is not in docs/README.md"
            );
        }
    }
    let lines = include_str!("../../README.md").lines().count();
    assert!(lines <= 200, "the README has {lines} lines");
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
fn the_page_of_exit_codes_names_every_one() {
    for code in [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "11", "18", "23", "28", "35", "47", "52",
        "56", "60", "61", "63", "129", "130", "143",
    ] {
        let named = EXIT_CODES
            .lines()
            .filter(|line| line.starts_with("| "))
            .any(|line| {
                let cell = line.split('|').nth(1).unwrap_or_default();
                cell.split(',').any(|found| found.trim() == code)
            });
        assert!(named, "{code}");
    }
}

/// Each filter of the table is refused with its message.
#[test]
fn what_a_filter_cannot_use_is_refused_as_written() {
    let (_, table) = JQ.split_once("## What is not supported").expect("a table");
    let (table, _) = table.split_once("\n## ").expect("an end");
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let (filter, message) = line[3..].split_once("` | ").expect(line);
        let message = message.strip_suffix(" |").expect(line);
        rein(["/api/v1/datasets", "-p", "demo", "-q", filter])
            .run()
            .exit(2)
            .says(&format!("-q: the filter is not jq: {message}\n"));
        rows += 1;
    }
    assert_eq!(rows, 13);
}

/// A sample of the table of jq's cases, through the command.
#[test]
fn filters_give_what_jq_gives() {
    const STEP: usize = 15;
    let cases = JQ_CASES.split("\n\n").step_by(STEP);
    for case in cases.filter(|case| !case.trim().is_empty()) {
        let mut lines = case
            .trim_matches('\n')
            .lines()
            .filter(|line| !line.starts_with("# jq"));
        let (filter, input) = (lines.next().expect(case), lines.next().expect(case));
        let mut results: Vec<&str> = lines.filter(|line| *line != "empty").collect();
        let fails = results.pop_if(|last| *last == "error").is_some();
        let filter = format!("({input}) | ({filter}) | tojson");
        let finished = rein(["/api/v1/datasets", "-p", "demo", "-q", &filter])
            .run()
            .exit(i32::from(fails));
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect(case);
        let given: Vec<_> = finished.stdout_text().lines().map(value).collect();
        let expected: Vec<_> = results.iter().map(|text| value(text)).collect();
        assert_eq!(given, expected, "{case}");
    }
}
