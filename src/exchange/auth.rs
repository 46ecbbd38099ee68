//! The one place that attaches a token to a request.

use http::HeaderValue;
use url::Url;
use zeroize::Zeroizing;

use crate::error::{Failure, Result};
use crate::profile::Profile;
use crate::request::TypedCredential;
use crate::request::location::Location;
use crate::secret::Secret;
use crate::secret::source::Token;

/// An `Authorization` value that may go to one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    value: HeaderValue,
}

impl Credential {
    /// Makes the credential of a call, after a last look at where it would go.
    ///
    /// # Errors
    /// Fails (exit 2) when the URL is not the profile's own, or when a typed bearer is
    /// not the profile's token: whose tenant it is for cannot be known.
    pub(crate) fn for_call(
        url: &Url,
        profile: &Profile,
        token: &Token,
        typed: &TypedCredential,
    ) -> Result<Self> {
        profile.check_token_home(url, &Location::of(url))?;
        match typed {
            TypedCredential::Profile => {}
            TypedCredential::Bearer(bearer) if *bearer == token.secret => {}
            TypedCredential::Bearer(_) | TypedCredential::Other => {
                return Err(Failure::usage("two different tokens: which tenant is meant?")
                    .fact("one was given with -H 'Authorization: ...'")
                    .fact(format!("the other is {} (profile {})", token.source, profile.name))
                    .fact("nothing was sent")
                    .hint("leave the header out to use the profile's, or choose the profile with -p"));
            }
        }
        Credential::bearer(&token.secret).ok_or_else(|| {
            Failure::usage(format!(
                "the token from {} cannot be in a header",
                token.source
            ))
        })
    }

    fn bearer(secret: &Secret) -> Option<Self> {
        let text = Zeroizing::new(format!("Bearer {}", secret.expose()));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(Credential { value })
    }

    /// Puts the credential into a request's headers, instead of any other.
    pub(super) fn attach(&self, headers: &mut http::HeaderMap) {
        headers.insert(http::header::AUTHORIZATION, self.value.clone());
    }
}
