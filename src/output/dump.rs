//! `-D`: the header block of an answer, as received, or harmless where it is shown on a terminal.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, IsTerminal, Write};

use crate::output::body::safe_head;
use crate::output::stdout::stdout;
use crate::secret::Secret;
use crate::secret::stream::StreamRedactor;

/// Where header blocks go.
#[derive(Debug)]
pub(crate) struct Dump {
    file: File,
    /// Whether what was opened is a terminal, by whatever name: `-`, `/dev/tty`, `/dev/stderr`.
    terminal: bool,
    secret: Option<Secret>,
}

impl Dump {
    /// Opens standard output (`-`) or a file; a terminal is not shown `secret`.
    ///
    /// # Errors
    /// Fails when the file cannot be written to.
    pub(crate) fn open(place: &OsStr, secret: Option<Secret>) -> io::Result<Dump> {
        let file = if place == "-" {
            stdout()?
        } else {
            File::create(place)?
        };
        Ok(Dump {
            terminal: file.is_terminal(),
            file,
            secret,
        })
    }

    /// Writes a header block.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub(crate) fn write(&mut self, block: &[u8]) -> io::Result<()> {
        if !self.terminal {
            return self.file.write_all(block);
        }
        let mut redactor = StreamRedactor::new(self.secret.clone());
        let shown = [redactor.push(block), redactor.finish()].concat();
        self.file.write_all(&safe_head(&shown))
    }
}
