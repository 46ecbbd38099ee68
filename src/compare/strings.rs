//! What a string of JSON stands for, exactly: also halves of surrogate pairs.

use std::borrow::Cow;
use std::fmt::Write as _;

use memchr::memchr;

/// Returns the bytes that a string stands for: UTF-8, but that half of a surrogate pair without
/// its other half has the three bytes that it would have there (WTF-8). Two strings are the same
/// text when these bytes are.
pub(crate) fn decoded(string: &[u8]) -> Cow<'_, [u8]> {
    let inner = string.strip_prefix(b"\"").unwrap_or(string);
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    if memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr(b'\\', rest) {
        bytes.extend_from_slice(&rest[..at]);
        let plain = match rest.get(at + 1) {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'u') => {
                rest = unicode(&rest[at..], &mut bytes);
                continue;
            }
            Some(other) => *other,
            None => b'\\',
        };
        bytes.push(plain);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest);
    Cow::Owned(bytes)
}

/// Adds what the `\u` escape at the beginning stands for, two of them where they are a pair;
/// returns what follows.
fn unicode<'a>(escape: &'a [u8], bytes: &mut Vec<u8>) -> &'a [u8] {
    const LENGTH: usize = 6;
    let unit = |text: &[u8]| {
        let digits = std::str::from_utf8(text.strip_prefix(b"\\u")?.get(..4)?).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let after = |length: usize| escape.get(length..).unwrap_or_default();
    let Some(first) = unit(escape) else {
        return after(LENGTH);
    };
    let pair = unit(after(LENGTH)).and_then(|second| {
        let mut decoded = char::decode_utf16([first, second]);
        decoded.next()?.ok().filter(|_| decoded.next().is_none())
    });
    let mut buffer = [0; 4];
    match (pair, char::from_u32(u32::from(first))) {
        (Some(character), None) => {
            bytes.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
            after(2 * LENGTH)
        }
        (_, Some(character)) => {
            bytes.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
            after(LENGTH)
        }
        (None, None) => {
            let [high, low] = first.to_be_bytes();
            let middle = 0x80 | ((high & 0x0f) << 2) | (low >> 6);
            bytes.extend_from_slice(&[0xe0 | (high >> 4), middle, 0x80 | (low & 0x3f)]);
            after(LENGTH)
        }
    }
}

/// Returns the string of JSON that stands for these bytes, with its quotes.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    let mut string = String::from("\"");
    let mut rest = bytes;
    loop {
        let (text, bad) = match std::str::from_utf8(rest) {
            Ok(text) => (text, &rest[rest.len()..]),
            Err(error) => {
                let (good, bad) = rest.split_at(error.valid_up_to());
                (std::str::from_utf8(good).unwrap_or_default(), bad)
            }
        };
        let quoted = serde_json::Value::from(text).to_string();
        string.push_str(&quoted[1..quoted.len() - 1]);
        let Some((surrogate, after)) = bad.split_first_chunk::<3>() else {
            string.push('"');
            return string;
        };
        let [first, second, third] = surrogate.map(u32::from);
        let unit = (first & 0x0f) << 12 | (second & 0x3f) << 6 | third & 0x3f;
        // Writing to a string cannot fail.
        let _always_fits = write!(string, "\\u{unit:04x}");
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strings_are_the_same_when_they_stand_for_the_same_text() {
        for (one, other, same) in [
            (r#""\u00e9""#, "\"\u{e9}\"", true),
            (r#""a\/b""#, r#""a/b""#, true),
            (r#""\ud83d\ude00""#, "\"\u{1f600}\"", true),
            (r#""\ud83d\u0041""#, r#""\ud83dA""#, true),
            (r#""\ud83d\ud83d\ude00""#, "\"\\ud83d\u{1f600}\"", true),
            (r#""\ud83d""#, r#""\\ud83d""#, false),
            (r#""\ud83d""#, r#""\ud83e""#, false),
            (r#""\\""#, r#""\u005c""#, true),
        ] {
            let is_same = decoded(one.as_bytes()) == decoded(other.as_bytes());
            assert_eq!(is_same, same, "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(units in proptest::collection::vec(any::<u16>(), 0..8), text in any::<String>()) {
            let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let string = format!("\"{escaped}{}", &serde_json::Value::from(text).to_string()[1..]);
            let bytes = decoded(string.as_bytes()).into_owned();
            let again = encoded(&bytes);
            prop_assert!(crate::text::lexical::check(again.as_bytes()).is_ok());
            prop_assert_eq!(decoded(again.as_bytes()).into_owned(), bytes);
        }
    }
}
