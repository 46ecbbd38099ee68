//! What every test needs: the command in a clean environment, and servers to call.

pub mod command;
pub mod recorder;
pub mod tenant;

pub use command::rein;
pub use recorder::{Recorded, Recorder, Reply};
pub use tenant::Demo;

/// The token of tests: it must show up nowhere but at the server that it is for.
pub const CANARY: &str = "SEKRET-0123";
