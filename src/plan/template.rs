//! A call by name: items put where the endpoint declares them, typed and checked.

use anyhow::Context as _;
use bytes::Bytes;
use http::Method;
use percent_encoding::utf8_percent_encode;

use super::body;
use super::fields::{Fields, json_string};
use super::headers::Headers;
use super::target::{self, Var};
use super::{Draft, Given, finish, given_twice, keep_method, typed_headers, vars};
use crate::catalogue::requirements::{self, Content};
use crate::catalogue::{Endpoint, Field, Kind};
use crate::cli::items::{Item, Kind as ItemKind};
use crate::cli::options::RequestOptions;
use crate::error::{Failure, Result, nearest};
use crate::input::Input;
use crate::profile::{Origin, Profile};
use crate::request::{Body, COMPONENT};
use crate::text::lexical::{self, scan};
use crate::text::terminal::sanitise;

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
) -> Result<Draft> {
    keep_method(options, endpoint.name, endpoint.method)?;
    let mut assigned = Assigned {
        path: vars(&options.var)?,
        ..Assigned::default()
    };
    for item in &input.items {
        assigned.take(endpoint, item)?;
    }
    if !Given::of_call(&input, assigned.has_fields)?.is_whole() {
        assigned.fill_defaults(endpoint);
    }
    let mut query = body::query(&input.items, &input.url_query);
    query.append(&mut assigned.query);
    let parts: Vec<String> = input.form.iter().map(|part| part.name.clone()).collect();
    let mut headers = typed_headers(&input, options)?;
    let path = std::mem::take(&mut assigned.path);
    let body = make_body(endpoint, assigned, input, &mut headers)?;
    let missing = missing_in_path(endpoint, &path, profile);
    let content = content(&body, &headers, &parts);
    let doubts = check(endpoint, missing, &query.join("&"), content)?;
    refuse_long_names(endpoint, &path)?;
    let mut url = target::resolve(endpoint.path, profile, &path)?;
    let filled = target::filled(endpoint.path, profile, &path);
    super::add_query(&mut url, &query, profile)?;
    let method =
        Method::from_bytes(endpoint.method.as_bytes()).context("the catalogue names no method")?;
    Ok(Draft {
        request: finish(method, url, headers, body)?,
        filled,
        doubts,
    })
}

/// Returns an element of a list of objects, made of items whose names are inside the element.
///
/// # Errors
/// Fails (exit 2) when an item is not declared or of the wrong type.
pub(super) fn element(endpoint: &'static Endpoint, list: &str, items: &[Item]) -> Result<String> {
    let mut assigned = Assigned::default();
    for item in items {
        let item = Item {
            key: format!("{list}[0].{}", item.key),
            ..item.clone()
        };
        assigned.take(endpoint, &item)?;
    }
    let body = assigned.fields.to_json();
    let list = scan::members(body.as_bytes()).next();
    let element = list.and_then(|(_, list)| scan::elements(list).next());
    let element = element.map(String::from_utf8_lossy);
    Ok(element.map_or_else(|| "{}".to_owned(), std::borrow::Cow::into_owned))
}

/// Returns what of a body can be checked before it is sent.
pub(super) fn content<'a>(body: &'a Body, headers: &Headers, parts: &'a [String]) -> Content<'a> {
    let is_json = headers.get("Content-Type").is_some_and(body::names_json);
    match body {
        Body::Empty => Content::Absent,
        Body::Bytes(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => Content::Empty,
        Body::Bytes(bytes) if is_json => Content::Json(bytes),
        Body::File {
            length: Some(0), ..
        } => Content::Empty,
        Body::Form(_) => Content::Parts(parts),
        _ => Content::Opaque,
    }
}

/// Returns the placeholders that have no value, with where each could come from.
fn missing_in_path(
    endpoint: &'static Endpoint,
    path: &[Var],
    profile: &Profile,
) -> Vec<(String, &'static str)> {
    let has_value =
        |name: &str| path.iter().any(|var| var.name == name) || profile.placeholder(name).is_some();
    let missing = endpoint
        .path_params
        .iter()
        .filter(|field| !has_value(field.name));
    missing
        .map(|field| {
            let source = if field.name == "project" {
                "give project=NAME or --project NAME, or set project in the profile"
            } else {
                "give it as an item, or set it in [vars]"
            };
            (field.name.to_string(), source)
        })
        .collect()
}

fn refuse_long_names(endpoint: &Endpoint, path: &[Var]) -> Result<()> {
    for var in path {
        let field = endpoint
            .path_params
            .iter()
            .find(|field| field.name == var.name);
        let length = var.value.chars().count() as u64;
        if let Some(limit) = field.and_then(|field| field.limit)
            && length > limit.most
        {
            return Err(Failure::usage(format!(
                "{} of {} must have {limit} characters, not {length}",
                var.name, endpoint.name
            ))
            .fact("nothing was sent"));
        }
    }
    Ok(())
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
    if let [data] = input.data.as_slice()
        && data.content.is_empty()
        && !endpoint.body_fields.is_empty()
    {
        // It is refused together with what the endpoint needs.
        return Ok(Body::Bytes(Bytes::new()));
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
}

impl Default for Assigned {
    fn default() -> Self {
        Assigned {
            path: Vec::new(),
            query: Vec::new(),
            fields: Fields::new(),
            has_fields: false,
        }
    }
}

/// Where a declared name belongs.
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
        let all = steps(&item.key);
        let steps = match all.split_last() {
            Some((Step::Element(index), steps)) if index.is_empty() => steps,
            _ => &all,
        };
        let name = declared_name(steps);
        let Some(place) = place(endpoint, &name, item) else {
            return self.take_inside(endpoint, item, &all);
        };
        match place {
            Place::Path(field) => return self.take_path(field.name, item),
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
            }
            Place::Body(field) => {
                let json = typed(endpoint, field, item)?;
                let list_element = field.kind == Kind::StringList && item.kind == ItemKind::Text;
                let mut path = if field.name == name {
                    path_of(steps)
                } else {
                    bracketed(field.name)
                };
                if list_element {
                    path.push_str("[]");
                }
                self.fields.insert(&path, json)?;
                self.has_fields = true;
            }
        }
        Ok(())
    }

    /// Takes an item that is inside a field whose members are not declared.
    fn take_inside(
        &mut self,
        endpoint: &'static Endpoint,
        item: &Item,
        steps: &[Step],
    ) -> Result<()> {
        let path = inside(endpoint, steps).ok_or_else(|| undeclared(endpoint, &item.key))?;
        let json = if item.kind == ItemKind::Text {
            json_string(&item.value)
        } else {
            checked_json(endpoint, &item.key, item)?
        };
        self.fields.insert(&path, json)?;
        self.has_fields = true;
        Ok(())
    }

    fn take_path(&mut self, name: &str, item: &Item) -> Result<()> {
        let is_item = |var: &Var| *var.name == *name && var.origin == Origin::Item;
        if self.path.iter().any(is_item) {
            return Err(given_twice(name));
        }
        self.path.push(Var {
            name: name.to_owned(),
            value: item.value.clone(),
            origin: Origin::Item,
        });
        Ok(())
    }

    /// Puts in the defaults of required fields: the service declares both, and does not fill one in
    /// where the field is left out.
    fn fill_defaults(&mut self, endpoint: &'static Endpoint) {
        let required = endpoint.body_fields.iter().filter(|field| field.required);
        for field in required.filter(|field| !field.name.contains("[]")) {
            if let Some(default) = field.default {
                // A clash means that the field, or the object around it, has a value.
                let path = bracketed(field.name);
                let _clash = self.fields.insert(&path, default.to_string());
            }
        }
    }
}

fn source_of(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "give it as file=@FILE",
        Kind::Binary => "give it with -T FILE",
        Kind::Object | Kind::ObjectList => {
            "give its fields as items, all of it as NAME:=JSON or NAME:=@FILE, or the body with -d"
        }
        _ => "give it as an item, or the whole body with -d",
    }
}

/// Finds a name: as declared, or a body field's last word where that is clear. Where a placeholder
/// and a body field have one name, text is the placeholder's and JSON the field's.
fn place(endpoint: &'static Endpoint, name: &str, item: &Item) -> Option<Place> {
    let named = |fields: &'static [Field]| fields.iter().find(|field| field.name == name);
    let in_path = named(endpoint.path_params);
    let in_body = body_field(endpoint, name);
    if let (Some(_), Some(field), ItemKind::Json) = (in_path, in_body, item.kind) {
        return Some(Place::Body(field));
    }
    in_path
        .map(Place::Path)
        .or_else(|| named(endpoint.query_params).map(Place::Query))
        .or_else(|| in_body.map(Place::Body))
}

/// Finds a field of the body by its name, or by its last word where no other field has it.
fn body_field(endpoint: &'static Endpoint, name: &str) -> Option<&'static Field> {
    let fields = endpoint.body_fields;
    if let Some(field) = fields.iter().find(|field| field.name == name) {
        return Some(field);
    }
    let mut ends = fields
        .iter()
        .filter(|field| !field.name.contains("[]") && last_word(field.name) == name);
    match (ends.next(), ends.next()) {
        (Some(field), None) => Some(field),
        _ => None,
    }
}

fn last_word(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Finds where an item belongs whose name is not declared, but leads into a declared object or
/// list of objects: the service knows more fields than the catalogue. Returns its path.
fn inside(endpoint: &'static Endpoint, steps: &[Step]) -> Option<String> {
    let (end, field) = (1..steps.len())
        .rev()
        .find_map(|end| Some((end, body_field(endpoint, &declared_name(&steps[..end]))?)))?;
    let (field, end) = match (field.kind, steps.get(end)?) {
        (Kind::Object, Step::Name(_)) | (Kind::ObjectList, Step::Element(_)) => (field, end),
        (Kind::StringList, Step::Element(_)) if end + 1 == steps.len() => (field, end),
        _ => return None,
    };
    // What is nearly a declared field is more likely misspelt than new.
    let around = format!("{}.", declared_name(&steps[..steps.len() - 1]));
    let around = around.replacen(&declared_name(&steps[..end]), field.name, 1);
    let siblings = endpoint.body_fields.iter().filter_map(|field| {
        let rest = field.name.strip_prefix(around.as_str())?;
        (!rest.contains(['.', '['])).then_some(rest)
    });
    if let Some(Step::Name(name)) = steps.last()
        && !nearest(name, siblings).is_empty()
    {
        return None;
    }
    // An index that was given says which element of a list is meant.
    let begun = match declared_name(&steps[..end]) == field.name {
        true => path_of(&steps[..end]),
        false => bracketed(field.name),
    };
    Some(begun + &brackets(&steps[end..]))
}

/// Returns an item's value as JSON of the declared type.
fn typed(endpoint: &Endpoint, field: &Field, item: &Item) -> Result<String> {
    let wrong = |expected: &str| {
        Failure::usage(format!(
            "{} of {} must be {expected}",
            field.name, endpoint.name
        ))
        .fact("nothing was sent")
    };
    if item.kind == ItemKind::Json {
        let json = checked_json(endpoint, field.name, item)?;
        if !fits(field.kind, &json) {
            return Err(wrong(field.kind.words()));
        }
        return Ok(json);
    }
    let text = item.value.as_str();
    Ok(match field.kind {
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
    })
}

fn checked_json(endpoint: &Endpoint, name: &str, item: &Item) -> Result<String> {
    lexical::check(item.value.as_bytes()).map_err(|error| {
        Failure::usage(format!("{name} of {} must be JSON", endpoint.name))
            .fact("nothing was sent")
            .fact(error.to_string())
    })?;
    Ok(item.value.trim().to_owned())
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

/// One step of an item's name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    /// `[]` or `[3]`, with what is between the brackets.
    Element(String),
}

/// Cuts an item's name: `a[b][c]`, `a.b.c` and `a[b].c` are the same. Escapes stay as they are.
fn steps(key: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = key;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[')
            && let Some(end) = find_plain(inside, &[']'])
        {
            let inner = &inside[..end];
            let is_element = inner.bytes().all(|byte| byte.is_ascii_digit());
            steps.push(if is_element {
                Step::Element(inner.to_owned())
            } else {
                Step::Name(inner.to_owned())
            });
            rest = &inside[end + 1..];
            continue;
        }
        let begun = rest.strip_prefix('.').unwrap_or(rest);
        // A bracket that is not closed stays in the name, which then is not declared.
        let end = find_plain(begun, &['.', '[']).unwrap_or(begun.len());
        let end = end.max(1).min(begun.len());
        steps.push(Step::Name(begun[..end].to_owned()));
        rest = &begun[end..];
    }
    steps
}

/// Finds the first of some characters that has no backslash before it.
fn find_plain(text: &str, wanted: &[char]) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let is_plain = !is_escaped;
        is_escaped = is_plain && c == '\\';
        (is_plain && wanted.contains(&c)).then_some(at)
    })
}

/// Returns the name under which the catalogue would have it.
fn declared_name(steps: &[Step]) -> String {
    let mut name = String::new();
    for step in steps {
        match step {
            Step::Element(_) => name.push_str("[]"),
            Step::Name(word) if name.is_empty() => name.push_str(word),
            Step::Name(word) => {
                name.push('.');
                name.push_str(word);
            }
        }
    }
    name
}

fn brackets(steps: &[Step]) -> String {
    let inner = steps.iter().map(|step| match step {
        Step::Name(inner) | Step::Element(inner) => format!("[{inner}]"),
    });
    inner.collect()
}

/// Returns a declared name as the path of an item.
pub(super) fn bracketed(name: &str) -> String {
    path_of(&steps(name))
}

fn path_of(steps: &[Step]) -> String {
    match steps.split_first() {
        Some((Step::Name(first), rest)) => first.clone() + &brackets(rest),
        _ => brackets(steps),
    }
}

fn undeclared(endpoint: &Endpoint, name: &str) -> Failure {
    let declared: Vec<&str> = endpoint
        .path_params
        .iter()
        .chain(endpoint.query_params)
        .chain(endpoint.body_fields)
        .map(|field| field.name)
        .collect();
    let failure = Failure::usage(format!("{} has no field {}", endpoint.name, sanitise(name)))
        .fact("nothing was sent");
    let written = declared_name(&steps(name));
    let mut close = nearest(&written, declared.iter().copied());
    // The last word alone may be what was misspelt, and may be all that was given.
    for word in nearest(
        last_word(&written),
        declared.iter().map(|name| last_word(name)),
    ) {
        let whole = declared.iter().filter(|name| last_word(name) == word);
        close.extend(
            whole
                .copied()
                .filter(|name| !name.contains("[]") || written.contains("[]")),
        );
    }
    let mut seen = Vec::new();
    close.retain(|name| {
        !seen.contains(name) && {
            seen.push(*name);
            seen.len() <= 3
        }
    });
    failure
        .suggest(close)
        .hint(format!("all of them: rein templates {}", endpoint.name))
}

/// Refuses a request that lacks something, or has a value outside its limits. `in_path` are the
/// placeholders without a value, and where each could come from. Returns what is in doubt: fields
/// that seem to be misspelt.
///
/// # Errors
/// Fails (exit 2) with all that is missing named together.
pub(super) fn check(
    endpoint: &Endpoint,
    in_path: Vec<(String, &'static str)>,
    query: &str,
    content: Content<'_>,
) -> Result<Vec<String>> {
    let faults = requirements::faults(endpoint, query, content);
    let doubts = faults.misspelt.iter().map(|(given, close)| {
        let given = sanitise(given);
        format!(
            "{} has no field {given}; did you mean {close}?",
            endpoint.name
        )
    });
    let doubts: Vec<String> = doubts.collect();
    let is_empty = matches!(content, Content::Empty);
    let missing = in_path.into_iter().chain(
        faults
            .missing
            .into_iter()
            .map(|(name, kind)| (name, kind.map_or("give one of them", source_of))),
    );
    let missing: Vec<(String, &str)> = missing.collect();
    let takes_json = endpoint
        .body_fields
        .iter()
        .any(|field| !matches!(field.kind, Kind::File | Kind::Binary));
    let name = &endpoint.name;
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|(name, _)| name.as_str()).collect();
        let needs = format!("{name} needs {}", names.join(", "));
        let mut failure = Failure::usage(if is_empty {
            format!("the body is empty: {needs}")
        } else {
            needs
        })
        .fact("nothing was sent");
        for (name, source) in &missing {
            failure = failure.fact(format!("missing {name}: {source}"));
        }
        let failure = doubts.into_iter().fold(failure, Failure::hint);
        return Err(failure.hint(format!("see an example: rein templates {name}")));
    }
    if is_empty && takes_json {
        return Err(
            Failure::usage(format!("the body is empty: {name} needs a JSON object"))
                .fact("nothing was sent")
                .hint("leave out -d, or send an object without fields: -d '{}'"),
        );
    }
    match faults.outside.split_first() {
        None => Ok(doubts),
        Some((first, others)) => {
            let mut failure = Failure::usage(format!("{name}: {first}")).fact("nothing was sent");
            for other in others {
                failure = failure.fact(other.clone());
            }
            Err(failure)
        }
    }
}
