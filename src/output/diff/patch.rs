//! Differences as a JSON patch (RFC 6902).

use crate::compare::difference::Difference;
use crate::output::view::Screen;
use crate::text::lexical::{Formatter, Layout};

/// Returns the patch that makes the left document the right one, an operation a line. What was
/// not compared, and the order of elements that were compared by a key, stays as it is on the left.
pub(crate) fn patch(differences: &[Difference], screen: &Screen) -> Vec<u8> {
    let mut out = b"[".to_vec();
    for (index, difference) in in_order(differences).into_iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
        let mut formatter = Formatter::new(Layout::Compact, &screen.theme, screen.terminal);
        // The value is part of a text that has been checked, and so is the pointer.
        let _checked = formatter
            .push(&operation(difference), &mut out)
            .and_then(|()| formatter.finish(&mut out));
    }
    if !differences.is_empty() {
        out.push(b'\n');
    }
    out.extend_from_slice(b"]\n");
    out
}

/// Puts elements that are removed from one array last first: each removal moves those behind it.
fn in_order(differences: &[Difference]) -> Vec<&Difference> {
    let is_removal = |difference: &Difference| difference.is_element && difference.right.is_none();
    let runs = differences.chunk_by(|one, next| {
        is_removal(one) && is_removal(next) && one.parent_pointer() == next.parent_pointer()
    });
    runs.flat_map(|run| run.iter().rev()).collect()
}

fn operation(difference: &Difference) -> Vec<u8> {
    let pointer = &difference.pointer;
    let (name, value) = match (&difference.left, &difference.right) {
        (Some(_), None) => ("remove", None),
        (None, value) => ("add", value.as_deref()),
        (Some(_), value) => ("replace", value.as_deref()),
    };
    let mut text = format!("{{\"op\":\"{name}\",\"path\":\"{pointer}\"").into_bytes();
    if let Some(value) = value {
        text.extend_from_slice(b",\"value\":");
        text.extend_from_slice(value);
    }
    text.push(b'}');
    text
}
