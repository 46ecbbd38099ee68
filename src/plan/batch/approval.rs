//! The guards of a batch: confirmed once for all of it, and checked for each call.

use std::collections::BTreeSet;

use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::plan::guard::{self, Decision, Refusal};
use crate::plan::ownership::Judgement;
use crate::text::terminal::sanitise;

/// Which owners have been confirmed for the whole batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Approval {
    pub(crate) owners: BTreeSet<String>,
}

impl Approval {
    /// Checks that a call is one of those that have been confirmed.
    ///
    /// # Errors
    /// Fails (exit 9) when a guard is in the way.
    pub(crate) fn check(&self, judgement: &Judgement) -> Result<()> {
        let (needed, refusal) = match judgement.decide(None, false) {
            Decision::Allow => return Ok(()),
            Decision::Unknown(why) => return Err(guard::unknown(&why)),
            Decision::Ask(needed) => (needed, Refusal::NotConfirmed),
            Decision::Refuse(needed, refusal) => (needed, refusal),
        };
        if refusal == Refusal::NotConfirmed && self.owners.contains(&needed.owner) {
            return Ok(());
        }
        let owner = sanitise(&needed.owner).into_owned();
        let failure = Failure::new(
            Exit::Guard,
            format!(
                "refused by the guard of profile {owner} ({})",
                needed.guard.name()
            ),
        );
        let failure = match needed.reason.as_str() {
            "" => failure,
            reason => failure.fact(format!("profile {owner} guards this: {}", sanitise(reason))),
        };
        Err(match refusal {
            Refusal::ReadOnly => failure.hint(format!(
                "profile {owner} is read-only; --confirm cannot override it"
            )),
            Refusal::Rewritten => failure.hint("leave the header out"),
            Refusal::NotConfirmed | Refusal::WrongName => {
                failure.hint(format!("to send it: --confirm {owner}"))
            }
        })
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
