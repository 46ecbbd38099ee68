//! `--safe-stdout`: no commands of a CI system in what is written to standard output. Which ones
//! there are is said in `annotation`.

use super::annotation::{AZURE, is_command_before};

/// Breaks every command in bytes that come in chunks, by a blank inside its mark.
#[derive(Debug, Default)]
pub(crate) struct CommandBreaker {
    line: Line,
    /// The bytes directly before, as many as can be the beginning of a command.
    before: [u8; AZURE.len()],
}

/// What has come of a line.
#[derive(Debug, Default, PartialEq, Eq)]
enum Line {
    /// Blanks at most.
    #[default]
    Start,
    /// Blanks and a colon.
    Colon,
    /// More, so that no command can begin with `::`.
    Inside,
}

impl CommandBreaker {
    /// Returns the next chunk without commands.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut safe = Vec::with_capacity(chunk.len());
        for byte in chunk.iter().copied() {
            let is_second_colon = byte == b':' && self.line == Line::Colon;
            if is_second_colon || (byte == b'[' && is_command_before(&self.before)) {
                safe.push(b' ');
            }
            safe.push(byte);
            self.before.rotate_left(1);
            if let Some(last) = self.before.last_mut() {
                *last = byte;
            }
            // What the runner takes for a blank need not be one of ASCII.
            let is_blank = byte <= b' ' || !byte.is_ascii();
            self.line = match (byte, &self.line) {
                (b'\n' | b'\r', _) => Line::Start,
                (b':', Line::Start) => Line::Colon,
                (_, Line::Start) if is_blank => Line::Start,
                _ => Line::Inside,
            };
        }
        safe
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn safe(text: &[u8], chunk: usize) -> String {
        let mut breaker = CommandBreaker::default();
        let safe: Vec<u8> = text
            .chunks(chunk)
            .flat_map(|chunk| breaker.push(chunk))
            .collect();
        String::from_utf8_lossy(&safe).into_owned()
    }

    #[test]
    fn commands_are_broken_wherever_the_text_is_cut() {
        for (text, expected) in [
            ("nothing", "nothing"),
            ("::error::a::b\n", ": :error::a::b\n"),
            ("a::b\r\n \t::c\r::d", "a::b\r\n \t: :c\r: :d"),
            ("\u{a0}::a", "\u{a0}: :a"),
            (": :a::b", ": :a::b"),
            (":a::b", ":a::b"),
            (":::a", ": ::a"),
            ("a ##[error]b ###[x]", "a ## [error]b ### [x]"),
            (
                "##vso[a] ##VSO[b] ###vso[c]",
                "##vso [a] ##VSO [b] ###vso [c]",
            ),
            (
                "#[a] ##v[b] ##vsoo[c] # #[d]",
                "#[a] ##v[b] ##vsoo[c] # #[d]",
            ),
        ] {
            for chunk in 1..=text.len() {
                assert_eq!(safe(text.as_bytes(), chunk), expected, "{chunk}");
            }
            assert_eq!(safe(expected.as_bytes(), 100), expected);
        }
    }

    proptest! {
        #[test]
        fn no_line_is_a_command(text in r"(:|#|\[|vso| |\n|\r|\t|a|\u{a0}){0,40}") {
            let safe = safe(text.as_bytes(), 7);
            prop_assert!(!safe.contains("##[") && !safe.contains("##vso["), "{:?}", safe);
            for line in safe.split(['\n', '\r']) {
                prop_assert!(!line.trim_start().starts_with("::"), "{:?}", safe);
            }
            let without_blanks = |text: &str| text.replace(' ', "");
            prop_assert_eq!(without_blanks(&safe), without_blanks(&text));
        }
    }
}
