//! Moving about in JSON that has been checked: values stay raw bytes, and nothing recurses.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// Returns the index behind the value that begins at `at`.
pub(crate) fn value_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at),
        Some(b'{' | b'[') => bracket_end(bytes, at),
        _ => scalar_end(bytes, at),
    }
}

fn string_end(bytes: &[u8], quote: usize) -> usize {
    let mut at = quote + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

fn bracket_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

fn scalar_end(bytes: &[u8], at: usize) -> usize {
    let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
    bytes
        .get(at..)
        .unwrap_or_default()
        .iter()
        .position(ends)
        .map_or(bytes.len(), |length| at + length)
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Returns the members of an object: each key with its quotes and its value. Empty for all else.
pub(crate) fn members(object: &[u8]) -> Members<'_> {
    Members {
        rest: Elements::of(object, b'{'),
    }
}

/// Returns the elements of an array. Empty for all else.
pub(crate) fn elements(array: &[u8]) -> Elements<'_> {
    Elements::of(array, b'[')
}

/// The values between a bracket and its end, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Elements<'a> {
    fn of(bytes: &'a [u8], bracket: u8) -> Self {
        let at = if bytes.first() == Some(&bracket) {
            1
        } else {
            bytes.len()
        };
        Elements { bytes, at }
    }

    /// Passes over what separates values; returns whether one follows.
    fn find(&mut self) -> bool {
        self.at = skip_space(self.bytes, self.at);
        if matches!(self.bytes.get(self.at), Some(b',' | b':')) {
            self.at = skip_space(self.bytes, self.at + 1);
        }
        !matches!(self.bytes.get(self.at), None | Some(b']' | b'}'))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if !self.find() {
            return None;
        }
        let end = value_end(self.bytes, self.at);
        let value = &self.bytes[self.at..end];
        self.at = end;
        Some(value)
    }
}

/// The members of an object.
#[derive(Clone, Debug)]
pub(crate) struct Members<'a> {
    rest: Elements<'a>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let key = self.rest.next()?;
        let value = self.rest.next()?;
        Some((key, value))
    }
}

/// Returns whether a value has no whitespace outside its texts.
pub(crate) fn is_compact(value: &[u8]) -> bool {
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        match byte {
            b'"' => at = string_end(value, at),
            b' ' | b'\n' | b'\r' | b'\t' => return false,
            _ => at += 1,
        }
    }
    true
}

/// Returns whether a key, quotes included, means this text.
#[inline]
pub(crate) fn is_key(key: &[u8], text: &str) -> bool {
    let inner = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
    inner == text.as_bytes() || (inner.contains(&b'\\') && self::text(key) == text)
}

/// Returns the last member with this key, as readers of JSON do.
pub(crate) fn member<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    members(object)
        .filter(|(key, _)| is_key(key, name))
        .last()
        .map(|(_, value)| value)
}

/// Returns the text that a string stands for; a half of a surrogate pair without its other half
/// stays an escape, and everything that is not a string stays as it is.
pub(crate) fn text(value: &[u8]) -> Cow<'_, str> {
    text_with(value, None)
}

/// As [`text`], with a character instead of each half of a surrogate pair.
pub(crate) fn text_with(value: &[u8], half: Option<char>) -> Cow<'_, str> {
    let Some(inner) = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
    else {
        return String::from_utf8_lossy(value);
    };
    if memchr(b'\\', inner).is_none() {
        return String::from_utf8_lossy(inner);
    }
    let inner = String::from_utf8_lossy(inner);
    let mut text = String::with_capacity(inner.len());
    let mut rest: &str = &inner;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = unescape(&rest[at..], half, &mut text);
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Adds what the escape at the beginning means; returns what follows it.
fn unescape<'a>(escape: &'a str, half: Option<char>, text: &mut String) -> &'a str {
    let plain = match escape.as_bytes().get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        _ => {
            let (length, character) = unicode(escape);
            match character.or(half) {
                Some(character) => text.push(character),
                None => text.push_str(&escape[..length]),
            }
            return &escape[length..];
        }
    };
    text.push(plain);
    &escape[2..]
}

/// Returns how long the `\u` escape at the beginning is, two of them where they belong together,
/// and which character it is.
fn unicode(escape: &str) -> (usize, Option<char>) {
    const LENGTH: usize = 6;
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let Some(first) = unit(escape) else {
        return (1, Some('\\'));
    };
    if let Some(character) = char::from_u32(u32::from(first)) {
        return (LENGTH, Some(character));
    }
    let pair = escape
        .get(LENGTH..)
        .and_then(unit)
        .and_then(|second| char::decode_utf16([first, second]).next()?.ok());
    match pair {
        Some(character) => (2 * LENGTH, Some(character)),
        None => (LENGTH, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strings_are_read_with_every_escape() {
        for (raw, expected) in [
            (r#""plain""#, "plain"),
            (r#""a\"b\\c\/\b\f\n\r\t""#, "a\"b\\c/\u{8}\u{c}\n\r\t"),
            (r#""\u00e9\u6f22""#, "\u{e9}\u{6f22}"),
            (r#""\ud83d\ude00!""#, "\u{1f600}!"),
            (r#""\ud83d x""#, r"\ud83d x"),
            (r#""\ude00\ud83d""#, r"\ude00\ud83d"),
            ("1.10", "1.10"),
            ("null", "null"),
        ] {
            assert_eq!(text(raw.as_bytes()), expected, "{raw}");
        }
    }

    #[test]
    fn members_and_elements_are_found_past_brackets_and_quotes() {
        let object = br#"{ "a" : "}\"]" , "b":[1,{"c":[2]}],"c": -1.5e3,"a":true }"#;
        let list: Vec<_> = members(object)
            .map(|(key, value)| (text(key).into_owned(), text(value).into_owned()))
            .collect();
        let expected = [
            ("a", "}\"]"),
            ("b", r#"[1,{"c":[2]}]"#),
            ("c", "-1.5e3"),
            ("a", "true"),
        ];
        assert_eq!(
            list,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
        assert_eq!(member(object, "a"), Some(&b"true"[..]));
        let array: Vec<_> = elements(b"[ ]").collect();
        assert!(array.is_empty());
    }

    proptest! {
        #[test]
        fn a_value_ends_where_it_ends(value in crate::text::lexical::tests::json(), rest in "[,}\\] ].*") {
            let text = format!("{value}{rest}");
            prop_assert_eq!(value_end(text.as_bytes(), 0), value.len());
        }

        #[test]
        fn any_text_is_read_back(text in any::<String>()) {
            let raw = serde_json::to_string(&text).expect("JSON");
            prop_assert_eq!(super::text(raw.as_bytes()), text);
        }

        #[test]
        fn nothing_panics_on_what_was_not_checked(bytes in any::<Vec<u8>>()) {
            let _ = value_end(&bytes, 0);
            let _ = members(&bytes).count();
            let _ = elements(&bytes).count();
            let _ = text(&bytes).len();
        }
    }
}
