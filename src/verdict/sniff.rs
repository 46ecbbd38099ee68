//! Looks at a body as it passes: its beginning, and the envelope's `status` and `message`.

use crate::text::lexical::MARK;

/// How much of the beginning is kept, for the title of a page and the like.
const KEPT: usize = 16 * 1024;

/// Beyond this much body without a `status`, a response that carries the platform's
/// `Server-Timing` is not searched further: an error's envelope is two short fields.
const ENOUGH: usize = 64 * 1024;

/// The longest `status` or `message` that is kept.
const MAX_VALUE: usize = 4 * 1024;

/// What a body has shown of itself.
#[derive(Debug, Default)]
pub(crate) struct Sniffer {
    /// The first bytes.
    beginning: Vec<u8>,
    /// How many bytes have passed.
    seen: u64,
    /// Whether the platform's `Server-Timing` was in the header block.
    timed: bool,
    scan: Scan,
}

/// A scan for two members of the outermost object. Not a parser: what it finds in something that
/// is not JSON is never used, because the formatter or the reader says so first.
#[derive(Debug, Default)]
struct Scan {
    state: State,
    depth: u32,
    /// The text of the string being read, when it is wanted.
    text: Vec<u8>,
    escaped: bool,
    /// The member of the outermost object whose value comes next.
    member: Option<Member>,
    status: Option<Vec<u8>>,
    message: Option<Vec<u8>>,
    has_status: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Status,
    Message,
    Other,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing but whitespace has come.
    #[default]
    Start,
    /// Outside strings.
    Between,
    /// In a string that is the name of a member of the outermost object.
    Name,
    /// In a string that is the value of such a member.
    Value,
    /// In any other string.
    Text,
    /// Not an object, or all is known.
    Done,
}

impl Sniffer {
    /// Begins; `timed` says whether the header block held the platform's `Server-Timing`.
    pub(crate) fn new(timed: bool) -> Self {
        Sniffer {
            timed,
            ..Sniffer::default()
        }
    }

    /// Looks at the next chunk.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        let room = KEPT.saturating_sub(self.beginning.len()).min(chunk.len());
        self.beginning.extend_from_slice(&chunk[..room]);
        self.seen += chunk.len() as u64;
        if self.scan.state != State::Done {
            self.scan.push(chunk);
            let decided = self.scan.status.is_some() && self.scan.message.is_some();
            let enough = self.seen > ENOUGH as u64 && (self.timed || self.scan.has_status);
            if decided || enough {
                self.scan.state = State::Done;
            }
        }
    }

    /// Returns whether it may still show that a success status hides a failure: a page in the
    /// answer's place, or a `status` that says so. It is asked only of the beginning.
    pub(crate) fn may_be_a_failure(&self) -> bool {
        match self.status() {
            Some(status) => status == "error",
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
        self.scan.has_status
    }

    /// Returns the envelope's `status`, when it is a string.
    pub(crate) fn status(&self) -> Option<&str> {
        self.scan
            .status
            .as_deref()
            .and_then(|text| std::str::from_utf8(text).ok())
    }

    /// Returns the envelope's `message`, when it is a string; escapes are undone.
    pub(crate) fn message(&self) -> Option<String> {
        let raw = self.scan.message.as_deref()?;
        let quoted = [b"\"", raw, b"\""].concat();
        serde_json::from_slice(&quoted)
            .ok()
            .or_else(|| Some(String::from_utf8_lossy(raw).into_owned()))
    }

    /// Returns whether the body begins as an HTML page does.
    pub(crate) fn is_html(&self) -> bool {
        let start = self.trimmed().to_ascii_lowercase();
        ["<!doctype html", "<html", "<head", "<body", "<!--"]
            .iter()
            .any(|mark| start.starts_with(mark))
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

    fn trimmed(&self) -> String {
        const LOOKED_AT: usize = 64;
        let text =
            String::from_utf8_lossy(&self.beginning[..self.beginning.len().min(4 * LOOKED_AT)]);
        text.trim_start_matches('\u{feff}')
            .trim_start()
            .chars()
            .take(LOOKED_AT)
            .collect()
    }
}

impl Scan {
    fn push(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() && self.state != State::Done {
            chunk = match self.state {
                State::Start => self.start(chunk),
                State::Between => self.between(chunk),
                State::Name | State::Value | State::Text => self.string(chunk),
                State::Done => return,
            };
        }
    }

    fn start<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        match chunk[0] {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            // A byte order mark, which may come in several chunks.
            byte if MARK.get(self.text.len()) == Some(&byte) => self.text.push(byte),
            b'{' => {
                self.depth = 1;
                self.state = State::Between;
            }
            _ => self.state = State::Done,
        }
        &chunk[1..]
    }

    fn between<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        match chunk[0] {
            b'"' => {
                self.text.clear();
                self.state = match (self.depth, self.member) {
                    (1, None) => State::Name,
                    (1, Some(_)) => State::Value,
                    _ => State::Text,
                };
            }
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.state = State::Done;
                }
            }
            b',' if self.depth == 1 => self.member = None,
            _ => {}
        }
        &chunk[1..]
    }

    fn string<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        if self.escaped {
            self.escaped = false;
            self.keep(&chunk[..1]);
            return &chunk[1..];
        }
        let Some(end) = memchr::memchr2(b'"', b'\\', chunk) else {
            self.keep(chunk);
            return &[];
        };
        self.keep(&chunk[..end]);
        if chunk[end] == b'\\' {
            self.escaped = true;
            self.keep(b"\\");
        } else {
            self.string_ends();
        }
        &chunk[end + 1..]
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.state != State::Text {
            let room = MAX_VALUE.saturating_sub(self.text.len()).min(bytes.len());
            self.text.extend_from_slice(&bytes[..room]);
        }
    }

    fn string_ends(&mut self) {
        match self.state {
            State::Name => {
                self.member = Some(match self.text.as_slice() {
                    b"status" => Member::Status,
                    b"message" => Member::Message,
                    _ => Member::Other,
                });
                self.has_status |= self.member == Some(Member::Status);
            }
            State::Value => match self.member {
                Some(Member::Status) => self.status = Some(std::mem::take(&mut self.text)),
                Some(Member::Message) => self.message = Some(std::mem::take(&mut self.text)),
                _ => {}
            },
            _ => {}
        }
        self.state = State::Between;
    }
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
        assert_eq!(sniffer.scan.state, State::Done);
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
