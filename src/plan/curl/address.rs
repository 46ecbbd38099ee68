//! A URL as curl reads it: what is typed is what is sent, but for `..` and a fragment.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::terminal::sanitise;
use crate::profile::Base;
use crate::profile::endpoint::same_host;

/// A URL taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Where to connect to, and what decisions are made on; its path is in the parser's spelling.
    pub(crate) url: Url,
    /// Path and query as they are sent.
    pub(crate) target: String,
    /// The value of `Host`.
    pub(crate) host: String,
    /// User and password that stood in the URL, decoded.
    pub(crate) user: Option<(Vec<u8>, Vec<u8>)>,
}

impl Address {
    /// Reads a URL. Without a scheme `https` is meant, unless `--proto-default` names another.
    ///
    /// # Errors
    /// Fails with curl's codes: 3 for what is no URL, 1 for a scheme that is not spoken.
    pub(crate) fn parse(text: &str, default_scheme: &str, path_as_is: bool) -> Result<Address> {
        let wrong = |why: &str| {
            Failure::new(Exit::URL_MALFORMED, format!("the URL {why}")).fact("nothing was sent")
        };
        if text.chars().any(|c| c.is_control() || c == ' ') {
            return Err(wrong("holds a blank or control character")
                .hint("write %20 for a blank, or give the value with --url-query or -G -d"));
        }
        let (scheme, rest) = text.split_once("://").unwrap_or((default_scheme, text));
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "http" | "https") {
            return Err(Failure::new(
                Exit::Local,
                format!("the protocol {} is not spoken", sanitise(&scheme)),
            )
            .fact("nothing was sent")
            .hint("http and https are"));
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if authority.contains('\\') {
            return Err(wrong("has a backslash before its path"));
        }
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user_info(user)), host),
            None => (None, authority),
        };
        // A host that two parsers read in two ways is one too many.
        let is_plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(|c| is_plain(c) || !c.is_ascii()) {
            let failure = wrong("names no host");
            return Err(if host.is_empty() && text.starts_with('/') {
                failure.hint(format!(
                    "a path alone is a native call: rein {}",
                    sanitise(text)
                ))
            } else {
                failure
            });
        }
        let target = target_of(rest, path_as_is);
        let root = Url::parse(&format!("{scheme}://{host}/"))
            .map_err(|_| wrong("has no usable host or port"))?;
        let url = Url::parse(&format!("{scheme}://{host}{target}"))
            .map_err(|_| wrong("cannot be read"))?;
        let host = match (root.port(), host.is_ascii()) {
            // As it was typed, but without a port that needs no saying.
            (Some(port), true) => format!("{}:{port}", without_port(host)),
            (None, true) => without_port(host).to_owned(),
            (Some(port), false) => format!("{}:{port}", root.host_str().unwrap_or_default()),
            (None, false) => root.host_str().unwrap_or_default().to_owned(),
        };
        Ok(Address {
            url,
            target,
            host,
            user,
        })
    }

    /// Returns the path that is sent.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Returns the query that is sent.
    pub(crate) fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// Returns the whole URL as it is sent, without user and password.
    pub(crate) fn text(&self) -> String {
        format!("{}://{}{}", self.url.scheme(), self.host, self.target)
    }

    /// Returns a copy with more in its query.
    pub(crate) fn with_query(self, added: &[String]) -> Address {
        let added = added.join("&");
        if added.is_empty() {
            return self;
        }
        let target = match self.query() {
            None => format!("{}?{added}", self.target),
            Some("") => format!("{}{added}", self.target),
            Some(_) => format!("{}&{added}", self.target),
        };
        self.with_target(target)
    }

    /// Returns a copy whose path has a file's name at its end, where it ends in a slash.
    pub(crate) fn with_file_name(self, name: &str) -> Address {
        if !self.path().ends_with('/') {
            return self;
        }
        let query = self.query().map(|query| format!("?{query}"));
        let target = format!("{}{name}{}", self.path(), query.unwrap_or_default());
        self.with_target(target)
    }

    fn with_target(mut self, target: String) -> Address {
        let origin = format!("{}://{}{target}", self.url.scheme(), self.host);
        // The host has been parsed before, so that only path and query are new.
        if let Ok(url) = Url::parse(&origin) {
            self.url = url;
            self.target = target;
        }
        self
    }

    /// Returns whether the URL lies under an endpoint in every reading: as it is sent, and as a
    /// parser that resolves encoded dots understands it.
    pub(crate) fn is_under(&self, base: &Base) -> bool {
        let path = self.path();
        let below = path
            .strip_prefix(base.path_prefix())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        below && base.owns(&self.url) && self.is_unambiguous()
    }

    /// Returns whether the URL could lie under an endpoint in some reading.
    pub(crate) fn may_be_under(&self, base: &Base) -> bool {
        let same_host = same_host(base.url(), &self.url)
            && base.url().port_or_known_default() == self.url.port_or_known_default();
        same_host && (base.owns(&self.url) || !self.is_unambiguous() || self.is_folded_under(base))
    }

    /// The service takes organisation and tenant in any letter case and encoding.
    fn is_folded_under(&self, base: &Base) -> bool {
        let folded = |text: &str| percent_decode_str(text).decode_utf8_lossy().to_lowercase();
        folded(self.path()).starts_with(&folded(base.path_prefix()))
    }

    fn is_unambiguous(&self) -> bool {
        let mut text = self.path().to_owned();
        loop {
            let has_dots = text
                .split(['/', '\\'])
                .any(|segment| matches!(segment, "." | ".."));
            if has_dots || text.contains('\\') {
                return false;
            }
            let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
            if decoded == text {
                return true;
            }
            text = decoded;
        }
    }
}

fn without_port(host: &str) -> &str {
    match host.rfind(']') {
        Some(end) => &host[..=end],
        None => host.split(':').next().unwrap_or(host),
    }
}

fn user_info(text: &str) -> (Vec<u8>, Vec<u8>) {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let decoded = |text: &str| percent_decode_str(text).collect();
    (decoded(user), decoded(password))
}

/// Makes path and query as curl sends them of what follows the host.
fn target_of(rest: &str, path_as_is: bool) -> String {
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let path = if path.is_empty() { "/" } else { path };
    let path = if path_as_is {
        path.to_owned()
    } else {
        without_dot_segments(path)
    };
    let mut target = String::with_capacity(path.len());
    for c in path.chars() {
        if c.is_ascii() {
            target.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                target.push_str(&format!("%{byte:02x}"));
            }
        }
    }
    if let Some(query) = query {
        target.push('?');
        target.push_str(query);
    }
    target
}

/// Resolves `.` and `..` as typed (RFC 3986, 5.2.4); encoded ones stay.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target(text: &str) -> String {
        Address::parse(text, "https", false).expect(text).target
    }

    #[test]
    fn what_is_typed_is_what_is_sent() {
        for (text, expected) in [
            ("http://h", "/"),
            ("http://h?x=1#frag", "/?x=1"),
            ("http://h/a/../b", "/b"),
            ("http://h/a/./b/..", "/a/"),
            ("http://h/../../x", "/x"),
            ("http://h/%2e%2e/x/..%2fy", "/%2e%2e/x/..%2fy"),
            ("http://h/a//b/?", "/a//b/?"),
            (
                "http://h/a'b?x='q'&y=\"<z>`{}[]|\\^",
                "/a'b?x='q'&y=\"<z>`{}[]|\\^",
            ),
            ("http://h/\u{e9}?q=\u{e9}", "/%c3%a9?q=\u{e9}"),
            ("h:80/x", "/x"),
        ] {
            assert_eq!(target(text), expected, "{text}");
        }
        let as_is = Address::parse("http://h/a/../b", "https", true).expect("a URL");
        assert_eq!(as_is.target, "/a/../b");
    }

    #[test]
    fn hosts_schemes_and_users_are_curls() {
        let address = |text| Address::parse(text, "https", false);
        for (text, host, scheme) in [
            ("HTTP://Host:80/", "Host", "http"),
            ("h:8443/x", "h:8443", "https"),
            ("https://h:443", "h", "https"),
            ("http://[::1]:81/", "[::1]:81", "http"),
            ("http://u:p@h/", "h", "http"),
        ] {
            let address = address(text).expect(text);
            assert_eq!(
                (address.host.as_str(), address.url.scheme()),
                (host, scheme),
                "{text}"
            );
        }
        assert_eq!(
            address("http://u%40x:p%3A@h/").expect("a URL").user,
            Some((b"u@x".to_vec(), b"p:".to_vec()))
        );
        for (text, exit) in [
            ("", 3),
            ("http://", 3),
            ("http://h:99999/", 3),
            ("http://h:x/", 3),
            ("http://h/a b", 3),
            ("http://good\\@evil/", 3),
            ("http://h%41/", 3),
            ("/api/v1/x", 3),
            ("ftp://h/", 1),
        ] {
            assert_eq!(address(text).expect_err(text).exit.code(), exit, "{text}");
        }
    }

    #[test]
    fn an_endpoint_owns_what_is_sent_and_not_what_could_be_meant() {
        let base = Base::for_test("https://h.example/acme/dev/reinfer_");
        for (text, under, maybe) in [
            ("https://h.example/acme/dev/reinfer_/api", true, true),
            ("https://h.example/x/../acme/dev/reinfer_/api", true, true),
            (
                "https://h.example/x/%2e%2e/acme/dev/reinfer_/api",
                false,
                true,
            ),
            ("https://h.example/acme/dev/reinfer_/%2e%2e/x", false, true),
            ("https://h.example/acme/dev/reinfer_/a\\b", false, true),
            ("https://h.example/acme/prod/reinfer_/api", false, false),
            ("https://h.example/ACME/dev/reinfer_/api", false, true),
            ("https://h.example./acme/dev/reinfer_/api", false, true),
            ("http://h.example/acme/dev/reinfer_/api", false, false),
            ("https://evil.example/acme/dev/reinfer_/api", false, false),
        ] {
            let address = Address::parse(text, "https", false).expect(text);
            assert_eq!(address.is_under(&base), under, "{text}");
            assert_eq!(address.may_be_under(&base), maybe, "{text}");
        }
    }

    #[test]
    fn queries_and_file_names_are_added() {
        let added = ["q=1".to_owned(), "r".to_owned()];
        let with = |text| {
            let address = Address::parse(text, "https", false).expect(text);
            address.with_query(&added).target
        };
        assert_eq!(with("http://h/x?z=9"), "/x?z=9&q=1&r");
        assert_eq!(with("http://h/x"), "/x?q=1&r");
        assert_eq!(with("http://h/x?"), "/x?q=1&r");
        let named = |text| {
            let address = Address::parse(text, "https", false).expect(text);
            address.with_file_name("f").target
        };
        assert_eq!(named("http://h/d/?q"), "/d/f?q");
        assert_eq!(named("http://h"), "/f");
        assert_eq!(named("http://h/d"), "/d");
    }

    proptest! {
        #[test]
        fn what_is_under_an_endpoint_is_owned_by_it(path in "[/.%2eEfF5cC\\\\a?#]{0,24}") {
            let base = Base::for_test("https://h.example/a/b");
            let text = format!("https://h.example{path}");
            if let Ok(address) = Address::parse(&text, "https", false)
                && address.is_under(&base)
            {
                prop_assert!(base.owns(&address.url));
                prop_assert!(address.target.starts_with("/a/b"));
            }
        }
    }
}
