//! What reaches the user: the answer on standard output, everything about it on standard error.

pub(crate) mod annotation;
pub(crate) mod body;
pub(crate) mod dump;
pub(crate) mod file;
pub(crate) mod items;
pub(crate) mod join;
pub(crate) mod junit;
pub mod lexical;
pub(crate) mod meta;
pub(crate) mod progress;
pub(crate) mod record;
pub(crate) mod status;
pub(crate) mod stdout;
pub mod terminal;
pub(crate) mod verbose;
pub(crate) mod view;
pub(crate) mod workflow;
pub(crate) mod write_out;
