//! One file per subcommand: arguments in, exit code out. Decisions are made in `plan`.

pub(crate) mod batch;
pub(crate) mod call;
pub(crate) mod check;
pub(crate) mod child;
pub(crate) mod choose;
pub(crate) mod config;
pub(crate) mod confirm;
pub(crate) mod curl;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod edit;
pub(crate) mod findings;
pub(crate) mod follow;
pub(crate) mod import;
pub(crate) mod notes;
pub(crate) mod preflight;
pub(crate) mod prepare;
pub(crate) mod probe;
pub(crate) mod profile;
pub(crate) mod reads;
pub(crate) mod shell;
pub(crate) mod templates;
pub(crate) mod timing;
pub(crate) mod usage;
