//! Standard output and error without buffering, line rules or panics.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;

use super::workflow::CommandBreaker;

/// Whether standard output was closed (`>&-`) when the process started.
static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Looks at standard output before the standard library does, which opens the null device in the
/// place of a closed stream before `main`: a response would be lost, and the exit code would be 0.
#[cfg(unix)]
#[ctor::ctor(unsafe)]
fn look_at_stdout() {
    let is_closed = rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_err();
    WAS_CLOSED.store(is_closed, Ordering::Relaxed);
}

/// Checks that standard output was not closed when the process started.
///
/// # Errors
/// Fails as a write to a closed descriptor does.
pub(crate) fn check_open() -> io::Result<()> {
    const BAD_DESCRIPTOR: i32 = 9;
    match WAS_CLOSED.load(Ordering::Relaxed) {
        true => Err(io::Error::from_raw_os_error(BAD_DESCRIPTOR)),
        false => Ok(()),
    }
}

/// Opens standard output for whole blocks: the standard library's own handle looks for line ends
/// in every block and panics from `println!` when the reader has gone.
///
/// # Errors
/// Fails when the descriptor cannot be duplicated.
#[cfg(unix)]
pub(crate) fn stdout() -> io::Result<File> {
    use std::os::fd::AsFd;
    check_open()?;
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// Opens standard output for whole blocks.
///
/// # Errors
/// Fails when the handle cannot be duplicated.
#[cfg(windows)]
pub(crate) fn stdout() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    io::stdout()
        .as_handle()
        .try_clone_to_owned()
        .map(File::from)
}

/// Breaks workflow commands in everything that is written to standard output, where `--safe-stdout`
/// asks for it.
static COMMAND_BREAKER: Mutex<Option<CommandBreaker>> = Mutex::new(None);

/// Breaks workflow commands in everything that is written to standard output from now on.
pub(crate) fn break_commands() {
    *COMMAND_BREAKER
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Some(CommandBreaker::default());
}

/// Writes bytes to standard output, by whatever name it was opened.
///
/// # Errors
/// Fails when they cannot be written.
pub(crate) fn write(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(&without_commands(bytes))
}

fn without_commands(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut breaker = COMMAND_BREAKER
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    match &mut *breaker {
        Some(breaker) => Cow::Owned(breaker.push(bytes)),
        None => Cow::Borrowed(bytes),
    }
}

/// Writes a whole text to standard output.
///
/// # Errors
/// Fails when it cannot be written.
pub(crate) fn print(text: &str) -> io::Result<()> {
    write(&mut stdout()?, text.as_bytes())
}

/// Whether standard output has ended within a line, and standard error goes to the same place.
static IS_LINE_OPEN: AtomicBool = AtomicBool::new(false);

/// Remembers that what was written to standard output does not end a line: where `2>&1` sends
/// both streams to one file, the next note begins on a line of its own.
pub(crate) fn left_a_line_open() {
    if is_shared_with_stderr() {
        IS_LINE_OPEN.store(true, Ordering::Relaxed);
    }
}

#[cfg(unix)]
fn is_shared_with_stderr() -> bool {
    let (Ok(out), Ok(err)) = (
        rustix::fs::fstat(rustix::stdio::stdout()),
        rustix::fs::fstat(rustix::stdio::stderr()),
    ) else {
        return false;
    };
    (out.st_dev, out.st_ino) == (err.st_dev, err.st_ino)
}

#[cfg(not(unix))]
fn is_shared_with_stderr() -> bool {
    false
}

/// The line that says how far work has come, while there is one.
static LIVE_LINE: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Returns whether there is such a line.
pub(crate) fn has_live_line() -> bool {
    let line = LIVE_LINE.lock().unwrap_or_else(PoisonError::into_inner);
    line.is_some()
}

/// Remembers the line that others must not be written into.
pub(crate) fn set_live_line(line: Option<ProgressBar>) {
    *LIVE_LINE.lock().unwrap_or_else(PoisonError::into_inner) = line;
}

/// Writes a line to standard error in one write, above the live one if there is one. That nobody
/// can read it changes nothing.
pub(crate) fn note(line: &str) {
    let start = match IS_LINE_OPEN.swap(false, Ordering::Relaxed) {
        true => "\n",
        false => "",
    };
    let write = || {
        let _unreadable = io::stderr().write_all(format!("{start}{line}\n").as_bytes());
    };
    match &*LIVE_LINE.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(live) => live.suspend(write),
        None => write(),
    }
}
