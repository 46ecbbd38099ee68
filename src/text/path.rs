//! `a.b[0].c[*]`: where in a value something is.

use std::fmt;

use crate::error::{Failure, Result};
use crate::text::lexical::scan::{elements, member};

/// A way into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    text: String,
    steps: Vec<Step>,
}

/// One step of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The member of an object.
    Key(String),
    /// The element of an array, counted from 0, or from the end with -1.
    Index(isize),
    /// Every element of an array.
    All,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selected<'a> {
    /// Nothing is there.
    Missing,
    /// One value.
    One(&'a [u8]),
    /// The values of `[*]`, which may be none.
    Many(Vec<&'a [u8]>),
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Path {
    /// Reads a path; `.` is the value itself.
    ///
    /// # Errors
    /// Fails (exit 2) when it is not one.
    pub(crate) fn parse(text: &str) -> Result<Path> {
        let wrong = |what: &str| {
            Failure::usage(format!("{text:?} is not a path: {what}"))
                .hint("a path looks like name, a.b, a[0].b, a[*].name or [\"odd.name\"]")
        };
        let steps = match text.trim() {
            "" => return Err(wrong("it is empty")),
            "." => Vec::new(),
            path => take_apart(path, |key| Step::Key(key.to_owned()), bracket)
                .map_err(|what| wrong(what.unwrap_or("[ ] holds a number, * or a quoted name")))?,
        };
        Ok(Path {
            text: text.trim().to_owned(),
            steps,
        })
    }

    /// Makes the path to a member of the value itself, whatever its name.
    pub(crate) fn key(name: &str) -> Path {
        let plain = !name.is_empty() && !name.contains(['.', '[', ']', '"']);
        Path {
            text: if plain {
                name.to_owned()
            } else {
                format!("[{}]", serde_json::Value::from(name))
            },
            steps: vec![Step::Key(name.to_owned())],
        }
    }

    /// Makes the path to a member, whose text is only the name: for the heading of a column.
    pub(crate) fn heading(name: &str) -> Path {
        Path {
            text: name.to_owned(),
            steps: vec![Step::Key(name.to_owned())],
        }
    }

    /// Returns the path to a member of what this one leads to.
    pub(crate) fn member(&self, name: &str) -> Path {
        let inner = Path::key(name);
        let joint = if self.text.is_empty() || self.text == "." || inner.text.starts_with('[') {
            ""
        } else {
            "."
        };
        let start = if self.text == "." { "" } else { &self.text };
        let mut steps = self.steps.clone();
        steps.extend(inner.steps);
        Path {
            text: format!("{start}{joint}{}", inner.text),
            steps,
        }
    }

    /// Returns its steps.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns the text it was read from.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the name that ends the path, if one does.
    pub(crate) fn last_key(&self) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) | Step::All => None,
        })
    }

    /// Returns what the path leads to.
    pub(crate) fn select<'a>(&self, value: &'a [u8]) -> Selected<'a> {
        select(&self.steps, value)
    }
}

/// Takes a path apart into steps: `name` makes one of what is between points, `bracket` of what begins
/// behind a bracket, and returns the rest.
///
/// # Errors
/// Fails with what is wrong; with nothing where `bracket` could make no step.
pub(crate) fn take_apart<T>(
    path: &str,
    name: impl Fn(&str) -> T,
    bracket: impl Fn(&str) -> Option<(T, &str)>,
) -> Result<Vec<T>, Option<&'static str>> {
    let mut steps = Vec::new();
    let mut rest = path.strip_prefix('.').unwrap_or(path);
    let mut name_expected = !rest.starts_with('[');
    while !rest.is_empty() || name_expected {
        if name_expected {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end == 0 {
                return Err(Some("a name is missing"));
            }
            steps.push(name(&rest[..end]));
            rest = &rest[end..];
            name_expected = false;
        } else if let Some(inner) = rest.strip_prefix('[') {
            let (step, after) = bracket(inner).ok_or(None)?;
            steps.push(step);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            name_expected = !rest.starts_with('[');
        } else {
            return Err(Some("expected . or [ after ]"));
        }
    }
    Ok(steps)
}

fn bracket(inner: &str) -> Option<(Step, &str)> {
    if inner.starts_with('"') {
        let mut stream = serde_json::Deserializer::from_str(inner).into_iter::<String>();
        let key = stream.next()?.ok()?;
        let rest = inner.get(stream.byte_offset()..)?;
        return Some((Step::Key(key), rest.strip_prefix(']')?));
    }
    let (text, rest) = inner.split_once(']')?;
    let step = match text {
        "*" | "" => Step::All,
        number => Step::Index(number.parse().ok()?),
    };
    Some((step, rest))
}

/// Returns what some steps lead to.
pub(crate) fn select<'a>(steps: &[Step], value: &'a [u8]) -> Selected<'a> {
    let Some((step, rest)) = steps.split_first() else {
        return Selected::One(value);
    };
    let next = match step {
        Step::Key(key) => member(value, key),
        Step::Index(index) => element(value, *index),
        Step::All if value.first() == Some(&b'[') => {
            let mut found = Vec::new();
            for element in elements(value) {
                match select(rest, element) {
                    Selected::Missing => {}
                    Selected::One(value) => found.push(value),
                    Selected::Many(values) => found.extend(values),
                }
            }
            return Selected::Many(found);
        }
        Step::All => None,
    };
    next.map_or(Selected::Missing, |value| select(rest, value))
}

fn element(array: &[u8], index: isize) -> Option<&[u8]> {
    match usize::try_from(index) {
        Ok(index) => elements(array).nth(index),
        Err(_) => {
            let from_end = index.unsigned_abs();
            let count = elements(array).count();
            elements(array).nth(count.checked_sub(from_end)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_lead_to_their_values() {
        let value =
            br#"{"a":{"b":[1,{"c":"x"},3]},"d":[{"n":1},{"m":2},{"n":3}],"odd.name":true,"a[":0}"#;
        let one = |text: &'static str| Selected::One(text.as_bytes());
        let cases = [
            ("a.b[0]", one("1")),
            ("a.b[1].c", one("\"x\"")),
            ("a.b[-1]", one("3")),
            ("a.b[-4]", Selected::Missing),
            ("a.b[3]", Selected::Missing),
            ("a.x", Selected::Missing),
            ("d[*].n", Selected::Many(vec![b"1", b"3"])),
            ("d[].n", Selected::Many(vec![b"1", b"3"])),
            ("a[*]", Selected::Missing),
            ("[\"odd.name\"]", one("true")),
            (".a.b[0]", one("1")),
            ("[\"a[\"]", one("0")),
        ];
        for (path, expected) in cases {
            let path = Path::parse(path).expect(path);
            assert_eq!(path.select(value), expected, "{path}");
        }
        assert_eq!(
            Path::parse(".").expect("a path").select(b"[1]"),
            Selected::One(b"[1]")
        );
        assert_eq!(
            Path::parse("[0].n")
                .expect("a path")
                .select(br#"[{"n":5}]"#),
            one("5")
        );
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "a..b", "a[", "a[x]", "a.", "a[0]b", "[\"a]"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_member_of_any_name_has_a_path_that_is_read_back() {
        for name in ["a", "a.b", "a[0]", "", "\"", "string:Team"] {
            let path = Path::key("x").member(name);
            assert_eq!(
                Path::parse(path.text()).expect("a path").steps,
                path.steps,
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(path in "[a-c.\\[\\]*0-9\"-]{0,12}", value in crate::text::lexical::tests::json()) {
            if let Ok(path) = Path::parse(&path) {
                let _found = path.select(value.as_bytes());
            }
        }
    }
}
