//! One transfer of a line: what its options make of the request.

use bytes::Bytes;
use http::Method;

use super::address::{Address, Called, called};
use super::places;
use crate::cli::curl::table::Role;
use crate::cli::curl::{Argument, Line};
use crate::error::Result;
use crate::plan::headers::typed_credential;
use crate::plan::ownership::Profiles;
use crate::plan::target::Var;
use crate::request::{Body, Header, Request, TypedCredential};

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
    pub(crate) body: Vec<String>,
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
    let transfers = line.transfers.iter();
    transfers
        .map(|arguments| {
            let mut transfer = transfer(arguments);
            let scheme = transfer.with(Role::Scheme).last().map(Argument::text);
            for url in arguments.iter().filter(|one| one.role() == Role::Url) {
                let called = called(&url.text(), scheme.as_deref(), profiles, vars, notes)?;
                transfer.urls.push(called);
            }
            if transfer.addresses().any(|address| address.has_user)
                && transfer.credential == TypedCredential::Profile
            {
                transfer.credential = TypedCredential::Other;
            }
            Ok(transfer)
        })
        .collect()
}

/// Reads all of a transfer but its URLs.
fn transfer(arguments: &[Argument]) -> Transfer {
    let mut transfer = Transfer {
        urls: Vec::new(),
        method: method(arguments),
        headers: Vec::new(),
        query: Vec::new(),
        body: Vec::new(),
        has_unseen_body: false,
        led_to: places::led_to(arguments),
        credential: credential(arguments),
        arguments: arguments.to_vec(),
    };
    let is_in_query = transfer.is_on(Role::Get);
    for argument in arguments {
        match argument.role() {
            Role::Header => transfer.headers.push(header(&argument.text())),
            Role::Query => transfer.query.push(argument.text()),
            Role::Data if is_in_query => transfer.query.push(argument.text()),
            Role::Data | Role::Form => {
                transfer.has_unseen_body |= argument.reads_a_file();
                transfer.body.push(argument.text());
            }
            Role::Upload => transfer.has_unseen_body = true,
            _ => {}
        }
    }
    transfer
}

/// Returns whether a switch is on: the last one counts.
fn is_on(arguments: &[Argument], role: Role) -> bool {
    let last = arguments.iter().rev().find(|one| one.role() == role);
    last.is_some_and(|argument| argument.is_on)
}

/// Returns the method that the options make, as curl decides on it.
fn method(arguments: &[Argument]) -> String {
    let last = |role| arguments.iter().rev().find(|one| one.role() == role);
    let has = |role| last(role).is_some();
    if let Some(given) = last(Role::Method) {
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

fn header(line: &str) -> Header {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    Header::new(name.trim_end_matches(';').trim(), value.trim())
}

/// Finds the credential of a transfer, as curl does: a header counts before a bearer, and a bearer
/// before everything else.
fn credential(arguments: &[Argument]) -> TypedCredential {
    let (mut header, mut bearer, mut other) = (None, None, None);
    for argument in arguments {
        let text = argument.text();
        match argument.role() {
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
    header.or(bearer).or(other).unwrap_or_default()
}

/// Returns the value of a header line that is an `Authorization`.
fn authorization(line: &str) -> Option<&str> {
    let (name, value) = line.split_once([':', ';'])?;
    let is_one = name.trim().eq_ignore_ascii_case("authorization");
    is_one.then_some(value.trim())
}

/// Returns whether an argument sets the credential that [`credential`] finds.
pub(crate) fn is_credential(argument: &Argument) -> bool {
    match argument.role() {
        Role::Header => authorization(&argument.text()).is_some(),
        role => role == Role::Credential,
    }
}

impl Transfer {
    /// Returns the arguments that have a role.
    pub(crate) fn with(&self, role: Role) -> impl Iterator<Item = &Argument> {
        self.arguments.iter().filter(move |one| one.role() == role)
    }

    pub(crate) fn is_on(&self, role: Role) -> bool {
        is_on(&self.arguments, role)
    }

    /// Returns the places that the URLs name.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Address> {
        let urls = self.urls.iter();
        urls.filter_map(|called| called.address.as_ref().ok()?.as_ref())
    }

    /// Returns whether a URL is one of plain http.
    pub(crate) fn is_plain(&self) -> bool {
        let mut addresses = self.addresses();
        addresses.any(|address| address.url.scheme() == "http")
    }

    /// Returns whether the line names a proxy in place of the environment's.
    pub(crate) fn names_a_proxy(&self) -> bool {
        let mut proxies = self.with(Role::Proxy);
        proxies.any(|argument| !argument.name.ends_with("preproxy"))
    }

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
    pub(crate) fn must_be_seen(&self, argument: &Argument) -> bool {
        match argument.role() {
            Role::Data | Role::Query | Role::Form | Role::Upload => {
                let is_in_query = argument.role() == Role::Query || self.is_on(Role::Get);
                matches!(&*self.method, "GET" | "HEAD") && (is_in_query || !self.is_json())
            }
            _ => true,
        }
    }

    /// Returns the request to a place, as it must be judged: a form that cannot be seen can ask for
    /// another method, JSON cannot.
    pub(crate) fn request(&self, address: &Address) -> Request {
        let body = match self.has_unseen_body && !self.is_json() {
            true => Body::Stdin,
            false if self.body.is_empty() => Body::Empty,
            false => Body::Bytes(Bytes::from(self.body.join("&"))),
        };
        Request {
            method: Method::from_bytes(self.method.as_bytes()).unwrap_or_default(),
            url: address.url.clone(),
            headers: self.headers.clone(),
            body,
            typed: TypedCredential::Profile,
        }
    }
}
