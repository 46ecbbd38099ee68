//! SIGINT, SIGTERM and SIGHUP: ends the process within milliseconds in every phase, leaving no litter.
//!
//! A thread waits for the signal, so that a blocked write, a hanging lookup or a prompt cannot
//! hold it up. It removes the unfinished files and then lets the signal do its usual work, so that
//! a shell loop around the command ends as well and the shell sees 130, 143 or 129.

pub(crate) mod shutdown;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::exit::Exit;

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
static CHILD: Mutex<Option<Arc<Running>>> = Mutex::new(None);

/// A command that has been started and may have ended.
pub(crate) struct Running {
    state: Mutex<State>,
    /// Whether it and what it starts are a group of processes of their own.
    is_apart: bool,
}

struct State {
    child: Child,
    /// Whether its end has been seen: its number may be another process's from then on.
    has_ended: bool,
}

impl Running {
    /// Returns how it has ended, if it has; the lock is not held for longer than that, so that an
    /// interrupt can end it.
    ///
    /// # Errors
    /// Fails when the system does not tell.
    pub(crate) fn poll(&self) -> io::Result<Option<ExitStatus>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let status = state.child.try_wait()?;
        state.has_ended |= status.is_some();
        Ok(status)
    }

    /// Ends it, and what it has started where it is a group of its own.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_apart && !state.has_ended {
            kill_group(&state.child);
        }
        let _already_ended = state.child.kill();
    }
}

/// A command that has been started.
pub(crate) struct Started {
    pub(crate) running: Arc<Running>,
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
    let is_apart = set_apart(command);
    let mut child = command.spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let state = Mutex::new(State {
        child,
        has_ended: false,
    });
    let started = Arc::new(Running { state, is_apart });
    *running = Some(Arc::clone(&started));
    Ok(Started {
        running: started,
        stdin,
        stdout,
    })
}

/// Makes a command a group of processes of its own, so that what it starts can be ended with it.
///
/// Not where there is a terminal: a group in its background is stopped when it asks for a password
/// there, and Ctrl-C reaches everything in the foreground by itself.
#[cfg(unix)]
fn set_apart(command: &mut Command) -> bool {
    use std::os::unix::process::CommandExt;
    let has_terminal = std::fs::File::open("/dev/tty").is_ok();
    if !has_terminal {
        command.process_group(0);
    }
    !has_terminal
}

#[cfg(not(unix))]
fn set_apart(_command: &mut Command) -> bool {
    false
}

#[cfg(unix)]
fn kill_group(leader: &Child) {
    let group = i32::try_from(leader.id()).ok();
    if let Some(group) = group.and_then(rustix::process::Pid::from_raw) {
        let _already_ended =
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_leader: &Child) {}

/// Forgets the command: it has ended.
pub(crate) fn forget_child() {
    *CHILD.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// The process that gets this process's signals in its place.
#[cfg(unix)]
static FORWARD: Mutex<Option<rustix::process::Pid>> = Mutex::new(None);

/// Starts a process that signals are passed on to, so that it ends by itself.
///
/// # Errors
/// Fails when it cannot be started.
#[cfg(unix)]
pub(crate) fn forward_to(spawn: impl FnOnce() -> io::Result<Child>) -> io::Result<Child> {
    let mut forward = FORWARD.lock().unwrap_or_else(PoisonError::into_inner);
    let child = spawn()?;
    *forward = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    Ok(child)
}

#[cfg(not(unix))]
pub(crate) fn forward_to(spawn: impl FnOnce() -> io::Result<Child>) -> io::Result<Child> {
    spawn()
}

/// Waits for the end of a process that signals are passed on to.
///
/// # Errors
/// Fails when the system does not tell.
pub(crate) fn wait_for(child: &mut Child) -> io::Result<ExitStatus> {
    #[cfg(unix)]
    {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let pid = *FORWARD.lock().unwrap_or_else(PoisonError::into_inner);
        // Its number is its own until it is waited for in the usual way: no signal may go to it
        // any more by then.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Some(Err(rustix::io::Errno::INTR)) =
            pid.map(|pid| waitid(WaitId::Pid(pid), options))
        {}
        *FORWARD.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
    child.wait()
}

/// Ends this process by the signal that has ended another one, if one has.
#[cfg(unix)]
pub(crate) fn end_like(status: ExitStatus) {
    use std::os::unix::process::ExitStatusExt;
    if let Some(signal) = status.signal() {
        let _unless_it_cannot = signal_hook::low_level::emulate_default_handler(signal);
    }
}

#[cfg(not(unix))]
pub(crate) fn end_like(_status: ExitStatus) {}

/// Passes a signal on; returns whether a process gets it.
#[cfg(unix)]
fn is_forwarded(signal: i32) -> bool {
    let forward = FORWARD.lock().unwrap_or_else(PoisonError::into_inner);
    let signal = rustix::process::Signal::from_named_raw(signal);
    match (*forward, signal) {
        (Some(pid), Some(signal)) => rustix::process::kill_process(pid, signal).is_ok(),
        _ => false,
    }
}

/// The terminal's settings of before its echo was turned off.
#[cfg(unix)]
static TERMINAL: Mutex<Option<rustix::termios::Termios>> = Mutex::new(None);

/// Asks a question with the terminal's echo turned off; a signal that comes meanwhile finds the
/// terminal as it was.
#[cfg(unix)]
pub(crate) fn without_echo<T>(ask: impl FnOnce() -> T) -> T {
    let keep = |settings| *TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    keep(rustix::termios::tcgetattr(io::stdin()).ok());
    let response = ask();
    keep(None);
    response
}

/// Windows gives each program's console mode back by itself.
#[cfg(not(unix))]
pub(crate) fn without_echo<T>(ask: impl FnOnce() -> T) -> T {
    ask()
}

/// Gives the terminal its settings back.
#[cfg(unix)]
fn restore_terminal() {
    use rustix::termios::{OptionalActions, tcsetattr};
    if let Some(settings) = &*TERMINAL.lock().unwrap_or_else(PoisonError::into_inner) {
        let _gone = tcsetattr(io::stdin(), OptionalActions::Now, settings);
    }
}

/// Whether a signal has come that commands end themselves for.
static ASKED: AtomicBool = AtomicBool::new(false);
static ASK: Notify = Notify::const_new();
/// How long they may take: the user waits.
const GRACE: Duration = Duration::from_millis(70);

/// Lets work end by itself when a signal comes: what is complete is then written, and
/// the place is reported. Work that does not end in time is ended.
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
            for signal in signals.forever() {
                if is_forwarded(signal) {
                    continue;
                }
                if ASKED.load(Ordering::SeqCst) {
                    ASK.notify_one();
                    std::thread::sleep(GRACE);
                }
                // The lock is held to the end: a file must not be renamed into place any more.
                let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
                for path in unfinished.iter() {
                    let _already_gone = std::fs::remove_file(path);
                }
                shutdown::say(match signal {
                    SIGTERM => Exit::Terminated,
                    SIGHUP => Exit::HungUp,
                    _ => Exit::Interrupted,
                });
                // This lock too is held to the end: whoever waits for the command must not continue
                // and say that it failed.
                let running = CHILD.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(running) = &*running {
                    running.end();
                }
                restore_terminal();
                let _ends_the_process = signal_hook::low_level::emulate_default_handler(signal);
            }
        });
}

/// Windows ends the process on Ctrl-C by itself; temporary files are left to their folder.
#[cfg(not(unix))]
pub(crate) fn watch() {}
