//! Sources.

use serde_json::{Value, json};

use super::{Call, RouteResult, bad, listed, not_found, strict};
use crate::demo::reply::Reply;
use crate::demo::state::{NOW, Object, Source, State, text};

const FIELDS: [&str; 9] = [
    "title",
    "description",
    "language",
    "should_translate",
    "sensitive_properties",
    "bucket_id",
    "email_transform_tag",
    "email_transform_version",
    "_kind",
];

pub(super) fn route(call: &Call, state: &mut State, rest: &[&str]) -> RouteResult {
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", []) => Ok(list(state, |_| true)),
        ("GET" | "HEAD", [id]) if id.starts_with("id:") => {
            let source = state.source_by_id(&id[3..]).ok_or_else(not_found)?;
            Ok(Reply::ok(json!({"source": source.facts})))
        }
        ("GET" | "HEAD", [project]) => {
            if !state.has_project(project) {
                return Err(not_found());
            }
            Ok(list(state, |source| text(source, "owner") == *project))
        }
        ("GET" | "HEAD", [project, name]) => {
            let source = state.source(project, name).ok_or_else(not_found)?;
            Ok(Reply::ok(json!({"source": source.facts})))
        }
        ("PUT", [project, name]) => create(call, state, project, name),
        ("POST", [project, name]) => {
            call.needs("sources-admin", project)?;
            let given = given(call)?;
            let source = state.source(project, name).ok_or_else(not_found)?;
            source.facts.extend(given);
            source.facts.insert("updated_at".to_owned(), NOW.into());
            Ok(Reply::ok(json!({"source": source.facts})))
        }
        ("DELETE", [id]) if id.starts_with("id:") => {
            let project = state
                .source_by_id(&id[3..])
                .map(|source| text(&source.facts, "owner").to_owned());
            call.needs("sources-admin", &project.ok_or_else(not_found)?)?;
            state
                .sources
                .retain(|source| text(&source.facts, "id") != &id[3..]);
            Ok(Reply::ok(json!({})))
        }
        _ => listed::route(call),
    }
}

fn list(state: &State, wanted: impl Fn(&Object) -> bool) -> Reply {
    let sources: Vec<&Object> = state
        .sources
        .iter()
        .map(|source| &source.facts)
        .filter(|facts| wanted(facts))
        .collect();
    Reply::ok(json!({"sources": sources}))
}

fn create(call: &Call, state: &mut State, project: &str, name: &str) -> RouteResult {
    call.needs("sources-admin", project)?;
    let given = given(call)?;
    if !state.has_project(project) {
        return Err(Reply::error(404, "No such project"));
    }
    check_name(name)?;
    if state.source(project, name).is_some() {
        return Err(Reply::error(409, "A source with this name already exists"));
    }
    let mut source = Source::new(project, name, given, 0);
    let id = state.new_id();
    source.facts.insert("id".to_owned(), id.into());
    let facts = source.facts.clone();
    state.sources.push(source);
    Ok(Reply::ok(json!({"source": facts})))
}

fn given(call: &Call) -> Result<Object, Reply> {
    let mut body = call.fields(&["source"])?;
    let source = body
        .remove("source")
        .ok_or_else(|| bad("'source' is a required property"))?;
    let given = strict(source, &FIELDS)?;
    if let Some(language) = given.get("language").and_then(Value::as_str)
        && !["en", "de", "xlm"].contains(&language)
    {
        return Err(bad(&format!(
            "'{language}' is not one of ['en', 'de', 'xlm']"
        )));
    }
    if let Some(tag) = given.get("email_transform_tag").and_then(Value::as_str)
        && tag.split('.').count() != 3
    {
        return Err(Reply::error(
            422,
            &format!("The value '{tag}' is not a valid transform tag."),
        ));
    }
    Ok(given)
}

/// The service's pattern for names of sources, datasets and streams.
pub(super) fn check_name(name: &str) -> Result<(), Reply> {
    let fits = (1..=256).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if fits {
        Ok(())
    } else {
        Err(bad(&format!(
            "'{name}' does not match '^[A-Za-z0-9-_]{{1,256}}$'"
        )))
    }
}
