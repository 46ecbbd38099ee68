//! Makes `table.rs` of `catalogue/endpoints.json`. Renewed by
//! `REIN_RENEW=1 cargo test --lib catalogue`; after a change of the types, which the old table does
//! not fit, empty its list first.

use std::path::Path;

use serde_json::Value;

/// The endpoints that respond with something else than JSON: binary content and, on request, CSV
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

fn table(endpoints: &[Value]) -> String {
    let rows: String = endpoints.iter().map(row).collect();
    format!(
        "//! Generated from `catalogue/endpoints.json`: see `generate.rs`. Constant data, nothing is parsed.\n\n\
         use super::{{Class, Endpoint, Field, Kind, Limit, Paging, PagingEnd, PagingStyle, ResponseKind}};\n\n\
         #[rustfmt::skip]\npub(super) static ENDPOINTS: [Endpoint; {}] = [\n{rows}];\n",
        endpoints.len(),
    )
}

fn row(endpoint: &Value) -> String {
    let class = match endpoint["class"].as_str() {
        Some("read") => "Read",
        Some("write") => "Write",
        Some("billable") => "Billable",
        Some("stateful") => "Stateful",
        Some("destructive") => "Destructive",
        other => panic!("class {other:?}"),
    };
    let name = endpoint["name"].as_str().unwrap_or_default();
    let response = if OTHER_THAN_JSON.contains(&name) {
        "Other"
    } else {
        "Json"
    };
    let text = |key: &str| endpoint[key].as_str().unwrap_or_default();
    format!(
        "    Endpoint {{\n        name: {name:?}, group: {:?},\n        summary: {:?},\n        \
         method: {:?}, path: {:?},\n        path_params: {},\n        query_params: {},\n        \
         body_fields: {},\n        example_body: {:?},\n        permissions: {},\n        \
         items: {:?}, columns: {},\n        paging: {},\n        \
         class: Class::{class}, idempotent: {}, documented: {}, response: ResponseKind::{response},\n    }},\n",
        text("group"),
        text("summary"),
        text("method"),
        text("path"),
        fields(&endpoint["path_params"]),
        fields(&endpoint["query_params"]),
        fields(&endpoint["body_fields"]),
        json(&endpoint["example_body"]),
        texts(&endpoint["permissions"]),
        endpoint["response_items"].as_str(),
        texts(&endpoint["table_columns"]),
        paging(name, &endpoint["pagination"]),
        endpoint["idempotent"] == true,
        endpoint["documented"] == true,
    )
}

/// Returns a list of fields, each on its own line.
fn fields(all: &Value) -> String {
    let fields: String = list(all).iter().map(field).collect();
    if fields.is_empty() {
        return "&[]".to_owned();
    }
    format!("&[\n{fields}        ]")
}

/// Returns a list of texts.
fn texts(all: &Value) -> String {
    let texts: Vec<_> = list(all).iter().filter_map(Value::as_str).collect();
    format!("&{texts:?}")
}

/// Returns a value as the text of its JSON.
fn json(value: &Value) -> Option<String> {
    (!value.is_null()).then(|| value.to_string())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn field(field: &Value) -> String {
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
    // A placeholder of the path has no such mark: it is always required.
    let required = field
        .get("required")
        .is_none_or(|required| required == true);
    let description = field["description"].as_str().unwrap_or_default();
    let limit = limit(kind, description).map_or("None".to_owned(), |(least, most)| {
        format!("Some(Limit {{ least: {least}, most: {most} }})")
    });
    format!(
        "            Field {{ name: {:?}, kind: Kind::{kind}, required: {required}, default: {:?}, limit: {limit}, description: {description:?} }},\n",
        field["name"].as_str().unwrap_or_default(),
        json(&field["default"]),
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
