//! Which profile a command works on, and the demo tenant that belongs to one of them.

use crate::cli::ProfileOptions;
use crate::commands::Context;
use crate::demo::Tenant;
use crate::error::Result;
use crate::profile::resolve::{self, Choice};
use crate::profile::{Profile, file};

/// Starts the tenant inside the program when the profile is `demo`.
pub(crate) async fn demo_tenant(profile: Option<&str>) -> Result<Option<Tenant>> {
    if profile != Some(file::DEMO) {
        return Ok(None);
    }
    Tenant::start(crate::demo::Options::default())
        .await
        .map(Some)
}

/// Returns the profile that a call goes to.
///
/// # Errors
/// Fails when it is unclear which one is meant.
pub(crate) fn profile(
    choice: &Choice<'_>,
    tenant: Option<&Tenant>,
    cx: &Context,
) -> Result<Profile> {
    match tenant {
        // A look opens no socket, so there is no tenant and no port yet.
        None if choice.profile == Some(file::DEMO) => {
            resolve::demo("http://127.0.0.1", "", choice, &cx.env)
        }
        Some(tenant) => resolve::demo(&tenant.base_url(), tenant.token(), choice, &cx.env),
        None => resolve::resolve(choice, &cx.env),
    }
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
