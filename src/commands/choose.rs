//! Which profile a command works on, and the demo tenant that belongs to one of them.

use crate::cli::ProfileOptions;
use crate::demo::{Options, Tenant};
use crate::error::{Failure, Result};
use crate::profile::resolve::Choice;
use crate::profile::{Base, Profile};
use crate::secret::Secret;
use crate::secret::source::TokenSource;

/// Starts the built-in demo tenant when the profile is its, and gives the profile the
/// tenant's address and token. What only looks, and opens no socket, leaves this out.
pub(crate) async fn start_demo(profile: &mut Profile) -> Result<Option<Tenant>> {
    if !profile.is_demo() {
        return Ok(None);
    }
    let tenant = Tenant::start(Options::default()).await?;
    profile.base.value = Base::from_endpoint(&tenant.base_url()).map_err(Failure::local)?;
    profile.token = TokenSource::Demo(Secret::new(tenant.token().to_owned()));
    Ok(Some(tenant))
}

/// Returns what the options say about the profile.
pub(crate) fn choice(options: &ProfileOptions) -> Choice<'_> {
    Choice {
        profile: options.profile.as_deref(),
        endpoint: options.endpoint.as_deref(),
        project: options.project.as_deref(),
        token_file: options.token_file.as_deref(),
        config: options.config.as_deref(),
    }
}
