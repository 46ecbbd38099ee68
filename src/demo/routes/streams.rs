//! Streams: one position each, which reading does not move.

use serde_json::{Value, json};

use super::owned::check_name;
use super::{Call, RouteResult, bad, cursor, listed, not_found, position, strict};
use crate::demo::reply::Reply;
use crate::demo::state::{LABELS, NOW, Object, State, Stream, object, text};

const FIELDS: [&str; 5] = ["name", "title", "description", "comment_filter", "model"];

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
    let dataset = state.dataset(project, name).ok_or_else(not_found)?;
    let plural = if call.segments.iter().any(|segment| segment == "triggers") {
        "triggers"
    } else {
        "streams"
    };
    let single = plural.trim_end_matches('s');
    let index = |name: &str| {
        dataset
            .streams
            .iter()
            .position(|stream| text(&stream.facts, "name") == name)
    };
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", []) => {
            let all: Vec<&Object> = dataset.streams.iter().map(|stream| &stream.facts).collect();
            Ok(Reply::ok(json!({plural: all})))
        }
        ("PUT", []) => {
            call.needs("streams-admin", project)?;
            let given = given(call, single)?;
            let name = text(&given, "name").to_owned();
            check_name(&name)?;
            if index(&name).is_some() {
                return Err(Reply::error(409, "A stream with this name already exists"));
            }
            let stream = Stream::new(&dataset.facts, &name, given);
            let facts = stream.facts.clone();
            dataset.streams.push(stream);
            Ok(Reply::ok(json!({single: facts})))
        }
        (_, [stream, rest @ ..]) => {
            let index = index(stream).ok_or_else(not_found)?;
            if call.method == "DELETE" && rest.is_empty() {
                call.needs("streams-admin", project)?;
                dataset.streams.remove(index);
                return Ok(Reply::ok(json!({})));
            }
            one(
                call,
                project,
                single,
                &mut dataset.streams[index],
                &comments,
                rest,
            )
        }
        _ => listed::route(call),
    }
}

fn one(
    call: &Call,
    project: &str,
    single: &str,
    stream: &mut Stream,
    comments: &[Object],
    rest: &[&str],
) -> RouteResult {
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", []) => Ok(Reply::ok(json!({single: stream.facts}))),
        ("POST", []) => {
            call.needs("streams-admin", project)?;
            let given = given(call, single)?;
            stream.facts.extend(given);
            stream.facts.insert("updated_at".to_owned(), NOW.into());
            Ok(Reply::ok(json!({single: stream.facts})))
        }
        (_, ["results" | "fetch" | "advance" | "reset" | "exceptions"]) => {
            call.needs("streams-consume", project)?;
            consume(call, stream, comments, rest[0])
        }
        _ => listed::route(call),
    }
}

fn consume(call: &Call, stream: &mut Stream, comments: &[Object], what: &str) -> RouteResult {
    match (call.method.as_str(), what) {
        ("GET", "results") => {
            let most = call.number("max_results", 16, 1024)?;
            call.number("max_filtered", 1024, 1024)?;
            Ok(results(stream, comments, most))
        }
        ("POST", "fetch") => {
            let body = call.fields(&["size", "max_filtered"])?;
            let size = body
                .get("size")
                .and_then(Value::as_u64)
                .filter(|size| (1..=1024).contains(size));
            let size = size.ok_or_else(|| bad("'size' must be 1 to 1024"))?;
            Ok(fetch(
                stream,
                comments,
                usize::try_from(size).unwrap_or(1024),
            ))
        }
        ("POST", "advance") => {
            let body = call.fields(&["sequence_id"])?;
            let token = text(&body, "sequence_id");
            let to = position("stream", token).map_err(|_| bad("The sequence_id is not valid"))?;
            stream.position = to.min(comments.len());
            Ok(Reply::ok(json!({"sequence_id": token})))
        }
        ("POST", "reset") => reset(call, stream, comments),
        ("PUT", "exceptions") => {
            let body = call.fields(&["exceptions"])?;
            let uids = body.get("exceptions").and_then(Value::as_array);
            let uids = uids.into_iter().flatten();
            stream
                .exceptions
                .extend(uids.filter_map(|entry| entry["uid"].as_str().map(str::to_owned)));
            Ok(Reply::ok(json!({})))
        }
        ("DELETE", "exceptions") => {
            let uids: Vec<&String> = call
                .query
                .iter()
                .filter(|(name, _)| name == "uid")
                .map(|(_, uid)| uid)
                .collect();
            stream.exceptions.retain(|uid| !uids.contains(&uid));
            Ok(Reply::ok(json!({})))
        }
        _ => listed::route(call),
    }
}

/// Puts the position at the first comment since a time.
fn reset(call: &Call, stream: &mut Stream, comments: &[Object]) -> RouteResult {
    let body = call.fields(&["to_comment_created_at"])?;
    let from = text(&body, "to_comment_created_at");
    if from.is_empty() {
        return Err(bad("'to_comment_created_at' is a required property"));
    }
    if !is_time(from) {
        return Err(bad("'to_comment_created_at' is not a valid ISO-8601 time"));
    }
    let before = comments
        .iter()
        .filter(|comment| text(comment, "created_at") < from);
    stream.position = before.count();
    Ok(Reply::ok(
        json!({"sequence_id": cursor("stream", stream.position), "stream": stream.facts}),
    ))
}

/// Returns whether a text is a date, or a date and a time of day, as ISO 8601 writes them.
fn is_time(text: &str) -> bool {
    let shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text
                .bytes()
                .zip(shape.bytes())
                .all(|(byte, wanted)| match wanted {
                    b'0' => byte.is_ascii_digit(),
                    _ => byte == wanted,
                })
    };
    let number = |range| {
        let digits: Option<&str> = text.get(range);
        digits
            .and_then(|digits| digits.parse::<u8>().ok())
            .unwrap_or_default()
    };
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00"));
    let (time, zone) = match time.find(['Z', '+', '-']) {
        Some(start) => time.split_at(start),
        None => (time, ""),
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    shaped(date, "0000-00-00")
        && (1..=12).contains(&number(5..7))
        && (1..=31).contains(&number(8..10))
        && shaped(time, "00:00:00")
        && number(11..13) < 24
        && number(14..16) < 60
        && number(17..19) <= 60
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && (matches!(zone, "" | "Z") || shaped(&zone[1..], "00:00"))
}

/// Every fifth comment is filtered out, so that consumers meet that case.
fn passes(number: usize) -> bool {
    number % 5 != 4
}

/// The numbers of the next batch, where it ends, and how many were filtered out on the way.
fn batch(stream: &Stream, comments: &[Object], most: usize) -> (Vec<usize>, usize, usize) {
    let mut end = stream.position;
    let mut taken = Vec::new();
    while end < comments.len() && taken.len() < most {
        if passes(end) {
            taken.push(end);
        }
        end += 1;
    }
    let filtered = end - stream.position - taken.len();
    (taken, end, filtered)
}

fn results(stream: &Stream, comments: &[Object], most: usize) -> Reply {
    let (taken, end, filtered) = batch(stream, comments, most);
    let has_model = stream.facts.contains_key("model");
    let rows: Vec<Value> = taken
        .iter()
        .map(|number| {
            let name = LABELS[number % LABELS.len()].join(" > ");
            let prediction = json!({"taxonomies": [{"name": "default", "labels": [{
                "name": name, "occurrence_confidence": {"value": 0.91, "thresholds": ["high_recall", "balanced"]},
            }], "general_fields": []}], "scores": []});
            json!({
                "comment": comments[*number], "prediction": if has_model { prediction } else { Value::Null },
                "continuation": cursor("stream", number + 1),
            })
        })
        .collect();
    Reply::ok(json!({
        "results": rows, "num_filtered": filtered, "more_results": end < comments.len(),
        "continuation": cursor("stream", end),
    }))
}

fn fetch(stream: &Stream, comments: &[Object], size: usize) -> Reply {
    let (taken, end, filtered) = batch(stream, comments, size);
    let rows: Vec<Value> = taken
        .iter()
        .map(|number| {
            json!({
                "sequence_id": cursor("stream", number + 1), "comment": comments[*number],
                "labels": [{"name": LABELS[number % LABELS.len()], "probability": 0.8921}],
                "entities": [], "label_properties": [],
            })
        })
        .collect();
    Reply::ok(json!({
        "filtered": filtered, "sequence_id": cursor("stream", end), "is_end_sequence": end >= comments.len(),
        "results": rows,
    }))
}

fn given(call: &Call, single: &str) -> Result<Object, Reply> {
    let mut body = call.fields(&[single])?;
    let stream = body
        .remove(single)
        .ok_or_else(|| bad(&format!("'{single}' is a required property")))?;
    let given = strict(stream, &FIELDS)?;
    if let Some(version) = given
        .get("model")
        .and_then(|model| model["version"].as_u64())
        && !(12..=14).contains(&version)
    {
        return Err(Reply::error(
            422,
            &format!("model version {version} is not pinned"),
        ));
    }
    Ok(object(Value::Object(given)))
}
