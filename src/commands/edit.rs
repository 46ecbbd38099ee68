//! `rein profile add`, `use` and `remove`.

use std::ffi::OsStr;
use std::path::PathBuf;

use crate::cli::AddArgs;
use crate::commands::{Context, print};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::interrupt;
use crate::output::terminal::sanitise;
use crate::profile::edit::{self, Changes};
use crate::profile::file;
use crate::secret::Secret;

/// Adds or changes a profile.
///
/// # Errors
/// Fails with the file untouched when something is wrong.
pub(crate) fn add(args: &AddArgs, cx: &Context) -> Result<Exit> {
    if args.name == file::DEMO {
        return Err(Failure::usage(
            "the name demo is reserved for the tenant inside the program",
        ));
    }
    let path = path(args.config.as_deref(), cx)?;
    let mut changes = Changes::default();
    for (key, given) in [
        ("extends", &args.extends),
        ("endpoint", &args.endpoint),
        ("domain", &args.domain),
        ("organisation", &args.organisation),
        ("tenant", &args.tenant),
        ("project", &args.project),
        ("ca_file", &args.ca_file),
        ("proxy", &args.proxy),
        ("token_env", &args.token_env),
        ("token_file", &args.token_file),
    ] {
        changes.texts.extend(given.clone().map(|text| (key, text)));
    }
    if let Some(guard) = &args.guard {
        changes.texts.push(("guard", edit::guard_word(guard)?));
    }
    if let Some(command) = &args.token_command {
        let words = shell_words::split(command)
            .map_err(|_| Failure::usage("--token-command has an open quote"))?;
        changes.token_command = Some(words);
    }
    if args.ask_token {
        changes.token = Some(ask_token(cx)?);
    }
    let existed = edit::add(&path, &args.name, &changes, &cx.env)?;
    let done = if existed { "changed" } else { "added" };
    print(&format!(
        "{done}: {} in {}\n",
        sanitise(&args.name),
        path.display()
    ))
}

/// Makes a profile the default.
///
/// # Errors
/// Fails when there is no such profile.
pub(crate) fn make_default(name: &str, config: Option<&OsStr>, cx: &Context) -> Result<Exit> {
    let path = path(config, cx)?;
    edit::make_default(&path, name, &cx.env)?;
    print(&format!(
        "default: {} in {}\n",
        sanitise(name),
        path.display()
    ))
}

/// Removes a profile.
///
/// # Errors
/// Fails when there is no such profile or another one extends it.
pub(crate) fn remove(name: &str, config: Option<&OsStr>, cx: &Context) -> Result<Exit> {
    let path = path(config, cx)?;
    if edit::remove(&path, name, &cx.env)? {
        cx.warn("it was the default: there is none now (rein profile use NAME)");
    }
    print(&format!(
        "removed: {} from {}\n",
        sanitise(name),
        path.display()
    ))
}

fn path(config: Option<&OsStr>, cx: &Context) -> Result<PathBuf> {
    file::path(config, &cx.env).ok_or_else(|| {
        Failure::usage("there is no home directory, so there is no usual place for the file")
            .hint("name it: --config FILE, or REINFER_CONFIG=FILE")
    })
}

/// Asks on the terminal without echo.
fn ask_token(cx: &Context) -> Result<Secret> {
    if !(cx.env.stdin_terminal && cx.env.stderr_terminal) {
        return Err(Failure::usage("--ask-token needs a terminal").hint(
            "in a script name the token's source: --token-env, --token-file or --token-command",
        ));
    }
    interrupt::keep_terminal();
    let typed =
        rpassword::prompt_password("token: ").map_err(|_| Failure::usage("no token was typed"))?;
    let typed = typed.trim().to_owned();
    if typed.is_empty() || !typed.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::usage("what was typed is not a token"));
    }
    Ok(Secret::new(typed))
}
