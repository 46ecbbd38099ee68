//! Datasets.

use serde_json::{Value, json};

use super::sources::check_name;
use super::{Call, RouteResult, bad, listed, not_found, strict};
use crate::demo::reply::Reply;
use crate::demo::state::{Dataset, NOW, Object, State, text};

const FIELDS: [&str; 10] = [
    "title",
    "description",
    "source_ids",
    "entity_defs",
    "general_fields",
    "label_groups",
    "label_defs",
    "has_sentiment",
    "model_family",
    "_timezone",
];

const FAMILIES: [&str; 5] = [
    "english",
    "german",
    "transformer-english",
    "transformer-xlm",
    "random",
];

pub(super) fn route(call: &Call, state: &mut State, rest: &[&str]) -> RouteResult {
    let by_id = |state: &State, id: &str| {
        state
            .datasets
            .iter()
            .position(|dataset| text(&dataset.facts, "id") == id.trim_start_matches("id:"))
    };
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", []) => Ok(list(state, |_| true)),
        ("GET" | "HEAD", [id]) if id.starts_with("id:") => {
            let index = by_id(state, id).ok_or_else(not_found)?;
            Ok(Reply::ok(json!({"dataset": state.datasets[index].facts})))
        }
        ("GET" | "HEAD", [project]) => {
            if !state.has_project(project) {
                return Err(not_found());
            }
            Ok(list(state, |dataset| text(dataset, "owner") == *project))
        }
        ("GET" | "HEAD", [project, name]) => {
            let dataset = state.dataset(project, name).ok_or_else(not_found)?;
            Ok(Reply::ok(json!({"dataset": dataset.facts})))
        }
        ("PUT", [project, name]) => create(call, state, project, name),
        ("POST", [project, name]) => {
            call.needs("datasets-admin", project)?;
            let given = given(call)?;
            let dataset = state.dataset(project, name).ok_or_else(not_found)?;
            dataset.facts.extend(given);
            dataset.facts.insert("last_modified".to_owned(), NOW.into());
            Ok(Reply::ok(json!({"dataset": dataset.facts})))
        }
        ("DELETE", [id]) if id.starts_with("id:") => {
            let index = by_id(state, id).ok_or_else(not_found)?;
            call.needs(
                "datasets-admin",
                text(&state.datasets[index].facts, "owner"),
            )?;
            state.datasets.remove(index);
            Ok(Reply::ok(json!({})))
        }
        ("DELETE", [project, name]) => {
            call.needs("datasets-admin", project)?;
            state.dataset(project, name).ok_or_else(not_found)?;
            let is_it =
                |facts: &Object| text(facts, "owner") == *project && text(facts, "name") == *name;
            state.datasets.retain(|dataset| !is_it(&dataset.facts));
            Ok(Reply::ok(json!({})))
        }
        _ => listed::route(call),
    }
}

fn list(state: &State, wanted: impl Fn(&Object) -> bool) -> Reply {
    let datasets: Vec<&Object> = state
        .datasets
        .iter()
        .map(|dataset| &dataset.facts)
        .filter(|facts| wanted(facts))
        .collect();
    Reply::ok(json!({"datasets": datasets}))
}

fn create(call: &Call, state: &mut State, project: &str, name: &str) -> RouteResult {
    call.needs("datasets-admin", project)?;
    let given = given(call)?;
    if !state.has_project(project) {
        return Err(Reply::error(404, "No such project"));
    }
    check_name(name)?;
    if state.dataset(project, name).is_some() {
        return Err(Reply::error(409, "A dataset with this name already exists"));
    }
    let mut dataset = Dataset::new(project, name, given);
    let id = state.new_id();
    dataset.facts.insert("id".to_owned(), id.into());
    let facts = dataset.facts.clone();
    state.datasets.push(dataset);
    Ok(Reply::ok(json!({"dataset": facts})))
}

fn given(call: &Call) -> Result<Object, Reply> {
    let mut body = call.fields(&["dataset"])?;
    let dataset = body
        .remove("dataset")
        .ok_or_else(|| bad("'dataset' is a required property"))?;
    let given = strict(dataset, &FIELDS)?;
    if let Some(family) = given.get("model_family").and_then(Value::as_str)
        && !FAMILIES.contains(&family)
    {
        return Err(bad(
            &format!("'{family}' is not one of {FAMILIES:?}").replace('"', "'")
        ));
    }
    Ok(given)
}
