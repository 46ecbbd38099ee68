//! Lets options be given before a subcommand's name as well as after it.
//!
//! clap can do this only with global arguments, and then drops the earlier values of a repeated
//! one (`-H a call n -H b` would lose `a`), so the words are put in order before it sees them.

use std::ffi::OsString;

use clap::Command;

/// Moves options that are before a subcommand's name behind it; a raw call stays as it is.
pub(crate) fn options_after_subcommand(root: &Command, args: Vec<OsString>) -> Vec<OsString> {
    let mut words = args.into_iter();
    let mut done: Vec<OsString> = words.next().into_iter().collect();
    let mut rest: Vec<OsString> = words.collect();
    let mut command = root;
    while let Some(position) = first_plain_word(root, &rest) {
        if done.len() == 1 && rest[position] == "help" {
            done.extend(without_options(root, rest));
            return done;
        }
        let Some(next) = rest[position]
            .to_str()
            .and_then(|name| command.find_subcommand(name))
        else {
            break;
        };
        done.push(rest.remove(position));
        command = next;
        if command.get_subcommands().next().is_none() {
            break;
        }
    }
    done.extend(rest);
    done
}

/// Returns the subcommand that a line is for, its names from the root on, and the words that are
/// its own; options before a name come behind it.
pub(crate) fn leaf<'a>(
    root: &'a Command,
    args: &[OsString],
) -> (&'a Command, Vec<String>, Vec<OsString>) {
    let words = options_after_subcommand(root, args.to_vec());
    let mut words = words.into_iter().skip(1).peekable();
    let (mut command, mut names) = (root, Vec::new());
    while let Some(next) = words
        .peek()
        .and_then(|word| command.find_subcommand(word.to_str()?))
    {
        command = next;
        names.extend(words.next().map(|word| word.to_string_lossy().into_owned()));
    }
    (command, names, words.collect())
}

/// Takes out the options that `is_out` names, with the values that `calls` declares for them;
/// returns what is left, and what was taken out.
pub(crate) fn partition(
    words: Vec<OsString>,
    is_out: impl Fn(&str) -> bool,
    calls: &Command,
) -> (Vec<OsString>, Vec<OsString>) {
    let (mut kept, mut out) = (Vec::new(), Vec::new());
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        if text.starts_with('-') && text.len() > 1 && is_out(&text) {
            out.push(word);
            out.extend(words.by_ref().take(values_following(calls, &text)));
        } else {
            kept.push(word);
        }
    }
    (kept, out)
}

/// Returns the words that are not options: clap's `help` takes none. What they say about colour has
/// been read by then.
fn without_options(root: &Command, words: Vec<OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if text.starts_with('-') && knows(root, &text) {
            let values = values_following(root, &text);
            words.by_ref().take(values).for_each(drop);
        } else {
            kept.push(word);
        }
    }
    kept
}

/// Returns the position of the first word that is neither an option nor an option's value.
pub(crate) fn first_plain_word(root: &Command, words: &[OsString]) -> Option<usize> {
    let mut position = 0;
    while position < words.len() {
        let word = words[position].to_string_lossy();
        if word == "--" {
            return None;
        }
        if !word.starts_with('-') || word == "-" {
            return Some(position);
        }
        position += 1 + values_following(root, &word);
    }
    None
}

/// Returns whether `--name` (a value may be attached) or `-x` is an option of a command.
pub(crate) fn knows(command: &Command, word: &str) -> bool {
    let long = word.strip_prefix("--").map(|long| {
        let (name, _) = long.split_once('=').unwrap_or((long, ""));
        name
    });
    let letter = word.chars().nth(1);
    let is_it = |arg: &clap::Arg| match long {
        Some(name) => {
            arg.get_long() == Some(name)
                || arg
                    .get_all_aliases()
                    .is_some_and(|names| names.contains(&name))
        }
        None => letter.is_some() && arg.get_short() == letter,
    };
    // clap adds help when it builds the command.
    matches!(word, "--help" | "--version" | "-h")
        || command.get_arguments().any(is_it)
        || command
            .get_subcommands()
            .any(|subcommand| knows(subcommand, word))
}

/// Returns how many of the next words an option takes as its values.
pub(crate) fn values_following(root: &Command, word: &str) -> usize {
    if let Some(long) = word.strip_prefix("--") {
        if long.contains('=') {
            return 0;
        }
        return values_taken(root, |arg| {
            arg.get_long() == Some(long)
                || arg
                    .get_all_aliases()
                    .is_some_and(|names| names.contains(&long))
        });
    }
    let mut letters = word[1..].chars();
    while let Some(letter) = letters.next() {
        let values = values_taken(root, |arg| arg.get_short() == Some(letter));
        if values > 0 {
            return if letters.as_str().is_empty() {
                values
            } else {
                values - 1
            };
        }
    }
    0
}

fn values_taken(command: &Command, is_it: impl Fn(&clap::Arg) -> bool + Copy) -> usize {
    let own = command.get_arguments().find(|arg| is_it(arg)).map(|arg| {
        if !arg.get_action().takes_values() {
            return 0;
        }
        arg.get_num_args().map_or(1, |range| range.min_values())
    });
    own.unwrap_or_else(|| {
        command
            .get_subcommands()
            .map(|subcommand| values_taken(subcommand, is_it))
            .max()
            .unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn hoisted(line: &str) -> String {
        let args = line.split(' ').map(OsString::from).collect();
        let words = options_after_subcommand(&super::super::Cli::command(), args);
        words
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn options_move_behind_the_subcommand() {
        let cases = [
            ("rein profile list", "rein profile list"),
            ("rein -p dev profile show", "rein profile show -p dev"),
            (
                "rein --profile=dev profile -v show x",
                "rein profile show --profile=dev -v x",
            ),
            ("rein -pdev profile show", "rein profile show -pdev"),
            ("rein -sp dev config path", "rein config path -sp dev"),
            ("rein --help profile", "rein profile --help"),
            ("rein --arg a b profile list", "rein profile list --arg a b"),
            ("rein --color never help", "rein help"),
            ("rein -s help profile add -p x", "rein help profile add"),
            ("rein help --nonsense", "rein help --nonsense"),
        ];
        for (line, expected) in cases {
            assert_eq!(hoisted(line), expected, "{line}");
        }
    }

    #[test]
    fn a_raw_call_is_left_alone() {
        for line in [
            "rein -p profile /api/v1/x",
            "rein -X GET /api/v1/x -H A:b",
            "rein /api/v1/x profile=x",
            "rein -- profile",
            "rein",
        ] {
            assert_eq!(hoisted(line), line);
        }
    }
}
