//! A difference: where it is, and what is there on each side.

use std::fmt::Write as _;

use crate::compare::{Step, strings};
use crate::error::{Failure, Result};
use crate::text::lexical::{Formatter, Layout};
use crate::text::terminal::Theme;

/// A difference as it is found: its texts are made only when they are shown.
pub(crate) struct Found<'p, 'd> {
    pub(crate) path: &'p [Step<'d>],
    pub(crate) left: Option<&'d [u8]>,
    pub(crate) right: Option<&'d [u8]>,
}

/// A difference that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The path of the object or array that it is in; `.` is the document.
    pub(crate) parent: String,
    /// The last step of the path; empty for the document itself.
    pub(crate) name: String,
    /// Where it is as a JSON pointer (RFC 6901), escaped as it is between the quotes of a string;
    /// for an element that is only on the right the end of its array.
    pub(crate) pointer: String,
    /// Whether it is an element of an array.
    pub(crate) is_element: bool,
    /// Where among the differences of the outermost list it comes: what is inside its elements
    /// first, then those only on the left, then those only on the right, each by position.
    order: (u8, usize),
    /// The value on the left, without whitespace.
    pub(crate) left: Option<Vec<u8>>,
    /// The value on the right, without whitespace.
    pub(crate) right: Option<Vec<u8>>,
}

impl Found<'_, '_> {
    /// Returns how many bytes the difference takes when it is kept, about.
    pub(crate) fn size(&self) -> usize {
        const BESIDE: usize = 200;
        self.left.map_or(0, <[u8]>::len) + self.right.map_or(0, <[u8]>::len) + BESIDE
    }

    fn order(&self) -> (u8, usize) {
        let is_element = |step: &Step<'_>| matches!(step, Step::Element { .. });
        let at = self.path.iter().position(is_element);
        let Some((at, Step::Element { index, .. })) = at.map(|at| (at, &self.path[at])) else {
            return (0, 0);
        };
        let is_element_itself = at + 1 == self.path.len();
        match (self.left, self.right) {
            (Some(_), None) if is_element_itself => (1, *index),
            (None, Some(_)) if is_element_itself => (2, *index),
            _ => (0, *index),
        }
    }

    /// Makes a difference that can be kept.
    pub(crate) fn kept(&self) -> Difference {
        let (last, parents) = match self.path.split_last() {
            Some((last, parents)) => (Some(last), parents),
            None => (None, self.path),
        };
        let is_element = matches!(last, Some(Step::Element { .. }));
        let mut pointer = pointer(parents);
        match last {
            Some(Step::Element { .. }) if self.left.is_none() => pointer.push_str("/-"),
            Some(step) => point(step, &mut pointer),
            None => {}
        }
        Difference {
            order: self.order(),
            parent: place(parents),
            name: last.map(name).unwrap_or_default(),
            pointer,
            is_element,
            left: self.left.map(compact),
            right: self.right.map(compact),
        }
    }
}

impl Difference {
    /// Returns the pointer to the object or array that it is in.
    pub(crate) fn parent_pointer(&self) -> &str {
        self.pointer
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent)
    }

    /// Returns the whole path.
    pub(crate) fn path(&self) -> String {
        join(&self.parent, &self.name)
    }
}

/// Returns the path of a place; `.` is the document.
pub(crate) fn place(path: &[Step<'_>]) -> String {
    path.iter()
        .fold(".".to_owned(), |place, step| join(&place, &name(step)))
}

fn join(parent: &str, name: &str) -> String {
    match parent {
        _ if name.is_empty() => parent.to_owned(),
        "." => name.to_owned(),
        _ if name.starts_with('[') => format!("{parent}{name}"),
        _ => format!("{parent}.{name}"),
    }
}

/// Returns a step as a path has it.
fn name(step: &Step<'_>) -> String {
    match step {
        Step::Member(name) => match std::str::from_utf8(name) {
            Ok(text) if is_plain(text) => text.to_owned(),
            _ => format!("[{}]", strings::encoded(name)),
        },
        Step::Element { index, key: None } => format!("[{index}]"),
        Step::Element {
            key: Some((field, value)),
            ..
        } => format!("[{}]", key(field, value)),
    }
}

/// Returns an element's key as a path has it: `name=orders`.
pub(crate) fn key(field: &str, value: &[u8]) -> String {
    let decoded = strings::decoded(value);
    match std::str::from_utf8(&decoded) {
        Ok(text) if is_plain(text) => format!("{field}={text}"),
        _ => format!("{field}={}", strings::encoded(&decoded)),
    }
}

/// Returns whether a text can be in a path without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(['.', '[', ']', '"', '*', '=', ' '])
        && !text.contains(char::is_control)
}

/// Returns the JSON pointer to a place, escaped as it is between the quotes of a JSON string.
fn pointer(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    path.iter().for_each(|step| point(step, &mut text));
    text
}

fn point(step: &Step<'_>, text: &mut String) {
    match step {
        Step::Member(name) => {
            let mut escaped = Vec::with_capacity(name.len() + 1);
            for byte in name.iter() {
                match byte {
                    b'~' => escaped.extend_from_slice(b"~0"),
                    b'/' => escaped.extend_from_slice(b"~1"),
                    byte => escaped.push(*byte),
                }
            }
            let quoted = strings::encoded(&escaped);
            text.push('/');
            text.push_str(&quoted[1..quoted.len() - 1]);
        }
        Step::Element { index, .. } => {
            // Writing to a string cannot fail.
            let _always_fits = write!(text, "/{index}");
        }
    }
}

/// Returns a value without whitespace.
pub(crate) fn compact(value: &[u8]) -> Vec<u8> {
    let mut formatter = Formatter::new(Layout::Compact, &Theme::plain(), false);
    let mut out = Vec::new();
    // The value is part of a text that has been checked.
    let _checked = formatter
        .push(value, &mut out)
        .and_then(|()| formatter.finish(&mut out));
    out
}

/// How many differences there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Values that are on both sides and differ.
    pub(crate) changed: u64,
    pub(crate) only_left: u64,
    pub(crate) only_right: u64,
}

impl Counts {
    /// Returns whether there are no differences.
    pub(crate) fn is_same(&self) -> bool {
        *self == Counts::default()
    }
}

/// The most differences that are kept, and the most bytes that they take.
const MAX_KEPT: (usize, usize) = (100_000, 64 * 1024 * 1024);

/// Differences on their way to an output.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) counts: Counts,
    /// The differences, unless they are only counted.
    kept: Option<Vec<Difference>>,
    bytes: usize,
}

impl Gathered {
    /// Begins; what is only counted takes no memory.
    pub(crate) fn new(is_kept: bool) -> Self {
        Gathered {
            kept: is_kept.then(Vec::new),
            ..Gathered::default()
        }
    }

    /// Takes a difference.
    ///
    /// # Errors
    /// Fails when there are too many to be kept.
    pub(crate) fn take(&mut self, found: &Found<'_, '_>) -> Result<()> {
        let count = match (found.left, found.right) {
            (Some(_), None) => &mut self.counts.only_left,
            (None, Some(_)) => &mut self.counts.only_right,
            _ => &mut self.counts.changed,
        };
        *count += 1;
        let Some(kept) = &mut self.kept else {
            return Ok(());
        };
        self.bytes += found.size();
        let (most, most_bytes) = MAX_KEPT;
        if kept.len() >= most || self.bytes > most_bytes {
            return Err(Failure::local("there are too many differences to show")
                .fact(format!(
                    "at most {most} differences and {} MiB of them are shown",
                    most_bytes >> 20
                ))
                .hint(
                    "count them with --stat, or leave some out with --ignore PATH or --key FIELD",
                ));
        }
        kept.push(found.kept());
        Ok(())
    }

    /// Puts those of a list, kept from a place on, in the order of a patch.
    pub(crate) fn sort_from(&mut self, from: usize) {
        if let Some(kept) = self.kept.as_mut().and_then(|kept| kept.get_mut(from..)) {
            kept.sort_by_key(|difference| difference.order);
        }
    }

    /// Returns the differences that were kept.
    pub(crate) fn kept(&self) -> &[Difference] {
        self.kept.as_deref().unwrap_or_default()
    }
}
