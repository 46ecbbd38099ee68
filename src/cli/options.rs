//! The options of a call, with curl's letters in curl's meaning.

use std::ffi::OsString;

use clap::{ArgMatches, Args, ValueEnum, ValueHint};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

use super::complete;
use crate::text::terminal::ColourChoice;

/// Which tenant and project.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Profile")]
pub(crate) struct ProfileOptions {
    /// Use this profile; `demo` is the built-in demo tenant
    #[arg(short = 'p', long, value_name = "NAME", add = ArgValueCandidates::new(complete::profiles))]
    pub(crate) profile: Option<String>,
    /// Use this endpoint, e.g. https://cloud.uipath.com/acme/dev/reinfer_
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) endpoint: Option<OsString>,
    /// Use this project instead of the profile's
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Read the token from this file, or from standard input with -
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<OsString>,
    /// Read this config file instead of the usual one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<OsString>,
}

/// Everything that can be said about a call.
#[derive(Clone, Default, Args)]
pub(crate) struct CallOptions {
    #[command(flatten)]
    pub(crate) profile: ProfileOptions,
    #[command(flatten)]
    pub(crate) request: RequestOptions,
    #[command(flatten)]
    pub(crate) safety: SafetyOptions,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(flatten)]
    pub(crate) paging: PagingOptions,
    #[command(flatten)]
    pub(crate) checks: CheckOptions,
    #[command(flatten)]
    pub(crate) connection: ConnectionOptions,
}

/// What is sent.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct RequestOptions {
    /// Use this method
    #[arg(short = 'X', long, value_name = "METHOD", allow_hyphen_values = true)]
    pub(crate) request: Option<OsString>,
    /// Add a header; `Name:` removes it, `Name;` sends it empty, @FILE reads one a line
    #[arg(short = 'H', long, value_name = "LINE", allow_hyphen_values = true)]
    pub(crate) header: Vec<OsString>,
    /// Send this as the body, checked to be JSON; @FILE or @- reads it, every byte kept
    #[arg(
        short = 'd',
        long,
        visible_alias = "data-ascii",
        value_name = "BODY",
        allow_hyphen_values = true
    )]
    pub(crate) data: Vec<OsString>,
    /// The same, but a leading @ is text
    #[arg(long, value_name = "BODY", allow_hyphen_values = true)]
    pub(crate) data_raw: Vec<OsString>,
    /// The same as --data
    #[arg(long, value_name = "BODY", allow_hyphen_values = true)]
    pub(crate) data_binary: Vec<OsString>,
    /// Send this as a form, percent-encoded: text, name=text, @FILE or name@FILE
    #[arg(long, value_name = "BODY", allow_hyphen_values = true)]
    pub(crate) data_urlencode: Vec<OsString>,
    /// Send this as JSON and ask for JSON; several are joined with nothing between
    #[arg(long, value_name = "BODY", allow_hyphen_values = true)]
    pub(crate) json: Vec<OsString>,
    /// Put the data into the query and use GET
    #[arg(short = 'G', long)]
    pub(crate) get: bool,
    /// Add to the query, percent-encoded: name=text, or +text as it is
    #[arg(long, value_name = "NAME=TEXT", allow_hyphen_values = true)]
    pub(crate) url_query: Vec<OsString>,
    /// Send a form part: name=text, name=@FILE or name=<FILE, with ;type= and ;filename=
    #[arg(
        short = 'F',
        long,
        value_name = "NAME=CONTENT",
        allow_hyphen_values = true
    )]
    pub(crate) form: Vec<OsString>,
    /// Send a form part whose content is text whatever it begins with
    #[arg(long, value_name = "NAME=TEXT", allow_hyphen_values = true)]
    pub(crate) form_string: Vec<OsString>,
    /// Send this file, or - for standard input, streamed, with PUT
    #[arg(short = 'T', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) upload_file: Option<OsString>,
    /// Send HEAD and print the headers
    #[arg(short = 'I', long)]
    pub(crate) head: bool,
    /// Send this User-Agent
    #[arg(short = 'A', long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) user_agent: Option<OsString>,
    /// Fill {NAME} or <NAME> in TARGET
    #[arg(short = 'V', long, value_name = "NAME=VALUE")]
    pub(crate) var: Vec<OsString>,
}

/// What happens before it is sent.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Safety")]
pub(crate) struct SafetyOptions {
    /// Confirm a write under a guard by the guarded profile's name
    #[arg(long, value_name = "PROFILE", add = ArgValueCandidates::new(complete::profiles))]
    pub(crate) confirm: Option<String>,
    /// Show the request, its class and what a guard would do; send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the equivalent curl line, the token as its variable; send nothing
    #[arg(long)]
    pub(crate) curl: bool,
}

/// How the response is shown, and where it is written.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputOptions {
    /// Output format of the response (default: pretty on a terminal, raw otherwise)
    #[arg(long, value_name = "FORMAT", overrides_with = "table")]
    pub(crate) format: Option<Format>,
    /// Show the items as a table
    #[arg(short = 't', long, overrides_with = "format")]
    pub(crate) table: bool,
    /// The items are at this path (default: where the endpoint has them, else the one list)
    #[arg(long = "items", value_name = "PATH")]
    pub(crate) items_at: Option<OsString>,
    /// Show these columns: id,comment.timestamp,labels[*].name
    #[arg(long, value_name = "LIST", add = ArgValueCompleter::new(complete::columns))]
    pub(crate) columns: Vec<OsString>,
    /// Sort the items by this column; -COLUMN puts the largest first
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub(crate) sort: Option<OsString>,
    /// Leave out the line with the columns' names
    #[arg(long)]
    pub(crate) no_header: bool,
    /// Put a ' before csv and tsv cells that a spreadsheet would run as a formula
    #[arg(long)]
    pub(crate) csv_safe: bool,
    /// Run this jq filter on the response; strings print raw
    #[arg(
        short = 'q',
        long = "jq",
        value_name = "EXPR",
        allow_hyphen_values = true
    )]
    pub(crate) filter: Option<OsString>,
    /// Give the filter a variable: $NAME is this text
    #[arg(long, num_args = 2, value_names = ["NAME", "TEXT"], allow_hyphen_values = true)]
    pub(crate) arg: Vec<OsString>,
    /// Give the filter a variable: $NAME is this JSON
    #[arg(long, num_args = 2, value_names = ["NAME", "JSON"], allow_hyphen_values = true)]
    pub(crate) argjson: Vec<OsString>,
    /// Print the body of an HTTP error even where a table or filter was asked for
    #[arg(long)]
    pub(crate) keep_error_body: bool,
    /// Print the header block before the body
    #[arg(short = 'i', long)]
    pub(crate) include: bool,
    /// Write the header block to this file, or to standard output with -
    #[arg(short = 'D', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) dump_header: Option<OsString>,
    /// Write the body to this file; it appears only when complete and successful
    #[arg(short = 'o', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<OsString>,
    /// Break workflow commands of GitHub Actions and Azure Pipelines (::, ##[, ##vso[) in what is
    /// written to standard output, by a blank
    #[arg(long)]
    pub(crate) safe_stdout: bool,
    /// Drop the status line; errors still show
    #[arg(short = 's', long)]
    pub(crate) silent: bool,
    /// Accepted as in curl: errors always show
    #[arg(short = 'S', long, hide = true)]
    pub(crate) show_error: bool,
    /// Drop the body of an HTTP error
    #[arg(short = 'f', long)]
    pub(crate) fail: bool,
    /// Accepted as in curl: the body of an HTTP error is printed anyway
    #[arg(long, hide = true)]
    pub(crate) fail_with_body: bool,
    /// Show both header blocks, the token redacted, and the time of each phase
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
    /// Write what is known about the call to this file as JSON, however it ends; - is standard
    /// error, instead of the status line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) meta: Option<OsString>,
    /// Print this after the response, with curl's variables: '%{http_code} %{server_timing}\n', or
    /// @FILE
    #[arg(short = 'w', long, value_name = "FORMAT", allow_hyphen_values = true)]
    pub(crate) write_out: Option<OsString>,
    #[command(flatten)]
    pub(crate) color: ColorOption,
    /// Stop when the decoded body is larger than this, e.g. 10MB
    #[arg(
        long,
        value_name = "SIZE",
        visible_alias = "max-filesize",
        allow_hyphen_values = true
    )]
    pub(crate) max_size: Option<OsString>,
}

impl OutputOptions {
    /// Returns the file of `-o`, where it is not standard output.
    pub(crate) fn file(&self) -> Option<&std::path::Path> {
        let file = self.output.as_deref().filter(|file| *file != "-");
        file.map(std::path::Path::new)
    }

    /// Returns whether the format of `-w` comes from standard input.
    pub(crate) fn format_is_piped(&self) -> bool {
        self.write_out
            .as_deref()
            .is_some_and(|format| format == "@-")
    }
}

/// Whether colour is used: every subcommand has this.
#[derive(Clone, Default, Args)]
pub(crate) struct ColorOption {
    /// Use colour
    #[arg(
        long,
        value_name = "WHEN",
        visible_alias = "colour",
        help_heading = "Output"
    )]
    pub(crate) color: Option<ColorChoice>,
}

/// Which pages are read.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Paging")]
pub(crate) struct PagingOptions {
    /// Read all pages, in the endpoint's own way; JSON becomes one joined document
    #[arg(long)]
    pub(crate) paginate: bool,
    /// Stop after this many items
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) limit: Option<u64>,
    /// Stop after this many pages; more to come is exit 18
    #[arg(
        long,
        value_name = "N",
        requires = "paginate",
        allow_hyphen_values = true
    )]
    pub(crate) max_pages: Option<u64>,
    /// The response has the next cursor at this path (for paths that the catalogue does not know)
    #[arg(
        long,
        value_name = "PATH",
        requires = "cursor_in",
        requires = "paginate"
    )]
    pub(crate) cursor_out: Option<String>,
    /// The request takes it in this query parameter, or field of the body
    #[arg(long, value_name = "FIELD", requires = "cursor_out")]
    pub(crate) cursor_in: Option<String>,
    /// Save progress in FILE; rerunning the command resumes
    #[arg(long, value_name = "FILE", requires = "paginate", value_hint = ValueHint::FilePath)]
    pub(crate) state: Option<OsString>,
}

/// What the response must be.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Checks")]
pub(crate) struct CheckOptions {
    /// Fail (exit 11) unless this jq filter gives something true on the response
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub(crate) expect: Vec<String>,
    /// Fail (exit 11) unless the status is one of these: 200,404 or 2xx
    #[arg(long, value_name = "LIST")]
    pub(crate) expect_status: Option<String>,
    /// Fail (exit 11) when the platform itself took longer, or does not say
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) max_server_time: Option<String>,
    /// Fail (exit 11) when the call took longer
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) max_total_time: Option<String>,
    /// Repeat a read until this jq filter gives something true on the response
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub(crate) until: Option<String>,
    /// Wait this long between two attempts of --until (default 5s)
    #[arg(
        long,
        value_name = "TIME",
        requires = "until",
        allow_hyphen_values = true
    )]
    pub(crate) every: Option<String>,
    /// Give up (exit 11) after this time (default 10m)
    #[arg(
        long,
        value_name = "TIME",
        requires = "until",
        allow_hyphen_values = true
    )]
    pub(crate) within: Option<String>,
    /// Write the checks as a report: junit=FILE
    #[arg(long, value_name = "junit=FILE")]
    pub(crate) report: Option<OsString>,
}

/// How the connection is made.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionOptions {
    /// Maximum time for the whole command, e.g. 30s: every request, retry, page and wait
    #[arg(short = 'm', long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) max_time: Option<OsString>,
    /// Give up connecting after this time (default 10s)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) connect_timeout: Option<OsString>,
    /// Give up when no data moves for this long (default 240s; with -Y: 30s)
    #[arg(short = 'y', long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) speed_time: Option<OsString>,
    /// End a transfer that stays slower than this for the time of -y
    #[arg(short = 'Y', long, value_name = "BYTES/S")]
    pub(crate) speed_limit: Option<u64>,
    /// Use this proxy, e.g. http://proxy:3128 or socks5h://localhost:1080; "" for none
    #[arg(short = 'x', long, value_name = "URL")]
    pub(crate) proxy: Option<OsString>,
    /// Use no proxy for these hosts, comma separated; * for all
    #[arg(long, value_name = "HOSTS")]
    pub(crate) noproxy: Option<OsString>,
    /// Connect to ADDRESS for HOST:PORT; the host name and certificate check are unchanged
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    pub(crate) resolve: Vec<OsString>,
    /// Trust the certificates in this PEM file in addition to the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) cacert: Option<OsString>,
    /// Show the server this client certificate (PEM; with --key, or both in one file)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) cert: Option<OsString>,
    /// The client certificate's private key (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<OsString>,
    /// Accept any certificate, for this call; warns
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,
    /// Retry up to N times what may be retried (default 2: reads on a lost connection, 429,
    /// 502, 503, 504; writes only when they cannot have been processed)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) retry: Option<u32>,
    /// Wait this long before each retry (default: growing from 0.5s)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) retry_delay: Option<OsString>,
    /// Start no retry after this time (default 60s)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) retry_max_time: Option<OsString>,
    /// Follow redirects: reads only, and only inside the endpoint
    #[arg(short = 'L', long)]
    pub(crate) location: bool,
    /// Follow at most this many redirects (default 50)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) max_redirs: Option<u32>,
    /// Use IPv4 addresses only
    #[arg(short = '4', long, overrides_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Use IPv6 addresses only
    #[arg(short = '6', long, overrides_with = "ipv4")]
    pub(crate) ipv6: bool,
    /// Speak HTTP/1.1 only
    #[arg(long = "http1.1", overrides_with = "http2")]
    pub(crate) http1_1: bool,
    /// Ask for HTTP/2 (the default over https)
    #[arg(long, overrides_with = "http1_1")]
    pub(crate) http2: bool,
    /// Accepted as in curl: compression is always asked for
    #[arg(long, hide = true)]
    pub(crate) compressed: bool,
}

/// How a body is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The bytes as received
    Raw,
    /// Indented; numbers, order and duplicates kept
    #[value(alias = "json")]
    Pretty,
    /// On one line; numbers, order and duplicates kept
    Compact,
    /// The items in aligned columns
    Table,
    /// The items as comma-separated values
    Csv,
    /// The items as tab-separated values
    Tsv,
    /// The items, one a line
    #[value(alias = "jsonl")]
    Ndjson,
    /// The items as YAML
    Yaml,
}

/// When colour is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless the environment says otherwise
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl From<Option<ColorChoice>> for ColourChoice {
    fn from(given: Option<ColorChoice>) -> Self {
        match given {
            None | Some(ColorChoice::Auto) => ColourChoice::Auto,
            Some(ColorChoice::Always) => ColourChoice::Always,
            Some(ColorChoice::Never) => ColourChoice::Never,
        }
    }
}

/// Which option a chunk of the body was given with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataKind {
    /// `-d`, `--data-binary`: `@FILE` is a file, every byte kept.
    Data,
    /// `--data-raw`: always text.
    Raw,
    /// `--json`: as `-d`, joined with nothing.
    Json,
    /// `--data-urlencode`: percent-encoded.
    UrlEncode,
}

/// Returns the chunks of the body in the order in which they were given, across the options.
pub(crate) fn data_in_order(matches: &ArgMatches) -> Vec<(DataKind, OsString)> {
    const OPTIONS: [(&str, DataKind); 5] = [
        ("data", DataKind::Data),
        ("data_raw", DataKind::Raw),
        ("data_binary", DataKind::Data),
        ("json", DataKind::Json),
        ("data_urlencode", DataKind::UrlEncode),
    ];
    in_order(matches, &OPTIONS)
}

/// Returns the form parts in the order in which they were given; `true` marks `--form-string`.
pub(crate) fn form_in_order(matches: &ArgMatches) -> Vec<(bool, OsString)> {
    in_order(matches, &[("form", false), ("form_string", true)])
}

fn in_order<T: Copy>(matches: &ArgMatches, options: &[(&str, T)]) -> Vec<(T, OsString)> {
    let mut given: Vec<(usize, T, OsString)> = Vec::new();
    for (id, kind) in options {
        let values = matches.get_many::<OsString>(id).into_iter().flatten();
        let indices = matches.indices_of(id).into_iter().flatten();
        let chunks = indices.zip(values.cloned());
        given.extend(chunks.map(|(index, value)| (index, *kind, value)));
    }
    given.sort_by_key(|(index, ..)| *index);
    let chunks = given.into_iter().map(|(_, kind, value)| (kind, value));
    chunks.collect()
}
