//! Compares two JSON documents value by value: objects by key, arrays by position or by a key of
//! their elements. Values stay raw bytes, so that numbers keep their text.

pub(crate) mod difference;
pub(crate) mod document;
mod keyed;
mod numbers;
mod partition;
pub(crate) mod pattern;
mod strings;

use std::borrow::Cow;

use indexmap::IndexMap;

use self::difference::Found;
pub(crate) use self::keyed::{KeyRule, Problem};
use self::pattern::Pattern;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::text::lexical::{self, scan};

/// How deep what is compared may be nested.
pub(crate) const MAX_DEPTH: usize = 500;

/// Which of the two documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Left,
    Right,
}

/// When two numbers are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// When they are written alike: `1.0` and `1` differ.
    #[default]
    Text,
    /// When their decimal values are equal.
    Value,
}

/// What counts as a difference.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Which arrays are compared by a key of their elements; a later rule counts before an earlier.
    pub(crate) keys: Vec<KeyRule>,
    /// Which places are not compared.
    pub(crate) ignored: Vec<Pattern>,
    pub(crate) numbers: Numbers,
    /// The name of each side's own project, which are the same where one stands for the other.
    pub(crate) projects: Option<[String; 2]>,
}

/// One step from a value to a value in it.
#[derive(Clone, Debug)]
pub(crate) enum Step<'d> {
    /// The member of an object, by the bytes that its name stands for.
    Member(Cow<'d, [u8]>),
    /// The element of an array.
    Element {
        /// Its position on the left, or on the right where it is there alone.
        index: usize,
        /// Which member is its key, and the raw value of it.
        key: Option<(&'d str, &'d [u8])>,
    },
}

/// What is worth saying about a comparison beside the differences.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// How many differences each of the ignored patterns left out, in their order.
    pub(crate) ignored: Vec<u64>,
    /// How many texts differ in nothing but the name of each side's own project.
    pub(crate) own_projects: u64,
    /// How many names objects have more than once.
    pub(crate) repeated_names: [u64; 2],
    /// What is wrong with the keys of elements, by list: how often, and an example.
    pub(crate) problems: IndexMap<(Side, String, Problem), (u64, String)>,
}

impl Noted {
    /// Adds what was noted of another part of the documents.
    fn add(&mut self, other: Noted) {
        for (count, more) in self.ignored.iter_mut().zip(other.ignored) {
            *count += more;
        }
        self.own_projects += other.own_projects;
        for (count, more) in self.repeated_names.iter_mut().zip(other.repeated_names) {
            *count += more;
        }
        for (problem, (count, example)) in other.problems {
            self.problems.entry(problem).or_insert((0, example)).0 += count;
        }
    }
}

/// Checks that bytes are one JSON text that can be compared.
///
/// # Errors
/// Fails (exit 1) when it is not JSON or nested too deep; `name` says whose text it is.
pub(crate) fn checked(name: &str, bytes: &[u8]) -> Result<()> {
    let bytes = lexical::without_mark(bytes);
    lexical::checked(name, bytes, Exit::Local)?;
    if depth(bytes) > MAX_DEPTH {
        return Err(too_deep(name));
    }
    Ok(())
}

/// Returns a document that has been checked without a byte order mark and whitespace around it.
pub(crate) fn trimmed(document: &[u8]) -> &[u8] {
    lexical::without_mark(document).trim_ascii()
}

fn too_deep(name: &str) -> Failure {
    Failure::local(format!("{name} is nested deeper than {MAX_DEPTH} levels"))
}

/// Returns how many brackets are open at most.
fn depth(value: &[u8]) -> usize {
    let (mut at, mut depth, mut deepest) = (0, 0_usize, 0);
    while let Some(byte) = value.get(at) {
        match byte {
            b'"' => {
                at = scan::value_end(value, at);
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// Compares two values that have been checked, and hands over every difference in the order in
/// which a patch can make them: what is inside an array before its elements that are only on the
/// left, and these before those that are only on the right.
///
/// # Errors
/// Fails as `report` does.
pub(crate) fn compare<'d>(
    left: &'d [u8],
    right: &'d [u8],
    rules: &'d Rules,
    report: &mut dyn FnMut(&Found<'_, 'd>) -> Result<()>,
) -> Result<Noted> {
    let mut walk = Walk::new(rules, report);
    walk.values(left, right)?;
    Ok(walk.noted)
}

/// A comparison on its way through both documents.
struct Walk<'d, 'r> {
    rules: &'d Rules,
    path: Vec<Step<'d>>,
    report: &'r mut dyn FnMut(&Found<'_, 'd>) -> Result<()>,
    noted: Noted,
}

/// The members of an object: the last value of each name, at the place of the first, as readers
/// of JSON have it.
type Members<'d> = IndexMap<Cow<'d, [u8]>, &'d [u8], foldhash::fast::RandomState>;

impl<'d, 'r> Walk<'d, 'r> {
    fn new(rules: &'d Rules, report: &'r mut dyn FnMut(&Found<'_, 'd>) -> Result<()>) -> Self {
        Walk {
            rules,
            path: Vec::new(),
            report,
            noted: Noted {
                ignored: vec![0; rules.ignored.len()],
                ..Noted::default()
            },
        }
    }

    /// Compares the values at a step.
    fn at(&mut self, step: Step<'d>, left: &'d [u8], right: &'d [u8]) -> Result<()> {
        self.path.push(step);
        let compared = self.values(left, right);
        self.path.pop();
        compared
    }

    fn values(&mut self, left: &'d [u8], right: &'d [u8]) -> Result<()> {
        // Equal bytes are compared nevertheless where their keys must be looked at.
        if left == right && (self.rules.keys.is_empty() || is_scalar(left)) {
            return Ok(());
        }
        if let Some(pattern) = self.ignored_by() {
            self.noted.ignored[pattern] += u64::from(!self.is_same_text(left, right));
            return Ok(());
        }
        match (left.first(), right.first()) {
            (Some(b'{'), Some(b'{')) => self.objects(left, right),
            (Some(b'['), Some(b'[')) => self.arrays(left, right),
            _ if self.is_same_scalar(left, right) => Ok(()),
            _ => self.report(Some(left), Some(right)),
        }
    }

    fn objects(&mut self, left: &'d [u8], right: &'d [u8]) -> Result<()> {
        let left = self.members(left, Side::Left);
        let right = self.members(right, Side::Right);
        let mut nested = Vec::new();
        for (name, value) in &left {
            match right.get(name) {
                // What is deeper comes last, so that differences of one object are together.
                Some(other) if !is_scalar(value) && !is_scalar(other) => {
                    nested.push((name, *value, *other));
                }
                Some(other) => self.at(Step::Member(name.clone()), value, other)?,
                None => self.one_sided(Step::Member(name.clone()), Side::Left, value)?,
            }
        }
        for (name, value) in &right {
            if !left.contains_key(name) {
                self.one_sided(Step::Member(name.clone()), Side::Right, value)?;
            }
        }
        for (name, value, other) in nested {
            self.at(Step::Member(name.clone()), value, other)?;
        }
        Ok(())
    }

    fn members(&mut self, object: &'d [u8], side: Side) -> Members<'d> {
        let mut members = Members::default();
        let mut count = 0;
        for (name, value) in scan::members(object) {
            count += 1;
            members.insert(strings::decoded(name), value);
        }
        self.noted.repeated_names[side as usize] += count - members.len() as u64;
        members
    }

    fn arrays(&mut self, left: &'d [u8], right: &'d [u8]) -> Result<()> {
        if let Some(rule) = self.key_rule() {
            let left = scan::elements(left).enumerate().collect();
            let right = scan::elements(right).enumerate().collect();
            return self.keyed(rule, left, right);
        }
        let (mut left, mut right) = (scan::elements(left), scan::elements(right));
        let mut index = 0;
        loop {
            let step = Step::Element { index, key: None };
            match (left.next(), right.next()) {
                (Some(value), Some(other)) => self.at(step, value, other)?,
                (Some(value), None) => self.one_sided(step, Side::Left, value)?,
                (None, Some(value)) => self.one_sided(step, Side::Right, value)?,
                (None, None) => return Ok(()),
            }
            index += 1;
        }
    }

    /// Handles a value that is on one side only.
    fn one_sided(&mut self, step: Step<'d>, side: Side, value: &'d [u8]) -> Result<()> {
        self.path.push(step);
        let reported = match (self.ignored_by(), side) {
            (Some(pattern), _) => {
                self.noted.ignored[pattern] += 1;
                Ok(())
            }
            (None, Side::Left) => self.report(Some(value), None),
            (None, Side::Right) => self.report(None, Some(value)),
        };
        self.path.pop();
        reported
    }

    fn report(&mut self, left: Option<&'d [u8]>, right: Option<&'d [u8]>) -> Result<()> {
        (self.report)(&Found {
            path: &self.path,
            left,
            right,
        })
    }

    fn ignored_by(&self) -> Option<usize> {
        let mut patterns = self.rules.ignored.iter();
        patterns.position(|pattern| pattern.matches(&self.path))
    }

    /// Returns whether two values that are not compared are written alike but for whitespace.
    fn is_same_text(&self, left: &'d [u8], right: &'d [u8]) -> bool {
        left == right || difference::compact(left) == difference::compact(right)
    }

    fn is_same_scalar(&mut self, left: &[u8], right: &[u8]) -> bool {
        match (left.first(), right.first()) {
            (Some(b'"'), Some(b'"')) => {
                let (left, right) = (strings::decoded(left), strings::decoded(right));
                left == right || self.is_own_project(&left, &right)
            }
            (Some(b'-' | b'0'..=b'9'), Some(b'-' | b'0'..=b'9')) => {
                self.rules.numbers == Numbers::Value
                    && numbers::by_value(left) == numbers::by_value(right)
            }
            _ => left == right,
        }
    }

    /// Returns whether each text is its side's own project, alone or before the same rest.
    fn is_own_project(&mut self, left: &[u8], right: &[u8]) -> bool {
        let Some([own, other]) = &self.rules.projects else {
            return false;
        };
        let is_own = match (
            left.strip_prefix(own.as_bytes()),
            right.strip_prefix(other.as_bytes()),
        ) {
            (Some(rest), Some(other)) => rest == other && matches!(rest.first(), None | Some(b'/')),
            _ => false,
        };
        self.noted.own_projects += u64::from(is_own);
        is_own
    }
}

fn is_scalar(value: &[u8]) -> bool {
    !matches!(value.first(), Some(b'{' | b'['))
}

#[cfg(test)]
mod tests;
