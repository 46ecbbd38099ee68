//! What can be passed after `rein curl`: a command line of curl, and options of rein's own.
//!
//! curl's rules are not clap's: `-d=a` is the value `=a`, `-d -5` is the value `-5`, letters are
//! bundled, names may be abbreviated, and an argument is an option wherever it is on the line.

mod pasted;

use std::ffi::{OsStr, OsString};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::cli::harmless::Native;
use crate::cli::{CurlCall, tail};
use crate::error::{Failure, Result};
use crate::text::terminal::sanitise;

/// One option of curl.
#[derive(Debug, Deserialize)]
pub(crate) struct CurlOption {
    /// The name after `--`.
    pub(crate) long: String,
    /// The letter after `-`.
    pub(crate) letter: Option<char>,
    #[serde(default)]
    pub(crate) takes_value: bool,
    /// What part of a call it is, as far as ownership, guards and tokens need it.
    #[serde(default)]
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) native: Native,
}

/// The options of curl 8.21, sorted by name, `--no-NAME` as `NAME`. A test reads the data, so that
/// it cannot be broken.
pub(crate) static TABLE: LazyLock<Vec<CurlOption>> =
    LazyLock::new(|| serde_json::from_str(include_str!("options.json")).unwrap_or_default());

/// One option or URL of a line.
pub(crate) struct Item {
    /// `None` where the table does not have it.
    pub(crate) option: Option<&'static CurlOption>,
    /// How it is passed on: `-X`, `--request`, `--no-buffer`; empty for a URL without an option.
    pub(crate) name: String,
    pub(crate) value: Option<OsString>,
    /// Whether a switch is turned on.
    pub(crate) is_on: bool,
}

impl Item {
    pub(crate) fn role(&self) -> &'static str {
        self.option.map_or("unknown", |option| &option.role)
    }

    /// Returns the value as text, its bytes that are not UTF-8 replaced: for judging it.
    pub(crate) fn text(&self) -> String {
        let value = self.value.as_deref().unwrap_or_default();
        value.to_string_lossy().into_owned()
    }
}

/// A command line of curl, read and not judged yet.
#[derive(Default)]
pub(crate) struct Line {
    /// The transfers that `--next` separates.
    pub(crate) transfers: Vec<Vec<Item>>,
    /// The options of rein's own, from before the word and behind it.
    pub(crate) call: CurlCall,
    /// What was changed in it.
    pub(crate) notes: Vec<String>,
}

/// An option of the table, if it is one, and whether it is turned on.
type Found = (Option<&'static CurlOption>, bool);
type Words<'a> = &'a mut dyn Iterator<Item = OsString>;

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
    let silent = call.silent.then(|| OsString::from("-s"));
    let words = pasted::normalize(&call.words, &mut line.notes);
    let mut words = silent.into_iter().chain(words);
    let mut has_ended = false;
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        if has_ended || !text.starts_with('-') {
            line.add(by_name("url")?, "", Some(word), &mut words)?;
        } else if text == "--" {
            has_ended = true;
        } else if let Some(name) = text.strip_prefix("--") {
            line.long(name, &word, &mut words)?;
        } else {
            line.letters(&word, &mut words)?;
        }
    }
    Ok(line)
}

impl Line {
    /// Adds an option with its value, which is attached or the next word.
    fn add(
        &mut self,
        found: Found,
        name: &str,
        value: Option<OsString>,
        words: Words,
    ) -> Result<()> {
        let (option, is_on) = found;
        let value = match option.is_some_and(|option| option.takes_value) {
            true => Some(
                value
                    .or_else(|| words.next())
                    .ok_or_else(|| needs_value(name))?,
            ),
            false => None,
        };
        let name = name.to_owned();
        match self.transfers.last_mut() {
            Some(last) if option.is_none_or(|option| option.role != "next") => {
                last.push(Item {
                    option,
                    name,
                    value,
                    is_on,
                });
            }
            _ => self.transfers.push(Vec::new()),
        }
        Ok(())
    }

    /// Reads `--name`, `--no-name` and, as curl does from 8.16 on, `--name=value`. The value is
    /// passed on as an argument of its own, which every curl reads.
    fn long(&mut self, name: &str, word: &OsStr, words: Words) -> Result<()> {
        let (name, mut attached) = match name.split_once('=') {
            Some((name, _)) => (name, Some(tail(word, name.len() + 3).to_owned())),
            None => (name, None),
        };
        let shown = format!("--{name}");
        if self.take_own(name, &mut || {
            let value = attached.take().or_else(|| words.next());
            value.ok_or_else(|| needs_value(&shown))
        })? {
            return Ok(());
        }
        let (Some(option), is_on) = by_name(name)? else {
            return self.add((None, true), &word.to_string_lossy(), None, words);
        };
        if attached.is_some() && !option.takes_value {
            return Err(Failure::usage(format!(
                "{} takes no value",
                sanitise(&shown)
            )));
        }
        // Whole where it was abbreviated: another curl can have more options that begin like it.
        let no = if is_on { "" } else { "no-" };
        let whole = format!("--{no}{}", option.long);
        self.add((Some(option), is_on), &whole, attached, words)
    }

    /// Takes an option of rein's own, if it is one: long names alone, and none that curl has, so
    /// the config file is `--rein-config`.
    fn take_own(
        &mut self,
        name: &str,
        value: &mut dyn FnMut() -> Result<OsString>,
    ) -> Result<bool> {
        let invalid = |_| Failure::usage(format!("--{name}: value is not valid UTF-8"));
        let call = &mut self.call;
        match name {
            "profile" => call.profile.profile = Some(value()?.into_string().map_err(invalid)?),
            "project" => call.profile.project = Some(value()?.into_string().map_err(invalid)?),
            "confirm" => call.confirm = Some(value()?.into_string().map_err(invalid)?),
            "endpoint" => call.profile.endpoint = Some(value()?),
            "token-file" => call.profile.token_file = Some(value()?),
            "rein-config" => call.profile.config = Some(value()?),
            "var" => call.var.push(value()?),
            "explain" => call.explain = true,
            "dry-run" => call.dry_run = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads `-sSXPUT`: letters, and what follows the first one with a value is the value.
    fn letters(&mut self, word: &OsStr, words: Words) -> Result<()> {
        let text = word.to_string_lossy();
        if text == "-" {
            return Err(Failure::usage("'-' is not an option"));
        }
        for (at, letter) in text.char_indices().skip(1) {
            let option = TABLE.iter().find(|option| option.letter == Some(letter));
            let rest = tail(word, at + letter.len_utf8()).to_owned();
            let name = match option {
                Some(_) => format!("-{letter}"),
                None => format!("-{}", &text[at..]),
            };
            // -N is --no-buffer.
            let found = (option, letter != 'N');
            self.add(
                found,
                &name,
                Some(rest).filter(|rest| !rest.is_empty()),
                words,
            )?;
            if option.is_none_or(|option| option.takes_value) {
                break;
            }
        }
        Ok(())
    }
}

/// Finds an option by its name, by `no-` and its name, or by the beginning of one name alone.
fn by_name(name: &str) -> Result<Found> {
    let positive = name.strip_prefix("no-");
    let wanted = positive.unwrap_or(name);
    let fits = |option: &&CurlOption| positive.is_none() || !option.takes_value;
    let begins = |option: &&CurlOption| option.long.starts_with(wanted);
    let mut found = TABLE.iter().filter(begins).filter(fits);
    // The whole name is sorted before the names that it begins.
    match (found.next(), found.next()) {
        (Some(one), Some(other)) if one.long != wanted => {
            let (name, one, other) = (sanitise(name), &one.long, &other.long);
            let what = format!("--{name} is ambiguous: --{one}, --{other}, ...");
            Err(Failure::usage(what).hint("write the option's whole name"))
        }
        (found, _) => Ok((found, positive.is_none())),
    }
}

fn needs_value(shown: &str) -> Failure {
    Failure::usage(format!("{} needs a value", sanitise(shown)))
}

#[cfg(test)]
mod tests;
