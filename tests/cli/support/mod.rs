//! What every test needs: the command in a clean environment, and servers to call.

pub(crate) mod command;
pub(crate) mod http2;
pub(crate) mod proxy;
pub(crate) mod recorder;
#[cfg(unix)]
pub(crate) mod stand_in;
pub(crate) mod tenant;
pub(crate) mod tls;

pub(crate) use command::{Rein, rein};
pub(crate) use recorder::{Recorded, Recorder, Reply};
pub(crate) use tenant::Demo;

/// The token of tests: it must show up nowhere but at the server that it is for.
pub(crate) const CANARY: &str = "SEKRET-0123";
