//! HTTPie's items: `name=text`, `name:=json`, `name==query`, `Header:value`, `name=@file`.

use std::ffi::OsStr;

use crate::cli::tail;
use crate::error::{Failure, Result};
use crate::secret::Redactor;
use crate::text::terminal::sanitise;

/// One item of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// What is before the separator. Escapes of separators are undone; those of brackets and
    /// of backslashes are left to whoever reads a path such as `a[b]`.
    pub(crate) key: String,
    /// What is after it.
    pub(crate) value: String,
    /// What the separator makes of it.
    pub(crate) kind: Kind,
}

/// What an item is, by its separator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `name=text`: a JSON string.
    Text,
    /// `name:=json`: JSON as given.
    Json,
    /// `name=@file`: a JSON string with the file's text.
    TextFile,
    /// `name:=@file`: the JSON in the file.
    JsonFile,
    /// `name==text`: a query parameter.
    Query,
    /// `Name:value`: a header; an empty value removes it.
    Header,
    /// `Name;`: a header with an empty value.
    EmptyHeader,
}

/// The separators; where two begin at the same place the longer one counts.
const SEPARATORS: [(&str, Kind); 6] = [
    (":=@", Kind::JsonFile),
    ("=@", Kind::TextFile),
    (":=", Kind::Json),
    ("==", Kind::Query),
    ("=", Kind::Text),
    (":", Kind::Header),
];

impl Item {
    /// Reads one word of the command line.
    ///
    /// The separator that begins first counts; a backslash before a separator's character makes
    /// it part of the name, and a backslash before a backslash escapes nothing here, as in HTTPie.
    ///
    /// # Errors
    /// Fails when the word has no separator, an empty name, or is not UTF-8.
    pub(crate) fn parse(word: &OsStr) -> Result<Item> {
        word.to_str().ok_or_else(not_text).and_then(Item::of_text)
    }

    /// Reads one word, and the name of the file where it names one, which may be any bytes.
    ///
    /// # Errors
    /// Fails as [`Item::parse`] does.
    pub(crate) fn parse_with_file(word: &OsStr) -> Result<(Item, Option<&OsStr>)> {
        let bytes = word.as_encoded_bytes();
        let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let is_text = text.len() == bytes.len();
        let item = match Item::of_text(text) {
            Err(_) if !is_text => return Err(not_text()),
            item => item?,
        };
        if matches!(item.kind, Kind::TextFile | Kind::JsonFile) {
            let file = tail(word, text.len() - item.value.len());
            return Ok((item, Some(file)));
        }
        if is_text {
            Ok((item, None))
        } else {
            Err(not_text())
        }
    }

    fn of_text(text: &str) -> Result<Item> {
        let mut key = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(escaped) = rest.strip_prefix('\\')
                && let Some(next) = escaped.chars().next()
            {
                if !matches!(next, '=' | ':' | '@' | ';') {
                    key.push('\\');
                }
                key.push(next);
                rest = &escaped[next.len_utf8()..];
                continue;
            }
            for (separator, kind) in SEPARATORS {
                if let Some(value) = rest.strip_prefix(separator) {
                    return Item::checked(key, value.to_owned(), kind, text);
                }
            }
            if rest == ";" {
                return Item::checked(key, String::new(), Kind::EmptyHeader, text);
            }
            key.push(first);
            rest = &rest[first.len_utf8()..];
        }
        Err(not_an_item(text))
    }

    fn checked(key: String, value: String, kind: Kind, text: &str) -> Result<Item> {
        if key.is_empty() {
            return Err(
                Failure::usage(format!("the item '{}' has no name", shorten(text)))
                    .hint("write name=text, name:=json, name==query or Header:value"),
            );
        }
        let is_scheme = ["http", "https"].contains(&key.to_ascii_lowercase().as_str());
        if kind == Kind::Header && is_scheme && value.starts_with("//") {
            return Err(
                Failure::usage(format!("'{}' is a URL, not an item", shorten(text))).hint(
                    "quote the previous argument if it contains spaces; a call has one target",
                ),
            );
        }
        Ok(Item { key, value, kind })
    }

    /// Returns whether the item is a field of the body.
    pub(crate) fn is_field(&self) -> bool {
        matches!(
            self.kind,
            Kind::Text | Kind::Json | Kind::TextFile | Kind::JsonFile
        )
    }
}

fn not_text() -> Failure {
    Failure::usage("an item is not valid UTF-8")
        .hint("give such bytes in a file: name=@FILE or -d @FILE")
}

fn not_an_item(text: &str) -> Failure {
    Failure::usage(format!("'{}' is not an item", shorten(text)))
        .fact("items: name=text name:=json name==query Header:value name=@file name:=@file.json")
}

/// Cuts a word for a message, so that a pasted body or token does not fill the screen.
fn shorten(text: &str) -> String {
    const SHOWN: usize = 40;
    let text = Redactor::default().target(text);
    let clean = sanitise(&text);
    match clean.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Option<(String, String, Kind)> {
        Item::parse(OsStr::new(text))
            .ok()
            .map(|item| (item.key, item.value, item.kind))
    }

    #[test]
    fn the_first_separator_decides() {
        let cases = [
            ("a=b", "a", "b", Kind::Text),
            ("a=", "a", "", Kind::Text),
            ("a:=1.10", "a", "1.10", Kind::Json),
            ("a=@f", "a", "f", Kind::TextFile),
            ("a:=@f.json", "a", "f.json", Kind::JsonFile),
            ("a==b=c", "a", "b=c", Kind::Query),
            ("X-A:b:c", "X-A", "b:c", Kind::Header),
            ("X-A:", "X-A", "", Kind::Header),
            ("X-A;", "X-A", "", Kind::EmptyHeader),
            ("a[b][c]=x", "a[b][c]", "x", Kind::Text),
            (r"a\=b=c", "a=b", "c", Kind::Text),
            (
                r"string\:Channel=email",
                "string:Channel",
                "email",
                Kind::Text,
            ),
            (r"a\\=b", r"a\\", "b", Kind::Text),
            (r"a\\\=b=c", r"a\\=b", "c", Kind::Text),
            (r"a\[b\]=c", r"a\[b\]", "c", Kind::Text),
            (r"a\x=c", r"a\x", "c", Kind::Text),
            ("a=b;", "a", "b;", Kind::Text),
            ("é=ü", "é", "ü", Kind::Text),
            ("t=12:30", "t", "12:30", Kind::Text),
        ];
        for (text, key, value, kind) in cases {
            assert_eq!(
                parse(text),
                Some((key.into(), value.into(), kind)),
                "{text}"
            );
        }
    }

    #[test]
    fn words_without_name_or_separator_are_refused() {
        for text in ["", "abc", "=x", ":x", ":=1", ";", r"a\=b"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_item_or_a_message(text in any::<String>()) {
            let _unused = Item::parse(OsStr::new(&text));
        }

        #[test]
        fn a_plain_name_and_any_value_come_back(name in "[a-z]{1,8}", value in "[^=@][^\u{0}]{0,20}") {
            let item = Item::parse(OsStr::new(&format!("{name}={value}"))).expect("an item");
            prop_assert_eq!((item.key, item.value, item.kind), (name, value, Kind::Text));
        }
    }
}
