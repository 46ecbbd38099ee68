//! How the response will be shown, decided before anything is sent.

use crate::cli::options::{Format, OutputOptions};
use crate::error::{Failure, Result};
use crate::output::items::Wanted;
use crate::output::items::columns::Columns;
use crate::output::items::delimited::Delimiter;
use crate::output::items::sorted::Sort;
use crate::output::view::{Shape, View};
use crate::plan::text;
use crate::text::jq::{Filter, Var};
use crate::text::lexical::Layout;
use crate::text::path::Path;

/// What the catalogue or a template says about an endpoint's items.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    /// Where they are.
    pub(crate) items: Option<String>,
    /// The columns of a table of them.
    pub(crate) columns: Vec<String>,
}

/// Decides how the response of a call is shown.
///
/// # Errors
/// Fails (exit 2) when an option is wrong, or has no effect on the format.
pub(crate) fn decide(options: &OutputOptions, declared: &Declared) -> Result<View> {
    let shape = shape(options);
    let is_items = matches!(
        shape,
        Shape::Table | Shape::Delimited(_) | Shape::NdJson | Shape::Yaml
    );
    let has_columns = matches!(shape, Shape::Table | Shape::Delimited(_));
    for (given, name, has_effect) in [
        (options.items_at.is_some(), "--items", is_items),
        (options.sort.is_some(), "--sort", is_items),
        (!options.columns.is_empty(), "--columns", has_columns),
        (options.no_header, "--no-header", has_columns),
        (
            options.csv_safe,
            "--csv-safe",
            matches!(shape, Shape::Delimited(_)),
        ),
        (!options.arg.is_empty(), "--arg", options.filter.is_some()),
        (
            !options.argjson.is_empty(),
            "--argjson",
            options.filter.is_some(),
        ),
    ] {
        if given && !has_effect {
            return Err(without_effect(name));
        }
    }
    if options.fail && options.keep_error_body {
        return Err(Failure::usage(
            "-f drops the body of an HTTP error, and --keep-error-body prints it",
        )
        .hint("leave one of them out"));
    }
    let filter = match &options.filter {
        Some(code) => Some(Filter::compile(
            "-q",
            text(code, "-q")?,
            &variables(options)?,
        )?),
        None => None,
    };
    let columns = columns(options, declared, filter.is_some())?;
    Ok(View {
        shape,
        wanted: wanted(options, declared)?,
        columns,
        sort: match &options.sort {
            Some(column) => Some(Sort::parse(text(column, "--sort")?)?),
            None => None,
        },
        header: !options.no_header,
        csv_safe: options.csv_safe,
        filter,
    })
}

fn shape(options: &OutputOptions) -> Shape {
    if options.table {
        return Shape::Table;
    }
    match options.format {
        None => Shape::Automatic,
        Some(Format::Raw) => Shape::Raw,
        Some(Format::Pretty) => Shape::Json(Layout::Pretty),
        Some(Format::Compact) => Shape::Json(Layout::Compact),
        Some(Format::Table) => Shape::Table,
        Some(Format::Csv) => Shape::Delimited(Delimiter::Comma),
        Some(Format::Tsv) => Shape::Delimited(Delimiter::Tab),
        Some(Format::Ndjson) => Shape::NdJson,
        Some(Format::Yaml) => Shape::Yaml,
    }
}

fn without_effect(name: &str) -> Failure {
    let needs = match name {
        "--arg" | "--argjson" => "it needs a filter: -q EXPR",
        "--csv-safe" => "it needs --format csv or tsv",
        "--columns" | "--no-header" => "it needs -t, or --format csv or tsv",
        _ => "it needs -t, or --format csv, tsv, ndjson or yaml",
    };
    Failure::usage(format!("{name} has no effect here")).hint(needs)
}

fn wanted(options: &OutputOptions, declared: &Declared) -> Result<Wanted> {
    if let Some(path) = &options.items_at {
        return Ok(Wanted::Asked(Path::parse(text(path, "--items")?)?));
    }
    match &declared.items {
        Some(path) => Ok(Wanted::Declared(Path::parse(path)?)),
        None => Ok(Wanted::TheOne),
    }
}

fn columns(
    options: &OutputOptions,
    declared: &Declared,
    filtered: bool,
) -> Result<Option<Columns>> {
    let mut paths = Vec::new();
    for list in &options.columns {
        for column in text(list, "--columns")?.split(',') {
            paths.push(Path::parse(column)?);
        }
    }
    if !paths.is_empty() {
        return Ok(Some(Columns::asked(paths)));
    }
    // What a filter makes of the items, or what is elsewhere, has columns of its own.
    if !filtered && options.items_at.is_none() {
        for column in &declared.columns {
            paths.push(Path::parse(column)?);
        }
    }
    Ok((!paths.is_empty()).then(|| Columns::new(paths)))
}

fn variables(options: &OutputOptions) -> Result<Vec<Var>> {
    let mut vars = Vec::new();
    for (option, list, make) in [
        (
            "--arg",
            &options.arg,
            Var::Text as fn(String, String) -> Var,
        ),
        (
            "--argjson",
            &options.argjson,
            Var::Json as fn(String, String) -> Var,
        ),
    ] {
        for pair in list.chunks_exact(2) {
            let name = text(&pair[0], option)?.trim_start_matches('$');
            vars.push(make(name.to_owned(), text(&pair[1], option)?.to_owned()));
        }
    }
    Ok(vars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_without_effect_are_refused() {
        let options = |change: fn(&mut OutputOptions)| {
            let mut options = OutputOptions::default();
            change(&mut options);
            decide(&options, &Declared::default()).map(|view| view.shape)
        };
        assert!(options(|options| options.sort = Some("a".into())).is_err());
        assert!(options(|options| options.columns = vec!["a".into()]).is_err());
        assert!(options(|options| options.arg = vec!["a".into(), "b".into()]).is_err());
        assert_eq!(
            options(|options| {
                options.table = true;
                options.columns = vec!["a,b[0].c".into()];
            })
            .expect("a view"),
            Shape::Table
        );
        assert!(
            options(|options| {
                options.table = true;
                options.columns = vec!["a,,b".into()];
            })
            .is_err()
        );
    }

    #[test]
    fn what_the_catalogue_declares_can_be_read() {
        for endpoint in crate::catalogue::all() {
            let declared = Declared {
                items: endpoint.items.map(std::string::ToString::to_string),
                columns: endpoint.columns.iter().map(ToString::to_string).collect(),
            };
            let options = OutputOptions {
                table: true,
                ..OutputOptions::default()
            };
            assert!(decide(&options, &declared).is_ok(), "{}", endpoint.name);
        }
    }
}
