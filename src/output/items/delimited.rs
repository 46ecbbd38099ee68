//! CSV by RFC 4180 with LF, and TSV.

use std::borrow::Cow;
use std::collections::BTreeSet;

use memchr::{memchr, memchr3};

use super::Rows;
use super::columns::{self, Columns, Discovery};
use crate::error::Result;
use crate::text::path::Selected;
use crate::text::terminal::{sanitise, sanitise_text};

/// What is between two cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delimiter {
    /// A comma; cells are quoted where they need it.
    Comma,
    /// A tab; tabs and line ends in cells are written `\t` and `\n`.
    Tab,
}

/// How it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// What is between two cells.
    pub(crate) delimiter: Delimiter,
    /// Whether the names of the columns come first.
    pub(crate) header: bool,
    /// Whether cells that a spreadsheet would take for a formula get a `'` in front.
    pub(crate) safe: bool,
    /// Whether what could drive a terminal is made visible.
    pub(crate) terminal: bool,
}

/// Writes one line an item.
pub(crate) struct Delimited {
    state: State,
    /// Members of later items that have no column.
    left_out: BTreeSet<String>,
    line: Line,
}

enum State {
    /// The columns are known.
    Known(Columns),
    /// The first items are held until it is clear which columns there are.
    Looking {
        discovery: Discovery,
        items: Vec<Vec<u8>>,
        bytes: usize,
    },
    /// They were found in the first items; later ones are watched for more, until there are
    /// enough to report.
    Found(Columns, Option<Discovery>),
}

/// How many members without a column are named.
const NAMED: usize = 8;

/// How many items, and bytes of them, are looked at for columns.
const LOOKED_AT: (usize, usize) = (1000, 1024 * 1024);

impl Delimited {
    /// Begins, with these columns or with those that the first items have.
    pub(crate) fn new(style: Style, columns: Option<Columns>) -> Self {
        Delimited {
            state: match columns {
                Some(columns) => State::Known(columns),
                None => State::Looking {
                    discovery: Discovery::default(),
                    items: Vec::new(),
                    bytes: 0,
                },
            },
            left_out: BTreeSet::new(),
            line: Line::new(style),
        }
    }

    fn settle(&mut self) {
        let State::Looking {
            discovery, items, ..
        } = &mut self.state
        else {
            return;
        };
        let (discovery, items) = (std::mem::take(discovery), std::mem::take(items));
        let watching = discovery.clone();
        let columns = discovery.columns();
        self.line.header(&columns);
        for item in &items {
            self.line.write(item, &columns);
        }
        self.state = State::Found(columns, Some(watching));
    }
}

impl Rows for Delimited {
    fn item(&mut self, item: &[u8], _out: &mut Vec<u8>) -> Result<()> {
        match &mut self.state {
            State::Known(columns) => {
                self.line.header(columns);
                self.line.write(item, columns);
            }
            State::Found(columns, watching) => {
                let all_known = self.line.write(item, columns);
                if let Some(discovery) = watching
                    && !all_known
                    && discovery.look(item)
                {
                    let known = columns.paths();
                    let mut fresh = Discovery::default();
                    fresh.look(item);
                    let names = fresh.columns();
                    let unknown = names.paths().iter().filter(|path| !known.contains(path));
                    self.left_out.extend(
                        unknown
                            .take(NAMED)
                            .map(|path| columns::name(path).to_owned()),
                    );
                    // Items with ever new members would fill the memory.
                    if self.left_out.len() >= NAMED {
                        *watching = None;
                    }
                }
            }
            State::Looking {
                discovery,
                items,
                bytes,
            } => {
                discovery.look(item);
                discovery.check_width()?;
                *bytes += item.len();
                items.push(item.to_vec());
                if items.len() >= LOOKED_AT.0 || *bytes >= LOOKED_AT.1 {
                    self.settle();
                }
            }
        }
        Ok(())
    }

    fn scalar(&mut self, scalar: &[u8], _out: &mut Vec<u8>) -> Result<()> {
        self.line.headed = true;
        self.line.cell(&columns::plain(&Selected::One(scalar)));
        self.line.end();
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        self.line.hand_over(out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Option<String>> {
        self.settle();
        if let State::Known(columns) = &self.state {
            self.line.header(columns);
        }
        self.line.hand_over(out);
        if self.left_out.is_empty() {
            return Ok(None);
        }
        let names: Vec<String> = self
            .left_out
            .iter()
            .take(NAMED)
            .map(|name| sanitise(name).into_owned())
            .collect();
        let more = if self.left_out.len() < NAMED {
            ""
        } else {
            ", ..."
        };
        Ok(Some(format!(
            "later items have members without a column: {}{more}; name all with --columns",
            names.join(", ")
        )))
    }
}

/// Writes lines of cells.
struct Line {
    style: Style,
    out: Vec<u8>,
    /// How many cells the line has so far.
    cells: usize,
    /// Where in `out` it begins.
    start: usize,
    headed: bool,
}

impl Line {
    fn new(style: Style) -> Self {
        Line {
            style,
            out: Vec::new(),
            cells: 0,
            start: 0,
            headed: !style.header,
        }
    }

    fn header(&mut self, columns: &Columns) {
        if std::mem::replace(&mut self.headed, true) || columns.len() == 0 {
            return;
        }
        for path in columns.paths() {
            self.cell(columns::name(path));
        }
        self.end();
    }

    /// Writes an item; returns whether every member of it is a column of its own.
    fn write(&mut self, item: &[u8], columns: &Columns) -> bool {
        if columns.len() == 0 {
            return false;
        }
        let mut found = Vec::with_capacity(columns.len());
        let all_known = columns.select(item, &mut found);
        for selected in &found {
            self.cell(&columns::plain(selected));
        }
        self.end();
        all_known
    }

    fn cell(&mut self, text: &str) {
        let mut text = Cow::Borrowed(text);
        if self.style.safe && is_formula(&text) {
            text = Cow::Owned(format!("'{text}"));
        }
        if self.style.delimiter == Delimiter::Tab {
            text = escape_tabs(text);
        }
        if self.style.terminal {
            text = Cow::Owned(sanitise_text(&text).into_owned());
        }
        let delimiter = match self.style.delimiter {
            Delimiter::Comma => b',',
            Delimiter::Tab => b'\t',
        };
        if self.cells > 0 {
            self.out.push(delimiter);
        }
        self.cells += 1;
        if self.style.delimiter == Delimiter::Comma && needs_quotes(&text) {
            quote(&text, &mut self.out);
        } else {
            self.out.extend_from_slice(text.as_bytes());
        }
    }

    fn end(&mut self) {
        // A line with nothing on it would be no line for readers of CSV.
        if self.style.delimiter == Delimiter::Comma && self.out.len() == self.start {
            self.out.extend_from_slice(b"\"\"");
        }
        self.out.push(b'\n');
        self.cells = 0;
        self.start = self.out.len();
    }

    /// Hands over what is complete.
    fn hand_over(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
        self.start = 0;
    }
}

/// Returns whether a cell holds what ends a cell, a line or a quotation (RFC 4180).
fn needs_quotes(text: &str) -> bool {
    memchr3(b',', b'"', b'\n', text.as_bytes()).is_some()
        || memchr(b'\r', text.as_bytes()).is_some()
}

/// Writes a cell in quotes, those inside doubled.
fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'"');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Returns whether a spreadsheet would take a text for a formula (OWASP: CSV injection); the wide
/// forms of the signs count as the signs themselves.
fn is_formula(text: &str) -> bool {
    const SIGNS: [char; 11] = [
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    text.starts_with(SIGNS) && !text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Writes what would end a cell or line of TSV as an escape, and the backslash itself too.
fn escape_tabs(text: Cow<'_, str>) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    if memchr3(b'\t', b'\n', b'\\', bytes).is_none() && memchr(b'\r', bytes).is_none() {
        return text;
    }
    let escaped = text
        .replace('\\', "\\\\")
        .replace('\t', "\\t")
        .replace('\n', "\\n")
        .replace('\r', "\\r");
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::path::Path;
    use proptest::prelude::*;

    const CSV: Style = Style {
        delimiter: Delimiter::Comma,
        header: true,
        safe: false,
        terminal: false,
    };
    const TSV: Style = Style {
        delimiter: Delimiter::Tab,
        ..CSV
    };

    fn written(style: Style, columns: &[&str], items: &[&str]) -> String {
        let paths = columns
            .iter()
            .map(|column| Path::parse(column).expect("a path"))
            .collect();
        let columns = (!columns.is_empty()).then(|| Columns::new(paths));
        let mut rows = Delimited::new(style, columns);
        let mut out = Vec::new();
        for item in items {
            rows.item(item.as_bytes(), &mut out).expect("written");
        }
        rows.finish(&mut out).expect("written");
        String::from_utf8(out).expect("utf-8")
    }

    #[test]
    fn cells_are_quoted_where_they_need_it() {
        let items = [
            r#"{"a":"x, \"y\"","b":1.10}"#,
            r#"{"b":null,"a":"two\nlines","c":{"d":[1, 2]}}"#,
        ];
        assert_eq!(
            written(CSV, &[], &items),
            "a,b,c.d\n\"x, \"\"y\"\"\",1.10,\n\"two\nlines\",,\"[1,2]\"\n"
        );
        assert_eq!(
            written(TSV, &["a", "b"], &items),
            "a\tb\nx, \"y\"\t1.10\ntwo\\nlines\t\n"
        );
        assert_eq!(written(CSV, &["a", "b"], &[]), "a,b\n");
        let headless = Style {
            header: false,
            ..CSV
        };
        assert_eq!(written(headless, &["b"], &items), "1.10\n\"\"\n");
        // Nothing reads quotes in TSV: an empty cell is empty also when it is alone.
        assert_eq!(written(TSV, &["b"], &items), "b\n1.10\n\n");
        assert_eq!(written(CSV, &[], &["{}"]), "");
    }

    #[test]
    fn formulas_are_disarmed_when_asked_and_numbers_are_not() {
        let items = [
            r#"{"a":"=1+1"}"#,
            r#"{"a":-5}"#,
            r#"{"a":"@x"}"#,
            r#"{"a":"-1.5"}"#,
            r#"{"a":"-inf"}"#,
            r#"{"a":"＝1"}"#,
        ];
        let safe = Style { safe: true, ..CSV };
        assert_eq!(
            written(safe, &["a"], &items),
            "a\n'=1+1\n-5\n'@x\n-1.5\n'-inf\n'＝1\n"
        );
        assert_eq!(
            written(CSV, &["a"], &items),
            "a\n=1+1\n-5\n@x\n-1.5\n-inf\n＝1\n"
        );
    }

    #[test]
    fn later_members_are_told_of() {
        let mut rows = Delimited::new(CSV, None);
        let mut out = Vec::new();
        for _ in 0..LOOKED_AT.0 {
            rows.item(br#"{"a":1}"#, &mut out).expect("written");
        }
        rows.item(br#"{"a":1,"late":2}"#, &mut out)
            .expect("written");
        let note = rows.finish(&mut out).expect("written").expect("a note");
        assert!(note.contains("late"), "{note}");
    }

    #[test]
    fn ever_new_members_do_not_fill_the_memory() {
        let mut rows = Delimited::new(CSV, None);
        let mut out = Vec::new();
        for number in 0..LOOKED_AT.0 + 100 {
            let late = number.saturating_sub(LOOKED_AT.0);
            let item = format!(r#"{{"a":1,"m":{{"k{late}":1}}}}"#);
            rows.item(item.as_bytes(), &mut out).expect("written");
        }
        assert!(matches!(&rows.state, State::Found(_, None)));
        let note = rows.finish(&mut out).expect("written").expect("a note");
        assert!(note.contains(", ...") && note.len() < 200, "{note}");
    }

    proptest! {
        #[test]
        fn csv_reads_back_equal(cells in prop::collection::vec(prop::collection::vec(any::<String>(), 3), 1..6)) {
            let items: Vec<String> = cells
                .iter()
                .map(|row| serde_json::json!({"a": row[0], "b": row[1], "c": row[2]}).to_string())
                .collect();
            let items: Vec<&str> = items.iter().map(String::as_str).collect();
            let text = written(CSV, &["a", "b", "c"], &items);
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let back: Vec<Vec<String>> = reader
                .records()
                .map(|record| record.expect("a record").iter().map(str::to_owned).collect())
                .collect();
            prop_assert_eq!(back, cells);
        }

        #[test]
        fn tsv_has_one_line_an_item_and_one_tab_between_cells(cells in prop::collection::vec(any::<String>(), 2)) {
            let item = serde_json::json!({"a": cells[0], "b": cells[1]}).to_string();
            let text = written(TSV, &["a", "b"], &[&item]);
            prop_assert_eq!(text.matches('\n').count(), 2);
            prop_assert_eq!(text.matches('\t').count(), 2);
        }
    }
}
