//! What the API offers, as data: every endpoint by name, or by method and path.

pub(crate) mod example;
#[cfg(test)]
mod generate;
pub(crate) mod matching;
mod nearby;
pub(crate) mod permissions;
pub(crate) mod requirements;
pub(crate) mod search;
mod table;
mod tells;
pub(crate) mod user;

use std::fmt;

pub(crate) use self::matching::{
    Classified, FAMILIES, classify_as, methods, names_variable, without_prefix,
};
pub(crate) use self::nearby::{Nearby, nearby};
pub(crate) use self::tells::read_that_tells;

/// One endpoint of the API.
#[derive(Debug)]
pub struct Endpoint {
    /// The name that `rein call` takes.
    pub name: &'static str,
    /// The family it belongs to.
    pub group: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// The method, in capitals.
    pub method: &'static str,
    /// The path below the endpoint's base, with `{placeholders}`.
    pub path: &'static str,
    /// The placeholders.
    pub path_params: &'static [Field],
    /// The query parameters.
    pub query_params: &'static [Field],
    /// The fields of the body; `a.b` is inside `a`, `a[].b` inside each element of `a`.
    pub body_fields: &'static [Field],
    /// A body that works, as JSON.
    pub example_body: Option<&'static str>,
    /// What the caller must be allowed to do; `(inferred)` marks a guess.
    pub permissions: &'static [&'static str],
    /// Where in the response the items are.
    pub items: Option<&'static str>,
    /// The columns of a table of them.
    pub columns: &'static [&'static str],
    /// How it pages.
    pub paging: Option<Paging>,
    /// What a call of it may do.
    pub class: Class,
    /// Whether repeating it leaves the service in the same state.
    pub idempotent: bool,
    /// Whether the vendor documents it publicly.
    pub documented: bool,
    /// The kind of body that a success has.
    pub response: ResponseKind,
}

/// A parameter or field.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// Whether a call without it is refused.
    pub required: bool,
    /// What the service takes when it is left out, as JSON.
    pub default: Option<&'static str>,
    /// How large its value may be, where a source says so: the service decides on the rest.
    pub limit: Option<Limit>,
    /// What it means.
    pub description: &'static str,
}

/// The bounds of a number, of how many elements a list has, or of how many characters a text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The minimum.
    pub least: u64,
    /// The maximum.
    pub most: u64,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.least {
            0 => write!(f, "at most {}", self.most),
            least => write!(f, "{least} to {}", self.most),
        }
    }
}

/// The values that a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number or text.
    NumberOrString,
    /// `true` or `false`.
    Boolean,
    /// An object.
    Object,
    /// A list of texts.
    StringList,
    /// A list of objects.
    ObjectList,
    /// A file, as a part of a form.
    File,
    /// The bytes of the body.
    Binary,
}

impl Kind {
    /// Returns the words for a message.
    pub fn words(self) -> &'static str {
        match self {
            Kind::String => "text",
            Kind::Integer => "a whole number",
            Kind::NumberOrString => "a number or text",
            Kind::Boolean => "true or false",
            Kind::Object => "an object",
            Kind::StringList => "a list of texts",
            Kind::ObjectList => "a list of objects",
            Kind::File => "a file",
            Kind::Binary => "bytes",
        }
    }
}

/// What a call may do, from the least to the most that has to be thought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Nothing is changed.
    Read,
    /// Something is created or changed.
    Write,
    /// It may cost AI units.
    Billable,
    /// A stream's position is moved.
    Stateful,
    /// Something is removed.
    Destructive,
}

impl Class {
    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            Class::Read => "read",
            Class::Write => "write",
            Class::Billable => "billable",
            Class::Stateful => "stateful",
            Class::Destructive => "destructive",
        }
    }

    /// Returns what completes "this call is ...".
    pub fn description(self) -> &'static str {
        match self {
            Class::Read => "a read",
            Class::Write => "a write",
            other => other.name(),
        }
    }
}

/// The kind of body that a success has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseKind {
    /// The JSON envelope.
    Json,
    /// Bytes of some type, or CSV when it is asked for.
    Other,
}

/// How an endpoint pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// In which way.
    pub style: PagingStyle,
    /// The field or parameter that takes the cursor.
    pub request_field: &'static str,
    /// Where the response holds it.
    pub response_field: &'static str,
    /// The field or parameter for the size of a page.
    pub limit_field: Option<&'static str>,
    /// The largest page.
    pub max: Option<u32>,
    /// What tells the last page.
    pub end: PagingEnd,
    /// Parameters that are left out from the second page on.
    pub first_page_only: &'static [&'static str],
}

/// What tells the last page. A short or empty page does not, unless it is said here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagingEnd {
    /// The cursor is absent or null.
    NoCursor,
    /// A page without items.
    EmptyPage,
    /// This field of the response is `false`.
    False(&'static str),
}

/// The ways of paging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagingStyle {
    /// The same body with the cursor added.
    BodyContinuation,
    /// A query parameter with the cursor.
    QueryContinuation,
    /// A query parameter with the lowest version seen.
    QueryOlderThan,
    /// A field of the body with the lowest version seen.
    BodyOlderThan,
    /// A stream: the position is moved, not the page.
    StreamSequence,
}

/// Returns all endpoints, in the order of the catalogue.
pub fn all() -> &'static [Endpoint] {
    &table::ENDPOINTS
}

/// Returns the endpoint of this name.
pub fn by_name(name: &str) -> Option<&'static Endpoint> {
    all().iter().find(|endpoint| endpoint.name == name)
}
