//! Looks at a body as it passes: its beginning, and the envelope's `status` and `message`.

use std::borrow::Cow;

use crate::text::lexical::envelope::Envelope;
use crate::text::lexical::scan;

/// How much of the beginning is kept, for the title of a page and the like.
const KEPT: usize = 16 * 1024;

/// Beyond this much body without a `status`, a response that carries the platform's
/// `Server-Timing` is not searched further: an error's envelope is two short fields.
const ENOUGH: usize = 64 * 1024;

/// What a body has shown of itself.
#[derive(Debug)]
pub(crate) struct Sniffer {
    /// The first bytes.
    beginning: Vec<u8>,
    /// How many bytes have passed.
    seen: u64,
    /// Whether the platform's `Server-Timing` was in the header block.
    timed: bool,
    envelope: Envelope,
}

impl Sniffer {
    /// Begins; `timed` says whether the header block held the platform's `Server-Timing`.
    pub(crate) fn new(timed: bool) -> Self {
        Sniffer {
            beginning: Vec::new(),
            seen: 0,
            timed,
            envelope: Envelope::new(),
        }
    }

    /// Looks at the next chunk.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        let room = KEPT.saturating_sub(self.beginning.len()).min(chunk.len());
        self.beginning.extend_from_slice(&chunk[..room]);
        self.seen += chunk.len() as u64;
        self.envelope.push(chunk);
        if self.is_beyond_the_beginning() && (self.timed || self.has_status()) {
            self.envelope.stop();
        }
    }

    /// Returns whether it may still show that a success status hides a failure: a page instead
    /// of the response, or a `status` that says so. It is asked only of the beginning.
    pub(crate) fn may_be_a_failure(&self) -> bool {
        match self.status() {
            Some(_) => self.says_error(),
            None => !self.is_beyond_the_beginning() || (self.is_html() && !self.timed),
        }
    }

    /// Returns whether more has passed than is looked at for signs of a failure.
    pub(crate) fn is_beyond_the_beginning(&self) -> bool {
        self.seen > ENOUGH as u64
    }

    /// Returns how many bytes have passed.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// Returns the first bytes of the body.
    pub(crate) fn beginning(&self) -> &[u8] {
        &self.beginning
    }

    /// Returns whether the body is an object with a `status` member.
    pub(crate) fn has_status(&self) -> bool {
        self.envelope.has_status()
    }

    /// Returns the envelope's `status`, when it is a string.
    pub(crate) fn status(&self) -> Option<&str> {
        std::str::from_utf8(self.envelope.status()?).ok()
    }

    /// Returns whether the envelope's `status` says that the call failed.
    pub(crate) fn says_error(&self) -> bool {
        self.status() == Some("error")
    }

    /// Returns the envelope's `message`, when it is a string; escapes are undone.
    pub(crate) fn message(&self) -> Option<String> {
        let quoted = [b"\"", self.envelope.message()?, b"\""].concat();
        Some(scan::text(&quoted).into_owned())
    }

    /// Returns whether the body begins as an HTML page does.
    pub(crate) fn is_html(&self) -> bool {
        let start = self.trimmed();
        let begins = |mark: &str| {
            let start = start.get(..mark.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(mark))
        };
        ["<!doctype html", "<html", "<head", "<body", "<!--"]
            .into_iter()
            .any(begins)
    }

    /// Returns whether the body begins as JSON does.
    pub(crate) fn is_json(&self) -> bool {
        self.trimmed().starts_with(['{', '['])
    }

    /// Returns the title of an HTML page, whitespace made single blanks.
    pub(crate) fn title(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.beginning);
        let lower = text.to_ascii_lowercase();
        let open = lower.find("<title")?;
        let start = open + lower[open..].find('>')? + 1;
        let end = start + lower[start..].find("</title")?;
        let title = text[start..end]
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        (!title.is_empty()).then_some(title)
    }

    fn trimmed(&self) -> Cow<'_, str> {
        const LOOKED_AT: usize = 256;
        let start = &self.beginning[..self.beginning.len().min(LOOKED_AT)];
        match String::from_utf8_lossy(start) {
            Cow::Borrowed(text) => Cow::Borrowed(start_of(text)),
            Cow::Owned(text) => Cow::Owned(start_of(&text).to_owned()),
        }
    }
}

/// Returns a text from its first character that is not a blank.
fn start_of(text: &str) -> &str {
    text.trim_start_matches('\u{feff}').trim_start()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sniff(body: &[u8], chunk: usize) -> Sniffer {
        let mut sniffer = Sniffer::new(false);
        body.chunks(chunk.max(1))
            .for_each(|chunk| sniffer.push(chunk));
        sniffer
    }

    #[test]
    fn status_and_message_are_found_at_the_top_only() {
        let cases: [(&str, Option<&str>, Option<&str>, bool); 10] = [
            (r#"{"status":"ok","datasets":[]}"#, Some("ok"), None, true),
            (
                r#" {"status" : "error" , "message":"a \"b\" \u00e9"}"#,
                Some("error"),
                Some("a \"b\" é"),
                true,
            ),
            (
                r#"{"a":{"status":"x","message":"y"},"b":["status","ok"]}"#,
                None,
                None,
                false,
            ),
            (r#"{"status":{"status":"x"},"message":1}"#, None, None, true),
            (r#"{"a":"status","status":"ok"}"#, Some("ok"), None, true),
            (r#"[{"status":"ok"}]"#, None, None, false),
            ("<html>", None, None, false),
            ("", None, None, false),
            ("\u{feff}{\"status\":\"ok\"}", Some("ok"), None, true),
            (
                r#"{"x\"status":"no","status":"ok"}"#,
                Some("ok"),
                None,
                true,
            ),
        ];
        for (body, status, message, has_status) in cases {
            for chunk in [1, 2, 7, 1000] {
                let sniffer = sniff(body.as_bytes(), chunk);
                assert_eq!(sniffer.status(), status, "{body}");
                assert_eq!(sniffer.message().as_deref(), message, "{body}");
                assert_eq!(sniffer.has_status(), has_status, "{body}");
            }
        }
    }

    #[test]
    fn pages_are_known_by_their_beginning() {
        let page = sniff(
            b"\n<!DOCTYPE HTML><html><head><title>\n Sign  in </title>",
            5,
        );
        assert!(page.is_html() && !page.is_json());
        assert_eq!(page.title().as_deref(), Some("Sign in"));
        assert!(sniff(b" {", 9).is_json());
    }

    #[test]
    fn a_long_body_is_not_searched_to_its_end() {
        let mut sniffer = Sniffer::new(true);
        sniffer.push(b"{\"a\":\"");
        sniffer.push(&vec![b'x'; ENOUGH]);
        sniffer.push(br#"","status":"ok"}"#);
        assert!(!sniffer.has_status());
        assert!(sniffer.beginning().len() <= KEPT);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same(body in any::<Vec<u8>>(), chunk in 1_usize..9) {
            let (whole, split) = (sniff(&body, body.len()), sniff(&body, chunk));
            prop_assert_eq!(whole.status(), split.status());
            prop_assert_eq!(whole.title(), split.title());
        }
    }
}
