//! The tables and histograms of `rein timing` for a terminal, or as text for a file.

use unicode_width::UnicodeWidthStr;

use super::{Comparison, Group, Quantity, Report, manner, short};
use crate::text::terminal::{Theme, sanitise};
use crate::verdict::statistics::{self, Sorted};

/// How many bars a histogram has at most.
const BARS: usize = 10;
/// The widest bar: longer ones say nothing more.
const MAX_BAR: usize = 60;
/// The widest name of a profile in a table.
const MAX_NAME: usize = 8;

/// Returns the report as text that fits `width` columns.
pub(crate) fn render(report: &Report<'_>, theme: &Theme, width: usize) -> String {
    let run = report.run;
    let heading = theme.heading;
    let mut lines = vec![format!(
        "{heading}{} {}{heading:#}",
        run.method.as_str(),
        sanitise(&run.path)
    )];
    lines.extend(wrapped(&manner(run), width));
    let edges = report.edges(Quantity::Total, BARS);
    for group in &report.groups {
        if group.rows.is_empty() {
            continue;
        }
        lines.push(String::new());
        lines.push(format!("{heading}{}{heading:#}", sanitise(&group.profile)));
        lines.extend(columns(&rows(group), width));
        if let Some(values) = group.values(Quantity::Total) {
            lines.push(String::new());
            lines.push("total, ms".to_owned());
            lines.extend(histogram(values, &edges, width));
        }
    }
    for comparison in report.shown_comparisons() {
        lines.push(String::new());
        lines.extend(compared(report, comparison, theme, width));
    }
    lines.extend(errors(report, theme, width));
    lines.push(String::new());
    for line in report.methods() {
        lines.extend(wrapped(&line, width));
    }
    for note in report.notes() {
        lines.extend(wrapped(&format!("note: {}", sanitise(&note)), width));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Returns the rows of a profile's table.
fn rows(group: &Group) -> Vec<Vec<String>> {
    let names = ["ms", "n", "p50", "p90", "p99", "max", "mean", "sd"];
    let mut rows = vec![names.map(str::to_owned).to_vec()];
    rows.extend(group.cells());
    rows
}

/// Aligns rows: the first column to the left, the others to the right, with two blanks between
/// where they fit, else one.
fn columns(rows: &[Vec<String>], width: usize) -> Vec<String> {
    let count = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..count)
        .map(|at| rows.iter().map(|row| row[at].width()).max().unwrap_or(0))
        .collect();
    let least: usize = widths.iter().sum::<usize>() + count.saturating_sub(1);
    let gap = if least + count.saturating_sub(1) <= width {
        2
    } else {
        1
    };
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let padding = " ".repeat(widths[at] - cell.width());
            if at == 0 {
                line.push_str(cell);
                line.push_str(&padding);
            } else {
                line.push_str(&" ".repeat(gap));
                line.push_str(&padding);
                line.push_str(cell);
            }
        }
        line
    };
    rows.iter().map(line).collect()
}

fn histogram(values: &Sorted, edges: &[f64], width: usize) -> Vec<String> {
    let bins = statistics::histogram(values, edges);
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1).max(1);
    let cells: Vec<(String, String)> = bins
        .iter()
        .map(|bin| (short(bin.from), short(bin.to)))
        .collect();
    let longest = |texts: Vec<usize>| texts.into_iter().max().unwrap_or(0);
    let from = longest(cells.iter().map(|(from, _)| from.len()).collect());
    let to = longest(cells.iter().map(|(_, to)| to.len()).collect());
    let digits = most.to_string().len();
    let bar = width
        .saturating_sub(from + to + digits + 5)
        .clamp(1, MAX_BAR);
    bins.iter()
        .zip(&cells)
        .map(|(bin, (start, end))| {
            let filled = drawn(bin.count as f64 / most as f64 * bar as f64);
            let line = format!(
                "{start:>from$} - {end:>to$} {:>digits$} {filled}",
                bin.count
            );
            line.trim_end().to_owned()
        })
        .collect()
}

/// Draws a bar of so many columns, to an eighth; whatever is not nothing can be seen.
fn drawn(length: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (length * 8.0)
        .round()
        .max(f64::from(u8::from(length > 0.0))) as usize;
    format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8])
}

fn compared(
    report: &Report<'_>,
    comparison: &Comparison,
    theme: &Theme,
    width: usize,
) -> Vec<String> {
    let name = |profile: usize| clipped(&report.groups[profile].profile);
    let (base, other) = (name(comparison.base), name(comparison.other));
    let heads = ["p50, ms", &base, &other, "change", "interval", "> spread"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(comparison.cells(&report.groups));
    let heading = theme.heading;
    let mut lines = vec![format!("{heading}{other} less {base}{heading:#}")];
    lines.extend(columns(&rows, width));
    lines
}

/// Returns a profile's name, cut where it is long.
fn clipped(name: &str) -> String {
    let name = sanitise(name);
    if name.chars().count() <= MAX_NAME {
        return name.into_owned();
    }
    let start: String = name.chars().take(MAX_NAME - 1).collect();
    format!("{start}…")
}

fn errors(report: &Report<'_>, theme: &Theme, width: usize) -> Vec<String> {
    let (reads, failed) = report.counts();
    if failed == 0 {
        return Vec::new();
    }
    let style = theme.error;
    let mut lines = vec![
        String::new(),
        format!("{style}{failed} of {reads} reads failed{style:#} and are in no number above"),
    ];
    for group in &report.groups {
        let error_lines = group.error_lines(|error| {
            format!(
                "{}: {} (exit {})",
                clipped(&group.profile),
                sanitise(&error.headline),
                error.exit.code()
            )
        });
        lines.extend(error_lines.iter().flat_map(|line| wrapped(line, width)));
    }
    lines
}

/// Breaks a line at blanks.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
            Some(_) => lines.push(format!("  {word}")),
        }
    }
    lines
}
