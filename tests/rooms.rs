//! The rooms of `src/` import downwards only, as the table in `docs/architecture.md` has them.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const TABLE: &str = "docs/architecture.md";

/// The rooms that must not see the command line: the plan holds every decision.
const RUN_A_PLAN: [&str; 4] = ["engine", "output", "verdict", "exchange"];

/// Returns the rooms from the top down, a line each.
fn table() -> Vec<String> {
    let page = fs::read_to_string(TABLE).expect("the page");
    let lines = page
        .lines()
        .skip_while(|line| *line != "```rooms")
        .skip(1)
        .take_while(|line| *line != "```");
    lines
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Returns a file's code without comments and without its tests.
fn code(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut code = Vec::new();
    let mut is_test = false;
    for (at, line) in lines.iter().enumerate() {
        let begins = line.starts_with("mod tests {") && at > 0 && lines[at - 1] == "#[cfg(test)]";
        is_test |= begins;
        if !is_test && !line.trim_start().starts_with("//") {
            code.push(*line);
        }
        is_test &= *line != "}";
    }
    code.join("\n")
}

/// Returns the names that follow a path's beginning: one, or those of a list in braces.
fn names(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let is_part = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        text.trim_start().chars().take_while(is_part).collect()
    };
    let Some(list) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            ',' if depth == 0 => {
                found.push(name(&list[start..at]));
                start = at + 1;
            }
            '}' if depth == 0 => {
                found.push(name(&list[start..at]));
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found
}

/// Returns every name directly below the crate's root that the code of a module goes through;
/// `depth` is the number of `super::` that lead from it to the root.
fn imports(code: &str, depth: usize) -> BTreeSet<String> {
    let to_root = ["crate::".to_owned(), "super::".repeat(depth)];
    let begins_path = |at: usize| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
    };
    to_root
        .iter()
        .flat_map(|start| code.match_indices(start.as_str()))
        .filter(|(at, _)| begins_path(*at))
        .flat_map(|(at, start)| names(&code[at + start.len()..]))
        .collect()
}

#[test]
fn rooms_import_downwards_only() {
    let rooms = table();
    assert!(rooms.len() > 10, "no table of rooms in {TABLE}: {rooms:?}");
    let mut found = Vec::new();
    files(Path::new("src"), &mut found);
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for path in found {
        let below = path.strip_prefix("src").expect("a path below src");
        let parts: Vec<String> = below
            .with_extension("")
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        let last = parts.last().map_or("", String::as_str);
        // Properties are for tests and fuzzing; they look at every room.
        if last == "tests" || parts[0] == "properties" {
            continue;
        }
        let depth = parts.len() - usize::from(matches!(last, "mod" | "lib" | "main"));
        let room = &parts[0];
        seen.insert(room.clone());
        let Some(own) = rooms.iter().position(|name| name == room) else {
            wrong.push(format!("{} is in no room of {TABLE}", path.display()));
            continue;
        };
        let text = fs::read_to_string(&path).expect("a file");
        for name in imports(&code(&text), depth.max(1)) {
            if name == "cli" && RUN_A_PLAN.contains(&room.as_str()) {
                wrong.push(format!("{} sees the command line", path.display()));
            }
            let target = rooms.iter().position(|other| *other == name);
            if target.is_some_and(|target| target < own) {
                wrong.push(format!(
                    "{} imports {name}, which is above {room}",
                    path.display()
                ));
            }
        }
    }
    let missing: Vec<_> = rooms.iter().filter(|room| !seen.contains(*room)).collect();
    assert!(missing.is_empty(), "rooms without a file: {missing:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_way_of_writing_an_import_is_seen() {
    for (text, depth, expected) in [
        ("use crate::plan::Plan;", 1, "plan"),
        (
            "use crate::{error::Result, plan::{self, Plan},\n  cli};",
            1,
            "cli error plan",
        ),
        ("let x = crate::output::body::open();", 2, "output"),
        ("pub(crate) use super::super::verdict;", 2, "verdict"),
        ("use super::verdict;", 2, ""),
        ("use self::inner::crate_name;\n// use crate::cli;", 1, ""),
        (
            "use crate::text;\n#[cfg(test)]\nmod tests {\n use crate::cli;\n}\nuse crate::env;",
            1,
            "env text",
        ),
    ] {
        let found: Vec<String> = imports(&code(text), depth).into_iter().collect();
        assert_eq!(found.join(" "), expected, "{text}");
    }
}
