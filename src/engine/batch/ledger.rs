//! The journal of a batch while calls are under way.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::error::{Failure, Result};
use crate::state::journal::{Event, Journal};
use crate::state::lines::LineSet;

/// Records what is begun and what has ended, where there is a journal.
pub(crate) struct Ledger(Option<Open>);

struct Open {
    journal: RefCell<Journal>,
    handle: Arc<File>,
    /// Whether a record must be on the disk before its request is sent. Where a request can be
    /// sent twice without harm, it does not matter if a power failure loses its record.
    is_synced: bool,
    /// How many records have been written, and how many of them are on the disk.
    written: Cell<u64>,
    synced: Cell<u64>,
    is_syncing: Cell<bool>,
    moved: Notify,
}

impl Ledger {
    /// Begins.
    ///
    /// # Errors
    /// Fails when the system has no handle left.
    pub(crate) fn new(journal: Option<Journal>, is_synced: bool) -> Result<Self> {
        let Some(journal) = journal else {
            return Ok(Ledger(None));
        };
        Ok(Ledger(Some(Open {
            handle: Arc::new(journal.handle()?),
            journal: RefCell::new(journal),
            is_synced,
            written: Cell::new(0),
            synced: Cell::new(0),
            is_syncing: Cell::new(false),
            moved: Notify::new(),
        })))
    }

    /// Records that lines are about to be sent. They must not be sent before it returns.
    ///
    /// # Errors
    /// Fails when it cannot be recorded.
    pub(crate) async fn begin(&self, lines: &LineSet) -> Result<()> {
        let Some(open) = &self.0 else {
            return Ok(());
        };
        open.journal.borrow_mut().record(Event::Begun, lines)?;
        if !open.is_synced {
            return Ok(());
        }
        let record = open.written.get() + 1;
        open.written.set(record);
        // Records that come while the disk is busy wait for the next sync, which is for all of them.
        while open.synced.get() < record {
            if open.is_syncing.get() {
                open.moved.notified().await;
            } else {
                open.sync().await?;
            }
        }
        Ok(())
    }

    /// Records how lines have ended.
    ///
    /// # Errors
    /// Fails when it cannot be recorded: what became of the lines is then not known to a later run.
    pub(crate) fn end(&self, event: Event, lines: &LineSet) -> Result<()> {
        match &self.0 {
            Some(open) => open.journal.borrow_mut().record(event, lines),
            None => Ok(()),
        }
    }

    /// Forces everything onto the disk.
    ///
    /// # Errors
    /// Fails when the disk does not take it.
    pub(crate) fn finish(&self) -> Result<()> {
        match &self.0 {
            Some(open) => open.journal.borrow().sync(),
            None => Ok(()),
        }
    }
}

impl Open {
    async fn sync(&self) -> Result<()> {
        self.is_syncing.set(true);
        let written = self.written.get();
        let handle = Arc::clone(&self.handle);
        let synced = tokio::task::spawn_blocking(move || handle.sync_data()).await;
        self.is_syncing.set(false);
        self.moved.notify_waiters();
        match synced {
            Ok(Ok(())) => {
                self.synced.set(written);
                Ok(())
            }
            Ok(Err(error)) => Err(self.journal.borrow().unsynced(&error)),
            Err(_) => Err(Failure::local(
                "the journal could not be forced onto the disk",
            )),
        }
    }
}
