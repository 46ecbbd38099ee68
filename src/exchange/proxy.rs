//! Which proxy a call uses: that of `-x`, the profile or the environment. One that cannot be used is
//! an error, so that no call bypasses it.

use std::ffi::OsStr;
use std::fmt;

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::env::Env;
use crate::error::{Failure, Result};

/// A proxy that has been decided on.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// Its address; user and password are in it and are never shown.
    pub(crate) url: Url,
    /// Where it was named.
    pub(crate) origin: String,
    /// Whether it was named for this call or its profile; the environment's is for every program.
    pub(crate) is_given: bool,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({} of {})", self.address(), self.origin)
    }
}

impl Proxy {
    /// Returns its address without user and password, as `-x` takes it.
    pub(crate) fn address(&self) -> String {
        format!("{}://{}", self.url.scheme(), self.shown())
    }

    /// Returns whether it is asked with a user or a password.
    pub(crate) fn has_user(&self) -> bool {
        !self.url.username().is_empty() || self.url.password().is_some()
    }

    /// Returns host and port, without user or password.
    pub(crate) fn shown(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

/// Decides on the proxy for a URL; `None` is a direct connection.
///
/// `given` is `-x` or the profile's setting with its origin. In the environment the small letters
/// count before capitals, and `HTTP_PROXY` in capitals is ignored, because a web server sets it
/// from a request's `Proxy:` header (CVE-2016-5385).
///
/// # Errors
/// Fails (exit 2) when the setting that counts is not a proxy URL: a typing mistake must not
/// become a direct connection.
pub(crate) fn decide(
    target: &Url,
    given: Option<(&str, String)>,
    no_proxy: Option<&str>,
    env: &Env,
) -> Result<Option<Proxy>> {
    let is_given = given.is_some();
    let from_env;
    let (text, origin) = match given {
        Some((text, origin)) => (text, origin),
        None => {
            from_env = from_environment(target, env)?;
            match &from_env {
                Some((name, value)) => (value.as_str(), format!("${name}")),
                None => return Ok(None),
            }
        }
    };
    if text.is_empty() {
        return Ok(None);
    }
    let proxy = Proxy {
        url: parse(text, &origin)?,
        origin,
        is_given,
    };
    let except = match no_proxy {
        Some(hosts) => Some(hosts.to_owned()),
        None => variable(env, "no_proxy", Some("NO_PROXY"))?.map(|(_, hosts)| hosts),
    };
    Ok((!except.is_some_and(|hosts| excepted(target, &hosts))).then_some(proxy))
}

fn from_environment(target: &Url, env: &Env) -> Result<Option<(&'static str, String)>> {
    let of_scheme = match target.scheme() {
        "https" => variable(env, "https_proxy", Some("HTTPS_PROXY"))?,
        _ => variable(env, "http_proxy", None)?,
    };
    match of_scheme {
        Some(found) => Ok(Some(found)),
        None => variable(env, "all_proxy", Some("ALL_PROXY")),
    }
}

/// Returns the first of the spellings that is set, with its value.
fn variable(
    env: &Env,
    small: &'static str,
    capital: Option<&'static str>,
) -> Result<Option<(&'static str, String)>> {
    for name in std::iter::once(small).chain(capital) {
        if env.os(name).is_some_and(OsStr::is_empty) {
            return Ok(None);
        }
        if let Some(value) = env.text(name)? {
            return Ok(Some((name, value.to_owned())));
        }
    }
    Ok(None)
}

fn parse(text: &str, origin: &str) -> Result<Url> {
    let wrong = || {
        Failure::usage(format!("the proxy that {origin} names is not a proxy URL"))
            .fact("nothing was sent: a call that should go through a proxy does not go without it")
            .hint("write http://host:port, https://host:port, socks5://host:port or socks5h://host:port")
    };
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(wrong());
    }
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&with_scheme).map_err(|_| wrong())?;
    let known = matches!(
        url.scheme(),
        "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h"
    );
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if known && bare && url.host_str().is_some_and(|host| !host.is_empty()) {
        Ok(url)
    } else {
        Err(wrong())
    }
}

/// Returns whether a host is on a `NO_PROXY` list: exact, a domain's suffix, an address, a CIDR
/// block or `*`. Blanks separate as commas do, and a final dot means nothing, as in curl.
fn excepted(target: &Url, hosts: &str) -> bool {
    let entries = hosts
        .split([',', ' '])
        .map(|entry| entry.trim().trim_end_matches('.'));
    let entries: Vec<&str> = entries.collect();
    // The matcher takes `*` for names alone, curl for addresses too.
    if entries.contains(&"*") {
        return true;
    }
    let hosts = entries.join(",");
    let matcher = Matcher::builder().all("http://proxy").no(hosts).build();
    let host = target.host_str().unwrap_or_default().trim_end_matches('.');
    let place = format!("{}://{host}/", target.scheme());
    place
        .parse()
        .is_ok_and(|place| matcher.intercept(&place).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(
        url: &str,
        given: Option<&str>,
        no_proxy: Option<&str>,
        vars: &[(&str, &str)],
    ) -> Result<Option<String>> {
        let env = Env::with_vars(vars.iter().copied());
        let given = given.map(|text| (text, "-x".to_owned()));
        let target = Url::parse(url).expect("a URL");
        decide(&target, given, no_proxy, &env).map(|proxy| proxy.map(|proxy| proxy.shown()))
    }

    #[test]
    fn the_first_setting_that_applies_counts() {
        type Vars = &'static [(&'static str, &'static str)];
        let cases: [(&str, Option<&str>, Vars, Option<&str>); 9] = [
            ("https://h/", None, &[], None),
            (
                "https://h/",
                None,
                &[("HTTPS_PROXY", "http://p:1")],
                Some("p:1"),
            ),
            (
                "https://h/",
                None,
                &[("https_proxy", "q:2"), ("HTTPS_PROXY", "http://p:1")],
                Some("q:2"),
            ),
            ("http://h/", None, &[("HTTP_PROXY", "http://p:1")], None),
            (
                "http://h/",
                None,
                &[("http_proxy", "http://p")],
                Some("p:80"),
            ),
            (
                "https://h/",
                None,
                &[("ALL_PROXY", "socks5h://p:1080")],
                Some("p:1080"),
            ),
            (
                "https://h/",
                Some("http://x:9"),
                &[("HTTPS_PROXY", "http://p:1")],
                Some("x:9"),
            ),
            (
                "https://h/",
                Some(""),
                &[("HTTPS_PROXY", "http://p:1")],
                None,
            ),
            (
                "https://h/",
                None,
                &[("https_proxy", ""), ("HTTPS_PROXY", "http://p:1")],
                None,
            ),
        ];
        for (url, given, vars, expected) in cases {
            assert_eq!(
                decided(url, given, None, vars),
                Ok(expected.map(str::to_owned)),
                "{url} {given:?} {vars:?}"
            );
        }
    }

    #[test]
    fn a_malformed_setting_is_an_error_and_not_a_direct_connection() {
        for value in [
            "not a proxy",
            "ftp://p:1",
            "http://",
            "http://p:99999",
            "http://p/path",
            "::",
        ] {
            assert!(
                decided("https://h/", None, None, &[("HTTPS_PROXY", value)]).is_err(),
                "{value}"
            );
        }
    }

    #[test]
    fn user_and_password_are_not_shown() {
        assert_eq!(
            decided("https://h/", Some("http://u:SEKRET@p:1"), None, &[]),
            Ok(Some("p:1".to_owned()))
        );
    }

    #[test]
    fn exceptions_hold_for_every_setting() {
        for (host, list, direct) in [
            ("a.example", "a.example", true),
            ("x.a.example", ".a.example", true),
            ("x.a.example", "a.example", true),
            ("xa.example", "a.example", false),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("[::1]", "::1", true),
            ("[fd00::1]", "fd00::/8", true),
            ("h", "*", true),
            ("10.1.2.3", "*", true),
            ("[::1]", "b, *", true),
            ("h", "b, h", true),
            ("1.2.3.4", "0.0.0.0/0", true),
            ("a.example", "A.Example", true),
            ("a.example.", "a.example", true),
            ("a.example", "a.example.", true),
            ("a.example", "b c,, a.example", true),
            ("h", "b,*", true),
            ("h", "", false),
        ] {
            let found = decided(
                &format!("https://{host}/"),
                Some("http://p:1"),
                Some(list),
                &[],
            );
            assert_eq!(found.expect("decided").is_none(), direct, "{host} {list}");
        }
    }
}
