//! JSON as values: what the lexical machine reports, put together.
//!
//! One reader for bodies, `fromjson`, `tonumber` and `--argjson`.

use std::collections::HashSet;

use super::limits::MAX_DEPTH;
use super::value::{Map, Text, Value};
use crate::text::lexical::machine::{Machine, Sink};
use crate::text::lexical::{self, Syntax, scan};

/// Why a text is not JSON that a filter can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    NotJson(Syntax),
    /// It nests deeper than the limit.
    TooDeep,
}

/// Reads one JSON text, which may hold `nan` as it may in jq.
///
/// # Errors
/// Fails when it is not exactly one.
pub(super) fn one(bytes: &[u8]) -> Result<Value, Unreadable> {
    let mut value = Value::Null;
    let mut take = |next| {
        value = next;
        true
    };
    read(Machine::with_nan(), bytes, &mut take)?;
    Ok(value)
}

/// Reads the JSON texts of a body, one after the other, until `each` returns false.
///
/// # Errors
/// Fails at the first invalid text; all before it have been handed over.
pub(super) fn body(bytes: &[u8], each: &mut dyn FnMut(Value) -> bool) -> Result<(), Unreadable> {
    read(Machine::new(true), bytes, each)
}

/// Reads a number that has JSON's form, or jq's additions to it: a leading or trailing dot.
pub(super) fn number(text: &str) -> Option<Value> {
    if text.ends_with(|c: char| c.is_ascii_digit())
        && text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && lexical::check(text.as_bytes()).is_ok()
    {
        return Some(Value::number(text));
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().any(|byte| byte.is_ascii_digit());
    let is_number = is_number || matches!(digits, "nan" | "infinity");
    let parsed: Option<f64> = is_number.then(|| text.parse().ok()).flatten();
    parsed.map(Value::Number)
}

fn read(
    mut machine: Machine,
    bytes: &[u8],
    each: &mut dyn FnMut(Value) -> bool,
) -> Result<(), Unreadable> {
    let mut builder = Builder {
        open: Vec::new(),
        held: Vec::new(),
        keys: HashSet::default(),
        each,
        end: None,
    };
    let is_read = machine.push(bytes, &mut builder).and_then(|()| {
        if machine.has_seen_nothing() && machine.is_sequence() {
            return Ok(());
        }
        machine.finish(&mut builder)
    });
    match builder.end {
        Some(End::Taken) => Ok(()),
        Some(End::TooDeep) => Err(Unreadable::TooDeep),
        None => is_read.map_err(Unreadable::NotJson),
    }
}

/// Why what follows is skipped.
#[derive(Clone, Copy)]
enum End {
    Taken,
    TooDeep,
}

enum Open {
    Array(Vec<Value>),
    /// With the key of the member that is being read.
    Object(Map, Option<Text>),
}

struct Builder<'a> {
    open: Vec<Open>,
    /// The bytes of a string or a scalar, as far as they have come.
    held: Vec<u8>,
    /// Keys repeat from object to object.
    keys: HashSet<Text, foldhash::fast::RandomState>,
    each: &'a mut dyn FnMut(Value) -> bool,
    end: Option<End>,
}

impl Builder<'_> {
    #[inline]
    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            Some(Open::Array(items)) => items.push(value),
            Some(Open::Object(map, key)) => {
                if let Some(key) = key.take() {
                    map.insert(key, value);
                }
            }
            None => {
                if self.end.is_none() && !(self.each)(value) {
                    self.end = Some(End::Taken);
                }
            }
        }
    }

    #[inline]
    fn put_text(&mut self, is_key: bool, text: &str) {
        if !is_key {
            self.put(Value::text(text));
        } else if let Some(Open::Object(_, key)) = self.open.last_mut() {
            let known = self.keys.get(text).cloned();
            *key = Some(known.unwrap_or_else(|| {
                let new = Text::from(text);
                self.keys.insert(new.clone());
                new
            }));
        }
    }
}

impl Sink for Builder<'_> {
    fn open(&mut self, byte: u8) {
        if self.open.len() == MAX_DEPTH as usize {
            self.end = Some(End::TooDeep);
            self.open.clear();
        }
        if self.end.is_none() {
            self.open.push(match byte {
                b'[' => Open::Array(Vec::new()),
                _ => Open::Object(Map::default(), None),
            });
        }
    }

    fn close(&mut self, _byte: u8, _empty: bool, _depth: usize, _at: usize) {
        match self.open.pop() {
            Some(Open::Array(mut items)) => {
                items.shrink_to_fit();
                self.put(Value::array(items));
            }
            Some(Open::Object(map, _)) => self.put(Value::object(map)),
            None => {}
        }
    }

    fn string(&mut self, key: bool, length: usize, rest: &[u8]) {
        let text = String::from_utf8_lossy(&rest[1..length - 1]);
        self.put_text(key, &text);
    }

    fn string_begin(&mut self, _key: bool) {
        self.held.clear();
        self.held.push(b'"');
    }

    fn string_chunk(&mut self, text: &[u8]) {
        self.held.extend_from_slice(text);
    }

    fn string_end(&mut self, key: bool) {
        self.held.push(b'"');
        let held = std::mem::take(&mut self.held);
        // As in jq, a half of a surrogate pair is replaced.
        self.put_text(
            key,
            &scan::text_with(&held, Some(char::REPLACEMENT_CHARACTER)),
        );
        self.held = held;
    }

    fn scalar_begin(&mut self, _number: bool) {
        self.held.clear();
    }

    fn scalar_chunk(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    fn scalar_end(&mut self) {
        let value = match self.held.as_slice() {
            b"null" => Value::Null,
            b"true" => Value::Bool(true),
            b"false" => Value::Bool(false),
            b"nan" => Value::Number(f64::NAN),
            number => Value::number(std::str::from_utf8(number).unwrap_or_default()),
        };
        self.put(value);
    }
}
