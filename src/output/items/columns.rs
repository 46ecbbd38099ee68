//! Which columns a list has, and the value of each in an item.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::error::{Failure, Result};
use crate::text::lexical::scan::{self, elements, is_key, members, text};
use crate::text::lexical::{Formatter, Layout};
use crate::text::path::{self, Path, Selected, Step};
use crate::text::terminal::Theme;

/// The columns of a list, grouped by the member that they begin with, so that an item is walked
/// once.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    list: Vec<Path>,
    /// Whether the user named them: one that no item has is then a mistake.
    is_asked: bool,
}

impl Columns {
    /// Makes columns of their paths.
    pub(crate) fn new(list: Vec<Path>) -> Self {
        Columns {
            list,
            is_asked: false,
        }
    }

    /// Makes columns of paths that the user named.
    pub(crate) fn asked(list: Vec<Path>) -> Self {
        Columns {
            list,
            is_asked: true,
        }
    }

    /// Returns whether the user named them.
    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Returns the paths, which are also the names.
    pub(crate) fn paths(&self) -> &[Path] {
        &self.list
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Finds the value of each column in an item; returns whether every member of it is a column
    /// of its own.
    pub(crate) fn select<'a>(&self, item: &'a [u8], found: &mut Vec<Selected<'a>>) -> bool {
        found.clear();
        found.resize(self.list.len(), Selected::Missing);
        let mut all_known = item.first() == Some(&b'{');
        for (key, value) in members(item) {
            let name = &key[1..key.len() - 1];
            let escaped = memchr::memchr(b'\\', name).is_some();
            let mut known = false;
            for (column, place) in self.list.iter().zip(found.iter_mut()) {
                if let Some((Step::Key(first), rest)) = column.steps().split_first()
                    && (first.as_bytes() == name || (escaped && is_key(key, first)))
                {
                    *place = path::select(rest, value);
                    known |= rest.is_empty() && value.first() != Some(&b'{');
                }
            }
            all_known &= known;
        }
        for (column, place) in self.list.iter().zip(found.iter_mut()) {
            if !matches!(column.steps().first(), Some(Step::Key(_))) {
                *place = column.select(item);
            }
        }
        all_known
    }
}

/// Collects the columns of a list whose items are not known: scalar members first, then what is
/// inside objects, in the order in which they are first seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Discovery {
    seen: HashSet<Vec<u8>>,
    /// The raw keys of the item before, in their order: most items have the same.
    before: Vec<Vec<u8>>,
    scalars: Vec<Path>,
    nested: Vec<Path>,
    /// Whether an item is not an object.
    has_others: bool,
}

/// How many columns are found: for each, every item has a cell.
const MAX_COLUMNS: usize = 4096;

/// How deep members of members become columns of their own; what is deeper stays JSON.
const MAX_DEPTH: usize = 3;

impl Discovery {
    /// Looks at an item; returns whether it has members that were not known.
    pub(crate) fn look(&mut self, item: &[u8]) -> bool {
        if item.first() != Some(&b'{') {
            let is_new = !self.has_others;
            self.has_others = true;
            return is_new;
        }
        let mut is_new = false;
        for (index, (key, value)) in members(item).enumerate() {
            if value.first() != Some(&b'{') {
                if self.before.get(index).is_some_and(|before| before == key) {
                    continue;
                }
                self.before.truncate(index);
                if index == self.before.len() {
                    self.before.push(key.to_vec());
                }
                if self.seen.contains(key) {
                    continue;
                }
            }
            let path = Path::key(&text(key));
            is_new |= self.add(key, &path, value, MAX_DEPTH);
        }
        is_new
    }

    fn add(&mut self, name: &[u8], path: &Path, value: &[u8], deeper: usize) -> bool {
        if value.first() == Some(&b'{') && deeper > 1 && members(value).next().is_some() {
            let mut is_new = false;
            for (key, inner) in members(value) {
                let name = [name, b".", key].concat();
                let path = path.member(&text(key));
                is_new |= self.add(&name, &path, inner, deeper - 1);
            }
            return is_new;
        }
        if self.is_too_wide() || !self.seen.insert(name.to_vec()) {
            return false;
        }
        let is_scalar = deeper == MAX_DEPTH && !matches!(value.first(), Some(b'{' | b'['));
        if is_scalar {
            self.scalars.push(path.clone());
        } else {
            self.nested.push(path.clone());
        }
        true
    }

    /// Refuses more columns than can be shown.
    ///
    /// # Errors
    /// Fails when there are more.
    pub(crate) fn check_width(&self) -> Result<()> {
        if self.is_too_wide() {
            return Err(Failure::local(format!(
                "the items have more than {MAX_COLUMNS} different members, too many for columns"
            ))
            .hint("pick some: --columns id,name; --format ndjson shows all"));
        }
        Ok(())
    }

    fn is_too_wide(&self) -> bool {
        self.scalars.len() + self.nested.len() > MAX_COLUMNS
    }

    /// Returns the columns.
    pub(crate) fn columns(self) -> Columns {
        let mut list = self.scalars;
        list.extend(self.nested);
        if self.has_others {
            // What is not an object is a value of its own, in a column of its own.
            list.insert(0, Path::parse(".").unwrap_or_else(|_| Path::key("value")));
        }
        Columns::new(list)
    }
}

/// Returns the name that a column is shown under.
pub(crate) fn name(path: &Path) -> &str {
    if path.steps().is_empty() {
        "value"
    } else {
        path.text()
    }
}

/// Returns a value as the text of a cell for programs: a text as itself, all else as compact JSON.
/// Nothing there and `null` are both empty.
pub(crate) fn plain<'a>(selected: &Selected<'a>) -> Cow<'a, str> {
    match selected {
        Selected::Missing => Cow::Borrowed(""),
        Selected::One(b"null") => Cow::Borrowed(""),
        Selected::One(value) => value_text(value),
        Selected::Many(values) => {
            let texts: Vec<Cow<'_, str>> = values.iter().map(|value| compact(value)).collect();
            Cow::Owned(format!("[{}]", texts.join(",")))
        }
    }
}

/// Returns a value as people read it: label paths as `A > B`, several values one after the other,
/// a time without its `T`. Nothing there is empty, and `null` is shown.
pub(crate) fn readable<'a>(column: &Path, selected: &Selected<'a>) -> Cow<'a, str> {
    match selected {
        Selected::Missing => Cow::Borrowed(""),
        Selected::One(value) => readable_value(column, value),
        Selected::Many(values) => {
            let texts: Vec<Cow<'_, str>> = values
                .iter()
                .map(|value| readable_value(column, value))
                .collect();
            Cow::Owned(texts.join(", "))
        }
    }
}

fn readable_value<'a>(column: &Path, value: &'a [u8]) -> Cow<'a, str> {
    match value.first() {
        Some(b'[') if is_label(column, value) => {
            let parts: Vec<Cow<'_, str>> = elements(value).map(text).collect();
            Cow::Owned(parts.join(" > "))
        }
        Some(b'"') => {
            let text = text(value);
            match readable_time(&text) {
                Some(time) => Cow::Owned(time),
                None => text,
            }
        }
        _ => value_text(value),
    }
}

/// A label's name is the list of the names on the way to it.
fn is_label(column: &Path, value: &[u8]) -> bool {
    matches!(column.last_key(), Some("name" | "label" | "path"))
        && elements(value).all(|element| element.first() == Some(&b'"'))
}

/// Returns an RFC 3339 time with a blank for its `T` and without a fraction of zero.
fn readable_time(text: &str) -> Option<String> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let (date, rest) = text.split_at_checked(SHAPE.len())?;
    let fits = date.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        other => byte == *other,
    });
    if !fits {
        return None;
    }
    let digits = rest.strip_prefix('.').map_or(0, |fraction| {
        fraction.len()
            - fraction
                .trim_start_matches(|digit: char| digit.is_ascii_digit())
                .len()
    });
    let (fraction, zone) = if digits > 0 {
        rest.split_at(digits + 1)
    } else {
        ("", rest)
    };
    let is_zone = zone == "Z"
        || (zone.len() == 6
            && zone.starts_with(['+', '-'])
            && zone
                .bytes()
                .skip(1)
                .all(|byte| byte.is_ascii_digit() || byte == b':'));
    if !is_zone {
        return None;
    }
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    let zone = if zone == "+00:00" { "Z" } else { zone };
    Some(format!("{}{fraction}{zone}", date.replace('T', " ")))
}

fn value_text(value: &[u8]) -> Cow<'_, str> {
    match value.first() {
        Some(b'"') => text(value),
        _ => compact(value),
    }
}

/// Returns a value as JSON without whitespace.
pub(super) fn compact(value: &[u8]) -> Cow<'_, str> {
    if scan::is_compact(value) {
        return String::from_utf8_lossy(value);
    }
    let mut out = Vec::with_capacity(value.len());
    let mut formatter = Formatter::new(Layout::Compact, &Theme::plain(), false);
    let _checked = formatter
        .push(value, &mut out)
        .and_then(|()| formatter.finish(&mut out));
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discovered(items: &[&str]) -> Vec<String> {
        let mut discovery = Discovery::default();
        for item in items {
            discovery.look(item.as_bytes());
        }
        discovery
            .columns()
            .paths()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn columns_are_the_union_scalars_first() {
        assert_eq!(
            discovered(&[
                r#"{"m":{"v":1,"w":{"x":{"y":2}}},"id":"a","tags":[1]}"#,
                r#"{"id":"b","title":null,"m":{"u":1}}"#,
            ]),
            ["id", "title", "m.v", "m.w.x", "tags", "m.u"]
        );
        assert_eq!(discovered(&["1", "\"x\""]), ["."]);
        assert_eq!(discovered(&[r#"{"a.b":1,"e":{}}"#]), ["[\"a.b\"]", "e"]);
    }

    #[test]
    fn cells_for_people_and_for_programs() {
        let column = |text: &str| Path::parse(text).expect("a path");
        let cases = [
            (
                "labels[*].name",
                r#"{"labels":[{"name":["A","B"]},{"name":["C"]}]}"#,
                "A > B, C",
                r#"[["A","B"],["C"]]"#,
            ),
            (
                "at",
                r#"{"at":"2024-05-06T09:30:00.120000Z"}"#,
                "2024-05-06 09:30:00.12Z",
                "2024-05-06T09:30:00.120000Z",
            ),
            (
                "at",
                r#"{"at":"2024-05-06T09:30:00.000+00:00"}"#,
                "2024-05-06 09:30:00Z",
                "2024-05-06T09:30:00.000+00:00",
            ),
            (
                "at",
                r#"{"at":"2024-05-06Tea"}"#,
                "2024-05-06Tea",
                "2024-05-06Tea",
            ),
            ("n", r#"{"n":1.10}"#, "1.10", "1.10"),
            ("n", r#"{"n":null}"#, "null", ""),
            ("x", r#"{"n":null}"#, "", ""),
            (
                "o",
                r#"{"o":{ "a": [1, 2] }}"#,
                r#"{"a":[1,2]}"#,
                r#"{"a":[1,2]}"#,
            ),
            ("n", r#"{"n":1,"n":2}"#, "2", "2"),
        ];
        for (path, item, for_people, for_programs) in cases {
            let columns = Columns::new(vec![column(path)]);
            let mut found = Vec::new();
            columns.select(item.as_bytes(), &mut found);
            assert_eq!(
                readable(&columns.paths()[0], &found[0]),
                for_people,
                "{item}"
            );
            assert_eq!(plain(&found[0]), for_programs, "{item}");
        }
    }
}
