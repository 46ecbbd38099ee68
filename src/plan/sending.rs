//! How the requests of a call are sent: everything that stays the same from request to request.

use url::Url;

use crate::catalogue::{Class, Classified};
use crate::cli::options::ConnectionOptions;
use crate::env::Env;
use crate::error::Result;
use crate::exchange::TimeLimits;
use crate::exchange::client::Connection;
use crate::exchange::retry::Policy;
use crate::plan::connection;
use crate::plan::redirect::RedirectPolicy;
use crate::profile::Profile;
use crate::profile::known::KnownTokens;
use crate::secret::source::TokenSource;

/// How the requests of a call are sent.
#[derive(Clone)]
pub(crate) struct Sending<'a> {
    /// Whose endpoint and token they are.
    pub(crate) profile: &'a Profile,
    /// How the endpoint is connected to.
    pub(crate) connection: Connection,
    /// How the service that issues tokens is connected to, where the profile has one.
    pub(crate) token_service: Option<Connection>,
    /// The time limits of the command.
    pub(crate) limits: TimeLimits,
    /// How often a request is retried.
    pub(crate) retries: Policy,
    /// Which redirects are followed.
    pub(crate) redirects: RedirectPolicy,
    /// What the requests may do.
    pub(crate) class: Class,
    /// The permissions that the endpoint needs.
    pub(crate) permissions: &'static [&'static str],
    /// What must not be in a request to a place that it is not for.
    pub(crate) known: KnownTokens,
}

impl<'a> Sending<'a> {
    /// Decides how reads of `url` and those like it are sent.
    ///
    /// # Errors
    /// Fails (exit 2) when a value is invalid, or the connection must not be made.
    pub(crate) fn decide(
        options: &ConnectionOptions,
        profile: &'a Profile,
        url: &Url,
        env: &Env,
    ) -> Result<Self> {
        Ok(Sending {
            profile,
            connection: connection::decide(options, profile, url, env)?,
            token_service: token_service(options, profile, env)?,
            limits: connection::limits(options)?,
            retries: connection::retries(options)?,
            redirects: RedirectPolicy::decide(options),
            class: Class::Read,
            permissions: &[],
            known: KnownTokens::gather(&profile.holders, env),
        })
    }

    /// Makes the requests ones of a classified call.
    pub(crate) fn take_up(&mut self, classified: &Classified) {
        self.class = classified.class;
        self.permissions = classified
            .endpoint
            .map(|endpoint| endpoint.permissions)
            .unwrap_or_default();
    }
}

/// Decides how the service that issues a profile's tokens is connected to; `None` when the token
/// comes from elsewhere.
///
/// # Errors
/// Fails as [`connection::decide`] does.
pub(crate) fn token_service(
    options: &ConnectionOptions,
    profile: &Profile,
    env: &Env,
) -> Result<Option<Connection>> {
    match &profile.token {
        TokenSource::OAuth(oauth) => {
            connection::decide(options, profile, &oauth.token_url, env).map(Some)
        }
        _ => Ok(None),
    }
}
