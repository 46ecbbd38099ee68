//! What is shown of a comparison: the differences by object, a patch, a table or counts.

pub(crate) mod notes;
mod page;
mod patch;

use serde_json::{Map, Value};

use crate::compare::difference::{Counts, Difference};
use crate::error::Result;
use crate::output::items::Rows;
use crate::output::items::columns::Columns;
use crate::output::items::table::{Style, TableRows};
use crate::output::view::Screen;
use crate::text::path::Path;
use crate::text::terminal::sanitise;

pub(crate) use page::page;
pub(crate) use patch::patch;

/// What differences are shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Grouped by object, the left value above the right one.
    Page,
    /// A JSON patch (RFC 6902).
    Patch,
    /// A row for each difference.
    Table,
    /// Their number.
    Counts,
    /// Their number, as JSON.
    CountsAsJson,
}

/// Returns differences as they are shown.
///
/// # Errors
/// Fails when there are too many for a table.
pub(crate) fn shown(
    shown: Shown,
    differences: &[Difference],
    counts: &Counts,
    names: &[String; 2],
    screen: &Screen,
) -> Result<Vec<u8>> {
    Ok(match shown {
        Shown::Page => page(differences, names, screen).into_bytes(),
        Shown::Patch => patch(differences, screen),
        Shown::Table => table(differences, names, screen)?,
        Shown::Counts => self::counts(counts, names, "\n").into_bytes(),
        Shown::CountsAsJson => {
            let Counts {
                changed,
                only_left,
                only_right,
            } = counts;
            format!("{{\"changed\":{changed},\"removed\":{only_left},\"added\":{only_right}}}\n")
                .into_bytes()
        }
    })
}

/// Returns how many differences there are of each kind, with `end` after each number.
pub(crate) fn counts(counts: &Counts, names: &[String; 2], end: &str) -> String {
    let [left, right] = names.each_ref().map(|name| sanitise(name));
    let parts = [
        format!("{} changed", counts.changed),
        format!("{} only in {left}", counts.only_left),
        format!("{} only in {right}", counts.only_right),
    ];
    parts.iter().map(|part| format!("{part}{end}")).collect()
}

/// Returns a row for each difference: its path and the value on each side as JSON.
fn table(differences: &[Difference], names: &[String; 2], screen: &Screen) -> Result<Vec<u8>> {
    let style = Style {
        width: screen.width,
        header: true,
        theme: screen.theme.clone(),
    };
    let [left, right] = names.each_ref().map(|name| Path::heading(name));
    let columns = Columns::new(vec![Path::heading("path"), left, right]);
    let mut rows = TableRows::new(style, Some(columns));
    let mut out = Vec::new();
    for difference in differences {
        let mut row = Map::new();
        row.insert("path".to_owned(), difference.path().into());
        for (name, value) in names.iter().zip([&difference.left, &difference.right]) {
            let text = value.as_deref().map(String::from_utf8_lossy);
            row.insert(name.clone(), text.unwrap_or_default().into());
        }
        rows.item(Value::Object(row).to_string().as_bytes(), &mut out)?;
    }
    if !differences.is_empty() {
        rows.finish(&mut out)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
