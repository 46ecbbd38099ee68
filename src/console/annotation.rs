//! GitHub Actions and Azure Pipelines read commands from whatever a step writes: failures become
//! annotations of GitHub's, and no text of a server may become a command.
//!
//! GitHub's runner takes a line that begins, after blanks, with `::` or contains `##[` for a command
//! (actions/runner, `ActionCommand`). Azure's agent does so with `##[`, and with `##vso[` in any
//! letter case (microsoft/azure-pipelines-agent, `Command`).

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
        escape(&with_brackets(&lines.join("\n"), " ["))
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
    let is_command = |line: &str| {
        line.trim_start().starts_with("::") || brackets(line.as_bytes()).next().is_some()
    };
    // A carriage return begins a line as well.
    let lines = || text.split_inclusive(['\n', '\r']);
    if !lines().any(is_command) {
        return Cow::Borrowed(text);
    }
    let line = |line: &str| {
        if is_command(line) {
            format!("| {}", with_brackets(line, " ["))
        } else {
            line.to_owned()
        }
    };
    Cow::Owned(lines().map(line).collect())
}

/// Makes sure that no string of a JSON text is a command; the text means the same.
pub(crate) fn defuse_json(json: &str) -> String {
    // The bracket becomes an escape: `#` is in strings alone, so the bracket behind it is too.
    with_brackets(json, "\\u005b")
}

/// Returns where the brackets are that would make a command of `##[` or `##vso[`.
fn brackets(text: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(b'[', text).filter(|at| is_command_before(&text[..*at]))
}

/// Returns whether a `[` behind these bytes makes a command of them.
pub(super) fn is_command_before(before: &[u8]) -> bool {
    let azure = before.len().checked_sub(AZURE.len());
    before.ends_with(b"##")
        || azure.is_some_and(|start| before[start..].eq_ignore_ascii_case(AZURE))
}

/// What a command of Azure's begins with, but for its bracket.
pub(super) const AZURE: &[u8] = b"##vso";

/// Returns a text with another text for each bracket of a command.
fn with_brackets(text: &str, other: &str) -> String {
    let mut defused = String::with_capacity(text.len());
    let mut rest = 0;
    for bracket in brackets(text.as_bytes()) {
        defused.push_str(&text[rest..bracket]);
        defused.push_str(other);
        rest = bracket + 1;
    }
    defused.push_str(&text[rest..]);
    defused
}

/// Makes sure that nothing of a text that comes in chunks is a command: every line gets a `|`.
#[derive(Debug, Default)]
pub(crate) struct LineGuard {
    in_line: bool,
    /// The bytes directly before, as many as can be the beginning of a command.
    before: [u8; AZURE.len()],
}

impl LineGuard {
    /// Adds the next chunk, made harmless, to `out`.
    pub(crate) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        for byte in chunk {
            if !std::mem::replace(&mut self.in_line, !matches!(byte, b'\n' | b'\r')) {
                out.extend_from_slice(b"| ");
            }
            if *byte == b'[' && is_command_before(&self.before) {
                out.push(b' ');
            }
            self.before.rotate_left(1);
            if let Some(last) = self.before.last_mut() {
                *last = *byte;
            }
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
        let failure = Failure::new(Exit::Unmet, "50% \n::add-mask::x").fact("a\r\n##[b]");
        let line = annotation(&failure);
        assert_eq!(
            line,
            "::error title=rein (exit 11)::50%25 %0A::add-mask::x%0Aa%0D%0A## [b]"
        );
    }

    #[test]
    fn no_piece_of_a_text_is_a_command() {
        let text = b"::a\n  ::b\r::c ##[error]d\n##VSO[x]##vs[\n";
        for split in 0..text.len() {
            let mut guard = LineGuard::default();
            let mut out = Vec::new();
            guard.push(&text[..split], &mut out);
            guard.push(&text[split..], &mut out);
            assert_eq!(
                String::from_utf8_lossy(&out),
                "| ::a\n|   ::b\r| ::c ## [error]d\n| ##VSO [x]##vs[\n"
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
            ("a ##vso[b]##Vso[c]", "| a ##vso [b]##Vso [c]"),
            ("##vso[", "| ##vso ["),
            ("#[ vso[", "#[ vso["),
            ("a\r::b\r\n", "a\r| ::b\r\n"),
        ] {
            assert_eq!(defuse(text), expected);
            assert_eq!(defuse(&defuse(text)), defuse(text), "{text}");
        }
    }
}
