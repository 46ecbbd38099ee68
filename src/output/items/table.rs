//! Aligned columns: fitted to a terminal by wrapping and trimming, whole and plain everywhere else.

use std::borrow::Cow;

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Row, Table, TableStyle, Width,
};
use unicode_width::UnicodeWidthStr;

use super::columns::{self, Columns, Discovery};
use super::path::{Path, Selected};
use super::{Rows, too_large};
use crate::error::Result;
use crate::output::lexical::scan::members;
use crate::output::terminal::{Theme, sanitise};

/// How a table is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    /// The terminal's width; `None` draws every cell whole.
    pub(crate) width: Option<u16>,
    /// Whether the names of the columns come first.
    pub(crate) header: bool,
    /// The colours.
    pub(crate) theme: Theme,
}

/// How many bytes of items a table holds at most.
const MOST: usize = 256 * 1024 * 1024;
/// How many rows are drawn at a time: the library holds what it draws.
const DRAWN_AT_A_TIME: usize = 1000;
/// How many lines a cell may take on a terminal.
const TALLEST: usize = 4;
/// How narrow a column may become before columns are left out.
const NARROWEST: usize = 8;
/// What is between two columns.
const GAP: u16 = 2;

/// Holds the items of a table until it can be drawn.
pub(crate) struct TableRows {
    style: Style,
    columns: Option<Columns>,
    discovery: Discovery,
    items: Store,
    drawn: bool,
}

/// Many texts in one: an allocation for each would take more than they do.
#[derive(Debug, Default)]
struct Store {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Store {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }

    fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn text(&self, index: usize) -> &str {
        std::str::from_utf8(self.get(index)).unwrap_or_default()
    }
}

impl TableRows {
    /// Begins, with these columns or with all that the items have.
    pub(crate) fn new(style: Style, columns: Option<Columns>) -> Self {
        TableRows {
            style,
            columns,
            discovery: Discovery::default(),
            items: Store::default(),
            drawn: false,
        }
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<()> {
        if self.items.bytes.len() + bytes.len() > MOST {
            return Err(too_large("the list"));
        }
        self.items.push(bytes);
        Ok(())
    }

    /// Returns the cells of all items, row by row.
    fn cells(&self, columns: &Columns) -> Store {
        let mut cells = Store::default();
        let mut found = Vec::new();
        for row in 0..self.items.len() {
            columns.select(self.items.get(row), &mut found);
            for (column, selected) in columns.paths().iter().zip(&found) {
                cells.push(cell(column, selected).as_bytes());
            }
        }
        cells
    }
}

impl Rows for TableRows {
    fn item(&mut self, item: &[u8], _out: &mut Vec<u8>) -> Result<()> {
        if self.columns.is_none() {
            self.discovery.look(item);
        }
        self.hold(item)
    }

    fn object(&mut self, object: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.drawn = true;
        let mut discovery = Discovery::default();
        discovery.look(object);
        let all = discovery.columns();
        let declared = self.columns.as_ref().filter(|columns| {
            let mut found = Vec::new();
            columns.select(object, &mut found);
            found.iter().any(|selected| *selected != Selected::Missing)
        });
        let columns = declared.unwrap_or(&all);
        let mut found = Vec::new();
        columns.select(object, &mut found);
        let mut cells = Store::default();
        for (column, selected) in columns.paths().iter().zip(&found) {
            cells.push(sanitise(columns::name(column)).as_bytes());
            cells.push(cell(column, selected).as_bytes());
        }
        if members(object).next().is_none() {
            return Ok(());
        }
        let drawing = Drawing {
            names: vec!["key".to_owned(), "value".to_owned()],
            style: &Style {
                header: false,
                ..self.style.clone()
            },
            aligns: false,
        };
        drawing.draw(&cells, out);
        Ok(())
    }

    fn scalar(&mut self, scalar: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.drawn = true;
        out.extend_from_slice(line(&columns::plain(&Selected::One(scalar))).as_bytes());
        out.push(b'\n');
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Option<String>> {
        if self.drawn && self.items.len() == 0 {
            return Ok(None);
        }
        let columns = match self.columns.take() {
            Some(columns) => columns,
            None => std::mem::take(&mut self.discovery).columns(),
        };
        if columns.len() == 0 {
            return Ok(Some("the list is empty".to_owned()));
        }
        let cells = self.cells(&columns);
        self.items = Store::default();
        let names = columns
            .paths()
            .iter()
            .map(|path| sanitise(columns::name(path)).into_owned())
            .collect();
        let drawing = Drawing {
            names,
            style: &self.style,
            aligns: true,
        };
        Ok(drawing.draw(&cells, out))
    }
}

fn cell<'a>(column: &Path, selected: &Selected<'a>) -> Cow<'a, str> {
    match columns::readable(column, selected) {
        Cow::Borrowed(text) => line(text),
        Cow::Owned(text) => Cow::Owned(line(&text).into_owned()),
    }
}

/// Returns a text on one line that cannot drive a terminal.
fn line(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| (0x20..0x7f).contains(&byte);
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    if text.contains(['\n', '\r', '\t']) {
        let text = text
            .replace("\r\n", "↵")
            .replace(['\n', '\r'], "↵")
            .replace('\t', " ");
        return Cow::Owned(sanitise(&text).into_owned());
    }
    sanitise(text)
}

/// A table about to be drawn.
struct Drawing<'a> {
    names: Vec<String>,
    style: &'a Style,
    /// Whether columns of numbers are aligned to the right.
    aligns: bool,
}

impl Drawing<'_> {
    /// Draws cells, row by row; returns what is worth telling.
    fn draw(&self, cells: &Store, out: &mut Vec<u8>) -> Option<String> {
        let columns = self.names.len();
        let rows = cells.len() / columns;
        let mut widths: Vec<usize> = if self.style.header {
            self.names.iter().map(|name| name.width()).collect()
        } else {
            vec![0; columns]
        };
        let mut numbers = vec![self.aligns; columns];
        let mut empty = vec![true; columns];
        for index in 0..cells.len() {
            let text = cells.text(index);
            let column = index % columns;
            let width = if text.is_ascii() {
                text.len()
            } else {
                text.width()
            };
            widths[column] = widths[column].max(width);
            if !text.is_empty() && text != "null" {
                empty[column] = false;
                numbers[column] = numbers[column] && is_number(text);
            }
        }
        let right: Vec<bool> = numbers
            .iter()
            .zip(&empty)
            .map(|(number, empty)| *number && !empty)
            .collect();
        let shown = self.fitting(&widths);
        let natural: usize = widths[..shown]
            .iter()
            .map(|width| width + usize::from(GAP))
            .sum();
        let natural = natural.saturating_sub(usize::from(GAP));
        let fits = self
            .style
            .width
            .is_none_or(|width| natural <= usize::from(width))
            && natural <= usize::from(u16::MAX);
        let step = if fits { DRAWN_AT_A_TIME } else { rows.max(1) };
        let mut first = 0;
        while first == 0 || first < rows {
            let last = (first + step).min(rows);
            let mut table = self.table(shown, first == 0 && self.style.header);
            for row in first..last {
                let texts = (0..shown).map(|column| cells.text(row * columns + column));
                let mut row = Row::from(texts);
                if !fits {
                    row.max_height(TALLEST);
                }
                table.add_row(row);
            }
            self.arrange(&mut table, &widths[..shown], &right, fits);
            self.print(&table, first == 0 && self.style.header, out);
            first = last.max(1);
        }
        (shown < columns).then(|| {
            let hidden: Vec<&str> = self.names[shown..].iter().map(String::as_str).take(8).collect();
            let more = if columns - shown > hidden.len() { ", ..." } else { "" };
            format!(
                "{} more columns do not fit: {}{more}; pick with --columns, or see all with --format csv",
                columns - shown,
                hidden.join(", ")
            )
        })
    }

    /// Returns how many columns find room, if need be in their narrowest form.
    fn fitting(&self, widths: &[usize]) -> usize {
        let Some(width) = self.style.width else {
            return widths.len();
        };
        let mut used = 0;
        for (index, column) in widths.iter().enumerate() {
            used += (*column).min(NARROWEST);
            if used > usize::from(width) {
                return index.max(1);
            }
            used += usize::from(GAP);
        }
        widths.len()
    }

    fn table(&self, shown: usize, header: bool) -> Table {
        let mut table = Table::new();
        let rule = LineStyle::none().fill('─');
        let style = match self.style.width {
            Some(_) => TableStyle::new().header_separator(rule),
            None => TableStyle::new(),
        };
        table.load_style(style);
        table.set_truncation_indicator("…");
        if header {
            table.set_header(
                self.names[..shown]
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>(),
            );
        }
        table
    }

    fn arrange(&self, table: &mut Table, widths: &[usize], right: &[bool], fits: bool) {
        let last = widths.len() - 1;
        for (index, width) in widths.iter().enumerate() {
            let Some(column) = table.column_mut(index) else {
                continue;
            };
            let gap = if index == last { 0 } else { GAP };
            column.set_padding((0, gap));
            if right[index] {
                column.set_cell_alignment(CellAlignment::Right);
            }
            if fits {
                let width = u16::try_from(*width)
                    .unwrap_or(u16::MAX)
                    .saturating_add(gap);
                column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width.max(1))));
            }
        }
        if let (Some(width), false) = (self.style.width, fits) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width);
        }
    }

    fn print(&self, table: &Table, header: bool, out: &mut Vec<u8>) {
        let heading = &self.style.theme.heading;
        let mut in_header = header;
        for line in table.lines() {
            let line = line.trim_end();
            let is_rule = in_header && line.starts_with('─');
            let styled = match (in_header, is_rule) {
                (true, false) => format!("{heading}{line}{heading:#}\n"),
                (true, true) => format!("{0}{line}{0:#}\n", self.style.theme.dim),
                (false, _) => format!("{line}\n"),
            };
            in_header = in_header && !is_rule && self.style.width.is_some();
            out.extend_from_slice(styled.as_bytes());
        }
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || first == '-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drawn(width: Option<u16>, columns: &[&str], items: &[&str]) -> (String, Option<String>) {
        let paths = columns
            .iter()
            .map(|column| Path::parse(column).expect("a path"))
            .collect();
        let style = Style {
            width,
            header: true,
            theme: Theme::plain(),
        };
        let columns = (!columns.is_empty()).then(|| Columns::new(paths));
        let mut rows = TableRows::new(style, columns);
        let mut out = Vec::new();
        for item in items {
            rows.item(item.as_bytes(), &mut out).expect("held");
        }
        let note = rows.finish(&mut out).expect("drawn");
        (String::from_utf8(out).expect("utf-8"), note)
    }

    const ITEMS: [&str; 3] = [
        r#"{"id":"b","n":10,"name":["漢字","é"],"at":"2024-05-06T09:30:00Z"}"#,
        r#"{"id":"a","n":9.5,"name":["A"],"x":{"y":null}}"#,
        r#"{"id":"c","n":null,"name":[],"at":"two\nlines\u001b[2J"}"#,
    ];

    #[test]
    fn a_pipe_gets_every_cell_whole() {
        insta::assert_snapshot!(drawn(None, &[], &ITEMS).0, @r"
        id     n  at                    name      x.y
        b     10  2024-05-06 09:30:00Z  漢字 > é
        a    9.5                        A         null
        c   null  two↵lines\x1b[2J
        ");
    }

    #[test]
    fn a_terminal_gets_what_fits() {
        insta::assert_snapshot!(drawn(Some(24), &["id", "n", "at"], &ITEMS).0, @r"
        id     n  at
        ────────────────────────
        b     10  2024-05-06
                  09:30:00Z
        a    9.5
        c   null  two↵lines\x1b[
                  2J
        ");
        let (_, note) = drawn(Some(20), &["at", "name", "x", "id"], &ITEMS);
        assert!(note.expect("a note").contains("id"));
    }

    proptest! {
        #[test]
        fn every_line_fits_the_terminal(
            cells in prop::collection::vec(prop::collection::vec("[a-z 漢😀é\u{300}]{0,30}", 3), 1..5),
            width in 20_u16..100,
        ) {
            let items: Vec<String> = cells
                .iter()
                .map(|row| serde_json::json!({"a": row[0], "b": row[1], "c": row[2]}).to_string())
                .collect();
            let items: Vec<&str> = items.iter().map(String::as_str).collect();
            let (text, _) = drawn(Some(width), &["a", "b", "c"], &items);
            for line in text.lines() {
                prop_assert!(line.width() <= usize::from(width), "{line:?} in {width}");
            }
        }
    }
}
