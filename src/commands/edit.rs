//! `rein profile add`, `use` and `remove`.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::Context as _;

use crate::cli::AddArgs;
use crate::commands::config::usual_path;
use crate::engine::{Context, print};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::profile::edit::{self, Changes, MakeDefault};
use crate::profile::file;
use crate::secret::Secret;
use crate::signal;
use crate::text::terminal::sanitise;

/// Adds or changes a profile.
///
/// # Errors
/// Fails with the file untouched when something is wrong.
pub(crate) fn add(args: &AddArgs, cx: &Context) -> Result<Exit> {
    if args.name == file::DEMO {
        return Err(Failure::usage(
            "the name demo is reserved for the built-in demo tenant",
        ));
    }
    let path = usual_path(args.config.as_deref(), cx)?;
    let changes = changes(args, cx)?;
    let choice = match args.default {
        true => MakeDefault::Set,
        false => MakeDefault::IfFirst,
    };
    let added = edit::add(&path, &args.name, &changes, choice, &cx.env)?;
    let done = if added.existed { "changed" } else { "added" };
    let name = sanitise(&args.name);
    let mut text = format!("{done}: {name} in {}\n", shown(&path));
    if added.is_new_default {
        text.push_str(&format!(
            "default: {name}, used when nothing else selects a profile\n"
        ));
    }
    if !added.existed {
        text.push_str(&format!("next: rein profile check {name}\n"));
    }
    print(&text)
}

/// Returns what the arguments change in a profile.
fn changes(args: &AddArgs, cx: &Context) -> Result<Changes> {
    let mut changes = Changes::default();
    for (key, given) in [
        ("extends", &args.extends),
        ("endpoint", &args.endpoint),
        ("domain", &args.domain),
        ("organisation", &args.organisation),
        ("tenant", &args.tenant),
        ("project", &args.project),
        ("proxy", &args.proxy),
        ("token_env", &args.token_env),
    ] {
        changes.texts.extend(given.clone().map(|text| (key, text)));
    }
    if args.token_file.as_deref() == Some("-") {
        return Err(Failure::usage(
            "--token-file - is not supported here: a token from standard input is not stored",
        )
        .fact("nothing was changed")
        .hint("name a file that stays, or store a token with --ask-token"));
    }
    for (key, given) in [("ca_file", &args.ca_file), ("token_file", &args.token_file)] {
        if let Some(path) = given {
            changes.texts.push((key, from_here(path)?));
        }
    }
    if let Some(guard) = &args.guard {
        changes.texts.push(("guard", edit::guard_word(guard)?));
    }
    if let Some(command) = &args.token_command {
        let mut words = shell_words::split(command)
            .map_err(|_| Failure::usage("--token-command has an open quote"))?;
        if let Some(program) = words
            .first_mut()
            .filter(|program| program.contains(std::path::is_separator))
        {
            *program = from_here(program)?;
        }
        changes.token_command = Some(words);
    }
    if args.ask_token {
        changes.token = Some(ask_token(cx)?);
    }
    Ok(changes)
}

/// Makes a profile the default.
///
/// # Errors
/// Fails when there is no such profile.
pub(crate) fn make_default(name: &str, config: Option<&OsStr>, cx: &Context) -> Result<Exit> {
    let path = usual_path(config, cx)?;
    edit::make_default(&path, name, &cx.env)?;
    print(&format!(
        "default: {} in {}\n",
        sanitise(name),
        shown(&path)
    ))
}

/// Removes a profile.
///
/// # Errors
/// Fails when there is no such profile or another one extends it.
pub(crate) fn remove(name: &str, config: Option<&OsStr>, cx: &Context) -> Result<Exit> {
    let path = usual_path(config, cx)?;
    if edit::remove(&path, name, &cx.env)? {
        cx.warn("it was the default; set another: rein profile use NAME");
    }
    print(&format!(
        "removed: {} from {}\n",
        sanitise(name),
        shown(&path)
    ))
}

fn shown(path: &Path) -> String {
    sanitise(&path.to_string_lossy()).into_owned()
}

/// Makes a path that was given here one that means the same from the file's own folder.
fn from_here(path: &str) -> Result<String> {
    if path.is_empty() || path.starts_with("~/") {
        return Ok(path.to_owned());
    }
    let absolute = std::path::absolute(path).context("cannot determine the current folder")?;
    absolute
        .into_os_string()
        .into_string()
        .map_err(|_| Failure::usage("the path of the current folder is not valid UTF-8"))
}

/// Asks on the terminal without echo.
fn ask_token(cx: &Context) -> Result<Secret> {
    if !(cx.env.stdin_terminal && cx.env.stderr_terminal) {
        return Err(Failure::usage("--ask-token needs a terminal").hint(
            "in a script name the token's source: --token-env, --token-file or --token-command",
        ));
    }
    let typed = signal::without_echo(|| rpassword::prompt_password("token: "))
        .map_err(|_| Failure::usage("no token was typed"))?;
    let typed = typed.trim().to_owned();
    if typed.is_empty() || !typed.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::usage("what was typed is not a token"));
    }
    Ok(Secret::new(typed))
}
