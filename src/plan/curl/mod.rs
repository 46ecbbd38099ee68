//! `rein curl`: a command line of curl with its URLs filled in, taken apart as far as it must be
//! judged, and the line that curl gets.
//!
//! What cannot be judged (a config file of curl's, an option that the table does not have) is
//! refused where the profile's token or a guard could be concerned.

pub(crate) mod preview;

use std::ffi::OsString;

use bytes::Bytes;
use http::Method;
use url::Url;

use crate::cli::curl::table::Role;
use crate::cli::curl::{Argument, Line};
use crate::error::{Failure, Result};
use crate::plan::headers::typed_credential;
use crate::plan::ownership::{Content, Judgement, Profiles, Sent, judge};
use crate::plan::target::{self, Var};
use crate::profile::{Guard, Neighbour, Profile};
use crate::request::location::Location;
use crate::request::{Body, Header, Request, TypedCredential};
use crate::secret::Secret;
use crate::text::terminal::sanitise;

/// A URL of a line, filled in.
#[derive(Clone)]
pub(crate) struct Called {
    /// As it is passed to curl.
    pub(crate) text: String,
    /// Its parts; an error says why curl alone can read it, and `None` is another protocol.
    pub(crate) address: std::result::Result<Option<Address>, &'static str>,
}

/// The parts of an http or https URL that name a place.
#[derive(Clone)]
pub(crate) struct Address {
    /// Scheme, host and port, and the path as a parser repairs it.
    pub(crate) url: Url,
    /// The path as curl sends it.
    pub(crate) path: String,
    /// Whether curl would make several URLs of it unless it is told not to.
    pub(crate) has_glob: bool,
    /// Whether a user stands before the host.
    pub(crate) has_user: bool,
}

/// One transfer of a line (`--next` separates them).
#[derive(Clone)]
pub(crate) struct Transfer {
    pub(crate) urls: Vec<Called>,
    /// The method that the options make, in capitals.
    pub(crate) method: String,
    pub(crate) headers: Vec<Header>,
    /// Parts of the query that options add.
    pub(crate) query: Vec<String>,
    /// The parts of the body that are on the line, as they are passed.
    pub(crate) body: Vec<u8>,
    /// Whether the body, or a part of it, is in files or on standard input.
    pub(crate) has_unseen_body: bool,
    /// Where a connection is led in place of a URL's host.
    pub(crate) led_to: Vec<(String, u16)>,
    pub(crate) credential: TypedCredential,
    pub(crate) arguments: Vec<Argument>,
}

/// Takes a line apart, its URLs filled in.
///
/// # Errors
/// Fails (exit 2) when a placeholder of a URL has no value, or no profile is chosen for one.
pub(crate) fn transfers(
    line: &Line,
    profiles: Profiles<'_>,
    vars: &[Var],
    notes: &mut Vec<String>,
) -> Result<Vec<Transfer>> {
    line.transfers
        .iter()
        .map(|arguments| transfer(arguments, profiles, vars, notes))
        .collect()
}

fn transfer(
    arguments: &[Argument],
    profiles: Profiles<'_>,
    vars: &[Var],
    notes: &mut Vec<String>,
) -> Result<Transfer> {
    let values = |role| {
        arguments
            .iter()
            .filter(move |argument| argument.role == role && argument.value.is_some())
            .map(Argument::text)
    };
    let scheme = values(Role::Scheme).next_back();
    let mut transfer = Transfer {
        urls: Vec::new(),
        method: method(arguments),
        headers: headers(arguments),
        query: values(Role::Query).collect(),
        body: Vec::new(),
        has_unseen_body: false,
        led_to: led_to(arguments),
        credential: credential(arguments),
        arguments: arguments.to_vec(),
    };
    let is_in_query = is_on(arguments, Role::Get);
    for argument in arguments {
        match argument.role {
            Role::Url => {
                let mut called =
                    called(&argument.text(), scheme.as_deref(), profiles, vars, notes)?;
                if let Ok(Some(address)) = &mut called.address {
                    address.has_glob &= !is_on(arguments, Role::Globoff);
                    if address.has_user && transfer.credential == TypedCredential::Profile {
                        transfer.credential = TypedCredential::Other;
                    }
                }
                transfer.urls.push(called);
            }
            Role::Data if is_in_query => transfer.query.push(argument.text()),
            Role::Data | Role::Form => {
                transfer.has_unseen_body |= argument.reads_a_file();
                transfer.body.extend_from_slice(argument.text().as_bytes());
                transfer.body.push(b'&');
            }
            Role::Upload => transfer.has_unseen_body = true,
            _ => {}
        }
    }
    Ok(transfer)
}

/// Returns whether a switch is on: the last one counts.
fn is_on(arguments: &[Argument], role: Role) -> bool {
    let last = arguments.iter().rev().find(|one| one.role == role);
    last.is_some_and(|argument| argument.is_on)
}

/// Returns the method that the options make, as curl decides on it.
fn method(arguments: &[Argument]) -> String {
    let has = |role| arguments.iter().any(|argument| argument.role == role);
    let given = arguments
        .iter()
        .rev()
        .find(|argument| argument.role == Role::Method);
    if let Some(given) = given {
        return given.text().to_ascii_uppercase();
    }
    let method = if has(Role::Upload) {
        "PUT"
    } else if has(Role::Form) || has(Role::Data) && !is_on(arguments, Role::Get) {
        "POST"
    } else if is_on(arguments, Role::Head) {
        "HEAD"
    } else {
        "GET"
    };
    method.to_owned()
}

/// Reads the header lines that are on the line.
fn headers(arguments: &[Argument]) -> Vec<Header> {
    let mut headers = Vec::new();
    let given = arguments.iter().filter(|one| one.role == Role::Header);
    for text in given.map(Argument::text) {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, value.trim()),
            None => (text.trim_end_matches(';'), ""),
        };
        headers.push(Header::new(name.trim(), value));
    }
    headers
}

/// Finds the credential of a transfer, as curl does: a header counts before a bearer, and a bearer
/// before everything else.
fn credential(arguments: &[Argument]) -> TypedCredential {
    let (mut header, mut bearer, mut other) = (None, None, None);
    for argument in arguments {
        let text = argument.text();
        match argument.role {
            Role::Header => header = authorization(&text).map(typed_credential).or(header),
            Role::Credential if argument.name.ends_with("oauth2-bearer") => {
                bearer = Some(typed_credential(&format!("Bearer {text}")));
            }
            Role::Credential | Role::SignIn | Role::Netrc if argument.is_on => {
                other = Some(TypedCredential::Other);
            }
            _ => {}
        }
    }
    let given = header.or(bearer).or(other);
    given.unwrap_or(TypedCredential::Profile)
}

/// Returns the value of a header line that is an `Authorization`.
fn authorization(line: &str) -> Option<&str> {
    let (name, value) = line.split_once([':', ';'])?;
    let is_one = name.trim().eq_ignore_ascii_case("authorization");
    is_one.then_some(value.trim())
}

/// Returns where options lead the connections of a transfer: host and port.
fn led_to(arguments: &[Argument]) -> Vec<(String, u16)> {
    let mut places = Vec::new();
    for argument in arguments {
        let text = argument.text();
        match argument.role {
            Role::ConnectTo => {
                let parts = colon_parts(&text);
                // An empty port is the URL's own, which is one of the two usual ones or is in it.
                if let [_, from, host, to] = parts.as_slice()
                    && !host.is_empty()
                {
                    let port = [to, from].iter().find_map(|port| port.parse().ok());
                    places.push((without_brackets(host), port.unwrap_or(USUAL_PORT)));
                }
            }
            Role::Resolve => {
                let parts = colon_parts(text.trim_start_matches('+'));
                let port = parts.get(1).and_then(|port| port.parse().ok());
                let addresses = parts.get(2..).unwrap_or_default().join(":");
                let addresses = addresses.split(',').filter(|address| !address.is_empty());
                places.extend(
                    addresses
                        .map(|address| (without_brackets(address), port.unwrap_or(USUAL_PORT))),
                );
            }
            Role::Proxy if argument.value.is_some() => places.extend(proxy_place(&text)),
            _ => {}
        }
    }
    places
}

/// https; http is read as the same place.
const USUAL_PORT: u16 = 443;

/// Returns host and port of a proxy, by curl's defaults.
fn proxy_place(text: &str) -> Option<(String, u16)> {
    const PROXY_PORT: u16 = 1080;
    let (scheme, authority) = text.split_once("://").unwrap_or(("http", text));
    let authority = authority.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let url = Url::parse(&format!("http://{host}/")).ok()?;
    // The parser leaves out the port 80 of http.
    let port = match url.port() {
        Some(port) => port,
        None if host.ends_with(":80") => 80,
        None if scheme.eq_ignore_ascii_case("https") => USUAL_PORT,
        None => PROXY_PORT,
    };
    Some((without_brackets(url.host_str()?), port))
}

/// Cuts at the colons that are not inside brackets.
fn colon_parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for character in text.chars() {
        match character {
            '[' => depth += 1,
            ']' => depth -= 1,
            ':' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(character);
        }
    }
    parts
}

fn without_brackets(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned()
}

/// Fills in a URL and reads it.
fn called(
    text: &str,
    default_scheme: Option<&str>,
    profiles: Profiles<'_>,
    vars: &[Var],
    notes: &mut Vec<String>,
) -> Result<Called> {
    let mut whole = text
        .trim_matches([' ', '\u{a0}', '\n', '\t', '\r'])
        .to_owned();
    if let Some(path) = target::documented(target::without_scheme(&whole)) {
        let profile = profiles.chosen.ok_or_else(|| no_profile(profiles.all))?;
        let base = profile.base.value.as_str();
        notes.push(format!(
            "the documented host is {} (profile {})",
            sanitise(base),
            sanitise(&profile.name)
        ));
        whole = format!("{base}{path}");
    }
    if let Some(profile) = profiles.chosen {
        whole = filled(whole, profile, vars, notes)?;
    }
    let address = read(&whole, default_scheme.unwrap_or("http"));
    Ok(Called {
        text: whole,
        address,
    })
}

/// Fills in the placeholders of a URL under the profile's endpoint, and its scheme.
fn filled(
    whole: String,
    profile: &Profile,
    vars: &[Var],
    notes: &mut Vec<String>,
) -> Result<String> {
    let base = profile.base.value.url();
    let with_scheme = match whole.contains("://") {
        true => whole.clone(),
        false => format!("{}://{whole}", base.scheme()),
    };
    // Brackets of placeholders are no part of an address: a stand-in takes their place.
    let probe = read(&with_scheme.replace(['<', '>'], "x"), base.scheme());
    if !matches!(probe, Ok(Some(address)) if profile.base.value.owns(&address.url)) {
        return Ok(whole);
    }
    let filled = target::fill_angles(&with_scheme, profile, vars)?;
    if filled != with_scheme {
        notes.push(format!("filled in: {}", sanitise(&filled)));
    }
    Ok(filled)
}

fn no_profile(known: &[Neighbour]) -> Failure {
    let failure = Failure::usage("no profile says what the documented host is")
        .fact("nothing was sent")
        .hint("try it on the built-in demo tenant: rein -p demo curl ...");
    if known.is_empty() {
        return failure.hint("or set REINFER_ENDPOINT=https://... and REINFER_TOKEN=...");
    }
    let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
    failure.hint(format!(
        "or choose one: rein -p NAME curl ..., of {}",
        names.join(", ")
    ))
}

/// Reads a URL as curl does where curl and other parsers agree. Everything that they could read
/// in two ways is left to curl.
fn read(text: &str, default_scheme: &str) -> std::result::Result<Option<Address>, &'static str> {
    if text.chars().any(|c| c.is_control() || c == ' ') {
        return Err("it contains white space or control characters");
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        // curl takes `https:/host` for `https://host`.
        None if text
            .split('/')
            .next()
            .is_some_and(|start| start.ends_with(':')) =>
        {
            return Err("its scheme is not followed by two slashes");
        }
        None => (default_scheme.to_ascii_lowercase(), text),
    };
    if !scheme
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    {
        return Err("its scheme is not one");
    }
    if !matches!(&*scheme, "http" | "https") {
        return Ok(None);
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let host = match authority.rsplit_once('@') {
        Some((user, _)) if user.contains(['@', '\\']) => {
            return Err("its host can be read in more than one way");
        }
        Some((_, host)) => host,
        None => authority,
    };
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(|c| is_plain(c) || !c.is_ascii()) {
        return Err("its host can be read in more than one way");
    }
    let path_end = rest.find(['?', '#']).unwrap_or(rest.len());
    let path = match &rest[..path_end] {
        "" => "/",
        path => path,
    };
    let url = Url::parse(&format!("{scheme}://{host}{rest}")).map_err(|_| "its host is not one")?;
    Ok(Some(Address {
        path: path.to_owned(),
        has_glob: rest.contains(['{', '}', '[', ']']),
        has_user: host.len() < authority.len(),
        url,
    }))
}

/// A transfer that has been judged.
pub(crate) struct Judged {
    pub(crate) transfer: Transfer,
    /// One judgement for each URL that names a place.
    pub(crate) judgements: Vec<Judgement>,
    /// Whether its URLs are the chosen profile's.
    pub(crate) is_own: bool,
}

impl Judged {
    /// Returns the first of the profile's URLs.
    pub(crate) fn own_url(&self) -> Option<&Url> {
        let mut addresses = self.transfer.addresses();
        addresses
            .next()
            .filter(|_| self.is_own)
            .map(|address| &address.url)
    }

    /// Returns each URL that names a place as a request, with its judgement: for messages.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (Request, &Judgement)> {
        let requests = self.transfer.addresses().map(|address| Request {
            method: Method::from_bytes(self.transfer.method.as_bytes()).unwrap_or_default(),
            url: address.url.clone(),
            headers: Vec::new(),
            body: match self.transfer.has_unseen_body {
                true => Body::Stdin,
                false if self.transfer.body.is_empty() => Body::Empty,
                false => Body::Bytes(Bytes::copy_from_slice(&self.transfer.body)),
            },
            typed: TypedCredential::Profile,
        });
        requests.zip(&self.judgements)
    }
}

/// Judges a transfer: whose its URLs are, and whether what cannot be judged is a danger.
///
/// # Errors
/// Fails (exit 2) for another profile's URL, and for what could carry the token or a write where
/// it cannot be seen.
fn judged(transfer: Transfer, profiles: Profiles<'_>) -> Result<Judged> {
    let mut judgements = Vec::new();
    let mut owns = Vec::new();
    for called in &transfer.urls {
        match &called.address {
            Ok(Some(address)) => {
                let judgement = judge(&transfer.sent(address), profiles);
                owns.push(is_own(address, &judgement, profiles)?);
                judgements.push(judgement);
            }
            Ok(None) => owns.push(false),
            Err(why) => {
                let is_broken = called.text.contains(['\r', '\n']);
                if has_guard(profiles) || is_broken && profiles.chosen.is_some() {
                    return Err(refused(&format!("cannot judge the URL: {why}"))
                        .hint("write it plainly: https://HOST/PATH"));
                }
                owns.push(false);
            }
        }
    }
    let is_own = owns.contains(&true);
    if is_own && owns.contains(&false) {
        return Err(
            refused("URLs of the profile and others are in one transfer")
                .fact("the token would go to all of them")
                .hint("separate them with --next"),
        );
    }
    let judged = Judged {
        transfer,
        judgements,
        is_own,
    };
    if has_guard(profiles) {
        refuse(&judged, &UNSEEN, "a guarded profile could be concerned")?;
    }
    if is_own {
        refuse_what_leaks(&judged)?;
    }
    Ok(judged)
}

/// Judges the transfers of a line.
///
/// # Errors
/// Fails (exit 2) as [`judged`] does, and for what one transfer could do to another one.
pub(crate) fn all_judged(transfers: Vec<Transfer>, profiles: Profiles<'_>) -> Result<Vec<Judged>> {
    let transfers = transfers.into_iter().map(|one| judged(one, profiles));
    let transfers = transfers.collect::<Result<Vec<Judged>>>()?;
    if transfers.iter().any(|judged| judged.is_own) {
        // A log is one of all transfers, and a config file can set it.
        for judged in &transfers {
            refuse(judged, &UNSEEN, "the token could leave its endpoint")?;
            refuse(judged, &LOGS, "the URL is the profile's")?;
        }
    }
    Ok(transfers)
}

fn refused(what: &str) -> Failure {
    Failure::usage(what).fact("nothing was sent")
}

/// Returns whether a guard could be concerned: one is set, or it is not known which are.
fn has_guard(profiles: Profiles<'_>) -> bool {
    profiles.unknown.is_some()
        || profiles
            .all
            .iter()
            .any(|profile| profile.guard != Guard::None)
        || profiles
            .chosen
            .is_some_and(|profile| profile.guard.value != Guard::None)
}

/// Returns whether a URL is the chosen profile's.
fn is_own(address: &Address, judgement: &Judgement, profiles: Profiles<'_>) -> Result<bool> {
    if let Some(chosen) = profiles.chosen
        && judgement.location.is_below(&chosen.base.value.location())
    {
        // Its own place, in whatever spelling: the token goes along or nothing does.
        judgement.check_token()?;
        return Ok(true);
    }
    if let Some(owner) = judgement.owners.first() {
        let name = sanitise(&owner.name);
        let failure = refused(&format!("the URL belongs to profile {name}"));
        let failure = match profiles.chosen {
            Some(chosen) => failure.fact(format!(
                "this call is made with profile {} ({})",
                sanitise(&chosen.name),
                sanitise(chosen.base.value.as_str())
            )),
            None => failure.fact("no profile is selected"),
        };
        return Err(failure.hint(format!("rein -p {name} curl ...")));
    }
    if address.has_glob && has_guard(profiles) {
        let bases = profiles.all.iter().map(|profile| profile.base.location());
        if bases
            .into_iter()
            .any(|base| judgement.location.is_same_host(&base))
        {
            let what = "cannot judge a URL with braces or brackets on this host";
            return Err(refused(what).hint("write each URL out, or pass --globoff"));
        }
    }
    Ok(false)
}

/// What an option could do that is not on the line, and what to do about it: refused where the
/// token or a guard could be concerned.
const UNSEEN: [(Role, &str, &str); 4] = [
    (
        Role::Unknown,
        "is not an option that rein knows, so it cannot be told from a URL",
        "leave it out, or run curl itself",
    ),
    (
        Role::Hidden,
        "can hold a URL, a method or headers that are not on the line",
        "write them on the line",
    ),
    (
        Role::Socket,
        "leads the connection to a socket",
        "leave it out",
    ),
    (
        Role::Target,
        "replaces the path of the URL",
        "write the path in the URL, with --path-as-is where it has dots",
    ),
];

/// What an option of any transfer would do with the token.
const LOGS: [(Role, &str, &str); 1] = [(
    Role::Log,
    "would write the token to a file",
    "use -v, whose output is redacted, with 2>FILE",
)];

/// What an option of a transfer would do with its token.
const LEAKS: [(Role, &str, &str); 2] = [
    (
        Role::TrustedRedirect,
        "would send the token wherever the server redirects",
        "leave it out: redirects of a profile's URL are shown, not followed",
    ),
    (
        Role::Netrc,
        "would send another credential",
        "leave it out: the profile says where its token is",
    ),
];

/// Refuses the first argument that has a role of a table.
fn refuse(judged: &Judged, table: &[(Role, &str, &str)], why: &str) -> Result<()> {
    for argument in judged.transfer.arguments.iter().filter(|one| one.is_on) {
        let role = match argument.reads_a_file() && judged.transfer.must_be_seen(argument) {
            true => Role::Hidden,
            false => argument.role,
        };
        if let Some((_, what, hint)) = table.iter().find(|(refused, ..)| *refused == role) {
            let failure = refused(&format!("{} {what}", sanitise(&argument.name)));
            return Err(failure.fact(why).hint(*hint));
        }
    }
    Ok(())
}

/// Refuses what would show the token, or send it to another place than the URL's host.
fn refuse_what_leaks(judged: &Judged) -> Result<()> {
    let transfer = &judged.transfer;
    refuse(judged, &LEAKS, "the URL is the profile's")?;
    if is_on(&transfer.arguments, Role::Insecure) {
        for judgement in &judged.judgements {
            judgement.check_insecure()?;
        }
    }
    let is_header = |role| matches!(role, Role::Header | Role::HeaderPart | Role::Credential);
    let is_broken =
        |argument: &&Argument| is_header(argument.role) && argument.text().contains(['\r', '\n']);
    if let Some(argument) = transfer.arguments.iter().find(is_broken) {
        let what = "header values must not contain CR or LF";
        return Err(refused(&format!("{}: {what}", sanitise(&argument.name))));
    }
    if !transfer
        .method
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    {
        return Err(refused(&format!(
            "'{}' is not a method",
            sanitise(&transfer.method)
        )));
    }
    keep_at_home(judged)
}

/// Refuses to lead the token away from the host that the URL names: TLS proves a host's name, a
/// `Host` header does not, and plain http proves nothing.
fn keep_at_home(judged: &Judged) -> Result<()> {
    let transfer = &judged.transfer;
    let addresses = || transfer.addresses();
    for header in &transfer.headers {
        let names_another = |address: &Address| {
            let named = Url::parse(&format!("{}://{}/", address.url.scheme(), header.value));
            !named.is_ok_and(|named| Location::of(&named).is_same_host(&Location::of(&address.url)))
        };
        if header.name.eq_ignore_ascii_case("host") && addresses().any(names_another) {
            return Err(refused("-H 'Host: ...' names another host than the URL")
                .fact("the token goes to the URL's own host only")
                .hint("leave the header out, or connect elsewhere with --resolve"));
        }
    }
    let leaves = |(host, _): &&(String, u16)| !is_local_host(host);
    if transfer.is_plain() && transfer.led_to.iter().any(|place| leaves(&place)) {
        return Err(
            refused("the token would leave this machine over plain http")
                .hint("leave out --connect-to, --resolve and -x"),
        );
    }
    Ok(())
}

fn is_local_host(host: &str) -> bool {
    let bracketed = match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    };
    Url::parse(&format!("http://{bracketed}/"))
        .is_ok_and(|url| crate::profile::endpoint::is_this_machine(&url))
}

impl Transfer {
    /// Returns the places that the URLs name.
    fn addresses(&self) -> impl Iterator<Item = &Address> {
        let urls = self.urls.iter();
        urls.filter_map(|called| called.address.as_ref().ok()?.as_ref())
    }

    /// Returns whether the body is JSON.
    fn is_json(&self) -> bool {
        let is_type = |header: &&Header| header.name.eq_ignore_ascii_case("content-type");
        let mut types = self.headers.iter().filter(is_type).peekable();
        match types.peek() {
            Some(_) => types.all(|header| header.value.contains("json")),
            None => self.arguments.iter().any(|one| one.name == "--json"),
        }
    }

    /// Returns whether what an argument reads from a file could make the transfer another one: a
    /// URL, a header, or a method that a query or a form asks for where a read is expected.
    fn must_be_seen(&self, argument: &Argument) -> bool {
        match argument.role {
            Role::Data | Role::Query | Role::Form | Role::Upload => {
                let is_in_query = argument.role == Role::Query || is_on(&self.arguments, Role::Get);
                matches!(&*self.method, "GET" | "HEAD") && (is_in_query || !self.is_json())
            }
            _ => true,
        }
    }

    /// Returns whether a URL is one of plain http.
    fn is_plain(&self) -> bool {
        self.addresses()
            .any(|address| address.url.scheme() == "http")
    }

    /// Returns whether the line names a proxy in place of the environment's.
    fn names_a_proxy(&self) -> bool {
        let mut proxies = self.arguments.iter().filter(|one| one.role == Role::Proxy);
        proxies.any(|argument| !argument.name.ends_with("preproxy"))
    }

    /// Returns the request as it must be judged.
    fn sent<'a>(&'a self, address: &'a Address) -> Sent<'a> {
        let headers = self.headers.iter();
        let mut pieces: Vec<&[u8]> = vec![&self.body];
        pieces.extend(self.query.iter().map(String::as_bytes));
        Sent {
            method: &self.method,
            url: &address.url,
            path: &address.path,
            query: address.url.query().unwrap_or_default(),
            headers: headers
                .map(|header| (header.name.as_str(), header.value.as_str()))
                .collect(),
            // A form that cannot be seen can ask for another method; JSON cannot.
            body: match self.has_unseen_body && !self.is_json() {
                true => Content::Unseen,
                false => Content::Known(pieces),
            },
            led_to: self.led_to.clone(),
            declared_a_read: false,
        }
    }
}

/// One word of the line that curl gets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Plain(OsString),
    /// The options that hand over a bearer: the profile's token, or the one that was passed.
    Token(Option<Secret>),
    /// The options that hand over the profile's proxy, which holds a password.
    Proxy(Secret),
}

/// Returns the line that curl gets, without its name. A bearer for the profile's URL leaves the
/// line as well: arguments can be read by every user of the machine.
pub(crate) fn line(
    transfers: &[Judged],
    profile: Option<&Profile>,
    notes: &mut Vec<String>,
) -> Vec<Word> {
    let mut words = Vec::new();
    let plain = |words: &mut Vec<Word>, word: &str| words.push(Word::Plain(word.into()));
    if transfers.iter().any(|judged| judged.is_own) {
        // No config file of curl's: it can redirect a call, and must be the first option.
        plain(&mut words, "-q");
    }
    for (index, judged) in transfers.iter().enumerate() {
        if index > 0 {
            plain(&mut words, "--next");
        }
        let transfer = &judged.transfer;
        let bearer = match &transfer.credential {
            _ if !judged.is_own => None,
            TypedCredential::Profile => Some(None),
            TypedCredential::Bearer(bearer) => Some(Some(bearer.clone())),
            TypedCredential::Other => None,
        };
        let hands_over = bearer.is_some();
        words.extend(bearer.map(Word::Token));
        let has = |role| {
            transfer
                .arguments
                .iter()
                .any(|argument| argument.role == role)
        };
        if let Some(profile) = profile.filter(|_| judged.is_own) {
            plain(&mut words, "--globoff");
            words.extend(connection_words(judged, profile, has));
        }
        let mut urls = transfer.urls.iter();
        let mut passed = Vec::new();
        for argument in &transfer.arguments {
            match argument.role {
                Role::Redirect if judged.is_own => {
                    notes.push(format!(
                        "{} is left out: redirects of a profile's URL are shown, not followed",
                        argument.name
                    ));
                }
                Role::Header | Role::Credential if hands_over && is_credential(argument) => {}
                // A proxy of the environment would see the token in clear.
                Role::NoProxy
                    if judged.is_own && transfer.is_plain() && !transfer.names_a_proxy() => {}
                Role::Url => {
                    let text = urls.next().map(|called| called.text.clone());
                    let value = text.map(OsString::from).or_else(|| argument.value.clone());
                    Argument {
                        value,
                        ..argument.clone()
                    }
                    .append_to(&mut passed);
                }
                _ => argument.append_to(&mut passed),
            }
        }
        words.extend(passed.into_iter().map(Word::Plain));
    }
    words
}

fn is_credential(argument: &Argument) -> bool {
    argument.role == Role::Credential || authorization(&argument.text()).is_some()
}

/// Returns what the profile says about the connection, where the line does not.
fn connection_words(judged: &Judged, profile: &Profile, has: impl Fn(Role) -> bool) -> Vec<Word> {
    let mut words = Vec::new();
    let mut option = |name: &str, value: OsString| {
        words.extend([Word::Plain(name.into()), Word::Plain(value)]);
    };
    // Plain http is for this machine only, so a proxy that the environment names must not see it.
    if judged.transfer.is_plain() {
        if !judged.transfer.names_a_proxy() {
            option("--noproxy", "*".into());
        }
        return words;
    }
    if let Some(file) = profile.ca_file.as_ref().filter(|_| !has(Role::CaFile)) {
        option("--cacert", file.value.clone().into_os_string());
    }
    if let Some(proxy) = profile.proxy.as_ref().filter(|_| !has(Role::Proxy)) {
        match proxy.value.expose().contains('@') {
            // User and password.
            true => words.push(Word::Proxy(proxy.value.clone())),
            false => option("--proxy", proxy.value.expose().into()),
        }
    }
    words
}
