//! The token of a call: read where the profile says, or asked for with client credentials.

use std::fs::File;
use std::time::Duration;

use crate::console::stdout::note;
use crate::engine::Context;
use crate::engine::oauth;
use crate::error::Result;
use crate::exchange::TimeLimits;
use crate::exchange::client::Connection;
use crate::profile::Profile;
use crate::profile::token_cache::TokenCache;
use crate::secret::Secret;
use crate::secret::source::{Token, TokenSource};
use crate::text::terminal::sanitise;

/// Whether a token that was kept may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness<'a> {
    /// One that lasts is good.
    Kept,
    /// This one has just been refused: another one is needed.
    OtherThan(&'a Secret),
}

/// How long a call waits for another one that is asking for the same token. After that it asks
/// itself: a token service that does not respond must not hold up one call after the other.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Returns the token of a profile; `service` is how the service that issues it is connected to,
/// and a request that is made to it is counted in `requests`.
///
/// # Errors
/// Fails when the source has none, or none was given.
pub(crate) async fn obtain(
    profile: &Profile,
    service: Option<&Connection>,
    limits: TimeLimits,
    freshness: Freshness<'_>,
    requests: &mut u32,
    cx: &Context,
) -> Result<Token> {
    let (TokenSource::OAuth(oauth), Some(service)) = (&profile.token, service) else {
        return profile.token.read(&cx.env);
    };
    let source = profile.token.describe();
    let cache = TokenCache::of(oauth, &profile.base.value, &cx.env);
    let kept = || {
        let secret = cache.as_ref().and_then(TokenCache::load)?;
        (freshness != Freshness::OtherThan(&secret)).then_some(secret)
    };
    if let Some(secret) = kept() {
        return Ok(Token { secret, source });
    }
    let _locked = match &cache {
        Some(cache) => lock(cache).await,
        None => None,
    };
    // Another call may have got one meanwhile.
    if let Some(secret) = kept() {
        return Ok(Token { secret, source });
    }
    let client_secret = oauth.client_secret.read(&cx.env, "client_secret")?;
    let place = oauth.token_url.host_str().unwrap_or_default();
    note(&format!(
        "note: asking {} for a token (profile {})",
        sanitise(place),
        sanitise(&profile.name)
    ));
    *requests += 1;
    let granted = oauth::ask(oauth, &client_secret, service, limits).await?;
    if let Some(cache) = &cache {
        cache.store(&granted.token, granted.seconds);
    }
    Ok(Token {
        secret: granted.token,
        source,
    })
}

/// Waits until no other call asks for the same token. Without a lock (the folder cannot be written
/// to, or the file system has none) every call asks.
async fn lock(cache: &TokenCache) -> Option<File> {
    let file = cache.open_lock().ok()?;
    if file.try_lock().is_ok() {
        return Some(file);
    }
    let waiting = tokio::task::spawn_blocking(move || file.lock().ok().map(|()| file));
    tokio::time::timeout(MAX_WAIT, waiting).await.ok()?.ok()?
}

/// Returns whether a new token can be had when one is refused.
pub(crate) fn is_renewable(profile: &Profile) -> bool {
    matches!(profile.token, TokenSource::OAuth(_))
}
