//! Templates of the user's own, from the config file or a file of templates.

use std::path::PathBuf;

use crate::error::{Failure, Result};

/// A call that the user has given a name.
#[derive(Clone, Debug)]
pub(crate) struct UserTemplate {
    /// Its name; never one of the catalogue's.
    pub(crate) name: String,
    /// The file and line that it is on.
    pub(crate) place: (PathBuf, usize),
    pub(crate) summary: Option<String>,
    /// In capitals.
    pub(crate) method: String,
    /// A target, with placeholders.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, Shape)>,
    pub(crate) body: Option<Shape>,
    pub(crate) defaults: Vec<(String, Shape)>,
    pub(crate) items: Option<String>,
    pub(crate) columns: Vec<String>,
    /// Whether the user says that it only reads. What the catalogue knows counts all the same.
    pub(crate) reads: bool,
}

/// A value of a template, in which texts may hold placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Text(String),
    /// A number or boolean as JSON text.
    Raw(String),
    List(Vec<Shape>),
    Map(Vec<(String, Shape)>),
}

/// A value for a placeholder: JSON text, and what it is as plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// As JSON.
    pub(crate) json: String,
    /// As text: a string without quotes and escapes.
    pub(crate) text: String,
}

impl Value {
    /// Makes a value of text.
    pub(crate) fn of_text(text: &str) -> Self {
        Value {
            json: serde_json::Value::from(text).to_string(),
            text: text.to_owned(),
        }
    }

    /// Makes a value of JSON that has been checked.
    pub(crate) fn of_json(json: &str) -> Self {
        let text = serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned());
        Value {
            json: json.to_owned(),
            text,
        }
    }
}

impl Shape {
    /// Returns the placeholders in it, in their order.
    pub(crate) fn names<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Shape::Text(text) => names.extend(chunks(text).filter_map(|chunk| match chunk {
                FormChunk::Name(name) => Some(name),
                FormChunk::Text(_) => None,
            })),
            Shape::Raw(_) => {}
            Shape::List(list) => list.iter().for_each(|shape| shape.names(names)),
            Shape::Map(map) => map.iter().for_each(|(_, shape)| shape.names(names)),
        }
    }

    /// Returns it as JSON, placeholders filled: one that is a whole value keeps its value's type, one
    /// inside a text becomes part of the text. Values cannot change the structure around them.
    ///
    /// # Errors
    /// Fails when a placeholder has no value.
    pub(crate) fn fill(&self, value_of: &impl Fn(&str) -> Option<Value>) -> Result<String> {
        let missing = |name: &str| {
            Failure::usage(format!("no value for {{{name}}}")).fact("nothing was sent")
        };
        match self {
            Shape::Raw(json) => Ok(json.clone()),
            Shape::Text(text) => {
                let mut all = chunks(text);
                if let (Some(FormChunk::Name(name)), None) = (all.next(), all.next()) {
                    return value_of(name)
                        .map(|value| value.json)
                        .ok_or_else(|| missing(name));
                }
                let mut filled = String::new();
                for chunk in chunks(text) {
                    match chunk {
                        FormChunk::Text(text) => filled.push_str(text),
                        FormChunk::Name(name) => {
                            filled.push_str(&value_of(name).ok_or_else(|| missing(name))?.text);
                        }
                    }
                }
                Ok(serde_json::Value::from(filled).to_string())
            }
            Shape::List(list) => {
                let each = list
                    .iter()
                    .map(|shape| shape.fill(value_of))
                    .collect::<Result<Vec<_>>>()?;
                Ok(format!("[{}]", each.join(",")))
            }
            Shape::Map(map) => {
                let each = map
                    .iter()
                    .map(|(key, shape)| {
                        Ok(format!(
                            "{}:{}",
                            serde_json::Value::from(key.as_str()),
                            shape.fill(value_of)?
                        ))
                    })
                    .collect::<Result<Vec<_>>>()?;
                Ok(format!("{{{}}}", each.join(",")))
            }
        }
    }
}

impl UserTemplate {
    /// Returns every placeholder of the template.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names = self.names_outside_body();
        if let Some(body) = &self.body {
            body.names(&mut names);
        }
        each_once(names)
    }

    /// Returns the placeholders of path and query.
    pub(crate) fn names_outside_body(&self) -> Vec<&str> {
        let mut names = Vec::new();
        names.extend(chunks(&self.path).filter_map(|chunk| match chunk {
            FormChunk::Name(name) => Some(name),
            FormChunk::Text(_) => None,
        }));
        self.query
            .iter()
            .for_each(|(_, shape)| shape.names(&mut names));
        each_once(names)
    }

    /// Returns the default of a placeholder.
    pub(crate) fn default(&self, name: &str) -> Option<Value> {
        self.defaults
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, shape)| match shape {
                Shape::Text(text) => Value::of_text(text),
                Shape::Raw(json) => Value::of_json(json),
                // A default with placeholders of its own could not be shown; it is taken as it is.
                other => Value::of_json(&other.fill(&|_| None).unwrap_or_default()),
            })
    }
}

fn each_once(names: Vec<&str>) -> Vec<&str> {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

enum FormChunk<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Cuts a text into plain parts and `{placeholders}`.
fn chunks(text: &str) -> impl Iterator<Item = FormChunk<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(name) = name_at(rest) {
            rest = &rest[name.len() + 2..];
            return Some(FormChunk::Name(name));
        }
        let next = rest
            .char_indices()
            .skip(1)
            .map(|(at, _)| at)
            .find(|at| name_at(&rest[*at..]).is_some());
        let (chunk, after) = rest.split_at(next.unwrap_or(rest.len()));
        rest = after;
        Some(FormChunk::Text(chunk))
    })
}

fn name_at(text: &str) -> Option<&str> {
    let name = text.strip_prefix('{')?.split_once('}')?.0;
    let first = name.bytes().next()?;
    let is_name = (first.is_ascii_alphabetic() || first == b'_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fill(shape: &Shape, value: &Value) -> String {
        shape
            .fill(&|name| (name == "v").then(|| value.clone()))
            .expect("filled")
    }

    #[test]
    fn a_lone_placeholder_keeps_the_type_and_one_in_text_is_escaped() {
        let lone = Shape::Text("{v}".to_owned());
        let inside = Shape::Text("at {v}!".to_owned());
        for (value, alone, within) in [
            (Value::of_json("10"), "10", r#""at 10!""#),
            (Value::of_json("1.10"), "1.10", r#""at 1.10!""#),
            (Value::of_json("[1]"), "[1]", r#""at [1]!""#),
            (Value::of_text("a\"b"), r#""a\"b""#, r#""at a\"b!""#),
            (Value::of_json(r#""a\"b""#), r#""a\"b""#, r#""at a\"b!""#),
        ] {
            assert_eq!(fill(&lone, &value), alone);
            assert_eq!(fill(&inside, &value), within);
        }
    }

    #[test]
    fn structure_and_plain_texts_stay() {
        let shape = Shape::Map(vec![
            (
                "a".to_owned(),
                Shape::List(vec![
                    Shape::Raw("1.10".to_owned()),
                    Shape::Text("{1} {} {".to_owned()),
                ]),
            ),
            ("b\"".to_owned(), Shape::Text("{v}{v}".to_owned())),
        ]);
        assert_eq!(
            fill(&shape, &Value::of_text("x")),
            r#"{"a":[1.10,"{1} {} {"],"b\"":"xx"}"#
        );
        assert!(Shape::Text("{missing}".to_owned()).fill(&|_| None).is_err());
    }

    proptest! {
        #[test]
        fn no_value_changes_the_structure(value in any::<String>()) {
            let shape = Shape::Map(vec![("k".to_owned(), Shape::Text("x{v}y".to_owned()))]);
            let filled = fill(&shape, &Value::of_text(&value));
            let parsed: serde_json::Value = serde_json::from_str(&filled).expect("JSON");
            prop_assert_eq!(parsed, serde_json::json!({"k": format!("x{value}y")}));
        }
    }
}
