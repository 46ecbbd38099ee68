//! GitHub Actions reads commands from whatever a step writes: failures become annotations, and no
//! text of a server may become a command.
//!
//! The runner takes a line that begins, after blanks, with `::` or holds `##[` for a command
//! (actions/runner, `ActionCommand`).

use std::borrow::Cow;

use crate::error::Failure;

/// Returns the command that makes a failure an annotation of the step.
pub(crate) fn annotation(failure: &Failure) -> String {
    let lines: Vec<&str> = std::iter::once(failure.headline.as_str())
        .chain(failure.facts.iter().map(String::as_str))
        .chain(failure.hints.iter().map(String::as_str))
        .collect();
    format!(
        "::error title=rein (exit {})::{}",
        failure.exit.code(),
        escape(&lines.join("\n"))
    )
}

/// Escapes a command's message.
fn escape(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Makes sure that no line of a text is a command: a `|` before it is enough.
pub(crate) fn defuse(text: &str) -> Cow<'_, str> {
    let is_command = |line: &str| line.trim_start().starts_with("::") || line.contains("##[");
    // A carriage return begins a line as well.
    let lines = || text.split_inclusive(['\n', '\r']);
    if !lines().any(is_command) {
        return Cow::Borrowed(text);
    }
    let line = |line: &str| {
        if is_command(line) {
            format!("| {}", line.replace("##[", "## ["))
        } else {
            line.to_owned()
        }
    };
    Cow::Owned(lines().map(line).collect())
}

/// Makes sure that nothing of a text that comes in pieces is a command: every line gets a `|`.
#[derive(Debug, Default)]
pub(crate) struct LineGuard {
    in_line: bool,
    /// How many `#` stand directly before.
    hashes: usize,
}

impl LineGuard {
    /// Adds the next piece, made harmless, to `out`.
    pub(crate) fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for byte in piece {
            if !std::mem::replace(&mut self.in_line, !matches!(byte, b'\n' | b'\r')) {
                out.extend_from_slice(b"| ");
            }
            if *byte == b'[' && self.hashes >= 2 {
                out.push(b' ');
            }
            self.hashes = if *byte == b'#' { self.hashes + 1 } else { 0 };
            out.push(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_failure_is_one_command() {
        let failure = Failure::new(Exit::Unmet, "50% \n::add-mask::x").fact("a\r\nb");
        let line = annotation(&failure);
        assert_eq!(
            line,
            "::error title=rein (exit 11)::50%25 %0A::add-mask::x%0Aa%0D%0Ab"
        );
    }

    #[test]
    fn no_piece_of_a_text_is_a_command() {
        let text = b"::a\n  ::b\r::c ##[error]d\n\n";
        for split in 0..text.len() {
            let mut guard = LineGuard::default();
            let mut out = Vec::new();
            guard.push(&text[..split], &mut out);
            guard.push(&text[split..], &mut out);
            assert_eq!(
                String::from_utf8_lossy(&out),
                "| ::a\n|   ::b\r| ::c ## [error]d\n| \n"
            );
        }
    }

    #[test]
    fn no_line_of_a_text_is_a_command() {
        for (text, expected) in [
            ("nothing", "nothing"),
            ("  ::add-mask::x", "|   ::add-mask::x"),
            ("a\n::x\nb\n", "a\n| ::x\nb\n"),
            ("a ##[error]b", "| a ## [error]b"),
            ("a::b", "a::b"),
            ("a\r::b\r\n", "a\r| ::b\r\n"),
        ] {
            assert_eq!(defuse(text), expected);
            assert_eq!(defuse(&defuse(text)), defuse(text), "{text}");
        }
    }
}
