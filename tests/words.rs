//! Terms that pages, help, messages and comments do not use, since a reader would stop at them.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use Scope::{Everywhere, Pages};

/// Where a term is looked for.
#[derive(Clone, Copy, PartialEq)]
enum Scope {
    /// In the pages that people read first. In the code they have another sense: letters of a text
    /// and of curl's options, `tries` in the file of `--meta`.
    Pages,
    /// In pages, help screens, completion scripts and the code, comments included.
    Everywhere,
}

/// What not to write, what to write, and where it counts. Upper and lower case are the same, a term
/// ends where its word ends, and a line's end counts as a blank.
#[rustfmt::skip]
const TERMS: &[(&str, &str, Scope)] = &[
    ("an answer", "a response", Everywhere),
    ("another tenant's: it could", "it may belong to another tenant", Everywhere),
    ("as you like", "at your option", Everywhere),
    ("beside the system's", "in addition to the system's", Everywhere),
    ("brake", "rate limit", Everywhere),
    ("bytes are sacred", "unchanged", Everywhere),
    ("configuration file", "config file", Everywhere),
    ("ends the old one", "revokes the previous one", Everywhere),
    ("ever less often", "with growing pauses", Everywhere),
    ("for people or for programs", "output format", Everywhere),
    ("for your eyes", "mode 0600", Everywhere),
    ("go on", "resume, continue", Everywhere),
    ("goes nowhere else", "say the rule and its reason", Everywhere),
    ("goes on", "resumes, continues", Everywhere),
    ("going on", "continuation state", Everywhere),
    ("has it neither", "not supported", Everywhere),
    ("if it is meant", "to go ahead", Everywhere),
    ("in place of", "instead of", Everywhere),
    ("in which nothing moves", "when no data moves", Everywhere),
    ("is in the way of", "prevents", Everywhere),
    ("is no duration", "is not a duration", Everywhere),
    ("is no file", "is not a file", Everywhere),
    ("is no item", "is not an item", Everywhere),
    ("is no profile", "is not a profile", Everywhere),
    ("is no stream", "does not name a stream", Everywhere),
    ("is no template", "is not a template", Everywhere),
    ("is no url", "is not a URL", Everywhere),
    ("is none of", "is not one of", Everywhere),
    ("is not a known one", "unknown X; did you mean Y?", Everywhere),
    ("keep a local tenant", "run a local demo tenant", Everywhere),
    ("keep the place", "save progress", Everywhere),
    ("last words", "shutdown", Everywhere),
    ("leads to no place", "say what is missing", Everywhere),
    ("letter", "option", Pages),
    ("letters", "options", Pages),
    ("look at every step", "diagnose", Everywhere),
    ("made again", "retried", Everywhere),
    ("make again", "retry", Everywhere),
    ("may not be", "must not be, cannot be", Everywhere),
    ("mend", "fix", Everywhere),
    ("mended", "fixed, normalized", Everywhere),
    ("mistake in the program", "internal error", Everywhere),
    ("must be harmless", "say the rule and its reason", Everywhere),
    ("none in the way", "none applies", Everywhere),
    ("not to be had", "not supported", Everywhere),
    ("not yet (it gave", "not yet (the filter gave", Everywhere),
    ("nowhere to send", "no profile selected", Everywhere),
    ("pass over", "skip", Everywhere),
    ("piece", "chunk", Everywhere),
    ("pieces", "chunks", Everywhere),
    ("smuggle", "must not contain CR or LF", Everywhere),
    ("somebody", "host, origin, endpoint", Everywhere),
    ("sought", "looked up", Everywhere),
    ("stands in", "is in", Everywhere),
    ("stands on", "is on, is at", Everywhere),
    ("tell of", "report", Everywhere),
    ("tenant inside the program", "built-in demo tenant", Everywhere),
    ("tenant runs inside the program", "a demo tenant is built in", Everywhere),
    ("the answer", "the response", Everywhere),
    ("the doctor", "profile check", Everywhere),
    ("the token stays home", "is sent to its own tenant only", Everywhere),
    ("the word before", "subdomain", Everywhere),
    ("to be had", "supported", Everywhere),
    ("told", "reported", Everywhere),
    ("tries", "attempts", Pages),
    ("try again", "retry", Everywhere),
    ("trying again", "retrying", Everywhere),
    ("type the name", "type \"NAME\" to send it", Everywhere),
    ("typed by the user", "given", Everywhere),
    ("what answers", "the server", Everywhere),
    ("what came:", "response:", Everywhere),
    ("what it likes", "say what cannot be combined", Everywhere),
    ("where it goes", "host, origin, endpoint", Everywhere),
    ("white space", "whitespace, blanks", Everywhere),
    ("witness", "verifier that records", Everywhere),
    ("words as in a shell", "split like a shell would", Everywhere),
    ("yields to no", "cannot override", Everywhere),
    ("yields to nothing", "cannot be overridden", Everywhere),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Adds every file below a folder that has one of these endings.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_dir() {
            files(&path, endings, found);
        } else if ending.is_some_and(|ending| endings.contains(&ending)) {
            found.push(path);
        }
    }
}

/// Returns a text in lower case, on one line, without the marks of comments.
fn flat(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.trim().trim_end_matches('\\');
        line.trim_start_matches(['/', '!', '#']).trim()
    });
    let line = lines.collect::<Vec<_>>().join(" ").to_lowercase();
    line.split(' ')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns what stands around each place of a term in a flat text.
fn places<'a>(text: &'a str, term: &str) -> Vec<&'a str> {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(term)
        .filter(|(at, _)| {
            !is_part(text[..*at].chars().next_back())
                && !is_part(text[at + term.len()..].chars().next())
        })
        .map(|(at, _)| {
            let start = text[..at]
                .char_indices()
                .rev()
                .nth(40)
                .map_or(0, |(at, _)| at);
            let rest = &text[at..];
            let end = rest
                .char_indices()
                .nth(term.len() + 30)
                .map_or(text.len(), |(end, _)| at + end);
            &text[start..end]
        })
        .collect()
}

/// Returns the help screens of every subcommand, in one text.
fn help() -> String {
    let mut pages = String::new();
    let mut open = vec![Vec::<String>::new()];
    while let Some(words) = open.pop() {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rein"));
        let output = command
            .args(&words)
            .arg("--help")
            .env_clear()
            .output()
            .expect("help");
        let page = String::from_utf8(output.stdout).expect("text");
        let names = page.lines().skip_while(|line| *line != "Commands:").skip(1);
        for line in names.take_while(|line| line.starts_with("  ")) {
            // What is indented further continues a description.
            let name = line[2..].split(' ').next().unwrap_or_default();
            if !name.is_empty() && name != "help" {
                open.push(words.iter().cloned().chain([name.to_owned()]).collect());
            }
        }
        pages.push_str(&page);
    }
    assert!(pages.contains("rein profile add"), "{pages}");
    pages
}

/// Returns each text that is looked at: its name, itself, and whether it is a page.
fn texts() -> Vec<(String, String, Scope)> {
    let mut pages = vec![root().join("config.example.toml")];
    files(&root().join("docs"), &["md"], &mut pages);
    for name in ["README.md", "CONTRIBUTING.md", "SECURITY.md"] {
        pages.push(root().join(name));
    }
    let mut rest = Vec::new();
    files(&root().join("src"), &["rs", "json"], &mut rest);
    files(
        &root().join("completions"),
        &["1", "bash", "fish", "zsh", "powershell", "elvish"],
        &mut rest,
    );
    let read = |path: PathBuf, scope| {
        let name = path
            .strip_prefix(root())
            .expect("below")
            .display()
            .to_string();
        let text = fs::read_to_string(&path).expect("a text");
        (name, flat(&text), scope)
    };
    let mut texts: Vec<_> = pages.into_iter().map(|path| read(path, Pages)).collect();
    texts.extend(rest.into_iter().map(|path| read(path, Everywhere)));
    texts.push(("--help".to_owned(), flat(&help()), Everywhere));
    texts
}

#[test]
fn no_text_uses_a_term_of_the_table() {
    let mut wrong = Vec::new();
    for (name, text, scope) in texts() {
        for (term, instead, where_it_counts) in TERMS {
            if scope == Everywhere && *where_it_counts == Pages {
                continue;
            }
            for place in places(&text, term) {
                wrong.push(format!(
                    "{name}: \"{term}\" (write: {instead}): ...{place}..."
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n{} places",
        wrong.join("\n"),
        wrong.len()
    );
}

#[test]
fn a_term_is_found_across_lines_and_not_inside_other_words() {
    let text = flat("/// Nothing is to be\n/// had here, and amendments\n// are fine.");
    assert_eq!(places(&text, "to be had").len(), 1, "{text}");
    assert!(places(&text, "mend").is_empty(), "{text}");
}
