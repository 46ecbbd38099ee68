//! `a.b[*].id`, `**.id`: which places of a document are meant.

use crate::compare::{Step, strings};
use crate::error::{Failure, Result};
use crate::text::path::take_apart;

/// Places of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    parts: Vec<Part>,
}

/// What one step of a place must be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Any number of steps, also none: `**`.
    AnyDepth,
    /// Any step: `*`.
    Any,
    /// Any element of an array: `[*]`.
    AnyElement,
    /// A member; a `*` in its name stands for any text.
    Name(Vec<u8>),
    /// A member with exactly this name: `["a.b"]`.
    Quoted(Vec<u8>),
    /// An element by its position: `[0]`.
    Index(usize),
    /// An element by its key: `[name=orders]`.
    Keyed(String, Vec<u8>),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Fails (exit 2) when it is invalid.
    pub(crate) fn parse(option: &str, text: &str) -> Result<Pattern> {
        let invalid = |what: &str| {
            Failure::usage(format!("{option} {text:?}: invalid path: {what}")).hint(
                "a path looks like status, a.b, a[0].b, a[*].id, a[name=x].b, **.id or [\"odd.name\"]",
            )
        };
        let name = |name: &str| match name {
            "**" => Part::AnyDepth,
            "*" => Part::Any,
            name => Part::Name(name.as_bytes().to_vec()),
        };
        let parts = match text.trim() {
            "" | "." => return Err(invalid("it is empty")),
            path => take_apart(path, name, bracket).map_err(|what| {
                invalid(what.unwrap_or("[ ] must hold a number, *, KEY=VALUE or a quoted name"))
            })?,
        };
        Ok(Pattern {
            text: text.trim().to_owned(),
            parts,
        })
    }

    /// Returns a pattern for every member of this name, at any depth.
    pub(crate) fn anywhere(name: &str) -> Pattern {
        Pattern {
            text: format!("**.{name}"),
            parts: vec![Part::AnyDepth, Part::Name(name.as_bytes().to_vec())],
        }
    }

    /// Returns the name, where the pattern is nothing but one.
    pub(crate) fn lone_name(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Name(name)] => std::str::from_utf8(name).ok(),
            _ => None,
        }
    }

    /// Returns the text it was read from.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether a place is one of these.
    pub(crate) fn matches(&self, place: &[Step<'_>]) -> bool {
        matches(&self.parts, place)
    }
}

/// Compares from the end, where most places differ.
fn matches(parts: &[Part], place: &[Step<'_>]) -> bool {
    let Some((last, parts)) = parts.split_last() else {
        return place.is_empty();
    };
    if *last == Part::AnyDepth {
        return (0..=place.len()).any(|kept| matches(parts, &place[..kept]));
    }
    match place.split_last() {
        Some((step, place)) => is_step(last, step) && matches(parts, place),
        None => false,
    }
}

fn is_step(part: &Part, step: &Step<'_>) -> bool {
    match (part, step) {
        (Part::AnyDepth | Part::Any, _) | (Part::AnyElement, Step::Element { .. }) => true,
        (Part::Name(name), Step::Member(key)) => is_name(name, key),
        (Part::Quoted(name), Step::Member(key)) => name.as_slice() == &**key,
        (Part::Index(wanted), Step::Element { index, .. }) => wanted == index,
        (
            Part::Keyed(field, wanted),
            Step::Element {
                key: Some((name, value)),
                ..
            },
        ) => field == name && wanted.as_slice() == &*strings::decoded(value),
        _ => false,
    }
}

/// Returns whether a name is the one that is meant, where `*` stands for any text.
fn is_name(pattern: &[u8], name: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match memchr::memmem::find(rest, part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

fn bracket(inner: &str) -> Option<(Part, &str)> {
    if inner.starts_with('"') {
        let (name, rest) = quoted(inner)?;
        return Some((Part::Quoted(name), rest.strip_prefix(']')?));
    }
    let end = inner.find([']', '='])?;
    let (text, rest) = inner.split_at(end);
    let Some(value) = rest.strip_prefix('=') else {
        let part = match text {
            "*" | "" => Part::AnyElement,
            number => Part::Index(number.parse().ok()?),
        };
        return Some((part, &rest[1..]));
    };
    let (value, rest) = if value.starts_with('"') {
        let (value, rest) = quoted(value)?;
        (value, rest.strip_prefix(']')?)
    } else {
        let (value, rest) = value.split_once(']')?;
        (value.as_bytes().to_vec(), rest)
    };
    Some((Part::Keyed(text.to_owned(), value), rest))
}

/// Returns the bytes that the string at the beginning stands for, and what follows it.
fn quoted(text: &str) -> Option<(Vec<u8>, &str)> {
    use crate::text::lexical;
    let end = lexical::scan::value_end(text.as_bytes(), 0);
    let (string, rest) = (text.get(..end)?, text.get(end..)?);
    lexical::check(string.as_bytes()).ok()?;
    Some((strings::decoded(string.as_bytes()).into_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn member(name: &str) -> Step<'_> {
        Step::Member(Cow::Borrowed(name.as_bytes()))
    }

    fn element(index: usize) -> Step<'static> {
        Step::Element { index, key: None }
    }

    #[test]
    fn patterns_match_the_places_that_they_say() {
        let keyed = Step::Element {
            index: 3,
            key: Some(("name", b"\"a]b\"")),
        };
        let cases: &[(&str, &[Step<'_>], bool)] = &[
            ("id", &[member("id")], true),
            (".id", &[member("id")], true),
            ("id", &[member("a"), member("id")], false),
            ("**.id", &[member("id")], true),
            ("**.id", &[member("a"), element(0), member("id")], true),
            ("**.id", &[member("id"), member("a")], false),
            ("**.id.**", &[member("id"), member("a")], true),
            ("a.**", &[member("a")], true),
            ("a.**.b", &[member("a"), member("b")], true),
            (
                "a.**.b",
                &[member("a"), element(1), member("c"), member("b")],
                true,
            ),
            ("a.*.id", &[member("a"), element(7), member("id")], true),
            ("a.*.id", &[member("a"), member("x"), member("id")], true),
            ("a[*].id", &[member("a"), element(7), member("id")], true),
            ("a[*].id", &[member("a"), member("x"), member("id")], false),
            ("a[7]", &[member("a"), element(7)], true),
            ("a[7]", &[member("a"), element(8)], false),
            ("[0]", &[element(0)], true),
            ("**.*_id", &[member("source_id")], true),
            ("**.*_id", &[member("source_ids")], false),
            ("a*b*c", &[member("axxbyyc")], true),
            ("a*b*c", &[member("axxc")], false),
            ("[\"a.b\"]", &[member("a.b")], true),
            ("[\"*\"]", &[member("a")], false),
            ("a[name=\"a]b\"]", &[member("a"), keyed.clone()], true),
            ("a[name=other]", &[member("a"), keyed.clone()], false),
            ("a[3]", &[member("a"), keyed], true),
        ];
        for (text, place, expected) in cases {
            let pattern = Pattern::parse("--ignore", text).expect(text);
            assert_eq!(pattern.matches(place), *expected, "{text} {place:?}");
        }
    }

    #[test]
    fn what_is_no_pattern_says_so() {
        for text in [
            "", ".", "a..b", "a[", "a[x]", "a[\"x]", "a[0]b", "a.", "[a=\"x]",
        ] {
            let failure = Pattern::parse("--ignore", text).expect_err(text);
            assert!(failure.headline.contains("--ignore"), "{failure}");
        }
    }
}
