//! `rein completions` and `rein man`.

use anyhow::Context as _;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::env::{Elvish, EnvCompleter, Fish, Powershell, Zsh};

use crate::cli::Cli;
use crate::engine::print;
use crate::error::{Failure, Result};
use crate::exit::Exit;

/// The variable by which a completion script asks the program for candidates.
pub const COMPLETE_VARIABLE: &str = "REIN_COMPLETE";

/// The script for bash. clap's own hands over the words as bash splits them, at `=` and `:` too.
const BASH: &str = include_str!("../../completions/rein.bash");

/// Prints the completion script of a shell: a stub that asks the program itself.
///
/// # Errors
/// Fails when it cannot be written.
pub(crate) fn completions(shell: Shell) -> Result<Exit> {
    print(&completion_script(shell)?)
}

/// Returns the completion script of a shell.
///
/// # Errors
/// Fails for a shell that is not supported.
pub fn completion_script(shell: Shell) -> Result<String> {
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => return Ok(BASH.to_owned()),
        Shell::Elvish => &Elvish,
        Shell::Fish => &Fish,
        Shell::PowerShell => &Powershell,
        Shell::Zsh => &Zsh,
        _ => return Err(Failure::usage("this shell is not supported")),
    };
    let mut script = Vec::new();
    completer
        .write_registration(COMPLETE_VARIABLE, "rein", "rein", "rein", &mut script)
        .context("no completion script")?;
    let script = String::from_utf8_lossy(&script).into_owned();
    Ok(match shell {
        Shell::Zsh => completing_at_once(&script),
        _ => script,
    })
}

/// Makes a script for zsh complete when it is loaded from `fpath` too: zsh reads such a file at
/// the first Tab and takes it for the completion function itself, but clap's only registers one,
/// so that the first Tab of every shell would offer nothing.
fn completing_at_once(script: &str) -> String {
    const REGISTER: &str = "compdef _clap_dynamic_completer_rein rein";
    script.replace(
        REGISTER,
        &format!(
            "if [[ ${{funcstack[1]}} == _rein ]]; then\n    _clap_dynamic_completer_rein \"$@\"\n\
             else\n    {REGISTER}\nfi"
        ),
    )
}

/// Prints the manual page.
///
/// # Errors
/// Fails when it cannot be written.
pub(crate) fn man() -> Result<Exit> {
    print(&manual_page()?)
}

/// Returns the manual page in roff.
///
/// # Errors
/// Fails when it cannot be rendered.
pub fn manual_page() -> Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .context("no manual page")?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
