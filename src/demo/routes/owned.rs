//! Sources and datasets: what belongs to a project has the same routes.

use serde_json::{Value, json};

use super::{Call, RouteResult, bad, listed, not_found, strict};
use crate::demo::reply::Reply;
use crate::demo::state::{Dataset, NOW, Object, Source, State, is_named, text};

const SOURCE_FIELDS: [&str; 9] = [
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

const DATASET_FIELDS: [&str; 10] = [
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

/// What belongs to a project.
pub(super) trait Owned: Sized {
    /// Its name in responses; a permission and the list have it too.
    const KIND: &'static str;
    /// The member that says when it was changed last.
    const CHANGED: &'static str;
    /// What a call may set.
    const FIELDS: &'static [&'static str];
    /// Whether it can be deleted by its name, and not only by its id.
    const IS_DELETED_BY_NAME: bool;

    fn all(state: &mut State) -> &mut Vec<Self>;
    fn make(project: &str, name: &str, given: Object) -> Self;
    fn facts(&mut self) -> &mut Object;
    fn check(given: &Object) -> Result<(), Reply>;
}

impl Owned for Source {
    const KIND: &'static str = "source";
    const CHANGED: &'static str = "updated_at";
    const FIELDS: &'static [&'static str] = &SOURCE_FIELDS;
    const IS_DELETED_BY_NAME: bool = false;

    fn all(state: &mut State) -> &mut Vec<Self> {
        &mut state.sources
    }

    fn make(project: &str, name: &str, given: Object) -> Self {
        Source::new(project, name, given, 0)
    }

    fn facts(&mut self) -> &mut Object {
        &mut self.facts
    }

    fn check(given: &Object) -> Result<(), Reply> {
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
        Ok(())
    }
}

impl Owned for Dataset {
    const KIND: &'static str = "dataset";
    const CHANGED: &'static str = "last_modified";
    const FIELDS: &'static [&'static str] = &DATASET_FIELDS;
    const IS_DELETED_BY_NAME: bool = true;

    fn all(state: &mut State) -> &mut Vec<Self> {
        &mut state.datasets
    }

    fn make(project: &str, name: &str, given: Object) -> Self {
        Dataset::new(project, name, given)
    }

    fn facts(&mut self) -> &mut Object {
        &mut self.facts
    }

    fn check(given: &Object) -> Result<(), Reply> {
        if let Some(family) = given.get("model_family").and_then(Value::as_str)
            && !FAMILIES.contains(&family)
        {
            return Err(bad(
                &format!("'{family}' is not one of {FAMILIES:?}").replace('"', "'")
            ));
        }
        Ok(())
    }
}

pub(super) fn route<T: Owned>(call: &Call, state: &mut State, rest: &[&str]) -> RouteResult {
    let admin = format!("{}s-admin", T::KIND);
    match (call.method.as_str(), rest) {
        ("GET" | "HEAD", []) => Ok(list::<T>(state, |_| true)),
        ("GET" | "HEAD", [id]) if id.starts_with("id:") => {
            let index = by_id::<T>(state, id)?;
            Ok(one(&mut T::all(state)[index]))
        }
        ("GET" | "HEAD", [project]) => {
            if !state.has_project(project) {
                return Err(not_found());
            }
            Ok(list::<T>(state, |facts| text(facts, "owner") == *project))
        }
        ("GET" | "HEAD", [project, name]) => {
            let index = by_name::<T>(state, project, name)?;
            Ok(one(&mut T::all(state)[index]))
        }
        ("PUT", [project, name]) => {
            call.needs(&admin, project)?;
            create::<T>(call, state, project, name)
        }
        ("POST", [project, name]) => {
            call.needs(&admin, project)?;
            let given = given::<T>(call)?;
            let index = by_name::<T>(state, project, name)?;
            let changed = &mut T::all(state)[index];
            changed.facts().extend(given);
            changed.facts().insert(T::CHANGED.to_owned(), NOW.into());
            Ok(one(changed))
        }
        ("DELETE", [id]) if id.starts_with("id:") => {
            let index = by_id::<T>(state, id)?;
            call.needs(&admin, text(T::all(state)[index].facts(), "owner"))?;
            T::all(state).remove(index);
            Ok(Reply::ok(json!({})))
        }
        ("DELETE", [project, name]) if T::IS_DELETED_BY_NAME => {
            call.needs(&admin, project)?;
            let index = by_name::<T>(state, project, name)?;
            T::all(state).remove(index);
            Ok(Reply::ok(json!({})))
        }
        _ => listed::route(call),
    }
}

fn by_id<T: Owned>(state: &mut State, id: &str) -> Result<usize, Reply> {
    let id = id.trim_start_matches("id:");
    let mut all = T::all(state).iter_mut();
    all.position(|one| text(one.facts(), "id") == id)
        .ok_or_else(not_found)
}

fn by_name<T: Owned>(state: &mut State, project: &str, name: &str) -> Result<usize, Reply> {
    let mut all = T::all(state).iter_mut();
    all.position(|one| is_named(one.facts(), project, name))
        .ok_or_else(not_found)
}

fn one<T: Owned>(one: &mut T) -> Reply {
    Reply::ok(json!({T::KIND: one.facts()}))
}

fn list<T: Owned>(state: &mut State, wanted: impl Fn(&Object) -> bool) -> Reply {
    let all = T::all(state).iter_mut().map(|one| &*one.facts());
    let listed: Vec<&Object> = all.filter(|facts| wanted(facts)).collect();
    Reply::ok(json!({format!("{}s", T::KIND): listed}))
}

fn create<T: Owned>(call: &Call, state: &mut State, project: &str, name: &str) -> RouteResult {
    let given = given::<T>(call)?;
    if !state.has_project(project) {
        return Err(Reply::error(404, "No such project"));
    }
    check_name(name)?;
    if by_name::<T>(state, project, name).is_ok() {
        let what = format!("A {} with this name already exists", T::KIND);
        return Err(Reply::error(409, &what));
    }
    let mut made = T::make(project, name, given);
    made.facts().insert("id".to_owned(), state.new_id().into());
    let reply = one(&mut made);
    T::all(state).push(made);
    Ok(reply)
}

fn given<T: Owned>(call: &Call) -> Result<Object, Reply> {
    let mut body = call.fields(&[T::KIND])?;
    let given = body
        .remove(T::KIND)
        .ok_or_else(|| bad(&format!("'{}' is a required property", T::KIND)))?;
    let given = strict(given, T::FIELDS)?;
    T::check(&given)?;
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
