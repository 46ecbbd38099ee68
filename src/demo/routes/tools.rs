//! Audit events, small lists, and paths of the demo's own for trying things out.

use serde_json::{Value, json};

use super::models::{page, start, with_cursor};
use super::{Call, RouteResult, bad, not_found};
use crate::demo::reply::{Content, Reply};
use crate::demo::state::{State, id_of, text};

/// The tenant's own id.
const TENANT: &str = "a1fa9c9a5a7b2f10";

/// How many audit events there are.
const EVENTS: usize = 300;

pub(super) fn audit_events(call: &Call, state: &State) -> RouteResult {
    call.needs("users-read", "of the tenant")?;
    let body = call.fields(&["filter", "limit", "continuation"])?;
    let limit = match body.get("limit").map(Value::as_u64) {
        None => 128,
        Some(Some(limit @ 1..=1024)) => usize::try_from(limit).unwrap_or(128),
        Some(_) => return Err(bad("'limit' must be 1 to 1024")),
    };
    let bound = |which: &str| {
        body.get("filter")
            .and_then(|filter| filter["timestamp"][which].as_str())
    };
    let (from, to) = (bound("minimum"), bound("maximum"));
    let events: Vec<Value> = (0..EVENTS)
        .map(event)
        .filter(|event| from.is_none_or(|from| event["timestamp"].as_str() >= Some(from)))
        .filter(|event| to.is_none_or(|to| event["timestamp"].as_str() < Some(to)))
        .collect();
    let (page, next) = page(&events, start(&body, "audit")?, limit, "audit");
    // Every page has the names of just what it mentions.
    let actors: Vec<Value> = ["dana", "kim"]
        .iter()
        .filter(|name| page.iter().any(|event| event["actor_user_id"] == id_of(&["user", name])))
        .map(|name| json!({"id": id_of(&["user", name]), "tenant_id": TENANT, "username": name, "email": format!("{name}@acme.example"), "display_name": name}))
        .collect();
    let datasets: Vec<Value> = state
        .datasets
        .iter()
        .map(|dataset| json!({"id": dataset.facts["id"], "name": dataset.facts["name"], "title": text(&dataset.facts, "title"), "project_id": id_of(&["project", text(&dataset.facts, "owner")])}))
        .collect();
    let projects: Vec<Value> = state
        .projects
        .iter()
        .map(|project| json!({"id": project["id"], "name": project["name"], "tenant_id": TENANT}))
        .collect();
    let members = json!({
        "audit_events": page, "tenants": [{"id": TENANT, "name": "acme"}], "users": actors,
        "datasets": datasets, "sources": [], "triggers": [], "projects": projects,
    });
    Ok(with_cursor(members, next))
}

fn event(number: usize) -> Value {
    let actor = if number < EVENTS / 2 { "dana" } else { "kim" };
    let kinds = ["get_comments", "update_dataset", "create_stream"];
    json!({
        "event_id": id_of(&["event", &number.to_string()]),
        "event_type": kinds[number % kinds.len()],
        "timestamp": format!("2024-05-{:02}T{:02}:00:00Z", number / 24 + 1, number % 24),
        "actor_user_id": id_of(&["user", actor]), "actor_tenant_id": TENANT,
        "tenant_ids": [TENANT], "dataset_ids": [id_of(&["dataset", "retail", "orders"])],
    })
}

pub(super) fn quotas() -> Reply {
    let quota = |kind: &str, limit: u32, usage: u32| json!({"quota_kind": kind, "hard_limit": limit, "current_max_usage": usage, "auto_increase_up_to": limit * 2});
    Reply::ok(
        json!({"quotas": [quota("sources", 1000, 6), quota("datasets", 100, 4), quota("triggers", 50, 2)]}),
    )
}

pub(super) fn attachment(reference: &str) -> RouteResult {
    if reference != "AbCdEf123" {
        return Err(not_found());
    }
    let bytes: Vec<u8> = b"%PDF-1.4\n".iter().copied().chain(0..=255).collect();
    Ok(Reply::bytes(200, "application/pdf", bytes.into()))
}

/// `/api/_demo/echo` shows what was sent; `/api/_demo/big?bytes=N` is a large document;
/// `/api/_demo/pages?pages=N&rows=N` is a long list in pages, `after` being the cursor.
pub(super) fn route(call: &Call, rest: &[&str]) -> RouteResult {
    match rest {
        ["echo"] => Ok(echo(call)),
        ["pages"] => pages(call),
        ["big"] => {
            let size = call
                .parameter("bytes")
                .and_then(|text| text.parse().ok())
                .unwrap_or(1_000_000);
            let mut reply = Reply::ok(json!({}));
            reply.content = Content::Big(size);
            Ok(reply)
        }
        _ => Err(not_found()),
    }
}

fn pages(call: &Call) -> RouteResult {
    let pages = call.number("pages", 10, 1_000_000)?;
    let rows = call.number("rows", 100, 100_000)?;
    let after = match call.parameter("after") {
        None => 0,
        Some(text) => text.parse().map_err(|_| bad("'after' is no cursor"))?,
    };
    let first = after * rows;
    let list: Vec<Value> = (first..first + rows)
        .map(|number| json!({"id": number, "text": "Where is my order? ".repeat(8)}))
        .collect();
    let next = after + 1;
    Ok(with_cursor(
        json!({"rows": list}),
        (next < pages).then(|| next.to_string()),
    ))
}

fn echo(call: &Call) -> Reply {
    let headers: serde_json::Map<String, Value> = call
        .headers
        .iter()
        .filter(|(name, _)| *name != "authorization")
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into(),
            )
        })
        .collect();
    let query: Vec<Value> = call
        .query
        .iter()
        .map(|(name, value)| json!([name, value]))
        .collect();
    Reply::ok(json!({
        "method": call.method, "path": format!("/{}", call.segments.join("/")), "query": query,
        "headers": headers, "body": String::from_utf8_lossy(&call.body),
    }))
}
