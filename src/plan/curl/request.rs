//! What the options of one transfer make of its request.

use bytes::Bytes;
use http::Method;
use url::Url;

use crate::cli::curl::{Item, Role};
use crate::error::{Failure, Result};
use crate::plan::headers::typed_credential;
use crate::request::{Body, Header, Request, TypedCredential};

fn last(items: &[Item], role: Role) -> Option<&Item> {
    items.iter().rev().find(|item| item.role() == role)
}

/// Returns whether a switch is on: the last one counts. An option with a value is on.
pub(crate) fn is_on(items: &[Item], role: Role) -> bool {
    last(items, role).is_some_and(|item| item.is_on)
}

/// Returns the method that the options make, as curl decides on it, in capitals.
pub(crate) fn method(items: &[Item]) -> String {
    let has = |role| is_on(items, role);
    match last(items, Role::Method) {
        Some(given) => given.text().to_ascii_uppercase(),
        None if has(Role::Upload) => "PUT".to_owned(),
        None if has(Role::Form) || has(Role::Data) && !has(Role::Get) => "POST".to_owned(),
        None if has(Role::Head) => "HEAD".to_owned(),
        None => "GET".to_owned(),
    }
}

/// Returns the request to a place, as it must be judged: a form that cannot be seen can ask for
/// another method, JSON cannot.
pub(crate) fn request(items: &[Item], url: &Url) -> Request {
    let parts = items.iter().filter(|item| is_body(item, items));
    let is_unseen = parts.clone().any(reads_a_file) && !is_json(items);
    let mut body = String::new();
    for part in parts.clone() {
        // Each --json continues where the last one ended.
        let is_apart = !body.is_empty() && part.name != "--json";
        body += if is_apart { "&" } else { "" };
        body += &part.text();
    }
    Request {
        method: Method::from_bytes(method(items).as_bytes()).unwrap_or_default(),
        url: url.clone(),
        headers: items.iter().filter_map(header).collect(),
        body: match parts.count() {
            _ if is_unseen => Body::Stdin,
            0 => Body::Empty,
            _ => Body::Bytes(Bytes::from(body)),
        },
        typed: TypedCredential::Profile,
    }
}

/// Returns whether an item is a part of the query.
pub(crate) fn is_in_query(item: &Item, items: &[Item]) -> bool {
    item.role() == Role::Query || item.role() == Role::Data && is_on(items, Role::Get)
}

fn is_body(item: &Item, items: &[Item]) -> bool {
    matches!(item.role(), Role::Data | Role::Form | Role::Upload) && !is_in_query(item, items)
}

/// Returns the header that an item is.
fn header(item: &Item) -> Option<Header> {
    let text = item.text();
    let (name, value) = text.split_once(':').unwrap_or((&text, ""));
    let header = Header::new(
        name.trim_end_matches(';').trim().to_owned(),
        value.trim().to_owned(),
    );
    (item.role() == Role::Header).then_some(header)
}

fn is_json(items: &[Item]) -> bool {
    let headers = items.iter().filter_map(header);
    let mut types = headers.filter(|header| header.name.eq_ignore_ascii_case("content-type"));
    match types.next() {
        Some(first) => first.value.contains("json") && types.all(|one| one.value.contains("json")),
        None => items.iter().any(|item| item.name == "--json"),
    }
}

/// Returns whether an item is, or could be, the name of a file or standard input that a part of the
/// request, or what curl writes, is read from.
pub(crate) fn reads_a_file(item: &Item) -> bool {
    let text = item.text();
    match (item.role(), &*item.name) {
        (Role::Url, "--url") | (Role::Header | Role::ProxyHeader | Role::WriteOut, _) => {
            text.starts_with('@')
        }
        (Role::Data | Role::Query, "--data-raw") | (Role::Form, "--form-string") => false,
        // `@FILE`, and `name@FILE` of --data-urlencode.
        (Role::Data | Role::Query, _) => text
            .split('=')
            .next()
            .is_some_and(|start| start.contains('@')),
        // `name=@FILE` and `name=<FILE`.
        (Role::Form, _) => text.contains(['@', '<']),
        (role, _) => role == Role::Upload,
    }
}

/// Returns whether what an item reads from a file could make the transfer another one: a URL, a
/// header, or a method that a query or a form asks for where a read is expected.
pub(crate) fn hides(item: &Item, items: &[Item]) -> bool {
    let is_read = matches!(&*method(items), "GET" | "HEAD");
    let is_harmless = is_body(item, items) && (!is_read || is_json(items));
    reads_a_file(item) && !is_harmless && item.role() != Role::WriteOut
}

/// Returns what an item says instead of an `Authorization` header's value.
pub(crate) fn authorization(item: &Item) -> Option<String> {
    let header = header(item).filter(|one| one.name.eq_ignore_ascii_case("authorization"));
    let bearer = (item.role() == Role::Bearer).then(|| format!("Bearer {}", item.text()));
    header.map(|header| header.value.into_owned()).or(bearer)
}

/// Returns whether an item says who calls.
pub(crate) fn is_credential(item: &Item) -> bool {
    item.is_on && (item.role() == Role::Credential || authorization(item).is_some())
}

/// Finds the credential of a transfer, of which there must be exactly one.
///
/// # Errors
/// Fails (exit 2) when there are several.
pub(crate) fn credential(items: &[Item], has_user: bool) -> Result<TypedCredential> {
    let of = |item| match authorization(item) {
        Some(value) => typed_credential(&value),
        None => TypedCredential::Other,
    };
    let given = items.iter().filter(|item| is_credential(item)).map(of);
    let mut all = has_user
        .then_some(TypedCredential::Other)
        .into_iter()
        .chain(given);
    let first = all.next().unwrap_or_default();
    if all.any(|other| other != first) {
        let what = "a URL of the profile is given several credentials";
        return Err(Failure::unsent(what));
    }
    Ok(first)
}
