//! A URL of a line: filled in, and read where curl and other parsers agree.

use url::Url;

use crate::error::{Failure, Result};
use crate::plan::ownership::Profiles;
use crate::plan::target::{self, Var};
use crate::profile::Neighbour;
use crate::text::terminal::sanitise;

/// A URL of a line, filled in.
#[derive(Clone)]
pub(crate) struct Called {
    /// As it is passed to curl.
    pub(crate) text: String,
    /// Its parts; an error says why curl alone can read it, and `None` is another protocol.
    pub(crate) address: Result<Option<Address>, &'static str>,
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

/// Fills in a URL's documented host and, under the profile's endpoint, its scheme and placeholders.
///
/// # Errors
/// Fails (exit 2) when a placeholder has no value, or no profile is chosen for the host.
pub(crate) fn called(
    text: &str,
    default_scheme: Option<&str>,
    profiles: Profiles<'_>,
    vars: &[Var],
    notes: &mut Vec<String>,
) -> Result<Called> {
    let blanks = [' ', '\u{a0}', '\n', '\t', '\r'];
    let mut text = text.trim_matches(blanks).to_owned();
    if let Some(path) = target::documented(target::without_scheme(&text)) {
        let profile = profiles.chosen.ok_or_else(|| no_profile(profiles.all))?;
        let base = profile.base.value.as_str();
        notes.push(format!(
            "the documented host is {} (profile {})",
            sanitise(base),
            sanitise(&profile.name)
        ));
        text = format!("{base}{path}");
    }
    if let Some(profile) = profiles.chosen {
        let base = &profile.base.value;
        let whole = match text.contains("://") {
            true => text.clone(),
            false => format!("{}://{text}", base.url().scheme()),
        };
        if matches!(read(&whole, ""), Ok(Some(address)) if base.owns(&address.url)) {
            text = target::fill_angles(&whole, profile, vars)?;
            if text != whole {
                notes.push(format!("filled in: {}", sanitise(&text)));
            }
        }
    }
    let address = read(&text, default_scheme.unwrap_or("http"));
    Ok(Called { text, address })
}

fn no_profile(known: &[Neighbour]) -> Failure {
    let failure = Failure::unsent("no profile says what the documented host is")
        .hint("try it on the built-in demo tenant: rein -p demo curl ...");
    if known.is_empty() {
        return failure.hint("or set REINFER_ENDPOINT=https://... and REINFER_TOKEN=...");
    }
    let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
    let names = names.join(", ");
    failure.hint(format!("or choose one: rein -p NAME curl ..., of {names}"))
}

/// Reads a URL as curl does where curl and other parsers agree. Everything that they could read
/// in two ways is left to curl.
fn read(text: &str, default_scheme: &str) -> Result<Option<Address>, &'static str> {
    if text.chars().any(|c| c.is_control() || c == ' ') {
        return Err("it contains white space or control characters");
    }
    let (scheme, rest) = text.split_once("://").unwrap_or((default_scheme, text));
    // curl takes `https:/host` for `https://host`.
    if rest == text
        && text
            .split('/')
            .next()
            .is_some_and(|start| start.ends_with(':'))
    {
        return Err("its scheme is not followed by two slashes");
    }
    let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if !scheme.chars().all(is_of_scheme) {
        return Err("its scheme is not one");
    }
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(&*scheme, "http" | "https") {
        return Ok(None);
    }
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c) || !c.is_ascii();
    if host.is_empty()
        || !host.chars().all(is_plain)
        || user.is_some_and(|user| user.contains(['@', '\\']))
    {
        return Err("its host can be read in more than one way");
    }
    let path = match rest.split(['?', '#']).next() {
        None | Some("") => "/",
        Some(path) => path,
    };
    let url = Url::parse(&format!("{scheme}://{host}{rest}")).map_err(|_| "its host is not one")?;
    Ok(Some(Address {
        path: path.to_owned(),
        has_glob: rest.contains(['{', '}', '[', ']']),
        has_user: user.is_some(),
        url,
    }))
}
