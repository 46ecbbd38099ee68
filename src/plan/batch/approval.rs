//! The guards of a batch: confirmed once for all of it, and checked for each call.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::plan::guard::{self, Decision, Refusal};
use crate::plan::ownership::Judgement;

/// Which owners have been confirmed for the whole batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Approval {
    pub(crate) owners: BTreeSet<String>,
}

impl Approval {
    /// Checks that a call is one of those that have been confirmed.
    ///
    /// # Errors
    /// Fails (exit 9) when a guard refuses it.
    pub(crate) fn check(&self, judgement: &Judgement) -> Result<()> {
        let (needed, refusal) = match judgement.decide(None, false) {
            Decision::Allow => return Ok(()),
            Decision::Unknown(why) => return Err(guard::unknown(&why)),
            // Nobody is asked while a batch runs.
            Decision::Ask(needed) => (needed, Refusal::NotConfirmed),
            Decision::Refuse(needed, refusal) => (needed, refusal),
        };
        if refusal == Refusal::NotConfirmed && self.owners.contains(&needed.owner) {
            return Ok(());
        }
        Err(guard::refused(&needed, refusal))
    }

    /// Returns the guarded profile whose name has to be given for a call, if one has.
    ///
    /// # Errors
    /// Fails (exit 9) when no name helps.
    pub(crate) fn needed(&self, judgement: &Judgement) -> Result<Option<guard::Needed>> {
        match judgement.decide(None, false) {
            Decision::Refuse(needed, Refusal::NotConfirmed) => Ok(Some(needed)),
            _ => self.check(judgement).map(|()| None),
        }
    }
}
