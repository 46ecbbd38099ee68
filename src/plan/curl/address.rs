//! The URLs of a line: filled in, and read where curl and other parsers agree.

use url::Url;

use crate::cli::curl::Line;
use crate::error::{Failure, Result};
use crate::plan::ownership::Profiles;
use crate::plan::target::{self, Var};
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
pub(crate) fn fill(line: &mut Line, profiles: Profiles<'_>, vars: &[Var]) -> Result<()> {
    let items = line.transfers.iter_mut().flatten();
    for item in items.filter(|item| item.role() == "url") {
        let text = item.text();
        let mut text = text
            .trim_matches([' ', '\u{a0}', '\n', '\t', '\r'])
            .to_owned();
        if let Some(path) = target::documented(target::without_scheme(&text)) {
            let profile = profiles.chosen.ok_or_else(|| no_profile(profiles))?;
            let base = profile.base.value.as_str();
            let name = sanitise(&profile.name);
            line.notes.push(format!(
                "the documented host is {} (profile {name})",
                sanitise(base)
            ));
            text = format!("{base}{path}");
        }
        if let Some(profile) = profiles.chosen {
            let base = &profile.base.value;
            let whole = match text.contains("://") {
                true => text.clone(),
                false => format!("{}://{text}", base.url().scheme()),
            };
            if matches!(read(&whole), Ok(Some(address)) if base.owns(&address.url)) {
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
        item.value = Some(text.into());
    }
    Ok(())
}

fn no_profile(profiles: Profiles<'_>) -> Failure {
    let names: Vec<&str> = profiles.all.iter().map(|known| &*known.name).collect();
    Failure::unsent("no profile says what the documented host is")
        .hint("try it on the built-in demo tenant: rein -p demo curl ...")
        .hint(match names[..] {
            [] => "or set REINFER_ENDPOINT=https://... and REINFER_TOKEN=...".to_owned(),
            _ => format!(
                "or choose one: rein -p NAME curl ..., of {}",
                names.join(", ")
            ),
        })
}

/// Reads a URL where curl and other parsers agree; `None` is another protocol. One without a scheme
/// is read as http: https is the same place, and so is what curl makes of it by the host's name.
///
/// # Errors
/// Fails (exit 2) when it can be read in two ways.
pub(crate) fn read(text: &str) -> Result<Option<Address>> {
    let unclear = || {
        let what = "cannot judge the URL: it can be read in more than one way";
        Failure::unsent(what).hint("write it plainly: https://HOST/PATH")
    };
    let (scheme, after) = text.split_once("://").unwrap_or(("http", text));
    // curl takes `https:/host` for `https://host`.
    let start = text.split('/').next().unwrap_or_default();
    let has_half_a_scheme = after == text && start.ends_with(':');
    let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let is_blank = |c: char| c.is_control() || c == ' ';
    if text.contains(is_blank) || has_half_a_scheme || !scheme.chars().all(is_of_scheme) {
        return Err(unclear());
    }
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(&*scheme, "http" | "https") {
        return Ok(None);
    }
    let (authority, rest) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c) || !c.is_ascii();
    if host.is_empty() || !host.chars().all(is_plain) || user.contains(['@', '\\']) {
        return Err(unclear());
    }
    let url = Url::parse(&format!("{scheme}://{host}{rest}")).map_err(|_| unclear())?;
    let (rest, has_user) = (rest.to_owned(), authority.contains('@'));
    Ok(Some(Address {
        url,
        rest,
        has_user,
    }))
}
