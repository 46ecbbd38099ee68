//! `rein config path` and `rein config check`.

use std::ffi::OsStr;
use std::fs::File;

use crate::cli::options::ConnectionOptions;
use crate::engine::{Context, print};
use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::plan::connection;
use crate::profile::resolve::{self, Choice};
use crate::profile::{file, show};
use crate::text::terminal::sanitise;

/// Prints where the configuration file is looked for.
///
/// # Errors
/// Fails when there is no home directory and no variable names a place.
pub(crate) fn path(config: Option<&OsStr>, cx: &Context) -> Result<Exit> {
    let Some(path) = file::path(config, &cx.env) else {
        return Err(Failure::usage(
            "there is no home directory, so there is no usual place for the file",
        )
        .hint("name it: --config FILE, or REINFER_CONFIG=FILE"));
    };
    let shown = path.display().to_string();
    print(&match cx.env.stdout_terminal {
        true => format!("{}\n", sanitise(&shown)),
        false => format!("{shown}\n"),
    })
}

/// Checks the whole file and every profile.
///
/// # Errors
/// Fails with the first problem, after all of them have been printed.
pub(crate) fn check(config: Option<&OsStr>, cx: &Context) -> Result<Exit> {
    let mut problems = show::check(config, &cx.env);
    if problems.is_empty() {
        problems = connections(config, cx)?;
    }
    let Some(last) = problems.pop() else {
        let path = file::path(config, &cx.env);
        let place = path
            .as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        let style = cx.stdout_theme.ok;
        if path.is_some_and(|path| !path.exists()) {
            let place = sanitise(&place);
            return print(&format!("no config file yet; rein looks for {place}\n"));
        }
        return print(&format!("{style}ok:{style:#} {}\n", sanitise(&place)));
    };
    for problem in &problems {
        cx.fail(problem);
    }
    Err(last)
}

/// Returns what would keep profiles from being connected with: a proxy that is none. Warns of files
/// that cannot be read.
fn connections(config: Option<&OsStr>, cx: &Context) -> Result<Vec<Failure>> {
    let choice = Choice {
        config,
        ..Choice::default()
    };
    let mut problems = Vec::new();
    for profile in resolve::all(&choice, &cx.env)? {
        let url = profile.base.value.url();
        let options = ConnectionOptions::default();
        problems.extend(connection::decide(&options, &profile, url, &cx.env).err());
        let ca_file = profile.ca_file.as_ref().map(|file| {
            let origin = file.origin.to_string();
            (origin, "ca_file", &file.value)
        });
        let secret_file = profile.token.file().map(|(key, path)| {
            let place = format!("profile {}", sanitise(&profile.name));
            (place, key, path)
        });
        for (place, key, path) in ca_file.into_iter().chain(secret_file) {
            if let Err(error) = File::open(path) {
                let reason = io_reason(&error);
                // The file may be meant for another machine, so this is a word and no mistake.
                cx.warn(&format!(
                    "{place}: cannot read the {key} {}: {reason}",
                    sanitise(&path.display().to_string())
                ));
            }
        }
    }
    problems.dedup();
    Ok(problems)
}
