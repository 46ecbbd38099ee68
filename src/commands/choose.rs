//! Which profile a command works on, its token, and the demo tenant that belongs to one of them.

use crate::cli::ProfileOptions;
use crate::cli::options::ConnectionOptions;
use crate::demo::{Options, Tenant};
use crate::engine::Context;
use crate::engine::token::{self, Freshness};
use crate::error::{Failure, Result};
use crate::plan::{connection, sending};
use crate::profile::resolve::Choice;
use crate::profile::{Base, Profile};
use crate::secret::Secret;
use crate::secret::source::{Token, TokenSource};

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

/// Starts the demo tenant as [`start_demo`] does, on a thread that serves until this process ends.
///
/// # Errors
/// Fails as [`start_demo`] does.
pub(crate) fn serve_demo(profile: &mut Profile, cx: &Context) -> Result<()> {
    if profile.is_demo() {
        let runtime = cx.runtime()?;
        let tenant = runtime.block_on(start_demo(profile))?;
        std::thread::spawn(move || {
            let _serving = tenant;
            runtime.block_on(std::future::pending::<()>());
        });
    }
    Ok(())
}

/// Returns the profile's token, for a program that makes calls of its own.
///
/// # Errors
/// Fails as [`token::obtain`] does.
pub(crate) fn token_of(profile: &Profile, cx: &Context) -> Result<Token> {
    let options = ConnectionOptions::default();
    let Some(service) = sending::token_service(&options, profile, &cx.env)? else {
        return profile.token.read(&cx.env);
    };
    let limits = connection::limits(&options)?;
    let (service, kept) = (Some(&service), Freshness::Kept);
    cx.runtime()?
        .block_on(token::obtain(profile, service, limits, kept, &mut 0, cx))
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
