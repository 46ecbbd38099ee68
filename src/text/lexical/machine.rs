//! JSON read byte by byte (RFC 8259), in chunks of any size and to any depth, without values.

use super::{MARK, Syntax};

/// What the machine reports, in the order of the text; `at` is a place in the chunk being read. What
/// a sink does not implement is passed over.
pub(in crate::text) trait Sink {
    /// A document begins; `first` is false for all but the first of a sequence.
    fn document(&mut self, _first: bool, _at: usize) {}
    /// `{` or `[`.
    fn open(&mut self, _byte: u8) {}
    /// `}` or `]`, `depth` being that of the bracket itself.
    fn close(&mut self, _byte: u8, _empty: bool, _depth: usize, _at: usize) {}
    /// A member or element begins, at this depth; all but the first follow a comma, which is where
    /// `at` then points.
    fn item(&mut self, _first: bool, _depth: usize, _at: usize) {}
    /// `:`.
    fn colon(&mut self, _at: usize) {}
    /// A whole string with its quotes, ASCII and without escapes: most are. It is the first
    /// `length` bytes of `rest`.
    fn string(&mut self, _key: bool, _length: usize, _rest: &[u8]) {}
    /// A quote begins a string.
    fn string_begin(&mut self, _key: bool) {}
    /// A chunk of a string's text, escapes as they stand: UTF-8 that has been checked.
    fn string_chunk(&mut self, _text: &[u8]) {}
    /// A quote ends the string.
    fn string_end(&mut self, _key: bool) {}
    /// A number or literal begins.
    fn scalar_begin(&mut self, _number: bool) {}
    /// A chunk of it.
    fn scalar_chunk(&mut self, _bytes: &[u8]) {}
    /// It has ended.
    fn scalar_end(&mut self) {}
}

/// Where in the grammar the machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the document.
    Start,
    /// A value must come: after `:` or `,`.
    Value,
    /// After `[`.
    ValueOrEnd,
    /// After `{`.
    KeyOrEnd,
    /// After `,` in an object.
    Key,
    /// After a key.
    Colon,
    /// After a value inside brackets.
    CommaOrEnd,
    String {
        key: bool,
    },
    /// After a backslash.
    Escape {
        key: bool,
    },
    /// In `\uXXXX`, with this many digits to come.
    Unicode {
        key: bool,
        left: u8,
    },
    Number(Number),
    /// In a literal, with this many of its bytes read.
    Literal {
        word: Literal,
        read: u8,
    },
    /// After the document.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Literal {
    True,
    False,
    Null,
    Nan,
}

impl Literal {
    fn text(self) -> &'static [u8] {
        match self {
            Literal::True => b"true",
            Literal::False => b"false",
            Literal::Null => b"null",
            Literal::Nan => b"nan",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    fn is_complete(self) -> bool {
        matches!(
            self,
            Number::Zero | Number::Integer | Number::Fraction | Number::ExponentDigits
        )
    }

    fn step(self, byte: u8) -> Option<Number> {
        Some(match (self, byte) {
            (Number::Minus, b'0') => Number::Zero,
            (Number::Minus, b'1'..=b'9') | (Number::Integer, b'0'..=b'9') => Number::Integer,
            (Number::Zero | Number::Integer, b'.') => Number::Point,
            (Number::Point | Number::Fraction, b'0'..=b'9') => Number::Fraction,
            (Number::Zero | Number::Integer | Number::Fraction, b'e' | b'E') => Number::Exponent,
            (Number::Exponent, b'+' | b'-') => Number::ExponentSign,
            (Number::Exponent | Number::ExponentSign | Number::ExponentDigits, b'0'..=b'9') => {
                Number::ExponentDigits
            }
            _ => return None,
        })
    }
}

/// The machine. It holds a bit for each open bracket and nothing else that grows.
#[derive(Debug)]
pub(in crate::text) struct Machine {
    state: State,
    /// One bit a level, set for an object.
    levels: Vec<u64>,
    depth: usize,
    /// Whether more than one document may come.
    sequence: bool,
    /// Whether `nan` is a literal too, as in jq.
    reads_nan: bool,
    /// Whether a byte order mark before the first document is skipped.
    skips_mark: bool,
    documents: u64,
    /// The first bytes of a character whose rest is in the next chunk; before the first document,
    /// the byte order mark.
    partial: Vec<u8>,
    place: Place,
}

/// How far the text has been read, in lines and characters.
#[derive(Debug)]
struct Place {
    /// Counted from 1.
    line: usize,
    /// The column, counted from 1, of the byte at `from`.
    column: usize,
    /// Where in the chunk the line begins, or 0 when it began in an earlier one.
    from: usize,
    /// How many bytes since `from` continue a character that another byte began: a count of
    /// characters is what is left. Only strings hold such bytes.
    continued: usize,
}

impl Place {
    fn new_line(&mut self, at: usize) {
        self.line += 1;
        self.column = 1;
        self.from = at + 1;
        self.continued = 0;
    }

    /// Returns whether nothing has come before this place but the bytes of a byte order mark.
    fn is_beginning(&self, at: usize) -> bool {
        self.line == 1 && self.column + at - self.from - self.continued == 1
    }

    /// Ends the chunk, `at` bytes of which have been read.
    fn end_chunk(&mut self, at: usize) {
        self.column += at - self.from - self.continued;
        self.from = 0;
        self.continued = 0;
    }
}

/// Where in a chunk something is wrong, and what.
type Wrong = (usize, &'static str);

impl Machine {
    /// Begins to read what a server sent, or more than one document.
    pub(in crate::text) fn new(sequence: bool) -> Self {
        Machine {
            skips_mark: true,
            ..Machine::strict(sequence)
        }
    }

    /// Begins to read one document of a language that has `nan`.
    pub(in crate::text) fn with_nan() -> Self {
        Machine {
            reads_nan: true,
            ..Machine::new(false)
        }
    }

    /// Begins to read what is sent to a server: a byte order mark is a mistake.
    pub(in crate::text) fn strict(sequence: bool) -> Self {
        Machine {
            state: State::Start,
            reads_nan: false,
            skips_mark: false,
            levels: Vec::new(),
            depth: 0,
            sequence,
            documents: 0,
            partial: Vec::new(),
            place: Place {
                line: 1,
                column: 1,
                from: 0,
                continued: 0,
            },
        }
    }

    /// Reads a chunk.
    pub(in crate::text) fn push(
        &mut self,
        chunk: &[u8],
        sink: &mut impl Sink,
    ) -> Result<(), Syntax> {
        match self.read(chunk, sink) {
            Ok(()) => {
                self.place.end_chunk(chunk.len());
                Ok(())
            }
            Err((at, what)) => {
                self.place.end_chunk(at);
                Err(self.wrong(what, at))
            }
        }
    }

    /// Ends the text.
    pub(in crate::text) fn finish(&mut self, sink: &mut impl Sink) -> Result<(), Syntax> {
        if let State::Number(number) = self.state
            && number.is_complete()
        {
            sink.scalar_end();
            self.value_ends();
        }
        let what = match self.state {
            State::Done => return Ok(()),
            State::Start if self.documents > 0 => return Ok(()),
            State::Start => "there is nothing",
            State::String { .. } | State::Escape { .. } | State::Unicode { .. } => {
                "the text ends inside a string"
            }
            _ => "the text ends too early",
        };
        Err(self.wrong(what, 0))
    }

    fn wrong(&self, what: &'static str, consumed: usize) -> Syntax {
        Syntax {
            line: self.place.line,
            column: self.place.column,
            what,
            consumed,
        }
    }

    /// Returns the bytes of a character that was cut, so that none is lost after a mistake.
    pub(super) fn take_partial(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.partial)
    }

    pub(in crate::text) fn has_seen_nothing(&self) -> bool {
        self.state == State::Start && self.documents == 0
    }

    pub(in crate::text) fn is_sequence(&self) -> bool {
        self.sequence
    }

    fn read(&mut self, chunk: &[u8], sink: &mut impl Sink) -> Result<(), Wrong> {
        let mut at = 0;
        while at < chunk.len() {
            at = match self.state {
                State::String { key } => self.string(chunk, at, key, sink)?,
                State::Escape { key } => self.escape(chunk, at, key, sink)?,
                State::Unicode { key, left } => self.unicode(chunk, at, key, left, sink)?,
                State::Number(number) => self.number(chunk, at, at, number, sink)?,
                State::Literal { word, read } => self.literal(chunk, at, word, read, sink)?,
                _ => self.structure(chunk, at, sink)?,
            };
        }
        Ok(())
    }

    fn structure(&mut self, chunk: &[u8], at: usize, sink: &mut impl Sink) -> Result<usize, Wrong> {
        let byte = chunk[at];
        match (self.state, byte) {
            (_, b' ' | b'\r' | b'\t') => {}
            (_, b'\n') => self.place.new_line(at),
            (State::CommaOrEnd, b',') => {
                sink.item(false, self.depth, at);
                if !self.in_object() {
                    self.state = State::Value;
                } else if chunk.get(at + 1) == Some(&b'"') {
                    return self.begin_string(chunk, at + 1, true, sink);
                } else {
                    self.state = State::Key;
                }
            }
            (State::Colon, b':') => {
                sink.colon(at);
                self.state = State::Value;
            }
            (State::KeyOrEnd, b'"') => {
                sink.item(true, self.depth, at);
                return self.begin_string(chunk, at, true, sink);
            }
            (State::Key, b'"') => {
                return self.begin_string(chunk, at, true, sink);
            }
            (State::KeyOrEnd | State::CommaOrEnd, b'}') if self.in_object() => {
                self.close(byte, at, sink);
            }
            (State::ValueOrEnd | State::CommaOrEnd, b']') if !self.in_object() => {
                self.close(byte, at, sink);
            }
            (State::Value | State::ValueOrEnd, _) => {
                if self.state == State::ValueOrEnd {
                    if !begins_value(byte) {
                        return Err((at, "a value or ] is expected"));
                    }
                    sink.item(true, self.depth, at);
                }
                return self.value(chunk, at, sink);
            }
            (State::Start, _) if self.is_in_mark(byte, at) => {
                if !self.skips_mark {
                    return Err((at, "the text begins with a byte order mark; remove it"));
                }
                self.partial.push(byte);
                self.place.continued += 1;
            }
            (State::Start, _) => return self.document(chunk, at, sink),
            (State::Done, _) if self.sequence => return self.document(chunk, at, sink),
            _ => return Err((at, self.expected())),
        }
        Ok(at + 1)
    }

    fn document(&mut self, chunk: &[u8], at: usize, sink: &mut impl Sink) -> Result<usize, Wrong> {
        let is_marked = self.documents > 0 || self.partial.is_empty() || self.partial == MARK;
        if !begins_value(chunk[at]) || !is_marked {
            return Err((at, "a value is expected"));
        }
        self.partial.clear();
        sink.document(self.documents == 0, at);
        self.documents += 1;
        self.value(chunk, at, sink)
    }

    /// Returns whether a byte continues the byte order mark that a text may begin with.
    fn is_in_mark(&self, byte: u8, at: usize) -> bool {
        self.documents == 0
            && self.place.is_beginning(at)
            && MARK.get(self.partial.len()) == Some(&byte)
    }

    fn expected(&self) -> &'static str {
        match self.state {
            State::KeyOrEnd => "a key in double quotes or } is expected",
            State::Key => "a key in double quotes is expected",
            State::Colon => "a colon is expected",
            State::CommaOrEnd if self.in_object() => "a comma or } is expected",
            State::CommaOrEnd => "a comma or ] is expected",
            State::Done => "something follows after the end",
            _ => "a value is expected",
        }
    }

    fn value(&mut self, chunk: &[u8], at: usize, sink: &mut impl Sink) -> Result<usize, Wrong> {
        let byte = chunk[at];
        let number = match byte {
            b'"' => return self.begin_string(chunk, at, false, sink),
            b'{' | b'[' => {
                sink.open(byte);
                self.enter(byte == b'{');
                return Ok(at + 1);
            }
            b'-' => Number::Minus,
            b'0' => Number::Zero,
            b'1'..=b'9' => Number::Integer,
            b't' => return self.begin_literal(chunk, at, Literal::True, sink),
            b'f' => return self.begin_literal(chunk, at, Literal::False, sink),
            b'n' if self.reads_nan && chunk.get(at + 1) == Some(&b'a') => {
                return self.begin_literal(chunk, at, Literal::Nan, sink);
            }
            b'n' => return self.begin_literal(chunk, at, Literal::Null, sink),
            _ => return Err((at, "a value is expected")),
        };
        sink.scalar_begin(true);
        self.number(chunk, at, at + 1, number, sink)
    }

    fn begin_literal(
        &mut self,
        chunk: &[u8],
        at: usize,
        word: Literal,
        sink: &mut impl Sink,
    ) -> Result<usize, Wrong> {
        sink.scalar_begin(false);
        let text = word.text();
        if chunk[at..].starts_with(text) {
            sink.scalar_chunk(text);
            sink.scalar_end();
            self.value_ends();
            return Ok(at + text.len());
        }
        sink.scalar_chunk(&chunk[at..=at]);
        self.state = State::Literal { word, read: 1 };
        Ok(at + 1)
    }

    #[inline]
    fn begin_string(
        &mut self,
        chunk: &[u8],
        at: usize,
        key: bool,
        sink: &mut impl Sink,
    ) -> Result<usize, Wrong> {
        let rest = &chunk[at + 1..];
        let plain = plain_length(rest);
        if rest.get(plain) == Some(&b'"') {
            let end = at + plain + 2;
            sink.string(key, end - at, &chunk[at..]);
            return Ok(self.string_ends(chunk, end, key, sink));
        }
        sink.string_begin(key);
        self.state = State::String { key };
        self.string(chunk, at + 1, key, sink)
    }

    /// Continues behind a string; returns where.
    #[inline]
    fn string_ends(&mut self, chunk: &[u8], at: usize, key: bool, sink: &mut impl Sink) -> usize {
        if !key {
            self.value_ends();
        } else if chunk.get(at) == Some(&b':') {
            sink.colon(at);
            self.state = State::Value;
            return at + 1;
        } else {
            self.state = State::Colon;
        }
        at
    }

    fn string(
        &mut self,
        chunk: &[u8],
        at: usize,
        key: bool,
        sink: &mut impl Sink,
    ) -> Result<usize, Wrong> {
        let at = if self.partial.is_empty() {
            at
        } else {
            self.complete_character(chunk, at, sink)?
        };
        let rest = &chunk[at..];
        let plain = ascii_length(rest);
        if plain > 0 {
            sink.string_chunk(&rest[..plain]);
        }
        let at = at + plain;
        match rest.get(plain) {
            None => Ok(at),
            Some(b'"') => {
                sink.string_end(key);
                Ok(self.string_ends(chunk, at + 1, key, sink))
            }
            Some(b'\\') => {
                self.state = State::Escape { key };
                Ok(at + 1)
            }
            Some(0x80..) => self.characters(chunk, at, sink),
            Some(_) => Err((at, "a control character in a string must be escaped")),
        }
    }

    /// Passes over the characters beyond ASCII, and what is between them.
    fn characters(
        &mut self,
        chunk: &[u8],
        at: usize,
        sink: &mut impl Sink,
    ) -> Result<usize, Wrong> {
        let rest = &chunk[at..];
        let end = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
        let end = rest[..end]
            .iter()
            .position(|byte| *byte < 0x20)
            .unwrap_or(end);
        self.text(&rest[..end], at, end == rest.len(), sink)?;
        Ok(at + end)
    }

    /// Reports text that is UTF-8; at a chunk's end a character may be cut.
    fn text(
        &mut self,
        text: &[u8],
        at: usize,
        open: bool,
        sink: &mut impl Sink,
    ) -> Result<(), Wrong> {
        match std::str::from_utf8(text) {
            Ok(text) => {
                self.place.continued += text.len() - text.chars().count();
                sink.string_chunk(text.as_bytes());
            }
            Err(error) => {
                let good = error.valid_up_to();
                self.place.continued += text[..good].iter().filter(|byte| continues(byte)).count();
                sink.string_chunk(&text[..good]);
                if error.error_len().is_some() || !open {
                    return Err((at + good, "a string is not valid UTF-8"));
                }
                self.place.continued += text.len() - good - 1;
                self.partial.extend_from_slice(&text[good..]);
            }
        }
        Ok(())
    }

    fn complete_character(
        &mut self,
        chunk: &[u8],
        mut at: usize,
        sink: &mut impl Sink,
    ) -> Result<usize, Wrong> {
        while at < chunk.len() {
            self.partial.push(chunk[at]);
            match std::str::from_utf8(&self.partial) {
                Ok(text) => {
                    sink.string_chunk(text.as_bytes());
                    self.partial.clear();
                    self.place.continued += 1;
                    return Ok(at + 1);
                }
                Err(error) if error.error_len().is_some() => {
                    self.partial.pop();
                    return Err((at, "a string is not valid UTF-8"));
                }
                Err(_) => {
                    self.place.continued += 1;
                    at += 1;
                }
            }
        }
        Ok(at)
    }

    fn escape(
        &mut self,
        chunk: &[u8],
        at: usize,
        key: bool,
        sink: &mut impl Sink,
    ) -> Result<usize, Wrong> {
        let text: &[u8] = match chunk[at] {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'/' => b"\\/",
            b'b' => b"\\b",
            b'f' => b"\\f",
            b'n' => b"\\n",
            b'r' => b"\\r",
            b't' => b"\\t",
            b'u' => b"\\u",
            _ => {
                sink.string_chunk(b"\\");
                return Err((at, "this escape does not exist"));
            }
        };
        sink.string_chunk(text);
        self.state = if chunk[at] == b'u' {
            State::Unicode { key, left: 4 }
        } else {
            State::String { key }
        };
        Ok(at + 1)
    }

    fn unicode(
        &mut self,
        chunk: &[u8],
        at: usize,
        key: bool,
        left: u8,
        sink: &mut impl Sink,
    ) -> Result<usize, Wrong> {
        if !chunk[at].is_ascii_hexdigit() {
            return Err((at, "\\u needs four hexadecimal digits"));
        }
        sink.string_chunk(&chunk[at..=at]);
        self.state = if left == 1 {
            State::String { key }
        } else {
            State::Unicode {
                key,
                left: left - 1,
            }
        };
        Ok(at + 1)
    }

    /// Continues a number at `at`; its bytes from `from` on have not been reported yet.
    fn number(
        &mut self,
        chunk: &[u8],
        from: usize,
        at: usize,
        mut number: Number,
        sink: &mut impl Sink,
    ) -> Result<usize, Wrong> {
        let mut end = at;
        while let Some(next) = chunk.get(end).and_then(|byte| number.step(*byte)) {
            number = next;
            end += 1;
        }
        sink.scalar_chunk(&chunk[from..end]);
        self.state = State::Number(number);
        match chunk.get(end) {
            None => Ok(end),
            Some(_) if !number.is_complete() => Err((end, "a digit is expected")),
            Some(b'0'..=b'9') => Err((end, "a number must not begin with 0")),
            Some(_) => {
                sink.scalar_end();
                self.value_ends();
                Ok(end)
            }
        }
    }

    fn literal(
        &mut self,
        chunk: &[u8],
        at: usize,
        word: Literal,
        read: u8,
        sink: &mut impl Sink,
    ) -> Result<usize, Wrong> {
        let text = word.text();
        if chunk[at] != text[usize::from(read)] {
            return Err((at, "a value is expected: true, false or null is misspelt"));
        }
        sink.scalar_chunk(&chunk[at..=at]);
        if usize::from(read) + 1 == text.len() {
            sink.scalar_end();
            self.value_ends();
        } else {
            self.state = State::Literal {
                word,
                read: read + 1,
            };
        }
        Ok(at + 1)
    }

    #[inline]
    fn value_ends(&mut self) {
        self.state = if self.depth == 0 {
            State::Done
        } else {
            State::CommaOrEnd
        };
    }

    fn enter(&mut self, object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.levels.len() {
            self.levels.push(0);
        }
        if object {
            self.levels[word] |= 1 << bit;
            self.state = State::KeyOrEnd;
        } else {
            self.levels[word] &= !(1 << bit);
            self.state = State::ValueOrEnd;
        }
        self.depth += 1;
    }

    fn close(&mut self, byte: u8, at: usize, sink: &mut impl Sink) {
        self.depth -= 1;
        let empty = matches!(self.state, State::KeyOrEnd | State::ValueOrEnd);
        sink.close(byte, empty, self.depth, at);
        self.value_ends();
    }

    #[inline]
    fn in_object(&self) -> bool {
        match self.depth.checked_sub(1) {
            Some(level) => self.levels[level / 64] >> (level % 64) & 1 == 1,
            None => false,
        }
    }
}

/// Returns how many bytes from the beginning are ASCII text that needs no second look: no quote,
/// backslash, control character or part of a longer character. Eight bytes at a time.
#[inline]
fn plain_length(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The lowest high bit that is set marks the first byte that is zero (Hacker's Delight, 6-1);
    // higher ones may be wrong, and are not looked at.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let mut at = 0;
    while let Some(block) = text[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*block);
        let quote = zeros(word ^ (ONES * b'"' as u64));
        let backslash = zeros(word ^ (ONES * b'\\' as u64));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let found = quote | backslash | control | (word & HIGHS);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let special = |byte: &u8| matches!(*byte, 0..0x20 | b'"' | b'\\' | 0x80..);
    at + text[at..]
        .iter()
        .position(special)
        .unwrap_or(text.len() - at)
}

/// Returns whether a byte of UTF-8 continues a character.
fn continues(byte: &u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Returns how many bytes from the beginning are ASCII text and whole escapes.
#[inline]
fn ascii_length(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += plain_length(&text[at..]);
        at += match &text[at..] {
            [
                b'\\',
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                ..,
            ] => 2,
            [b'\\', b'u', digits @ ..]
                if digits.len() >= 4 && digits[..4].iter().all(u8::is_ascii_hexdigit) =>
            {
                6
            }
            _ => return at,
        };
    }
}

#[inline]
fn begins_value(byte: u8) -> bool {
    matches!(
        byte,
        b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'
    )
}
