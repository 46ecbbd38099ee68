//! JSON laid out on bytes: number text, escapes, key order, duplicates and depth stay as they
//! are, memory does not grow with the text, and nothing is ever made a value.

pub(crate) mod envelope;
pub(in crate::text) mod machine;
pub(crate) mod scan;
pub(crate) mod split;

use std::fmt;

use self::machine::{Machine, Sink};
use crate::error::Failure;
use crate::exit::Exit;
use crate::text::terminal::{Theme, is_unsafe};

/// How a text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A member or element a line, two blanks deeper for each bracket.
    Pretty,
    /// No whitespace.
    Compact,
}

/// A mistake in a text, by place and in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: &'static str,
    /// How many bytes of the chunk just pushed have been taken over; the rest has not.
    pub consumed: usize,
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Syntax { line, column, .. } = self;
        write!(f, "line {line}, column {column}: {}", self.what)
    }
}

impl Syntax {
    /// Makes the failure; `name` says whose text it is.
    pub(crate) fn of(self, name: &str, exit: Exit) -> Failure {
        Failure::new(exit, format!("{name} is not JSON: {self}"))
    }
}

/// The byte order mark that some servers and editors put before a text.
pub(crate) const MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns a text as whatever reads JSON sees it: without a byte order mark.
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// Checks that bytes are one JSON text (RFC 8259) in UTF-8.
///
/// # Errors
/// Fails with the first mistake.
pub fn check(bytes: &[u8]) -> Result<(), Syntax> {
    let mut machine = Machine::strict(false);
    machine.push(bytes, &mut Nothing)?;
    machine.finish(&mut Nothing)
}

/// Checks a text before anything reads it: whatever moves about in JSON relies on this.
///
/// # Errors
/// Fails with this exit code and the first mistake; `name` says whose text it is.
pub(crate) fn checked(name: &str, bytes: &[u8], exit: Exit) -> Result<(), Failure> {
    check(bytes).map_err(|error| error.of(name, exit))
}

/// Lays out JSON that comes in chunks. Several documents one after the other (NDJSON) are each
/// laid out.
#[derive(Debug)]
pub struct Formatter {
    machine: Machine,
    layout: Layout,
    colours: Option<Box<Colours>>,
    /// Whether characters that could drive a terminal are written as escapes.
    escape: bool,
}

impl Formatter {
    /// Begins; with `terminal`, what could drive a terminal is written as a JSON escape, which
    /// means the same character.
    pub fn new(layout: Layout, theme: &Theme, terminal: bool) -> Self {
        Formatter {
            machine: Machine::new(true),
            layout,
            colours: Colours::of(theme),
            escape: terminal,
        }
    }

    /// Lays out the next chunk.
    ///
    /// # Errors
    /// Fails at the first mistake; all before it has been laid out, `consumed` bytes of the chunk.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Syntax> {
        out.reserve(chunk.len() + chunk.len() / 2);
        let mut writer = Writer {
            out,
            layout: self.layout,
            colours: self.colours.as_deref(),
            escape: self.escape,
        };
        let read = self.machine.push(chunk, &mut writer);
        if read.is_err() {
            let partial = self.machine.take_partial();
            out.extend_from_slice(&partial);
            if self.colours.is_some() {
                out.extend_from_slice(RESET);
            }
        }
        read
    }

    /// Ends the text; an empty one is valid.
    ///
    /// # Errors
    /// Fails when the text is not complete.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Syntax> {
        if self.machine.has_seen_nothing() {
            return Ok(());
        }
        let mut writer = Writer {
            out,
            layout: self.layout,
            colours: self.colours.as_deref(),
            escape: self.escape,
        };
        let ended = self.machine.finish(&mut writer);
        if ended.is_err() {
            let partial = self.machine.take_partial();
            out.extend_from_slice(&partial);
            if self.colours.is_some() {
                out.extend_from_slice(RESET);
            }
        }
        ended
    }
}

const RESET: &[u8] = b"\x1b[0m";

/// The escape sequences of a theme, put together once.
#[derive(Debug)]
struct Colours {
    key: String,
    string: String,
    number: String,
    literal: String,
}

impl Colours {
    fn of(theme: &Theme) -> Option<Box<Colours>> {
        let colours = Colours {
            key: theme.key.render().to_string(),
            string: theme.string.render().to_string(),
            number: theme.number.render().to_string(),
            literal: theme.literal.render().to_string(),
        };
        (!colours.key.is_empty()).then(|| Box::new(colours))
    }
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    layout: Layout,
    colours: Option<&'a Colours>,
    escape: bool,
}

impl Writer<'_> {
    #[inline]
    fn new_line(&mut self, depth: usize) {
        const NEW_LINE: [u8; 65] = {
            let mut bytes = [b' '; 65];
            bytes[0] = b'\n';
            bytes
        };
        // Deeper levels go no further in: a million brackets would become terabytes of blanks.
        const MAX_DEPTH: usize = 64;
        let blanks = depth.min(MAX_DEPTH) * 2;
        match NEW_LINE.get(..=blanks) {
            Some(line) => copy_short(self.out, line, &NEW_LINE),
            None => {
                self.out.push(b'\n');
                self.out.resize(self.out.len() + blanks, b' ');
            }
        }
    }

    fn colour(&mut self, pick: impl FnOnce(&Colours) -> &str) {
        if let Some(colours) = self.colours {
            self.out.extend_from_slice(pick(colours).as_bytes());
        }
    }

    fn end_colour(&mut self) {
        if self.colours.is_some() {
            self.out.extend_from_slice(RESET);
        }
    }

    #[cold]
    fn escaped(&mut self, text: &str) {
        for character in text.chars() {
            if is_unsafe(character) {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    self.out
                        .extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            } else {
                self.out
                    .extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
}

impl Sink for Writer<'_> {
    fn document(&mut self, first: bool, _at: usize) {
        if !first {
            self.out.push(b'\n');
        }
    }

    fn open(&mut self, byte: u8) {
        self.out.push(byte);
    }

    fn close(&mut self, byte: u8, empty: bool, depth: usize, _at: usize) {
        if self.layout == Layout::Pretty && !empty {
            self.new_line(depth);
        }
        self.out.push(byte);
    }

    fn item(&mut self, first: bool, depth: usize, _at: usize) {
        if !first {
            self.out.push(b',');
        }
        if self.layout == Layout::Pretty {
            self.new_line(depth);
        }
    }

    fn colon(&mut self, _at: usize) {
        match self.layout {
            Layout::Pretty => self.out.extend_from_slice(b": "),
            Layout::Compact => self.out.push(b':'),
        }
    }

    fn string(&mut self, key: bool, length: usize, rest: &[u8]) {
        let quoted = &rest[..length];
        if self.colours.is_none() && !self.escape {
            copy_short(self.out, quoted, rest);
            return;
        }
        self.string_begin(key);
        self.string_chunk(&quoted[1..quoted.len() - 1]);
        self.string_end(key);
    }

    fn string_begin(&mut self, key: bool) {
        self.colour(|colours| if key { &colours.key } else { &colours.string });
        self.out.push(b'"');
    }

    fn string_chunk(&mut self, text: &[u8]) {
        // DEL is the only ASCII character to be escaped: the others are not allowed unescaped.
        if self.escape && text.iter().any(|byte| *byte >= 0x7f) {
            self.escaped(&String::from_utf8_lossy(text));
        } else {
            self.out.extend_from_slice(text);
        }
    }

    fn string_end(&mut self, _key: bool) {
        self.out.push(b'"');
        self.end_colour();
    }

    fn scalar_begin(&mut self, number: bool) {
        self.colour(|colours| {
            if number {
                &colours.number
            } else {
                &colours.literal
            }
        });
    }

    fn scalar_chunk(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn scalar_end(&mut self) {
        self.end_colour();
    }
}

/// Appends bytes that `beyond` begins with. A short text is copied as a block of fixed length,
/// which is a few instructions instead of a call, and what was too much is cut off again.
#[inline]
fn copy_short(out: &mut Vec<u8>, bytes: &[u8], beyond: &[u8]) {
    match beyond.first_chunk::<32>() {
        Some(block) if bytes.len() <= block.len() => {
            let end = out.len() + bytes.len();
            out.extend_from_slice(block);
            out.truncate(end);
        }
        _ => out.extend_from_slice(bytes),
    }
}

/// For checking only.
struct Nothing;

impl Sink for Nothing {}

#[cfg(test)]
pub(crate) mod tests;
