//! The rows of a batch, read by a thread: standard input can keep its reader waiting.

use std::collections::VecDeque;
use std::io::{self, Read};

use tokio::sync::mpsc;

use crate::error::{Failure, Result, io_reason};
use crate::input::rows::{self, Row, RowFormat, Rows};

/// How many bytes of rows are handed over at once, unless there is one row with more.
const MAX_CHUNK: usize = 64 * 1024;

/// How many chunks wait to be taken.
const MAX_WAITING: usize = 2;

/// Where rows come from.
pub(crate) struct Source {
    chunks: mpsc::Receiver<io::Result<Vec<Row>>>,
    ready: VecDeque<Row>,
}

impl Source {
    /// Begins to read.
    ///
    /// # Errors
    /// Fails when there is no thread for it.
    pub(crate) fn start(input: Box<dyn Read + Send>, format: RowFormat) -> Result<Self> {
        let (sender, chunks) = mpsc::channel(MAX_WAITING);
        // It ends with the input, or when its rows are no longer read.
        let _detached = std::thread::Builder::new()
            .name("rows".to_owned())
            .spawn(move || read(Rows::new(input, format), &sender))
            .map_err(|error| {
                Failure::local(format!(
                    "cannot start the thread that reads the input: {}",
                    io_reason(&error)
                ))
            })?;
        Ok(Source {
            chunks,
            ready: VecDeque::new(),
        })
    }

    /// Returns the next row where it is wanted.
    ///
    /// # Errors
    /// Fails when the input cannot be read.
    pub(crate) async fn next_if(&mut self, is_wanted: bool) -> Result<Option<Row>> {
        match is_wanted {
            true => self.next().await,
            false => Ok(None),
        }
    }

    /// Returns the next row as it is, and leaves it where it is.
    ///
    /// # Errors
    /// Fails when the input cannot be read.
    pub(crate) async fn peek(&mut self) -> Result<Option<&Row>> {
        if self.ready.is_empty()
            && let Some(row) = self.next().await?
        {
            self.ready.push_front(row);
        }
        Ok(self.ready.front())
    }

    /// Returns the next row; `None` is the end.
    ///
    /// # Errors
    /// Fails when the input cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Option<Row>> {
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Ok(Some(row));
            }
            match self.chunks.recv().await {
                None => return Ok(None),
                Some(Ok(rows)) => self.ready = rows.into(),
                Some(Err(error)) => return Err(rows::unreadable(&error)),
            }
        }
    }
}

fn read(mut rows: Rows<Box<dyn Read + Send>>, sender: &mpsc::Sender<io::Result<Vec<Row>>>) {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    loop {
        let row = rows.next();
        let is_end = !matches!(row, Ok(Some(_)));
        let failure = match row {
            Ok(Some(row)) => {
                bytes += row.raw.held() + size_of::<Row>();
                chunk.push(row);
                None
            }
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if !chunk.is_empty() && (is_end || bytes >= MAX_CHUNK || rows.may_wait()) {
            bytes = 0;
            if sender
                .blocking_send(Ok(std::mem::take(&mut chunk)))
                .is_err()
            {
                return;
            }
        }
        if is_end {
            if let Some(error) = failure {
                let _nobody_waits = sender.blocking_send(Err(error));
            }
            return;
        }
    }
}
