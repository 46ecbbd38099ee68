//! SIGINT, SIGTERM and SIGHUP: ends the process within milliseconds in every phase, leaving no litter.
//!
//! A thread waits for the signal, so that a blocked write, a hanging lookup or a prompt cannot
//! hold it up. It removes the unfinished files and then lets the signal do its usual work, so that
//! a shell loop around the command ends as well and the shell sees 130, 143 or 129.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::exit::Exit;
use crate::last_words;

/// Files that are to vanish when the process is interrupted.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Remembers a file that is not complete yet.
pub(crate) fn remove_on_interrupt(path: &Path) {
    UNFINISHED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(path.to_owned());
}

/// Forgets a file that is complete or gone.
pub(crate) fn keep_on_interrupt(path: &Path) {
    UNFINISHED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|kept| kept != path);
}

/// The command that is being waited for.
static CHILD: Mutex<Option<Arc<Mutex<Child>>>> = Mutex::new(None);

/// A command that has been started.
pub(crate) struct Started {
    pub(crate) child: Arc<Mutex<Child>>,
    /// Its input, where that is a pipe.
    pub(crate) stdin: Option<ChildStdin>,
    /// Its output, where that is a pipe.
    pub(crate) stdout: Option<ChildStdout>,
}

/// Starts a command that ends together with this process.
///
/// A signal that comes while it is being started waits until it can be ended.
///
/// # Errors
/// Fails when it cannot be started.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Started> {
    let mut running = CHILD.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = command.spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let child = Arc::new(Mutex::new(child));
    *running = Some(Arc::clone(&child));
    Ok(Started {
        child,
        stdin,
        stdout,
    })
}

/// Forgets the command: it has ended.
pub(crate) fn forget_child() {
    *CHILD.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Told of a signal by those that end by themselves.
static ASKED: AtomicBool = AtomicBool::new(false);
static ASK: Notify = Notify::const_new();
/// How long they may take: the user waits.
const GRACE: Duration = Duration::from_millis(70);

/// Lets a piece of work end by itself when a signal comes: what is complete is then written, and
/// the place is told. Work that does not end in time is ended.
///
/// Returns what the work does, or `None` when it was interrupted.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Option<T> {
    ASKED.store(true, Ordering::SeqCst);
    let done = tokio::select! {
        biased;
        () = ASK.notified() => None,
        done = work => Some(done),
    };
    ASKED.store(false, Ordering::SeqCst);
    done
}

/// Waits for the signal that has interrupted the work to end the process, now that what was to be
/// said has been said.
pub(crate) fn end() {
    std::thread::sleep(GRACE * 2);
}

/// The terminal as it was before something was typed without echo.
#[cfg(unix)]
static TERMINAL: Mutex<Option<rustix::termios::Termios>> = Mutex::new(None);

/// Remembers how the terminal is: a signal in the middle of what is typed without echo must not
/// leave it so.
#[cfg(unix)]
pub(crate) fn keep_terminal() {
    let kept = rustix::termios::tcgetattr(io::stdin()).ok();
    *TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) = kept;
}

/// Windows gives a console back by itself.
#[cfg(not(unix))]
pub(crate) fn keep_terminal() {}

#[cfg(unix)]
fn restore_terminal() {
    use rustix::termios::{OptionalActions, tcsetattr};
    if let Some(kept) = &*TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) {
        let _gone = tcsetattr(io::stdin(), OptionalActions::Now, kept);
    }
}

/// Starts waiting for signals. Without a thread (none could be made) the system's usual handling
/// stays, which ends the process as well.
#[cfg(unix)]
pub(crate) fn watch() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]) else {
        return;
    };
    let _detached = std::thread::Builder::new()
        .name("interrupt".to_owned())
        .spawn(move || {
            if let Some(signal) = signals.forever().next() {
                if ASKED.load(Ordering::SeqCst) {
                    ASK.notify_one();
                    std::thread::sleep(GRACE);
                }
                // The lock is held to the end: a file must not be renamed into place any more.
                let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
                for path in unfinished.iter() {
                    let _already_gone = std::fs::remove_file(path);
                }
                restore_terminal();
                last_words::say(match signal {
                    SIGTERM => Exit::Terminated,
                    SIGHUP => Exit::HungUp,
                    _ => Exit::Interrupted,
                });
                // This lock too is held to the end: who waits for the command must not go on and
                // say that it failed.
                let running = CHILD.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(child) = &*running {
                    let _already_ended =
                        child.lock().unwrap_or_else(PoisonError::into_inner).kill();
                }
                let _ends_the_process = signal_hook::low_level::emulate_default_handler(signal);
            }
        });
}

/// Windows ends the process on Ctrl-C by itself; temporary files are left to their folder.
#[cfg(not(unix))]
pub(crate) fn watch() {}
