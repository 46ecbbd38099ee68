//! `rein config path`, `check`, `init` and `example`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::cli::options::ConnectionOptions;
use crate::engine::{Context, print};
use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::files;
use crate::plan::connection;
use crate::profile::resolve::{self, Choice};
use crate::profile::{file, show};
use crate::text::terminal::sanitise;

/// The example that comes with the program.
const EXAMPLE: &str = include_str!("../../config.example.toml");

/// Prints the example.
///
/// # Errors
/// Fails when it cannot be written.
pub(crate) fn example() -> Result<Exit> {
    print(EXAMPLE)
}

/// Writes the example where the config file is looked for, every setting commented out: because
/// its endpoints and variables are not the user's.
///
/// # Errors
/// Fails when a file is there already, which stays as it is, or none can be written.
pub(crate) fn init(config: Option<&OsStr>, cx: &Context) -> Result<Exit> {
    let path = usual_path(config, cx)?;
    let shown = sanitise(&path.display().to_string()).into_owned();
    let cannot = |error: &io::Error| {
        Failure::new(
            Exit::Write,
            format!("cannot write {shown}: {}", io_reason(error)),
        )
    };
    files::create_private_folder(files::folder_of(&path)).map_err(|error| cannot(&error))?;
    let mut file = files::create_private(&path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(format!("{shown} already exists"))
            .fact("nothing was changed")
            .hint("to read the example: rein config example"),
        _ => cannot(&error),
    })?;
    file.write_all(commented_out(EXAMPLE).as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| cannot(&error))?;
    print(&format!(
        "written: {shown}\nnext: remove the # before the settings that you need, then: rein config check\n"
    ))
}

/// Returns a TOML text with `#` before each line that is not a comment.
fn commented_out(text: &str) -> String {
    let line = |line: &str| match line {
        "" => "\n".to_owned(),
        comment if comment.starts_with('#') => format!("{comment}\n"),
        setting => format!("#{setting}\n"),
    };
    text.lines().map(line).collect()
}

/// Prints where the config file is looked for.
///
/// # Errors
/// Fails when there is no home directory and no variable names a place.
pub(crate) fn path(config: Option<&OsStr>, cx: &Context) -> Result<Exit> {
    let path = usual_path(config, cx)?;
    let shown = path.display().to_string();
    print(&match cx.env.stdout_terminal {
        true => format!("{}\n", sanitise(&shown)),
        false => format!("{shown}\n"),
    })
}

/// Returns where the config file is, or would be.
///
/// # Errors
/// Fails when there is no home directory and no variable names a place.
pub(crate) fn usual_path(config: Option<&OsStr>, cx: &Context) -> Result<PathBuf> {
    file::path(config, &cx.env).ok_or_else(|| {
        Failure::usage("no home directory, so no default config file")
            .hint("name it: --config FILE, or REINFER_CONFIG=FILE")
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

/// Returns what would keep profiles from connecting: an invalid proxy. Warns of files that cannot be
/// read.
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
                // The file may be meant for another machine, so this is a warning, not an error.
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
