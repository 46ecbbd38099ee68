//! Endpoints of the catalogue that the tenant has no data for: the request is checked as the
//! catalogue says, and a success has nothing in it.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Call, RouteResult, User, bad, not_found};
use crate::catalogue::requirements::{Content, faults};
use crate::catalogue::{self, Class, Endpoint, Kind};
use crate::demo::reply::Reply;
use crate::request::COMPONENT;

/// Answers a request for a path that no other route serves.
pub(super) fn route(call: &Call) -> RouteResult {
    let encode = |text: &String| percent_encoding::utf8_percent_encode(text, COMPONENT).to_string();
    let path: Vec<String> = call.segments.iter().map(encode).collect();
    let path = format!("/{}", path.join("/"));
    let known = catalogue::classify_as(std::slice::from_ref(&call.method), &path);
    let endpoint = known.endpoint.ok_or_else(not_found)?;
    if endpoint.class > Class::Read && call.user != Some(User::Admin) {
        let needs = endpoint.permissions.join(", ");
        return Err(Reply::error(403, &format!("no permission: {needs}")));
    }
    check(endpoint, call)?;
    if endpoint.response == catalogue::ResponseKind::Other {
        let bytes = Bytes::from_static(b"%PDF-1.4\n");
        return Ok(Reply::bytes(200, "application/octet-stream", bytes));
    }
    let mut members = Map::new();
    if let Some(items) = endpoint.items
        && !items.contains(['.', '['])
    {
        members.insert(items.to_string(), json!([]));
    }
    Ok(Reply::ok(Value::Object(members)))
}

fn check(endpoint: &Endpoint, call: &Call) -> Result<(), Reply> {
    let pairs: Vec<String> = call
        .query
        .iter()
        .map(|(name, value)| {
            let encode = |text| percent_encoding::utf8_percent_encode(text, COMPONENT);
            format!("{}={}", encode(name), encode(value))
        })
        .collect();
    let takes_file = endpoint
        .body_fields
        .iter()
        .any(|field| matches!(field.kind, Kind::File | Kind::Binary));
    let content = match call.body.is_empty() {
        true => Content::Absent,
        false if takes_file => Content::Opaque,
        false => Content::Json(&call.body),
    };
    if let Content::Json(body) = content
        && !endpoint.body_fields.is_empty()
    {
        let top = |name: &'static str| name.split(['.', '[']).next().unwrap_or(name);
        let names = endpoint.body_fields.iter().map(|field| field.name);
        let allowed: Vec<&str> = names.map(top).collect();
        let value =
            serde_json::from_slice(body).map_err(|_| bad("The request body is not valid JSON"))?;
        super::strict(value, &allowed)?;
    }
    let faults = faults(endpoint, &pairs.join("&"), content);
    if let Some((name, _)) = faults.missing.first() {
        return Err(bad(&format!("'{name}' is a required property")));
    }
    faults.outside.first().map_or(Ok(()), |text| Err(bad(text)))
}
