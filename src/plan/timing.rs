//! How often a read is made for `rein timing`, and its limits.

use std::time::Duration;

use crate::cli::timing::TimingArgs;
use crate::cli::units;
use crate::error::{Failure, Result};
use crate::exchange::retry::Policy;
use crate::output::timing::Connections;
use crate::plan::call::Plan;
use crate::plan::continuation::Continuation;
use crate::verdict::thresholds::{Limited, Statistic, Threshold};

/// How often a read is made, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern {
    /// How many reads of each profile are measured.
    pub(crate) reads: usize,
    /// How many reads of each profile each task makes before.
    pub(crate) warmup: usize,
    pub(crate) jobs: usize,
    pub(crate) connections: Connections,
    /// The time between the beginnings of two rounds: a round is a read of each profile.
    pub(crate) interval: Option<Duration>,
    /// Whether it is kept by the reads before as well: that of `--rate`, not of `--every`.
    pub(crate) limits_warmup: bool,
}

impl Pattern {
    /// Reads the options; a round has a read of each of `profiles` profiles.
    ///
    /// # Errors
    /// Fails (exit 2) when a time or a rate is invalid.
    pub(crate) fn decide(args: &TimingArgs, profiles: usize) -> Result<Pattern> {
        let every = args.every.as_deref();
        let every = every
            .map(|text| units::duration("--every", text))
            .transpose()?;
        let rate = args.rate.as_deref();
        let rate = rate.map(|text| units::rate("--rate", text)).transpose()?;
        let reads = u32::try_from(profiles).unwrap_or(u32::MAX);
        let interval = every.or(rate.map(|rate| rate.saturating_mul(reads)));
        let connections = if args.fresh {
            Connections::Fresh
        } else {
            Connections::Kept
        };
        let usual = usize::from(connections == Connections::Kept);
        Ok(Pattern {
            reads: args.count as usize,
            warmup: args.warmup.map_or(usual, |warmup| warmup as usize),
            // A task without a read would only warm up.
            jobs: usize::from(args.jobs).min(args.count as usize),
            connections,
            interval,
            limits_warmup: args.rate.is_some(),
        })
    }
}

/// Reads the limits.
///
/// # Errors
/// Fails (exit 2) when one is not `STATISTIC=TIME`.
pub(crate) fn thresholds(args: &TimingArgs) -> Result<Vec<Threshold>> {
    let server = args
        .max_server_time
        .iter()
        .map(|text| (Limited::Server, text));
    let total = args
        .max_total_time
        .iter()
        .map(|text| (Limited::Total, text));
    server
        .chain(total)
        .map(|(of, text)| threshold(of, text))
        .collect()
}

fn threshold(of: Limited, text: &str) -> Result<Threshold> {
    let option = match of {
        Limited::Server => "--max-server-time",
        Limited::Total => "--max-total-time",
    };
    let parsed = text
        .split_once('=')
        .and_then(|(name, limit)| Some((Statistic::parse(name)?, limit)));
    let Some((statistic, limit)) = parsed else {
        return Err(
            Failure::usage(format!("{option} requires a statistic and a time"))
                .hint(format!("{option} p95=250ms; or mean=, max=, p99.9=")),
        );
    };
    Ok(Threshold {
        of,
        statistic,
        limit: units::duration(option, limit)?,
        text: format!("{option} {text}"),
    })
}

/// Makes a plan one of a read that is made many times: no retry hides a failure.
///
/// # Errors
/// Fails (exit 2) on a body that can be sent once.
pub(crate) fn repeat(plan: &mut Plan<'_>) -> Result<()> {
    if plan.request.try_clone().is_none() {
        return Err(
            Failure::unsent("timing repeats a call, but this body is streamed")
                .hint("give the body in a file"),
        );
    }
    debug_assert!(matches!(plan.continuation, Continuation::No));
    plan.sending.retries = Policy {
        retries: Some(0),
        ..plan.sending.retries
    };
    Ok(())
}
