//! A secret as a text may spell it: as it is, percent-encoded as in URLs, with JSON's escapes.

/// What is at a place of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The secret, in so many bytes.
    Whole(usize),
    /// What may become the secret: the text ends in it.
    Begun,
    /// Something else.
    Nothing,
}

/// Looks for a secret at the beginning of a text, every byte of it in any spelling.
pub(super) fn at(text: &[u8], secret: &[u8]) -> Found {
    // As it is comes first: a secret may hold what looks like an escape.
    if text.starts_with(secret) {
        return Found::Whole(secret.len());
    }
    if secret.starts_with(text) {
        return Found::Begun;
    }
    let mut length = 0;
    for byte in secret {
        match first(&text[length..]) {
            Some((found, count)) if found == *byte => length += count,
            Some(_) => return Found::Nothing,
            None => return Found::Begun,
        }
    }
    Found::Whole(length)
}

/// Reads the first byte that a text stands for, and how long its spelling is; `None` when the
/// text ends in the middle of it.
fn first(text: &[u8]) -> Option<(u8, usize)> {
    let as_it_is = (*text.first()?, 1);
    let (digits_from, digits_to) = match as_it_is.0 {
        b'%' => (1, 3),
        b'\\' => match *text.get(1)? {
            b'u' => (2, 6),
            escaped @ (b'/' | b'"' | b'\\') => return Some((escaped, 2)),
            _ => return Some(as_it_is),
        },
        _ => return Some(as_it_is),
    };
    let mut value = 0;
    for position in digits_from..digits_to {
        match char::from(*text.get(position)?).to_digit(16) {
            Some(digit) => value = value * 16 + digit,
            None => return Some(as_it_is),
        }
    }
    Some(u8::try_from(value).map_or(as_it_is, |byte| (byte, digits_to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_found_and_every_beginning_of_one() {
        for text in [
            "SE/1",
            "%53E%2f1",
            "%53%45%2F%31",
            r"S\u0045/1",
            r"SE\/1",
            r"\u0053\u0045\u002F\u0031",
        ] {
            let bytes = text.as_bytes();
            assert_eq!(at(bytes, b"SE/1"), Found::Whole(bytes.len()), "{text}");
            for end in 0..bytes.len() {
                assert_eq!(at(&bytes[..end], b"SE/1"), Found::Begun, "{text} {end}");
            }
        }
        for text in ["SE/2", "%53E/1", r"T\u0145/1", r"T\n"] {
            assert_eq!(at(text.as_bytes(), b"TE/1"), Found::Nothing, "{text}");
        }
        assert_eq!(at(b"a%20b", b"a%20b"), Found::Whole(5));
        assert_eq!(at(b"a%2520b", b"a%20b"), Found::Whole(7));
    }
}
