//! What may be shown on a terminal: colour as a value, and text that cannot drive the terminal.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Color, Style};

/// Named styles; a plain theme's are empty, so that no caller asks whether colour is on.
#[derive(Clone, Debug, Default)]
pub struct Theme {
    /// The name of a member.
    pub key: Style,
    /// A string.
    pub string: Style,
    /// A number.
    pub number: Style,
    /// `true`, `false`, `null`.
    pub literal: Style,
    /// A profile's name.
    pub profile: Style,
    /// The name of a profile that has a guard.
    pub profile_guarded: Style,
    /// A success status.
    pub ok: Style,
    /// A redirect.
    pub redirect: Style,
    /// A 4xx status.
    pub caller_error: Style,
    /// A 5xx status.
    pub server_error: Style,
    /// The word `error:`.
    pub error: Style,
    /// The word `warning:` and other notes.
    pub hint: Style,
    /// What matters less.
    pub dim: Style,
    /// A heading.
    pub heading: Style,
    /// A value that is only on the left of a comparison.
    pub removed: Style,
    /// A value that is only on the right of it.
    pub added: Style,
}

impl Theme {
    /// Returns a theme without colour.
    pub fn plain() -> Self {
        Theme::default()
    }

    /// Returns the colours: the terminal's own sixteen, so that they fit light and dark.
    pub fn coloured() -> Self {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(Color::Ansi(colour)));
        Theme {
            key: colour(AnsiColor::Blue).bold(),
            string: colour(AnsiColor::Green),
            number: colour(AnsiColor::Cyan),
            literal: colour(AnsiColor::Magenta),
            profile: colour(AnsiColor::Cyan).bold(),
            profile_guarded: colour(AnsiColor::Red).bold(),
            ok: colour(AnsiColor::Green),
            redirect: colour(AnsiColor::Yellow),
            caller_error: colour(AnsiColor::Yellow).bold(),
            server_error: colour(AnsiColor::Red).bold(),
            error: colour(AnsiColor::Red).bold(),
            hint: colour(AnsiColor::Yellow),
            dim: Style::new().dimmed(),
            heading: Style::new().bold(),
            removed: colour(AnsiColor::Red),
            added: colour(AnsiColor::Green),
        }
    }
}

/// What `--color` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColourChoice {
    /// Decide by terminal and environment.
    Auto,
    /// Colour.
    Always,
    /// No colour.
    Never,
}

/// Decides whether a stream gets colour: the option, `NO_COLOR` when not empty (no-color.org),
/// `CLICOLOR_FORCE` other than `0` (bixense.com/clicolors), and then only a terminal that is not
/// `dumb`.
pub fn colour_wanted(
    choice: ColourChoice,
    no_color: Option<&OsStr>,
    clicolor_force: Option<&OsStr>,
    term: Option<&OsStr>,
    is_terminal: bool,
) -> bool {
    match choice {
        ColourChoice::Always => return true,
        ColourChoice::Never => return false,
        ColourChoice::Auto => {}
    }
    if no_color.is_some_and(|value| !value.is_empty()) {
        return false;
    }
    if clicolor_force.is_some_and(|value| !value.is_empty() && value != "0") {
        return true;
    }
    is_terminal && term.is_none_or(|term| term != "dumb")
}

/// Returns whether a character can drive a terminal or hide what is shown: C0, DEL, C1, controls
/// of writing direction, and characters without width that are not part of letters.
///
/// The zero-width joiners are among them: they are shown rather than guessed about.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Returns one line of text with everything unsafe written as `\x1b` or `\u{202e}`.
pub fn sanitise(text: &str) -> Cow<'_, str> {
    clean(text, is_unsafe)
}

/// Returns text of several lines, safe but for its line breaks and tabs.
pub fn sanitise_text(text: &str) -> Cow<'_, str> {
    clean(text, is_unsafe_in_text)
}

fn is_unsafe_in_text(character: char) -> bool {
    !matches!(character, '\n' | '\t') && is_unsafe(character)
}

fn clean(text: &str, is_unsafe: fn(char) -> bool) -> Cow<'_, str> {
    let is_plain = |byte: u8| (0x20..0x7f).contains(&byte);
    if text.bytes().all(is_plain) || !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) {
            show(character, &mut clean);
        } else {
            clean.push(character);
        }
    }
    Cow::Owned(clean)
}

fn show(character: char, text: &mut String) {
    let code = u32::from(character);
    // Writing to a string cannot fail.
    let _always_fits = if code < 0x100 {
        write!(text, "\\x{code:02x}")
    } else {
        write!(text, "\\u{{{code:x}}}")
    };
}

/// Makes a text body safe that comes in chunks; bytes that are not UTF-8 are shown as `\xff`.
#[derive(Debug, Default)]
pub struct TextSanitiser {
    /// The first bytes of a character whose rest is in the next chunk.
    partial: Vec<u8>,
}

impl TextSanitiser {
    /// Adds the next chunk, made safe.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let joined;
        let mut rest = if self.partial.is_empty() {
            chunk
        } else {
            let mut bytes = std::mem::take(&mut self.partial);
            bytes.extend_from_slice(chunk);
            joined = bytes;
            &joined
        };
        while !rest.is_empty() {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    out.extend_from_slice(sanitise_text(text).as_bytes());
                    return;
                }
                Err(error) => {
                    let (good, bad) = rest.split_at(error.valid_up_to());
                    out.extend_from_slice(
                        sanitise_text(std::str::from_utf8(good).unwrap_or_default()).as_bytes(),
                    );
                    let Some(length) = error.error_len() else {
                        self.partial.extend_from_slice(bad);
                        return;
                    };
                    show_bytes(&bad[..length], out);
                    rest = &bad[length..];
                }
            }
        }
    }

    /// Adds what was held back at the end.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        show_bytes(&std::mem::take(&mut self.partial), out);
    }
}

fn show_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attacks_become_text() {
        for (attack, shown) in [
            ("\u{1b}[2J", "\\x1b[2J"),
            ("\u{1b}]0;title\u{7}", "\\x1b]0;title\\x07"),
            (
                "\u{1b}]8;;http://evil\u{1b}\\x",
                "\\x1b]8;;http://evil\\x1b\\x",
            ),
            ("\u{1b}]52;c;aGk=\u{7}", "\\x1b]52;c;aGk=\\x07"),
            ("\u{9b}31m", "\\x9b31m"),
            ("ok\rerror", "ok\\x0derror"),
            ("a\u{8}b", "a\\x08b"),
            ("a\u{7f}", "a\\x7f"),
            ("\u{0}", "\\x00"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\u{2066}b", "a\\u{2066}b"),
            ("a\u{200b}b", "a\\u{200b}b"),
            ("a\u{feff}", "a\\u{feff}"),
            ("a\u{2028}b", "a\\u{2028}b"),
            ("line\nline", "line\\x0aline"),
        ] {
            assert_eq!(sanitise(attack), shown, "{attack:?}");
        }
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in ["", "a b", "é漢字😀", "שלום", "e\u{301}"] {
            assert!(
                matches!(sanitise(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
        assert_eq!(sanitise_text("a\n\tb\r"), "a\n\tb\\x0d");
    }

    #[test]
    fn colour_follows_option_variables_and_terminal() {
        use ColourChoice::{Always, Auto, Never};
        let cases = [
            (Auto, None, None, None, true, true),
            (Auto, None, None, None, false, false),
            (Auto, Some("1"), None, None, true, false),
            (Auto, Some(""), None, None, true, true),
            (Auto, None, Some("1"), None, false, true),
            (Auto, None, Some("0"), None, false, false),
            (Auto, Some("1"), Some("1"), None, false, false),
            (Auto, None, None, Some("dumb"), true, false),
            (Always, Some("1"), None, None, false, true),
            (Never, None, Some("1"), None, true, false),
        ];
        for (choice, no_color, force, term, terminal, expected) in cases {
            let os = |text: Option<&'static str>| text.map(OsStr::new);
            let wanted = colour_wanted(choice, os(no_color), os(force), os(term), terminal);
            assert_eq!(
                wanted, expected,
                "{choice:?} {no_color:?} {force:?} {term:?} {terminal}"
            );
        }
    }

    fn in_pieces(bytes: &[u8], chunk: usize) -> String {
        let (mut sanitiser, mut out) = (TextSanitiser::default(), Vec::new());
        bytes
            .chunks(chunk.max(1))
            .for_each(|chunk| sanitiser.push(chunk, &mut out));
        sanitiser.finish(&mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left_and_twice_is_once(text in any::<String>()) {
            let clean = sanitise(&text).into_owned();
            prop_assert!(!clean.chars().any(is_unsafe));
            prop_assert_eq!(sanitise(&clean), clean.as_str());
        }

        #[test]
        fn bodies_are_safe_however_they_are_cut(bytes in any::<Vec<u8>>(), chunk in 1_usize..9) {
            let shown = in_pieces(&bytes, chunk);
            prop_assert_eq!(&shown, &in_pieces(&bytes, bytes.len()));
            prop_assert!(!shown.chars().any(is_unsafe_in_text));
        }
    }
}
