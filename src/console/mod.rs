//! The standard streams, and what a CI system would read as a command in them.

pub(crate) mod annotation;
pub(crate) mod stdout;
pub(crate) mod workflow;
