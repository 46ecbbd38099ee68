//! What can be passed after `rein curl`: a command line of curl, and options of rein's own.
//!
//! curl's rules are not clap's: `-d=a` is the value `=a`, `-d -5` is the value `-5`, letters are
//! bundled, names may be abbreviated, and an argument is an option wherever it is on the line.

mod pasted;

use std::ffi::{OsStr, OsString};
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};

use crate::cli::harmless::Native;
use crate::cli::{CurlCall, tail};
use crate::error::{Failure, Result};
use crate::text::terminal::sanitise;

/// One option of curl.
#[derive(Debug)]
pub(crate) struct CurlOption {
    /// The name after `--`.
    pub(crate) long: &'static str,
    /// The letter after `-`.
    pub(crate) letter: Option<char>,
    pub(crate) takes_value: bool,
    /// What part of a call it is, as far as ownership, guards and tokens need it.
    pub(crate) role: Role,
    pub(crate) native: Native,
}

/// The options of curl 8.21, sorted by name, `--no-NAME` as `NAME`.
pub(crate) static TABLE: LazyLock<Vec<CurlOption>> = LazyLock::new(|| {
    let lines = include_str!("options.tsv").lines().skip(1);
    lines.filter_map(CurlOption::read).collect()
});

impl CurlOption {
    /// Reads a line of the table, which is read at every start; a test reads it whole.
    fn read(line: &'static str) -> Option<CurlOption> {
        let mut cells = line.split('\t');
        let mut next = || cells.next().unwrap_or_default();
        Some(CurlOption {
            long: next(),
            letter: next().chars().next(),
            takes_value: next() == "value",
            role: match next() {
                "" => Role::Other,
                role => Role::deserialize(StrDeserializer::<Error>::new(role)).ok()?,
            },
            native: match next() {
                "" => Native::CurlOnly,
                "harmless" => Native::Harmless,
                way => Native::Instead(way),
            },
        })
    }
}

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
    pub(crate) fn role(&self) -> Role {
        self.option.map_or(Role::Unknown, |option| option.role)
    }

    /// Returns the words that it is passed on as.
    pub(crate) fn words(&self) -> impl Iterator<Item = OsString> {
        let name = Some(&self.name).filter(|name| !name.is_empty());
        name.map(OsString::from)
            .into_iter()
            .chain(self.value.clone())
    }

    /// Returns the value as text, its bytes that are not UTF-8 replaced: for judging it.
    pub(crate) fn text(&self) -> String {
        let value = self.value.as_deref().unwrap_or_default();
        value.to_string_lossy().into_owned()
    }
}

/// What part of a call an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    Bearer,
    CaFile,
    Connect,
    Credential,
    Data,
    File,
    Form,
    Get,
    Globoff,
    Head,
    Header,
    HeaderPart,
    Hidden,
    Insecure,
    Log,
    Method,
    Netrc,
    Next,
    NoProxy,
    Output,
    Proxy,
    ProxyHeader,
    Query,
    Redirect,
    Silent,
    Socket,
    Target,
    TrustedRedirect,
    Upload,
    Url,
    WriteOut,
    /// An option that is not in the table.
    Unknown,
    /// None that matters.
    Other,
}

/// A command line of curl, read and not judged yet.
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

/// Reads what was passed to `rein curl`, before the word and behind it.
///
/// # Errors
/// Fails (exit 2) on an option whose value is missing and on an ambiguous abbreviation.
pub(crate) fn parse(call: &CurlCall) -> Result<Line> {
    let mut line = Line {
        transfers: vec![Vec::new()],
        call: call.clone(),
        notes: Vec::new(),
    };
    let mut words = pasted::normalize(&call.words, &mut line.notes);
    words.splice(..0, call.silent.then(|| "-s".into()));
    let words = words.into_iter();
    let mut reader = Reader { line, words };
    while let Some(word) = reader.words.next() {
        match &*word.to_string_lossy() {
            "-" => return Err(Failure::usage("'-' is not an option")),
            "--" => {
                while let Some(url) = reader.words.next() {
                    reader.add(by_name("url")?, "", Some(url))?;
                }
            }
            text if text.starts_with("--") => reader.long(&word, text)?,
            text if text.starts_with('-') => reader.letters(&word, text)?,
            _ => reader.add(by_name("url")?, "", Some(word))?,
        }
    }
    Ok(reader.line)
}

/// What has been read of a line, and what has not.
struct Reader {
    line: Line,
    words: std::vec::IntoIter<OsString>,
}

impl Reader {
    /// Returns an option's value, which is attached or the next word.
    fn value(&mut self, name: &str, attached: Option<OsString>) -> Result<OsString> {
        let value = attached.or_else(|| self.words.next());
        value.ok_or_else(|| Failure::usage(format!("{} needs a value", sanitise(name))))
    }

    /// Returns the value of an option of rein's own that takes text.
    fn text(&mut self, name: &str, attached: Option<OsString>) -> Result<Option<String>> {
        let text = self.value(name, attached)?.into_string();
        let invalid = |_| Failure::usage(format!("{name}: value is not valid UTF-8"));
        text.map(Some).map_err(invalid)
    }

    fn add(&mut self, found: Found, name: &str, attached: Option<OsString>) -> Result<()> {
        let (option, is_on) = found;
        let takes_value = option.is_some_and(|option| option.takes_value);
        let value = takes_value.then(|| self.value(name, attached));
        let (name, value) = (name.to_owned(), value.transpose()?);
        match self.line.transfers.last_mut() {
            Some(last) if option.is_none_or(|option| option.role != Role::Next) => {
                last.push(Item {
                    option,
                    name,
                    value,
                    is_on,
                });
            }
            _ => self.line.transfers.push(Vec::new()),
        }
        Ok(())
    }

    /// Reads `--name`, `--no-name` and, as curl does from 8.16 on, `--name=value`. The value is
    /// passed on as an argument of its own, which every curl reads.
    ///
    /// Options of rein's own have long names alone, and none that curl has, so the config file is
    /// `--rein-config`.
    fn long(&mut self, word: &OsStr, text: &str) -> Result<()> {
        let (name, attached) = match text.split_once('=') {
            Some((name, _)) => (name, Some(tail(word, name.len() + 1).to_owned())),
            None => (text, None),
        };
        match name {
            "--profile" => self.line.call.profile.profile = self.text(name, attached)?,
            "--project" => self.line.call.profile.project = self.text(name, attached)?,
            "--confirm" => self.line.call.confirm = self.text(name, attached)?,
            "--endpoint" => self.line.call.profile.endpoint = Some(self.value(name, attached)?),
            "--token-file" => self.line.call.profile.token_file = Some(self.value(name, attached)?),
            "--rein-config" => self.line.call.profile.config = Some(self.value(name, attached)?),
            "--var" => {
                let var = self.value(name, attached)?;
                self.line.call.var.push(var);
            }
            "--explain" => self.line.call.explain = true,
            "--dry-run" => self.line.call.dry_run = true,
            _ => match by_name(&name[2..])? {
                (None, _) => self.add((None, true), text, None)?,
                (Some(option), _) if attached.is_some() && !option.takes_value => {
                    let what = format!("{} takes no value", sanitise(name));
                    return Err(Failure::usage(what));
                }
                (Some(option), is_on) => {
                    // Whole where it was abbreviated: another curl can have more options that begin
                    // like it.
                    let no = if is_on { "" } else { "no-" };
                    let whole = format!("--{no}{}", option.long);
                    self.add((Some(option), is_on), &whole, attached)?;
                }
            },
        }
        Ok(())
    }

    /// Reads `-sSXPUT`: letters, and what follows the first one with a value is the value.
    fn letters(&mut self, word: &OsStr, text: &str) -> Result<()> {
        for (at, letter) in text.char_indices().skip(1) {
            let Some(option) = TABLE.iter().find(|one| one.letter == Some(letter)) else {
                return self.add((None, true), &format!("-{}", &text[at..]), None);
            };
            let rest = tail(word, at + letter.len_utf8());
            let rest = Some(rest.to_owned()).filter(|rest| !rest.is_empty());
            // -N is --no-buffer.
            self.add((Some(option), letter != 'N'), &format!("-{letter}"), rest)?;
            if option.takes_value {
                break;
            }
        }
        Ok(())
    }
}

/// Finds an option by its name, by `no-` and its name, or by a unique beginning of its name.
fn by_name(name: &str) -> Result<Found> {
    let positive = name.strip_prefix("no-");
    let wanted = positive.unwrap_or(name);
    let fits = |option: &&CurlOption| positive.is_none() || !option.takes_value;
    let begins = |option: &&CurlOption| option.long.starts_with(wanted);
    let mut found = TABLE.iter().filter(begins).filter(fits);
    // The whole name is sorted before the names that it begins.
    match (found.next(), found.next()) {
        (Some(one), Some(other)) if one.long != wanted => {
            let (name, one, other) = (sanitise(name), one.long, other.long);
            let what = format!("--{name} is ambiguous: --{one}, --{other}, ...");
            Err(Failure::usage(what).hint("write the option's whole name"))
        }
        (found, _) => Ok((found, positive.is_none())),
    }
}

#[cfg(test)]
mod tests;
