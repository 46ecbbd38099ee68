//! How the requests of a call are sent: everything that stays the same from request to request.

use url::Url;

use crate::catalogue::{Class, Classified, Endpoint};
use crate::cli::options::ConnectionOptions;
use crate::env::Env;
use crate::error::Result;
use crate::exchange::TimeLimits;
use crate::exchange::client::Connection;
use crate::exchange::retry::Policy;
use crate::output::record::{Attempts, SentTo};
use crate::plan::connection;
use crate::plan::redirect::RedirectPolicy;
use crate::profile::known::KnownTokens;
use crate::profile::{Guard, Profile};
use crate::request::Request;
use crate::secret::Redactor;
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
    /// Which endpoint of the catalogue they go to.
    pub(crate) endpoint: Option<&'static Endpoint>,
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
            endpoint: None,
            known: KnownTokens::gather(&profile.holders, env),
        })
    }

    /// Returns what is known of a call before its first request is sent.
    pub(crate) fn attempts(&self, first: &Request) -> Attempts {
        let mut redactor = Redactor::default();
        self.known.teach(&mut redactor);
        let mut attempts = self.begun(redactor);
        self.describe(first, &mut attempts);
        attempts
    }

    /// Returns what is known of a call whose requests are not known yet.
    pub(crate) fn begun(&self, redactor: Redactor) -> Attempts {
        Attempts {
            class: Some(self.class),
            endpoint: self.endpoint.map(|endpoint| endpoint.name),
            redactor,
            ..of_profile(self.profile)
        }
    }

    /// Notes which request a call has come to.
    pub(crate) fn describe(&self, request: &Request, attempts: &mut Attempts) {
        attempts.sent_to = SentTo::new(&request.url, self.profile.base.value.as_str());
        attempts.method = Some(request.method.clone());
        attempts.body_size = request.body.length().unwrap_or(0);
    }

    /// Makes the requests ones of a classified call.
    pub(crate) fn take_up(&mut self, classified: &Classified) {
        self.class = classified.class;
        self.endpoint = classified.endpoint;
    }
}

/// Returns what is known of a call once its profile is chosen.
pub(crate) fn of_profile(profile: &Profile) -> Attempts {
    Attempts {
        profile: Some(profile.name.clone()),
        guarded: profile.guard.value != Guard::None,
        ..Attempts::default()
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
