//! `Secret`: a value that cannot be printed, and the one redactor.

pub(crate) mod cache;
pub mod source;
mod spelling;
pub(crate) mod stream;

use std::fmt;

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use self::stream::StreamRedactor;

/// What stands in the place of a secret wherever it would have been shown.
pub const REDACTED: &str = "(redacted)";

/// A token or password. It has no `Display`, its `Debug` is fixed, and its memory is cleared.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value that must not be shown.
    pub fn new(value: String) -> Self {
        Secret(Zeroizing::new(value))
    }

    /// Returns the value itself, for the one place that sends it and the one that hides it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Takes known secrets out of every text that is about a call.
///
/// The answer's own bytes never pass through it: what is piped is what the server sent.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Vec<Secret>,
}

/// Header names whose values are never shown, in small letters.
const SENSITIVE_HEADERS: [&str; 5] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-auth-token",
];

/// Header names whose values are URLs, in small letters.
const LINK_HEADERS: [&str; 3] = ["location", "content-location", "referer"];

/// Query parameter names whose values are never shown, in small letters.
const SENSITIVE_PARAMETERS: [&str; 8] = [
    "access_token",
    "api_key",
    "apikey",
    "auth",
    "client_secret",
    "password",
    "secret",
    "token",
];

impl Redactor {
    /// Remembers a value to be hidden. Very short values are ignored: hiding them would eat text.
    pub fn learn(&mut self, secret: &Secret) {
        const SHORTEST: usize = 4;
        if secret.expose().len() >= SHORTEST && !self.secrets.contains(secret) {
            self.secrets.push(secret.clone());
        }
    }

    /// Returns `text` with every known secret replaced, in whatever spelling it stands there.
    pub fn clean(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.secrets {
            let mut stream = StreamRedactor::new(Some(secret.clone()));
            let shown = [stream.push(clean.as_bytes()), stream.finish()].concat();
            // A secret is ASCII, so no character has been cut.
            clean = String::from_utf8_lossy(&shown).into_owned();
        }
        clean
    }

    /// Returns a header's value as it may be shown.
    pub fn header(&self, name: &str, value: &str) -> String {
        if SENSITIVE_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            // The scheme says which kind of credential was sent and is no secret.
            return match value.split_once(' ') {
                Some((scheme @ ("Bearer" | "Basic"), _)) => format!("{scheme} {REDACTED}"),
                _ => REDACTED.to_owned(),
            };
        }
        if LINK_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return self.target(value);
        }
        self.clean(value)
    }

    /// Returns a URL or a part of one, as text, as it may be shown: no value of a token-like
    /// parameter.
    pub fn target(&self, target: &str) -> String {
        match target.split_once('?') {
            Some((path, query)) => self.clean(&format!("{path}?{}", redact_query(query))),
            None => self.clean(target),
        }
    }

    /// Returns a URL as it may be shown: no user info, no value of a token-like parameter.
    pub fn url(&self, url: &url::Url) -> String {
        let mut shown = url.clone();
        if !shown.username().is_empty() || shown.password().is_some() {
            // Only a URL without a host refuses this, and such a URL has no user info.
            let _no_host = shown.set_username("");
            let _no_host = shown.set_password(None);
        }
        self.target(shown.as_str())
    }
}

fn redact_query(query: &str) -> String {
    let shown: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if SENSITIVE_PARAMETERS.contains(&parameter(name).as_str()) => {
                format!("{name}={REDACTED}")
            }
            _ => pair.to_owned(),
        })
        .collect();
    shown.join("&")
}

/// Returns a parameter's name as a server reads it, in small letters.
fn parameter(name: &str) -> String {
    percent_decode_str(name)
        .decode_utf8_lossy()
        .to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "SEKRET-0123";

    fn redactor() -> Redactor {
        let mut redactor = Redactor::default();
        redactor.learn(&Secret::new(CANARY.to_owned()));
        redactor
    }

    #[test]
    fn debug_never_shows_the_value() {
        assert_eq!(format!("{:?}", Secret::new(CANARY.to_owned())), REDACTED);
        assert!(!format!("{:?}", redactor()).contains(CANARY));
    }

    #[test]
    fn a_known_secret_is_hidden_in_any_text() {
        assert_eq!(redactor().clean("x SEKRET-0123 y"), "x (redacted) y");
    }

    #[test]
    fn sensitive_headers_are_hidden_whatever_their_value() {
        for name in [
            "Authorization",
            "COOKIE",
            "set-cookie",
            "X-Auth-Token",
            "Proxy-Authorization",
        ] {
            assert!(
                !redactor().header(name, "other").contains("other"),
                "{name}"
            );
        }
        assert_eq!(
            redactor().header("Authorization", "Bearer abc"),
            "Bearer (redacted)"
        );
        assert_eq!(redactor().header("X-Note", "SEKRET-0123!"), "(redacted)!");
    }

    #[test]
    fn urls_lose_user_info_and_token_like_parameters() {
        let url = url::Url::parse("https://u:p@h/a?token=x&b=SEKRET-0123").expect("a URL");
        assert_eq!(
            redactor().url(&url),
            "https://h/a?token=(redacted)&b=(redacted)"
        );
        for (target, shown) in [
            ("/a?%74oken=x&c", "/a?%74oken=(redacted)&c"),
            (
                "/a?b=SEKRET%2D0123&c=%53EKRET%2d0123",
                "/a?b=(redacted)&c=(redacted)",
            ),
            ("/SEKRET%2D0123", "/(redacted)"),
        ] {
            assert_eq!(redactor().target(target), shown);
        }
        assert_eq!(
            redactor().header("Location", "https://h/?a=1&Token=x"),
            "https://h/?a=1&Token=(redacted)"
        );
    }
}
