//! How the rows of a batch become calls: fields mapped and typed, rows grouped, every call judged.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsString;

use http::Method;

use super::callee::Callee;
use super::fields::{Fields, json_string};
use super::guard::{self, Decision, Refusal};
use super::ownership::{self, Judgement, Profiles, Sent};
use super::target::{self, Filled};
use super::{Draft, connection, refuse_empty_segments, template, words};
use crate::catalogue::{Class, Classified, Endpoint, Kind as FieldKind, classify_as};
use crate::cli::items::{Item, Kind};
use crate::cli::options::RequestOptions;
use crate::error::{Failure, Result, nearest};
use crate::exchange::client::Connection;
use crate::exit::Exit;
use crate::input::rows::{self, MAX_ROW_BYTES, Raw, Row, RowFormat};
use crate::input::{Data, Input};
use crate::profile::Profile;
use crate::request::{Body, Request};
use crate::state::lines::LineSet;
use crate::text::lexical::{self, scan, without_mark};
use crate::text::path::{Path, Selected};
use crate::text::terminal::sanitise;

/// What every row's call has in common.
pub(crate) struct Recipe<'a> {
    pub(crate) callee: &'a Callee<'a>,
    pub(crate) profile: &'a Profile,
    request: &'a RequestOptions,
    common: Common,
    mapping: Mapping,
    group: Option<Group>,
    format: RowFormat,
    /// How the endpoint is connected to: where a request is led to counts for its owners.
    connection: &'a Connection,
    /// The placeholders of a raw call's target.
    placeholders: Vec<&'a str>,
    /// The names of the columns, once the header has been read.
    columns: Vec<String>,
}

/// What the command line says about the request, read once.
struct Common {
    items: Vec<Item>,
    header_lines: Vec<String>,
    url_query: Vec<Data>,
}

/// `--group N FIELD`: rows are elements of one array field.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) field: String,
    pub(crate) max_rows: usize,
    /// How many bytes a request body may have, unless one row alone has more.
    pub(crate) max_bytes: usize,
}

/// `--map FIELD=COLUMN`: which columns are used, and as what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping(Vec<Mapped>);

#[derive(Clone, Debug)]
struct Mapped {
    field: String,
    column: String,
    /// Where the column is in a JSON object, when it is no member's name.
    path: Option<Path>,
}

impl Mapping {
    /// Reads pairs of FIELD=COLUMN.
    ///
    /// # Errors
    /// Fails (exit 2) on a text that is no pair, and when a field is mapped twice.
    pub(crate) fn parse<'t>(pairs: impl IntoIterator<Item = &'t str>) -> Result<Mapping> {
        let mut mapping = Mapping::default();
        for pair in pairs {
            let (field, column) = pair
                .split_once('=')
                .map(|(field, column)| (field.trim(), column.trim()))
                .filter(|(field, column)| !field.is_empty() && !column.is_empty())
                .ok_or_else(|| {
                    Failure::usage(format!("--map {}: expected FIELD=COLUMN", sanitise(pair)))
                        .hint("--map 'messages[0].body.text=text'")
                })?;
            if mapping.0.iter().any(|mapped| mapped.field == field) {
                return Err(Failure::usage(format!(
                    "--map: {} is mapped twice",
                    sanitise(field)
                )));
            }
            mapping.0.push(Mapped {
                field: field.to_owned(),
                column: column.to_owned(),
                path: Path::parse(column).ok(),
            });
        }
        Ok(mapping)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The value of a field of a row.
enum Cell<'a> {
    /// Checked JSON.
    Json(&'a [u8]),
    /// Text that takes the type of its field.
    Text(Cow<'a, str>),
}

/// A call that is ready to be sent, as far as its guards allow.
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) judgement: Judgement,
    /// How many AI units it may cost at most; `None` when that is not known.
    pub(crate) units: Option<u64>,
    /// The placeholders with their values.
    pub(crate) filled: Vec<Filled>,
}

impl<'a> Recipe<'a> {
    /// Decides what the calls have in common.
    ///
    /// # Errors
    /// Fails (exit 2) when the body is given by something else than rows and items, or the group's
    /// field cannot hold them.
    pub(crate) fn new(
        callee: &'a Callee<'a>,
        request: &'a RequestOptions,
        input: Input,
        profile: &'a Profile,
        connection: &'a Connection,
    ) -> Result<Self> {
        if !input.data.is_empty() || !input.form.is_empty() || input.upload.is_some() {
            return Err(Failure::unsent(
                "-d, -F and -T are not supported in a batch: each row makes a body of its own",
            )
            .hint("give what all calls have in common as items: name=text or name:=json"));
        }
        let placeholders = match callee {
            Callee::Raw(words) => target::names(words.target).collect(),
            _ => Vec::new(),
        };
        Ok(Recipe {
            callee,
            profile,
            request,
            common: Common {
                items: input.items,
                header_lines: input.header_lines,
                url_query: input.url_query,
            },
            mapping: Mapping::default(),
            group: None,
            format: RowFormat::NdJson,
            connection,
            placeholders,
            columns: Vec::new(),
        })
    }

    /// Says how rows are read, mapped and grouped.
    ///
    /// # Errors
    /// Fails (exit 2) when the group's field cannot hold them.
    pub(crate) fn of_rows(
        mut self,
        format: RowFormat,
        mapping: Mapping,
        group: Option<Group>,
    ) -> Result<Self> {
        if let (Some(group), Callee::Endpoint(endpoint)) = (&group, self.callee) {
            check_group(group, endpoint)?;
        }
        self.format = format;
        self.mapping = mapping;
        self.group = group;
        Ok(self)
    }

    /// Returns which endpoint the calls are of, as far as that is known without a row.
    pub(crate) fn classified(&self) -> Classified {
        match self.callee {
            Callee::Endpoint(endpoint) => classify(endpoint.method, endpoint.path),
            Callee::Template(template) => {
                let classified = classify(&template.method, &template.path);
                match template.reads {
                    true => classified.declared_a_read(),
                    false => classified,
                }
            }
            Callee::Raw(words) => classify(&self.method(words), words.target),
        }
    }

    /// Returns whether a call can be retried without harm when its outcome is not known.
    pub(crate) fn is_idempotent(&self) -> bool {
        let classified = self.classified();
        let by_method =
            |method: &str| matches!(method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE");
        classified.class == Class::Read
            || match (classified.endpoint, self.callee) {
                (Some(endpoint), _) => endpoint.idempotent,
                (None, Callee::Raw(words)) => by_method(&self.method(words)),
                (None, Callee::Template(template)) => by_method(&template.method),
                (None, Callee::Endpoint(endpoint)) => endpoint.idempotent,
            }
    }

    /// Returns how many of the words of a raw call are items.
    pub(crate) fn raw_items(&self) -> usize {
        match self.callee {
            Callee::Raw(words) => words.items.len(),
            _ => 0,
        }
    }

    /// Returns the method of a raw call; without one, rows that have more than placeholders make
    /// it a POST.
    fn method(&self, words: &words::Words<'_>) -> String {
        method(words, self.request).map_or_else(|| "POST".to_owned(), |method| method.to_string())
    }

    /// Returns whether a header has to be read before the first row.
    pub(crate) fn needs_header(&self) -> bool {
        matches!(self.format, RowFormat::Delimited(_)) && self.columns.is_empty()
    }

    /// Reads the header.
    ///
    /// # Errors
    /// Fails (exit 2) when it is none, or lacks a column that is mapped.
    pub(crate) fn read_header(&mut self, header: &Raw) -> Result<()> {
        let (Raw::Bytes(bytes), RowFormat::Delimited(delimiter)) = (header, self.format) else {
            return Err(Failure::unsent("the header of the input is too long"));
        };
        let columns = rows::fields(without_mark(bytes), delimiter)
            .map_err(|why| Failure::unsent(format!("the header of the input is invalid: {why}")))?;
        for (at, column) in columns.iter().enumerate() {
            if columns[..at].contains(column) {
                let name = sanitise(column);
                return Err(Failure::unsent(format!("the input has two columns {name}")));
            }
        }
        for mapped in &self.mapping.0 {
            if !columns.contains(&mapped.column) {
                let failure = Failure::unsent(format!(
                    "--map {}: the input has no column {}",
                    sanitise(&mapped.field),
                    sanitise(&mapped.column)
                ));
                let close = nearest(&mapped.column, columns.iter().map(String::as_str));
                return Err(match close.first() {
                    Some(close) => failure.hint(format!("did you mean {}?", sanitise(close))),
                    None => failure.fact(format!("columns: {}", sanitise(&columns.join(", ")))),
                });
            }
        }
        self.columns = columns;
        Ok(())
    }

    /// Returns the maximum number of rows in a call.
    fn max_rows(&self) -> usize {
        self.group.as_ref().map_or(1, |group| group.max_rows)
    }

    /// Makes and judges the call of one row, or of the rows of a group.
    ///
    /// # Errors
    /// Fails with what is wrong with the rows.
    fn call(&self, rows: &[Waiting]) -> Result<Call> {
        let (items, vars) = match &self.group {
            None => {
                let row = rows.first().map(|waiting| &waiting.row);
                self.parts(row.ok_or_else(|| Failure::local("a call without a row"))?)?
            }
            Some(group) => (vec![array(group, rows)], Vec::new()),
        };
        let Draft { request, filled } = self.draft(items, vars)?;
        let sent = Sent {
            declared_a_read: matches!(self.callee, Callee::Template(template) if template.reads),
            ..Sent::of(&request, connection::led_to(&request.url, self.connection))
        };
        let judgement = ownership::judge(&sent, Profiles::with(self.profile));
        drop(sent);
        judgement.check_token()?;
        if !matches!(self.callee, Callee::Template(_)) {
            refuse_empty_segments(&request, self.profile, &judgement.classified)?;
        }
        let body = match &request.body {
            Body::Bytes(bytes) => Some(&bytes[..]),
            _ => None,
        };
        let endpoint = judgement.classified.endpoint;
        let units = endpoint.and_then(|endpoint| guard::ai_units(endpoint, body));
        Ok(Call {
            units: units.map(|units| units as u64),
            request,
            judgement,
            filled,
        })
    }

    fn draft(&self, items: Vec<Item>, vars: Vec<OsString>) -> Result<Draft> {
        let mut all = self.common.items.clone();
        all.extend(items);
        let input = Input {
            items: all,
            header_lines: self.common.header_lines.clone(),
            url_query: self.common.url_query.clone(),
            ..Input::default()
        };
        if vars.is_empty() {
            return self.callee.draft(self.request, input, self.profile);
        }
        let mut request = self.request.clone();
        request.var.extend(vars);
        self.callee.draft(&request, input, self.profile)
    }

    /// Returns what a row gives its call: items, and values of placeholders.
    fn parts(&self, row: &Row) -> Result<(Vec<Item>, Vec<OsString>)> {
        let (mut items, mut vars) = (Vec::new(), Vec::new());
        for (field, cell) in self.cells(row)? {
            match self.callee {
                Callee::Raw(_) if self.placeholders.contains(&field.as_str()) => {
                    if let Some(text) = scalar(&field, cell)? {
                        vars.push(format!("{field}={text}").into());
                    }
                }
                Callee::Raw(words) => {
                    refuse_without_body(words, self.request, &field)?;
                    items.push(self.raw_item(&field, cell));
                }
                Callee::Endpoint(endpoint) if is_parameter(endpoint, &field) => {
                    if let Some(value) = scalar(&field, cell)? {
                        items.push(Item {
                            key: field,
                            value,
                            kind: Kind::Text,
                        });
                    }
                }
                Callee::Endpoint(_) | Callee::Template(_) => items.push(item(field, cell)),
            }
        }
        Ok((items, vars))
    }

    /// Makes a field of the body of a raw call. What the user names is a path; a member of a JSON
    /// object is a name, whatever is in it.
    fn raw_item(&self, field: &str, cell: Cell<'_>) -> Item {
        let is_path = !self.mapping.is_empty() || matches!(self.format, RowFormat::Delimited(_));
        let key = if is_path {
            template::bracketed(field)
        } else {
            field.to_owned()
        };
        item(key, cell)
    }

    /// Reads the fields of a row.
    fn cells<'r>(&self, row: &'r Row) -> Result<Vec<(String, Cell<'r>)>> {
        let Raw::Bytes(bytes) = &row.raw else {
            return Err(Failure::usage(format!(
                "the row is longer than {} MiB",
                MAX_ROW_BYTES >> 20
            )));
        };
        match self.format {
            RowFormat::NdJson => self.members(json_of(bytes)?),
            RowFormat::Delimited(delimiter) => self.record(bytes, delimiter),
        }
    }

    fn members<'r>(&self, object: &'r [u8]) -> Result<Vec<(String, Cell<'r>)>> {
        if object.first() != Some(&b'{') {
            return Err(Failure::usage("the row is not a JSON object"));
        }
        if self.mapping.is_empty() {
            let members = scan::members(object);
            return Ok(members
                .map(|(key, value)| (escaped(&scan::text(key)), Cell::Json(value)))
                .collect());
        }
        let found = self.mapping.0.iter().filter_map(|mapped| {
            let value = match scan::member(object, &mapped.column) {
                Some(value) => value,
                None => match mapped.path.as_ref()?.select(object) {
                    Selected::One(value) => value,
                    _ => return None,
                },
            };
            Some((mapped.field.clone(), Cell::Json(value)))
        });
        Ok(found.collect())
    }

    fn record<'r>(&self, bytes: &[u8], delimiter: u8) -> Result<Vec<(String, Cell<'r>)>> {
        let values = rows::fields(bytes, delimiter)
            .map_err(|why| Failure::usage(format!("the row is invalid: {why}")))?;
        if values.len() != self.columns.len() {
            return Err(Failure::usage(format!(
                "the row has {} fields, but the header has {}",
                values.len(),
                self.columns.len()
            )));
        }
        let mut cells = Vec::new();
        for (column, value) in self.columns.iter().zip(values) {
            // An empty cell is a field that is left out: CSV has no other way to write that.
            if value.is_empty() {
                continue;
            }
            if self.mapping.is_empty() {
                cells.push((column.clone(), Cell::Text(Cow::Owned(value))));
                continue;
            }
            for mapped in self.mapping.0.iter().filter(|one| one.column == *column) {
                let value = Cell::Text(Cow::Owned(value.clone()));
                cells.push((mapped.field.clone(), value));
            }
        }
        Ok(cells)
    }

    /// Returns a row as an element of the group's field; `None` where that is the row itself.
    fn element(&self, row: &Row, group: &Group) -> Result<Option<String>> {
        if self.format == RowFormat::NdJson && self.mapping.is_empty() {
            let Raw::Bytes(bytes) = &row.raw else {
                return self.cells(row).map(|_| None);
            };
            return json_of(bytes).map(|_| None);
        }
        let cells = self.cells(row)?;
        if let Callee::Endpoint(endpoint) = self.callee {
            let field = endpoint
                .body_fields
                .iter()
                .find(|one| one.name == group.field);
            if field.is_some_and(|field| field.kind == FieldKind::StringList) {
                return only_text(cells).map(Some);
            }
            let items: Vec<Item> = cells
                .into_iter()
                .map(|(key, cell)| item(key, cell))
                .collect();
            return template::element(endpoint, &group.field, &items).map(Some);
        }
        let mut fields = Fields::new();
        for (key, cell) in cells {
            let Item { key, value, kind } = self.raw_item(&key, cell);
            let json = if kind == Kind::Text {
                json_string(&value)
            } else {
                value
            };
            fields.insert(&key, json)?;
        }
        Ok(Some(fields.to_json()))
    }
}

/// Returns the JSON of a row, checked.
fn json_of(bytes: &[u8]) -> Result<&[u8]> {
    let text = without_mark(bytes).trim_ascii();
    if std::str::from_utf8(text).is_err() {
        return Err(Failure::usage("the row is not valid UTF-8"));
    }
    lexical::check(text).map_err(|error| {
        Failure::usage(format!(
            "the row is not valid JSON: column {}: {}",
            error.column, error.what
        ))
    })?;
    Ok(text)
}

/// Returns a name as an item has it: a bracket in it is not the beginning of a step.
fn escaped(name: &str) -> String {
    if !name.contains(['[', ']', '\\']) {
        return name.to_owned();
    }
    let mut text = String::with_capacity(name.len() + 2);
    for c in name.chars() {
        if matches!(c, '[' | ']' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn item(key: String, cell: Cell<'_>) -> Item {
    match cell {
        Cell::Json(json) => Item {
            key,
            value: String::from_utf8_lossy(json).into_owned(),
            kind: Kind::Json,
        },
        Cell::Text(text) => Item {
            key,
            value: text.into_owned(),
            kind: Kind::Text,
        },
    }
}

/// Returns whether a field is part of the URL, where a value is text.
fn is_parameter(endpoint: &Endpoint, field: &str) -> bool {
    let mut parameters = endpoint.path_params.iter().chain(endpoint.query_params);
    parameters.any(|parameter| parameter.name == field)
}

/// Returns a value as the text that stands for it in a URL; `None` for null.
fn scalar(field: &str, cell: Cell<'_>) -> Result<Option<String>> {
    let json = match cell {
        Cell::Text(text) => return Ok(Some(text.into_owned())),
        Cell::Json(json) => json,
    };
    match json.first() {
        Some(b'n') => Ok(None),
        Some(b'"') => Ok(Some(scan::text(json).into_owned())),
        Some(b'{' | b'[') => Err(Failure::usage(format!(
            "{} must be text, a number or true or false",
            sanitise(field)
        ))),
        _ => Ok(Some(String::from_utf8_lossy(json).into_owned())),
    }
}

/// Returns the text of a row for a list of texts.
fn only_text(cells: Vec<(String, Cell<'_>)>) -> Result<String> {
    let mut cells = cells.into_iter();
    match (cells.next(), cells.next()) {
        (Some((field, cell)), None) => Ok(json_string(&scalar(&field, cell)?.unwrap_or_default())),
        _ => Err(Failure::usage(
            "the row must have one column for a list of texts",
        )),
    }
}

/// Refuses a field that would make a body where the method has none: mostly a placeholder that is
/// spelled differently.
fn refuse_without_body(
    words: &words::Words<'_>,
    request: &RequestOptions,
    field: &str,
) -> Result<()> {
    match method(words, request) {
        Some(method) if [Method::GET, Method::HEAD, Method::DELETE].contains(&method) => {
            Err(Failure::usage(format!(
                "the target has no placeholder {{{}}}, and a {method} has no body",
                sanitise(field)
            ))
            .hint("to use some of the columns only: --map FIELD=COLUMN"))
        }
        _ => Ok(()),
    }
}

/// Returns the method of a raw call, where it was given.
fn method(words: &words::Words<'_>, request: &RequestOptions) -> Option<Method> {
    let option = request.request.as_ref().and_then(|method| method.to_str());
    let option = option.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    words.method.clone().or(option)
}

fn classify(method: &str, target: &str) -> Classified {
    let path = target::path_below(target).unwrap_or_else(|| target.to_owned());
    classify_as(&[method.to_owned()], &path)
}

fn check_group(group: &Group, endpoint: &Endpoint) -> Result<()> {
    let name = sanitise(&group.field);
    let field = endpoint
        .body_fields
        .iter()
        .find(|field| field.name == group.field);
    let is_list = |kind| matches!(kind, FieldKind::ObjectList | FieldKind::StringList);
    let Some(field) = field.filter(|field| is_list(field.kind)) else {
        let lists = endpoint.body_fields.iter();
        let lists: Vec<&str> = lists
            .filter(|field| is_list(field.kind) && !field.name.contains("[]"))
            .map(|field| field.name)
            .collect();
        let failure = Failure::unsent(format!("--group: {} has no list {name}", endpoint.name));
        return Err(match lists.as_slice() {
            [] => failure.fact("it takes no list"),
            lists => failure.hint(format!("lists: {}", lists.join(", "))),
        });
    };
    match field.limit {
        Some(limit) if group.max_rows as u64 > limit.most => Err(Failure::unsent(format!(
            "--group {}: {} takes at most {} {name} in a request",
            group.max_rows, endpoint.name, limit.most
        ))),
        _ => Ok(()),
    }
}

/// Puts the elements of a group into its field.
fn array(group: &Group, rows: &[Waiting]) -> Item {
    let mut value = String::with_capacity(rows.iter().map(Waiting::size).sum::<usize>() + 2);
    value.push('[');
    for (position, waiting) in rows.iter().enumerate() {
        if position > 0 {
            value.push(',');
        }
        value.push_str(&waiting.element());
    }
    value.push(']');
    Item {
        key: group.field.clone(),
        value,
        kind: Kind::Json,
    }
}

/// A row that waits for its group to be complete.
pub(crate) struct Waiting {
    pub(crate) row: Row,
    /// The row as an element of the group's field, where that is not the row itself.
    element: Option<String>,
}

impl Waiting {
    fn element(&self) -> Cow<'_, str> {
        match (&self.element, &self.row.raw) {
            (Some(element), _) => Cow::Borrowed(element),
            (None, Raw::Bytes(bytes)) => String::from_utf8_lossy(without_mark(bytes).trim_ascii()),
            (None, Raw::TooLong(_)) => Cow::Borrowed("null"),
        }
    }

    fn size(&self) -> usize {
        self.element
            .as_ref()
            .map_or(self.row.raw.held(), String::len)
            + 1
    }
}

/// A call with the rows that it is made of.
pub(crate) struct Unit {
    pub(crate) rows: Vec<Waiting>,
    pub(crate) call: Call,
}

impl Unit {
    /// Returns the numbers of its lines.
    pub(crate) fn lines(&self) -> LineSet {
        self.rows.iter().map(|waiting| waiting.row.line).collect()
    }
}

/// What comes of rows.
pub(crate) enum Made {
    /// A call.
    Call(Box<Unit>),
    /// A row that no call can be made of, and why.
    Bad(Row, Failure),
}

/// Makes calls of rows as they come.
pub(crate) struct Maker<'r, 'a> {
    recipe: &'r Recipe<'a>,
    waiting: Vec<Waiting>,
    /// How many bytes the body of a group has: its rows, and what is around them.
    bytes: usize,
    overhead: usize,
}

impl<'r, 'a> Maker<'r, 'a> {
    /// Begins.
    pub(crate) fn new(recipe: &'r Recipe<'a>) -> Self {
        Maker {
            recipe,
            waiting: Vec::new(),
            bytes: 0,
            overhead: 0,
        }
    }

    /// Takes a row.
    pub(crate) fn push(&mut self, row: Row, made: &mut Vec<Made>) {
        let Some(group) = &self.recipe.group else {
            let waiting = Waiting { row, element: None };
            made.extend(unit(self.recipe, vec![waiting]));
            return;
        };
        let waiting = match self.recipe.element(&row, group) {
            Ok(element) => Waiting { row, element },
            Err(failure) => {
                made.push(Made::Bad(row, failure));
                return;
            }
        };
        if self.overhead == 0 {
            let alone = std::slice::from_ref(&waiting);
            let length = self.recipe.call(alone).ok();
            let length = length.and_then(|call| call.request.body.length());
            let length = length.and_then(|length| usize::try_from(length).ok());
            self.overhead = length.unwrap_or(0).saturating_sub(waiting.size()).max(16);
        }
        let size = waiting.size();
        if !self.waiting.is_empty() && self.overhead + self.bytes + size > group.max_bytes {
            self.finish(made);
        }
        self.bytes += size;
        self.waiting.push(waiting);
        if self.waiting.len() >= self.recipe.max_rows() {
            self.finish(made);
        }
    }

    /// Makes a call of what is waiting.
    pub(crate) fn finish(&mut self, made: &mut Vec<Made>) {
        self.bytes = 0;
        if !self.waiting.is_empty() {
            made.extend(unit(self.recipe, std::mem::take(&mut self.waiting)));
        }
    }
}

/// Makes one call of rows. Where that fails, those that are wrong are reported apart from the others,
/// which make a call without them.
pub(crate) fn unit(recipe: &Recipe<'_>, rows: Vec<Waiting>) -> Vec<Made> {
    let failure = match recipe.call(&rows) {
        Ok(call) => return vec![Made::Call(Box::new(Unit { rows, call }))],
        Err(failure) => failure,
    };
    let mut made = Vec::new();
    if rows.len() == 1 {
        made.extend(
            rows.into_iter()
                .map(|one| Made::Bad(one.row, failure.clone())),
        );
        return made;
    }
    let mut good = Vec::new();
    for waiting in rows {
        match recipe.call(std::slice::from_ref(&waiting)) {
            Ok(_) => good.push(waiting),
            Err(failure) => made.push(Made::Bad(waiting.row, failure)),
        }
    }
    if made.is_empty() {
        // Each is right by itself, so that it is the group that is wrong.
        made.extend(
            good.into_iter()
                .map(|one| Made::Bad(one.row, failure.clone())),
        );
    } else if !good.is_empty() {
        made.extend(unit(recipe, good));
    }
    made
}

/// Which owners have been confirmed for the whole batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Approval {
    pub(crate) owners: BTreeSet<String>,
}

impl Approval {
    /// Checks that a call is one of those that have been confirmed.
    ///
    /// # Errors
    /// Fails (exit 9) when a guard is in the way.
    pub(crate) fn check(&self, judgement: &Judgement) -> Result<()> {
        let (needed, refusal) = match judgement.decide(None, false) {
            Decision::Allow => return Ok(()),
            Decision::Unknown(why) => return Err(guard::unknown(&why)),
            Decision::Ask(needed) => (needed, Refusal::NotConfirmed),
            Decision::Refuse(needed, refusal) => (needed, refusal),
        };
        if refusal == Refusal::NotConfirmed && self.owners.contains(&needed.owner) {
            return Ok(());
        }
        let owner = sanitise(&needed.owner).into_owned();
        let failure = Failure::new(
            Exit::Guard,
            format!(
                "refused by the guard of profile {owner} ({})",
                needed.guard.name()
            ),
        );
        let failure = match needed.reason.as_str() {
            "" => failure,
            reason => failure.fact(format!("profile {owner} guards this: {}", sanitise(reason))),
        };
        Err(match refusal {
            Refusal::ReadOnly => failure.hint(format!(
                "profile {owner} is read-only; --confirm cannot override it"
            )),
            Refusal::Rewritten => failure.hint("leave the header out"),
            Refusal::NotConfirmed | Refusal::WrongName => {
                failure.hint(format!("to send it: --confirm {owner}"))
            }
        })
    }

    /// Returns the guarded profile whose name has to be given for a call, if one has.
    ///
    /// # Errors
    /// Fails (exit 9) when no name helps.
    pub(crate) fn needed(&self, judgement: &Judgement) -> Result<Option<guard::Needed>> {
        match judgement.decide(None, false) {
            Decision::Refuse(needed, Refusal::NotConfirmed) => Ok(Some(needed)),
            _ => self.check(judgement).map(|()| None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_pairs_of_a_field_and_a_column() {
        let mapping = Mapping::parse([
            "messages[0].body.text = text",
            "user_properties.string:A=b=c",
        ]);
        let mapping = mapping.expect("a mapping");
        let pairs = mapping.0.iter();
        let pairs: Vec<_> = pairs
            .map(|one| (one.field.as_str(), one.column.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("messages[0].body.text", "text"),
                ("user_properties.string:A", "b=c")
            ]
        );
        for wrong in [&["a"][..], &["=a"], &["a="], &["a=b", "a=c"]] {
            assert!(Mapping::parse(wrong.iter().copied()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_name_is_no_path() {
        assert_eq!(escaped("a.b"), "a.b");
        assert_eq!(escaped(r"a[0]\"), r"a\[0\]\\");
    }

    #[test]
    fn a_value_of_a_url_is_text() {
        let text = |json: &[u8]| scalar("f", Cell::Json(json)).ok();
        assert_eq!(text(br#""a\u00e9""#), Some(Some("a\u{e9}".to_owned())));
        assert_eq!(text(b"1.10"), Some(Some("1.10".to_owned())));
        assert_eq!(text(b"null"), Some(None));
        assert_eq!(text(b"[1]"), None);
    }
}
