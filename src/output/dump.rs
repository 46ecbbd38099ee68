//! `-D`: the header block of a response, as received, or sanitised where it is shown on a terminal.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Write};

use crate::console::stdout::{self, stdout};
use crate::output::body::safe_head;
use crate::secret::Redactor;

/// Where header blocks go.
#[derive(Debug)]
pub(crate) struct Dump {
    file: File,
    /// Whether what was opened is a terminal, by whatever name: `-`, `/dev/tty`, `/dev/stderr`.
    terminal: bool,
    /// Whether it is a regular file, which nobody reads as a step's output.
    is_file: bool,
    redactor: Redactor,
}

impl Dump {
    /// Opens standard output (`-`) or a file; a terminal is shown what the redactor lets through.
    ///
    /// # Errors
    /// Fails when the file cannot be written to.
    pub(crate) fn open(place: &OsStr, redactor: Redactor) -> io::Result<Dump> {
        let file = if place == "-" {
            stdout()?
        } else {
            File::create(place)?
        };
        Ok(Dump {
            terminal: file.is_terminal(),
            is_file: place != "-" && file.metadata()?.is_file(),
            file,
            redactor,
        })
    }

    /// Writes a header block.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub(crate) fn write(&mut self, block: &[u8]) -> io::Result<()> {
        if self.terminal {
            let shown = self.redactor.head(block);
            return self.file.write_all(&safe_head(shown.as_bytes()));
        }
        if self.is_file {
            return self.file.write_all(block);
        }
        stdout::write(&mut self.file, block)
    }
}
