//! Arrays whose elements are compared by a key: elements with the same key belong together,
//! wherever they are.

use std::collections::{HashMap, VecDeque};

use crate::compare::difference;
use crate::compare::pattern::Pattern;
use crate::compare::{Numbers, Rules, Side, Step, Walk, numbers, strings};
use crate::error::{Failure, Result};
use crate::text::path::{Path, Selected};

/// Which member is the key of which arrays.
#[derive(Clone, Debug)]
pub(crate) struct KeyRule {
    /// Which arrays; `None` means those that are in no other array.
    lists: Option<Pattern>,
    field: Path,
}

/// What is wrong with the key of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Problem {
    /// It has none: it is compared with the other side's next that has none.
    Missing,
    /// An earlier element has it too: the two sides' are compared in their order.
    Repeated,
}

impl KeyRule {
    /// Reads the value of `--key`: `FIELD`, or `PATH=FIELD`, where a lone name means every array
    /// that has it.
    ///
    /// # Errors
    /// Fails (exit 2) when it is invalid.
    pub(crate) fn parse(text: &str) -> Result<KeyRule> {
        let (lists, field) = match split(text) {
            Some((lists, field)) => (Some(Pattern::parse("--key", lists)?), field),
            None => (None, text),
        };
        let lists = lists.map(|pattern| match pattern.lone_name() {
            Some(name) => Pattern::anywhere(name),
            None => pattern,
        });
        let field = Path::parse(field)
            .ok()
            .filter(|path| !path.steps().is_empty())
            .ok_or_else(|| {
                Failure::usage(format!("--key {text:?}: invalid field {field:?}"))
                    .hint("use --key FIELD or --key LIST=FIELD, e.g. --key id --key labels=name")
            })?;
        Ok(KeyRule { lists, field })
    }

    fn is_for(&self, path: &[Step<'_>]) -> bool {
        match &self.lists {
            Some(pattern) => pattern.matches(path),
            None => !path.iter().any(|step| matches!(step, Step::Element { .. })),
        }
    }
}

/// Splits at the first `=` that is not in brackets.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '=' if depth == 0 => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

impl Rules {
    /// Returns the rule for an array at a place: the last one that names it, or else the last one
    /// for all lists.
    pub(crate) fn key_rule(&self, path: &[Step<'_>]) -> Option<&KeyRule> {
        let fitting = || self.keys.iter().rev().filter(|rule| rule.is_for(path));
        let named = fitting().find(|rule| rule.lists.is_some());
        named.or_else(|| fitting().next())
    }

    /// Returns a form that elements with the same key share, and the key's raw value; `None` for
    /// an element without one.
    pub(crate) fn key_of<'v>(
        &self,
        rule: &KeyRule,
        element: &'v [u8],
    ) -> Option<(Vec<u8>, &'v [u8])> {
        let Selected::One(value) = rule.field.select(element) else {
            return None;
        };
        let form = match value.first() {
            Some(b'"') => {
                let mut form = vec![b'"'];
                form.extend_from_slice(&strings::decoded(value));
                form
            }
            Some(b'-' | b'0'..=b'9') if self.numbers == Numbers::Value => numbers::by_value(value),
            Some(b'{' | b'[' | b'n') => return None,
            _ => value.to_vec(),
        };
        Some((form, value))
    }
}

/// The elements that share a key.
#[derive(Default)]
struct Group<'d> {
    /// The first that is on the right and has not been compared.
    first: Option<(usize, &'d [u8])>,
    more: VecDeque<(usize, &'d [u8])>,
    /// How many there were on each side.
    counts: [u32; 2],
}

impl<'d> Group<'d> {
    fn push(&mut self, element: (usize, &'d [u8])) {
        match self.first {
            None => self.first = Some(element),
            Some(_) => self.more.push_back(element),
        }
    }

    fn pop(&mut self) -> Option<(usize, &'d [u8])> {
        let first = self.first.take();
        self.first = self.more.pop_front();
        first
    }
}

impl<'d> Walk<'d, '_> {
    pub(super) fn key_rule(&self) -> Option<&'d KeyRule> {
        let rules: &'d Rules = self.rules;
        rules.key_rule(&self.path)
    }

    /// Compares elements, each with its position, by their keys.
    pub(super) fn keyed(
        &mut self,
        rule: &'d KeyRule,
        left: Vec<(usize, &'d [u8])>,
        right: Vec<(usize, &'d [u8])>,
    ) -> Result<()> {
        let rules: &'d Rules = self.rules;
        let mut groups: HashMap<Option<Vec<u8>>, Group<'d>, foldhash::fast::RandomState> =
            HashMap::default();
        for (index, element) in right {
            let (form, key) = keys(rules, rule, element);
            let group = groups.entry(form).or_default();
            group.push((index, element));
            group.counts[1] += 1;
            let seen = group.counts[1];
            self.note_key(rule, Side::Right, key, seen);
        }
        let mut only_left = Vec::new();
        for (index, element) in left {
            let (form, key) = keys(rules, rule, element);
            let group = groups.entry(form).or_default();
            group.counts[0] += 1;
            let seen = group.counts[0];
            let other = group.pop();
            self.note_key(rule, Side::Left, key, seen);
            match other {
                Some((_, other)) => self.at(step(rule, index, key), element, other)?,
                None => only_left.push((step(rule, index, key), element)),
            }
        }
        for (step, element) in only_left {
            self.one_sided(step, Side::Left, element)?;
        }
        let groups = groups.into_values();
        let mut only_right: Vec<(usize, &'d [u8])> = groups
            .flat_map(|group| group.first.into_iter().chain(group.more))
            .collect();
        only_right.sort_unstable_by_key(|(index, _)| *index);
        for (index, element) in only_right {
            let (_, key) = keys(rules, rule, element);
            self.one_sided(step(rule, index, key), Side::Right, element)?;
        }
        Ok(())
    }

    /// Notes what is wrong with the key of an element, the `seen`th that has it.
    fn note_key(&mut self, rule: &KeyRule, side: Side, key: Option<&[u8]>, seen: u32) {
        let (problem, example) = match key {
            None => (Problem::Missing, rule.field.text().to_owned()),
            Some(value) if seen > 1 => {
                (Problem::Repeated, difference::key(rule.field.text(), value))
            }
            Some(_) => return,
        };
        let list = difference::place(&self.path);
        let noted = self.noted.problems.entry((side, list, problem));
        noted.or_insert((0, example)).0 += 1;
    }
}

/// Returns the form of an element's key, and its raw value.
fn keys<'v>(
    rules: &Rules,
    rule: &KeyRule,
    element: &'v [u8],
) -> (Option<Vec<u8>>, Option<&'v [u8]>) {
    rules.key_of(rule, element).unzip()
}

fn step<'d>(rule: &'d KeyRule, index: usize, key: Option<&'d [u8]>) -> Step<'d> {
    Step::Element {
        index,
        key: key.map(|value| (rule.field.text(), value)),
    }
}
