//! `[templates.NAME]`: calls of the user's own.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use toml::de::DeValue;

use super::{Key, Reader, TEMPLATE_KEYS, Value, load, parse};
use crate::catalogue;
use crate::catalogue::user::{Shape, UserTemplate};
use crate::env::Env;
use crate::error::{Failure, Result, io_reason};
use crate::text::lexical;
use crate::text::terminal::sanitise;

/// Returns the user's templates: those of the config file and of the files named.
///
/// # Errors
/// Fails (exit 2) on a mistake in one of them, and when two templates have one name.
pub(crate) fn templates(
    config: Option<&OsStr>,
    files: &[OsString],
    env: &Env,
) -> Result<Vec<UserTemplate>> {
    let mut templates = load(config, env)?.templates;
    templates.extend(templates_of(files, env)?);
    each_once(&templates)?;
    Ok(templates)
}

/// Returns the templates of the files named, which are read whatever is called: one that is
/// missing or wrong must not be skipped because the name that is called is a built-in one.
///
/// # Errors
/// Fails (exit 2) on a mistake in one of them, and when two templates have one name.
pub(crate) fn templates_of(files: &[OsString], env: &Env) -> Result<Vec<UserTemplate>> {
    let mut templates = Vec::new();
    for file in files {
        let path = Path::new(file);
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!(
                "cannot read the templates in {}: {}",
                path.display(),
                io_reason(&error)
            ))
        })?;
        templates.extend(parse(path, &text, env.home().as_deref())?.templates);
    }
    each_once(&templates)?;
    Ok(templates)
}

fn each_once(templates: &[UserTemplate]) -> Result<()> {
    for (position, template) in templates.iter().enumerate() {
        if let Some(other) = templates[..position]
            .iter()
            .find(|other| other.name == template.name)
        {
            let place = |template: &UserTemplate| {
                format!("{}:{}", template.place.0.display(), template.place.1)
            };
            return Err(Failure::usage(format!(
                "the template {} is defined twice",
                sanitise(&template.name)
            ))
            .fact(format!("{} and {}", place(other), place(template))));
        }
    }
    Ok(())
}

impl Reader<'_> {
    pub(super) fn template(&self, name: &Key<'_>, value: &Value<'_>) -> Result<UserTemplate> {
        let shown = sanitise(name.get_ref()).into_owned();
        self.refuse_built_in(name, &shown)?;
        let section = format!("template {shown}");
        let (mut method, mut path) = (None, None);
        let mut template = UserTemplate {
            name: name.get_ref().to_string(),
            place: (self.path.to_owned(), self.line(&name.span())),
            summary: None,
            method: String::new(),
            path: String::new(),
            query: Vec::new(),
            body: None,
            defaults: Vec::new(),
            items: None,
            columns: Vec::new(),
            reads: false,
        };
        for (key, value) in self.table(value, &section)? {
            let word = key.get_ref().as_ref();
            match word {
                "summary" => template.summary = Some(self.string(value, word)?.value),
                "method" => method = Some(self.method(value, word)?),
                "path" => path = Some(self.string(value, word)?.value),
                "query" => template.query = self.shapes(value, word)?,
                "defaults" => template.defaults = self.shapes(value, word)?,
                "body" => template.body = Some(self.shape(value, word)?),
                "items" => template.items = Some(self.string(value, word)?.value),
                "columns" => template.columns = self.words(value, word)?,
                "reads" => {
                    template.reads = value
                        .get_ref()
                        .as_bool()
                        .ok_or_else(|| self.wrong_type(value, word, "true or false"))?;
                }
                _ => return Err(self.unknown_key(key, &section, &TEMPLATE_KEYS)),
            }
        }
        let usual = if template.body.is_some() {
            "POST"
        } else {
            "GET"
        };
        template.method = method.unwrap_or_else(|| usual.to_owned());
        template.path =
            path.ok_or_else(|| self.wrong(name.span(), &format!("{section} has no path")))?;
        let names: Vec<String> = template.names().into_iter().map(str::to_owned).collect();
        if let Some((unused, _)) = template
            .defaults
            .iter()
            .find(|(name, _)| !names.contains(name))
        {
            let what = format!("{section} has a default for {unused}, which it does not use");
            return Err(self.wrong(name.span(), &what));
        }
        Ok(template)
    }

    /// Refuses the name of a built-in template.
    fn refuse_built_in(&self, name: &Key<'_>, shown: &str) -> Result<()> {
        let Some(endpoint) = catalogue::by_name(name.get_ref()) else {
            return Ok(());
        };
        let what = format!("the template {shown} has the name of a built-in one");
        let (method, path) = (endpoint.method, endpoint.path);
        Err(self
            .wrong(name.span(), &what)
            .fact(format!("the built-in one is {method} {path}"))
            .hint("give it another name: the built-in one's class must stay what it is"))
    }

    fn method(&self, value: &Value<'_>, key: &str) -> Result<String> {
        let text = self.string(value, key)?.value.to_ascii_uppercase();
        match http::Method::from_bytes(text.as_bytes()) {
            Ok(method) if method != http::Method::CONNECT => Ok(text),
            _ => Err(self.wrong_type(value, key, "an HTTP method")),
        }
    }

    fn shapes(&self, value: &Value<'_>, key: &str) -> Result<Vec<(String, Shape)>> {
        match self.shape(value, key)? {
            Shape::Map(members) => Ok(members),
            _ => Err(self.wrong_type(value, key, "a table")),
        }
    }

    fn shape(&self, value: &Value<'_>, key: &str) -> Result<Shape> {
        Ok(match value.get_ref() {
            DeValue::String(text) => Shape::Text(text.to_string()),
            DeValue::Boolean(boolean) => Shape::Raw(boolean.to_string()),
            DeValue::Datetime(moment) => Shape::Text(moment.to_string()),
            DeValue::Integer(number) if number.radix() == 10 => {
                Shape::Raw(self.json_number(value, number.as_str(), key)?)
            }
            DeValue::Integer(_) => return Err(self.wrong_type(value, key, "a decimal number")),
            DeValue::Float(number) => Shape::Raw(self.json_number(value, number.as_str(), key)?),
            DeValue::Array(list) => Shape::List(
                list.iter()
                    .map(|element| self.shape(element, key))
                    .collect::<Result<_>>()?,
            ),
            DeValue::Table(table) => Shape::Map(
                table
                    .iter()
                    .map(|(name, value)| Ok((name.get_ref().to_string(), self.shape(value, key)?)))
                    .collect::<Result<_>>()?,
            ),
        })
    }

    /// TOML's numbers may have a plus and underscores, and may be infinite; JSON's may not.
    fn json_number(&self, value: &Value<'_>, text: &str, key: &str) -> Result<String> {
        let text = text.trim_start_matches('+').replace('_', "");
        match lexical::check(text.as_bytes()) {
            Ok(()) => Ok(text),
            Err(_) => Err(self.wrong_type(value, key, "made of numbers that JSON has")),
        }
    }
}
