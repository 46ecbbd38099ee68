//! Differences for a person: by object, the left value above the right one, in lines that begin
//! with `-` and `+` as those of diff do.

use anstyle::Style;
use unicode_width::UnicodeWidthChar;

use crate::compare::difference::Difference;
use crate::output::view::Screen;
use crate::text::terminal::sanitise;

/// The indentation of the second and later lines of a value.
const HANGING: &str = "      ";
/// How many lines of a terminal a value takes at most.
const MAX_LINES: usize = 8;
/// How much that both sides begin with is shown before what differs, where values are shortened.
const CONTEXT: usize = 24;

/// Returns the page. On a terminal long values are wrapped and shortened.
pub(crate) fn page(differences: &[Difference], names: &[String; 2], screen: &Screen) -> String {
    let mut page = String::new();
    if differences.is_empty() {
        return page;
    }
    let theme = &screen.theme;
    let styles = [theme.removed, theme.added];
    for ((mark, name), style) in ["---", "+++"].iter().zip(names).zip(styles) {
        line(&mut page, style, &format!("{mark} {}", sanitise(name)));
    }
    let mut parent = None;
    for difference in differences {
        if parent != Some(&difference.parent) {
            page.push('\n');
            line(&mut page, theme.heading, &sanitise(&difference.parent));
            parent = Some(&difference.parent);
        }
        let name = match difference.name.as_str() {
            "" => String::new(),
            name => format!("{}: ", sanitise(name)),
        };
        let sides = [&difference.left, &difference.right];
        let texts = sides.map(|side| side.as_ref().map(|value| text(value)));
        let begin = shared(&texts);
        for ((mark, text), style) in ["-", "+"].iter().zip(&texts).zip(styles) {
            if let Some(text) = text {
                let prefix = format!("  {mark} {name}");
                for part in fitted(&prefix, text, begin, screen.width) {
                    line(&mut page, style, &part);
                }
            }
        }
    }
    page
}

fn line(page: &mut String, style: Style, text: &str) {
    page.push_str(&format!("{style}{text}{style:#}\n"));
}

fn text(value: &[u8]) -> Vec<char> {
    sanitise(&String::from_utf8_lossy(value)).chars().collect()
}

/// Returns how many characters both texts begin with, or none where only one is there.
fn shared([left, right]: &[Option<Vec<char>>; 2]) -> usize {
    match (left, right) {
        (Some(left), Some(right)) => left.iter().zip(right).take_while(|(a, b)| a == b).count(),
        _ => 0,
    }
}

/// Returns the lines that a value takes. Where it does not fit, what both sides begin with is left
/// out first, and then its end.
fn fitted(prefix: &str, text: &[char], shared: usize, width: Option<u16>) -> Vec<String> {
    let whole: String = text.iter().collect();
    let Some(width) = width.map(usize::from) else {
        return vec![format!("{prefix}{whole}")];
    };
    let lines = wrapped(prefix, &whole, width);
    if lines.len() <= MAX_LINES {
        return lines;
    }
    let from = shared.saturating_sub(CONTEXT);
    let begin = if from > 0 { "…" } else { "" };
    let rest: String = text[from..].iter().collect();
    let mut lines = wrapped(prefix, &format!("{begin}{rest}"), width);
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES - 1);
        lines.push(format!("{HANGING}… ({} characters)", text.len()));
    }
    lines
}

/// Breaks a text into lines of a terminal.
fn wrapped(prefix: &str, text: &str, width: usize) -> Vec<String> {
    let columns = |text: &str| text.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>();
    let mut lines = Vec::new();
    let mut line = prefix.to_owned();
    let mut used = columns(prefix);
    // A long name has a line of its own, and may be wider than the terminal.
    if used + HANGING.len() > width {
        lines.push(line.trim_end().to_owned());
        line = HANGING.to_owned();
        used = HANGING.len();
    }
    for character in text.chars() {
        let wide = character.width().unwrap_or(0);
        if used + wide > width && used > HANGING.len() {
            lines.push(std::mem::replace(&mut line, HANGING.to_owned()));
            used = HANGING.len();
        }
        line.push(character);
        used += wide;
    }
    lines.push(line);
    lines
}
