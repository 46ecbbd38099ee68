//! Makes `table.rs` of `catalogue/endpoints.json`. Renewed by
//! `REIN_RENEW=1 cargo test --lib catalogue`; after a change of the types, which the old table does
//! not fit, empty its list first.

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

fn table(endpoints: &[Value]) -> String {
    let mut text = String::from(
        "//! Generated from `catalogue/endpoints.json`: see `generate.rs`. Constant data, nothing is parsed.\n\n\
         use super::{Answer, Class, Endpoint, Field, Kind, Paging, PagingEnd, PagingStyle};\n\n\
         #[rustfmt::skip]\npub(super) const ENDPOINTS: &[Endpoint] = &[\n",
    );
    for endpoint in endpoints {
        row(endpoint, &mut text);
    }
    text.push_str("];\n");
    text
}

fn row(endpoint: &Value, text: &mut String) {
    let string = |key: &str| format!("{:?}", endpoint[key].as_str().unwrap_or_default());
    let strings = |key: &str| {
        let all: Vec<String> = list(&endpoint[key])
            .iter()
            .map(|value| format!("{:?}", value.as_str().unwrap_or_default()))
            .collect();
        format!("&[{}]", all.join(", "))
    };
    let fields = |key: &str| {
        let all: Vec<String> = list(&endpoint[key]).iter().map(field).collect();
        if all.is_empty() {
            "&[]".to_owned()
        } else {
            format!("&[\n{}    ]", all.concat())
        }
    };
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
        Value::Null => "None".to_owned(),
        body => format!("Some({:?})", body.to_string()),
    };
    let items = endpoint["response_items"]
        .as_str()
        .map_or("None".to_owned(), |items| format!("Some({items:?})"));
    writeln!(
        text,
        "    Endpoint {{\n    name: {}, group: {},\n    summary: {},\n    method: {}, path: {},\n    path_params: {},\n    \
         query_params: {},\n    body_fields: {},\n    example_body: {example},\n    permissions: {}, items: {items},\n    columns: {},\n    \
         paging: {}, class: Class::{class}, idempotent: {}, documented: {}, answer: Answer::{answer},\n    }},",
        string("name"),
        string("group"),
        string("summary"),
        string("method"),
        string("path"),
        fields("path_params"),
        fields("query_params"),
        fields("body_fields"),
        strings("permissions"),
        strings("table_columns"),
        paging(name, &endpoint["pagination"]),
        endpoint["idempotent"] == true,
        endpoint["documented"] == true,
    )
    .expect("a string takes everything");
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
    let default = match &field["default"] {
        Value::Null => "None".to_owned(),
        value => format!("Some({:?})", value.to_string()),
    };
    // A placeholder of the path has no such mark: it is always required.
    let required = field
        .get("required")
        .is_none_or(|required| required == true);
    format!(
        "        Field {{ name: {:?}, kind: Kind::{kind}, required: {required}, default: {default}, description: {:?} }},\n",
        field["name"].as_str().unwrap_or_default(),
        field["description"].as_str().unwrap_or_default(),
    )
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
