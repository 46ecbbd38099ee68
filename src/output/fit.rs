//! Lists of a command's own that fit the terminal: columns whose last one wraps between words, or
//! a block for each row where the columns leave too little for that. comfy-table, which lays out
//! responses, breaks a path or URL that is wider than its column, and has no blocks.

use unicode_width::UnicodeWidthStr;

/// The least that the last column must have; below it each row becomes a block.
const MIN_LAST: usize = 24;

/// The blanks between two columns.
const GAP: usize = 2;

/// A list that has been laid out.
pub(crate) struct Laid {
    pub(crate) text: String,
    /// Whether it has columns, and their names on its first line where it was given some.
    pub(crate) has_columns: bool,
}

/// Lays rows out in columns, or in blocks where `width` is too narrow. Every row has as many cells
/// as the names; a block leaves out empty cells. Without a width nothing is wrapped.
pub(crate) fn list(names: Option<&[&str]>, rows: &[Vec<String>], width: Option<usize>) -> Laid {
    let names: Option<Vec<String>> =
        names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let all: Vec<&Vec<String>> = names.iter().chain(rows).collect();
    let count = all.iter().map(|row| row.len()).max().unwrap_or(0);
    let widest = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.width()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(widest).collect();
    let before = widths.iter().rev().skip(1).map(|width| width + GAP).sum();
    let last = widths.last().copied().unwrap_or(0);
    let room = width.map(|width| width.saturating_sub(before));
    let mut text = String::new();
    if room.is_some_and(|room| room < last.min(MIN_LAST)) {
        for row in rows {
            text.push_str(&block(names.as_deref(), row, width.unwrap_or(usize::MAX)));
        }
        return Laid {
            text,
            has_columns: false,
        };
    }
    for row in all {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths).take(count.saturating_sub(1)) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width.saturating_sub(cell.width()) + GAP));
        }
        let cell = row.last().map(String::as_str).unwrap_or_default();
        line.push_str(&under(cell, before, width));
        text.extend(line.lines().flat_map(|line| [line.trim_end(), "\n"]));
    }
    Laid {
        text,
        has_columns: true,
    }
}

/// Returns a row as a block: its first cell, then the others, indented, with their names.
fn block(names: Option<&[String]>, row: &[String], width: usize) -> String {
    let mut text = String::new();
    for (column, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
        let indent = if column == 0 { 0 } else { 4 };
        let name = match names.and_then(|names| names.get(column)) {
            Some(name) if column > 0 => format!("{name}: "),
            _ => String::new(),
        };
        for line in wrapped(&format!("{name}{cell}"), width.saturating_sub(indent)) {
            text.push_str(&" ".repeat(indent));
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

/// Breaks a text that begins in a column, so that its other lines begin there too.
pub(crate) fn under(text: &str, column: usize, width: Option<usize>) -> String {
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(column));
    wrapped(text, room).join(&format!("\n{}", " ".repeat(column)))
}

/// Breaks a text between words. A word that is wider than a line has one of its own: a path or a
/// URL stays one word for whoever copies it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 3]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        vec![
            row([
                "list-x",
                "read",
                "Lists what there is of x, page after page",
            ]),
            row(["get-x", "", "Shows one"]),
        ]
    }

    #[test]
    fn the_last_column_wraps_between_words() {
        let names = ["name", "class", "what it does"];
        let wide = list(Some(&names), &rows(), None).text;
        assert_eq!(
            wide,
            "name    class  what it does\n\
             list-x  read   Lists what there is of x, page after page\n\
             get-x          Shows one\n"
        );
        let narrow = list(Some(&names), &rows(), Some(40)).text;
        assert_eq!(
            narrow,
            "name    class  what it does\n\
             list-x  read   Lists what there is of x,\n               page after page\n\
             get-x          Shows one\n"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_a_block_a_row() {
        let laid = list(Some(&["name", "class", "is"]), &rows(), Some(30));
        assert!(!laid.has_columns);
        assert_eq!(
            laid.text,
            "list-x\n    class: read\n    is: Lists what there is of\n    x, page after page\n\
             get-x\n    is: Shows one\n"
        );
        let laid = list(None, &rows(), Some(30));
        assert!(laid.text.starts_with("list-x\n    read\n    Lists"));
    }

    #[test]
    fn a_long_word_stays_whole() {
        assert_eq!(
            wrapped("see https://example.com/a/b now", 10),
            ["see", "https://example.com/a/b", "now"]
        );
    }
}
