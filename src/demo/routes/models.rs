//! What a dataset can be asked: exports, queries, predictions, models.

use serde_json::{Value, json};

use super::{Call, RouteResult, bad, cursor, listed, not_found, position};
use crate::demo::reply::Reply;
use crate::demo::state::{LABELS, Object, State, object, text};

/// The most documents that one prediction may carry.
const MAX_DOCUMENTS: usize = 4096;

pub(super) fn route(
    call: &Call,
    state: &mut State,
    project: &str,
    name: &str,
    rest: &[&str],
) -> RouteResult {
    let comments = state
        .comments_of_dataset(project, name)
        .ok_or_else(not_found)?;
    match (call.method.as_str(), rest) {
        ("POST", ["export"]) => {
            call.needs("datasets-export", project)?;
            export(call, &comments)
        }
        ("POST", ["query" | "recent"]) => query(call, &comments),
        ("GET", ["labellings"]) => annotations(call, &comments),
        ("POST", ["labellings", uid]) => annotate(call, project, &comments, uid),
        ("POST", ["statistics"]) => Ok(Reply::ok(
            json!({"statistics": {"num_comments": comments.len()}}),
        )),
        ("GET", ["model-tags"]) => Ok(Reply::ok(json!({"model_tags": [
            {"name": "live", "version": 12, "updated_at": "2024-05-01T00:00:00Z"},
            {"name": "staging", "version": 14, "updated_at": "2024-05-09T00:00:00Z"},
        ]}))),
        ("POST", ["labellers"]) => models(call),
        ("GET", ["labellers", version, "validation"]) => {
            let version = match *version {
                // Only this route, and only under `_private`, takes the newest one unpinned.
                "latest" if call.segments.iter().any(|segment| segment == "_private") => 14,
                pinned => model(pinned)?,
            };
            Ok(Reply::ok(json!({"validation": {
                "version": version, "labels": [{"name": "Delivery > Late", "parts": ["Delivery", "Late"]}],
                "entities": [{"name": "date", "title": "Date"}], "num_reviewed_comments": 420, "num_labels": 18,
                "num_amber_labels": 3, "num_red_labels": 1, "mean_average_precision_safe": 0.81,
                "dataset_quality": "good", "dataset_score": 74, "balance": 0.7, "balance_quality": "good",
                "coverage": 0.93, "coverage_quality": "excellent",
                "underperforming_labels_quality": "average", "all_labels_quality": "good",
            }})))
        }
        ("POST", ["labellers", version, "predict"]) => {
            predict(call, version, &["documents", "threshold", "labels"])
        }
        ("POST", ["labellers", version, "predict-raw-emails"]) => predict(
            call,
            version,
            &[
                "documents",
                "threshold",
                "labels",
                "transform_tag",
                "include_comments",
            ],
        ),
        ("POST", ["labellers", version, "predict-comments"]) => predict_comments(call, version),
        _ => listed::route(call),
    }
}

fn limit(body: &Object, default: usize, most: usize) -> Result<usize, Reply> {
    match body.get("limit") {
        None | Some(Value::Null) => Ok(default),
        Some(limit) => match limit.as_u64().and_then(|limit| usize::try_from(limit).ok()) {
            Some(limit) if (1..=most).contains(&limit) => Ok(limit),
            _ => Err(bad(&format!(
                "{limit} is not a valid limit: 1 to {most} are allowed"
            ))),
        },
    }
}

/// Returns where a page starts by the body's continuation.
pub(super) fn start(body: &Object, kind: &str) -> Result<usize, Reply> {
    match body.get("continuation").and_then(Value::as_str) {
        Some(continuation) => position(kind, continuation),
        None => Ok(0),
    }
}

/// Cuts a page out of items, with the cursor of the next one if there is one.
pub(super) fn page<'a, T>(
    items: &'a [T],
    start: usize,
    limit: usize,
    kind: &str,
) -> (&'a [T], Option<String>) {
    let end = (start + limit).min(items.len());
    let next = (end < items.len()).then(|| cursor(kind, end));
    (items.get(start..end).unwrap_or_default(), next)
}

fn export(call: &Call, comments: &[Object]) -> RouteResult {
    let body = call.fields(&[
        "continuation",
        "limit",
        "from",
        "to",
        "order_by",
        "source_ids",
        "comment_uids",
    ])?;
    if let Some(order) = body.get("order_by").and_then(Value::as_str)
        && !["timestamp", "created_at"].contains(&order)
    {
        return Err(bad(&format!(
            "'{order}' is not one of ['timestamp', 'created_at']"
        )));
    }
    let (from, to) = (text(&body, "from"), text(&body, "to"));
    let wanted: Vec<&Object> = comments
        .iter()
        .filter(|comment| from.is_empty() || text(comment, "timestamp") >= from)
        .filter(|comment| to.is_empty() || text(comment, "timestamp") < to)
        .collect();
    let (page, next) = page(
        &wanted,
        start(&body, "export")?,
        limit(&body, 64, 4096)?,
        "export",
    );
    let rows: Vec<Value> = page
        .iter()
        .enumerate()
        .map(|(number, comment)| {
            let label = LABELS[number % LABELS.len()].join(" > ");
            json!({
                "comment": comment, "annotations": {"labels": {"assigned": [{"name": label, "sentiment": "negative"}]}},
                "predictions": {"labels": [{"name": label, "probability": 0.89}]},
                "thread_properties": {"duration": null, "num_messages": 1, "num_participants": 2},
            })
        })
        .collect();
    Ok(with_cursor(json!({"comments": rows}), next))
}

/// Adds the cursor under its usual name.
pub(super) fn with_cursor(members: Value, next: Option<String>) -> Reply {
    let mut members = object(members);
    if let Some(next) = next {
        members.insert("continuation".to_owned(), next.into());
    }
    Reply::ok(Value::Object(members))
}

fn query(call: &Call, comments: &[Object]) -> RouteResult {
    let body = call.fields(&[
        "continuation",
        "limit",
        "filter",
        "attribute_filters",
        "order",
        "collapse_mode",
    ])?;
    let comments = &filtered(comments, body.get("filter"));
    if call
        .headers
        .get("accept")
        .is_some_and(|accept| accept == "text/csv")
    {
        let mut csv = "id,timestamp,from\n".to_owned();
        for comment in comments {
            let sender = comment["messages"][0]["from"].as_str().unwrap_or_default();
            csv.push_str(&format!(
                "{},{},{sender}\n",
                text(comment, "id"),
                text(comment, "timestamp")
            ));
        }
        return Ok(Reply::bytes(200, "text/csv", csv.into()));
    }
    let (page, next) = page(
        comments,
        start(&body, "query")?,
        limit(&body, 64, 512)?,
        "query",
    );
    let rows: Vec<Value> = page
        .iter()
        .map(|comment| json!({"comment": comment, "predictions": {}}))
        .collect();
    Ok(with_cursor(json!({"results": rows}), next))
}

/// Returns the comments that a filter lets through; of its members the sources and the time count.
fn filtered(comments: &[Object], filter: Option<&Value>) -> Vec<Object> {
    let filter = filter.unwrap_or(&Value::Null);
    let time = |bound: &str| filter["timestamp"][bound].as_str();
    let is_in = |comment: &Object| {
        let (sources, timestamp) = (filter["sources"].as_array(), text(comment, "timestamp"));
        sources.is_none_or(|sources| sources.contains(&comment["source_id"]))
            && time("minimum").is_none_or(|minimum| timestamp >= minimum)
            && time("maximum").is_none_or(|maximum| timestamp < maximum)
    };
    comments
        .iter()
        .filter(|comment| is_in(comment))
        .cloned()
        .collect()
}

fn annotations(call: &Call, comments: &[Object]) -> RouteResult {
    let start = call
        .parameter("after")
        .map(|after| position("labellings", after))
        .transpose()?
        .unwrap_or(0);
    let limit = call.number("limit", 64, 999)?;
    let (page, _) = page(comments, start, limit, "labellings");
    let rows: Vec<Value> = page
        .iter()
        .map(|comment| json!({"comment": comment, "labelling": {"assigned": [{"name": "Delivery > Late", "sentiment": "negative"}]}}))
        .collect();
    // Here the end is an empty page, so there is a cursor even on the last full one.
    let after = cursor("labellings", start + page.len());
    Ok(Reply::ok(json!({"results": rows, "after": after})))
}

/// Takes the annotations of one comment and answers with them; the tenant does not keep them.
fn annotate(call: &Call, project: &str, comments: &[Object], uid: &str) -> RouteResult {
    call.needs("datasets-review", project)?;
    let mut body = call.fields(&["labelling", "entities", "moon_forms", "context"])?;
    let comment = comments.iter().find(|comment| text(comment, "uid") == uid);
    let comment = comment.ok_or_else(not_found)?;
    match body.remove("labelling") {
        Some(labelling @ Value::Array(_)) => Ok(Reply::ok(
            json!({"comment": comment, "labelling": labelling}),
        )),
        None => Ok(Reply::ok(json!({"comment": comment}))),
        Some(_) => Err(bad("'labelling' must be a list")),
    }
}

fn models(call: &Call) -> RouteResult {
    let body = call.fields(&[
        "limit",
        "older_than_version",
        "include_deleted",
        "starred",
        "validated",
    ])?;
    let newest = body
        .get("older_than_version")
        .and_then(Value::as_u64)
        .unwrap_or(15)
        .min(15);
    let limit = limit(&body, 5, 100)? as u64;
    let rows: Vec<Value> = (1..newest)
        .rev()
        .take(usize::try_from(limit).unwrap_or(5))
        .map(|version| json!({"version": version, "created": "2024-04-30T15:00:00Z", "pinned": version >= 12}))
        .collect();
    Ok(Reply::ok(json!({"labellers": rows})))
}

fn model(version: &str) -> Result<u64, Reply> {
    match version {
        "live" => Ok(12),
        "staging" => Ok(14),
        _ => version
            .parse()
            .ok()
            .filter(|version| (12..=14).contains(version))
            .ok_or_else(|| Reply::error(404, "The model version does not exist or is not pinned")),
    }
}

fn labels(number: usize) -> Value {
    let name = LABELS[number % LABELS.len()];
    json!([{"name": name, "probability": 0.8921}, {"name": [name[0]], "probability": 0.9312}])
}

fn predict(call: &Call, version: &str, allowed: &[&str]) -> RouteResult {
    let version = model(version)?;
    let body = call.fields(allowed)?;
    let Some(documents) = body.get("documents").and_then(Value::as_array) else {
        return Err(bad("'documents' is a required property and must be a list"));
    };
    if documents.len() > MAX_DOCUMENTS {
        return Err(bad(&format!("more than {MAX_DOCUMENTS} documents")));
    }
    let each = |value: fn(usize) -> Value| (0..documents.len()).map(value).collect::<Vec<Value>>();
    Ok(Reply::ok(json!({
        "model": {"version": version, "time": "2024-04-30T15:00:00.100000Z"}, "predictions": each(labels),
        "entities": each(|_| json!([])),
        "label_properties": each(|_| json!([{"property_id": "0000000000000001", "property_name": "tone", "value": -1.2}])),
    })))
}

fn predict_comments(call: &Call, version: &str) -> RouteResult {
    let version = model(version)?;
    let body = call.fields(&["uids", "threshold", "labels"])?;
    let Some(uids) = body.get("uids").and_then(Value::as_array) else {
        return Err(bad("'uids' is a required property and must be a list"));
    };
    let rows: Vec<Value> = uids
        .iter()
        .enumerate()
        .map(|(number, uid)| json!({"uid": uid, "labels": labels(number), "entities": [], "label_properties": []}))
        .collect();
    Ok(Reply::ok(
        json!({"model": {"version": version, "time": "2024-04-30T15:00:00Z"}, "predictions": rows}),
    ))
}
