//! The tokens that rein knows of without asking anybody, so that none goes where it is not meant.

use crate::cli::options::ProfileOptions;
use crate::commands::{Context, choose};
use crate::profile::{Profile, resolve};
use crate::secret::Secret;
use crate::secret::cache::TokenCache;
use crate::secret::source::{Stored, Token, TokenSource};

/// Returns a profile's token when it can be had without a command, a prompt or the network.
pub(super) fn token_at_hand(profile: &Profile, cx: &Context) -> Option<Token> {
    match &profile.token {
        TokenSource::Stored(Stored::Command(_)) | TokenSource::Withheld(_) => None,
        // Standard input can be read once.
        TokenSource::Option(path) if path.as_os_str() == "-" => None,
        TokenSource::OAuth(oauth) => {
            let secret = TokenCache::of(oauth, &profile.base.value, &cx.env)?.load()?;
            Some(Token {
                secret,
                source: profile.token.describe(),
            })
        }
        source => source.read(&cx.env).ok(),
    }
}

/// Returns every token that can be had like this, with the name of its source.
pub(super) fn tokens(
    options: &ProfileOptions,
    chosen: Option<&Profile>,
    cx: &Context,
) -> Vec<(Secret, String)> {
    let choice = choose::choice(options);
    // A broken file has no tokens: the call has been planned without it.
    let all = resolve::all(&choice, &cx.env).unwrap_or_default();
    let mut known: Vec<(Secret, String)> = chosen
        .into_iter()
        .chain(&all)
        .filter_map(|profile| {
            let token = token_at_hand(profile, cx)?;
            let source = format!("profile {} ({})", profile.name, token.source);
            Some((token.secret, source))
        })
        .collect();
    for (name, value) in cx.env.beginning_with("REINFER_TOKEN") {
        known.push((Secret::new(value.trim().to_owned()), format!("${name}")));
    }
    known
}
