//! `rein diff`.

use std::ffi::OsString;

use clap::{Args, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCompleter;

use super::complete;
use super::options::{
    CallOptions, ColorOption, ConnectionOptions, OutputOptions, PagingOptions, ProfileOptions,
    RequestOptions, SafetyOptions,
};

/// `rein diff A..B [METHOD] TARGET [ITEM]...` or `rein diff A..B call NAME [ITEM]...`
#[derive(Args)]
#[command(
    help_template = super::EXAMPLES_FIRST,
    after_help = EXAMPLES,
    override_usage = "rein diff [OPTIONS] A..B [METHOD] TARGET [ITEM]...\n       rein diff [OPTIONS] A..B call NAME [ITEM]...\n       rein diff [OPTIONS] FILE..FILE",
    // --key names the key of a list here.
    mut_arg("key", |arg| arg.long("cert-key")),
    mut_arg("cert", |arg| arg.help("Show the server this client certificate (PEM; with --cert-key, or both in one file)"))
)]
pub(crate) struct DiffArgs {
    /// What is compared: two profiles, or a JSON file and a profile, or two files. A name is a file
    /// when it has a path separator (./NAME), or ends with .json and exists
    #[arg(value_name = "A..B", required = true)]
    pub(crate) sides: OsString,
    /// The read that is made on each profile, as without diff
    #[arg(value_name = "[METHOD] TARGET [ITEM] | call NAME [ITEM]", num_args = 0.., add = ArgValueCompleter::new(complete::targets))]
    pub(crate) words: Vec<OsString>,
    /// Compare the elements of lists by this member instead of their position; LIST=FIELD does so
    /// for lists in a list: --key id --key labels=name
    #[arg(id = "list_key", long = "key", value_name = "[LIST=]FIELD")]
    pub(crate) keys: Vec<String>,
    /// Leave this path out: a.b, a[*].id, a.*, **.id
    #[arg(long, value_name = "PATH")]
    pub(crate) ignore: Vec<String>,
    /// Compare also ids, timestamps and the name of each profile's own project
    #[arg(long)]
    pub(crate) no_default_ignore: bool,
    /// When two numbers are the same
    #[arg(long, value_name = "HOW", default_value = "text")]
    pub(crate) numbers: NumbersOption,
    /// Show the differences like this
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    pub(crate) format: DiffFormat,
    /// Show only how many differences there are
    #[arg(long, help_heading = "Output")]
    pub(crate) stat: bool,
    /// Drop status lines and notes; errors still show
    #[arg(short = 's', long, help_heading = "Output")]
    pub(crate) silent: bool,
    /// Show both header blocks of every request, the token redacted, and the time of each phase
    #[arg(short = 'v', long, help_heading = "Output")]
    pub(crate) verbose: bool,
    /// Break workflow commands of GitHub Actions and Azure Pipelines (::, ##[, ##vso[) in what is
    /// written to standard output, by a blank
    #[arg(long, help_heading = "Output")]
    pub(crate) safe_stdout: bool,
    /// Show the request of each profile; send nothing
    #[arg(long, help_heading = "Safety")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) color: ColorOption,
    /// Read more templates from this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) templates: Vec<OsString>,
    /// Read this config file instead of the usual one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<OsString>,
    // Refused with what to type: A..B names the profiles.
    #[arg(short = 'p', long, hide = true)]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) request: RequestOptions,
    #[command(flatten)]
    pub(crate) paging: PagingOptions,
    #[command(flatten)]
    pub(crate) connection: ConnectionOptions,
}

/// When two numbers are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NumbersOption {
    /// When they are written alike: 1 and 1.0 differ
    Text,
    /// When their values are equal
    Value,
}

/// How differences are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// By object, the left value above the right one
    Text,
    /// A JSON patch (RFC 6902) that makes A like B; with --stat an object of counts
    Json,
    /// A row for each difference
    Table,
}

const EXAMPLES: &str = "\
Examples:
  rein diff dev..prod v1/datasets/{project}/orders
  rein diff dev..prod v1/datasets --key name        compare lists by name
  rein diff dev..prod call list-sources --key name --paginate
  rein diff orders.json..prod v1/datasets/{project}/orders
  rein diff old.json..new.json --key id --key labels=name --format json

Exit codes: 0 the same, 11 different; when a side failed, that call's code.";

impl DiffArgs {
    /// Returns the options of the call that is made on each profile.
    pub(crate) fn call_options(&self) -> CallOptions {
        CallOptions {
            profile: ProfileOptions {
                config: self.config.clone(),
                ..ProfileOptions::default()
            },
            request: self.request.clone(),
            paging: self.paging.clone(),
            connection: self.connection.clone(),
            safety: SafetyOptions {
                dry_run: self.dry_run,
                ..SafetyOptions::default()
            },
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
