//! The URLs of a line: filled in, and read where curl and other parsers agree.

use url::Url;

use crate::cli::curl::{Line, Role};
use crate::error::{Failure, Result};
use crate::plan::target::{self, Var};
use crate::profile::resolve::Found;
use crate::text::terminal::sanitise;

/// The parts of an http or https URL that name a place.
pub(crate) struct Address {
    /// Scheme, host and port, and the path as a parser repairs it.
    pub(crate) url: Url,
    /// What follows the host, as curl sends it.
    pub(crate) rest: String,
    /// Whether there is a user before the host.
    pub(crate) has_user: bool,
}

/// Fills in the documented host of each URL and, under the profile's endpoint, its scheme and
/// placeholders.
///
/// # Errors
/// Fails (exit 2) when a placeholder has no value, or no profile is chosen for the host.
pub(crate) fn fill(line: &mut Line, found: &Found, vars: &[Var]) -> Result<()> {
    let items = line.transfers.iter_mut().flatten();
    for item in items.filter(|item| item.role() == Role::Url) {
        let given = item.text();
        let mut text = given
            .trim_matches([' ', '\u{a0}', '\n', '\t', '\r'])
            .to_owned();
        if let Some(path) = target::documented(target::without_scheme(&text)) {
            let profile = found.chosen.as_ref().map_err(|nothing| {
                let what = "no profile says what the documented host is";
                nothing.clone().fact(what).fact("nothing was sent")
            })?;
            let base = profile.base.value.as_str();
            let (shown, name) = (sanitise(base), sanitise(&profile.name));
            line.notes
                .push(format!("the documented host is {shown} (profile {name})"));
            text = format!("{base}{path}");
        }
        if let Ok(profile) = &found.chosen {
            let base = &profile.base.value;
            let whole = match text.contains("://") {
                true => text.clone(),
                false => format!("{}://{text}", base.url().scheme()),
            };
            if read(&whole).is_ok_and(|one| one.is_some_and(|one| base.owns(&one.url))) {
                text = target::fill_angles(&whole, profile, vars)?;
                if text != whole {
                    line.notes.push(format!("filled in: {}", sanitise(&text)));
                }
            }
        }
        // Behind `--` or a blank a URL may begin like an option, which it must not become.
        if text.starts_with('-') {
            item.name = "--url".to_owned();
        }
        // One of other bytes than text stays as it is.
        if text != given {
            item.value = Some(text.into());
        }
    }
    Ok(())
}

/// Reads a URL where curl and other parsers agree; `None` names no host. One without a scheme is
/// read as http: https is the same place, and so is what curl makes of it by the host's name.
///
/// # Errors
/// Fails (exit 2) when it can be read in two ways.
pub(crate) fn read(text: &str) -> Result<Option<Address>> {
    let (scheme, after) = text.split_once("://").unwrap_or(("http", text));
    // curl takes `https:/host` for `https://host`.
    let start = text.split('/').next().unwrap_or_default();
    let has_half_a_scheme = after == text && start.ends_with(':');
    let (authority, rest) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if scheme.eq_ignore_ascii_case("file") && host.is_empty() {
        return Ok(None);
    }
    // curl sends the bytes that a text cannot have.
    let is_odd = |c: char| c.is_control() || matches!(c, ' ' | char::REPLACEMENT_CHARACTER);
    let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c) || !c.is_ascii();
    let is_unclear = text.contains(is_odd)
        || has_half_a_scheme
        || !scheme.chars().all(is_of_scheme)
        || host.is_empty()
        || !host.chars().all(is_plain)
        || user.contains(['@', '\\']);
    let is = |known: &&str| scheme.eq_ignore_ascii_case(known);
    // Another protocol can ask a server for any path.
    let is_http = ["http", "https", "ws", "wss"].iter().any(is);
    let url = Url::parse(&format!("{scheme}://{host}{rest}"));
    match url.ok().filter(|_| !is_unclear) {
        Some(url) => Ok(Some(Address {
            url,
            rest: if is_http { rest } else { "/.." }.to_owned(),
            has_user: authority.contains('@'),
        })),
        None => {
            let what = "cannot judge the URL: it can be read in more than one way";
            Err(Failure::unsent(what).hint("write it plainly: https://HOST/PATH"))
        }
    }
}
