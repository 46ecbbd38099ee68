//! Aligned columns: fitted to a terminal by wrapping and trimming, whole and plain everywhere else.

use std::borrow::Cow;

use comfy_table::{CellAlignment, ColumnConstraint, LineStyle, Row, Table, TableStyle, Width};
use unicode_width::UnicodeWidthStr;

use super::columns::{self, Columns, Discovery};
use super::{Rows, too_large};
use crate::error::Result;
use crate::text::lexical::scan::members;
use crate::text::path::{Path, Selected};
use crate::text::terminal::{Theme, sanitise};

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

/// How many bytes the items of a table may take, and its cells.
const MAX_HELD: usize = 256 * 1024 * 1024;
/// How many rows, and cells of them, are drawn at a time: the library holds what it draws.
const DRAWN_AT_A_TIME: (usize, usize) = (1000, 100_000);
/// How many lines a cell may take on a terminal.
const MAX_HEIGHT: usize = 4;
/// How narrow a column may become before columns are left out.
const MIN_WIDTH: usize = 8;
/// How long a word is that is broken last of all, such as a date.
const SHORT_WORD: usize = 10;
/// How long the chunks of a longer one are at least.
const BROKEN_WORD: usize = 6;
/// How long a word is that is kept whole before there is room for others, such as an id.
const LONG_WORD: usize = 28;
/// What is between two columns.
const GAP: u16 = 2;

/// Holds the items of a table until it can be drawn.
pub(crate) struct TableRows {
    style: Style,
    columns: Option<Columns>,
    discovery: Discovery,
    items: Store,
    drawn: bool,
    max_held: usize,
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

    fn check(&self, what: &str, max: usize) -> Result<()> {
        if self.bytes.len() + self.ends.len() * size_of::<usize>() > max {
            return Err(too_large(what, max));
        }
        Ok(())
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
            max_held: MAX_HELD,
        }
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<()> {
        self.items.push(bytes);
        self.items.check("the list", self.max_held)
    }

    /// Returns the cells of all items, row by row, and which columns hold numbers alone.
    fn cells(&self, columns: &Columns) -> Result<(Store, Vec<bool>)> {
        let mut cells = Store::default();
        let mut found = Vec::new();
        let (mut some, mut others) = (vec![false; columns.len()], vec![false; columns.len()]);
        for row in 0..self.items.len() {
            columns.select(self.items.get(row), &mut found);
            for (index, (column, selected)) in columns.paths().iter().zip(&found).enumerate() {
                match selected {
                    Selected::Missing | Selected::One(b"null") => {}
                    Selected::One([b'-' | b'0'..=b'9', ..]) => some[index] = true,
                    Selected::One(_) | Selected::Many(_) => others[index] = true,
                }
                cells.push(cell(column, selected).as_bytes());
            }
            cells.check("the table", self.max_held)?;
        }
        let numbers = some
            .iter()
            .zip(&others)
            .map(|(some, others)| *some && !others);
        Ok((cells, numbers.collect()))
    }
}

impl Rows for TableRows {
    fn item(&mut self, item: &[u8], _out: &mut Vec<u8>) -> Result<()> {
        if self.columns.is_none() {
            self.discovery.look(item);
            self.discovery.check_width()?;
        }
        self.hold(item)
    }

    fn object(&mut self, object: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.drawn = true;
        let mut discovery = Discovery::default();
        discovery.look(object);
        discovery.check_width()?;
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
            right: &[false; 2],
        };
        drawing.draw(&cells, out);
        Ok(())
    }

    fn scalar(&mut self, scalar: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.drawn = true;
        let text = match scalar {
            b"null" => Cow::Borrowed("null"),
            scalar => columns::plain(&Selected::One(scalar)),
        };
        out.extend_from_slice(line(&text).as_bytes());
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
            let what = match self.items.len() {
                0 => "the list is empty",
                _ => "the items have no members",
            };
            return Ok(Some(what.to_owned()));
        }
        let (cells, numbers) = self.cells(&columns)?;
        self.items = Store::default();
        let names = columns
            .paths()
            .iter()
            .map(|path| sanitise(columns::name(path)).into_owned())
            .collect();
        let drawing = Drawing {
            names,
            style: &self.style,
            right: &numbers,
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
    /// Which columns are aligned to the right.
    right: &'a [bool],
}

impl Drawing<'_> {
    /// Draws cells, row by row; returns what is worth reporting.
    fn draw(&self, cells: &Store, out: &mut Vec<u8>) -> Option<String> {
        let columns = self.names.len();
        let rows = cells.len() / columns;
        let mut widths: Vec<usize> = if self.style.header {
            self.names.iter().map(|name| name.width()).collect()
        } else {
            vec![0; columns]
        };
        for index in 0..cells.len() {
            let column = index % columns;
            widths[column] = widths[column].max(width_of(cells.text(index)));
        }
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
        let widths = match self.style.width {
            Some(width) if !fits => self.shared(usize::from(width), shown, cells),
            _ => widths[..shown].to_vec(),
        };
        let mut first = 0;
        while first == 0 || first < rows {
            let (most, cells_at_a_time) = DRAWN_AT_A_TIME;
            let last = (first + (cells_at_a_time / shown.max(1)).clamp(1, most)).min(rows);
            let mut table = self.table(&widths, first == 0 && self.style.header);
            for row in first..last {
                let texts = (0..shown).map(|column| cells.text(row * columns + column));
                let mut row = Row::from(texts);
                if !fits {
                    row.max_height(MAX_HEIGHT);
                }
                table.add_row(row);
            }
            self.arrange(&mut table, &widths);
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
            used += (*column).min(MIN_WIDTH);
            if used > usize::from(width) {
                return index.max(1);
            }
            used += usize::from(GAP);
        }
        widths.len()
    }

    /// Shares a width that is too small between the columns: first so that words of each find
    /// room, then the parts of names, then ids, then whole texts.
    fn shared(&self, width: usize, shown: usize, cells: &Store) -> Vec<usize> {
        let mut needs = vec![Need::default(); shown];
        for (need, name) in needs.iter_mut().zip(&self.names) {
            if self.style.header {
                need.name_part = name_parts(name).map(width_of).max().unwrap_or(0);
                need.name = width_of(name);
            }
        }
        for index in 0..cells.len() {
            if let Some(need) = needs.get_mut(index % self.names.len()) {
                let text = cells.text(index);
                need.word = need
                    .word
                    .max(text.split(' ').map(width_of).max().unwrap_or(0));
                need.whole = need.whole.max(width_of(text));
            }
        }
        let room = width.saturating_sub(usize::from(GAP) * (shown - 1));
        let mut widths = vec![1; shown];
        let levels: [fn(&Need) -> usize; 5] = [
            |need| match need.word {
                word if word > SHORT_WORD => BROKEN_WORD,
                word => word.max(2),
            },
            |need| need.name_part.min(LONG_WORD),
            |need| need.word.min(LONG_WORD),
            |need| need.whole,
            |need| need.name,
        ];
        for level in levels {
            let wanted: Vec<usize> = needs.iter().map(level).collect();
            raise(&mut widths, &wanted, room);
        }
        widths
    }

    fn table(&self, widths: &[usize], header: bool) -> Table {
        let mut table = Table::new();
        let rule = LineStyle::none().fill('─');
        let style = match self.style.width {
            Some(_) => TableStyle::new().header_separator(rule),
            None => TableStyle::new(),
        };
        table.load_style(style);
        table.set_truncation_indicator("…");
        if header {
            let names = self.names.iter().zip(widths);
            table.set_header(names.map(|(name, width)| broken(name, *width)));
        }
        table
    }

    fn arrange(&self, table: &mut Table, widths: &[usize]) {
        let last = widths.len() - 1;
        for (index, width) in widths.iter().enumerate() {
            let Some(column) = table.column_mut(index) else {
                continue;
            };
            let gap = if index == last { 0 } else { GAP };
            column.set_padding((0, gap));
            if self.right[index] {
                column.set_cell_alignment(CellAlignment::Right);
            }
            let width = u16::try_from(*width)
                .unwrap_or(u16::MAX)
                .saturating_add(gap);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width.max(1))));
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

/// What a column needs, in places of the terminal.
#[derive(Clone, Debug, Default)]
struct Need {
    /// For the longest word of its cells.
    word: usize,
    /// For the longest cell.
    whole: usize,
    /// For the longest part of its name.
    name_part: usize,
    /// For its name.
    name: usize,
}

/// Raises widths to what is wanted as far as there is room, the smallest first.
fn raise(widths: &mut [usize], wanted: &[usize], room: usize) {
    let raised = |most: usize| {
        let pairs = widths.iter().zip(wanted);
        pairs.map(move |(width, wanted)| (*width).max(*wanted.min(&most)))
    };
    let fits = |most: &usize| raised(*most).sum::<usize>() <= room;
    if let Some(most) = (1..=room).rev().find(fits) {
        let raised: Vec<usize> = raised(most).collect();
        widths.copy_from_slice(&raised);
    }
}

/// Returns the parts of a column's name, which is a path: a line may end after each.
fn name_parts(name: &str) -> impl Iterator<Item = &str> {
    name.split_inclusive(['.', '_'])
}

/// Breaks a column's name into lines of this width.
fn broken(name: &str, width: usize) -> String {
    if width_of(name) <= width {
        return name.to_owned();
    }
    let mut lines = String::new();
    let mut used = 0;
    for part in name_parts(name) {
        if used > 0 && used + width_of(part) > width {
            lines.push('\n');
            used = 0;
        }
        lines.push_str(part);
        used += width_of(part);
    }
    lines
}

fn width_of(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
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

    #[test]
    fn a_narrow_terminal_breaks_names_at_their_dots_and_keeps_dates_whole() {
        let item = r#"{"comment":{"uid":"4d47ed1475bca5d4.ticket-1001","timestamp":"2024-05-01T08:30:00Z","messages":[{"subject":{"text":"Where is my order? It should have come by now"}}]},"n":1,"s":"12"}"#;
        let columns = [
            "comment.uid",
            "comment.timestamp",
            "comment.messages[0].subject.text",
            "n",
            "s",
        ];
        insta::assert_snapshot!(drawn(Some(72), &columns, &[item]).0, @r"
        comment.uid                   comment.          comment.           n  s
                                      timestamp         messages[0].
                                                        subject.text
        ────────────────────────────────────────────────────────────────────────
        4d47ed1475bca5d4.ticket-1001  2024-05-01        Where is my        1  12
                                      08:30:00Z         order? It should
                                                        have come by now
        ");
        insta::assert_snapshot!(drawn(Some(50), &columns, &[item]).0, @r"
        comment.uid       comment.    comment.       n  s
                          timestamp   messages[0].
                                      subject.text
        ──────────────────────────────────────────────────
        4d47ed1475bca5d4  2024-05-01  Where is my    1  12
        .ticket-1001      08:30:00Z   order? It
                                      should have
                                      come by now
        ");
    }

    #[test]
    fn more_than_a_table_holds_is_refused_with_what_to_type() {
        let mut rows = TableRows::new(
            Style {
                width: None,
                header: true,
                theme: Theme::plain(),
            },
            None,
        );
        rows.max_held = 1000;
        let failure = rows
            .item(&[b'1'; 1001], &mut Vec::new())
            .expect_err("too large");
        assert!(failure.to_string().contains("--format ndjson"), "{failure}");
        // Small items, of which each has a cell for the members of all others.
        let mut rows = TableRows::new(rows.style, None);
        rows.max_held = 10_000;
        let mut out = Vec::new();
        for number in 0..100 {
            let item = format!("{{\"m{number}\":1}}");
            rows.item(item.as_bytes(), &mut out).expect("held");
        }
        let failure = rows.finish(&mut out).expect_err("too large");
        assert!(failure.to_string().contains("the table"), "{failure}");
        // Items that are so different that no table can show them.
        let mut rows = TableRows::new(rows.style, None);
        let taken = (0..10_000).take_while(|number| {
            let item = format!("{{\"m{number}\":1}}");
            rows.item(item.as_bytes(), &mut out).is_ok()
        });
        assert_eq!(taken.count(), 4096);
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
