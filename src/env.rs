//! `Env`: everything that is read from the process's surroundings, captured once.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one file that may read the environment"
)]

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use crate::error::{Failure, Result};

/// The variables, terminals and directories of this process. Tests build one by hand.
#[derive(Clone, Default)]
pub struct Env {
    vars: HashMap<OsString, OsString>,
    /// Whether standard input is a terminal.
    pub stdin_terminal: bool,
    /// Whether standard output is a terminal.
    pub stdout_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_terminal: bool,
    /// What `HOME` says, when it is set and not empty.
    home: Option<PathBuf>,
}

/// Returns whether a shell's completion script asks, without reading anything else.
pub(crate) fn asks_for_completion(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

impl Env {
    /// Reads the surroundings of this process.
    pub fn capture() -> Self {
        let vars: HashMap<OsString, OsString> = std::env::vars_os().collect();
        // Asking the system for a home is left to `home()`: most calls have it in a variable.
        let home = vars.get(OsStr::new("HOME")).map(PathBuf::from);
        let home = home.filter(|home| !home.as_os_str().is_empty());
        Env {
            stdin_terminal: std::io::stdin().is_terminal(),
            stdout_terminal: std::io::stdout().is_terminal(),
            stderr_terminal: std::io::stderr().is_terminal(),
            vars,
            home,
        }
    }

    /// Makes surroundings with these variables, no terminal and the home that `HOME` names.
    pub fn with_vars<'a>(vars: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let vars: HashMap<OsString, OsString> = vars
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let home = vars.get(OsStr::new("HOME")).map(PathBuf::from);
        Env {
            vars,
            home,
            ..Env::default()
        }
    }

    /// Returns a variable's raw value, when it is set.
    pub fn os(&self, name: &str) -> Option<&OsStr> {
        self.vars.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Returns a variable's value, when it is set and not empty.
    ///
    /// # Errors
    /// Fails when the value is not UTF-8; the value is not shown.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.os(name) {
            None => Ok(None),
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => match value.to_str() {
                Some(text) => Ok(Some(text)),
                None => Err(Failure::usage(format!(
                    "the variable {name} is not valid UTF-8"
                ))),
            },
        }
    }

    /// Returns whether a variable is set to something other than the empty text.
    pub fn is_set(&self, name: &str) -> bool {
        self.os(name).is_some_and(|value| !value.is_empty())
    }

    /// Returns every variable.
    pub fn all(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.vars.iter()
    }

    /// Returns every variable whose name begins like this, with its value where that is text.
    pub fn beginning_with(&self, start: &str) -> Vec<(&str, &str)> {
        self.vars
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)))
            .filter(|(name, _)| name.starts_with(start))
            .collect()
    }

    /// Returns a variable as a path, when it is set and not empty.
    pub fn path(&self, name: &str) -> Option<&Path> {
        self.os(name)
            .filter(|value| !value.is_empty())
            .map(Path::new)
    }

    /// Returns whether the terminal can move its cursor.
    pub fn can_move_cursor(&self) -> bool {
        self.os("TERM").is_none_or(|term| term != "dumb")
    }

    /// Returns whether the process runs in a workflow of GitHub Actions.
    pub fn is_github_actions(&self) -> bool {
        self.os("GITHUB_ACTIONS")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Returns whether the process runs in a pipeline of Azure DevOps.
    fn is_azure_pipelines(&self) -> bool {
        self.os("TF_BUILD")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Returns whether CI reads commands from what this process writes to standard error.
    pub fn is_read_for_commands(&self) -> bool {
        self.is_github_actions() || self.is_azure_pipelines()
    }

    /// Returns how many columns the terminal has that a person looks at: `COLUMNS`, else what the
    /// terminal itself says. Only to be asked where there is one.
    pub fn columns(&self) -> u16 {
        const USUAL: u16 = 80;
        let said = self
            .os("COLUMNS")
            .and_then(|columns| columns.to_str()?.parse().ok());
        let asked = || {
            let streams = [
                terminal_size::terminal_size_of(std::io::stdout()),
                terminal_size::terminal_size_of(std::io::stderr()),
            ];
            let size = streams.into_iter().flatten().next();
            size.map(|(terminal_size::Width(width), _)| width)
        };
        said.or_else(asked)
            .filter(|width| *width > 0)
            .unwrap_or(USUAL)
    }

    /// Returns the home directory: `HOME`, else what the system's user database says. A relative
    /// one is ignored: the current folder must not decide which config file is read.
    pub fn home(&self) -> Option<PathBuf> {
        self.home
            .clone()
            .or_else(|| directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned()))
            .filter(|home| home.is_absolute())
    }
}
