//! Texts: what a terminal may show, JSON as text, and jq filters over it.

pub(crate) mod jq;
pub mod lexical;
pub(crate) mod path;
pub mod terminal;
