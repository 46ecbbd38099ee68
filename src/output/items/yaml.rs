//! YAML: numbers keep their text, and texts that look like something else are quoted.

use anyhow::Context as _;
use saphyr::{Mapping, ScalarStyle, Yaml, YamlEmitter};

use super::{Rows, too_large};
use crate::error::{Failure, Result};
use crate::text::lexical::scan::{elements, members, text};
use crate::text::terminal::is_unsafe;

/// How large one item may be: it is held as a tree, which takes several times its size.
const MAX_ITEM: usize = 16 * 1024 * 1024;

/// How many values it may have.
const MAX_NODES: usize = 1_000_000;

/// How deep one may nest: the emitter recurses.
const MAX_DEPTH: usize = 200;

/// Writes a list as a YAML sequence, item by item.
#[derive(Debug, Default)]
pub(crate) struct YamlRows {
    begun: bool,
}

impl YamlRows {
    fn write(&mut self, node: &Yaml<'_>, out: &mut Vec<u8>) -> Result<()> {
        self.begun = true;
        let mut document = String::new();
        YamlEmitter::new(&mut document)
            .dump(node)
            .context("the response cannot be written as YAML")?;
        let body = document.strip_prefix("---\n").unwrap_or(&document);
        out.extend_from_slice(body.trim_end_matches('\n').as_bytes());
        out.push(b'\n');
        Ok(())
    }
}

impl Rows for YamlRows {
    fn item(&mut self, item: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let node = Yaml::Sequence(vec![tree(item)?]);
        self.write(&node, out)
    }

    fn object(&mut self, object: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let node = tree(object)?;
        self.write(&node, out)
    }

    fn scalar(&mut self, scalar: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.object(scalar, out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Option<String>> {
        if !self.begun {
            out.extend_from_slice(b"[]\n");
        }
        Ok(None)
    }
}

fn tree(value: &[u8]) -> Result<Yaml<'static>> {
    if value.len() > MAX_ITEM {
        return Err(too_large("one item", MAX_ITEM));
    }
    let mut nodes = MAX_NODES;
    node(value, MAX_DEPTH, &mut nodes)
}

fn node(value: &[u8], deeper: usize, nodes: &mut usize) -> Result<Yaml<'static>> {
    *nodes = nodes.checked_sub(1).ok_or_else(|| {
        Failure::local(format!(
            "one item has more than {MAX_NODES} values, too many for YAML"
        ))
        .hint("--format pretty and ndjson show any number")
    })?;
    let Some(deeper) = deeper.checked_sub(1) else {
        return Err(Failure::local(format!(
            "the response nests deeper than {MAX_DEPTH} levels, too deep for YAML"
        ))
        .hint("--format pretty and ndjson show any depth"));
    };
    Ok(match value.first() {
        Some(b'{') => {
            let mut mapping = Mapping::new();
            for (key, value) in members(value) {
                mapping.insert(scalar(key), node(value, deeper, nodes)?);
            }
            Yaml::Mapping(mapping)
        }
        Some(b'[') => {
            let list: Result<Vec<_>> = elements(value)
                .map(|value| node(value, deeper, nodes))
                .collect();
            Yaml::Sequence(list?)
        }
        _ => scalar(value),
    })
}

fn scalar(value: &[u8]) -> Yaml<'static> {
    let (shown, style) = if value.first() == Some(&b'"') {
        let text = text(value);
        if is_plain(&text) {
            (text.into_owned(), ScalarStyle::Plain)
        } else {
            (quoted(&text), ScalarStyle::DoubleQuoted)
        }
    } else {
        (
            String::from_utf8_lossy(value).into_owned(),
            ScalarStyle::Plain,
        )
    };
    Yaml::Representation(shown.into(), style, None)
}

/// Returns whether a text can be without quotes in every version of YAML: it begins with a
/// letter, has no sign that means something, and is not a word that stands for another value.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 10] = [
        "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan",
    ];
    let inner = |character: char| character.is_alphanumeric() || " _-./@()+".contains(character);
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && !text.ends_with(' ')
        && text.chars().all(inner)
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Returns what is between double quotes: what could drive a terminal or end a line is an
/// escape, which means the same character.
fn quoted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '"' => shown.push_str("\\\""),
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            _ if is_unsafe(character) && u32::from(character) > 0xffff => {
                shown.push_str(&format!("\\U{:08x}", u32::from(character)));
            }
            _ if is_unsafe(character) => {
                shown.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use saphyr::{LoadableYamlNode, Scalar};

    fn yaml(items: &[&str]) -> String {
        let mut rows = YamlRows::default();
        let mut out = Vec::new();
        for item in items {
            rows.item(item.as_bytes(), &mut out).expect("yaml");
        }
        rows.finish(&mut out).expect("yaml");
        String::from_utf8(out).expect("utf-8")
    }

    #[test]
    fn items_are_a_sequence() {
        insta::assert_snapshot!(yaml(&[
            r#"{"id":"0123","n":1.10,"big":18446744073709551616,"no":"no","label":["A","B > C"],"o":{},"deep":{"a":[{"b":null}]},"t":"2024-05-06","s":"a: b\n#","e":1e3}"#,
            "true",
            "[]",
        ]), @r#"
        - id: "0123"
          "n": 1.10
          big: 18446744073709551616
          "no": "no"
          label:
            - A
            - "B > C"
          o: {}
          deep:
            a:
              - b: null
          t: "2024-05-06"
          s: "a: b\n#"
          e: 1e3
        - true
        - []
        "#);
        assert_eq!(yaml(&[]), "[]\n");
    }

    #[test]
    fn depth_ends_in_words_and_not_in_a_crash() {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let failure = YamlRows::default().item(deep.as_bytes(), &mut Vec::new());
        assert!(failure.is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_that_text(text in any::<String>()) {
            let item = serde_json::to_string(&text).expect("JSON");
            let shown = yaml(&[&item]);
            let read = Yaml::load_from_str(&shown).expect("yaml");
            let back = read[0].as_sequence().and_then(|list| list[0].as_str());
            prop_assert_eq!(back, Some(text.as_str()), "{}", shown);
        }

        #[test]
        fn texts_that_look_like_other_values_stay_texts(text in "(yes|No|~|null|0x1f|1_000|\\.5|[+]1|1e3|y|=|<<|-|---|2024-01-01|1:30|0o7|[a-z]{1,3})") {
            let shown = yaml(&[&format!("{text:?}")]);
            let read = Yaml::load_from_str(&shown).expect("yaml");
            let list = read[0].as_sequence().expect("a list");
            prop_assert!(matches!(&list[0], Yaml::Value(Scalar::String(_))), "{}", shown);
        }
    }
}
