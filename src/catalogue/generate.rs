//! Makes `table.rs` of `catalogue/endpoints.json`. Renewed by
//! `REIN_RENEW=1 cargo test --lib catalogue`; after a change of the types, which the old table does
//! not fit, empty its list first.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

/// The endpoints that answer with something else than JSON: binary content and, on request, CSV
/// (seen in the vendor's schema and client).
const OTHER_THAN_JSON: [&str; 6] = [
    "get-attachment",
    "get-attachment-page-image",
    "get-attachment-page-thumbnail",
    "get-comment-audio",
    "get-document",
    "query-comments",
];

/// What tells the last page where it is not a missing cursor (API notes, section 11; the empty page
/// of the version lists is inferred there).
const ENDS: [(&str, &str); 5] = [
    ("get-annotations", "PagingEnd::EmptyPage"),
    ("get-label-field-history", "PagingEnd::EmptyPage"),
    ("get-label-history", "PagingEnd::EmptyPage"),
    ("list-models", "PagingEnd::EmptyPage"),
    ("query-bucket-emails", "PagingEnd::False(\"more_results\")"),
];

/// Parameters that the vendor's client leaves out from the second page on.
const FIRST_PAGE_ONLY: [(&str, &str); 1] = [("list-comments", "\"from_timestamp\"")];

/// What the rows point into.
#[derive(Default)]
struct Pools {
    /// Every text once, in the order of its first use, and where each begins.
    texts: Vec<String>,
    starts: HashMap<String, usize>,
    length: usize,
    fields: Vec<String>,
    lists: Vec<String>,
}

impl Pools {
    fn text(&mut self, text: &str) -> String {
        let start = *self.starts.entry(text.to_owned()).or_insert_with(|| {
            self.texts.push(text.to_owned());
            self.length += text.len();
            self.length - text.len()
        });
        format!("Text {{ start: {start}, length: {} }}", text.len())
    }

    fn optional(&mut self, text: Option<&str>) -> String {
        text.map_or("None".to_owned(), |text| {
            format!("Some({})", self.text(text))
        })
    }

    fn texts(&mut self, all: &Value) -> String {
        let start = self.lists.len();
        for value in list(all) {
            let text = self.text(value.as_str().unwrap_or_default());
            self.lists.push(text);
        }
        format!(
            "Texts {{ start: {start}, length: {} }}",
            self.lists.len() - start
        )
    }

    fn fields(&mut self, all: &Value) -> String {
        let start = self.fields.len();
        for value in list(all) {
            let field = field(value, self);
            self.fields.push(field);
        }
        format!(
            "Fields {{ start: {start}, length: {} }}",
            self.fields.len() - start
        )
    }
}

fn table(endpoints: &[Value]) -> String {
    let mut pools = Pools::default();
    let rows: Vec<String> = endpoints
        .iter()
        .map(|endpoint| row(endpoint, &mut pools))
        .collect();
    let texts: Vec<String> = pools
        .texts
        .iter()
        .map(|text| format!("    {text:?},\n"))
        .collect();
    let statics = [
        ("ENDPOINTS", "Endpoint", rows),
        ("FIELDS", "Field", pools.fields),
        ("LISTS", "Text", pools.lists),
    ];
    let mut text = String::from(
        "//! Generated from `catalogue/endpoints.json`: see `generate.rs`. Constant data, nothing is parsed.\n\n\
         use super::{\n    Answer, Class, Endpoint, Field, Fields, Kind, Limit, Paging, PagingEnd, PagingStyle, Text,\n    Texts,\n};\n",
    );
    for (name, kind, rows) in statics {
        write!(
            text,
            "\n#[rustfmt::skip]\npub(super) static {name}: [{kind}; {}] = [\n    {},\n];\n",
            rows.len(),
            rows.join(",\n    "),
        )
        .expect("a string takes everything");
    }
    write!(
        text,
        "\n#[rustfmt::skip]\npub(super) const TEXTS: &str = concat!(\n{});\n",
        texts.concat()
    )
    .expect("a string takes everything");
    text
}

fn row(endpoint: &Value, pools: &mut Pools) -> String {
    let class = match endpoint["class"].as_str() {
        Some("read") => "Read",
        Some("write") => "Write",
        Some("billable") => "Billable",
        Some("stateful") => "Stateful",
        Some("destructive") => "Destructive",
        other => panic!("class {other:?}"),
    };
    let name = endpoint["name"].as_str().unwrap_or_default();
    let answer = if OTHER_THAN_JSON.contains(&name) {
        "Other"
    } else {
        "Json"
    };
    let example = match &endpoint["example_body"] {
        Value::Null => None,
        body => Some(body.to_string()),
    };
    let text = |key: &str| endpoint[key].as_str().unwrap_or_default();
    format!(
        "Endpoint {{ name: {}, group: {}, summary: {}, method: {}, path: {}, path_params: {}, query_params: {}, \
         body_fields: {}, example_body: {}, permissions: {}, items: {}, columns: {}, paging: {}, class: Class::{class}, \
         idempotent: {}, documented: {}, answer: Answer::{answer} }}",
        pools.text(name),
        pools.text(text("group")),
        pools.text(text("summary")),
        pools.text(text("method")),
        pools.text(text("path")),
        pools.fields(&endpoint["path_params"]),
        pools.fields(&endpoint["query_params"]),
        pools.fields(&endpoint["body_fields"]),
        pools.optional(example.as_deref()),
        pools.texts(&endpoint["permissions"]),
        pools.optional(endpoint["response_items"].as_str()),
        pools.texts(&endpoint["table_columns"]),
        paging(name, &endpoint["pagination"]),
        endpoint["idempotent"] == true,
        endpoint["documented"] == true,
    )
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn field(field: &Value, pools: &mut Pools) -> String {
    let kind = match field["type"].as_str() {
        None | Some("string") => "String",
        Some("integer") => "Integer",
        Some("number|string") => "NumberOrString",
        Some("boolean") => "Boolean",
        Some("object") => "Object",
        Some("array<string>") => "StringList",
        Some(array) if array.starts_with("array<") => "ObjectList",
        Some("file") => "File",
        Some("binary") => "Binary",
        Some(other) => panic!("type {other}"),
    };
    let default = match &field["default"] {
        Value::Null => None,
        value => Some(value.to_string()),
    };
    // A placeholder of the path has no such mark: it is always required.
    let required = field
        .get("required")
        .is_none_or(|required| required == true);
    let description = field["description"].as_str().unwrap_or_default();
    let limit = limit(kind, description).map_or("None".to_owned(), |(least, most)| {
        format!("Some(Limit {{ least: {least}, most: {most} }})")
    });
    format!(
        "Field {{ name: {}, kind: Kind::{kind}, required: {required}, default: {}, limit: {limit}, description: {} }}",
        pools.text(field["name"].as_str().unwrap_or_default()),
        pools.optional(default.as_deref()),
        pools.text(description),
    )
}

/// Finds the limit that a description tells: "at most 256", "1-100" or "{1,256}".
fn limit(kind: &str, description: &str) -> Option<(u64, u64)> {
    let number = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit());
        text[..end.unwrap_or(text.len())].parse::<u64>().ok()
    };
    let lower = description.to_lowercase();
    if let Some((_, after)) = lower.split_once("at most ") {
        // A page or a batch of nothing is none.
        return Some((u64::from(kind == "Integer"), number(after)?));
    }
    if let Some((_, after)) = lower.split_once("]{") {
        let (least, most) = after.split_once(',')?;
        return Some((number(least)?, number(most)?));
    }
    let mut words = lower.split([' ', ',', ';', '(']);
    words.find_map(|word| {
        let (least, most) = word.trim_end_matches('.').split_once('-')?;
        let whole = |text: &str| text.trim_end_matches(".0").parse::<u64>().ok();
        Some((whole(least)?, whole(most)?))
    })
}

#[test]
fn limits_are_read_from_descriptions() {
    for (kind, description, expected) in [
        ("Integer", "Page size, at most 256.", Some((1, 256))),
        (
            "StringList",
            "Ids; At most 128 (the CLI keeps to 32).",
            Some((0, 128)),
        ),
        (
            "Integer",
            "Most results to return, 1-1024.",
            Some((1, 1024)),
        ),
        ("Integer", "1-100.", Some((1, 100))),
        (
            "NumberOrString",
            "Minimum confidence 0.0-1.0, or \"auto\".",
            Some((0, 1)),
        ),
        ("String", "API name, [A-Za-z0-9-_]{1,256}.", Some((1, 256))),
        ("String", "[A-Za-z0-9-_]+.", None),
        ("String", "ISO-8601 time.", None),
        (
            "ObjectList",
            "Emails (vendor CLI sends 128 at a time).",
            None,
        ),
        ("String", "Instructions (reinfer-client 0.43 only).", None),
    ] {
        assert_eq!(limit(kind, description), expected, "{description}");
    }
}

fn paging(endpoint: &str, paging: &Value) -> String {
    let of = |rows: &[(&str, &'static str)]| {
        rows.iter()
            .find(|(name, _)| *name == endpoint)
            .map(|(_, code)| *code)
    };
    let end = of(&ENDS).unwrap_or("PagingEnd::NoCursor");
    let first_page_only = of(&FIRST_PAGE_ONLY).unwrap_or_default();
    let style = match paging["style"].as_str() {
        None => return "None".to_owned(),
        Some("body-continuation") => "BodyContinuation",
        Some("query-continuation") => "QueryContinuation",
        Some("query-older-than") => "QueryOlderThan",
        Some("body-older-than") => "BodyOlderThan",
        Some("stream-sequence") => "StreamSequence",
        Some(other) => panic!("style {other}"),
    };
    let limit = paging["limit_field"]
        .as_str()
        .map_or("None".to_owned(), |field| format!("Some({field:?})"));
    let max = paging["max"]
        .as_u64()
        .map_or("None".to_owned(), |max| format!("Some({max})"));
    format!(
        "Some(Paging {{ style: PagingStyle::{style}, request_field: {:?}, response_field: {:?}, limit_field: {limit}, max: {max}, \
         end: {end}, first_page_only: &[{first_page_only}] }})",
        paging["request_field"].as_str().unwrap_or_default(),
        paging["response_field"].as_str().unwrap_or_default(),
    )
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the one switch that renews generated files"
)]
fn the_table_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read(root.join("catalogue/endpoints.json")).expect("the catalogue");
    let endpoints: Vec<Value> = serde_json::from_slice(&source).expect("JSON");
    let made = table(&endpoints);
    let path = root.join("src/catalogue/table.rs");
    if std::env::var_os("REIN_RENEW").is_some() {
        std::fs::write(&path, &made).expect("written");
    }
    let kept = std::fs::read_to_string(&path).expect("the table");
    assert!(
        kept == made,
        "the table is stale: REIN_RENEW=1 cargo test --lib catalogue"
    );
    assert_eq!(super::all().len(), endpoints.len());
}
