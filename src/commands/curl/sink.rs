//! Where an answer goes under curl's rules: standard output or a file, written as it comes.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::output::file::is_terminal;
use crate::output::stdout::stdout;
use crate::output::terminal::{TextSanitiser, sanitise};
use crate::secret::Secret;
use crate::secret::stream::StreamRedactor;

/// A body's destination, opened when its first byte comes.
pub(super) struct Sink {
    place: Place,
    open: Option<File>,
    /// Whether it is a terminal, which a customer's text must not drive.
    screen: Option<Screen>,
    /// How many bytes have been written.
    written: u64,
}

enum Place {
    Stdout,
    File {
        path: PathBuf,
        /// Whether another name is found when there is a file of this one.
        keeps_others: bool,
    },
}

struct Screen {
    sanitiser: TextSanitiser,
    redactor: StreamRedactor,
    /// Whether binary output was asked for: `-o -`.
    takes_binary: bool,
}

impl Screen {
    fn new(secret: Option<Secret>, takes_binary: bool) -> Screen {
        Screen {
            sanitiser: TextSanitiser::default(),
            redactor: StreamRedactor::new(secret),
            takes_binary,
        }
    }
}

impl Sink {
    /// Returns standard output; `secret` is hidden when it is a terminal.
    pub(super) fn stdout(terminal: bool, secret: Option<Secret>, takes_binary: bool) -> Sink {
        Sink {
            place: Place::Stdout,
            open: None,
            screen: terminal.then(|| Screen::new(secret, takes_binary)),
            written: 0,
        }
    }

    /// Returns a file; `secret` is hidden when it is a terminal. As with `-o -`, `/dev/stdout` is a
    /// wish for the bytes as they are.
    pub(super) fn file(path: PathBuf, keeps_others: bool, secret: Option<Secret>) -> Sink {
        let screen =
            is_terminal(&path).then(|| Screen::new(secret, path.as_os_str() == "/dev/stdout"));
        Sink {
            place: Place::File { path, keeps_others },
            open: None,
            screen,
            written: 0,
        }
    }

    /// Returns whether something has been written that cannot be taken back.
    pub(super) fn is_committed(&self) -> bool {
        self.written > 0 && matches!(self.place, Place::Stdout)
    }

    /// Returns the file's name, once there is one.
    pub(super) fn file_name(&self) -> Option<String> {
        match &self.place {
            Place::File { path, .. } if self.open.is_some() => {
                Some(path.to_string_lossy().into_owned())
            }
            _ => None,
        }
    }

    /// Opens the destination though nothing may be written: an empty answer makes an empty file.
    pub(super) fn open(&mut self) -> Result<()> {
        if self.open.is_some() {
            return Ok(());
        }
        let opened = match &mut self.place {
            Place::Stdout => stdout(),
            Place::File { path, keeps_others } if *keeps_others => {
                open_another(path).map(|(file, name)| {
                    *path = name;
                    file
                })
            }
            Place::File { path, .. } => File::create(&*path),
        };
        match opened {
            Ok(file) => self.open = Some(file),
            Err(error) => return Err(self.cannot_write(&error)),
        }
        Ok(())
    }

    /// Begins anew for another try.
    ///
    /// # Errors
    /// Fails when the file cannot be opened again.
    pub(super) fn restart(&mut self) -> Result<()> {
        if self.written > 0
            && let Place::File { path, .. } = &self.place
        {
            let opened = File::create(path).map_err(|error| self.cannot_write(&error))?;
            self.open = Some(opened);
            self.written = 0;
        }
        Ok(())
    }

    /// Writes a header block or a piece of a body.
    ///
    /// # Errors
    /// Fails (exit 23) when it cannot be written, and on binary data for a terminal.
    pub(super) fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.open()?;
        if piece.is_empty() {
            return Ok(());
        }
        let mut shown = Vec::new();
        let bytes = match &mut self.screen {
            None => piece,
            Some(screen) if screen.takes_binary => piece,
            Some(_) if piece.contains(&0) && self.written == 0 => {
                return Err(Failure::new(
                    Exit::Write,
                    "the answer is binary and would spoil the terminal",
                )
                .hint("-o FILE writes it to a file, -o - shows it all the same"));
            }
            Some(screen) => {
                let text = screen.redactor.push(piece);
                screen.sanitiser.push(&text, &mut shown);
                &shown
            }
        };
        let written = match &mut self.open {
            Some(file) => file.write_all(bytes),
            None => Ok(()),
        };
        self.written += piece.len() as u64;
        written.map_err(|error| self.cannot_write(&error))
    }

    /// Ends the output; a terminal gets what was held back.
    ///
    /// # Errors
    /// Fails (exit 23) when it cannot be written.
    pub(super) fn finish(&mut self) -> Result<()> {
        let mut shown = Vec::new();
        if let Some(screen) = &mut self.screen {
            let rest = screen.redactor.finish();
            screen.sanitiser.push(&rest, &mut shown);
            screen.sanitiser.finish(&mut shown);
        }
        let written = match &mut self.open {
            Some(file) if !shown.is_empty() => file.write_all(&shown),
            _ => Ok(()),
        };
        written.map_err(|error| self.cannot_write(&error))
    }

    /// Removes the file of a call that failed.
    pub(super) fn remove(&mut self) {
        if let Place::File { path, .. } = &self.place
            && self.open.take().is_some()
        {
            let _already_gone = std::fs::remove_file(path);
        }
    }

    fn cannot_write(&self, error: &io::Error) -> Failure {
        let place = match &self.place {
            Place::Stdout => "standard output".to_owned(),
            Place::File { path, .. } => sanitise(&path.to_string_lossy()).into_owned(),
        };
        Failure::new(
            Exit::Write,
            format!("cannot write {place}: {}", io_reason(error)),
        )
    }
}

/// Creates a file under a name that is free: FILE, FILE.1, FILE.2, as curl's `--no-clobber`.
fn open_another(path: &Path) -> io::Result<(File, PathBuf)> {
    const MOST: u32 = 100;
    let create = |path: &Path| File::options().write(true).create_new(true).open(path);
    let mut last = match create(path) {
        Ok(file) => return Ok((file, path.to_owned())),
        Err(error) => error,
    };
    for number in 1..MOST {
        if last.kind() != io::ErrorKind::AlreadyExists {
            break;
        }
        let mut name = OsString::from(path);
        name.push(format!(".{number}"));
        let name = PathBuf::from(name);
        match create(&name) {
            Ok(file) => return Ok((file, name)),
            Err(error) => last = error,
        }
    }
    Err(last)
}
