//! `rein templates`: the catalogue, and one entry of it.

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::catalogue::example::example;
use crate::catalogue::user::UserTemplate;
use crate::catalogue::{self, Class, Endpoint, Field, search};
use crate::cli::{ListFormat, TemplatesArgs};
use crate::engine::{Context, print};
use crate::error::{Failure, Result, nearest};
use crate::exit::Exit;
use crate::output::fit;
use crate::profile::file::{self, DEMO};
use crate::text::terminal::sanitise;

/// Prints the catalogue with the user's own templates, a part of it, or one entry.
///
/// # Errors
/// Fails when a name, group or class is not known.
pub(crate) fn run(args: &TemplatesArgs, cx: &Context) -> Result<Exit> {
    let Some(name) = args.name.as_deref() else {
        let own = own(args, cx)?;
        return print_list(args, &own, cx);
    };
    let entry = if let Some(endpoint) = catalogue::by_name(name) {
        file::templates_of(&args.templates, &cx.env)?;
        Entry::BuiltIn(endpoint)
    } else {
        let own = file::templates(args.config.as_deref(), &args.templates, &cx.env)?;
        let found = own.iter().find(|template| template.name == name);
        Entry::Own(Box::new(found.ok_or_else(|| unknown(name, &own))?.clone()))
    };
    print(&match args.format {
        ListFormat::Json => format!("{}\n", entry.as_json(&args.profile)),
        ListFormat::Table => entry.page(&args.profile, cx),
    })
}

/// Returns the page of a template for `rein call NAME --help`; `None` for a name that is not known.
pub(crate) fn help(name: &str, cx: &Context) -> Option<String> {
    let entry = match catalogue::by_name(name) {
        Some(endpoint) => Entry::BuiltIn(endpoint),
        None => {
            let own = file::templates(None, &[], &cx.env).unwrap_or_default();
            Entry::Own(Box::new(
                own.into_iter().find(|template| template.name == name)?,
            ))
        }
    };
    let options = "\nFor the options of every call: rein call --help\n";
    Some(entry.page(DEMO, cx) + options)
}

/// Returns the user's own templates. A config file that cannot be read hides only those in it.
fn own(args: &TemplatesArgs, cx: &Context) -> Result<Vec<UserTemplate>> {
    let all = file::templates(args.config.as_deref(), &args.templates, &cx.env);
    match all {
        Err(failure) if args.config.is_none() => {
            let named = file::templates_of(&args.templates, &cx.env)?;
            cx.warn(&format!(
                "the templates of the config file are left out: {}",
                failure.headline
            ));
            Ok(named)
        }
        all => all,
    }
}

/// One line of the list.
enum Entry {
    BuiltIn(&'static Endpoint),
    Own(Box<UserTemplate>),
}

/// The group of the user's own templates.
const OWN: &str = "own";

impl Entry {
    fn name(&self) -> String {
        match self {
            Entry::BuiltIn(endpoint) => endpoint.name.to_string(),
            Entry::Own(template) => sanitise(&template.name).into_owned(),
        }
    }

    fn group(&self) -> &'static str {
        match self {
            Entry::BuiltIn(endpoint) => endpoint.group,
            Entry::Own(_) => OWN,
        }
    }

    fn class(&self) -> Class {
        match self {
            Entry::BuiltIn(endpoint) => endpoint.class,
            Entry::Own(template) => class_of(template),
        }
    }

    /// Returns its line of the list, with its method and path where there is room for them.
    fn row(&self, has_request: bool) -> Vec<String> {
        let (method, path, summary) = match self {
            Entry::BuiltIn(endpoint) => (endpoint.method, endpoint.path, endpoint.summary),
            Entry::Own(template) => (
                template.method.as_str(),
                template.path.as_str(),
                template.summary.as_deref().unwrap_or_default(),
            ),
        };
        let request = [method, path].into_iter().filter(|_| has_request);
        let mut cells = vec![self.name(), self.class().name().to_owned()];
        cells.extend(
            request
                .chain([summary])
                .map(|text| sanitise(text).into_owned()),
        );
        cells
    }

    fn as_json(&self, profile: &str) -> Value {
        match self {
            Entry::BuiltIn(endpoint) => as_json(endpoint, profile),
            Entry::Own(template) => own_as_json(template),
        }
    }

    fn page(&self, profile: &str, cx: &Context) -> String {
        match self {
            Entry::BuiltIn(endpoint) => page(endpoint, profile, cx),
            Entry::Own(template) => user_page(template, cx),
        }
    }

    /// Returns where it comes in the results of a search, if it is one of them.
    fn rank(&self, search: &str) -> Option<(bool, u8)> {
        match self {
            Entry::BuiltIn(endpoint) => search::rank(endpoint, search),
            Entry::Own(template) => {
                let entry = search::Entry {
                    name: &template.name,
                    group: OWN,
                    summary: template.summary.as_deref().unwrap_or_default(),
                    path: &template.path,
                };
                Some((false, entry.distance(search)?))
            }
        }
    }
}

/// Returns the class of a template's calls: the catalogue's where it knows the path.
fn class_of(template: &UserTemplate) -> Class {
    let path = template.path.as_str();
    let path = match path.split('/').next() {
        Some("v1" | "preview" | "_private") => format!("/api/{path}"),
        _ => path.to_owned(),
    };
    let path = path.replace(['{', '}', '<', '>'], "");
    let known = catalogue::classify_as(&[template.method.to_ascii_uppercase()], &path);
    if template.reads {
        known.declared_a_read().class
    } else {
        known.class
    }
}

fn print_list(args: &TemplatesArgs, own: &[UserTemplate], cx: &Context) -> Result<Exit> {
    let chosen = choose(args, own)?;
    if chosen.is_empty() {
        cx.notes(&nothing_found(args));
        if args.format == ListFormat::Table {
            return Ok(Exit::Ok);
        }
    }
    print(&match args.format {
        ListFormat::Json => {
            let all = chosen.iter().map(|entry| entry.as_json(&args.profile));
            format!("{}\n", Value::Array(all.collect()))
        }
        ListFormat::Table => list(&chosen, cx),
    })
}

/// Says what to try where a list is empty.
fn nothing_found(args: &TemplatesArgs) -> Vec<String> {
    let search = args.search.as_deref().unwrap_or_default();
    let mut lines = vec![if search.is_empty() {
        "note: no template matches".to_owned()
    } else {
        format!("note: no template matches \"{}\"", sanitise(search))
    }];
    let words = catalogue::all()
        .iter()
        .flat_map(|endpoint| endpoint.name.split('-'));
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    words.dedup();
    for word in search.split_whitespace() {
        let close = nearest(word, words.iter().copied());
        if !close.is_empty() && !close.contains(&word) {
            lines.push(format!("  did you mean {}?", close.join(" or ")));
        }
    }
    if search.split_whitespace().count() > 1 {
        lines.push("  every word must match: try fewer".to_owned());
    }
    lines.push(format!(
        "  list a group: rein templates --group {}",
        groups().join("|")
    ));
    lines
}

fn groups() -> Vec<&'static str> {
    let mut groups: Vec<&str> = catalogue::all()
        .iter()
        .map(|endpoint| endpoint.group)
        .collect();
    groups.dedup();
    groups.push(OWN);
    groups
}

/// The failure for a name that the catalogue does not have.
pub(crate) fn unknown(name: &str, own: &[UserTemplate]) -> Failure {
    let failure = Failure::usage(format!("unknown template {}", sanitise(name)));
    let built_in = catalogue::all().iter().map(|endpoint| endpoint.name);
    let close = nearest(
        name,
        built_in.chain(own.iter().map(|template| template.name.as_str())),
    );
    failure.suggest(close).hint("all of them: rein templates")
}

fn choose(args: &TemplatesArgs, own: &[UserTemplate]) -> Result<Vec<Entry>> {
    if let Some(group) = &args.group
        && !groups().contains(&group.as_str())
    {
        return Err(one_of("group", group, &groups()));
    }
    let classes = [
        Class::Read,
        Class::Write,
        Class::Billable,
        Class::Stateful,
        Class::Destructive,
    ];
    if let Some(class) = &args.class
        && !classes.iter().any(|known| known.name() == class)
    {
        return Err(one_of("class", class, &classes.map(Class::name)));
    }
    let own = own
        .iter()
        .cloned()
        .map(|template| Entry::Own(Box::new(template)));
    let mut chosen: Vec<((bool, u8), Entry)> = own
        .chain(catalogue::all().iter().map(Entry::BuiltIn))
        .filter(|entry| {
            args.group
                .as_deref()
                .is_none_or(|group| entry.group() == group)
        })
        .filter(|entry| {
            let class = args.class.as_deref();
            class.is_none_or(|class| entry.class().name() == class)
        })
        .filter_map(|entry| match &args.search {
            None => Some(((false, 0), entry)),
            Some(search) => Some((entry.rank(search)?, entry)),
        })
        .collect();
    chosen.sort_by_key(|(rank, _)| *rank);
    Ok(chosen.into_iter().map(|(_, entry)| entry).collect())
}

fn one_of(what: &str, given: &str, known: &[&str]) -> Failure {
    Failure::usage(format!("unknown {what} {}", sanitise(given)))
        .fact(format!("known: {}", known.join(", ")))
        .suggest(nearest(given, known.iter().copied()).first().copied())
}

fn list(entries: &[Entry], cx: &Context) -> String {
    let names = ["name", "class", "method", "path", "what it does"];
    let lay = |has_request: bool, width: Option<usize>| {
        let names = names.into_iter().enumerate();
        let names = names.filter(|(column, _)| has_request || !matches!(column, 2 | 3));
        let names: Vec<&str> = names.map(|(_, name)| name).collect();
        let rows: Vec<_> = entries.iter().map(|entry| entry.row(has_request)).collect();
        fit::list(Some(&names), &rows, width)
    };
    let is_too_wide = |laid: &fit::Laid| {
        let width = cx.width().unwrap_or(usize::MAX);
        laid.text.lines().any(|line| line.width() > width)
    };
    let mut laid = lay(true, None);
    if is_too_wide(&laid) {
        laid = lay(false, cx.width());
    }
    let theme = &cx.stdout_theme;
    super::profile::painted(&laid, "class", theme, |class| match class {
        "write" | "stateful" => Some(theme.hint),
        "billable" | "destructive" => Some(theme.error),
        _ => None,
    })
}

/// What there is to say of a user's template.
fn user_page(template: &UserTemplate, cx: &Context) -> String {
    let clean = |text: &str| sanitise(text).into_owned();
    let summary = clean(template.summary.as_deref().unwrap_or_default());
    let mut text = title(&clean(&template.name), &summary, cx);
    let mut row = |name: &str, value: &str| text.push_str(&labelled(name, &clean(value), cx));
    row("request", &format!("{} {}", template.method, template.path));
    row(
        "from",
        &format!("{}:{}", template.place.0.display(), template.place.1),
    );
    row(
        "reads",
        if template.reads {
            "declared, but the catalogue's class applies"
        } else {
            "no"
        },
    );
    row("class", class_of(template).name());
    row("items", template.items.as_deref().unwrap_or("not set"));
    row("columns", &template.columns.join(", "));
    for name in template.names() {
        let default = template
            .default(name)
            .map(|value| format!("default {}", value.json));
        row(
            &format!("  {{{name}}}"),
            &default.unwrap_or_else(|| "an item, -V, or the profile".to_owned()),
        );
    }
    text
}

/// What a web page about the endpoint would say.
fn page(endpoint: &Endpoint, profile: &str, cx: &Context) -> String {
    let heading = cx.stdout_theme.heading;
    let mut text = title(endpoint.name, endpoint.summary, cx);
    let mut row = |name: &str, value: &str| text.push_str(&labelled(name, value, cx));
    row("request", &format!("{} {}", endpoint.method, endpoint.path));
    row("class", class_words(endpoint));
    if !endpoint.permissions.is_empty() {
        row("needs", &endpoint.permissions.join(", "));
    }
    if let Some(items) = endpoint.items {
        row("items", items);
    }
    if let Some(paging) = endpoint.paging {
        row(
            "pages",
            &format!(
                "{} takes {} of the response",
                paging.request_field, paging.response_field
            ),
        );
    }
    row(
        "documented",
        if endpoint.documented {
            "yes"
        } else {
            "no: it may change without notice"
        },
    );
    for (title, fields) in [
        ("In the path", endpoint.path_params),
        ("In the query", endpoint.query_params),
        ("In the body", endpoint.body_fields),
    ] {
        if !fields.is_empty() {
            text.push_str(&format!("\n{heading}{title}{heading:#}\n"));
            text.push_str(&field_lines(fields, cx));
        }
    }
    text.push_str(&format!(
        "\n{heading}Example{heading:#}\n  {}\n",
        sanitise(&example(endpoint, profile))
    ));
    text
}

fn class_words(endpoint: &Endpoint) -> &'static str {
    match endpoint.class {
        Class::Read => "read: changes nothing",
        Class::Write => "write: creates or changes something",
        Class::Billable => "billable: may cost AI units, one for each comment, document or email",
        Class::Stateful => "stateful: moves a stream's position",
        Class::Destructive => "destructive: removes something",
    }
}

/// Returns the title of a page, wrapped under its summary.
fn title(name: &str, summary: &str, cx: &Context) -> String {
    let summary = fit::under(summary, name.width() + 2, cx.width());
    let heading = cx.stdout_theme.heading;
    format!("{heading}{name}{heading:#}  {summary}\n\n")
}

/// Returns a line of a page, wrapped under its value.
fn labelled(name: &str, value: &str, cx: &Context) -> String {
    format!("{name:<12} {}\n", fit::under(value, 13, cx.width()))
}

fn field_lines(fields: &[Field], cx: &Context) -> String {
    let row = |field: &Field| {
        let mut notes = vec![field.kind.words().to_owned()];
        if field.required {
            notes.push("required".to_owned());
        }
        if let Some(default) = field.default {
            notes.push(format!("default {default}"));
        }
        if let Some(limit) = field.limit {
            notes.push(limit.to_string());
        }
        vec![
            field.name.to_owned(),
            notes.join(", "),
            field.description.to_owned(),
        ]
    };
    let rows: Vec<_> = fields.iter().map(row).collect();
    let width = cx.width().map(|width| width.saturating_sub(1));
    let laid = fit::list(None, &rows, width);
    laid.text.lines().map(|line| format!(" {line}\n")).collect()
}

fn own_as_json(template: &UserTemplate) -> Value {
    let placeholders = template.names().into_iter().map(|name| {
        let default = template.default(name);
        let default = default.and_then(|value| serde_json::from_str::<Value>(&value.json).ok());
        json!({"name": name, "required": default.is_none(), "default": default})
    });
    json!({
        "name": template.name, "group": OWN, "summary": template.summary,
        "method": template.method, "path": template.path, "class": class_of(template).name(),
        "file": template.place.0.display().to_string(), "line": template.place.1,
        "items": template.items, "columns": template.columns,
        "placeholders": placeholders.collect::<Vec<Value>>(),
    })
}

fn as_json(endpoint: &Endpoint, profile: &str) -> Value {
    let fields = |fields: &[Field]| {
        let each = fields.iter().map(|field| {
            json!({
                "name": field.name, "type": field.kind.words(), "required": field.required,
                "default": field.default.and_then(|default| serde_json::from_str::<Value>(default).ok()),
                "minimum": field.limit.map(|limit| limit.least),
                "maximum": field.limit.map(|limit| limit.most),
                "description": field.description,
            })
        });
        each.collect::<Vec<Value>>()
    };
    json!({
        "name": endpoint.name, "group": endpoint.group, "summary": endpoint.summary,
        "method": endpoint.method, "path": endpoint.path, "class": endpoint.class.name(),
        "permissions": endpoint.permissions, "documented": endpoint.documented,
        "idempotent": endpoint.idempotent, "items": endpoint.items, "columns": endpoint.columns,
        "path_params": fields(endpoint.path_params), "query_params": fields(endpoint.query_params),
        "body_fields": fields(endpoint.body_fields),
        "example_body": endpoint.example_body.and_then(|body| serde_json::from_str::<Value>(body).ok()),
        "example": example(endpoint, profile),
    })
}
