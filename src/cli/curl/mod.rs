//! What can be passed after `rein curl`: a command line of curl, read by curl's rules, and a few
//! options of rein's own.
//!
//! A parser of its own, because curl's rules are not clap's: `-d=a` is the value `=a`, `-d -5` is
//! the value `-5`, letters are bundled with a value behind the last one, names may be abbreviated,
//! and an argument is an option wherever it is on the line.

pub(crate) mod native;
pub(crate) mod pasted;
pub(crate) mod table;

use std::ffi::{OsStr, OsString};

use self::table::{CurlOption, PLAIN_URL, Role, TABLE, Takes, UNKNOWN};
use crate::cli::{CurlCall, tail};
use crate::error::{Failure, Result};
use crate::text::terminal::sanitise;

/// One option or URL of a line.
#[derive(Clone)]
pub(crate) struct Argument {
    pub(crate) option: &'static CurlOption,
    /// How the option is passed on: `-X`, `--request`, `--no-buffer`; empty for a URL without one.
    pub(crate) name: String,
    pub(crate) value: Option<OsString>,
    /// Whether a switch is turned on.
    pub(crate) is_on: bool,
}

impl Argument {
    /// Returns what part of a call it is.
    pub(crate) fn role(&self) -> Role {
        self.option.role
    }

    /// Returns the value as text, its bytes that are not UTF-8 replaced: for judging it.
    pub(crate) fn text(&self) -> String {
        let value = self.value.as_deref().unwrap_or_default();
        value.to_string_lossy().into_owned()
    }

    /// Returns whether the argument is, or could be, the name of a file or standard input that a part
    /// of the request is read from.
    pub(crate) fn reads_a_file(&self) -> bool {
        let text = self.text();
        match self.role() {
            Role::Url => self.name == "--url" && text.starts_with('@'),
            Role::Header => text.starts_with('@'),
            // `@FILE`, and `name@FILE` of --data-urlencode.
            Role::Data | Role::Query => {
                let start = text.split('=').next().unwrap_or_default();
                self.name != "--data-raw" && start.contains('@')
            }
            // `name=@FILE` and `name=<FILE`.
            Role::Form => self.name != "--form-string" && text.contains(['@', '<']),
            Role::Upload => true,
            _ => false,
        }
    }

    /// Appends the argument to a command line.
    pub(crate) fn append_to(&self, words: &mut Vec<OsString>) {
        let is_plain = self.name.is_empty();
        match &self.value {
            // After `--` a URL may begin like an option.
            Some(url) if is_plain && url.as_encoded_bytes().starts_with(b"-") => {
                words.push("--url".into());
            }
            _ if is_plain => {}
            _ => words.push(self.name.clone().into()),
        }
        words.extend(self.value.clone());
    }
}

/// A command line of curl, read and not judged yet.
#[derive(Clone, Default)]
pub(crate) struct Line {
    /// The transfers that `--next` separates.
    pub(crate) transfers: Vec<Vec<Argument>>,
    /// The options of rein's own, from before the word and behind it.
    pub(crate) call: CurlCall,
    /// What was changed in a pasted line.
    pub(crate) changed: Vec<&'static str>,
}

/// Reads what was passed to `rein curl`, before the word and behind it.
///
/// # Errors
/// Fails (exit 2) on an option whose value is missing and on an ambiguous abbreviation.
pub(crate) fn parse(call: &CurlCall) -> Result<Line> {
    let mut line = Line {
        transfers: vec![Vec::new()],
        call: call.clone(),
        ..Line::default()
    };
    if let Some(silent) = exact("silent").filter(|_| call.silent) {
        line.push(silent, "-s", None, true);
    }
    let words = pasted::normalize(&call.words, &mut line.changed);
    let mut words = words.into_iter();
    let mut has_ended = false;
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        if has_ended || !text.starts_with('-') {
            line.push(&PLAIN_URL, "", Some(word), true);
        } else if text == "--" {
            has_ended = true;
        } else if let Some(name) = text.strip_prefix("--") {
            long(name, &word, &mut words, &mut line)?;
        } else {
            letters(&word, &mut words, &mut line)?;
        }
    }
    Ok(line)
}

impl Line {
    /// Returns whether a switch is on anywhere on the line.
    pub(crate) fn has(&self, role: Role) -> bool {
        let mut arguments = self.transfers.iter().flatten();
        arguments.any(|argument| argument.role() == role && argument.is_on)
    }

    fn push(
        &mut self,
        option: &'static CurlOption,
        name: impl Into<String>,
        value: Option<OsString>,
        is_on: bool,
    ) {
        if option.role == Role::Next {
            self.transfers.push(Vec::new());
        } else if let Some(last) = self.transfers.last_mut() {
            last.push(Argument {
                option,
                name: name.into(),
                value,
                is_on,
            });
        }
    }

    /// Takes an option of rein's own, which has a long name alone and none that curl has; returns
    /// whether it is one. curl has a `--config`, so the config file is `--rein-config`.
    fn take_own(
        &mut self,
        name: &str,
        mut value: impl FnMut() -> Result<OsString>,
    ) -> Result<bool> {
        let call = &mut self.call;
        match name {
            "explain" => call.explain = true,
            "dry-run" => call.dry_run = true,
            "endpoint" => call.profile.endpoint = Some(value()?),
            "token-file" => call.profile.token_file = Some(value()?),
            "rein-config" => call.profile.config = Some(value()?),
            "var" => call.var.push(value()?),
            "profile" => call.profile.profile = Some(utf8(name, value()?)?),
            "project" => call.profile.project = Some(utf8(name, value()?)?),
            "confirm" => call.confirm = Some(utf8(name, value()?)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Reads `--name`, `--no-name` and, as curl does from 8.16 on, `--name=value`. The value is passed
/// on as an argument of its own, which every curl reads.
fn long(
    name: &str,
    word: &OsStr,
    words: &mut impl Iterator<Item = OsString>,
    line: &mut Line,
) -> Result<()> {
    let (name, mut attached) = match name.split_once('=') {
        Some((name, _)) => (name, Some(tail(word, name.len() + 3).to_owned())),
        None => (name, None),
    };
    let shown = format!("--{name}");
    let mut value = || {
        attached
            .take()
            .or_else(|| words.next())
            .ok_or_else(|| needs_value(&shown))
    };
    if line.take_own(name, &mut value)? {
        return Ok(());
    }
    let Some((option, is_on)) = by_name(name)? else {
        line.push(&UNKNOWN, word.to_string_lossy(), None, true);
        return Ok(());
    };
    let value = match option.takes {
        Takes::Switch => None,
        Takes::Value => Some(value()?),
    };
    if attached.is_some() {
        let shown = sanitise(&shown);
        return Err(Failure::usage(format!("{shown} takes no value")));
    }
    // Whole where it was abbreviated: another curl can have more options that begin like it.
    let no = if is_on { "" } else { "no-" };
    line.push(option, format!("--{no}{}", option.long), value, is_on);
    Ok(())
}

/// Reads `-sSXPUT`: letters, and what follows the first one with a value is the value.
fn letters(
    word: &OsStr,
    words: &mut impl Iterator<Item = OsString>,
    line: &mut Line,
) -> Result<()> {
    let text = word.to_string_lossy().into_owned();
    if text == "-" {
        return Err(Failure::usage("'-' is not an option")
            .hint("read standard input with -d @-, -T - or -F name=@-"));
    }
    for (position, letter) in text.char_indices().skip(1) {
        let name = format!("-{letter}");
        let Some(option) = TABLE.iter().find(|option| option.letter == Some(letter)) else {
            line.push(&UNKNOWN, format!("-{}", &text[position..]), None, true);
            return Ok(());
        };
        let mut value = None;
        if option.takes == Takes::Value {
            let rest = tail(word, position + letter.len_utf8());
            value = Some(match rest.is_empty() {
                true => words.next().ok_or_else(|| needs_value(&name))?,
                false => rest.to_owned(),
            });
        }
        let has_value = value.is_some();
        // The letter of --no-buffer.
        line.push(option, name, value, letter != 'N');
        if has_value {
            break;
        }
    }
    Ok(())
}

fn exact(name: &str) -> Option<&'static CurlOption> {
    TABLE.iter().find(|option| option.long == name)
}

/// Finds an option by its name, by `no-` and its name, or by the beginning of one name alone.
fn by_name(name: &str) -> Result<Option<(&'static CurlOption, bool)>> {
    if let Some(option) = exact(name) {
        return Ok(Some((option, true)));
    }
    let (beginning, is_on) = match name.strip_prefix("no-") {
        Some(positive) => (positive, false),
        None => (name, true),
    };
    let fits = |option: &&CurlOption| is_on || option.takes == Takes::Switch;
    if let Some(option) = exact(beginning).filter(fits) {
        return Ok(Some((option, is_on)));
    }
    let begins = |option: &&CurlOption| option.long.starts_with(beginning);
    let mut matching = TABLE.iter().filter(fits).filter(begins);
    match (matching.next(), matching.next()) {
        (Some(one), Some(other)) => Err(Failure::usage(format!(
            "--{} is ambiguous: --{}, --{}, ...",
            sanitise(name),
            one.long,
            other.long
        ))
        .hint("write the option's whole name")),
        (found, _) => Ok(found.map(|option| (option, is_on))),
    }
}

fn needs_value(shown: &str) -> Failure {
    Failure::usage(format!("{} needs a value", sanitise(shown)))
}

fn utf8(name: &str, value: OsString) -> Result<String> {
    value
        .into_string()
        .map_err(|_| Failure::usage(format!("--{name}: value is not valid UTF-8")))
}

#[cfg(test)]
mod tests;
