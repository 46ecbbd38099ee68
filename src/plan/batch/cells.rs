//! The fields of a row: read, mapped, and given the types of the call's own fields.

use std::borrow::Cow;
use std::ffi::OsString;

use http::Method;

use super::{Group, Recipe, method};
use crate::catalogue::{Endpoint, Kind as FieldKind};
use crate::cli::items::{Item, Kind};
use crate::cli::options::RequestOptions;
use crate::error::{Failure, Result};
use crate::input::rows::{self, MAX_ROW_BYTES, Raw, Row, RowFormat};
use crate::plan::callee::Callee;
use crate::plan::fields::{Fields, json_string};
use crate::plan::{template, words};
use crate::text::lexical::{self, scan, without_mark};
use crate::text::path::Selected;
use crate::text::terminal::sanitise;

/// How many rows of a group are suggested.
const GROUP: u64 = 1024;

/// The value of a field of a row.
enum Cell<'a> {
    /// Checked JSON.
    Json(&'a [u8]),
    /// Text that takes the type of its field.
    Text(Cow<'a, str>),
}

impl Recipe<'_> {
    /// Returns what a row gives its call: items, and values of placeholders.
    pub(super) fn parts(&self, row: &Row) -> Result<(Vec<Item>, Vec<OsString>)> {
        let (mut items, mut vars) = (Vec::new(), Vec::new());
        for (field, cell) in self.cells(row)? {
            match self.callee {
                Callee::Raw(_) if self.placeholders.contains(&field.as_str()) => {
                    if let Some(text) = scalar(&field, cell)? {
                        vars.push(format!("{field}={text}").into());
                    }
                }
                Callee::Raw(words) => {
                    refuse_without_body(words, self.request, &field)?;
                    items.push(self.raw_item(&field, cell));
                }
                Callee::Endpoint(endpoint) if is_parameter(endpoint, &field) => {
                    if let Some(value) = scalar(&field, cell)? {
                        items.push(Item {
                            key: field,
                            value,
                            kind: Kind::Text,
                        });
                    }
                }
                Callee::Endpoint(_) | Callee::Template(_) => items.push(item(field, cell)),
            }
        }
        Ok((items, vars))
    }

    /// Refuses rows that are elements of a list of the endpoint and not its fields, by the first of
    /// them: every call would fail.
    ///
    /// # Errors
    /// Fails (exit 2), naming the option that is missing.
    pub(crate) fn refuse_without_group(&self, first: &Row) -> Result<()> {
        let (Callee::Endpoint(endpoint), None) = (self.callee, &self.group) else {
            return Ok(());
        };
        // What is wrong with the row itself is said when its call is made.
        let cells = self.cells(first).unwrap_or_default();
        let names: Vec<&str> = cells.iter().map(|(name, _)| name.as_str()).collect();
        let steps: Vec<&str> = names
            .iter()
            .filter_map(|name| name.split(['.', '[', ':']).next())
            .collect();
        let Some(list) = super::groups::list_of_rows(endpoint, &steps) else {
            return Ok(());
        };
        let count = list.limit.map_or(GROUP, |limit| limit.most.min(GROUP));
        Err(Failure::unsent(format!(
            "{} takes a list of {}, and the rows are its elements",
            endpoint.name, list.name
        ))
        .hint(format!(
            "send up to {count} rows per request: --group {count} {}",
            list.name
        )))
    }

    /// Makes a field of the body of a raw call. What the user names is a path; a member of a JSON
    /// object is a name, whatever is in it.
    fn raw_item(&self, field: &str, cell: Cell<'_>) -> Item {
        let is_path = !self.mapping.is_empty() || matches!(self.format, RowFormat::Delimited(_));
        let key = if is_path {
            template::bracketed(field)
        } else {
            field.to_owned()
        };
        item(key, cell)
    }

    /// Reads the fields of a row.
    fn cells<'r>(&self, row: &'r Row) -> Result<Vec<(String, Cell<'r>)>> {
        let Raw::Bytes(bytes) = &row.raw else {
            return Err(Failure::usage(format!(
                "the row is longer than {} MiB",
                MAX_ROW_BYTES >> 20
            )));
        };
        match self.format {
            RowFormat::NdJson => self.members(json_of(bytes)?),
            RowFormat::Delimited(delimiter) => self.record(bytes, delimiter),
        }
    }

    fn members<'r>(&self, object: &'r [u8]) -> Result<Vec<(String, Cell<'r>)>> {
        if object.first() != Some(&b'{') {
            return Err(Failure::usage("the row is not a JSON object"));
        }
        if self.mapping.is_empty() {
            let members = scan::members(object);
            return Ok(members
                .map(|(key, value)| (escaped(&scan::text(key)), Cell::Json(value)))
                .collect());
        }
        let found = self.mapping.0.iter().filter_map(|mapped| {
            let value = match scan::member(object, &mapped.column) {
                Some(value) => value,
                None => match mapped.path.as_ref()?.select(object) {
                    Selected::One(value) => value,
                    _ => return None,
                },
            };
            Some((mapped.field.clone(), Cell::Json(value)))
        });
        Ok(found.collect())
    }

    fn record<'r>(&self, bytes: &[u8], delimiter: u8) -> Result<Vec<(String, Cell<'r>)>> {
        let values = rows::fields(bytes, delimiter)
            .map_err(|why| Failure::usage(format!("the row is invalid: {why}")))?;
        if values.len() != self.columns.len() {
            return Err(Failure::usage(format!(
                "the row has {} fields, but the header has {}",
                values.len(),
                self.columns.len()
            )));
        }
        let mut cells = Vec::new();
        for (column, value) in self.columns.iter().zip(values) {
            // An empty cell is a field that is left out: CSV has no other way to write that.
            if value.is_empty() {
                continue;
            }
            if self.mapping.is_empty() {
                cells.push((column.clone(), Cell::Text(Cow::Owned(value))));
                continue;
            }
            for mapped in self.mapping.0.iter().filter(|one| one.column == *column) {
                let value = Cell::Text(Cow::Owned(value.clone()));
                cells.push((mapped.field.clone(), value));
            }
        }
        Ok(cells)
    }

    /// Returns a row as an element of the group's field; `None` where that is the row itself.
    pub(super) fn element(&self, row: &Row, group: &Group) -> Result<Option<String>> {
        if self.format == RowFormat::NdJson && self.mapping.is_empty() {
            let Raw::Bytes(bytes) = &row.raw else {
                return self.cells(row).map(|_| None);
            };
            return json_of(bytes).map(|_| None);
        }
        let cells = self.cells(row)?;
        if let Callee::Endpoint(endpoint) = self.callee {
            let field = endpoint
                .body_fields
                .iter()
                .find(|one| one.name == group.field);
            if field.is_some_and(|field| field.kind == FieldKind::StringList) {
                return only_text(cells).map(Some);
            }
            let items: Vec<Item> = cells
                .into_iter()
                .map(|(key, cell)| item(key, cell))
                .collect();
            return template::element(endpoint, &group.field, &items).map(Some);
        }
        let mut fields = Fields::new();
        for (key, cell) in cells {
            let Item { key, value, kind } = self.raw_item(&key, cell);
            let json = if kind == Kind::Text {
                json_string(&value)
            } else {
                value
            };
            fields.insert(&key, json)?;
        }
        Ok(Some(fields.to_json()))
    }
}

/// Returns the JSON of a row, checked.
fn json_of(bytes: &[u8]) -> Result<&[u8]> {
    let text = without_mark(bytes).trim_ascii();
    if std::str::from_utf8(text).is_err() {
        return Err(Failure::usage("the row is not valid UTF-8"));
    }
    lexical::check(text).map_err(|error| {
        Failure::usage(format!(
            "the row is not valid JSON: column {}: {}",
            error.column, error.what
        ))
    })?;
    Ok(text)
}

/// Returns a name as an item has it: a bracket in it is not the beginning of a step.
fn escaped(name: &str) -> String {
    if !name.contains(['[', ']', '\\']) {
        return name.to_owned();
    }
    let mut text = String::with_capacity(name.len() + 2);
    for c in name.chars() {
        if matches!(c, '[' | ']' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn item(key: String, cell: Cell<'_>) -> Item {
    match cell {
        Cell::Json(json) => Item {
            key,
            value: String::from_utf8_lossy(json).into_owned(),
            kind: Kind::Json,
        },
        Cell::Text(text) => Item {
            key,
            value: text.into_owned(),
            kind: Kind::Text,
        },
    }
}

/// Returns whether a field is part of the URL, where a value is text.
fn is_parameter(endpoint: &Endpoint, field: &str) -> bool {
    let mut parameters = endpoint.path_params.iter().chain(endpoint.query_params);
    parameters.any(|parameter| parameter.name == field)
}

/// Returns a value as the text that stands for it in a URL; `None` for null.
fn scalar(field: &str, cell: Cell<'_>) -> Result<Option<String>> {
    let json = match cell {
        Cell::Text(text) => return Ok(Some(text.into_owned())),
        Cell::Json(json) => json,
    };
    match json.first() {
        Some(b'n') => Ok(None),
        Some(b'"') => Ok(Some(scan::text(json).into_owned())),
        Some(b'{' | b'[') => Err(Failure::usage(format!(
            "{} must be text, a number or true or false",
            sanitise(field)
        ))),
        _ => Ok(Some(String::from_utf8_lossy(json).into_owned())),
    }
}

/// Returns the text of a row for a list of texts.
fn only_text(cells: Vec<(String, Cell<'_>)>) -> Result<String> {
    let mut cells = cells.into_iter();
    match (cells.next(), cells.next()) {
        (Some((field, cell)), None) => Ok(json_string(&scalar(&field, cell)?.unwrap_or_default())),
        _ => Err(Failure::usage(
            "the row must have one column for a list of texts",
        )),
    }
}

/// Refuses a field that would make a body where the method has none: mostly a placeholder that is
/// spelled differently.
fn refuse_without_body(
    words: &words::Words<'_>,
    request: &RequestOptions,
    field: &str,
) -> Result<()> {
    match method(words, request) {
        Some(method) if [Method::GET, Method::HEAD, Method::DELETE].contains(&method) => {
            Err(Failure::usage(format!(
                "the target has no placeholder {{{}}}, and a {method} has no body",
                sanitise(field)
            ))
            .hint("to use some of the columns only: --map FIELD=COLUMN"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        assert_eq!(escaped("a.b"), "a.b");
        assert_eq!(escaped(r"a[0]\"), r"a\[0\]\\");
    }

    #[test]
    fn a_value_of_a_url_is_text() {
        let text = |json: &[u8]| scalar("f", Cell::Json(json)).ok();
        assert_eq!(text(br#""a\u00e9""#), Some(Some("a\u{e9}".to_owned())));
        assert_eq!(text(b"1.10"), Some(Some("1.10".to_owned())));
        assert_eq!(text(b"null"), Some(None));
        assert_eq!(text(b"[1]"), None);
    }
}
