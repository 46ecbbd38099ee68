//! From rows to calls: one for each row, or one for each group of rows.

use std::borrow::Cow;

use super::{Call, Recipe};
use crate::catalogue::{Endpoint, Field, Kind as FieldKind};
use crate::cli::items::{Item, Kind};
use crate::error::{Failure, Result};
use crate::input::rows::{Raw, Row};
use crate::state::lines::LineSet;
use crate::text::lexical::without_mark;
use crate::text::terminal::sanitise;

/// `--group N FIELD`: rows are elements of one array field.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) field: String,
    pub(crate) max_rows: usize,
    /// How many bytes a request body may have, unless one row alone has more.
    pub(crate) max_bytes: usize,
}

impl Group {
    /// Checks that an endpoint takes the list, and as many rows in it.
    ///
    /// # Errors
    /// Fails (exit 2), naming the lists that it takes or its limit.
    pub(super) fn check(&self, endpoint: &Endpoint) -> Result<()> {
        let name = sanitise(&self.field);
        let field = endpoint
            .body_fields
            .iter()
            .find(|field| field.name == self.field);
        let is_list = |kind| matches!(kind, FieldKind::ObjectList | FieldKind::StringList);
        let Some(field) = field.filter(|field| is_list(field.kind)) else {
            let lists = endpoint.body_fields.iter();
            let lists: Vec<&str> = lists
                .filter(|field| is_list(field.kind) && !field.name.contains("[]"))
                .map(|field| field.name)
                .collect();
            let failure = Failure::unsent(format!("--group: {} has no list {name}", endpoint.name));
            return Err(match lists.as_slice() {
                [] => failure.fact("it has no list"),
                lists => failure.hint(format!("lists: {}", lists.join(", "))),
            });
        };
        match field.limit {
            Some(limit) if self.max_rows as u64 > limit.most => Err(Failure::unsent(format!(
                "--group {}: {} takes at most {} {name} in a request",
                self.max_rows, endpoint.name, limit.most
            ))),
            _ => Ok(()),
        }
    }
}

/// Returns the list of an endpoint whose elements have these fields, where none of them is a field of
/// the endpoint itself: rows for `--group` that are sent without it.
pub(super) fn list_of_rows(endpoint: &Endpoint, names: &[&str]) -> Option<&'static Field> {
    let step = |name: &'static str| name.split(['.', '[']).next().unwrap_or_default();
    let parameters = endpoint.path_params.iter().chain(endpoint.query_params);
    let mut own = parameters.chain(endpoint.body_fields);
    if own.any(|field| names.contains(&step(field.name))) {
        return None;
    }
    let mut lists = endpoint.body_fields.iter().filter(|list| {
        let below = endpoint.body_fields.iter().filter_map(|field| {
            let name = field.name.strip_prefix(list.name)?.strip_prefix("[].")?;
            Some((name, field.required))
        });
        let (mut count, mut is_whole) = (0, true);
        for (name, is_required) in below {
            let is_given = names.contains(&step(name));
            count += usize::from(is_given);
            is_whole &= is_given || !is_required;
        }
        is_whole && count > 0
    });
    lists.next().filter(|list| !list.name.contains(['[', '.']))
}

/// Puts the elements of a group into its field.
pub(super) fn array(group: &Group, rows: &[Waiting]) -> Item {
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

/// What rows become.
pub(crate) enum Made {
    /// A call.
    Call(Box<Unit>),
    /// A row that no call can be made of, and why.
    Bad(Row, Failure),
}

/// Makes calls of rows as they are read.
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
        if self.waiting.len() >= group.max_rows {
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
