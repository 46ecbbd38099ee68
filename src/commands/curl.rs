//! `rein curl ...`: runs the installed curl with what the profile knows.

use crate::cli::CurlCall;
use crate::cli::curl;
use crate::commands::Context;
use crate::error::{Failure, Result};
use crate::exit::Exit;

/// Runs a command line of curl.
///
/// # Errors
/// Fails (exit 2) on a line that cannot be judged.
pub(crate) fn run(call: &CurlCall, _cx: &Context) -> Result<Exit> {
    let _line = curl::parse(call)?;
    Err(Failure::local("rein curl does not run curl yet"))
}
