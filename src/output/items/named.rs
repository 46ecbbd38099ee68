//! Columns that the user named and no item has: what they were probably meant to be.

use std::collections::BTreeSet;

use super::Rows;
use crate::error::{Result, nearest};
use crate::output::items::columns::Columns;
use crate::text::lexical::scan::{elements, members, text};
use crate::text::path::{Path, Selected};
use crate::text::terminal::sanitise;

/// How many paths of items are collected at most, and how deep.
const MAX_PATHS: usize = 500;
const MAX_DEPTH: usize = 6;

/// Passes items on and watches for the columns that the user named.
pub(crate) struct Named {
    rows: Box<dyn Rows>,
    /// The columns that no item has had yet.
    missing: Vec<Path>,
    /// What the first items have.
    paths: BTreeSet<String>,
    is_empty: bool,
}

impl Named {
    /// Begins to watch.
    pub(crate) fn new(columns: &Columns, rows: Box<dyn Rows>) -> Self {
        Named {
            rows,
            missing: columns.paths().to_vec(),
            paths: BTreeSet::new(),
            is_empty: true,
        }
    }

    fn look(&mut self, item: &[u8]) {
        self.is_empty = false;
        if self.missing.is_empty() {
            return;
        }
        self.missing
            .retain(|path| matches!(path.select(item), Selected::Missing));
        if !self.missing.is_empty() && self.paths.len() < MAX_PATHS {
            collect(item, String::new(), MAX_DEPTH, &mut self.paths);
        }
    }

    /// Returns what is said of the columns that no item had.
    fn note(&self) -> Option<String> {
        if self.is_empty || self.missing.is_empty() {
            return None;
        }
        let said = |path: &Path| {
            let name = sanitise(path.text()).into_owned();
            match self.nearest(path.text()) {
                Some(close) => format!("{name} (did you mean {}?)", sanitise(close)),
                None => name,
            }
        };
        let names: Vec<String> = self.missing.iter().map(said).collect();
        Some(format!("no item has {}", names.join(", ")))
    }

    /// Returns the path of an item that was probably meant: one with a member of that name, or
    /// else one that is spelt much like it.
    fn nearest(&self, asked: &str) -> Option<&str> {
        let paths = || self.paths.iter().map(String::as_str);
        let last = asked.rsplit('.').next().unwrap_or(asked);
        let has_member = |path: &&str| path.split(['.', '[']).any(|part| part == last);
        paths()
            .filter(has_member)
            .min_by_key(|path| path.len())
            .or_else(|| nearest(asked, paths()).first().copied())
    }
}

/// Adds the paths of an item's values; of a list, only its first element is read.
fn collect(value: &[u8], path: String, deeper: usize, paths: &mut BTreeSet<String>) {
    if paths.len() >= MAX_PATHS {
        return;
    }
    match (value.first(), deeper) {
        (Some(b'{'), 1..) => {
            for (key, inner) in members(value) {
                let key = text(key);
                let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                if key.is_empty() || !key.chars().all(is_plain) {
                    continue;
                }
                let path = match path.as_str() {
                    "" => key.into_owned(),
                    before => format!("{before}.{key}"),
                };
                collect(inner, path, deeper - 1, paths);
            }
        }
        (Some(b'['), 1..) if !path.is_empty() => {
            if let Some(first) = elements(value).next() {
                collect(first, format!("{path}[0]"), deeper - 1, paths);
            }
        }
        _ if !path.is_empty() => {
            paths.insert(path);
        }
        _ => {}
    }
}

impl Rows for Named {
    fn item(&mut self, item: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.look(item);
        self.rows.item(item, out)
    }

    fn object(&mut self, object: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.look(object);
        self.rows.object(object, out)
    }

    fn scalar(&mut self, scalar: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.rows.scalar(scalar, out)
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        self.rows.flush(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Option<String>> {
        let notes = [self.note(), self.rows.finish(out)?];
        let notes: Vec<String> = notes.into_iter().flatten().collect();
        Ok((!notes.is_empty()).then(|| notes.join("; ")))
    }
}
