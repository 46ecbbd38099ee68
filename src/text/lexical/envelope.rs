//! The `status` and `message` of an envelope, found as it streams.

use super::machine::{Machine, Sink};

/// The longest `status` or `message` that is kept.
const MAX_VALUE: usize = 4 * 1024;

/// Looks for two members of the outermost object, to its end or the first mistake.
#[derive(Debug)]
pub(crate) struct Envelope {
    machine: Machine,
    found: Found,
}

/// What has been found.
#[derive(Debug, Default)]
struct Found {
    /// How many brackets are open.
    depth: usize,
    /// The member of the outermost object whose value comes next.
    member: Option<Member>,
    /// The text of the name or value that is being read, as it stands.
    text: Option<Vec<u8>>,
    has_status: bool,
    status: Option<Vec<u8>>,
    message: Option<Vec<u8>>,
    /// Whether nothing more can be found.
    is_over: bool,
}

#[derive(Clone, Copy, Debug)]
enum Member {
    Status,
    Message,
}

impl Envelope {
    /// Begins.
    pub(crate) fn new() -> Self {
        Envelope {
            machine: Machine::new(false),
            found: Found::default(),
        }
    }

    /// Looks at the next chunk.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        if !self.found.is_over && self.machine.push(chunk, &mut self.found).is_err() {
            self.found.is_over = true;
        }
    }

    /// Stops the search.
    pub(crate) fn stop(&mut self) {
        self.found.is_over = true;
    }

    /// Returns whether there is a `status`, of whatever kind.
    pub(crate) fn has_status(&self) -> bool {
        self.found.has_status
    }

    /// Returns the text of `status` as it stands, where it is a string.
    pub(crate) fn status(&self) -> Option<&[u8]> {
        self.found.status.as_deref()
    }

    /// Returns the text of `message` as it stands, where it is a string.
    pub(crate) fn message(&self) -> Option<&[u8]> {
        self.found.message.as_deref()
    }
}

impl Found {
    /// Takes the name of a member or its value over.
    fn take(&mut self, key: bool, text: &[u8]) {
        let text = &text[..text.len().min(MAX_VALUE)];
        if key {
            self.member = match text {
                b"status" => Some(Member::Status),
                b"message" => Some(Member::Message),
                _ => None,
            };
            self.has_status |= matches!(self.member, Some(Member::Status));
            return;
        }
        match self.member {
            Some(Member::Status) => self.status = Some(text.to_vec()),
            Some(Member::Message) => self.message = Some(text.to_vec()),
            None => {}
        }
        self.is_over |= self.status.is_some() && self.message.is_some();
    }
}

impl Sink for Found {
    #[inline]
    fn open(&mut self, byte: u8) {
        self.is_over |= self.depth == 0 && byte == b'[';
        self.depth += 1;
    }

    #[inline]
    fn close(&mut self, _byte: u8, _empty: bool, depth: usize, _at: usize) {
        self.depth = depth;
        self.is_over |= depth == 0;
    }

    #[inline]
    fn string(&mut self, key: bool, length: usize, rest: &[u8]) {
        if self.depth == 1 && !self.is_over {
            self.take(key, &rest[1..length - 1]);
        }
    }

    fn string_begin(&mut self, key: bool) {
        let is_read = self.depth == 1 && !self.is_over && (key || self.member.is_some());
        self.text = is_read.then(Vec::new);
    }

    fn string_chunk(&mut self, text: &[u8]) {
        if let Some(kept) = &mut self.text {
            let room = MAX_VALUE.saturating_sub(kept.len()).min(text.len());
            kept.extend_from_slice(&text[..room]);
        }
    }

    fn string_end(&mut self, key: bool) {
        if let Some(text) = self.text.take() {
            self.take(key, &text);
        }
    }
}
