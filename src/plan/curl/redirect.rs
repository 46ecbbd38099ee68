//! `-L` as curl follows: which method, which body and which headers go along.

use url::Url;

use super::address::Address;
use super::draft::{Allowed, Draft, Sends};
use crate::cli::curl::CurlArgs;
use crate::error::Result;
use crate::exchange::Head;
use crate::profile::Profile;

/// Returns where a redirect leads, when it is one that can be followed.
///
/// # Errors
/// Fails with curl's codes when it is no URL that can be called.
pub(crate) fn destination(
    from: &Address,
    head: &Head,
    path_as_is: bool,
) -> Result<Option<Address>> {
    let location = head.headers.get("location");
    let Some(location) = location.filter(|_| (300..400).contains(&head.status)) else {
        return Ok(None);
    };
    // Blanks in a Location are common, and curl encodes them.
    let location = String::from_utf8_lossy(location.as_bytes())
        .trim()
        .replace(' ', "%20");
    if location.is_empty() {
        return Ok(None);
    }
    let text = if is_whole(&location) {
        location
    } else {
        resolve(from, &location).unwrap_or(location)
    };
    Address::parse(&text, from.url.scheme(), path_as_is).map(Some)
}

fn is_whole(location: &str) -> bool {
    location
        .split_once("://")
        .is_some_and(|(scheme, _)| Url::parse(&format!("{scheme}://h/")).is_ok())
}

/// Resolves a reference (RFC 3986, 5.2) as text, so that nothing is spelled anew.
fn resolve(from: &Address, location: &str) -> Option<String> {
    let scheme = from.url.scheme();
    if let Some(rest) = location.strip_prefix("//") {
        return Some(format!("{scheme}://{rest}"));
    }
    let origin = format!("{scheme}://{}", from.host);
    let path = from.path();
    if location.starts_with('/') {
        return Some(format!("{origin}{location}"));
    }
    if location.starts_with('?') {
        return Some(format!("{origin}{path}{location}"));
    }
    let folder = &path[..=path.rfind('/')?];
    Some(format!("{origin}{folder}{location}"))
}

/// Makes the draft what the redirect asks for: 301, 302 and 303 turn a POST into a GET unless told
/// otherwise, 303 also a PUT; a typed method stays.
pub(crate) fn turn(draft: &mut Draft, status: u16, args: &CurlArgs) {
    let keeps_post = match status {
        301 => args.post301,
        302 => args.post302,
        303 => args.post303,
        _ => true,
    };
    let drops = match draft.sends {
        Sends::Nothing => false,
        Sends::Post => !keeps_post,
        Sends::Put => status == 303,
    };
    if drops {
        draft.drop_body();
    }
}

/// Returns what may go along from the first address to the next: credentials stay with their
/// scheme, host and port, and with the endpoint that they are for; off the endpoint no typed
/// header goes along either.
pub(crate) fn allowed(first: &Address, next: &Address, profile: Option<&Profile>) -> Allowed {
    let same_origin = first.url.scheme() == next.url.scheme()
        && first.url.host() == next.url.host()
        && first.url.port_or_known_default() == next.url.port_or_known_default();
    let leaves = profile.is_some_and(|profile| {
        first.is_under(&profile.base.value) && !next.is_under(&profile.base.value)
    });
    Allowed {
        credentials: same_origin && !leaves,
        headers: !leaves,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_as_text() {
        let from = Address::parse("http://h:1/a/b?q", "https", false).expect("a URL");
        for (location, expected) in [
            ("/x'y", "http://h:1/x'y"),
            ("x", "http://h:1/a/x"),
            ("../x", "http://h:1/a/../x"),
            ("?z", "http://h:1/a/b?z"),
            ("//k/x", "http://k/x"),
        ] {
            assert_eq!(
                resolve(&from, location).as_deref(),
                Some(expected),
                "{location}"
            );
        }
        assert!(is_whole("https://k/x"));
        assert!(!is_whole("/r?u=https://k/x"));
    }
}
