//! The three ways to name an endpoint, and what belongs to it.

use std::net::IpAddr;

use percent_encoding::utf8_percent_encode;
use url::{Host, Url};

use crate::catalogue::FAMILIES;
use crate::error::{Failure, Result};
use crate::request::COMPONENT;
use crate::request::location::{Location, Oddity, may_leave, read_path};

/// An endpoint's origin and path prefix: `https://cloud.uipath.com/acme/prod/reinfer_`.
///
/// A token goes to URLs that a base owns and to no others: `cloud.uipath.com` serves every
/// organisation from one origin, so the path counts as much as the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Ends without a slash, except when the path is `/` alone.
    url: Url,
    /// Where the URL leads: every call is compared with it.
    location: Location,
}

impl Base {
    /// Reads an endpoint as it is pasted; a path is kept and a final `/` does not matter.
    ///
    /// # Errors
    /// Fails with what is wrong, in words, when the text is not an http(s) URL, holds user info, a
    /// query or a fragment, has a path that servers read in different ways or that leads into the
    /// API, or is plain http to anything but this machine.
    pub fn from_endpoint(text: &str) -> Result<Base, String> {
        let text = text.trim();
        check_text(text)?;
        if !text.starts_with("https://") && !text.starts_with("http://") {
            return Err("it must begin with https://".to_owned());
        }
        let mut url = Url::parse(text).map_err(|_| "it is not a URL".to_owned())?;
        if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
            return Err("it must not hold a user or password".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("it must not hold a query or fragment".to_owned());
        }
        if url.host_str().is_none_or(str::is_empty)
            || text
                .split("://")
                .nth(1)
                .is_none_or(|rest| rest.starts_with('/'))
        {
            return Err("it names no host".to_owned());
        }
        // The text is read and not what the parser has made of it, which resolves dot segments.
        let (segments, oddities) = read_path(path_of(text).trim_end_matches('/'));
        if let Some(oddity) = oddities.first() {
            return Err(format!("its path contains {}", oddity.description()));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        let base = Base {
            location: Location::of(&url),
            url,
        };
        if let Some(surplus) = segments_of_the_api(&segments) {
            return Err(format!(
                "the endpoint ends before /api: use {}",
                base.without_last(surplus)
            ));
        }
        if base.url.scheme() == "http" && !base.is_loopback() {
            return Err(
                "plain http is only for this machine (localhost, 127.0.0.1, ::1); use https"
                    .to_owned(),
            );
        }
        Ok(base)
    }

    /// Makes `https://<domain>.reinfer.io` of a legacy domain.
    ///
    /// # Errors
    /// Fails when the domain is not one host label.
    pub fn from_domain(domain: &str) -> Result<Base, String> {
        let is_label = !domain.is_empty()
            && domain.len() <= 63
            && domain
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !domain.starts_with('-')
            && !domain.ends_with('-');
        if !is_label {
            return Err(
                "it must be the one word before .reinfer.io: letters, digits and -".to_owned(),
            );
        }
        Base::from_endpoint(&format!("https://{domain}.reinfer.io"))
    }

    /// Makes `https://cloud.uipath.com/<organisation>/<tenant>/reinfer_`.
    ///
    /// # Errors
    /// Fails when one of the two is not a single path segment.
    pub fn from_organisation(organisation: &str, tenant: &str) -> Result<Base, String> {
        for name in [organisation, tenant] {
            if matches!(name, "" | "." | "..")
                || name.contains(['/', '\\', '%', '?', '#'])
                || name.chars().any(char::is_control)
            {
                return Err("organisation and tenant must each be one name without /".to_owned());
            }
        }
        let segment = |name| utf8_percent_encode(name, COMPONENT).to_string();
        Base::from_endpoint(&format!(
            "https://cloud.uipath.com/{}/{}/reinfer_",
            segment(organisation),
            segment(tenant)
        ))
    }

    /// Returns the base as a URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the base as it is shown and stored: without a final slash.
    pub fn as_str(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Returns the path that every call's path begins with, without a final slash; empty when the
    /// API is at the root.
    pub fn path_prefix(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    fn without_last(&self, segments: usize) -> String {
        let mut text = self.as_str();
        for _ in 0..segments {
            text = text.rsplit_once('/').map_or(text, |(before, _)| before);
        }
        text.to_owned()
    }

    /// Returns whether a URL lies under this base as it is written: scheme, host, port and whole
    /// path segments equal, no user info, and no spelling that a server could read as a way out.
    pub fn owns(&self, url: &Url) -> bool {
        let same_origin = self.url.scheme() == url.scheme()
            && self.url.host() == url.host()
            && self.url.port_or_known_default() == url.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none();
        let below = url
            .path()
            .strip_prefix(self.path_prefix())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        same_origin && below && !may_leave(url.path())
    }

    /// Returns base + path as a URL: by putting the texts together, never by resolving a
    /// reference, which could change the host or drop the tenant.
    ///
    /// # Errors
    /// Fails (exit 2) when the path holds what a server could read as a way out of the base.
    pub fn join(&self, path_and_query: &str) -> Result<Url> {
        let refused = |why: &str| {
            Failure::usage(format!("the target {why}"))
                .fact("it could lead out of the endpoint, or be read in more than one way")
                .fact("nothing was sent")
        };
        if path_and_query.chars().any(char::is_control) {
            return Err(refused("contains a control character"));
        }
        let path_and_query = path_and_query.split('#').next().unwrap_or_default();
        let path = path_and_query.split('?').next().unwrap_or_default();
        check_text(path).map_err(|why| refused(&why))?;
        if may_leave(path) {
            let oddities = read_path(path).1;
            let oddity = oddities.into_iter().find(|oddity| oddity.may_leave());
            let what = oddity.map_or("a way out", Oddity::description);
            return Err(refused(&format!("contains {what}")));
        }
        let text = format!("{}{path_and_query}", self.as_str());
        let url = Url::parse(&text).map_err(|_| refused("is not part of a URL"))?;
        if !path.is_empty() && !path.starts_with('/') || !self.owns(&url) {
            return Err(refused("leads out of the endpoint"));
        }
        Ok(url)
    }

    /// Returns whether two bases are one endpoint that a token may go to: scheme, host and port the
    /// same, letter case and encoding of the path aside, because the service takes organisation and
    /// tenant in any.
    pub fn same_endpoint(&self, other: &Base) -> bool {
        // A final dot says that the name is complete, as every name is here.
        let host = |base: &Base| {
            let host = base.url.host_str();
            host.map(|host| host.trim_end_matches('.').to_owned())
        };
        self.url.scheme() == other.url.scheme()
            && host(self) == host(other)
            && self.url.port_or_known_default() == other.url.port_or_known_default()
            && self.location() == other.location()
    }

    /// Returns the place that everything under this base is below.
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// Returns whether the host can only be this machine.
    pub fn is_loopback(&self) -> bool {
        is_this_machine(&self.url)
    }

    /// Returns the host and a port that is not the usual one: the name of an endpoint that no
    /// profile has named.
    pub fn host_label(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

/// Returns whether a URL's host can only be this machine.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // A scheme that the parser does not know, such as a proxy's, keeps its host as text.
        Some(Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost")
                || name
                    .parse::<IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Returns what follows the host of a URL without query and fragment.
fn path_of(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.find('/').map_or("", |start| &rest[start..])
}

/// Returns how many of an endpoint's last segments are the beginning of an API path.
fn segments_of_the_api(segments: &[String]) -> Option<usize> {
    match segments {
        [.., last] if last == "api" => Some(1),
        [.., api, family] if api == "api" && FAMILIES.contains(&family.as_str()) => Some(2),
        _ => None,
    }
}

/// Refuses, before any parser repairs it, text that a parser would read as something else than
/// what is written.
fn check_text(text: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        return Err("contains a control character".to_owned());
    }
    if text.contains('\\') {
        return Err("contains a backslash".to_owned());
    }
    Ok(())
}

#[cfg(test)]
impl Base {
    /// Makes a base for a test.
    pub(crate) fn for_test(text: &str) -> Base {
        Base::from_endpoint(text).expect("a base")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn endpoints_are_taken_as_they_are_pasted() {
        for (text, shown) in [
            ("https://acme.reinfer.io", "https://acme.reinfer.io"),
            ("https://acme.reinfer.io/", "https://acme.reinfer.io"),
            ("https://ACME.reinfer.io:443/", "https://acme.reinfer.io"),
            (
                "https://cloud.uipath.com/a/b/reinfer_///",
                "https://cloud.uipath.com/a/b/reinfer_",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:1/x/", "http://[::1]:1/x"),
            ("http://localhost", "http://localhost"),
        ] {
            assert_eq!(
                Base::from_endpoint(text).map(|base| base.as_str().to_owned()),
                Ok(shown.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in [
            "",
            "acme.reinfer.io",
            "ftp://h",
            "https://",
            "https:///h",
            "https://u@h",
            "https://u:p@h",
            "https://@h",
            "https://h?x",
            "https://h#x",
            "https://h/a/../b",
            "https://h/a/%2e%2e/b",
            "https://h\\x",
            "https://h/\na",
            "https://h/a//b",
            "https://h//a",
            "https://h/a;x",
            "https://h/a%3Bx",
            "https://h/a%20",
            "https://h/a.",
            "https://h/a%2Fb",
            "https://h/%2561cme",
            "https://h/x/..;/a",
            "https://h/a%00",
            "https://h/a%3Fb",
            "https://h/api",
            "https://h/a/reinfer_/API/",
            "https://h/a/reinfer_/api/v1",
            "https://h/a/reinfer_/%61pi/_private",
            "http://h",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
        ] {
            assert!(Base::from_endpoint(text).is_err(), "{text}");
        }
        for domain in ["", "a.b", "a/b", "-a", "a@b", "a:1"] {
            assert!(Base::from_domain(domain).is_err(), "{domain}");
        }
        for (organisation, tenant) in [
            ("", "t"),
            ("o", ""),
            ("a/b", "t"),
            ("..", "t"),
            ("o", "%2e%2e"),
        ] {
            assert!(
                Base::from_organisation(organisation, tenant).is_err(),
                "{organisation} {tenant}"
            );
        }
    }

    #[test]
    fn the_other_forms_become_endpoints() {
        let legacy = Base::from_domain("acme").expect("a base");
        assert_eq!(legacy.as_str(), "https://acme.reinfer.io");
        let uipath = Base::from_organisation("acme", "dev").expect("a base");
        assert_eq!(
            uipath.as_str(),
            "https://cloud.uipath.com/acme/dev/reinfer_"
        );
    }

    #[test]
    fn a_base_owns_its_own_urls_alone() {
        let base = Base::for_test("https://cloud.uipath.com/acme/dev/reinfer_");
        for (text, owned) in [
            ("https://cloud.uipath.com/acme/dev/reinfer_", true),
            ("https://cloud.uipath.com/acme/dev/reinfer_/api", true),
            ("https://CLOUD.uipath.com:443/acme/dev/reinfer_/api?x", true),
            ("http://cloud.uipath.com/acme/dev/reinfer_/api", false),
            ("https://cloud.uipath.com:444/acme/dev/reinfer_/api", false),
            ("https://cloud.uipath.com./acme/dev/reinfer_/api", false),
            (
                "https://cloud.uipath.com.evil.example/acme/dev/reinfer_/api",
                false,
            ),
            (
                "https://cloud.uipath.com@evil.example/acme/dev/reinfer_/api",
                false,
            ),
            ("https://u:p@cloud.uipath.com/acme/dev/reinfer_/api", false),
            ("https://cloud.uipath.com/acme/dev/reinfer_evil/", false),
            ("https://cloud.uipath.com/acme/other/reinfer_/", false),
            ("https://cloud.uipath.com/acme/dev/reinfer_/../x", false),
            (
                "https://cloud.uipath.com/acme/dev/reinfer_/%252e%252e/x",
                false,
            ),
            (
                "https://cloud.uipath.com/acme/dev/reinfer_/a%2f..%2fb",
                false,
            ),
            ("https://cloud.uipath.com/ACME/dev/reinfer_/", false),
            ("https://cl\u{43e}ud.uipath.com/acme/dev/reinfer_/", false),
        ] {
            assert_eq!(
                base.owns(&Url::parse(text).expect("a URL")),
                owned,
                "{text}"
            );
        }
    }

    #[test]
    fn one_endpoint_has_several_spellings() {
        let base = Base::for_test("https://cloud.uipath.com/acme/dev/reinfer_");
        for text in [
            "https://cloud.uipath.com/acme/dev/reinfer_/",
            "https://cloud.uipath.com:443/acme/dev/reinfer_",
            "https://CLOUD.UIPATH.COM/ACME/dev/reinfer_",
            "https://cloud.uipath.com/%61cme/%44ev/reinfer_",
            "https://cloud.uipath.com./acme/dev/reinfer_",
        ] {
            assert!(base.same_endpoint(&Base::for_test(text)), "{text}");
        }
        assert!(!base.same_endpoint(&Base::for_test(
            "https://cloud.uipath.com/acme/prod/reinfer_"
        )));
    }

    proptest! {
        #[test]
        fn what_is_joined_is_owned(path in "[/.%2eEfF5cC\\\\a:@?#]{0,24}", root in any::<bool>()) {
            let base = Base::for_test(if root { "https://h.example" } else { "https://h.example/a/b" });
            if let Ok(url) = base.join(&path) {
                prop_assert!(base.owns(&url), "{}", url);
                prop_assert!(url.as_str().starts_with(base.as_str()));
            }
        }
    }
}
