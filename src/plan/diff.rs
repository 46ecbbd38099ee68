//! What `rein diff` compares, and what counts as a difference.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::cli::diff::{DiffArgs, DiffFormat, NumbersOption};
use crate::compare::pattern::Pattern;
use crate::compare::{KeyRule, Numbers, Rules};
use crate::error::{Failure, Result};
use crate::output::diff::Shown;
use crate::text::terminal::sanitise;

/// What is not compared unless `--no-default-ignore` is given: what the platform assigns.
pub(crate) const DEFAULT_IGNORED: [&str; 10] = [
    "**.id",
    "**.uid",
    "**.*_id",
    "**.*_ids",
    "**.created",
    "**.created_at",
    "**.updated_at",
    "**.last_modified",
    "**.last_login_at",
    "**.continuation",
];

/// One of the two things that are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// The response of a profile's endpoint.
    Profile(String),
    /// A file.
    File(PathBuf),
}

/// Reads `A..B`; `is_file` says whether a file exists.
///
/// # Errors
/// Fails (exit 2) when it is invalid.
pub(crate) fn operands(text: &OsStr, is_file: impl Fn(&Path) -> bool) -> Result<[Operand; 2]> {
    let invalid = |why: &str| {
        Failure::unsent(format!(
            "{}: invalid comparison: {why}",
            sanitise(&text.to_string_lossy())
        ))
        .hint("write A..B with a profile or a file on each side, e.g. dev..prod or ./orders.json..prod")
    };
    let Some(valid) = text.to_str() else {
        return Err(invalid("it is not valid UTF-8"));
    };
    let operand = |name: &str| {
        let is_path = name.contains(std::path::is_separator);
        if is_path || (name.ends_with(".json") && is_file(Path::new(name))) {
            Operand::File(PathBuf::from(name))
        } else {
            Operand::Profile(name.to_owned())
        }
    };
    match splits(valid).as_slice() {
        [] => Err(invalid("expected A..B")),
        [(left, right)] => Ok([operand(left), operand(right)]),
        _ => Err(invalid("more than one .. could be between A and B")),
    }
}

/// Returns the ways to read a text as `A..B`. The `..` of a path such as `../orders.json` is not
/// between the two.
fn splits(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("..").map(|at| from + at) {
        let (left, right) = (&text[..at], &text[at + 2..]);
        let is_parent =
            left.ends_with(std::path::is_separator) && right.starts_with(std::path::is_separator);
        if !(left.is_empty() || right.is_empty() || is_parent) {
            found.push((left, right));
        }
        // Of more than two dots in a row the first two count: a.json..../b.json.
        let dots = text[at..].len() - text[at..].trim_start_matches('.').len();
        from = at + dots;
    }
    found
}

/// Decides what counts as a difference between two sides, each with its profile's project.
///
/// # Errors
/// Fails (exit 2) when a key or path is invalid.
pub(crate) fn rules(args: &DiffArgs, projects: [Option<&str>; 2]) -> Result<Rules> {
    let mut ignored = Vec::new();
    let mut own = None;
    if !args.no_default_ignore {
        for path in DEFAULT_IGNORED {
            ignored.push(Pattern::parse("--ignore", path)?);
        }
        if let [Some(left), Some(right)] = projects {
            own = (left != right).then(|| [left.to_owned(), right.to_owned()]);
        }
    }
    for path in &args.ignore {
        ignored.push(Pattern::parse("--ignore", path)?);
    }
    let keys = args.keys.iter().map(|key| KeyRule::parse(key));
    Ok(Rules {
        keys: keys.collect::<Result<_>>()?,
        ignored,
        numbers: match args.numbers {
            NumbersOption::Text => Numbers::Text,
            NumbersOption::Value => Numbers::Value,
        },
        projects: own,
    })
}

/// Decides what is shown.
///
/// # Errors
/// Fails (exit 2) when options do not go together.
pub(crate) fn shown(args: &DiffArgs) -> Result<Shown> {
    match (args.format, args.stat) {
        (DiffFormat::Text, false) => Ok(Shown::Page),
        (DiffFormat::Json, false) => Ok(Shown::Patch),
        (DiffFormat::Table, false) => Ok(Shown::Table),
        (DiffFormat::Text, true) => Ok(Shown::Counts),
        (DiffFormat::Json, true) => Ok(Shown::CountsAsJson),
        (DiffFormat::Table, true) => Err(Failure::unsent(
            "--stat and --format table cannot be combined",
        )
        .hint("use --stat alone, or with --format json")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<[String; 2]> {
        let is_file = |path: &Path| path == Path::new("orders.json");
        let sides = operands(OsStr::new(text), is_file)?;
        Ok(sides.map(|side| match side {
            Operand::Profile(name) => format!("profile {name}"),
            Operand::File(path) => format!("file {}", path.display()),
        }))
    }

    #[test]
    fn sides_are_profiles_or_files() {
        for (text, left, right) in [
            ("dev..prod", "profile dev", "profile prod"),
            ("dev-1..prod_2", "profile dev-1", "profile prod_2"),
            ("orders.json..prod", "file orders.json", "profile prod"),
            ("missing.json..prod", "profile missing.json", "profile prod"),
            (
                "./missing.json..prod",
                "file ./missing.json",
                "profile prod",
            ),
            ("./name..prod", "file ./name", "profile prod"),
            (
                "orders.json..orders.json",
                "file orders.json",
                "file orders.json",
            ),
            ("../a.json..prod", "file ../a.json", "profile prod"),
            ("a/../b.json..prod", "file a/../b.json", "profile prod"),
            ("dev..../b.json", "profile dev", "file ../b.json"),
            ("../a.json..../b.json", "file ../a.json", "file ../b.json"),
            ("dev../tmp/b.json", "profile dev", "file /tmp/b.json"),
            ("/dev/stdin..prod", "file /dev/stdin", "profile prod"),
            ("v1.2..prod", "profile v1.2", "profile prod"),
        ] {
            assert_eq!(read(text).expect(text), [left, right], "{text}");
        }
    }

    #[test]
    fn what_is_no_comparison_says_so() {
        for text in [
            "dev",
            "dev..",
            "..prod",
            "..",
            "a..b..c",
            "../a.json",
            "dev.prod",
            "",
        ] {
            let failure = read(text).expect_err(text);
            assert!(failure.headline.contains("invalid comparison"), "{failure}");
        }
    }
}
