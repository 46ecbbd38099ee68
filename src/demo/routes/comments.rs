//! Comments of a source: sync, read, list in pages, delete.

use serde_json::{Value, json};

use super::{Call, RouteResult, bad, cursor, listed, not_found, position, strict};
use crate::demo::reply::Reply;
use crate::demo::state::{NOW, Object, Source, State, object, text};

const FIELDS: [&str; 7] = [
    "id",
    "timestamp",
    "messages",
    "user_properties",
    "thread_id",
    "text_format",
    "attachments",
];

/// The most comments that one sync may carry.
const MAX_SYNCED: usize = 16_384;

pub(super) fn route(
    call: &Call,
    state: &mut State,
    project: &str,
    name: &str,
    rest: &[&str],
) -> RouteResult {
    let source = state.source(project, name).ok_or_else(not_found)?;
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", ["comments"]) => list(call, source),
        ("GET" | "HEAD", ["comments", id]) => {
            let comment = source
                .comments()
                .iter()
                .find(|comment| text(comment, "id") == *id)
                .ok_or_else(not_found)?;
            Ok(Reply::ok(json!({"comment": comment})))
        }
        ("POST", ["sync"]) | ("PUT", ["comments"]) => {
            call.needs("sources-add-comments", project)?;
            sync(call, source)
        }
        ("POST", ["sync-raw-emails"]) => {
            call.needs("sources-add-comments", project)?;
            sync_raw_emails(call, source)
        }
        ("DELETE", ["comments"]) => {
            call.needs("sources-add-comments", project)?;
            delete(call, source)
        }
        ("POST", ["statistics"]) => Ok(Reply::ok(
            json!({"statistics": {"num_comments": source.comments().len()}}),
        )),
        _ => listed::route(call),
    }
}

fn list(call: &Call, source: &mut Source) -> RouteResult {
    let limit = call.number("limit", 64, 256)?;
    let start = call
        .parameter("after")
        .map(|after| position("comments", after))
        .transpose()?
        .unwrap_or(0);
    let (from, to) = (
        call.parameter("from_timestamp"),
        call.parameter("to_timestamp"),
    );
    let mut comments: Vec<&Object> = source
        .comments()
        .iter()
        .filter(|comment| from.is_none_or(|from| text(comment, "timestamp") >= from))
        .filter(|comment| to.is_none_or(|to| text(comment, "timestamp") < to))
        .collect();
    match call.parameter("direction") {
        None | Some("ascending") => {}
        Some("descending") => comments.reverse(),
        Some(other) => {
            return Err(bad(&format!(
                "'{other}' is not one of ['ascending', 'descending']"
            )));
        }
    }
    let end = (start + limit).min(comments.len());
    let page = comments.get(start..end).unwrap_or_default();
    let mut members = object(json!({"comments": page}));
    if end < comments.len() {
        members.insert("continuation".to_owned(), cursor("comments", end).into());
    }
    Ok(Reply::ok(Value::Object(members)))
}

/// What a sync did, as the service counts it.
#[derive(Default)]
struct Counts {
    new: usize,
    updated: usize,
    unchanged: usize,
    properties_only: usize,
    text_changed: usize,
}

impl Counts {
    fn members(&self) -> Value {
        json!({
            "new": self.new, "updated": self.updated, "unchanged": self.unchanged,
            "updated_properties_only": self.properties_only, "updated_text_changed": self.text_changed,
        })
    }
}

fn sync(call: &Call, source: &mut Source) -> RouteResult {
    let mut body = call.fields(&["comments"])?;
    let Some(Value::Array(comments)) = body.remove("comments") else {
        return Err(bad("'comments' is a required property and must be a list"));
    };
    if comments.len() > MAX_SYNCED {
        return Err(bad(&format!("more than {MAX_SYNCED} comments")));
    }
    let comments = comments
        .into_iter()
        .map(checked)
        .collect::<Result<Vec<_>, _>>()?;
    let mut counts = Counts::default();
    for comment in comments {
        store(source, comment, &mut counts);
    }
    Ok(Reply::ok(counts.members()))
}

fn checked(comment: Value) -> Result<Object, Reply> {
    let comment = strict(comment, &FIELDS)?;
    let id = text(&comment, "id");
    if id.is_empty()
        || id.len() > 1024
        || !id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'/')
    {
        return Err(bad(
            "'id' must be 1 to 1024 printable ASCII characters without '/'",
        ));
    }
    if text(&comment, "timestamp").is_empty() {
        return Err(bad("'timestamp' is a required property"));
    }
    let messages = comment.get("messages").and_then(Value::as_array);
    let has_text = |message: &Value| message["body"]["text"].is_string();
    if !messages.is_some_and(|messages| !messages.is_empty() && messages.iter().all(has_text)) {
        return Err(bad(
            "'messages' must hold at least one message with body.text",
        ));
    }
    Ok(comment)
}

fn store(source: &mut Source, given: Object, counts: &mut Counts) {
    let source_id = text(&source.facts, "id").to_owned();
    let comments = source.comments();
    if let Some(old) = comments
        .iter_mut()
        .find(|old| text(old, "id") == text(&given, "id"))
    {
        let text_changed = old.get("messages") != given.get("messages");
        let changed = given.iter().any(|(key, value)| old.get(key) != Some(value));
        if !changed {
            counts.unchanged += 1;
        } else if text_changed {
            counts.updated += 1;
            counts.text_changed += 1;
        } else {
            counts.updated += 1;
            counts.properties_only += 1;
        }
        if changed {
            old.extend(given);
            old.insert("last_modified".to_owned(), NOW.into());
        }
        return;
    }
    counts.new += 1;
    let mut comment = object(json!({
        "uid": format!("{source_id}.{}", text(&given, "id")), "source_id": source_id,
        "created_at": NOW, "last_modified": NOW, "user_properties": {}, "attachments": [],
    }));
    comment.extend(given);
    comments.push(comment);
}

fn sync_raw_emails(call: &Call, source: &mut Source) -> RouteResult {
    let mut body = call.fields(&[
        "documents",
        "transform_tag",
        "include_comments",
        "override_user_properties",
    ])?;
    let Some(Value::Array(documents)) = body.remove("documents") else {
        return Err(bad("'documents' is a required property and must be a list"));
    };
    let mut counts = Counts::default();
    let mut made = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        let email = &document["raw_email"];
        let plain = email["body"]["plain"]
            .as_str()
            .or(email["body"]["html"].as_str());
        let Some(plain) = plain else {
            return Err(bad("'raw_email.body' needs plain or html"));
        };
        let id = document["comment_id"]
            .as_str()
            .map_or_else(|| format!("email-{number}"), str::to_owned);
        let comment = object(json!({
            "id": id, "timestamp": NOW, "messages": [{"body": {"text": plain}}], "user_properties": document["user_properties"],
        }));
        made.push(comment.clone());
        store(source, comment, &mut counts);
    }
    let mut members = object(counts.members());
    if body.get("include_comments") == Some(&Value::Bool(true)) {
        members.insert("comments".to_owned(), json!(made));
    }
    Ok(Reply::ok(Value::Object(members)))
}

fn delete(call: &Call, source: &mut Source) -> RouteResult {
    let ids: Vec<&str> = call
        .query
        .iter()
        .filter(|(name, _)| name == "id")
        .map(|(_, id)| id.as_str())
        .collect();
    if ids.is_empty() || ids.len() > 128 {
        return Err(bad("1 to 128 ids are needed: ?id=...&id=..."));
    }
    source
        .comments()
        .retain(|comment| !ids.contains(&text(comment, "id")));
    Ok(Reply::ok(json!({})))
}
