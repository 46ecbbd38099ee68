//! How the rows of a batch become calls: fields mapped and typed, rows grouped, every call judged.

mod approval;
mod cells;
mod groups;
mod mapping;

use std::ffi::OsString;

use http::Method;

pub(crate) use self::approval::Approval;
pub(crate) use self::groups::{Group, Made, Maker, Unit, Waiting, unit};
pub(crate) use self::mapping::Mapping;
use super::callee::Callee;
use super::guard;
use super::ownership::{self, Judgement, Profiles, Sent};
use super::target::{self, Filled};
use super::{Draft, connection, refuse_empty_segments, words};
use crate::catalogue::{Class, Classified, classify_as};
use crate::cli::items::Item;
use crate::cli::options::RequestOptions;
use crate::error::{Failure, Result};
use crate::exchange::client::Connection;
use crate::input::rows::{self, Raw, RowFormat};
use crate::input::{Data, Input};
use crate::profile::Profile;
use crate::request::{Body, Request};
use crate::text::lexical::without_mark;
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
            group.check(endpoint)?;
        }
        self.format = format;
        self.mapping = mapping;
        self.group = group;
        Ok(self)
    }

    /// Returns the class of the calls, as far as that is known without a row: each row decides on the
    /// method of a raw call without one.
    pub(crate) fn class(&self) -> Option<Class> {
        match self.callee {
            Callee::Raw(words) => method(words, self.request).map(|_| self.classified().class),
            _ => Some(self.classified().class),
        }
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
    /// Fails (exit 2) when it is invalid, or lacks a column that is mapped.
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
        self.mapping.check(&columns)?;
        self.columns = columns;
        Ok(())
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
            Some(group) => (vec![groups::array(group, rows)], Vec::new()),
        };
        let Draft {
            request, filled, ..
        } = self.draft(items, vars)?;
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
