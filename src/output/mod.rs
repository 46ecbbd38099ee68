//! What reaches the user: the response on standard output, everything about it on standard error.

pub(crate) mod batch;
pub(crate) mod body;
pub(crate) mod diff;
pub(crate) mod dump;
pub(crate) mod file;
pub(crate) mod fit;
pub(crate) mod items;
pub(crate) mod join;
pub(crate) mod junit;
pub(crate) mod meta;
pub(crate) mod progress;
pub(crate) mod quantiles;
pub(crate) mod record;
pub(crate) mod status;
pub(crate) mod timing;
pub(crate) mod verbose;
pub(crate) mod view;
pub(crate) mod write_out;
