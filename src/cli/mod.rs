//! What can be given. Parsing only: nothing here asks the environment or a file anything.

pub(crate) mod batch;
pub(crate) mod complete;
pub(crate) mod curl;
pub(crate) mod diff;
pub(crate) mod follow;
pub(crate) mod harmless;
pub(crate) mod hoist;
pub(crate) mod items;
pub(crate) mod options;
pub(crate) mod timing;
pub(crate) mod units;

use std::ffi::{OsStr, OsString};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter};

use crate::error::Failure;
use crate::text::terminal::sanitise;

pub(crate) use options::{CallOptions, ColorChoice, ColorOption, ProfileOptions};

/// Help begins with what it is, how it is written and examples; all options come behind them.
const EXAMPLES_FIRST: &str =
    "{about-with-newline}\n{usage-heading} {usage}{after-help}\n\n{all-args}";

/// The examples of `-h`.
const EXAMPLES: &str = "\
Examples:
  rein -p demo /api/v1/datasets                 try it: the built-in demo tenant
  rein /api/v1/datasets                         the default profile's datasets
  rein -p prod v1/datasets/{project}/orders     {project} comes from the profile
  rein POST v1/datasets/{project}/orders/export limit:=2
  rein PUT v1/sources/retail-dev/new -d @source.json
  rein call export-dataset dataset=orders --paginate --format csv -o orders.csv";

/// The examples of `--help`, and what belongs to no single option.
const LONG_EXAMPLES: &str = "\
Examples:
  rein -p demo /api/v1/datasets                 try it: the built-in demo tenant
  rein /api/v1/datasets                         the default profile's datasets
  rein -p prod v1/datasets/{project}/orders     {project} comes from the profile
  rein -X GET 'https://<my_api_endpoint>/api/v1/datasets' \\
       -H \"Authorization: Bearer $REINFER_TOKEN\"  as documented for curl
  rein POST v1/datasets/{project}/orders/export limit:=2
  rein PUT v1/sources/retail-dev/new -d @source.json
  rein call export-dataset dataset=orders --paginate --format csv -o orders.csv
  rein /api/v1/datasets --expect '.datasets | length > 0' --max-server-time 2s

Environment:
  REINFER_PROFILE                  the profile to use, unless -p names one
  REINFER_ENDPOINT, REINFER_TOKEN  endpoint and token without a profile
  REINFER_TOKEN_<PROFILE>          one profile's token: _PROD_EU for prod-eu
  REINFER_PROJECT                  replaces the profile's project
  REINFER_CONFIG                   the config file
  REIN_CURL                        the curl that 'rein curl' runs
  NO_COLOR, CLICOLOR_FORCE, TERM   whether colour is used
  COLUMNS                          the width of tables and lines
  http_proxy, https_proxy, ALL_PROXY, NO_PROXY     proxies, as for curl
  GITHUB_ACTIONS, TF_BUILD         annotations and safe logs in CI

Exit codes: 0 done, 2 nothing was sent, 3 redirect, 4 the request was wrong,
5 the platform failed, 6 7 28 35 52 56 60 the network, 8 the response is not
Re:infer's, 9 refused by a guard, 11 an expectation not met, 18 incomplete.
The reference is in the repository: docs/README.md.";

/// curl for Re:infer (UiPath Communications Mining): profiles, guards, timing
#[derive(Parser)]
#[command(
    name = "rein",
    bin_name = "rein",
    version,
    // -V is a placeholder's value in a call; clap would take the letter for --version.
    disable_version_flag = true,
    args_override_self = true,
    args_conflicts_with_subcommands = true,
    help_template = EXAMPLES_FIRST, after_help = EXAMPLES, after_long_help = LONG_EXAMPLES,
    override_usage = "rein [OPTIONS] [METHOD] TARGET [ITEM]...\n       rein <COMMAND> ...",
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) raw: RawCall,

    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// A raw call: `[METHOD] TARGET [ITEM]...`.
#[derive(clap::Args)]
pub(crate) struct RawCall {
    /// GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS (default: GET, or POST with a body); then
    /// /api/v1/..., v1/..., /auth/user or a URL under the endpoint; then items: name=text
    /// name:=json name==query Header:value name=@file name:=@file.json
    #[arg(value_name = "[METHOD] TARGET [ITEM]", num_args = 0.., add = ArgValueCompleter::new(complete::targets))]
    pub(crate) words: Vec<OsString>,

    #[command(flatten)]
    pub(crate) options: CallOptions,
}

/// Everything that is not a raw call.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Call an endpoint of the API by its name
    #[command(args_override_self = true, help_template = EXAMPLES_FIRST, after_help = CALL_EXAMPLES)]
    Call(Box<CallArgs>),
    /// Run a curl command line with profiles, token and guards
    #[command(
        args_override_self = true,
        help_template = EXAMPLES_FIRST, after_help = CURL_EXAMPLES,
        override_usage = "rein [OPTIONS] curl CURL-ARGS..."
    )]
    Curl(Box<CurlCall>),
    /// Make one call per row of a file, resumable; one result per line
    #[command(args_override_self = true)]
    Batch(Box<batch::BatchArgs>),
    /// Compare the same read on two profiles, or saved JSON files
    #[command(args_override_self = true)]
    Diff(Box<diff::DiffArgs>),
    /// Consume a stream: read, write, flush, advance
    #[command(args_override_self = true)]
    Follow(Box<follow::FollowArgs>),
    /// Look up what the API offers: names, fields, permissions, cost
    #[command(args_override_self = true, help_template = EXAMPLES_FIRST, after_help = TEMPLATES_EXAMPLES)]
    Templates(TemplatesArgs),
    /// Make the same read many times, and show percentiles of its times
    #[command(args_override_self = true)]
    Timing(Box<timing::TimingArgs>),
    /// Show profiles: which tenant, project and token belong together
    #[command(
        subcommand,
        arg_required_else_help = true,
        args_override_self = true,
        help_template = EXAMPLES_FIRST,
        after_help = PROFILE_EXAMPLES
    )]
    Profile(ProfileCommand),
    /// Write, find and check the config file
    #[command(
        subcommand,
        arg_required_else_help = true,
        args_override_self = true,
        help_template = EXAMPLES_FIRST,
        after_help = CONFIG_EXAMPLES
    )]
    Config(ConfigCommand),
    /// Run a local demo tenant
    #[command(args_override_self = true)]
    Demo(DemoArgs),
    /// Print the completion script of a shell
    #[command(
        help_template = EXAMPLES_FIRST, after_help = "Examples:\n  rein completions bash > ~/.local/share/bash-completion/completions/rein\n  rein completions fish > ~/.config/fish/completions/rein.fish\n  rein completions zsh > ~/.zfunc/_rein"
    )]
    Completions {
        /// bash, zsh, fish, powershell or elvish
        shell: clap_complete::Shell,
        #[command(flatten)]
        color: ColorOption,
    },
    /// Print the manual page
    #[command(help_template = EXAMPLES_FIRST, after_help = "Examples:\n  rein man | man -l -")]
    Man {
        #[command(flatten)]
        color: ColorOption,
    },
}

/// `rein call NAME [ITEM]...`
#[derive(clap::Args)]
pub(crate) struct CallArgs {
    /// The endpoint's name: rein templates
    #[arg(value_name = "NAME", add = ArgValueCandidates::new(complete::templates))]
    pub(crate) name: String,
    /// Values for its fields: name=text name:=json name=@file; they go where the endpoint declares
    /// them, in the path, the query or the body
    #[arg(value_name = "ITEM", add = ArgValueCompleter::new(complete::items))]
    pub(crate) items: Vec<OsString>,
    /// Read more templates from this file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) templates: Vec<OsString>,
    /// Compare the permissions that the endpoint needs with the user's; do not call it
    #[arg(long)]
    pub(crate) preflight: bool,
    #[command(flatten)]
    pub(crate) options: CallOptions,
}

const CALL_EXAMPLES: &str = "\
Examples:
  rein -p demo call list-datasets
  rein -p demo call export-dataset dataset=orders limit=2
  rein -p demo call create-source source=new title='A new source' language=en
  rein -p demo call sync-comments source=reviews comments:=@comments.json";

/// `rein curl CURL-ARGS...`: everything behind the word is curl's.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct CurlCall {
    /// curl's options and URLs, as curl reads them
    #[arg(
        value_name = "CURL-ARGS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) words: Vec<OsString>,
    #[command(flatten)]
    pub(crate) profile: ProfileOptions,
    /// Confirm a write under a guard by the guarded profile's name
    #[arg(long, value_name = "PROFILE", add = ArgValueCandidates::new(complete::profiles))]
    pub(crate) confirm: Option<String>,
    /// Fill <NAME> in the URL
    #[arg(short = 'V', long, value_name = "NAME=VALUE")]
    pub(crate) var: Vec<OsString>,
    /// Print the rein line for the same call; send nothing
    #[arg(long)]
    pub(crate) explain: bool,
    /// Show URLs, owners, class and guard, and the curl line; send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Pass -s to curl: no progress, no errors, no notes
    #[arg(short = 's', long)]
    pub(crate) silent: bool,
}

const CURL_EXAMPLES: &str = "\
rein runs the installed curl (or the one that REIN_CURL names). Before it
starts, documented hosts, <project> and an empty or literal $REINFER_TOKEN are
filled in, every URL on the line is checked against the profiles that own it
and their guards (exit 2 or 9), and a URL of the chosen profile gets the token.
Output and all other exit codes are curl's.

Give rein's options before the word curl. Behind it they have long names only
(--config is --rein-config there), and every letter is curl's.

Examples:
  rein -p demo curl 'https://<my_api_endpoint>/api/v1/datasets'
  rein -p demo curl -sS -f \\
       'https://<my_api_endpoint>/api/v1/datasets/<project>/orders'
  rein -p demo curl --dry-run -X DELETE \\
       'https://<my_api_endpoint>/api/v1/datasets/<project>/orders'
  alias curl='rein curl'            make an existing script safe";

/// `rein templates`
#[derive(clap::Args)]
pub(crate) struct TemplatesArgs {
    /// Show this endpoint: fields, permission, class, cost, paging, an example
    #[arg(add = ArgValueCandidates::new(complete::templates))]
    pub(crate) name: Option<String>,
    /// Only this group, such as datasets or streams
    #[arg(long, conflicts_with = "name", add = ArgValueCandidates::new(complete::groups))]
    pub(crate) group: Option<String>,
    /// Only what holds this word in its name, summary or path
    #[arg(long, conflicts_with = "name", value_name = "WORD")]
    pub(crate) search: Option<String>,
    /// Only this class: read, write, billable, stateful or destructive
    #[arg(long, conflicts_with = "name", add = ArgValueCandidates::new(complete::classes))]
    pub(crate) class: Option<String>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ListFormat,
    /// Read more templates from this file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) templates: Vec<OsString>,
    /// Print the example for this profile
    #[arg(short = 'p', long, value_name = "NAME", default_value = "demo", hide_default_value = true, add = ArgValueCandidates::new(complete::profiles))]
    pub(crate) profile: String,
    /// Read this config file instead of the usual one
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) config: Option<OsString>,
    #[command(flatten)]
    pub(crate) color: ColorOption,
}

/// How a list is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ListFormat {
    /// Aligned columns
    Table,
    /// One JSON document
    #[value(alias = "pretty")]
    Json,
}

const TEMPLATES_EXAMPLES: &str = "\
Examples:
  rein templates --group streams
  rein templates --search comment --class read
  rein templates export-dataset
  rein templates --format json";

const PROFILE_EXAMPLES: &str = "\
Examples:
  rein profile list
  rein profile add dev --organisation acme --tenant dev --token-env DEV_TOKEN
  rein profile check dev";

const CONFIG_EXAMPLES: &str = "\
Examples:
  rein config init
  rein config path
  rein config check";

/// `rein profile ...`
#[derive(Subcommand)]
pub(crate) enum ProfileCommand {
    /// List every profile of the file
    #[command(alias = "ls", help_template = EXAMPLES_FIRST, after_help = "Examples:\n  rein profile list")]
    List {
        /// Read this config file instead of the usual one
        #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        config: Option<OsString>,
        #[command(flatten)]
        color: ColorOption,
    },
    /// Show every value of one profile with where it came from
    #[command(alias = "current", help_template = EXAMPLES_FIRST, after_help = "Examples:\n  rein profile show\n  rein profile show prod")]
    Show {
        /// The profile (default: the one a call would use)
        #[arg(add = ArgValueCandidates::new(complete::profiles))]
        name: Option<String>,
        #[command(flatten)]
        options: ProfileOptions,
        #[command(flatten)]
        color: ColorOption,
    },
    /// Diagnose a profile step by step (read-only)
    #[command(
        help_template = EXAMPLES_FIRST, after_help = "Examples:\n  rein profile check demo\n  rein profile check --all --format json"
    )]
    Check(CheckArgs),
    /// Add a profile, or change what is given of one
    #[command(alias = "set", help_template = EXAMPLES_FIRST, after_help = ADD_EXAMPLES)]
    Add(Box<AddArgs>),
    /// Make a profile the default
    #[command(alias = "switch", help_template = EXAMPLES_FIRST, after_help = "Examples:\n  rein profile use dev")]
    Use {
        /// The profile
        #[arg(add = ArgValueCandidates::new(complete::profiles))]
        name: String,
        /// Change this file instead of the usual one
        #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        config: Option<OsString>,
        #[command(flatten)]
        color: ColorOption,
    },
    /// Remove a profile
    #[command(alias = "rm", help_template = EXAMPLES_FIRST, after_help = "Examples:\n  rein profile remove old")]
    Remove {
        /// The profile
        #[arg(add = ArgValueCandidates::new(complete::profiles))]
        name: String,
        /// Change this file instead of the usual one
        #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        config: Option<OsString>,
        #[command(flatten)]
        color: ColorOption,
    },
}

/// `rein profile check`
#[derive(clap::Args)]
pub(crate) struct CheckArgs {
    /// The profile (default: the one a call would use)
    #[arg(add = ArgValueCandidates::new(complete::profiles))]
    pub(crate) name: Option<String>,
    /// Check every profile of the file
    #[arg(long, conflicts_with = "name")]
    pub(crate) all: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ListFormat,
    /// Maximum time to wait for a profile's response
    #[arg(
        short = 'm',
        long,
        value_name = "TIME",
        default_value = "20s",
        allow_hyphen_values = true
    )]
    pub(crate) max_time: OsString,
    #[command(flatten)]
    pub(crate) options: ProfileOptions,
    #[command(flatten)]
    pub(crate) color: ColorOption,
}

const ADD_EXAMPLES: &str = "\
Examples:
  rein profile add dev --organisation acme --tenant dev \\
       --project retail-dev --token-env REINFER_TOKEN_DEV
  rein profile add prod --extends dev --tenant prod --guard confirm \\
       --token-command 'op read op://ops/reinfer/prod'
  rein profile add legacy --domain acme --ask-token";

/// `rein profile add`: the file's keys as options.
#[derive(Default, clap::Args)]
pub(crate) struct AddArgs {
    /// The profile's name
    pub(crate) name: String,
    /// The whole endpoint
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// The organisation at cloud.uipath.com
    #[arg(long, alias = "organization", value_name = "NAME")]
    pub(crate) organisation: Option<String>,
    /// The tenant of that organisation
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// Subdomain of reinfer.io
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// Take everything but the token from this profile
    #[arg(long, value_name = "PROFILE")]
    pub(crate) extends: Option<String>,
    /// What {project} stands for
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// none, confirm or read-only
    #[arg(long)]
    pub(crate) guard: Option<String>,
    /// Certificates to trust in addition to the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<String>,
    /// The proxy to use
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// The variable that holds the token
    #[arg(long, value_name = "NAME", group = "source")]
    pub(crate) token_env: Option<String>,
    /// The file that holds the token
    #[arg(long, value_name = "FILE", group = "source")]
    pub(crate) token_file: Option<String>,
    /// The command that prints the token, split like a shell would, but run without one
    #[arg(long, value_name = "COMMAND", group = "source")]
    pub(crate) token_command: Option<String>,
    /// Ask for the token, without echo, and store it in the config file, which gets mode 0600
    #[arg(long, group = "source")]
    pub(crate) ask_token: bool,
    /// Make it the default; the first profile of a file is that anyway
    #[arg(long)]
    pub(crate) default: bool,
    /// Change this file instead of the usual one
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) config: Option<OsString>,
    #[command(flatten)]
    pub(crate) color: ColorOption,
}

/// `rein config ...`
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print where the config file is looked for
    #[command(help_template = EXAMPLES_FIRST, after_help = "Examples:\n  ${EDITOR:-vi} \"$(rein config path)\"")]
    Path {
        /// Read this file instead of the usual one
        #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        config: Option<OsString>,
        #[command(flatten)]
        color: ColorOption,
    },
    /// Write an example config file, every setting commented out
    #[command(help_template = EXAMPLES_FIRST, after_help = "Examples:\n  rein config init")]
    Init {
        /// Write this file instead of the usual one
        #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        config: Option<OsString>,
        #[command(flatten)]
        color: ColorOption,
    },
    /// Print an example config file
    #[command(help_template = EXAMPLES_FIRST, after_help = "Examples:\n  rein config example | less")]
    Example {
        #[command(flatten)]
        color: ColorOption,
    },
    /// Take profiles over from the vendor's CLI (re) or from uipathcli (uipath)
    #[command(
        help_template = EXAMPLES_FIRST, after_help = "Examples:\n  rein config import re\n  rein config import uipath --tokens"
    )]
    Import(ImportArgs),
    /// Check the whole file and every profile, sending nothing
    #[command(
        help_template = EXAMPLES_FIRST, after_help = "Examples:\n  rein config check\n  rein config check --config ./new.toml"
    )]
    Check {
        /// Read this file instead of the usual one
        #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        config: Option<OsString>,
        #[command(flatten)]
        color: ColorOption,
    },
}

/// `rein config import`
#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// Which tool's file it is
    pub(crate) from: ImportFrom,
    /// The file (default: that tool's usual place)
    #[arg(value_hint = clap::ValueHint::FilePath)]
    pub(crate) file: Option<OsString>,
    /// Copy tokens and client secrets as well, to files with mode 0600
    #[arg(long)]
    pub(crate) tokens: bool,
    /// Change this config file instead of the usual one
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) config: Option<OsString>,
    #[command(flatten)]
    pub(crate) color: ColorOption,
}

/// A tool whose profiles can be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ImportFrom {
    /// The vendor's CLI: contexts.json
    Re,
    /// uipathcli: ~/.uipath/config
    Uipath,
}

/// `rein demo`
#[derive(clap::Args)]
#[command(help_template = EXAMPLES_FIRST, after_help = DEMO_EXAMPLES)]
pub(crate) struct DemoArgs {
    /// Listen on this port (default: a free one)
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) port: u16,
    /// Speak https with a throw-away certificate authority, whose file is printed
    #[arg(long)]
    pub(crate) tls: bool,
    /// Misbehave: KIND, KIND:RATE or KIND@PATH, e.g. 503:20%, slow=2000, cut, html@/export
    #[arg(long, value_name = "KIND[:RATE]")]
    pub(crate) fault: Vec<String>,
    #[command(flatten)]
    pub(crate) color: ColorOption,
}

const DEMO_EXAMPLES: &str = "\
Examples:
  rein demo                prints the lines that point rein, curl or re at it
  rein demo --port 8080 --tls
  rein demo --fault 503:20% --fault slow=2000";

/// What a command line asks for, with the order of its options.
pub(crate) struct Parsed {
    pub(crate) cli: Cli,
    pub(crate) matches: clap::ArgMatches,
}

impl Parsed {
    /// Returns what was said about colour, on whichever subcommand.
    pub(crate) fn color(&self) -> Option<ColorChoice> {
        let mut matches = &self.matches;
        while let Some((_, below)) = matches.subcommand() {
            matches = below;
        }
        matches.try_get_one("color").ok().flatten().copied()
    }
}

/// Returns what a line that cannot be parsed, or asks for help, says about colour.
pub(crate) fn color_of(words: &[OsString]) -> Option<ColorChoice> {
    let mut choice = None;
    let mut words = words.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        let value = match word.split_once('=') {
            Some(("--color" | "--colour", value)) => value.to_owned(),
            None if matches!(&*word, "--color" | "--colour") => match words.next() {
                Some(value) => value.into_owned(),
                None => break,
            },
            _ => continue,
        };
        choice = <ColorChoice as clap::ValueEnum>::from_str(&value, false)
            .ok()
            .or(choice);
    }
    choice
}

/// Why there is no parsed command line.
#[derive(Debug)]
pub(crate) enum Unparsed {
    /// What clap says, which also stands for `--help` and `--version`.
    Clap(clap::Error),
    /// What clap knows nothing of.
    Failed(Failure),
}

impl From<clap::Error> for Unparsed {
    fn from(error: clap::Error) -> Self {
        Unparsed::Clap(error)
    }
}

impl From<Failure> for Unparsed {
    fn from(failure: Failure) -> Self {
        Unparsed::Failed(failure)
    }
}

/// Returns a word without its first `start` bytes, which are ASCII or whole characters.
pub(crate) fn tail(word: &OsStr, start: usize) -> &OsStr {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        OsStr::from_bytes(word.as_bytes().get(start..).unwrap_or_default())
    }
    #[cfg(not(unix))]
    {
        let text = word.to_str().unwrap_or_default();
        OsStr::new(text.get(start..).unwrap_or_default())
    }
}

/// Parses a command line whose first word is the program's name.
///
/// # Errors
/// Fails on what is not understood, and where help or the version is asked for.
pub(crate) fn parse(args: Vec<OsString>) -> Result<Parsed, Unparsed> {
    match parse_own(args.clone()) {
        Err(error) if error.kind() == clap::error::ErrorKind::UnknownArgument => {
            let unknown = match error.get(clap::error::ContextKind::InvalidArg) {
                Some(clap::error::ContextValue::String(word)) => word.as_str(),
                _ => "",
            };
            match without_curls_harmless(&args, unknown)? {
                Some(words) => Ok(parse_own(words)?),
                None => Err(error.into()),
            }
        }
        parsed => {
            let parsed = parsed?;
            refuse_option_as_body(&parsed.cli)?;
            Ok(parsed)
        }
    }
}

/// Refuses `--json -q EXPR`: to other tools `--json` is a flag, here it takes the body.
fn refuse_option_as_body(cli: &Cli) -> Result<(), Failure> {
    let request = match &cli.command {
        None => &cli.raw.options.request,
        Some(Command::Call(call)) => &call.options.request,
        Some(_) => return Ok(()),
    };
    let options = request.json.iter().map(|body| body.to_string_lossy());
    let mut options = options.filter(|body| body.starts_with('-') && body.len() > 1);
    let calls = || RawCall::augment_args(clap::Command::new("rein"));
    match options.find(|body| hoist::knows(&calls(), body)) {
        Some(option) => Err(Failure::unsent(format!(
            "--json takes a body, and {} is an option",
            sanitise(&option)
        ))
        .hint("to send JSON: --json '{\"name\":\"text\"}', or items: name=text")
        .hint("responses are JSON anyway: leave --json out")),
        None => Ok(()),
    }
}

/// Returns the words of a call without curl's options that change nothing; `None` for another
/// command, where only the option that is not known can be one of another tool's.
fn without_curls_harmless(
    args: &[OsString],
    unknown: &str,
) -> Result<Option<Vec<OsString>>, Failure> {
    let command = Cli::command();
    let words = args.get(1..).unwrap_or_default();
    let first = hoist::first_plain_word(&command, words).map(|at| words[at].to_string_lossy());
    let native = match first.as_deref() {
        Some("call") => CallArgs::augment_args(clap::Command::new("call")),
        Some(name) if SUBCOMMANDS.contains(&name) => {
            if let Some(subcommand) = command.find_subcommand(name) {
                harmless::refuse_other_tools(subcommand, unknown)?;
            }
            return refuse_option_of_calls(&command, args, unknown).map(|()| None);
        }
        _ => RawCall::augment_args(clap::Command::new("rein")),
    };
    let kept = harmless::without_harmless(&native, words)?;
    Ok(Some(args.iter().take(1).cloned().chain(kept).collect()))
}

/// Refuses an option of calls that a subcommand does not have, with the line to use instead.
///
/// # Errors
/// Fails (exit 2) when `unknown` is such an option.
fn refuse_option_of_calls(
    root: &clap::Command,
    args: &[OsString],
    unknown: &str,
) -> Result<(), Failure> {
    let calls = RawCall::augment_args(clap::Command::new("rein"));
    if !hoist::knows(&calls, unknown) {
        return Ok(());
    }
    let (leaf, names, rest) = hoist::leaf(root, args);
    let path = names.join(" ");
    let failure =
        Failure::usage(format!("rein {path} has no option {unknown}")).fact("nothing was sent");
    let (mut kept, removed) = hoist::partition(
        rest,
        |word| !hoist::knows(leaf, word) && hoist::knows(&calls, word),
        &calls,
    );
    let is_clear = kept.iter().all(|word| {
        let text = word.to_string_lossy();
        !text.starts_with('-') || hoist::knows(leaf, &text)
    });
    if !is_clear {
        return Err(failure.hint("leave it out"));
    }
    // `rein -p dev profile use` means the profile that it names.
    let takes_a_profile = names.first().is_some_and(|name| name == "profile")
        && leaf
            .get_positionals()
            .any(|argument| argument.get_id() == "name");
    if takes_a_profile && hoist::first_plain_word(leaf, &kept).is_none() {
        let given = removed
            .iter()
            .position(|word| word == "-p" || word == "--profile");
        kept.extend(given.and_then(|at| removed.get(at + 1)).cloned());
    }
    let words = kept.iter().map(|word| {
        let text = word.to_string_lossy();
        sanitise(&shell_words::quote(&text)).into_owned()
    });
    let line: Vec<String> = ["rein".to_owned(), path].into_iter().chain(words).collect();
    Err(failure.hint(format!("without it: {}", line.join(" "))))
}

fn parse_own(args: Vec<OsString>) -> Result<Parsed, clap::Error> {
    if let Some(at) = plain_curl(&args) {
        return parse_curl(at, &args);
    }
    if let Some(parsed) = parse_raw(&args) {
        return Ok(parsed);
    }
    let command = Cli::command();
    if let Some(at) = curl_word(&command, &args) {
        return parse_curl(at, &args);
    }
    let args = hoist::options_after_subcommand(&command, args);
    let is_short = args.iter().any(|word| word == "-h");
    let matches = match command.clone().try_get_matches_from(&args) {
        Err(error) if is_short && error.kind() == clap::error::ErrorKind::DisplayHelp => {
            briefly(command).try_get_matches_from(args)?
        }
        matches => matches?,
    };
    let cli = Cli::from_arg_matches(&matches)?;
    Ok(Parsed { cli, matches })
}

/// The options of a raw call that `-h` lists; `--help` has all of them.
const MAIN_OPTIONS: [(&str, &str); 14] = [
    (
        "profile",
        "Use this profile; `demo` is the built-in demo tenant",
    ),
    ("request", "Use this method"),
    ("header", "Add a header"),
    ("data", "Send JSON: @FILE, @- or text"),
    ("var", "Fill {NAME} or <NAME> in TARGET"),
    ("confirm", "Confirm a guarded write by the profile's name"),
    (
        "dry_run",
        "Show the request, its class and guard; send nothing",
    ),
    (
        "format",
        "pretty, compact, table, csv, tsv, ndjson, yaml or raw",
    ),
    ("table", "Show the items as a table"),
    (
        "filter",
        "Run this jq filter on the response; strings print raw",
    ),
    ("output", "Write the body to this file"),
    (
        "verbose",
        "Show both header blocks and the time of each phase",
    ),
    ("paginate", "Read all pages"),
    ("max_time", "Maximum time for the whole command, e.g. 30s"),
];

/// Returns the definition whose help fits a screen: the main options, a line each, in one group.
/// A subcommand that makes calls keeps its own options, and of those of calls the main ones.
fn briefly(command: clap::Command) -> clap::Command {
    let calls = RawCall::augment_args(clap::Command::new("rein"));
    let ids: Vec<clap::Id> = calls
        .get_arguments()
        .map(|it| it.get_id().clone())
        .collect();
    let is_of_calls = |id: &str| ids.iter().any(|known| known == id);
    let names = ["call", "batch", "diff", "timing", "follow"];
    let command = names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |subcommand| {
            subcommand.mut_args(|argument| {
                let id = argument.get_id().to_string();
                let is_main = MAIN_OPTIONS.iter().any(|(name, _)| *name == id);
                let is_hidden = argument.is_hide_set() || (is_of_calls(&id) && !is_main);
                argument.hide(is_hidden)
            })
        })
    });
    command.mut_args(|argument| {
        let id = argument.get_id().to_string();
        // Its values are in the line itself; clap does not allow flags to hide theirs.
        let is_format = id == "format";
        match MAIN_OPTIONS.iter().find(|(name, _)| *name == id) {
            Some((_, help)) => argument
                .help(*help)
                .hide_possible_values(is_format)
                .help_heading(clap::builder::Resettable::Reset),
            None => argument.hide(id != "help"),
        }
    })
}

/// Returns whether the words behind curl ask what rein does there; `-h all` asks curl.
fn asks_for_help(words: &[OsString]) -> bool {
    matches!(words, [word] if word == "-h" || word == "--help")
}

/// Returns the template that a line calls by name.
pub(crate) fn named_call(args: &[OsString]) -> Option<String> {
    let words = args.get(1..)?;
    let call = hoist::first_plain_word(&Cli::command(), words)?;
    if words[call] != "call" {
        return None;
    }
    let rest = &words[call + 1..];
    let command = CallArgs::augment_args(clap::Command::new("call"));
    let name = hoist::first_plain_word(&command, rest)?;
    rest[name].to_str().map(str::to_owned)
}

/// Returns the definition of what can be given before the word curl.
fn curl_options() -> clap::Command {
    let command = clap::Command::new("rein").args_override_self(true);
    CurlCall::augment_args(command.override_usage("rein [OPTIONS] curl CURL-ARGS..."))
}

/// Returns the position of the word curl where a line is for it; `command` says which options
/// before it have values.
fn curl_word(command: &clap::Command, args: &[OsString]) -> Option<usize> {
    let at = 1 + hoist::first_plain_word(command, args.get(1..)?)?;
    (args[at] == "curl" && !asks_for_help(&args[at + 1..])).then_some(at)
}

/// Returns the position of the word curl where only options of its own are before it, for which no
/// other definition is needed: building all of them takes longer than everything else before curl
/// starts.
fn plain_curl(args: &[OsString]) -> Option<usize> {
    args.iter().find(|word| *word == "curl")?;
    if args.get(1).is_some_and(|word| word == "curl") {
        return (!asks_for_help(&args[2..])).then_some(1);
    }
    let options = curl_options();
    let at = curl_word(&options, args)?;
    let is_plain = |word: &OsString| {
        let text = word.to_string_lossy();
        let is_bundle = text.len() > 2 && !text.starts_with("--");
        !text.starts_with('-') || !is_bundle && hoist::knows(&options, &text)
    };
    args[1..at].iter().all(is_plain).then_some(at)
}

/// Parses `rein [OPTIONS] curl WORDS...`: what follows the word is left as it is.
fn parse_curl(at: usize, args: &[OsString]) -> Result<Parsed, clap::Error> {
    let (mut call, matches) = match at {
        // There is nothing before the word.
        1 => (CurlCall::default(), clap::ArgMatches::default()),
        _ => {
            let matches = curl_options().try_get_matches_from(&args[..at])?;
            (CurlCall::from_arg_matches(&matches)?, matches)
        }
    };
    if let Some(misplaced) = call.words.first() {
        let text = format!(
            "{} must follow the word curl: rein -p NAME curl {0} ...",
            sanitise(&misplaced.to_string_lossy())
        );
        let kind = clap::error::ErrorKind::ArgumentConflict;
        return Err(curl_options().error(kind, text));
    }
    call.words = args[at + 1..].to_vec();
    let cli = Cli {
        command: Some(Command::Curl(Box::new(call))),
        raw: RawCall {
            words: Vec::new(),
            options: CallOptions::default(),
        },
        version: None,
    };
    Ok(Parsed { cli, matches })
}

/// Every subcommand, known without building the definition of one.
const SUBCOMMANDS: &[&str] = &[
    "batch",
    "call",
    "completions",
    "config",
    "curl",
    "demo",
    "diff",
    "follow",
    "help",
    "man",
    "profile",
    "templates",
    "timing",
];

/// Parses a line that is plainly a raw call, with nothing but a raw call's options built: that is
/// half of what such a call would otherwise spend on its command line. `None` leaves everything
/// else, mistakes and help among it, to the whole definition.
fn parse_raw(args: &[OsString]) -> Option<Parsed> {
    let command = RawCall::augment_args(clap::Command::new("rein").args_override_self(true));
    let first = hoist::first_plain_word(&command, args.get(1..)?)?;
    if args
        .get(first + 1)
        .and_then(|word| word.to_str())
        .is_none_or(|word| SUBCOMMANDS.contains(&word))
    {
        return None;
    }
    let matches = command.try_get_matches_from(args).ok()?;
    let raw = RawCall::from_arg_matches(&matches).ok()?;
    Some(Parsed {
        cli: Cli {
            command: None,
            raw,
            version: None,
        },
        matches,
    })
}

/// Returns the names of all subcommands, for saying what was probably meant.
pub(crate) fn subcommand_names() -> Vec<String> {
    Cli::command()
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
        briefly(Cli::command()).debug_assert();
    }

    #[test]
    fn every_subcommand_is_known_by_name() {
        let mut command = Cli::command();
        command.build();
        for subcommand in command.get_subcommands() {
            assert!(
                SUBCOMMANDS.contains(&subcommand.get_name()),
                "{}",
                subcommand.get_name()
            );
        }
    }

    #[test]
    fn no_argument_reads_a_variable() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                assert!(
                    argument.get_long() != Some("token"),
                    "a token would show in ps"
                );
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }

    #[test]
    fn every_subcommand_shows_examples() {
        fn walk(command: &clap::Command) {
            let help = command.clone().render_help().to_string();
            let place = |heading: &str| help.find(heading).unwrap_or(usize::MAX);
            let (usage, examples) = (place("Usage:"), place("Examples:"));
            assert!(usage < examples, "{help}");
            assert!(examples < place("Options:"), "{help}");
            assert!(examples < place("Commands:"), "{help}");
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }
}
