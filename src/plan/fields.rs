//! Body fields given as items, put together into one JSON object.

use crate::error::{Failure, Result};

/// A JSON value as far as it is known: typed text stays as it was given.
#[derive(Debug)]
enum Node {
    /// JSON text that is written as it is.
    Raw(String),
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
}

/// A JSON object that grows by items such as `a[b][c]=x`.
#[derive(Debug)]
pub(crate) struct Fields {
    root: Node,
}

/// One step of a path: `[name]`, `[3]` or `[]`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Append,
}

impl Fields {
    /// Makes an empty object.
    pub(crate) fn new() -> Self {
        Fields {
            root: Node::Object(Vec::new()),
        }
    }

    /// Puts JSON text at a path such as `filter[labels][]`.
    ///
    /// # Errors
    /// Fails when the path is not well formed or goes through a value that is not a container.
    pub(crate) fn insert(&mut self, path: &str, json: String) -> Result<()> {
        let (name, steps) = parse_path(path)?;
        let mut node = child_of_object(&mut self.root, &name, path)?;
        let mut seen = Node::is_vacant(node);
        for step in &steps {
            node = match step {
                Step::Key(key) => {
                    if seen {
                        *node = Node::Object(Vec::new());
                    }
                    child_of_object(node, key, path)?
                }
                Step::Index(index) => {
                    if seen {
                        *node = Node::Array(Vec::new());
                    }
                    child_of_array(node, Some(*index), path)?
                }
                Step::Append => {
                    if seen {
                        *node = Node::Array(Vec::new());
                    }
                    child_of_array(node, None, path)?
                }
            };
            seen = node.is_vacant();
        }
        if !seen {
            return Err(clash(path));
        }
        *node = Node::Raw(json);
        Ok(())
    }

    /// Returns the object as compact JSON.
    pub(crate) fn to_json(&self) -> String {
        let mut text = String::new();
        write_node(&self.root, &mut text);
        text
    }
}

impl Node {
    /// A value that has been made room for and not filled yet.
    fn vacant() -> Node {
        Node::Raw(String::new())
    }

    fn is_vacant(&self) -> bool {
        matches!(self, Node::Raw(text) if text.is_empty())
    }
}

fn child_of_object<'a>(node: &'a mut Node, key: &str, path: &str) -> Result<&'a mut Node> {
    let Node::Object(members) = node else {
        return Err(clash(path));
    };
    let position = match members.iter().position(|(name, _)| name == key) {
        Some(position) => position,
        None => {
            members.push((key.to_owned(), Node::vacant()));
            members.len() - 1
        }
    };
    Ok(&mut members[position].1)
}

fn child_of_array<'a>(
    node: &'a mut Node,
    index: Option<usize>,
    path: &str,
) -> Result<&'a mut Node> {
    let Node::Array(elements) = node else {
        return Err(clash(path));
    };
    let index = index.unwrap_or(elements.len());
    if index > elements.len() {
        return Err(
            Failure::usage(format!("the item '{path}' leaves a gap in its list")).hint(format!(
                "the next free place is [{}], or write []",
                elements.len()
            )),
        );
    }
    if index == elements.len() {
        elements.push(Node::vacant());
    }
    Ok(&mut elements[index])
}

fn clash(path: &str) -> Failure {
    Failure::usage(format!("the item '{path}' clashes with an earlier one"))
        .hint("a name can hold one value, or fields, or a list, but not two of these")
}

fn parse_path(path: &str) -> Result<(String, Vec<Step>)> {
    let malformed = || {
        Failure::usage(format!("the item name '{path}' is not well formed"))
            .hint("write name, name[field], name[0] or name[]")
    };
    let (name, mut rest) = word(path);
    if name.text.is_empty() || rest.starts_with(']') {
        return Err(malformed());
    }
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (inner, after) = word(rest.strip_prefix('[').ok_or_else(malformed)?);
        rest = after.strip_prefix(']').ok_or_else(malformed)?;
        steps.push(if inner.text.is_empty() {
            Step::Append
        } else if inner.is_number() {
            Step::Index(inner.text.parse().map_err(|_| malformed())?)
        } else {
            Step::Key(inner.text)
        });
    }
    Ok((name.text, steps))
}

/// A word of a path, escapes undone.
struct Word {
    text: String,
    is_escaped: bool,
}

impl Word {
    fn is_number(&self) -> bool {
        !self.is_escaped && self.text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// Reads a word up to the next bracket. As in HTTPie a backslash before a bracket or a backslash
/// makes it part of the word, and one before a number makes that a name.
fn word(path: &str) -> (Word, &str) {
    let mut word = Word {
        text: String::new(),
        is_escaped: false,
    };
    let mut rest = path;
    while let Some(first) = rest.chars().next().filter(|c| !matches!(c, '[' | ']')) {
        rest = &rest[first.len_utf8()..];
        match rest.chars().next() {
            Some(next @ ('[' | ']' | '\\')) if first == '\\' => {
                word.text.push(next);
                word.is_escaped = true;
                rest = &rest[next.len_utf8()..];
            }
            _ => word.text.push(first),
        }
    }
    let number = word.text.strip_prefix('\\').filter(|_| !word.is_escaped);
    let number = number.filter(|number| !number.is_empty());
    if let Some(number) = number.filter(|number| number.bytes().all(|b| b.is_ascii_digit())) {
        word.text = number.to_owned();
        word.is_escaped = true;
    }
    (word, rest)
}

fn write_node(node: &Node, text: &mut String) {
    match node {
        Node::Raw(json) => text.push_str(json),
        Node::Object(members) => {
            text.push('{');
            for (position, (key, value)) in members.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                text.push_str(&json_string(key));
                text.push(':');
                write_node(value, text);
            }
            text.push('}');
        }
        Node::Array(elements) => {
            text.push('[');
            for (position, value) in elements.iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write_node(value, text);
            }
            text.push(']');
        }
    }
}

/// Returns a text as a JSON string.
pub(crate) fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(items: &[(&str, &str)]) -> Result<String> {
        let mut fields = Fields::new();
        for (path, json) in items {
            fields.insert(path, (*json).to_owned())?;
        }
        Ok(fields.to_json())
    }

    #[test]
    fn items_become_one_object_in_their_order() {
        let cases: [(&[(&str, &str)], &str); 11] = [
            (&[], "{}"),
            (&[("b", "1.10"), ("a", "\"x\"")], r#"{"b":1.10,"a":"x"}"#),
            (
                &[("a[b][c]", "1"), ("a[b][d]", "2")],
                r#"{"a":{"b":{"c":1,"d":2}}}"#,
            ),
            (&[("a[]", "1"), ("a[]", "2")], r#"{"a":[1,2]}"#),
            (
                &[("a[0][x]", "1"), ("a[0][y]", "2"), ("a[1][x]", "3")],
                r#"{"a":[{"x":1,"y":2},{"x":3}]}"#,
            ),
            (&[("string:Ch\"", "1")], r#"{"string:Ch\"":1}"#),
            (&[(r"a\[b\]", "1")], r#"{"a[b]":1}"#),
            (&[(r"a[\[b\]]", "1")], r#"{"a":{"[b]":1}}"#),
            (&[(r"a\\", "1"), (r"b\c", "2")], r#"{"a\\":1,"b\\c":2}"#),
            (&[(r"a[\1]", "1"), (r"\2", "3")], r#"{"a":{"1":1},"2":3}"#),
            (&[(r"\[", "1"), (r"\\[b]", "2")], r#"{"[":1,"\\":{"b":2}}"#),
        ];
        for (items, expected) in cases {
            assert_eq!(build(items).expect("an object"), expected, "{items:?}");
        }
    }

    #[test]
    fn clashes_gaps_and_broken_names_are_refused() {
        let cases: [&[(&str, &str)]; 11] = [
            &[("a", "1"), ("a[b]", "2")],
            &[("a[b]", "2"), ("a", "1")],
            &[("a", "1"), ("a", "2")],
            &[("a[]", "1"), ("a[x]", "2")],
            &[("a[2]", "1")],
            &[("a[b", "1")],
            &[("[b]", "1")],
            &[("a]", "1")],
            &[("a[b]c", "1")],
            &[("a[b[c]]", "1")],
            &[(r"a[b\]", "1")],
        ];
        for items in cases {
            assert!(build(items).is_err(), "{items:?}");
        }
    }
}
