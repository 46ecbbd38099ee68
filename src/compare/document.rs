//! A document on its way to a comparison, which comes in pieces.

use crate::error::{Failure, Result};

/// How large a document may be that is compared in memory.
pub(crate) const MAX_WHOLE: usize = 32 * 1024 * 1024;

/// Takes a document.
#[derive(Debug)]
pub(crate) struct Receiver {
    name: String,
    bytes: Vec<u8>,
}

impl Receiver {
    /// Begins; `name` says in messages whose document it is.
    pub(crate) fn new(name: &str) -> Self {
        Receiver {
            name: name.to_owned(),
            bytes: Vec::new(),
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// Fails (exit 1) when the document is too large.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<()> {
        if self.bytes.len() + piece.len() > MAX_WHOLE {
            return Err(too_large(&self.name));
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Ends the document.
    ///
    /// # Errors
    /// Fails (exit 1) when it is not JSON.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        super::checked(&self.name, &self.bytes)?;
        Ok(self.bytes)
    }
}

fn too_large(name: &str) -> Failure {
    Failure::local(format!("{name} is too large to be compared"))
        .fact(format!("at most {} MiB are compared", MAX_WHOLE >> 20))
        .hint("compare a part of it, e.g. with --paginate --limit 10000")
}
