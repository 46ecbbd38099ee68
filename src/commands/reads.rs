//! From the words of `rein timing` and `rein diff` to a read that is planned for each profile.

use std::ffi::OsString;

use clap::ArgMatches;

use crate::cli::options::CallOptions;
use crate::commands::choose;
use crate::commands::prepare::{Callee, Given};
use crate::demo::Tenant;
use crate::engine::Context;
use crate::error::Result;
use crate::plan::call::Plan;
use crate::plan::reads;
use crate::profile::Profile;
use crate::profile::resolve::{self, Choice};

/// The words of a command and what they depend on.
pub(super) struct Words<'a, 'm> {
    /// Those of a raw call, or `call`, a name and its items.
    pub(super) words: &'a [OsString],
    /// Files of templates.
    pub(super) templates: &'a [OsString],
    pub(super) options: &'a CallOptions,
    pub(super) matches: &'m ArgMatches,
}

impl<'a> Words<'a, '_> {
    /// Returns the call that they say, which is made on this many profiles.
    ///
    /// # Errors
    /// Fails (exit 2) when there is no target, or a name or word is invalid.
    pub(super) fn given(&self, profiles: usize, cx: &Context) -> Result<Given<'a>> {
        let (callee, items) = Callee::read(self.words, self.templates, self.options, cx)?;
        let mut given = Given::new(callee, self.options, items, self.matches);
        if profiles > 1 {
            given.refuse_stdin();
        }
        Ok(given)
    }
}

/// Resolves the profile of a name, or the usual one, and starts the demo tenant where it is its and
/// something is sent.
///
/// # Errors
/// Fails (exit 2) when there is no such profile.
pub(super) async fn profile(
    name: Option<&str>,
    options: &CallOptions,
    cx: &Context,
) -> Result<(Profile, Option<Tenant>)> {
    let usual = choose::choice(&options.profile);
    let choice = Choice {
        profile: name.or(usual.profile),
        ..usual
    };
    let mut profile = resolve::resolve(&choice, &cx.env)?;
    let tenant = match options.safety.dry_run {
        true => None,
        false => choose::start_demo(&mut profile).await?,
    };
    Ok((profile, tenant))
}

/// A read that may be made.
pub(super) struct Planned<'p> {
    pub(super) plan: Plan<'p>,
    /// Its path without what must not be shown.
    pub(super) path: String,
    /// What `--dry-run` shows of it, where that is asked for.
    pub(super) shown: String,
}

/// Plans the call for a profile. Only a read passes; `rule` says so in the refusal.
///
/// # Errors
/// Fails (exit 2) on anything else and on what is wrong before sending, and as the guard does.
pub(super) fn planned<'p>(
    given: &Given<'_>,
    profile: &'p Profile,
    rule: &str,
    cx: &Context,
) -> Result<Planned<'p>> {
    let prepared = given.prepare(profile, cx)?;
    let path = prepared.attempts.path();
    reads::refuse_write(&prepared.plan, &path, rule)?;
    let decision = prepared.decide(None, cx)?;
    let mut shown = String::new();
    if given.options.safety.dry_run {
        shown = prepared.preview(&decision);
    } else {
        prepared.pass(decision)?;
    }
    let plan = prepared.plan;
    Ok(Planned { plan, path, shown })
}

/// Returns what `--dry-run` shows of reads.
pub(super) fn shown(planned: &[Planned<'_>]) -> String {
    let shown: Vec<&str> = planned.iter().map(|read| read.shown.as_str()).collect();
    shown.join("\n")
}
