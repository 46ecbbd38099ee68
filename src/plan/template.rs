//! A call by name: items put where the endpoint declares them, typed and checked.

use http::Method;
use percent_encoding::utf8_percent_encode;

use super::body;
use super::fields::{Fields, json_string};
use super::headers::Headers;
use super::target::{self, Var};
use super::{Given, Plan, finish, given_twice, keep_method, typed_headers, vars};
use crate::catalogue::{Endpoint, Field, Kind, limits};
use crate::cli::items::{Item, Kind as ItemKind};
use crate::cli::options::RequestOptions;
use crate::error::{Failure, Result, nearest};
use crate::input::Input;
use crate::output::lexical;
use crate::output::terminal::sanitise;
use crate::profile::{Origin, Profile};
use crate::request::{Body, COMPONENT};

/// Plans a call of an endpoint.
///
/// # Errors
/// Fails (exit 2) when an item is not declared or of the wrong type, and when required ones are
/// missing, all of them named together.
pub(crate) fn call(
    endpoint: &'static Endpoint,
    options: &RequestOptions,
    input: Input,
    profile: &Profile,
) -> Result<Plan> {
    keep_method(options, &endpoint.name, &endpoint.method)?;
    let mut assigned = Assigned {
        path: vars(&options.var)?,
        ..Assigned::default()
    };
    for item in &input.items {
        assigned.take(endpoint, item)?;
    }
    let given = Given::of_call(&input, assigned.has_fields)?;
    let missing = assigned.missing(endpoint, profile, given.is_whole());
    if !missing.is_empty() {
        return Err(incomplete(endpoint, &missing));
    }
    let mut url = target::resolve(&endpoint.path, profile, &assigned.path)?;
    let filled = target::filled(&endpoint.path, profile, &assigned.path);
    let mut query = body::query(&input.items, &input.url_query);
    query.extend(assigned.query.iter().cloned());
    super::add_query(&mut url, &query, profile)?;
    let mut headers = typed_headers(&input, options)?;
    let method = Method::from_bytes(endpoint.method.as_bytes())
        .map_err(|_| Failure::local("the catalogue names no method"))?;
    let body = make_body(endpoint, assigned, input, &mut headers)?;
    Ok(Plan {
        request: finish(method, url, headers, body)?,
        filled,
    })
}

fn make_body(
    endpoint: &Endpoint,
    assigned: Assigned,
    input: Input,
    headers: &mut Headers,
) -> Result<Body> {
    if let Some(upload) = input.upload {
        headers.set_default("Content-Type", "application/octet-stream");
        return Ok(body::from_upload(upload));
    }
    if !input.data.is_empty() {
        return body::from_data(&input.data, headers);
    }
    if !input.form.is_empty() {
        return Ok(body::from_form(input.form, headers));
    }
    let takes_json = endpoint
        .body_fields
        .iter()
        .any(|field| !matches!(field.kind, Kind::File | Kind::Binary));
    if assigned.has_fields || (takes_json && endpoint.method != "GET") {
        headers.set_default("Content-Type", "application/json");
        return Ok(Body::Bytes(assigned.fields.to_json().into()));
    }
    Ok(Body::Empty)
}

/// Where the items have gone.
struct Assigned {
    path: Vec<Var>,
    query: Vec<String>,
    fields: Fields,
    has_fields: bool,
    /// The declared names that have a value.
    given: Vec<&'static str>,
}

impl Default for Assigned {
    fn default() -> Self {
        Assigned {
            path: Vec::new(),
            query: Vec::new(),
            fields: Fields::new(),
            has_fields: false,
            given: Vec::new(),
        }
    }
}

/// Where a declared name stands.
enum Place {
    Path(&'static Field),
    Query(&'static Field),
    Body(&'static Field),
}

impl Assigned {
    fn take(&mut self, endpoint: &'static Endpoint, item: &Item) -> Result<()> {
        if !item.is_field() {
            return Ok(());
        }
        let name = dotted(&item.key);
        let place = place(endpoint, &name, item).ok_or_else(|| undeclared(endpoint, &item.key))?;
        match place {
            Place::Path(field) => {
                if self.given.contains(&&*field.name) {
                    return Err(given_twice(&field.name));
                }
                self.path.push(Var {
                    name: field.name.to_string(),
                    value: item.value.clone(),
                    origin: Origin::Item,
                });
                self.given.push(field.name.as_str());
            }
            Place::Query(field) => {
                let json = typed(endpoint, field, item)?;
                // A parameter is written as its text: a string without its quotes.
                let text = if item.kind == ItemKind::Text {
                    item.value.as_str()
                } else {
                    json.trim_matches('"')
                };
                self.query.push(format!(
                    "{}={}",
                    field.name,
                    utf8_percent_encode(text, COMPONENT)
                ));
                self.given.push(field.name.as_str());
            }
            Place::Body(field) => {
                let json = typed(endpoint, field, item)?;
                let list_element = field.kind == Kind::StringList && item.kind == ItemKind::Text;
                let path = bracketed(&field.name) + if list_element { "[]" } else { "" };
                self.fields.insert(&path, json)?;
                self.has_fields = true;
                self.given.push(field.name.as_str());
            }
        }
        Ok(())
    }

    /// Returns the required names that have no value, with where each could come from.
    fn missing(
        &self,
        endpoint: &'static Endpoint,
        profile: &Profile,
        whole_body: bool,
    ) -> Vec<(&'static str, &'static str)> {
        let mut missing = Vec::new();
        for field in endpoint.path_params {
            let given = self.path.iter().any(|var| *var.name == *field.name);
            if !given && profile.placeholder(&field.name).is_none() {
                let source = if field.name == "project" {
                    "an item, --project or the profile"
                } else {
                    "an item or [vars]"
                };
                missing.push((field.name.as_str(), source));
            }
        }
        for field in endpoint.query_params.iter().filter(|field| field.required) {
            if !self.given.contains(&&*field.name) {
                missing.push((field.name.as_str(), "an item"));
            }
        }
        for field in endpoint.body_fields.iter().filter(|field| field.required) {
            let nested = field.name.contains("[]");
            let parent = field
                .name
                .as_str()
                .rsplit_once('.')
                .map(|(parent, _)| parent);
            let parent_whole = parent.is_some_and(|parent| self.given.contains(&parent));
            let child_given = self
                .given
                .iter()
                .any(|given| given.starts_with(&format!("{}.", field.name)));
            if whole_body
                || nested
                || parent_whole
                || child_given
                || self.given.contains(&&*field.name)
            {
                continue;
            }
            missing.push((field.name.as_str(), source_of(field.kind)));
        }
        missing
    }
}

fn source_of(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "name=@FILE",
        Kind::Binary => "-T FILE",
        Kind::Object | Kind::ObjectList => "name:=JSON, name:=@FILE, or the whole body with -d",
        _ => "an item, or the whole body with -d",
    }
}

/// Finds a name: as declared, or a body field's last word where that is clear. Where a placeholder
/// and a body field have one name, text is the placeholder's and JSON the field's.
fn place(endpoint: &'static Endpoint, name: &str, item: &Item) -> Option<Place> {
    let in_path = endpoint
        .path_params
        .iter()
        .find(|field| field.name == *name);
    let in_body = endpoint
        .body_fields
        .iter()
        .find(|field| field.name == *name);
    if let (Some(_), Some(field), ItemKind::Json) = (in_path, in_body, item.kind) {
        return Some(Place::Body(field));
    }
    if let Some(field) = in_path {
        return Some(Place::Path(field));
    }
    if let Some(field) = endpoint
        .query_params
        .iter()
        .find(|field| field.name == *name)
    {
        return Some(Place::Query(field));
    }
    if let Some(field) = in_body {
        return Some(Place::Body(field));
    }
    let mut ends = endpoint
        .body_fields
        .iter()
        .filter(|field| !field.name.contains("[]") && field.name.rsplit('.').next() == Some(name));
    match (ends.next(), ends.next()) {
        (Some(field), None) => Some(Place::Body(field)),
        _ => None,
    }
}

/// Returns an item's value as JSON of the declared type, within the known limits.
fn typed(endpoint: &Endpoint, field: &Field, item: &Item) -> Result<String> {
    let wrong = |expected: &str| {
        Failure::usage(format!(
            "{} of {} must be {expected}",
            field.name, endpoint.name
        ))
        .fact("nothing was sent")
    };
    if item.kind == ItemKind::Json {
        lexical::check(item.value.as_bytes()).map_err(|error| {
            wrong("JSON").fact(format!(
                "line {}, column {}: {}",
                error.line, error.column, error.what
            ))
        })?;
        let json = item.value.trim().to_owned();
        if !fits(field.kind, &json) {
            return Err(wrong(field.kind.words()));
        }
        return within(endpoint, field, json);
    }
    let text = item.value.as_str();
    let json = match field.kind {
        Kind::String | Kind::StringList => json_string(text),
        Kind::Integer if text.parse::<i64>().is_ok() => text.to_owned(),
        Kind::Boolean if matches!(text, "true" | "false") => text.to_owned(),
        Kind::NumberOrString if serde_json::from_str::<serde_json::Number>(text).is_ok() => {
            text.to_owned()
        }
        Kind::NumberOrString => json_string(text),
        Kind::Object | Kind::ObjectList => {
            return Err(wrong(field.kind.words())
                .hint(format!("write {}:=JSON or {}:=@FILE", item.key, item.key)));
        }
        kind => return Err(wrong(kind.words())),
    };
    within(endpoint, field, json)
}

/// Looks at the first character: enough to tell the kinds apart once it is known to be JSON.
fn fits(kind: Kind, json: &str) -> bool {
    let first = json.as_bytes().first().copied().unwrap_or(b' ');
    match kind {
        _ if json == "null" => true,
        Kind::String => first == b'"',
        Kind::Integer => json.parse::<i64>().is_ok(),
        Kind::NumberOrString => first == b'"' || first == b'-' || first.is_ascii_digit(),
        Kind::Boolean => matches!(json, "true" | "false"),
        Kind::Object => first == b'{',
        Kind::StringList | Kind::ObjectList => first == b'[',
        Kind::File | Kind::Binary => false,
    }
}

fn within(endpoint: &Endpoint, field: &Field, json: String) -> Result<String> {
    let Some(limit) = limits::of(&endpoint.name, &field.name) else {
        return Ok(json);
    };
    let (value, what) = match field.kind {
        Kind::Integer => (json.parse::<u64>().ok(), ""),
        Kind::StringList | Kind::ObjectList => {
            let list: Option<Vec<serde::de::IgnoredAny>> = serde_json::from_str(&json).ok();
            (list.map(|list| list.len() as u64), " elements")
        }
        _ => return Ok(json),
    };
    if value.is_some_and(|value| (limit.least..=limit.most).contains(&value))
        || json.starts_with('"')
    {
        return Ok(json);
    }
    Err(Failure::usage(format!(
        "{} of {} must have {} to {}{what}",
        field.name, endpoint.name, limit.least, limit.most
    ))
    .fact("nothing was sent"))
}

/// `a[b][c]` and `a.b.c` are the same name.
fn dotted(key: &str) -> String {
    key.trim_end_matches("[]")
        .replace('[', ".")
        .replace(']', "")
}

fn bracketed(name: &str) -> String {
    let mut parts = name.split('.');
    let mut path = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        path.push_str(&format!("[{part}]"));
    }
    path
}

fn undeclared(endpoint: &Endpoint, name: &str) -> Failure {
    let declared: Vec<&str> = endpoint
        .path_params
        .into_iter()
        .chain(endpoint.query_params)
        .chain(endpoint.body_fields)
        .map(|field| field.name.as_str())
        .collect();
    let failure = Failure::usage(format!("{} has no field {}", endpoint.name, sanitise(name)))
        .fact("nothing was sent");
    let close = nearest(name, declared.iter().copied());
    let failure = if close.is_empty() {
        failure
    } else {
        failure.hint(format!("did you mean {}?", close.join(" or ")))
    };
    failure.hint(format!("all of them: rein templates {}", endpoint.name))
}

fn incomplete(endpoint: &Endpoint, missing: &[(&'static str, &'static str)]) -> Failure {
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    let mut failure = Failure::usage(format!("{} needs {}", endpoint.name, names.join(", ")))
        .fact("nothing was sent");
    for (name, source) in missing {
        failure = failure.fact(format!("{name}: {source}"));
    }
    failure.hint(format!("an example: rein templates {}", endpoint.name))
}
