//! What can be given after `rein follow`.

use std::ffi::OsString;

use clap::Args;

use super::options::{CallOptions, ColorOption, ConnectionOptions, OutputOptions};
use super::{ProfileOptions, complete};
use clap_complete::engine::ArgValueCandidates;

/// `rein follow [PROJECT/]DATASET/STREAM`
#[derive(Args)]
#[command(help_template = super::EXAMPLES_FIRST, after_help = EXAMPLES)]
pub(crate) struct FollowArgs {
    /// The stream; without a project it is the profile's
    #[arg(value_name = "[PROJECT/]DATASET/STREAM")]
    pub(crate) stream: OsString,
    /// Stop when nothing is left
    #[arg(long)]
    pub(crate) once: bool,
    /// Maximum delay between polls of an empty stream (default 30s; starts at 1s and doubles)
    #[arg(
        long,
        value_name = "TIME",
        conflicts_with = "once",
        allow_hyphen_values = true
    )]
    pub(crate) every: Option<String>,
    /// Hand each batch to this command, one result a line on its standard input; the stream is
    /// advanced when it has ended with 0. Split like a shell would, but run without one (pipes need sh -c '...')
    #[arg(long, value_name = "COMMAND")]
    pub(crate) exec: Option<String>,
    /// Hand each result to the command by itself; where that fails, tag the comment as an
    /// exception of this type and continue
    #[arg(long, value_name = "TYPE", requires = "exec", num_args = 0..=1, require_equals = true, default_missing_value = "Command failed")]
    pub(crate) exceptions: Option<String>,
    /// Read at most this many results at a time, 1 to 1024
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) batch: u32,
    /// Maximum number of filtered-out comments to skip per request
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) max_filtered: u32,
    /// Use the older fetch route
    #[arg(long)]
    pub(crate) legacy: bool,
    /// Confirm under a guard by the guarded profile's name
    #[arg(long, value_name = "PROFILE", add = ArgValueCandidates::new(complete::profiles))]
    pub(crate) confirm: Option<String>,
    /// Show the calls of a round and what a guard would do; open no socket
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Break workflow commands of GitHub Actions and Azure Pipelines (::, ##[, ##vso[) in what is
    /// written to standard output, by a blank
    #[arg(long)]
    pub(crate) safe_stdout: bool,
    /// Drop the summary; errors still show
    #[arg(short = 's', long)]
    pub(crate) silent: bool,
    /// Show the header blocks of every request, the token redacted
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) color: ColorOption,
    #[command(flatten)]
    pub(crate) profile: ProfileOptions,
    #[command(flatten)]
    pub(crate) connection: ConnectionOptions,
}

const EXAMPLES: &str = "\
Examples:
  rein -p demo follow orders/late-orders --once       one result a line
  rein -p prod follow orders/late-orders --confirm prod >> late.ndjson
  rein -p demo follow orders/late-orders --dry-run    show calls, send nothing
  rein follow retail/orders/late-orders --exec './handle' \\
       --exceptions='No Prediction'

The stream is advanced after a result was written and flushed, or the command
has ended with 0: a result is never lost, and may be repeated.";

impl FollowArgs {
    /// Returns the options of the calls that following is made of.
    pub(crate) fn call_options(&self) -> CallOptions {
        CallOptions {
            profile: self.profile.clone(),
            connection: self.connection.clone(),
            output: OutputOptions {
                silent: self.silent,
                verbose: self.verbose,
                color: self.color.clone(),
                ..OutputOptions::default()
            },
            ..CallOptions::default()
        }
    }
}
