//! JSON as values.
//!
//! One reader for bodies, `fromjson`, `tonumber` and `--argjson`. It accepts what RFC 8259 calls
//! JSON, and `nan`, `NaN` and `Infinity` as jq does; nothing else, no comments least of all.

use std::collections::HashSet;

use super::limits::MAX_DEPTH;
use super::value::{Map, Text, Value};
use crate::text::lexical::without_mark;

/// Why a text is not JSON that a filter can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is not JSON, from this byte on.
    NotJson(usize),
    /// It nests deeper than the limit.
    TooDeep,
}

/// Reads one JSON text.
///
/// # Errors
/// Fails when it is not exactly one.
pub(super) fn one(bytes: &[u8]) -> Result<Value, Unreadable> {
    let mut reader = Reader::new(bytes);
    let value = match reader.next() {
        Some(value) => value?,
        None => return Err(reader.fail()),
    };
    match reader.next() {
        None => Ok(value),
        Some(_) => Err(reader.fail()),
    }
}

/// Reads a number that has JSON's form, or jq's additions to it: a leading or trailing dot.
pub(super) fn number(text: &str) -> Option<Value> {
    let mut reader = Reader::new(text.as_bytes());
    if reader.number_end() == Some(text.len()) {
        return Some(Value::number(text));
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().any(|byte| byte.is_ascii_digit());
    let is_number = is_number || matches!(digits, "nan" | "infinity");
    let parsed: Option<f64> = is_number.then(|| text.parse().ok()).flatten();
    parsed.map(Value::Number)
}

/// Reads the JSON texts of a body, one after the other.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    // Keys repeat from object to object.
    keys: HashSet<Text, foldhash::fast::RandomState>,
}

impl Iterator for Reader<'_> {
    type Item = Result<Value, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_space();
        if self.at == self.bytes.len() {
            return None;
        }
        let value = self.value(0);
        if value.is_err() {
            self.at = self.bytes.len();
        }
        Some(value)
    }
}

impl<'a> Reader<'a> {
    /// Starts behind a byte order mark, if there is one.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader {
            bytes: without_mark(bytes),
            at: 0,
            keys: HashSet::default(),
        }
    }

    fn fail(&self) -> Unreadable {
        Unreadable::NotJson(self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Unreadable> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let follows = rest.get(word.len()).copied().unwrap_or(b' ');
        if rest.starts_with(word.as_bytes()) && !follows.is_ascii_alphanumeric() {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.fail())
    }

    fn value(&mut self, depth: u32) -> Result<Value, Unreadable> {
        match self.peek() {
            Some(b'"') => self.string().map(|text| Value::Text(Text::from(text))),
            Some(b'[') => self.array(depth + 1),
            Some(b'{') => self.object(depth + 1),
            Some(b'-')
                if self
                    .bytes
                    .get(self.at + 1)
                    .is_some_and(u8::is_ascii_alphabetic) =>
            {
                self.at += 1;
                let word = self.value(depth)?;
                word.as_number()
                    .map(|number| Value::Number(-number))
                    .ok_or_else(|| self.fail())
            }
            Some(b'I') => self.word("Infinity", Value::Number(f64::INFINITY)),
            Some(b'-' | b'0'..=b'9') => {
                let Some(end) = self.number_end() else {
                    return Err(self.fail());
                };
                let text = std::str::from_utf8(&self.bytes[self.at..end]);
                let value = Value::number(text.map_err(|_| self.fail())?);
                self.at = end;
                Ok(value)
            }
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') if self.bytes.get(self.at + 1) == Some(&b'a') => {
                self.word("nan", Value::Number(f64::NAN))
            }
            Some(b'N') => self.word("NaN", Value::Number(f64::NAN)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.fail()),
        }
    }

    /// Returns where the number that begins here ends; `None` when none does.
    fn number_end(&mut self) -> Option<usize> {
        let digits = |mut at: usize| {
            let start = at;
            while self.bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            (at > start).then_some(at)
        };
        let mut at = self.at;
        if self.bytes.get(at) == Some(&b'-') {
            at += 1;
        }
        let first = at;
        at = digits(at)?;
        if self.bytes.get(first) == Some(&b'0') && at > first + 1 {
            return None;
        }
        if self.bytes.get(at) == Some(&b'.') {
            at = digits(at + 1)?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(at) {
            let sign = usize::from(matches!(self.bytes.get(at + 1), Some(b'+' | b'-')));
            at = digits(at + 1 + sign)?;
        }
        Some(at)
    }

    fn array(&mut self, depth: u32) -> Result<Value, Unreadable> {
        if depth > MAX_DEPTH {
            return Err(Unreadable::TooDeep);
        }
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::array(items));
        }
        loop {
            self.skip_space();
            items.push(self.value(depth)?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.fail()),
            }
        }
        self.at += 1;
        items.shrink_to_fit();
        Ok(Value::array(items))
    }

    fn object(&mut self, depth: u32) -> Result<Value, Unreadable> {
        if depth > MAX_DEPTH {
            return Err(Unreadable::TooDeep);
        }
        self.at += 1;
        let mut map = Map::default();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::object(map));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.fail());
            }
            let key = self.string()?;
            let key = match self.keys.get(key.as_str()) {
                Some(known) => known.clone(),
                None => {
                    let key = Text::from(key);
                    self.keys.insert(key.clone());
                    key
                }
            };
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.fail());
            }
            self.at += 1;
            self.skip_space();
            let value = self.value(depth)?;
            map.insert(key, value);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.fail()),
            }
        }
        self.at += 1;
        Ok(Value::object(map))
    }

    fn string(&mut self) -> Result<String, Unreadable> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(length) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.bytes.len();
                return Err(self.fail());
            };
            let plain = &rest[..length];
            if let Some(control) = plain.iter().position(|byte| *byte < 0x20) {
                self.at += control;
                return Err(self.fail());
            }
            // As in jq, bytes that are not UTF-8 are replaced.
            text.push_str(&String::from_utf8_lossy(plain));
            self.at += length + 1;
            if rest[length] == b'"' {
                text.shrink_to_fit();
                return Ok(text);
            }
            self.escape(&mut text)?;
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), Unreadable> {
        let escaped = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.unit()?;
                text.push(self.character(first)?);
                return Ok(());
            }
            _ => return Err(self.fail()),
        };
        self.at += 1;
        text.push(escaped);
        Ok(())
    }

    /// Reads `uXXXX`.
    fn unit(&mut self) -> Result<u32, Unreadable> {
        let digits = self.bytes.get(self.at + 1..self.at + 5);
        let unit = digits
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match unit {
            Some(unit) => {
                self.at += 5;
                Ok(unit)
            }
            None => Err(self.fail()),
        }
    }

    /// Joins two halves of a surrogate pair; a half alone is replaced, as in jq.
    fn character(&mut self, first: u32) -> Result<char, Unreadable> {
        const HIGH: std::ops::Range<u32> = 0xd800..0xdc00;
        const LOW: std::ops::Range<u32> = 0xdc00..0xe000;
        let follows = self.bytes.get(self.at..).unwrap_or_default();
        if HIGH.contains(&first) && follows.starts_with(b"\\u") {
            let before = self.at;
            self.at += 1;
            let second = self.unit()?;
            if LOW.contains(&second) {
                let point = 0x10000 + ((first - HIGH.start) << 10) + (second - LOW.start);
                return Ok(char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}
