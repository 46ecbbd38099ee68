//! `Secret`: a value that cannot be printed, and the one redactor.

pub(crate) mod memory;
pub(crate) mod search;
pub mod source;
mod spelling;
pub(crate) mod stream;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use self::search::Finder;
use self::stream::StreamRedactor;

/// What is shown instead of a secret.
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

impl From<Zeroizing<String>> for Secret {
    fn from(value: Zeroizing<String>) -> Self {
        Secret(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Takes known secrets out of every text that is about a call.
///
/// The response's own bytes never pass through it: what is piped is what the server sent.
#[derive(Clone, Debug, Default)]
pub struct Redactor(Option<Arc<Known>>);

/// What is hidden. Every record of a call holds it, so that it is shared.
#[derive(Clone, Debug, Default)]
struct Known {
    secrets: Vec<Secret>,
    /// Finds what is encoded in a way that cannot be cut out exactly.
    finder: Finder,
}

/// Header names whose values are URLs, in lower case.
const LINK_HEADERS: [&str; 3] = ["location", "content-location", "referer"];

/// Words that make a name a credential's, in lower case.
const CREDENTIAL_WORDS: [&str; 17] = [
    "accesstoken",
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "credentials",
    "jwt",
    "passwd",
    "password",
    "secret",
    "session",
    "sessionid",
    "sid",
    "signature",
    "token",
];

/// Words that make the `key` behind them a credential (`Idempotency-Key` is none).
const WORDS_BEFORE_KEY: [&str; 8] = [
    "access",
    "account",
    "api",
    "auth",
    "functions",
    "private",
    "secret",
    "subscription",
];

/// Returns whether the value of a header or query parameter with this name is a credential: one of
/// the words of the name, between `-`, `_` and `.`, says so.
pub fn names_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut before = "";
    name.split(['-', '_', '.']).any(|word| {
        let is_key = word == "key" && WORDS_BEFORE_KEY.contains(&before);
        before = word;
        // A cookie of the second kind is `Set-Cookie2`.
        is_key || CREDENTIAL_WORDS.contains(&word.trim_end_matches('2'))
    })
}

impl Redactor {
    /// Remembers a value to be hidden. Very short values are ignored: hiding them would eat text.
    pub fn learn(&mut self, secret: &Secret) {
        const MIN_LENGTH: usize = 4;
        let is_known = self.secrets().contains(secret);
        if secret.expose().len() >= MIN_LENGTH && !is_known {
            let known = Arc::make_mut(self.0.get_or_insert_default());
            known.secrets.push(secret.clone());
            known.finder.learn(secret, "");
        }
    }

    fn secrets(&self) -> &[Secret] {
        self.0.as_ref().map_or(&[], |known| &known.secrets)
    }

    /// Returns `text` with every known secret replaced, in whatever spelling it has there, and
    /// without user and password of URLs.
    pub fn clean(&self, text: &str) -> String {
        self.cleaned(text).into_owned()
    }

    /// Returns the same, and the text itself where there is nothing to be hidden.
    pub fn cleaned<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut clean = without_user_info(text);
        for secret in self.secrets() {
            if !stream::holds(clean.as_bytes(), secret) {
                continue;
            }
            let mut stream = StreamRedactor::new(Some(secret.clone()));
            let shown = [stream.push(clean.as_bytes()), stream.finish()].concat();
            // A secret is ASCII, so no character has been cut.
            clean = Cow::Owned(String::from_utf8_lossy(&shown).into_owned());
        }
        match self.holds_encoded(&clean) {
            true => Cow::Owned(self.without_encoded(&clean)),
            false => clean,
        }
    }

    /// Returns whether a text holds a secret in a way that cannot be cut out exactly.
    fn holds_encoded(&self, text: &str) -> bool {
        let finder = self.0.as_ref().map(|known| &known.finder);
        finder.is_some_and(|finder| finder.find(text.as_bytes()).is_some())
    }

    /// Takes out the words that hold a secret in several layers of escapes or in base64.
    fn without_encoded(&self, text: &str) -> String {
        let holds = |text: &str| self.holds_encoded(text);
        let is_end = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '&' | '=' | '"' | ',');
        let words = text.split_inclusive(is_end).map(|word| match holds(word) {
            true => {
                let end = word.chars().next_back().filter(|last| is_end(*last));
                format!("{REDACTED}{}", end.map_or(String::new(), String::from))
            }
            false => word.to_owned(),
        });
        let shown: String = words.collect();
        if holds(&shown) {
            return REDACTED.to_owned();
        }
        shown
    }

    /// Returns a header's value as it may be shown.
    pub fn header(&self, name: &str, value: &str) -> String {
        if names_credential(name) {
            // The scheme says which kind of credential was sent and is not a secret.
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

    /// Returns a header block as it may be shown.
    pub(crate) fn head(&self, block: &[u8]) -> String {
        let mut shown = String::new();
        let mut is_hidden = false;
        for line in String::from_utf8_lossy(block).split_inclusive('\n') {
            let text = line.trim_end_matches(['\r', '\n']);
            let end = &line[text.len()..];
            let text = match text.split_once(':') {
                // A line that begins with a blank continues the value before (RFC 9112, 5.2).
                _ if text.starts_with([' ', '\t']) => match is_hidden {
                    true => format!(" {REDACTED}"),
                    false => self.clean(text),
                },
                Some((name, value)) => {
                    is_hidden = names_credential(name);
                    let value = value.trim_start_matches([' ', '\t']);
                    format!("{name}: {}", self.header(name, value))
                }
                None => self.clean(text),
            };
            shown.push_str(&text);
            shown.push_str(end);
        }
        shown
    }

    /// Returns a URL or a part of one, as text, as it may be shown: no user info, no value of a
    /// token-like parameter.
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
            Some((name, _)) if names_credential(&parameter(name)) => {
                format!("{name}={REDACTED}")
            }
            _ => pair.to_owned(),
        })
        .collect();
    shown.join("&")
}

/// Returns a parameter's name as a server reads it.
fn parameter(name: &str) -> String {
    percent_decode_str(name).decode_utf8_lossy().into_owned()
}

/// Takes user and password out of everything in a text that may be a URL (`//USER:PASSWORD@`).
fn without_user_info(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("//") {
        let (before, authority) = rest.split_at(at + 2);
        shown.push_str(before);
        let is_end = |c: char| {
            matches!(c, '/' | '?' | '#' | '\\' | '"' | '\'' | '<' | '>')
                || c.is_whitespace()
                || c.is_control()
        };
        let end = authority.find(is_end).unwrap_or(authority.len());
        rest = authority;
        if let Some(at) = authority[..end].rfind('@') {
            shown.push_str(REDACTED);
            rest = &authority[at..];
        }
    }
    shown.push_str(rest);
    Cow::Owned(shown)
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
        for (text, shown) in [
            ("x SEKRET-0123 y", "x (redacted) y"),
            ("/a?b=SEKRET%252d0123&c", "/a?b=(redacted)&c"),
            ("Basic dTpTRUtSRVQtMDEyMw== y", "Basic (redacted)== y"),
            ("SEKRET%2525\n2d0123", "SEKRET%2525\n2d0123"),
        ] {
            assert_eq!(redactor().clean(text), shown);
        }
    }

    #[test]
    fn sensitive_headers_are_hidden_whatever_their_value() {
        for name in [
            "Authorization",
            "COOKIE",
            "set-cookie",
            "X-Auth-Token",
            "Proxy-Authorization",
            "X-Api-Key",
            "apikey",
            "Ocp-Apim-Subscription-Key",
            "X-Amz-Security-Token",
            "X-Vault-Token",
            "Set-Cookie2",
            "X_Session.Id",
        ] {
            assert!(
                !redactor().header(name, "other").contains("other"),
                "{name}"
            );
        }
        for name in [
            "Idempotency-Key",
            "Sec-WebSocket-Key",
            "WWW-Authenticate",
            "Author",
            "Tokenizer",
            "ETag",
        ] {
            assert_eq!(redactor().header(name, "other"), "other", "{name}");
        }
        assert_eq!(
            redactor().header("Authorization", "Bearer abc"),
            "Bearer (redacted)"
        );
        assert_eq!(redactor().header("X-Note", "SEKRET-0123!"), "(redacted)!");
    }

    #[test]
    fn user_info_is_hidden_in_any_text() {
        for (text, shown) in [
            ("http://u:p@h/x", "http://(redacted)@h/x"),
            ("//u@h", "//(redacted)@h"),
            (
                "a http://u:p@q@h:1?@ //x@y b",
                "a http://(redacted)@h:1?@ //(redacted)@y b",
            ),
            ("http://h/u@x", "http://h/u@x"),
            ("http://h?a=u@x", "http://h?a=u@x"),
            ("a // b@c", "a // b@c"),
            ("////u@h", "////(redacted)@h"),
            ("é//é:é@é", "é//(redacted)@é"),
            ("//", "//"),
        ] {
            assert_eq!(redactor().clean(text), shown);
            assert_eq!(redactor().clean(shown), shown);
        }
    }

    #[test]
    fn a_header_block_is_shown_without_credentials() {
        let block = b"HTTP/1.1 200 O\xffK SEKRET-0123\r\nSet-Cookie: a\r\n b\r\nX: SEKRET-0123\r\n c\nLocation:  //u:p@h\r\n\r\n";
        assert_eq!(
            redactor().head(block),
            "HTTP/1.1 200 O\u{fffd}K (redacted)\r\nSet-Cookie: (redacted)\r\n (redacted)\r\nX: (redacted)\r\n c\nLocation: //(redacted)@h\r\n\r\n"
        );
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
