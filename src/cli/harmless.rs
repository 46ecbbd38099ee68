//! Options that are not known. curl's in a raw call: what changes nothing there is dropped, and
//! everything else is refused by name, with what a raw call has in its place. Those of other tools
//! are refused in every command, with the command's own option in their place.

use std::ffi::OsString;

use clap::Command;

use crate::cli::curl::{CurlOption, TABLE};
use crate::cli::hoist;
use crate::error::{Failure, Result};
use crate::text::terminal::sanitise;

/// What a raw call does with an option that it does not have itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Native {
    /// It changes nothing there, so it is dropped.
    Harmless,
    /// It is refused; this is the way to the same end.
    Instead(&'static str),
    /// It is refused; `rein curl` passes it to curl.
    CurlOnly,
}

/// Options of other tools by their long names, the way to the same end here, and the option that a
/// command has where that is a way. Without this a spelling that happens to be near is suggested:
/// `--fail` for `--all`.
const OTHER_TOOLS: [(&[&str], &str, &str); 15] = [
    (
        &["all", "all-pages", "page-all", "fetch-all"],
        "--paginate",
        "to read all pages: --paginate",
    ),
    (
        &["page-size", "per-page"],
        "--paginate",
        "for one page's size: the item limit=N",
    ),
    (
        &["timeout"],
        "--max-time",
        "for the whole command: --max-time TIME (-m), such as -m 30s",
    ),
    (&["pretty"], "--columns", "use --format pretty"),
    (&["csv"], "--columns", "use --format csv"),
    (&["yaml"], "--columns", "use --format yaml"),
    (&["ndjson", "jsonl"], "--columns", "use --format ndjson"),
    (
        &["filter"],
        "--jq",
        "use -q EXPR: a jq filter on the response",
    ),
    (
        &["query"],
        "--jq",
        "use -q EXPR for a jq filter, or the item name==value for a query parameter",
    ),
    (
        &["fields"],
        "--columns",
        "for the columns of a table: --columns LIST",
    ),
    (
        &["token", "api-key", "api-token", "bearer"],
        "--token-file",
        "there is no such option, since ps and the shell's history would show the token; \
         use --token-file FILE, the variable REINFER_TOKEN, or rein profile add NAME --ask-token",
    ),
    (
        &["method"],
        "--request",
        "use -X METHOD, or write the method before the target",
    ),
    (&["body"], "--data", "use -d BODY, or items: name=text"),
    (
        &["yes", "force"],
        "--confirm",
        "to confirm a write under a guard: --confirm PROFILE",
    ),
    (
        &["organisation", "organization", "tenant"],
        "--profile",
        "a profile names them: rein profile add NAME --organisation NAME --tenant NAME, then -p NAME",
    ),
];

/// Returns the words without those options of curl's that change nothing; `command` knows the
/// options that a native call has itself, and words that are not options of curl's stay.
///
/// # Errors
/// Fails (exit 2) on an option of curl's that a native call does not have.
pub(crate) fn without_harmless(command: &Command, words: &[OsString]) -> Result<Vec<OsString>> {
    let mut kept = Vec::new();
    let mut rest = words.iter().cloned();
    while let Some(word) = rest.next() {
        let text = word.to_string_lossy().into_owned();
        if text == "--" {
            kept.push(word);
            kept.extend(rest);
            break;
        }
        let values = match text.strip_prefix("--") {
            Some(long) if !hoist::knows(command, &text) => match dropped_long(command, long)? {
                Some(values) => {
                    rest.by_ref().take(values).for_each(drop);
                    continue;
                }
                None => 0,
            },
            None if text.len() > 1 && text.starts_with('-') => {
                let (letters, values) = without_letters(command, &text)?;
                if letters.len() != text.len() {
                    if letters != "-" {
                        kept.push(letters.into());
                    }
                    kept.extend(rest.by_ref().take(values));
                    continue;
                }
                values
            }
            _ if text.starts_with('-') => hoist::values_following(command, &text),
            _ => 0,
        };
        kept.push(word);
        kept.extend(rest.by_ref().take(values));
    }
    Ok(kept)
}

/// Decides on `--name`: how many values go with it when it is dropped, `None` when curl does not
/// have it.
fn dropped_long(command: &Command, long: &str) -> Result<Option<usize>> {
    let (name, attached) = match long.split_once('=') {
        Some((name, _)) => (name, true),
        None => (long, false),
    };
    let shown = format!("--{}", sanitise(name));
    if let Some(found) = TABLE.iter().find(|option| option.long == name) {
        harmless(found, &shown)?;
        return Ok(Some(usize::from(found.takes_value && !attached)));
    }
    let positive = name.strip_prefix("no-").unwrap_or_default();
    let is_it = |option: &&CurlOption| option.long == positive && !option.takes_value;
    match TABLE.iter().find(is_it) {
        None => refuse_other_tools(command, &shown).map(|()| None),
        Some(_) if hoist::knows(command, &format!("--{positive}")) => {
            Err(unsupported(&shown).hint(format!("leave out --{positive}")))
        }
        // What a raw call does not have is off anyway.
        Some(_) => Ok(Some(0)),
    }
}

/// Refuses `--name` of another tool where a command has an option for the same end.
///
/// # Errors
/// Fails (exit 2) with that option.
pub(crate) fn refuse_other_tools(command: &Command, word: &str) -> Result<()> {
    let long = word.strip_prefix("--").unwrap_or_default();
    // What is attached can be a token.
    let name = long.split('=').next().unwrap_or_default();
    let other = OTHER_TOOLS.iter().find(|(names, ..)| names.contains(&name));
    match other.filter(|(_, own, _)| hoist::knows(command, own)) {
        Some((.., instead)) => Err(unsupported(&format!("--{name}")).hint(*instead)),
        None => Ok(()),
    }
}

/// Takes curl's letters that change nothing out of a bundle, and says how many values follow it.
fn without_letters(command: &Command, text: &str) -> Result<(String, usize)> {
    let mut kept = String::from("-");
    for (position, letter) in text.char_indices().skip(1) {
        let shown = format!("-{}", sanitise(&letter.to_string()));
        let rest = &text[position..];
        if hoist::knows(command, &shown) {
            // From a letter with a value on, the rest is that value.
            if hoist::values_following(command, &shown) > 0 {
                kept.push_str(rest);
                return Ok((kept, hoist::values_following(command, &format!("-{rest}"))));
            }
            kept.push(letter);
            continue;
        }
        match TABLE.iter().find(|option| option.letter == Some(letter)) {
            Some(found) => harmless(found, &shown)?,
            None => kept.push(letter),
        }
    }
    Ok((kept, 0))
}

/// Lets an option pass that changes nothing in a raw call.
fn harmless(option: &CurlOption, shown: &str) -> Result<()> {
    match &option.native {
        Native::Harmless => Ok(()),
        Native::Instead(instead) => Err(unsupported(shown)
            .hint(*instead)
            .hint("or pass the line to curl itself: rein curl ...")),
        Native::CurlOnly => {
            Err(unsupported(shown).hint("pass the line to curl itself: rein curl ..."))
        }
    }
}

fn unsupported(shown: &str) -> Failure {
    Failure::usage(format!("{shown} is not supported")).fact("nothing was sent")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args;

    fn without(line: &str) -> Result<String> {
        let command = crate::cli::RawCall::augment_args(Command::new("rein"));
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let kept = without_harmless(&command, &words)?;
        let kept: Vec<_> = kept.iter().map(|word| word.to_string_lossy()).collect();
        Ok(kept.join(" "))
    }

    #[test]
    fn what_changes_nothing_is_dropped_and_all_else_stays() {
        for (line, expected) in [
            ("-N v1/x -g -#", "v1/x"),
            ("-sNX PUT v1/x", "-sX PUT v1/x"),
            ("-NsXPUT v1/x", "-sXPUT v1/x"),
            ("--globoff v1/x --no-progress-meter", "v1/x"),
            ("v1/x --keepalive-time 5 --tlsv1.2", "v1/x"),
            ("v1/x --keepalive-time=5 --no-netrc", "v1/x"),
            // Values are values, whatever they look like.
            ("v1/x -d -N -H -g", "v1/x -d -N -H -g"),
            ("v1/x --data --globoff", "v1/x --data --globoff"),
            ("v1/x --arg a -N -q .", "v1/x --arg a -N -q ."),
            ("v1/x -- -N", "v1/x -- -N"),
            ("v1/x --nonsense -%", "v1/x --nonsense -%"),
        ] {
            assert_eq!(without(line).expect(line), expected);
        }
    }

    #[test]
    fn what_would_change_the_call_is_named() {
        for (line, says) in [
            ("v1/x -u a:b", "-u is not supported"),
            ("v1/x -sb c=d", "use -H 'Cookie: name=value'"),
            ("v1/x --no-silent", "leave out --silent"),
            ("v1/x --trace f", "use -v or --meta FILE"),
            ("--url=https://h/", "pass the URL as an argument"),
            ("v1/x --all", "to read all pages: --paginate"),
        ] {
            let failure = without(line).expect_err(line).to_string();
            assert!(failure.contains(says), "{failure}");
        }
    }
}
