//! Standard output, written by a thread, because its reader can be slow.

use std::io;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use crate::console::stdout;
use crate::error::{Failure, Result, io_reason};

/// Writes chunks to standard output.
pub(super) struct Printer {
    pub(super) sender: mpsc::Sender<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
}

impl Printer {
    /// Begins.
    ///
    /// # Errors
    /// Fails when there is no standard output, or no thread to write to it.
    pub(super) fn start() -> Result<Self> {
        let cannot = |error: &io::Error| {
            Failure::local(format!(
                "cannot write to standard output: {}",
                io_reason(error)
            ))
        };
        let mut file = stdout::stdout().map_err(|error| cannot(&error))?;
        let (sender, mut chunks) = mpsc::channel::<Vec<u8>>(1);
        let thread = std::thread::Builder::new()
            .name("results".to_owned())
            .spawn(move || {
                while let Some(chunk) = chunks.blocking_recv() {
                    stdout::write(&mut file, &chunk)?;
                }
                Ok(())
            })
            .map_err(|error| cannot(&error))?;
        Ok(Printer { sender, thread })
    }

    /// Waits until everything has been written.
    ///
    /// # Errors
    /// Fails when it could not be.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.sender);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that writes has ended")))
    }
}
