//! What the catalogue says that a call needs and how large its values may be, compared with a
//! request that has been planned.

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Endpoint, Field, Kind, Limit};

/// Names of which at least one is needed: endpoint, where they are, and the names.
const ONE_OF: [(&str, &str, [&str; 2]); 5] = [
    ("delete-comments", "", ["id", "ids"]),
    (
        "predict-raw-emails",
        "documents[].raw_email.body",
        ["plain", "html"],
    ),
    (
        "predict-raw-emails",
        "documents[].raw_email.headers",
        ["raw", "parsed"],
    ),
    (
        "sync-raw-emails",
        "documents[].raw_email.body",
        ["plain", "html"],
    ),
    (
        "sync-raw-emails",
        "documents[].raw_email.headers",
        ["raw", "parsed"],
    ),
];

/// Faults of one request that are reported together; a body of thousands of elements that all lack
/// the same field does not need more.
const MAX_FAULTS: usize = 5;

/// The body of a request as far as it can be checked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// There is none.
    Absent,
    /// It is there, and has no bytes.
    Empty,
    /// JSON in memory.
    Json(&'a [u8]),
    /// The names of a form's parts.
    Parts(&'a [String]),
    /// It cannot be looked into: it is streamed, or of another type.
    Opaque,
}

/// What is wrong with a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// The required names that have no value, with a field's kind where it is a field's own.
    pub(crate) missing: Vec<(String, Option<Kind>)>,
    /// Values outside their limits, in words.
    pub(crate) outside: Vec<String>,
    /// Fields that are not declared, each with a declared one beside it that is missing and nearly
    /// has its name. The service may know more fields than the catalogue, so they are doubts only.
    pub(crate) misspelt: Vec<(String, String)>,
}

impl Faults {
    fn is_full(&self) -> bool {
        self.missing.len() + self.outside.len() >= MAX_FAULTS
    }

    fn miss(&mut self, name: String, kind: Option<Kind>) {
        if !self.is_full() {
            self.missing.push((name, kind));
        }
    }

    fn outside(&mut self, name: &str, limit: Limit, found: u64, what: &str) {
        if !self.is_full() {
            self.outside
                .push(format!("{name} must have {limit}{what}, not {found}"));
        }
    }
}

/// Compares the query (percent-encoded, without `?`) and the body of a request with what the
/// catalogue says of its endpoint.
pub(crate) fn faults(endpoint: &Endpoint, query: &str, content: Content<'_>) -> Faults {
    let mut faults = Faults::default();
    check_query(endpoint, query, &mut faults);
    check_body(endpoint, content, &mut faults);
    faults
}

fn check_query(endpoint: &Endpoint, query: &str, faults: &mut Faults) {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs: Vec<(String, String)> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(&value.replace('+', " "))))
        .collect();
    let values = |name: &str| {
        let found: Vec<&str> = pairs
            .iter()
            .filter(|(found, value)| found == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
            .collect();
        found
    };
    for field in endpoint.query_params {
        let found = values(field.name);
        // A value that is empty selects nothing: mostly a variable of a shell that was not set.
        if field.required && field.default.is_none() && found.is_empty() {
            faults.miss(field.name.to_string(), Some(field.kind));
        }
        let Some(limit) = field.limit else { continue };
        if field.kind == Kind::StringList {
            let listed = values(&format!("{}s", field.name));
            let listed = listed.iter().flat_map(|text| text.split(','));
            let count = (found.len() + listed.count()) as u64;
            if count > limit.most {
                faults.outside(field.name, limit, count, " values");
            }
        } else {
            for value in found {
                check_number(field.name, value, limit, faults);
            }
        }
    }
    for (name, at, names) in ONE_OF {
        if endpoint.name == name
            && at.is_empty()
            && names.iter().all(|name| values(name).is_empty())
        {
            faults.miss(names.join(" or "), None);
        }
    }
}

fn check_number(name: &str, text: &str, limit: Limit, faults: &mut Faults) {
    // Whether a text is a number at all is for its type to say.
    let Ok(number) = text.parse::<f64>() else {
        return;
    };
    #[expect(clippy::cast_precision_loss, reason = "limits are small")]
    let is_within = (limit.least as f64..=limit.most as f64).contains(&number);
    if !is_within && !faults.is_full() {
        faults.outside.push(format!(
            "{name} must be between {} and {}, not {text}",
            limit.least, limit.most
        ));
    }
}

fn check_body(endpoint: &Endpoint, content: Content<'_>, faults: &mut Faults) {
    let form = |kind| matches!(kind, Kind::File | Kind::Binary);
    let required = endpoint
        .body_fields
        .iter()
        .filter(|field| field.required && !field.name.contains(['.', '[']));
    match content {
        Content::Opaque => {}
        Content::Absent | Content::Empty => {
            for field in required.filter(|field| field.default.is_none() || form(field.kind)) {
                faults.miss(field.name.to_string(), Some(field.kind));
            }
        }
        Content::Parts(names) => {
            for field in required.filter(|field| !names.contains(&field.name.to_string())) {
                faults.miss(field.name.to_string(), Some(field.kind));
            }
        }
        Content::Json(bytes) => {
            if endpoint.body_fields.iter().any(|field| form(field.kind)) {
                return;
            }
            let root = tree(endpoint);
            let walk = Walk {
                node: &root,
                path: String::new(),
                faults,
            };
            // What is not JSON has been refused before, where it was meant to be JSON.
            let _checked = walk.deserialize(&mut serde_json::Deserializer::from_slice(bytes));
        }
    }
}

/// A declared place in a body.
#[derive(Default)]
struct Node {
    field: Option<&'static Field>,
    members: Vec<(&'static str, Node)>,
    element: Option<Box<Node>>,
    one_of: Option<[&'static str; 2]>,
}

impl Node {
    fn at(&mut self, path: &'static str) -> &mut Node {
        let mut node = self;
        for name in path.split('.').filter(|name| !name.is_empty()) {
            let (name, is_list) = match name.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (name, false),
            };
            let index = node.members.iter().position(|(found, _)| *found == name);
            let index = index.unwrap_or_else(|| {
                node.members.push((name, Node::default()));
                node.members.len() - 1
            });
            node = &mut node.members[index].1;
            if is_list {
                node = node.element.get_or_insert_default();
            }
        }
        node
    }

    /// Returns whether the object around it cannot do without it. One that is not declared itself
    /// is needed for what is in it.
    fn is_required(&self) -> bool {
        match self.field {
            Some(field) => field.required && field.default.is_none(),
            None => {
                self.one_of.is_some() || self.members.iter().any(|(_, member)| member.is_required())
            }
        }
    }

    fn is_a_leaf(&self) -> bool {
        self.members.is_empty() && self.element.is_none()
    }
}

fn tree(endpoint: &Endpoint) -> Node {
    let mut root = Node::default();
    for field in endpoint.body_fields {
        root.at(field.name).field = Some(field);
    }
    for (name, at, names) in ONE_OF {
        if endpoint.name == name && !at.is_empty() {
            root.at(at).one_of = Some(names);
        }
    }
    root
}

/// Walks a body along its declared places in one pass, and holds none of it.
struct Walk<'a> {
    node: &'a Node,
    /// Where it is, as a user writes it.
    path: String,
    faults: &'a mut Faults,
}

impl Walk<'_> {
    fn name_of(&self, member: &str) -> String {
        if self.path.is_empty() {
            member.to_owned()
        } else {
            format!("{}.{member}", self.path)
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    /// Whether there is a value that is not null.
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        if !self.node.is_a_leaf() || self.node.field.is_some_and(|field| is_list(field.kind)) {
            return deserializer.deserialize_any(self);
        }
        let text = <&RawValue as serde::Deserialize>::deserialize(deserializer)?.get();
        if let Some((field, limit)) = self
            .node
            .field
            .and_then(|field| Some((field, field.limit?)))
        {
            if field.kind == Kind::String {
                let text = serde_json::from_str::<String>(text).unwrap_or_default();
                let length = text.chars().count() as u64;
                if !(limit.least..=limit.most).contains(&length) {
                    self.faults
                        .outside(&self.path, limit, length, " characters");
                }
            } else {
                check_number(&self.path, text, limit, self.faults);
            }
        }
        Ok(text != "null")
    }
}

/// Returns whether a name is another one with a letter or two wrong: less than what makes a
/// suggestion elsewhere, because here a new field must not be taken for a misspelt one.
fn is_nearly(given: &str, declared: &str) -> bool {
    let most = match declared.len() {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    };
    let is_longer_word = given.len() > declared.len() && given.starts_with(declared);
    let distance = strsim::osa_distance(&given.to_lowercase(), declared);
    !is_longer_word && distance <= most
}

fn is_list(kind: Kind) -> bool {
    matches!(kind, Kind::StringList | Kind::ObjectList)
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut given: Vec<&str> = Vec::new();
        let mut unknown: Vec<String> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let declared = self.node.members.iter().find(|(name, _)| **name == key);
            let Some((name, node)) = declared else {
                map.next_value::<IgnoredAny>()?;
                if unknown.len() < MAX_FAULTS {
                    unknown.push(key);
                }
                continue;
            };
            let walk = Walk {
                node,
                path: self.name_of(name),
                faults: self.faults,
            };
            if map.next_value_seed(walk)? {
                given.push(name);
            }
        }
        for key in &unknown {
            let absent = self.node.members.iter().map(|(name, _)| *name);
            let mut absent = absent.filter(|name| !given.contains(name));
            if let Some(close) = absent.find(|name| is_nearly(key, name))
                && self.faults.misspelt.len() < MAX_FAULTS
            {
                let pair = (self.name_of(key), self.name_of(close));
                self.faults.misspelt.push(pair);
            }
        }
        for (name, node) in &self.node.members {
            if node.is_required() && !given.contains(name) {
                let name = self.name_of(name);
                self.faults.miss(name, node.field.map(|field| field.kind));
            }
        }
        if let Some(names) = self.node.one_of
            && !names.iter().any(|name| given.contains(name))
        {
            let names = names.map(|name| self.name_of(name));
            self.faults.miss(names.join(" or "), None);
        }
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let mut count: u64 = 0;
        loop {
            let more = match &self.node.element {
                Some(node) => {
                    let walk = Walk {
                        node,
                        path: format!("{}[{count}]", self.path),
                        faults: self.faults,
                    };
                    list.next_element_seed(walk)?.is_some()
                }
                None => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
            count += 1;
        }
        if let Some(limit) = self.node.field.and_then(|field| field.limit)
            && !(limit.least..=limit.most).contains(&count)
        {
            self.faults.outside(&self.path, limit, count, " elements");
        }
        // A list instead of an object has none of its members.
        if self.node.element.is_none() {
            for (name, _) in self
                .node
                .members
                .iter()
                .filter(|(_, node)| node.is_required())
            {
                let name = self.name_of(name);
                self.faults.miss(name, None);
            }
        }
        Ok(true)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{all, by_name};

    fn of(name: &str, query: &str, body: &str) -> String {
        let endpoint = by_name(name).expect(name);
        let content = if body.is_empty() {
            Content::Absent
        } else {
            Content::Json(body.as_bytes())
        };
        let faults = faults(endpoint, query, content);
        let missing: Vec<String> = faults.missing.into_iter().map(|(name, _)| name).collect();
        [missing, faults.outside].concat().join("; ")
    }

    #[test]
    fn every_example_has_what_it_needs() {
        for endpoint in all() {
            if let Some(body) = endpoint.example_body {
                let content = Content::Json(body.as_bytes());
                let faults = faults(endpoint, "label_name=x&uid=x&id=x", content);
                assert_eq!(faults, Faults::default(), "{}", endpoint.name);
            }
        }
    }

    #[test]
    fn what_is_missing_or_too_much_is_named_with_its_place() {
        let many = |count: usize, text: &str| vec![text; count].join(",");
        let ids = |count: usize| vec!["id=a"; count].join("&");
        for (name, query, body, expected) in [
            ("list-sources", "", "", ""),
            ("sync-comments", "", "", "comments"),
            ("sync-comments", "", "{}", "comments"),
            ("sync-comments", "", "[]", "comments"),
            ("sync-comments", "", r#"{"comments":null}"#, "comments"),
            ("sync-comments", "", r#"{"comm\u0065nts":[]}"#, ""),
            (
                "sync-comments",
                "",
                r#"{"other":[1e999],"comments":[]}"#,
                "",
            ),
            (
                "sync-comments",
                "",
                r#"{"comments":[{"id":"a","timestamp":"t","messages":[{"body":{"text":"x"}}]},{"id":"b","messages":[{"body":{}}]}]}"#,
                "comments[1].messages[0].body.text; comments[1].timestamp",
            ),
            (
                "sync-comments",
                "",
                r#"{"comments":[{"id":"a","timestamp":"t","messages":[]}]}"#,
                "comments[0].messages must have 1 to 2048 elements, not 0",
            ),
            (
                "sync-comments",
                "",
                &format!(
                    r#"{{"comments":[{}]}}"#,
                    many(
                        16_385,
                        r#"{"id":"a","timestamp":"t","messages":[{"body":{"text":"x"}}]}"#
                    )
                ),
                "comments must have at most 16384 elements, not 16385",
            ),
            ("delete-comments", "", "", "id or ids"),
            ("delete-comments", "id=", "", "id or ids"),
            ("delete-comments", "id=a", "", ""),
            ("delete-comments", "ids=a,b", "", ""),
            ("delete-comments", &ids(128), "", ""),
            (
                "delete-comments",
                &ids(129),
                "",
                "id must have at most 128 values, not 129",
            ),
            (
                "delete-comments",
                &format!("{}&ids=b", ids(128)),
                "",
                "id must have at most 128 values, not 129",
            ),
            ("untag-stream-exceptions", "uid=", "", "uid"),
            (
                "list-comments",
                "limit=257",
                "",
                "limit must be between 1 and 256, not 257",
            ),
            (
                "list-models",
                "",
                r#"{"limit":0}"#,
                "limit must be between 1 and 100, not 0",
            ),
            (
                "fetch-stream",
                "",
                r#"{"size":1025}"#,
                "size must be between 1 and 1024, not 1025",
            ),
            (
                "predict",
                "",
                r#"{"documents":[],"threshold":1.5}"#,
                "threshold must be between 0 and 1, not 1.5",
            ),
            ("predict", "", r#"{"documents":[],"threshold":"auto"}"#, ""),
            ("create-bucket", "", r#"{"bucket":{"title":"x"}}"#, ""),
            (
                "create-stream",
                "",
                r#"{"stream":{"title":"x"}}"#,
                "stream.name",
            ),
            ("create-source", "", r#"{"source":{"title":"日本"}}"#, ""),
            (
                "sync-raw-emails",
                "",
                r#"{"documents":[{"raw_email":{"body":{},"headers":{"raw":"x"}}},{}]}"#,
                "documents[0].raw_email.body.plain or documents[0].raw_email.body.html; documents[1].raw_email",
            ),
            ("get-dataset-summary", "", "{}", ""),
        ] {
            assert_eq!(
                of(name, query, body),
                expected,
                "{name} {query:.60} {body:.60}"
            );
        }
        let title = "ü".repeat(129);
        assert_eq!(
            of(
                "create-source",
                "",
                &format!(r#"{{"source":{{"title":"{title}"}}}}"#)
            ),
            "source.title must have at most 128 characters, not 129"
        );
        let endless = many(9, "{}");
        let faults = of(
            "sync-comments",
            "",
            &format!(r#"{{"comments":[{endless}]}}"#),
        );
        assert_eq!(faults.split("; ").count(), MAX_FAULTS, "{faults}");
    }

    #[test]
    fn files_and_forms_are_needed_where_they_are_declared() {
        let part = ["file".to_owned()];
        let other = ["other".to_owned()];
        for (name, content, missing) in [
            ("upload-document", Content::Absent, "file"),
            ("upload-document", Content::Parts(&other), "file"),
            ("upload-document", Content::Parts(&part), ""),
            ("upload-document", Content::Opaque, ""),
            ("sync-comments-csv", Content::Empty, "(raw body)"),
            ("sync-comments-csv", Content::Opaque, ""),
            ("sync-comments", Content::Opaque, ""),
        ] {
            let endpoint = by_name(name).expect(name);
            let faults = faults(endpoint, "", content);
            let names: Vec<String> = faults.missing.into_iter().map(|(name, _)| name).collect();
            assert_eq!(names.join(" "), missing, "{name} {content:?}");
        }
    }
}
