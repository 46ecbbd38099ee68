//! curl's other options in a native call: what changes nothing there is dropped, and all else is
//! named, with what a native call has in its place.

use std::ffi::OsString;

use clap::Command;

use super::Id;
use super::table::{CurlOption, Meaning, TABLE, Takes};
use crate::cli::hoist;
use crate::error::{Failure, Result};
use crate::output::terminal::sanitise;

/// Returns the words without those options of curl's that change nothing; `command` knows the
/// options that a native call has itself, and whatever else is no option of curl's stays.
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
        return Ok(Some(usize::from(found.takes == Takes::Value && !attached)));
    }
    let off = name.strip_prefix("no-").unwrap_or_default();
    let is_it = |option: &&CurlOption| option.long == off && option.takes == Takes::Switch;
    match TABLE.iter().find(is_it).map(|option| option.meaning) {
        None => Ok(None),
        // What is off anyway.
        Some(Meaning::Harmless(_) | Meaning::Refused(_)) => Ok(Some(0)),
        Some(Meaning::Taken(_)) if hoist::knows(command, &format!("--{off}")) => {
            Err(not_here(&shown).hint(format!("leave out --{off}")))
        }
        Some(Meaning::Taken(_)) => Err(not_here(&shown).hint("rein curl takes it")),
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

/// Lets an option pass that changes nothing in a native call.
fn harmless(option: &CurlOption, shown: &str) -> Result<()> {
    match option.meaning {
        Meaning::Harmless(_) => Ok(()),
        // A file appears only when it is complete; TLS 1.2 is the oldest that is spoken.
        Meaning::Taken(Id::RemoveOnError | Id::Clobber | Id::Tls12OrNewer | Id::Alpn) => Ok(()),
        Meaning::Refused(instead) => {
            Err(not_here(shown).hint(format!("rein curl has it neither: {instead}")))
        }
        Meaning::Taken(id) => Err(match native_way(id) {
            Some(way) => not_here(shown)
                .hint(format!("instead: {way}"))
                .hint("rein curl takes it"),
            None => not_here(shown).hint("rein curl takes it"),
        }),
    }
}

fn not_here(shown: &str) -> Failure {
    Failure::usage(format!("curl's option {shown} is not to be had here")).fact("nothing was sent")
}

/// Returns what a native call has in the place of an option of curl's.
fn native_way(id: Id) -> Option<&'static str> {
    Some(match id {
        Id::User | Id::Bearer => "the profile's token is sent: rein profile add, or --token-file",
        Id::Cookie => "-H 'Cookie: name=value'",
        Id::Referer => "-H 'Referer: URL'",
        Id::Range => "-H 'Range: bytes=FIRST-LAST'",
        Id::TimeCond => "-H 'If-Modified-Since: DATE'",
        Id::Url => "write the URL as it is",
        Id::Include => "-i",
        Id::RemoteName | Id::OutputDir | Id::CreateDirs => "-o FILE",
        Id::RetryAllErrors | Id::RetryConnrefused => "--retry N",
        Id::Capath => "--cacert FILE",
        Id::ProxyUser => "-x http://user:password@host:port",
        Id::Socks4 | Id::Socks4a | Id::Socks5 | Id::Socks5Hostname => "-x socks5h://host:port",
        Id::ConnectTo => "--resolve HOST:PORT:ADDRESS",
        Id::Proto | Id::ProtoRedir | Id::ProtoDefault => "the endpoint's scheme is used",
        _ => return None,
    })
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
            ("v1/x -u a:b", "curl's option -u is not to be had here"),
            ("v1/x -sb c=d", "instead: -H 'Cookie: name=value'"),
            ("v1/x --no-silent", "leave out --silent"),
            ("v1/x --trace f", "rein curl has it neither: -v"),
            ("--url=https://h/", "instead: write the URL as it is"),
        ] {
            let failure = without(line).expect_err(line).to_string();
            assert!(failure.contains(says), "{failure}");
        }
    }
}
