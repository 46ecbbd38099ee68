//! What `rein timing` and `rein diff` make of a read: nothing but a read, and on several profiles
//! only with a token for each endpoint.

use crate::catalogue::Class;
use crate::env::Env;
use crate::error::{Failure, Result};
use crate::plan::call::Plan;
use crate::profile::Profile;
use crate::secret::source::TokenSource;
use crate::text::terminal::sanitise;

/// Refuses a call that may do more than read; `rule` says what the command does instead.
///
/// # Errors
/// Fails (exit 2).
pub(crate) fn refuse_write(plan: &Plan<'_>, path: &str, rule: &str) -> Result<()> {
    let class = plan.classified.class;
    if class == Class::Read {
        return Ok(());
    }
    Err(Failure::unsent(format!(
        "{rule}, but {} {} is {}",
        plan.request.method,
        sanitise(path),
        class.description()
    )))
}

/// Refuses to use `REINFER_TOKEN` for two endpoints: it is one tenant's.
///
/// # Errors
/// Fails (exit 2) naming the variables to set.
pub(crate) fn refuse_shared_token(profiles: &[Profile], env: &Env) -> Result<()> {
    for (at, left) in profiles.iter().enumerate() {
        for right in &profiles[at + 1..] {
            refuse_shared_token_of([left, right], env)?;
        }
    }
    Ok(())
}

fn refuse_shared_token_of(profiles: [&Profile; 2], env: &Env) -> Result<()> {
    let [left, right] = profiles;
    if left.base.value.same_endpoint(&right.base.value) {
        return Ok(());
    }
    let own = profiles.map(|profile| match &profile.token {
        TokenSource::Environment {
            own, general: true, ..
        } => own.as_deref().filter(|own| !env.is_set(own)),
        _ => None,
    });
    let ([Some(left), Some(right)], true) = (own, env.is_set("REINFER_TOKEN")) else {
        return Ok(());
    };
    Err(Failure::unsent(
        "REINFER_TOKEN is one tenant's token, and the two profiles are of different endpoints",
    )
    .hint(format!("set {left} and {right}")))
}
