//! `rein templates`: the catalogue, and one entry of it.

use comfy_table::{Table, presets};
use serde_json::{Value, json};

use crate::catalogue::user::UserTemplate;
use crate::catalogue::{self, Class, Endpoint, Field, Fields};
use crate::cli::{ListFormat, TemplatesArgs};
use crate::commands::{Context, print};
use crate::error::{Failure, Result, nearest};
use crate::exit::Exit;
use crate::output::terminal::sanitise;
use crate::profile::file;

/// Prints the catalogue, a part of it, or one entry.
///
/// # Errors
/// Fails when a name, group or class is not known.
pub(crate) fn run(args: &TemplatesArgs, cx: &Context) -> Result<Exit> {
    let named = args.name.as_deref();
    let built_in = named.and_then(catalogue::by_name);
    let own = if named.is_some() && built_in.is_none() {
        file::templates(args.config.as_deref(), &args.templates, &cx.env)?
    } else {
        file::templates_of(&args.templates, &cx.env)?
    };
    if let (Some(name), None) = (named, built_in) {
        let template = own
            .iter()
            .find(|template| template.name == name)
            .ok_or_else(|| unknown(name, &own))?;
        return print(&user_page(template, cx));
    }
    if let Some(endpoint) = built_in {
        return print(&match args.format {
            ListFormat::Json => format!("{}\n", as_json(endpoint)),
            ListFormat::Table => page(endpoint, cx),
        });
    }
    let chosen = choose(args)?;
    print(&match args.format {
        ListFormat::Json => {
            format!(
                "{}\n",
                Value::Array(chosen.iter().map(|endpoint| as_json(endpoint)).collect())
            )
        }
        ListFormat::Table => list(&chosen, cx),
    })
}

/// The failure for a name that the catalogue does not have.
pub(crate) fn unknown(name: &str, own: &[UserTemplate]) -> Failure {
    let failure = Failure::usage(format!("there is no template {}", sanitise(name)));
    let built_in = catalogue::all()
        .iter()
        .map(|endpoint| endpoint.name.as_str());
    let close = nearest(
        name,
        built_in.chain(own.iter().map(|template| template.name.as_str())),
    );
    let failure = if close.is_empty() {
        failure
    } else {
        failure.hint(format!("did you mean {}?", close.join(" or ")))
    };
    failure.hint("all of them: rein templates")
}

fn choose(args: &TemplatesArgs) -> Result<Vec<&'static Endpoint>> {
    let all = catalogue::all();
    if let Some(group) = &args.group
        && !all.iter().any(|endpoint| endpoint.group == **group)
    {
        let mut groups: Vec<&str> = all.iter().map(|endpoint| endpoint.group.as_str()).collect();
        groups.dedup();
        return Err(one_of("group", group, &groups));
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
    let word = args.search.as_deref().map(str::to_lowercase);
    let found = |endpoint: &&Endpoint| {
        let text =
            format!("{} {} {}", endpoint.name, endpoint.summary, endpoint.path).to_lowercase();
        args.group
            .as_deref()
            .is_none_or(|group| endpoint.group == *group)
            && args
                .class
                .as_deref()
                .is_none_or(|class| endpoint.class.name() == class)
            && word.as_deref().is_none_or(|word| text.contains(word))
    };
    Ok(all.iter().filter(found).collect())
}

fn one_of(what: &str, given: &str, known: &[&str]) -> Failure {
    let failure = Failure::usage(format!("there is no {what} {}", sanitise(given)))
        .fact(format!("known: {}", known.join(", ")));
    match nearest(given, known.iter().copied()).first() {
        Some(close) => failure.hint(format!("did you mean {close}?")),
        None => failure,
    }
}

fn list(endpoints: &[&Endpoint], cx: &Context) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["name", "class", "method", "path", "what it does"]);
    for endpoint in endpoints {
        table.add_row([
            endpoint.name.as_str(),
            endpoint.class.name(),
            &endpoint.method,
            &endpoint.path,
            &endpoint.summary,
        ]);
    }
    let theme = &cx.stdout_theme;
    super::profile::painted(&table, "class", theme, |class| match class {
        "write" | "stateful" => Some(theme.hint),
        "billable" | "destructive" => Some(theme.error),
        _ => None,
    })
}

/// What there is to say of a user's template.
fn user_page(template: &UserTemplate, cx: &Context) -> String {
    let heading = cx.stdout_theme.heading;
    let clean = |text: &str| sanitise(text).into_owned();
    let summary = clean(template.summary.as_deref().unwrap_or_default());
    let mut text = format!(
        "{heading}{}{heading:#}  {summary}\n\n",
        clean(&template.name)
    );
    let mut row =
        |name: &str, value: &str| text.push_str(&format!("{name:<12} {}\n", clean(value)));
    row("request", &format!("{} {}", template.method, template.path));
    row(
        "from",
        &format!("{}:{}", template.place.0.display(), template.place.1),
    );
    row(
        "reads",
        if template.reads {
            "so it says; the catalogue's class counts all the same"
        } else {
            "no"
        },
    );
    row("items", template.items.as_deref().unwrap_or("not said"));
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
fn page(endpoint: &Endpoint, cx: &Context) -> String {
    let heading = cx.stdout_theme.heading;
    let mut text = format!(
        "{heading}{}{heading:#}  {}\n\n",
        endpoint.name, endpoint.summary
    );
    let mut row = |name: &str, value: &str| text.push_str(&format!("{name:<12} {value}\n"));
    row("request", &format!("{} {}", endpoint.method, endpoint.path));
    row("class", class_words(endpoint));
    if !endpoint.permissions.is_empty() {
        row("needs", &endpoint.permissions.join(", "));
    }
    if let Some(items) = endpoint.items {
        row("items", &items);
    }
    if let Some(paging) = endpoint.paging {
        row(
            "pages",
            &format!(
                "{} takes {} of the answer",
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
            text.push_str(&field_lines(&fields));
        }
    }
    text.push_str(&format!(
        "\n{heading}Example{heading:#}\n  {}\n",
        example(endpoint)
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

fn field_lines(fields: &[Field]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for field in fields {
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
        table.add_row([
            format!(" {}", field.name),
            notes.join(", "),
            field.description.to_string(),
        ]);
    }
    super::profile::lines(&table)
}

/// Returns a command that calls the endpoint; with the demo's names it works as it stands.
pub(crate) fn example(endpoint: &Endpoint) -> String {
    let mut words = vec!["rein -p demo call".to_owned(), endpoint.name.to_string()];
    for field in endpoint
        .path_params
        .iter()
        .filter(|field| field.name != "project")
    {
        words.push(format!("{}={}", field.name, sample(&field.name)));
    }
    for field in endpoint.query_params.iter().filter(|field| field.required) {
        words.push(format!("{}={}", field.name, sample(&field.name)));
    }
    if let Some(body) = endpoint.example_body {
        words.push(format!("-d {}", shell_words::quote(&body)));
    }
    words.join(" ")
}

/// Returns a value that the demo knows, where there is one.
fn sample(name: &str) -> &'static str {
    match name {
        "source" => "support",
        "dataset" => "orders",
        "stream" | "trigger" => "late-orders",
        "comment_id" => "ticket-1001",
        "model_version" => "live",
        "attachment_reference" => "AbCdEf123",
        "source_id" | "dataset_id" | "bucket_id" | "integration_id" | "user_id" => {
            "18ba5ce699f8da1f"
        }
        "id" => "ticket-1001",
        "uid" => "18ba5ce699f8da1f.ticket-1001",
        _ => "NAME",
    }
}

fn as_json(endpoint: &Endpoint) -> Value {
    let fields = |fields: Fields| {
        let each = fields.iter().map(|field| {
            json!({
                "name": field.name, "type": field.kind.words(), "required": field.required,
                "default": field.default.and_then(|default| serde_json::from_str::<Value>(&default).ok()),
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
        "example_body": endpoint.example_body.and_then(|body| serde_json::from_str::<Value>(&body).ok()),
        "example": example(endpoint),
    })
}
