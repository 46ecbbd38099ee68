//! Lines as they come out of web pages: a leading `curl` or `$`, typographic quotes.

use std::ffi::{OsStr, OsString};

const OPENING: [char; 3] = ['\u{201c}', '\u{2018}', '\u{201e}'];
const CLOSING: [char; 3] = ['\u{201d}', '\u{2019}', '\u{201c}'];

/// Takes words as they are meant, and notes what is changed.
pub(crate) fn normalize(words: &[OsString], notes: &mut Vec<String>) -> Vec<OsString> {
    // `curl` alone is never a URL: it has no place to be called at.
    let is_leading = |word: &&OsString| *word == "$" || *word == "curl";
    let leading = words.iter().take_while(is_leading).count();
    if leading > 0 {
        notes.push("a leading curl was left out".to_owned());
    }
    let (mut rest, mut done, mut has_quotes) = (&words[leading..], Vec::new(), false);
    while let Some(first) = rest.first() {
        let inner = quoted(rest);
        has_quotes |= inner.is_some();
        let (word, taken) = inner.unwrap_or_else(|| (first.clone(), 1));
        done.push(word);
        rest = &rest[taken..];
    }
    let note = "typographic quotes were taken for plain ones";
    notes.extend(has_quotes.then(|| note.to_owned()));
    done
}

/// Returns what is between typographic quotes, which a shell does not know, and the number of
/// words that it takes.
fn quoted(words: &[OsString]) -> Option<(OsString, usize)> {
    words.first()?.to_str()?.strip_prefix(OPENING)?;
    let is_end = |word: &OsString| word.to_str().is_some_and(|text| text.ends_with(CLOSING));
    let taken = words.iter().position(is_end)? + 1;
    let text = words[..taken].join(OsStr::new(" "));
    let inner = text.to_str()?.strip_prefix(OPENING)?;
    Some((inner.strip_suffix(CLOSING)?.into(), taken))
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
