//! What can be given after `rein timing`.

use std::ffi::OsString;

use clap::{Args, ValueEnum, ValueHint};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

use super::options::{
    CallOptions, CheckOptions, ColorOption, ConnectionOptions, OutputOptions, RequestOptions,
    SafetyOptions,
};
use super::{ProfileOptions, complete};
use crate::error::{Failure, Result};

/// `rein timing [METHOD] TARGET [ITEM]...` or `rein timing call NAME [ITEM]...`
#[derive(Args)]
#[command(
    help_template = super::EXAMPLES_FIRST, after_help = EXAMPLES,
    override_usage = "rein timing [OPTIONS] [METHOD] TARGET [ITEM]...\n       rein timing [OPTIONS] call NAME [ITEM]..."
)]
pub(crate) struct TimingArgs {
    /// The read, as in a raw call, or the word call and the name of an endpoint with its fields
    #[arg(value_name = "TARGET", num_args = 1.., required = true, add = ArgValueCompleter::new(complete::targets))]
    pub(crate) words: Vec<OsString>,
    /// Measure N reads of each profile, 1 to 100000
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Timing")]
    pub(crate) count: u32,
    /// Make W reads of each profile first, over each connection, and do not measure them (default
    /// 1, which opens the connection; 0 with --fresh)
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u32).range(0..=1000), help_heading = "Timing")]
    pub(crate) warmup: Option<u32>,
    /// Begin a read (with --profiles: one of each) every TIME, e.g. 1s (default: when the previous
    /// one has ended)
    #[arg(
        long,
        value_name = "TIME",
        allow_hyphen_values = true,
        help_heading = "Timing"
    )]
    pub(crate) every: Option<String>,
    /// Maximum number of reads per second, e.g. 5/s or 30/m
    #[arg(
        long,
        value_name = "RATE",
        conflicts_with = "every",
        allow_hyphen_values = true,
        help_heading = "Timing"
    )]
    pub(crate) rate: Option<String>,
    /// Open a connection for each read, and measure name lookup, connect and TLS
    #[arg(long, conflicts_with = "jobs", help_heading = "Timing")]
    pub(crate) fresh: bool,
    /// Read by N tasks at once, each over a connection of its own, 1 to 16
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16), help_heading = "Timing")]
    pub(crate) jobs: u16,
    /// Compare these profiles: each further one with the first, interleaved read by read
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with_all = ["profile", "endpoint", "token_file"], add = ArgValueCandidates::new(complete::profiles), help_heading = "Timing")]
    pub(crate) profiles: Vec<String>,
    /// Fail (exit 11) when this statistic of the server's own times is larger: p95=250ms, mean=,
    /// max=
    #[arg(
        long,
        value_name = "STATISTIC=TIME",
        allow_hyphen_values = true,
        help_heading = "Checks"
    )]
    pub(crate) max_server_time: Vec<String>,
    /// Fail (exit 11) when this statistic of the total times is larger: p99=1s, mean=, max=
    #[arg(
        long,
        value_name = "STATISTIC=TIME",
        allow_hyphen_values = true,
        help_heading = "Checks"
    )]
    pub(crate) max_total_time: Vec<String>,
    /// Write the checks as a report: junit=FILE
    #[arg(long, value_name = "junit=FILE", help_heading = "Checks")]
    pub(crate) report: Option<OsString>,
    /// Output format: a table, or every read
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "table",
        help_heading = "Output"
    )]
    pub(crate) format: TimingFormat,
    /// Write a page with charts to FILE; it needs nothing else and can be sent as it is
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) html: Option<OsString>,
    /// Drop progress; errors still show
    #[arg(short = 's', long, help_heading = "Output")]
    pub(crate) silent: bool,
    /// Stop a read when its decoded body is larger than this, e.g. 10MB
    #[arg(
        long,
        value_name = "SIZE",
        allow_hyphen_values = true,
        help_heading = "Output"
    )]
    pub(crate) max_size: Option<OsString>,
    /// Read more templates from this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Request")]
    pub(crate) templates: Vec<OsString>,
    /// Show the request of each profile; send nothing
    #[arg(long, help_heading = "Safety")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) color: ColorOption,
    #[command(flatten)]
    pub(crate) profile: ProfileOptions,
    #[command(flatten)]
    pub(crate) request: RequestOptions,
    #[command(flatten)]
    pub(crate) connection: ConnectionOptions,
}

/// How the measurement is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimingFormat {
    /// Percentiles and a histogram
    Table,
    /// One JSON document with every read
    Json,
    /// A row for each read
    Csv,
    /// A line of JSON for each read, and one for the summary
    Ndjson,
}

const EXAMPLES: &str = "\
Examples:
  rein -p demo timing /api/v1/datasets
  rein -p demo timing -n 100 --html timing.html call list-datasets
  rein timing --profiles dev,prod -n 50 v1/datasets/{project}/orders
  rein -p demo timing --max-server-time p95=250ms v1/datasets

Only reads are timed. They are not retried: a read that fails is counted as
failed, and the exit code is that of the first failure.";

impl TimingArgs {
    /// Returns the options of the calls that are timed.
    ///
    /// # Errors
    /// Fails (exit 2) on an option that has no meaning for them, by its name.
    pub(crate) fn call_options(&self) -> Result<CallOptions> {
        let given = &self.connection;
        let refused = [
            ("--retry", given.retry.is_some(), RETRIES),
            ("--retry-delay", given.retry_delay.is_some(), RETRIES),
            ("--retry-max-time", given.retry_max_time.is_some(), RETRIES),
            ("-L", given.location, REDIRECTS),
            ("--max-redirs", given.max_redirs.is_some(), REDIRECTS),
        ];
        if let Some((option, _, why)) = refused.iter().find(|(_, is_given, _)| *is_given) {
            return Err(
                Failure::unsent(format!("{option} is not supported in rein timing")).hint(*why),
            );
        }
        Ok(CallOptions {
            profile: self.profile.clone(),
            request: self.request.clone(),
            safety: SafetyOptions {
                dry_run: self.dry_run,
                ..SafetyOptions::default()
            },
            output: OutputOptions {
                silent: self.silent,
                max_size: self.max_size.clone(),
                color: self.color.clone(),
                ..OutputOptions::default()
            },
            checks: CheckOptions {
                report: self.report.clone(),
                ..CheckOptions::default()
            },
            connection: self.connection.clone(),
            ..CallOptions::default()
        })
    }
}

const RETRIES: &str = "a read is not retried: a retry would hide a failure";
const REDIRECTS: &str = "name the URL that the redirect leads to";
