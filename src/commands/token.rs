//! The token of a call: read where the profile says, or asked for with client credentials.

use crate::cli::options::ConnectionOptions;
use crate::commands::Context;
use crate::error::Result;
use crate::exchange::{TimeLimits, oauth};
use crate::output::stdout::note;
use crate::output::terminal::sanitise;
use crate::plan::connection;
use crate::profile::Profile;
use crate::secret::cache::TokenCache;
use crate::secret::source::{Token, TokenSource};

/// Whether a token that was kept may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// One that lasts is good.
    Kept,
    /// It has just been refused: ask for a new one.
    New,
}

/// Returns the token of a profile; a request that is made for it is counted in `requests`.
///
/// # Errors
/// Fails when the source has none, or none was given.
pub(crate) async fn obtain(
    profile: &Profile,
    options: &ConnectionOptions,
    limits: TimeLimits,
    freshness: Freshness,
    requests: &mut u32,
    cx: &Context,
) -> Result<Token> {
    let TokenSource::OAuth(oauth) = &profile.token else {
        return profile.token.read(&cx.env);
    };
    let source = profile.token.describe();
    let cache = TokenCache::of(oauth, &profile.base.value, &cx.env);
    if freshness == Freshness::Kept
        && let Some(secret) = cache.as_ref().and_then(TokenCache::load)
    {
        return Ok(Token { secret, source });
    }
    let client_secret = oauth.client_secret.read(&cx.env, "client_secret")?;
    let connection = connection::decide(options, profile, &oauth.token_url, &cx.env)?;
    let place = oauth.token_url.host_str().unwrap_or_default();
    note(&format!(
        "note: asking {} for a token (profile {})",
        sanitise(place),
        sanitise(&profile.name)
    ));
    *requests += 1;
    let granted = oauth::ask(oauth, &client_secret, &connection, limits).await?;
    if let Some(cache) = cache {
        cache.store(&granted.token, granted.seconds);
    }
    Ok(Token {
        secret: granted.token,
        source,
    })
}

/// Returns whether a new token can be had when one is refused.
pub(crate) fn is_renewable(profile: &Profile) -> bool {
    matches!(profile.token, TokenSource::OAuth(_))
}
