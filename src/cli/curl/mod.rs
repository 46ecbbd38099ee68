//! What can be typed after `rein curl`: curl's options by curl's rules, and a few of rein's.
//!
//! A parser of its own, because curl's rules are not clap's: `-d=a` is the value `=a`, `-d -5` is
//! the value `-5`, letters are bundled with a value behind the last one, and a word is an option
//! wherever it stands.

pub(crate) mod native;
pub(crate) mod pasted;
pub(crate) mod table;

use std::ffi::{OsStr, OsString};

use self::table::{CurlOption, Meaning, OWN, TABLE, Takes};
use crate::cli::options::{ConnectionOptions, DataKind, ProfileOptions};
use crate::cli::tail;
use crate::error::{Failure, Result, nearest};
use crate::output::terminal::sanitise;

/// What an option that is taken stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Id {
    Alpn,
    Bearer,
    Cacert,
    Capath,
    Cert,
    CertType,
    Clobber,
    Compressed,
    Confirm,
    ConnectTimeout,
    ConnectTo,
    Cookie,
    CreateDirs,
    Data,
    DataBinary,
    DataRaw,
    DataUrlencode,
    DryRun,
    DumpHeader,
    Endpoint,
    Explain,
    Fail,
    FailWithBody,
    Form,
    FormString,
    Get,
    Head,
    Header,
    Help,
    Http11,
    Http2,
    Include,
    Insecure,
    Ipv4,
    Ipv6,
    Json,
    Key,
    KeyType,
    Location,
    MaxFilesize,
    MaxRedirs,
    MaxTime,
    Noproxy,
    Output,
    OutputDir,
    PathAsIs,
    Post301,
    Post302,
    Post303,
    Profile,
    Project,
    Proto,
    ProtoDefault,
    ProtoRedir,
    Proxy,
    ProxyUser,
    Proxytunnel,
    Range,
    Referer,
    ReinConfig,
    RemoteName,
    RemoveOnError,
    Request,
    Resolve,
    Retry,
    RetryAllErrors,
    RetryConnrefused,
    RetryDelay,
    RetryMaxTime,
    ShowError,
    Silent,
    Socks4,
    Socks4a,
    Socks5,
    Socks5Hostname,
    SpeedTime,
    TimeCond,
    Tls12OrNewer,
    Tls13,
    TlsMax,
    TokenFile,
    UploadFile,
    Url,
    UrlQuery,
    User,
    UserAgent,
    Var,
    Verbose,
    Version,
    WriteOut,
}

/// A line of curl's, parsed and not judged yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct CurlArgs {
    /// The URLs.
    pub(crate) urls: Vec<OsString>,
    pub(crate) request: Option<OsString>,
    pub(crate) header: Vec<OsString>,
    /// The pieces of the body, in the order typed.
    pub(crate) data: Vec<(DataKind, OsString)>,
    pub(crate) get: bool,
    pub(crate) url_query: Vec<OsString>,
    /// The form's parts, in the order typed; `true` marks `--form-string`.
    pub(crate) form: Vec<(bool, OsString)>,
    pub(crate) upload_file: Option<OsString>,
    pub(crate) head: bool,
    pub(crate) user_agent: Option<OsString>,
    pub(crate) referer: Option<OsString>,
    pub(crate) user: Option<OsString>,
    pub(crate) bearer: Option<OsString>,
    pub(crate) cookie: Vec<OsString>,
    pub(crate) range: Option<OsString>,
    pub(crate) time_cond: Option<OsString>,
    pub(crate) path_as_is: bool,
    pub(crate) compressed: bool,
    pub(crate) proto: Option<OsString>,
    pub(crate) proto_redir: Option<OsString>,
    pub(crate) proto_default: Option<OsString>,
    pub(crate) include: bool,
    /// The first of several counts, as in curl with one URL.
    pub(crate) output: Option<OsString>,
    pub(crate) remote_name: bool,
    pub(crate) output_dir: Option<OsString>,
    pub(crate) create_dirs: bool,
    pub(crate) remove_on_error: bool,
    pub(crate) no_clobber: bool,
    pub(crate) dump_header: Option<OsString>,
    pub(crate) write_out: Option<OsString>,
    pub(crate) silent: bool,
    pub(crate) show_error: bool,
    pub(crate) fail: OnHttpError,
    pub(crate) verbose: bool,
    pub(crate) max_filesize: Option<OsString>,
    pub(crate) location: bool,
    pub(crate) max_redirs: Option<OsString>,
    pub(crate) post301: bool,
    pub(crate) post302: bool,
    pub(crate) post303: bool,
    pub(crate) retry: Option<OsString>,
    pub(crate) retry_delay: Option<OsString>,
    pub(crate) retry_max_time: Option<OsString>,
    pub(crate) retry_all_errors: bool,
    pub(crate) retry_connrefused: bool,
    pub(crate) capath: Option<OsString>,
    pub(crate) proxy_user: Option<OsString>,
    pub(crate) proxytunnel: bool,
    pub(crate) connect_to: Vec<OsString>,
    pub(crate) tls13: bool,
    pub(crate) tls_max: Option<OsString>,
    /// What the connection's decisions share with native calls.
    pub(crate) connection: ConnectionOptions,
    pub(crate) profile: ProfileOptions,
    pub(crate) confirm: Option<String>,
    pub(crate) var: Vec<OsString>,
    pub(crate) explain: bool,
    pub(crate) dry_run: bool,
    pub(crate) help: bool,
    pub(crate) version: bool,
    /// What was taken as meant and not as typed, to be told.
    pub(crate) mended: Vec<&'static str>,
}

/// What an HTTP error does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnHttpError {
    /// Nothing: its body is an answer.
    #[default]
    Nothing,
    /// `-f`: no body, exit 22.
    Fail,
    /// `--fail-with-body`: the body, exit 22.
    FailWithBody,
}

/// Parses the words after `rein curl`.
///
/// # Errors
/// Fails (exit 2) on an option that curl does not have, that is refused here, or that lacks its
/// value.
pub(crate) fn parse(words: &[OsString]) -> Result<CurlArgs> {
    let mut args = CurlArgs::default();
    let words = pasted::mend(words, &mut args.mended);
    let mut words = words.into_iter();
    let mut options_end = false;
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        if options_end || !text.starts_with('-') {
            args.urls.push(word);
        } else if text == "--" {
            options_end = true;
        } else if let Some(name) = text.strip_prefix("--") {
            long(name, &word, &mut words, &mut args)?;
        } else {
            letters(&word, &mut words, &mut args)?;
        }
    }
    Ok(args)
}

/// Reads `--name`, `--no-name` and `--name=value` (curl 8.16). Names are spelled whole: that an
/// abbreviation means one option today says nothing about tomorrow.
fn long(
    name: &str,
    word: &OsStr,
    words: &mut impl Iterator<Item = OsString>,
    args: &mut CurlArgs,
) -> Result<()> {
    let (name, attached) = match name.split_once('=') {
        Some((name, _)) => (name, Some(tail(word, name.len() + 3).to_owned())),
        None => (name, None),
    };
    let shown = format!("--{}", sanitise(name));
    let (found, is_on) = match by_long(name) {
        Some(found) => (found, true),
        None => match name.strip_prefix("no-").and_then(by_long) {
            Some(found) if found.takes == Takes::Switch => (found, false),
            _ => return Err(unknown(name, &shown)),
        },
    };
    let value = match (found.takes, attached) {
        (Takes::Switch, None) => OsString::new(),
        (Takes::Switch, Some(_)) => {
            return Err(Failure::usage(format!("option {shown} takes no value")));
        }
        (Takes::Value, Some(value)) => value,
        (Takes::Value, None) => words.next().ok_or_else(|| needs_value(&shown))?,
    };
    args.apply(found, &shown, value, is_on)
}

/// Reads `-sSXPUT`: letters, and what follows the first one with a value is the value.
fn letters(
    word: &OsStr,
    words: &mut impl Iterator<Item = OsString>,
    args: &mut CurlArgs,
) -> Result<()> {
    let text = word.to_string_lossy().into_owned();
    if text == "-" {
        return Err(Failure::usage("option -: is unknown")
            .hint("standard input is read by -d @-, -T - or -F name=@-"));
    }
    for (position, letter) in text.char_indices().skip(1) {
        let shown = format!("-{}", sanitise(&letter.to_string()));
        let found = TABLE
            .iter()
            .find(|option| option.letter == Some(letter))
            .ok_or_else(|| Failure::usage(format!("option {shown}: curl has no such option")))?;
        if found.takes == Takes::Switch {
            // -N is the letter of --no-buffer.
            args.apply(found, &shown, OsString::new(), letter != 'N')?;
            continue;
        }
        let rest = tail(word, position + letter.len_utf8());
        let value = if rest.is_empty() {
            words.next().ok_or_else(|| needs_value(&shown))?
        } else {
            rest.to_owned()
        };
        return args.apply(found, &shown, value, true);
    }
    Ok(())
}

fn by_long(name: &str) -> Option<&'static CurlOption> {
    TABLE.iter().chain(OWN).find(|option| option.long == name)
}

fn needs_value(shown: &str) -> Failure {
    Failure::usage(format!("option {shown} needs a value"))
}

fn unknown(name: &str, shown: &str) -> Failure {
    let failure = Failure::usage(format!("option {shown}: curl has no such option"));
    let names = TABLE.iter().chain(OWN).map(|option| option.long);
    match nearest(name, names).first() {
        Some(close) => failure.hint(format!("did you mean --{close}?")),
        None => failure,
    }
}

impl CurlArgs {
    fn apply(
        &mut self,
        option: &CurlOption,
        shown: &str,
        value: OsString,
        is_on: bool,
    ) -> Result<()> {
        match option.meaning {
            Meaning::Harmless(_) => Ok(()),
            Meaning::Refused(_) if !is_on => Ok(()),
            Meaning::Refused(instead) => Err(Failure::usage(format!(
                "option {shown} is not to be had in rein curl"
            ))
            .fact("nothing was sent")
            .hint(format!("instead: {instead}"))),
            Meaning::Taken(key) if option.takes == Takes::Switch => {
                self.switch(key, is_on);
                Ok(())
            }
            Meaning::Taken(key) => self.set(key, shown, value),
        }
    }

    /// Turns a switch on or off.
    fn switch(&mut self, key: Id, is_on: bool) {
        match key {
            Id::Get => self.get = is_on,
            Id::Head => self.head = is_on,
            Id::PathAsIs => self.path_as_is = is_on,
            Id::Compressed => self.compressed = is_on,
            Id::Include => self.include = is_on,
            Id::RemoteName => self.remote_name = is_on,
            Id::CreateDirs => self.create_dirs = is_on,
            Id::RemoveOnError => self.remove_on_error = is_on,
            Id::Clobber => self.no_clobber = !is_on,
            Id::Silent => self.silent = is_on,
            Id::ShowError => self.show_error = is_on,
            Id::Verbose => self.verbose = is_on,
            Id::Location => self.location = is_on,
            Id::Post301 => self.post301 = is_on,
            Id::Post302 => self.post302 = is_on,
            Id::Post303 => self.post303 = is_on,
            Id::RetryAllErrors => self.retry_all_errors = is_on,
            Id::RetryConnrefused => self.retry_connrefused = is_on,
            Id::Insecure => self.connection.insecure = is_on,
            Id::Proxytunnel => self.proxytunnel = is_on,
            Id::Ipv4 => (self.connection.ipv4, self.connection.ipv6) = (is_on, false),
            Id::Ipv6 => (self.connection.ipv4, self.connection.ipv6) = (false, is_on),
            Id::Http11 => self.connection.http1_1 = is_on,
            Id::Http2 => self.connection.http1_1 = !is_on,
            Id::Alpn => self.connection.http1_1 = !is_on,
            Id::Tls13 => self.tls13 = is_on,
            Id::Explain => self.explain = is_on,
            Id::DryRun => self.dry_run = is_on,
            Id::Help => self.help = is_on,
            Id::Version => self.version = is_on,
            Id::Fail => self.on_http_error(OnHttpError::Fail, is_on),
            Id::FailWithBody => self.on_http_error(OnHttpError::FailWithBody, is_on),
            // Nothing older is spoken; and no other key is a switch.
            _ => {}
        }
    }

    fn on_http_error(&mut self, what: OnHttpError, is_on: bool) {
        if is_on {
            self.fail = what;
        } else if self.fail == what {
            self.fail = OnHttpError::Nothing;
        }
    }

    /// Takes an option's value.
    fn set(&mut self, key: Id, shown: &str, value: OsString) -> Result<()> {
        let proxy = |scheme: &str, value: &OsStr| {
            let mut url = OsString::from(scheme);
            url.push(value);
            Some(url)
        };
        match key {
            Id::Request => self.request = Some(value),
            Id::Header => self.header.push(value),
            Id::Data => self.data.push((DataKind::Lines, value)),
            Id::DataRaw => self.data.push((DataKind::Raw, value)),
            Id::DataBinary => self.data.push((DataKind::Data, value)),
            Id::DataUrlencode => self.data.push((DataKind::UrlEncode, value)),
            Id::Json => self.data.push((DataKind::Json, value)),
            Id::UrlQuery => self.url_query.push(value),
            Id::Form => self.form.push((false, value)),
            Id::FormString => self.form.push((true, value)),
            Id::UploadFile => self.upload_file = Some(value),
            Id::UserAgent => self.user_agent = Some(value),
            Id::Referer => self.referer = Some(value),
            Id::User => self.user = Some(value),
            Id::Bearer => self.bearer = Some(value),
            Id::Cookie => self.cookie.push(value),
            Id::Range => self.range = Some(value),
            Id::TimeCond => self.time_cond = Some(value),
            Id::Url => self.urls.push(value),
            Id::Proto => self.proto = Some(value),
            Id::ProtoRedir => self.proto_redir = Some(value),
            Id::ProtoDefault => self.proto_default = Some(value),
            Id::Output => self.output = self.output.take().or(Some(value)),
            Id::OutputDir => self.output_dir = Some(value),
            Id::DumpHeader => self.dump_header = Some(value),
            Id::WriteOut => self.write_out = Some(value),
            Id::MaxFilesize => self.max_filesize = Some(value),
            Id::MaxRedirs => self.max_redirs = Some(value),
            Id::Retry => self.retry = Some(value),
            Id::RetryDelay => self.retry_delay = Some(value),
            Id::RetryMaxTime => self.retry_max_time = Some(value),
            Id::Cacert => self.connection.cacert = Some(value),
            Id::Capath => self.capath = Some(value),
            Id::Cert => self.connection.cert = Some(value),
            Id::Key => self.connection.key = Some(value),
            Id::CertType | Id::KeyType => return pem_only(shown, &value),
            Id::Proxy => self.connection.proxy = Some(value),
            Id::Socks4 => self.connection.proxy = proxy("socks4://", &value),
            Id::Socks4a => self.connection.proxy = proxy("socks4a://", &value),
            Id::Socks5 => self.connection.proxy = proxy("socks5://", &value),
            Id::Socks5Hostname => self.connection.proxy = proxy("socks5h://", &value),
            Id::ProxyUser => self.proxy_user = Some(value),
            Id::Noproxy => self.connection.noproxy = Some(value),
            Id::MaxTime => self.connection.max_time = Some(value),
            Id::ConnectTimeout => self.connection.connect_timeout = Some(value),
            Id::SpeedTime => self.connection.speed_time = Some(value),
            Id::Resolve => self.connection.resolve.push(value),
            Id::ConnectTo => self.connect_to.push(value),
            Id::TlsMax => self.tls_max = Some(value),
            Id::Endpoint => self.profile.endpoint = Some(value),
            Id::TokenFile => self.profile.token_file = Some(value),
            Id::ReinConfig => self.profile.config = Some(value),
            Id::Var => self.var.push(value),
            Id::Profile => self.profile.profile = Some(text(shown, value)?),
            Id::Project => self.profile.project = Some(text(shown, value)?),
            Id::Confirm => self.confirm = Some(text(shown, value)?),
            _ => {}
        }
        Ok(())
    }
}

fn text(shown: &str, value: OsString) -> Result<String> {
    value
        .into_string()
        .map_err(|_| Failure::usage(format!("the value of {shown} is not valid UTF-8")))
}

fn pem_only(shown: &str, value: &OsStr) -> Result<()> {
    if value.eq_ignore_ascii_case("PEM") {
        return Ok(());
    }
    Err(Failure::usage(format!("option {shown}: only PEM is read"))
        .hint("convert it: openssl x509 -inform DER ..., openssl pkey -inform DER ..."))
}

#[cfg(test)]
mod tests;
