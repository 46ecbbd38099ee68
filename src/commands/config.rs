//! `rein config path` and `rein config check`.

use std::ffi::OsStr;

use crate::commands::{Context, print};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::profile::{file, show};

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
    print(&format!("{}\n", path.display()))
}

/// Checks the whole file and every profile.
///
/// # Errors
/// Fails with the first problem, after all of them have been printed.
pub(crate) fn check(config: Option<&OsStr>, cx: &Context) -> Result<Exit> {
    let mut problems = show::check(config, &cx.env);
    let Some(last) = problems.pop() else {
        let place = file::path(config, &cx.env)
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        let style = cx.stdout_theme.ok;
        return print(&format!("{style}ok:{style:#} {place}\n"));
    };
    for problem in &problems {
        cx.fail(problem);
    }
    Err(last)
}
