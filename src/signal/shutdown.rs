//! What is still said and written when a signal ends the process: whether a write may have been
//! applied, and the object of `--meta`.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use crate::console::stdout::note;
use crate::exit::Exit;

type Doubt = Box<dyn Fn() -> Option<String> + Send>;
type Text = Box<dyn Fn(Exit) -> String + Send>;

/// Says what is not known of the request that is under way.
static DOUBT: Mutex<Option<Doubt>> = Mutex::new(None);

/// A file, and what it is to hold.
static FILE: Mutex<Option<(PathBuf, Text)>> = Mutex::new(None);

/// How long writing may take: the user waits, and a pipe can be full.
const MAX_WRITE_TIME: Duration = Duration::from_millis(30);

/// A request is under way whose outcome is not known before this is dropped.
#[must_use]
pub(crate) struct InDoubt(());

/// Begins a request; `doubt` says what is to report of it, should a signal come.
pub(crate) fn in_doubt(doubt: impl Fn() -> Option<String> + Send + 'static) -> InDoubt {
    *DOUBT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(doubt));
    InDoubt(())
}

impl Drop for InDoubt {
    fn drop(&mut self) {
        *DOUBT.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Leaves a text in a file, should a signal come; what was to be left before is forgotten.
pub(crate) fn leave(file: &Path, text: impl Fn(Exit) -> String + Send + 'static) {
    *FILE.lock().unwrap_or_else(PoisonError::into_inner) = Some((file.to_owned(), Box::new(text)));
}

/// Leaves nothing any more: it has been written.
pub(crate) fn withdraw() {
    *FILE.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Says and writes it, as far as that takes no time.
pub(crate) fn say(exit: Exit) {
    let (done, is_done) = mpsc::channel();
    let _detached = std::thread::Builder::new().spawn(move || {
        if let Some(doubt) = &*DOUBT.lock().unwrap_or_else(PoisonError::into_inner)
            && let Some(text) = doubt()
        {
            note(&text);
        }
        if let Some((file, text)) = &*FILE.lock().unwrap_or_else(PoisonError::into_inner) {
            // The process ends whether it could be written or not.
            let _written = std::fs::write(file, text(exit));
        }
        let _waiting = done.send(());
    });
    let _in_time = is_done.recv_timeout(MAX_WRITE_TIME);
}
