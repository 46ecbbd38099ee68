//! Lines as they come out of web pages: a leading `curl` or `$`, typographic quotes, blanks before
//! an option.

use std::ffi::OsString;

const OPENING: [char; 3] = ['\u{201c}', '\u{2018}', '\u{201e}'];
const CLOSING: [char; 3] = ['\u{201d}', '\u{2019}', '\u{201c}'];

/// Takes words as they are meant. What is changed is noted.
pub(crate) fn normalize(words: &[OsString], changed: &mut Vec<&'static str>) -> Vec<OsString> {
    let mut words = words.to_vec();
    // `curl` alone is never a URL: it has no place to be called at.
    while words
        .first()
        .is_some_and(|word| word == "$" || word == "curl")
    {
        words.remove(0);
        note(changed, "a leading curl was left out");
    }
    let words = straight_quotes(words, changed);
    words
        .into_iter()
        .map(|word| {
            let trimmed = word
                .to_str()
                .map(|text| text.trim_start_matches([' ', '\u{a0}', '\n', '\t']))
                .filter(|rest| is_option(rest) && rest.len() < word.len());
            match trimmed {
                Some(rest) => {
                    note(changed, "blanks before an option were left out");
                    OsString::from(rest)
                }
                None => word,
            }
        })
        .collect()
}

/// Returns whether a text is an option and nothing else: a value that begins with a blank and a
/// sign is more often a value.
fn is_option(text: &str) -> bool {
    let mut letters = text.chars();
    match (letters.next(), letters.next(), letters.next()) {
        (Some('-'), Some(letter), None) => letter.is_ascii_alphabetic(),
        (Some('-'), Some('-'), Some(letter)) => {
            letter.is_ascii_lowercase() && !text.contains(char::is_whitespace)
        }
        _ => false,
    }
}

/// Takes typographic quotes, which a shell does not know, for the ones that they stand for: what
/// is between them is one word.
fn straight_quotes(words: Vec<OsString>, changed: &mut Vec<&'static str>) -> Vec<OsString> {
    let mut done = Vec::with_capacity(words.len());
    let mut rest = words.into_iter().peekable();
    while let Some(word) = rest.next() {
        let Some(inner) = word.to_str().and_then(|text| text.strip_prefix(OPENING)) else {
            done.push(word);
            continue;
        };
        let mut joined = inner.to_owned();
        let mut following: Vec<OsString> = Vec::new();
        while !joined.ends_with(CLOSING) {
            let Some(next) = rest.next() else {
                break;
            };
            joined.push(' ');
            joined.push_str(&next.to_string_lossy());
            following.push(next);
        }
        match joined.strip_suffix(CLOSING) {
            Some(text) => {
                note(changed, "typographic quotes were taken for plain ones");
                done.push(OsString::from(text));
            }
            // They were never closed: all of it is as it was typed.
            None => {
                done.push(word);
                done.extend(following);
            }
        }
    }
    done
}

fn note(changed: &mut Vec<&'static str>, what: &'static str) {
    if !changed.contains(&what) {
        changed.push(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(words: &[&str]) -> Vec<String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        normalize(&words, &mut Vec::new())
            .into_iter()
            .map(|word| word.into_string().expect("text"))
            .collect()
    }

    #[test]
    fn pasted_lines_are_taken_as_meant() {
        for (words, expected) in [
            (&["$", "curl", "-s", "u"][..], &["-s", "u"][..]),
            (&["curl", "u"], &["u"]),
            (&["u", " -H", "A: b"], &["u", "-H", "A: b"]),
            (&["u", "\u{a0}--json", "{}"], &["u", "--json", "{}"]),
            (&["-d", " -5 apples"], &["-d", " -5 apples"]),
            (
                &["-H", "\u{201c}Authorization:", "Bearer", "x\u{201d}", "u"],
                &["-H", "Authorization: Bearer x", "u"],
            ),
            (&["\u{2018}https://h/x\u{2019}"], &["https://h/x"]),
            (&["-d", "\u{201c}open", "u"], &["-d", "\u{201c}open", "u"]),
            (&["u", "curl"], &["u", "curl"]),
        ] {
            assert_eq!(normalized(words), expected, "{words:?}");
        }
    }
}
