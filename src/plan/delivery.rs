//! Where the parts of a response go, and what is said about it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::cli::options::OutputOptions;
use crate::console::stdout;
use crate::error::{Failure, Result};
use crate::input;
use crate::output::write_out::WriteOut;
use crate::text::terminal::sanitise;

/// What is done with a response beside its view.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    /// The file of `-o`; `None` is standard output.
    pub(crate) file: Option<PathBuf>,
    /// Where `-D` writes the header block: a file, or `-` for standard output.
    pub(crate) dump: Option<OsString>,
    /// Whether `-i` puts the header block before the body.
    pub(crate) include_headers: bool,
    /// What becomes of the body of an HTTP error.
    pub(crate) error_body: ErrorBody,
    /// How much is said on standard error.
    pub(crate) notes: Notes,
    /// Whether `-w` may ask for the size of the header block.
    pub(crate) needs_header_block: bool,
}

/// What becomes of the body of an HTTP error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ErrorBody {
    /// It is printed as received, unless a table or filter was asked for.
    #[default]
    Raw,
    /// It is dropped (`-f`).
    Dropped,
    /// It is printed even where a table or filter was asked for (`--keep-error-body`).
    Kept,
}

/// How much is said about a call on standard error.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Notes {
    /// Whether `-v` shows both header blocks and the phases.
    pub(crate) verbose: bool,
    /// Whether the status line is left out: by `-s`, or because `--meta -` takes its place.
    pub(crate) no_status_line: bool,
    /// Whether `-s` leaves out progress too.
    pub(crate) no_progress: bool,
}

impl Delivery {
    /// Decides from the options of a call.
    pub(crate) fn decide(options: &OutputOptions) -> Self {
        let is_meta_shown = options.meta.as_deref().is_some_and(|file| file == "-");
        Delivery {
            file: options.file().map(Path::to_path_buf),
            dump: options.dump_header.clone(),
            include_headers: options.include,
            error_body: match (options.fail, options.keep_error_body) {
                (true, _) => ErrorBody::Dropped,
                (false, true) => ErrorBody::Kept,
                (false, false) => ErrorBody::Raw,
            },
            notes: Notes {
                verbose: options.verbose,
                no_status_line: options.silent || is_meta_shown,
                no_progress: options.silent,
            },
            needs_header_block: options.include
                || options.verbose
                || options.dump_header.is_some()
                || options.write_out.is_some(),
        }
    }

    /// Returns the file of `-D`, where it is one.
    pub(crate) fn dump_file(&self) -> Option<&OsStr> {
        self.dump.as_deref().filter(|file| *file != "-")
    }

    /// Returns whether anything is written to standard output.
    pub(crate) fn uses_stdout(&self) -> bool {
        self.file.is_none() || self.dump.as_deref().is_some_and(|file| file == "-")
    }
}

/// Reads the format of `-w`, from a file or standard input when it begins with `@`, and warns about
/// names that are not variables.
///
/// # Errors
/// Fails (exit 2) when the file cannot be read or the format is not UTF-8.
pub(crate) fn write_out(format: &OsStr) -> Result<WriteOut> {
    let text = match format.to_str() {
        None => return Err(Failure::usage("the format of -w is not valid UTF-8")),
        Some(text) => match text.strip_prefix('@') {
            Some("-") => input::read_stdin("-w")?,
            Some(file) => input::read_text(OsStr::new(file), "-w")?,
            None => text.to_owned(),
        },
    };
    let format = WriteOut::parse(&text);
    for (name, nearest) in format.unknown() {
        let nearest = nearest.map(|name| format!(" (did you mean {name}?)"));
        stdout::note(&format!(
            "warning: -w: there is no variable {}{}",
            sanitise(name),
            nearest.unwrap_or_default()
        ));
    }
    Ok(format)
}
