//! A value and where it was set.

use std::fmt;
use std::path::PathBuf;

/// A value together with where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value that won.
    pub value: T,
    /// Who said so.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// Pairs a value with its origin.
    pub fn new(value: T, origin: Origin) -> Self {
        Setting { value, origin }
    }
}

/// Where a setting came from, as `profile show` and `--dry-run` name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A command-line option, such as `--project`.
    Option(&'static str),
    /// An environment variable.
    Variable(String),
    /// A line of the config file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The parent profile that it was inherited from, if it was.
        inherited_from: Option<String>,
    },
    /// Built into the program.
    BuiltIn,
    /// An item of the command line.
    Item,
    /// A default of a user's template.
    Default {
        /// The file.
        path: PathBuf,
        /// The line that the template begins on, counted from 1.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Option(name) => f.write_str(name),
            Origin::Variable(name) => write!(f, "${name}"),
            Origin::File {
                path,
                line,
                inherited_from: None,
            } => write!(f, "{}:{line}", path.display()),
            Origin::File {
                path,
                line,
                inherited_from: Some(parent),
            } => {
                write!(f, "{}:{line}, from {parent}", path.display())
            }
            Origin::BuiltIn => f.write_str("built in"),
            Origin::Item => f.write_str("item"),
            Origin::Default { path, line } => {
                write!(f, "default of the template, {}:{line}", path.display())
            }
        }
    }
}
