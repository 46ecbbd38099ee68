//! What can be given to `rein batch`.

use std::ffi::OsString;

use clap::{Args, ValueEnum, ValueHint};

use super::options::CallOptions;

/// `rein batch call NAME [ITEM]...`, or `rein batch [METHOD] TARGET [ITEM]...`
#[derive(Args)]
#[command(
    help_template = super::EXAMPLES_FIRST,
    after_help = EXAMPLES,
    override_usage = "rein batch call NAME [ITEM]... --from FILE [OPTIONS]\n       rein batch [METHOD] TARGET [ITEM]... --from FILE [OPTIONS]",
    // They are refused with what to do instead.
    mut_args(|arg| match UNSUPPORTED.contains(&arg.get_id().as_str()) {
        true => arg.hide(true),
        false => arg,
    }),
    mut_arg("format", |arg| {
        let help = "Format of the results: ndjson, csv or tsv; compact with -q [default: ndjson]";
        arg.help(help).hide_possible_values(true)
    }),
    mut_arg("filter", |arg| arg.help("Run this jq filter on each result"))
)]
pub(crate) struct BatchArgs {
    /// call and an endpoint name, or a method and a target; then items for all calls
    #[arg(value_name = "call NAME [ITEM]", num_args = 1.., required = true)]
    pub(crate) words: Vec<OsString>,
    #[command(flatten)]
    pub(crate) rows: RowOptions,
    #[command(flatten)]
    pub(crate) run: RunOptions,
    /// Read more templates from this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) templates: Vec<OsString>,
    #[command(flatten)]
    pub(crate) options: CallOptions,
}

/// Options of calls that a batch does not have.
const UNSUPPORTED: &[&str] = &[
    "data",
    "data_raw",
    "data_binary",
    "data_urlencode",
    "json",
    "form",
    "form_string",
    "upload_file",
    "get",
    "head",
    "curl",
    "table",
    "items_at",
    "sort",
    "keep_error_body",
    "include",
    "dump_header",
    "output",
    "fail",
    "fail_with_body",
    "write_out",
    "paginate",
    "limit",
    "max_pages",
    "cursor_out",
    "cursor_in",
    "state",
    "until",
    "every",
    "within",
];

/// How the input becomes calls.
#[derive(Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct RowOptions {
    /// Make one call per row of this file; - reads standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) from: OsString,
    /// Input format (default: by file extension, else ndjson)
    #[arg(long, value_name = "FORMAT")]
    pub(crate) input_format: Option<InputFormat>,
    /// Fill FIELD from COLUMN and ignore other columns; @FILE reads one pair per line
    #[arg(long, value_name = "FIELD=COLUMN")]
    pub(crate) map: Vec<OsString>,
    /// Send up to N rows per request, as elements of its list FIELD
    #[arg(long, num_args = 2, value_names = ["N", "FIELD"])]
    pub(crate) group: Vec<String>,
    /// Maximum size of a group's request body (default 4MB)
    #[arg(long, value_name = "SIZE", requires = "group")]
    pub(crate) group_bytes: Option<String>,
    /// Split a group refused with one of these statuses until its invalid rows are found
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "400,413,422"
    )]
    pub(crate) split_on: Vec<u16>,
    /// Stop at the first invalid row; with a file, before anything is sent
    #[arg(long)]
    pub(crate) strict: bool,
}

/// How the calls are made.
#[derive(Args)]
#[command(next_help_heading = "Batch")]
pub(crate) struct RunOptions {
    /// Number of concurrent calls
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: u16,
    /// Maximum request rate: 50/s, 600/m
    #[arg(long, value_name = "N/TIME")]
    pub(crate) rate: Option<String>,
    /// Write results as calls complete (default: in input order)
    #[arg(long)]
    pub(crate) unordered: bool,
    /// Omit the results of successful calls
    #[arg(long)]
    pub(crate) quiet_ok: bool,
    /// Write failed rows to this file, byte for byte
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) failed: Option<OsString>,
    /// Record progress in this file; the same command resumes from it, even after a kill
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) journal: Option<OsString>,
    /// Resend rows whose outcome is unknown, even though they may be applied twice
    #[arg(long, requires = "journal")]
    pub(crate) resend_unknown: bool,
    /// Stop after this many failed rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) stop_after: Option<u64>,
    /// Write the summary to this file as JSON; --meta does the same
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) summary: Option<OsString>,
}

/// The format of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// One JSON object a line
    #[value(alias = "jsonl")]
    Ndjson,
    /// Comma-separated values with a header
    Csv,
    /// Tab-separated values with a header
    Tsv,
}

const EXAMPLES: &str = "\
Examples:
  rein -p demo batch call sync-comments source=reviews \\
       --group 1024 comments --from comments.ndjson
  rein -p demo batch call sync-comments source=reviews \\
       --group 1024 comments --from comments.csv \\
       --map id=id --map timestamp=date --map 'messages[0].body.text=text'
  rein -p demo batch DELETE 'v1/sources/id:{id}' --from ids.ndjson --dry-run
  rein -p prod batch call update-user --from users.ndjson \\
       --journal users.journal --confirm prod

The fields of each row fill the fields of NAME, or the placeholders and body of
TARGET. Results are written as one JSON object per line. Exit codes: 0 all done,
10 some failed, 2 and 9 nothing was sent.";
