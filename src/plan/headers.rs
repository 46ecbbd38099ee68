//! Header lines as given, checked and put in order.

use std::borrow::Cow;

use crate::error::{Failure, Result};
use crate::request::{Header, TypedCredential};
use crate::secret::Secret;

/// The headers of a request, and what was given instead of its credential.
#[derive(Default)]
pub(crate) struct Headers {
    /// What is sent, in the order typed.
    pub(crate) list: Vec<Header>,
    /// Default headers that were taken out with `Name:`, in lower case.
    pub(crate) removed: Vec<String>,
    /// The credential of an `Authorization` line, when one was given.
    pub(crate) typed: TypedCredential,
}

/// Headers that describe the message itself: giving them by hand is how requests are smuggled.
const OURS: [&str; 4] = ["content-length", "host", "transfer-encoding", "connection"];

impl Headers {
    /// Adds a line `Name: value`, `Name:` (removed) or `Name;` (empty).
    ///
    /// # Errors
    /// Fails when the line has no name, holds control characters or names a header of ours.
    pub(crate) fn add_line(&mut self, line: &str) -> Result<()> {
        let wrong = |what: &str| {
            Failure::usage(format!("a header {what}"))
                .hint("write -H 'Name: value', or -H 'Name:' to remove one")
        };
        // A page that lost its line breaks leaves a blank before the name.
        let line = line.trim_start_matches(' ');
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(wrong("holds a control character"));
        }
        let (name, value) = match (line.split_once(':'), line.strip_suffix(';')) {
            (Some((name, value)), _) => (name.trim_end(), Some(value.trim_matches([' ', '\t']))),
            (None, Some(name)) => (name, None),
            (None, None) => return Err(wrong("has no colon")),
        };
        self.add(name, value)
    }

    /// Adds a header; `Some("")` removes it, `None` sends it empty.
    pub(crate) fn add(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(Failure::usage("a header's name is not a valid one")
                .hint("names are letters, digits and - _ . ! # $ % & ' * + ^ ` | ~"));
        }
        if value.is_some_and(|value| http::HeaderValue::from_bytes(value.as_bytes()).is_err()) {
            return Err(Failure::usage(format!(
                "the header {name} contains a control character"
            )));
        }
        let lower = name.to_ascii_lowercase();
        if lower == "authorization" {
            return self.authorization(value.unwrap_or_default());
        }
        if OURS.contains(&lower.as_str()) {
            return Err(
                Failure::usage(format!("the header {name} is set by rein itself"))
                    .hint("it follows from the target and the body; leave it out"),
            );
        }
        match value {
            Some("") => {
                self.list
                    .retain(|header| !header.name.eq_ignore_ascii_case(name));
                self.removed.push(lower);
            }
            _ => self.list.push(Header::new(
                name.to_owned(),
                value.unwrap_or_default().to_owned(),
            )),
        }
        Ok(())
    }

    fn authorization(&mut self, value: &str) -> Result<()> {
        let typed = typed_credential(value);
        if self.typed != TypedCredential::Profile && typed != self.typed {
            return Err(Failure::usage(
                "two different Authorization headers were given",
            ));
        }
        self.typed = typed;
        Ok(())
    }

    /// Returns the value of the first header with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.list
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| &*header.value)
    }

    /// Returns whether a header was taken out with `Name:` and not given again.
    pub(crate) fn is_removed(&self, name: &str) -> bool {
        self.get(name).is_none()
            && self
                .removed
                .iter()
                .any(|removed| removed.eq_ignore_ascii_case(name))
    }

    /// Adds a header unless one with its name was given or removed.
    pub(crate) fn set_default(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        if !self.is_removed(name) && self.get(name).is_none() {
            self.list.push(Header::new(name, value));
        }
    }
}

/// Reads an `Authorization` value as the documentation's examples end up writing it.
pub(crate) fn typed_credential(value: &str) -> TypedCredential {
    let (scheme, credential) = value.split_once(' ').unwrap_or((value, ""));
    let credential = credential.trim();
    if scheme.is_empty() || (scheme.eq_ignore_ascii_case("bearer") && means_the_profile(credential))
    {
        return TypedCredential::Profile;
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return TypedCredential::Bearer(Secret::new(credential.to_owned()));
    }
    TypedCredential::Other
}

/// Returns whether a bearer is empty (the variable was unset) or the variable's literal name.
fn means_the_profile(credential: &str) -> bool {
    matches!(
        credential,
        "" | "$REINFER_TOKEN" | "${REINFER_TOKEN}" | "<my_api_token>" | "<token>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> Result<Headers> {
        let mut headers = Headers::default();
        for line in lines {
            headers.add_line(line)?;
        }
        Ok(headers)
    }

    #[test]
    fn lines_keep_order_and_letter_case() {
        let headers = headers(&["X-b: 1", "x-A:2 ", "X-b: 3", "E;", " X-c: 4"]).expect("headers");
        let list: Vec<(&str, &str)> = headers
            .list
            .iter()
            .map(|header| (&*header.name, &*header.value))
            .collect();
        assert_eq!(
            list,
            [
                ("X-b", "1"),
                ("x-A", "2"),
                ("X-b", "3"),
                ("E", ""),
                ("X-c", "4")
            ]
        );
    }

    #[test]
    fn an_empty_value_removes_a_default() {
        let mut headers = headers(&["Accept:"]).expect("headers");
        headers.set_default("Accept", "*/*");
        assert_eq!(headers.list, []);
        headers.set_default("X", "1");
        assert_eq!(headers.get("x"), Some("1"));
    }

    #[test]
    fn a_bearer_that_is_empty_or_literal_means_the_profile() {
        for line in [
            "Authorization: Bearer ",
            "Authorization: Bearer",
            "Authorization:",
            "authorization: bearer $REINFER_TOKEN",
            "Authorization: Bearer ${REINFER_TOKEN}",
        ] {
            assert_eq!(
                headers(&[line]).expect(line).typed,
                TypedCredential::Profile,
                "{line}"
            );
        }
        let other = headers(&["Authorization: Bearer x"])
            .expect("headers")
            .typed;
        assert_eq!(other, TypedCredential::Bearer(Secret::new("x".to_owned())));
        assert_eq!(
            headers(&["Authorization: Basic eA=="])
                .expect("headers")
                .typed,
            TypedCredential::Other
        );
    }

    #[test]
    fn injection_and_smuggling_are_refused() {
        for line in [
            "X: 1\r\nY: 2",
            "X: \u{0}",
            "no colon",
            ": x",
            "A B: x",
            "Host: evil.example",
            "Host:",
            "Connection:",
            "Content-Length: 5",
            "Transfer-Encoding: chunked",
        ] {
            assert!(headers(&[line]).is_err(), "{line:?}");
        }
    }
}
