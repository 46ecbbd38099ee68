//! A call of a user's template: its placeholders filled from items, `-V`, defaults and profile.

use http::Method;
use percent_encoding::utf8_percent_encode;
use url::Url;

use super::target::{self, Var};
use super::template as built_in;
use super::{
    Draft, Given, add_query, body, finish, given_twice, keep_method, make_body, typed_headers, vars,
};
use crate::catalogue::classify_as;
use crate::catalogue::requirements::Content;
use crate::catalogue::user::{UserTemplate, Value};
use crate::cli::items::{Item, Kind as ItemKind};
use crate::cli::options::RequestOptions;
use crate::error::{Failure, Result, nearest};
use crate::input::Input;
use crate::profile::{Origin, Profile};
use crate::request::{Body, COMPONENT};
use crate::text::lexical;
use crate::text::terminal::sanitise;

/// Plans a call of a user's template.
///
/// # Errors
/// Fails (exit 2) when an item is not one of its placeholders, or one of them has no value.
pub(crate) fn call(
    template: &UserTemplate,
    options: &RequestOptions,
    input: Input,
    profile: &Profile,
) -> Result<Draft> {
    keep_method(options, &sanitise(&template.name), &template.method)?;
    let outside_body = template.names_outside_body();
    let is_in_body = |item: &Item| item.is_field() && !outside_body.contains(&item.key.as_str());
    let given = Given::of_call(&input, input.items.iter().any(is_in_body))?;
    // A body that replaces the template's needs none of its values.
    let names = if given.is_whole() {
        outside_body
    } else {
        template.names()
    };
    let values = values(template, &names, &input.items, options, profile)?;
    let found = |name: &str| values.iter().find(|(found, _, _)| *found == name);
    let value_of = |name: &str| found(name).map(|(_, value, _)| value.clone());
    let filled = names.iter().filter_map(|name| {
        let (_, value, origin) = found(name)?;
        Some(Var {
            name: (*name).to_owned(),
            value: value.text.clone(),
            origin: origin.clone(),
        })
    });
    let filled: Vec<Var> = filled.collect();
    let mut url = target::resolve(&template.path, profile, &filled)?;
    let mut query = body::query(&input.items, &input.url_query);
    query.extend(own_query(template, &value_of)?);
    add_query(&mut url, &query, profile)?;
    let mut headers = typed_headers(&input, options)?;
    let own_body = template.body.as_ref().filter(|_| !given.is_whole());
    let own_body = own_body.map(|shape| shape.fill(&value_of)).transpose()?;
    let parts: Vec<String> = match own_body {
        Some(_) => Vec::new(),
        None => input.form.iter().map(|part| part.name.clone()).collect(),
    };
    let body = match own_body {
        Some(json) => {
            headers.set_default("Content-Type", "application/json");
            Body::Bytes(json.into())
        }
        None => make_body(given, input, &mut headers)?,
    };
    let content = built_in::content(&body, &headers, &parts);
    if template.body.is_some() && matches!(content, Content::Empty) {
        let name = sanitise(&template.name);
        let what = format!("the body is empty: {name} sends a JSON body");
        return Err(Failure::unsent(what));
    }
    let doubts = check_endpoint(template, &url, profile, content)?;
    let method = Method::from_bytes(template.method.as_bytes())
        .map_err(|_| Failure::usage("the template has no valid method"))?;
    Ok(Draft {
        request: finish(method, url, headers, body)?,
        filled,
        doubts,
    })
}

/// Returns the template's own parameters, encoded.
fn own_query(
    template: &UserTemplate,
    value_of: &impl Fn(&str) -> Option<Value>,
) -> Result<Vec<String>> {
    let encode = |text: &str| utf8_percent_encode(text, COMPONENT).to_string();
    let parameters = template.query.iter().map(|(name, shape)| {
        let text = Value::of_json(&shape.fill(value_of)?).text;
        Ok(format!("{}={}", encode(name), encode(&text)))
    });
    parameters.collect()
}

/// Checks what the endpoint of the catalogue needs, where a template is of one.
fn check_endpoint(
    template: &UserTemplate,
    url: &Url,
    profile: &Profile,
    content: Content<'_>,
) -> Result<Vec<String>> {
    let below = url.as_str().strip_prefix(profile.base.value.as_str());
    let known = classify_as(
        std::slice::from_ref(&template.method),
        below.unwrap_or(url.as_str()),
    );
    match known.endpoint {
        Some(endpoint) => built_in::check(
            endpoint,
            Vec::new(),
            url.query().unwrap_or_default(),
            content,
        ),
        None => Ok(Vec::new()),
    }
}

/// Returns the value of each of these placeholders, with where it is from.
///
/// # Errors
/// Fails (exit 2) when one has none, or an item is not one of the template's.
fn values<'a>(
    template: &'a UserTemplate,
    names: &[&'a str],
    items: &[Item],
    options: &RequestOptions,
    profile: &Profile,
) -> Result<Vec<(&'a str, Value, Origin)>> {
    let mut values = values_of_items(template, items)?;
    let vars = vars(&options.var)?;
    let mut missing = Vec::new();
    // The default comes last: the project that a profile or --project names is the one meant.
    for &name in names {
        if values.iter().any(|(found, _, _)| *found == name) {
            continue;
        }
        let var = vars.iter().rev().find(|var| var.name == name);
        let of_profile = || {
            let setting = profile.placeholder(name)?;
            Some((&setting.value, &setting.origin))
        };
        if let Some((text, origin)) = var.map(|var| (&var.value, &var.origin)).or_else(of_profile) {
            values.push((name, of_text(template, name, text)?, origin.clone()));
        } else if let Some(default) = template.default(name) {
            let (path, line) = template.place.clone();
            values.push((name, default, Origin::Default { path, line }));
        } else {
            missing.push(name);
        }
    }
    if missing.is_empty() {
        return Ok(values);
    }
    let template = sanitise(&template.name);
    Err(
        Failure::usage(format!("{template} needs {}", missing.join(", ")))
            .fact("nothing was sent")
            .hint(format!(
                "rein call {template} {}=...",
                missing.join("=... ")
            )),
    )
}

/// Returns the values that are given by items.
fn values_of_items<'a>(
    template: &'a UserTemplate,
    items: &[Item],
) -> Result<Vec<(&'a str, Value, Origin)>> {
    let names = template.names();
    let mut values: Vec<(&str, Value, Origin)> = Vec::new();
    for item in items.iter().filter(|item| item.is_field()) {
        let name = names
            .iter()
            .find(|name| **name == item.key)
            .ok_or_else(|| undeclared(template, item))?;
        if values.iter().any(|(found, _, _)| found == name) {
            return Err(given_twice(name));
        }
        values.push((name, given(template, name, item)?, Origin::Item));
    }
    Ok(values)
}

fn undeclared(template: &UserTemplate, item: &Item) -> Failure {
    let names = template.names();
    let (shown, key) = (sanitise(&template.name), sanitise(&item.key));
    Failure::usage(format!("{shown} has no placeholder {key}"))
        .fact(format!("it has: {}", names.join(", ")))
        .fact("nothing was sent")
        .suggest(nearest(&item.key, names).first().copied())
}

/// Returns an item's value.
fn given(template: &UserTemplate, name: &str, item: &Item) -> Result<Value> {
    if item.kind == ItemKind::Json {
        lexical::check(item.value.as_bytes()).map_err(|error| {
            Failure::usage(format!(
                "the value of {name}:= is not JSON: column {}: {}",
                error.column, error.what
            ))
        })?;
        return Ok(Value::of_json(item.value.trim()));
    }
    of_text(template, name, &item.value)
}

/// Returns text as a value; where the default is a number or boolean it takes that type.
fn of_text(template: &UserTemplate, name: &str, text: &str) -> Result<Value> {
    let is_scalar = |json: &str| !json.starts_with(['"', '[', '{']);
    if !template
        .default(name)
        .is_some_and(|default| is_scalar(&default.json))
    {
        return Ok(Value::of_text(text));
    }
    if lexical::check(text.as_bytes()).is_ok() && is_scalar(text.trim()) {
        return Ok(Value::of_json(text.trim()));
    }
    Err(Failure::usage(format!(
        "{name} of {} must be a number or boolean, as its default is",
        sanitise(&template.name)
    ))
    .hint(format!("to send text all the same: {name}:='\"...\"'")))
}
