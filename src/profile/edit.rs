//! Changes to the config file that keep its comments and order: under a lock, checked
//! before they are written, replaced in one step, and readable by the owner only.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, value};

use crate::env::Env;
use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::files::{create_private_folder, folder_of, follow_links, open_lock};
use crate::profile::resolve::assemble_all;
use crate::profile::{Guard, comments, file};
use crate::secret::Secret;
use crate::text::terminal::sanitise;

/// The values that `profile add` gives a profile; what is not given stays as it is.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Keys of the file with their texts.
    pub(crate) texts: Vec<(&'static str, String)>,
    /// `token_command`.
    pub(crate) token_command: Option<Vec<String>>,
    /// The keys of the `oauth` table.
    pub(crate) oauth: Option<Vec<(&'static str, String)>>,
    /// A token to be stored in the file itself.
    pub(crate) token: Option<Secret>,
}

/// The keys that name where a token comes from: one of them replaces the others.
const SOURCES: [&str; 5] = ["oauth", "token", "token_command", "token_env", "token_file"];

/// The keys that name the endpoint; a new kind replaces the old.
const ENDPOINT_KINDS: [&[&str]; 3] = [&["endpoint"], &["domain"], &["organisation", "tenant"]];

/// Whether a profile that is added becomes the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MakeDefault {
    /// Where it is the only one, and the file names no default.
    IfFirst,
    /// In any case.
    Set,
    /// The default stays as it is.
    Keep,
}

/// What adding a profile came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Added {
    /// Whether it was there before.
    pub(crate) existed: bool,
    /// Whether it has become the default.
    pub(crate) is_new_default: bool,
}

/// Adds a profile or changes one.
///
/// # Errors
/// Fails, with the file untouched, when the result would not be a valid file.
pub(crate) fn add(
    path: &Path,
    name: &str,
    changes: &Changes,
    default: MakeDefault,
    env: &Env,
) -> Result<Added> {
    change(path, env, |document| {
        let before = document.get("default_profile").and_then(Item::as_str);
        let before = before.map(str::to_owned);
        let profiles = table(document.as_table_mut(), "profiles")?;
        profiles.set_implicit(true);
        let existed = profiles.contains_key(name);
        let is_first = profiles.is_empty();
        give(table(profiles, name)?, changes)?;
        let is_new_default = match default {
            MakeDefault::IfFirst => is_first && before.is_none(),
            MakeDefault::Set => before.as_deref() != Some(name),
            MakeDefault::Keep => false,
        };
        if is_new_default {
            set(document.as_table_mut(), "default_profile", name.into());
        }
        Ok(Added {
            existed,
            is_new_default,
        })
    })
}

/// Gives a profile's table its new values.
fn give(profile: &mut Table, changes: &Changes) -> Result<()> {
    let new_keys: Vec<&str> = changes.texts.iter().map(|(key, _)| *key).collect();
    if let Some(kind) = ENDPOINT_KINDS
        .iter()
        .find(|kind| new_keys.iter().any(|key| kind.contains(key)))
    {
        for other in ENDPOINT_KINDS
            .iter()
            .filter(|other| *other != kind)
            .copied()
            .flatten()
        {
            profile.remove(other);
        }
    }
    let gives_source = new_keys.iter().any(|key| SOURCES.contains(key));
    if gives_source || changes.token_command.is_some() || changes.token.is_some() {
        SOURCES
            .iter()
            .filter(|key| !new_keys.contains(key))
            .for_each(|key| {
                profile.remove(key);
            });
    }
    for (key, text) in &changes.texts {
        set(profile, key, text.as_str().into());
    }
    if let Some(words) = &changes.token_command {
        set(
            profile,
            "token_command",
            words
                .iter()
                .map(String::as_str)
                .collect::<toml_edit::Array>()
                .into(),
        );
    }
    if let Some(oauth) = &changes.oauth {
        let oauth_table = table(profile, "oauth")?;
        for (key, text) in oauth {
            set(oauth_table, key, text.as_str().into());
        }
    }
    if let Some(token) = &changes.token {
        set(profile, "token", token.expose().into());
    }
    Ok(())
}

/// Makes a profile the one that is used when nothing else is said.
///
/// # Errors
/// Fails when there is no such profile.
pub(crate) fn make_default(path: &Path, name: &str, env: &Env) -> Result<()> {
    change(path, env, |document| {
        // The demo is built in, so no file has it.
        if name != "demo" && !has_profile(document, name) {
            return Err(missing(name, path));
        }
        set(document.as_table_mut(), "default_profile", name.into());
        Ok(())
    })
}

/// Removes a profile. Returns whether it was the default, which then names nothing any more.
///
/// # Errors
/// Fails when there is no such profile or another one extends it.
pub(crate) fn remove(path: &Path, name: &str, env: &Env) -> Result<bool> {
    change(path, env, |document| {
        if !has_profile(document, name) {
            return Err(missing(name, path));
        }
        let text = document.to_string();
        comments::remove_profile(document, &text, name);
        let was_default = document.get("default_profile").and_then(Item::as_str) == Some(name);
        if was_default {
            comments::remove_value(document, &text, "default_profile");
        }
        Ok(was_default)
    })
}

fn missing(name: &str, path: &Path) -> Failure {
    let name = sanitise(name);
    Failure::usage(format!("unknown profile {name} in {}", path.display()))
        .hint("rein profile list")
}

fn has_profile(document: &DocumentMut, name: &str) -> bool {
    document
        .get("profiles")
        .and_then(Item::as_table_like)
        .is_some_and(|profiles| profiles.contains_key(name))
}

/// Returns a table inside a table, made when it is not there.
fn table<'a>(parent: &'a mut Table, key: &str) -> Result<&'a mut Table> {
    parent
        .entry(key)
        .or_insert_with(|| Item::Table(Table::new()))
        .as_table_mut()
        .ok_or_else(|| {
            Failure::usage(format!(
                "{key} is written in a form that cannot be changed here"
            ))
            .hint("edit the file by hand")
        })
}

/// Sets a value and keeps the comment behind the old one.
fn set(table: &mut Table, key: &str, new: toml_edit::Value) {
    let mut new = new;
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *new.decor_mut() = old.decor().clone();
    }
    table.insert(key, value(new));
}

/// Refuses a place where something is that is not a regular file: a device or a pipe would be
/// replaced by a file, and reading one may never end. To be asked before anything is touched.
///
/// # Errors
/// Fails (exit 2) when the place is taken like this.
pub(crate) fn refuse_what_is_no_file(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(Failure::usage(format!(
            "{} is not a regular file, so it cannot be changed",
            path.display()
        ))
        .fact("nothing was changed")
        .hint("name another one: --config FILE, or REINFER_CONFIG=FILE")),
        _ => Ok(()),
    }
}

/// Reads, changes, checks and replaces the file, alone among all who do so.
fn change<T>(
    path: &Path,
    env: &Env,
    change: impl FnOnce(&mut DocumentMut) -> Result<T>,
) -> Result<T> {
    let cannot = |error: &std::io::Error| {
        Failure::new(
            Exit::Write,
            format!("cannot change {}: {}", path.display(), io_reason(error)),
        )
    };
    refuse_what_is_no_file(path)?;
    // What a link leads to is changed, and the link stays.
    let target = follow_links(path).map_err(|error| cannot(&error))?;
    let folder = folder_of(&target);
    create_private_folder(folder).map_err(|error| cannot(&error))?;
    let lock = lock(folder).map_err(|error| cannot(&error))?;
    let text = match std::fs::read_to_string(&target) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(Failure::local(format!(
                "cannot read {}: {}",
                path.display(),
                io_reason(&error)
            )));
        }
    };
    // Our own reader first: its messages name places and never a value.
    file::parse(path, &text, env.home().as_deref())?;
    let form = Form::of(&text);
    let mut document: DocumentMut = text
        .replace("\r\n", "\n")
        .parse()
        .map_err(|_| Failure::usage(format!("{}: this is not valid TOML", path.display())))?;
    let result = change(&mut document)?;
    let text = form.give(&document.to_string());
    file::parse(path, &text, env.home().as_deref())
        .and_then(|file| assemble_all(&file))
        .map_err(|failure| of_the_change(failure, path))?;
    replace(&target, folder, &text).map_err(|error| cannot(&error))?;
    drop(lock);
    Ok(result)
}

/// Words a mistake that the change would make: it is on no line of the file yet.
fn of_the_change(mut failure: Failure, path: &Path) -> Failure {
    let place = format!("{}:", path.display());
    if let Some(rest) = failure.headline.strip_prefix(&place) {
        let what = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':' || c == ' ');
        failure.headline = format!("cannot change {}: {what}", path.display());
    }
    failure.facts.retain(|fact| fact != "nothing was sent");
    failure.fact("nothing was changed")
}

/// What editors on Windows give a text file, which parsing takes away.
#[derive(Clone, Copy)]
struct Form {
    byte_order_mark: bool,
    /// Whether every line ends with CR and LF.
    crlf: bool,
}

impl Form {
    const BYTE_ORDER_MARK: char = '\u{feff}';

    fn of(text: &str) -> Form {
        let (lines, crlf) = (text.matches('\n').count(), text.matches("\r\n").count());
        Form {
            byte_order_mark: text.starts_with(Form::BYTE_ORDER_MARK),
            crlf: lines > 0 && lines == crlf,
        }
    }

    fn give(self, text: &str) -> String {
        let mut text = text.trim_start_matches(Form::BYTE_ORDER_MARK).to_owned();
        if self.crlf {
            text = text.replace('\n', "\r\n");
        }
        if self.byte_order_mark {
            text.insert(0, Form::BYTE_ORDER_MARK);
        }
        text
    }
}

/// Waits for the lock beside the file: the file itself is replaced, so it cannot hold one.
fn lock(folder: &Path) -> std::io::Result<File> {
    let lock = open_lock(&folder.join(".config.lock"))?;
    lock.lock()?;
    Ok(lock)
}

fn replace(target: &PathBuf, folder: &Path, text: &str) -> std::io::Result<()> {
    // Created exclusively and 0600 from the first byte; a power failure leaves the old or the new.
    let mut file = tempfile::Builder::new()
        .prefix(".config-")
        .suffix(".toml")
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    Ok(())
}

/// Reads a guard's name as it is given.
///
/// # Errors
/// Fails with the legal words.
pub(crate) fn guard_word(word: &str) -> Result<String> {
    if Guard::NAMES.contains(&word) {
        return Ok(word.to_owned());
    }
    Err(
        Failure::usage(format!("unknown guard \"{}\"", sanitise(word)))
            .fact(format!("guards: {}", Guard::NAMES.join(", "))),
    )
}
