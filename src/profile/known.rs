//! The tokens that can be known without running a command, and the endpoints that they are for.

use url::Url;

use crate::env::Env;
use crate::error::Failure;
use crate::profile::token_cache::TokenCache;
use crate::profile::{Base, Holder};
use crate::secret::search::Finder;
use crate::secret::source::{Stored, Token, TokenSource, variable_of_profile};
use crate::secret::{Redactor, Secret};
use crate::text::terminal::sanitise;

/// Tokens that must not be sent to a place that is not theirs.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownTokens {
    tokens: Vec<KnownToken>,
    /// Every endpoint of the config file.
    endpoints: Vec<Base>,
}

#[derive(Clone, Debug)]
struct KnownToken {
    secret: Secret,
    /// Finds it, and names its source: every request is searched.
    finder: Finder,
    /// The endpoints that it is for; none for what belongs to a token service.
    endpoints: Vec<Base>,
}

impl KnownTokens {
    /// Reads every token of the profiles of the config file, and of the environment, that needs no
    /// command, no prompt and no network. What cannot be read is skipped: it is not this
    /// call's token.
    pub(crate) fn gather(holders: &[Holder], env: &Env) -> KnownTokens {
        let mut known = KnownTokens {
            tokens: Vec::new(),
            endpoints: holders.iter().map(|holder| holder.base.clone()).collect(),
        };
        for holder in holders {
            known.add_of(holder, env);
        }
        for (name, value) in env.beginning_with("REINFER_TOKEN") {
            if name != "REINFER_TOKEN" && !name.starts_with("REINFER_TOKEN_") {
                continue;
            }
            let secret = Secret::new(value.trim().to_owned());
            let owner = holders
                .iter()
                .find(|holder| variable_of_profile(&holder.name) == name);
            match owner {
                Some(holder) => {
                    let source = format!("profile {} (${name})", sanitise(&holder.name));
                    known.add(secret, source, Some(&holder.base));
                }
                None => {
                    let base = endpoint_of_environment(env).filter(|_| name == "REINFER_TOKEN");
                    known.add(secret, format!("${}", sanitise(name)), base.as_ref());
                }
            }
        }
        known
    }

    fn add_of(&mut self, holder: &Holder, env: &Env) {
        let named = |source: &str| format!("profile {} ({source})", sanitise(&holder.name));
        let base = Some(&holder.base);
        match &holder.token {
            TokenSource::Stored(stored) => {
                if let Some(secret) = stored.at_hand(env, "token") {
                    self.add(secret, named(&stored.describe("token")), base);
                }
            }
            TokenSource::OAuth(oauth) => {
                let client_secret = &oauth.client_secret;
                if let Some(secret) = client_secret.at_hand(env, "client_secret") {
                    let source = named(&client_secret.describe("client_secret"));
                    self.add(secret, source, None);
                }
                let cache = TokenCache::of(oauth, &holder.base, env);
                if let Some(secret) = cache.and_then(|cache| cache.load()) {
                    self.add(secret, named(&holder.token.describe()), base);
                }
            }
            // Its own variable is found by its name; the general one is for every profile that has
            // no source, unless it goes with another endpoint.
            TokenSource::Environment { general: true, .. } => {
                let fits = endpoint_of_environment(env)
                    .is_none_or(|endpoint| endpoint.same_endpoint(&holder.base));
                let general = Stored::Variable("REINFER_TOKEN".to_owned());
                if fits && let Some(secret) = general.at_hand(env, "token") {
                    self.add(secret, "$REINFER_TOKEN".to_owned(), base);
                }
            }
            TokenSource::Environment { .. }
            | TokenSource::Option(_)
            | TokenSource::Withheld(_)
            | TokenSource::Demo(_) => {}
        }
    }

    /// Adds the token of a call to an endpoint.
    pub(crate) fn add_token(&mut self, token: &Token, profile: &str, base: &Base) {
        let source = format!("profile {} ({})", sanitise(profile), token.source);
        self.add(token.secret.clone(), source, Some(base));
    }

    fn add(&mut self, secret: Secret, source: String, endpoint: Option<&Base>) {
        let endpoint = endpoint.into_iter().cloned();
        match self.tokens.iter_mut().find(|known| known.secret == secret) {
            Some(known) => known.endpoints.extend(endpoint),
            None => self.tokens.push(KnownToken {
                finder: Finder::new(std::iter::once((&secret, source.as_str()))),
                secret,
                endpoints: endpoint.collect(),
            }),
        }
    }

    /// Returns what finds the tokens that are not for a URL: where one endpoint lies below another
    /// one, what is below both belongs to the first.
    pub(crate) fn foreign_to(&self, url: &Url) -> Finder {
        let depth = |endpoints: &[Base]| {
            let owners = endpoints.iter().filter(|base| base.owns(url));
            owners.map(|base| base.path_prefix().len()).max()
        };
        let owner = depth(&self.endpoints);
        let is_foreign = |known: &&KnownToken| {
            let own = depth(&known.endpoints);
            own.is_none() || own < owner
        };
        finder(self.tokens.iter().filter(is_foreign))
    }

    /// Returns what finds every token.
    pub(crate) fn all(&self) -> Finder {
        finder(self.tokens.iter())
    }

    /// Has them all redacted.
    pub(crate) fn teach(&self, redactor: &mut Redactor) {
        for known in &self.tokens {
            redactor.learn(&known.secret);
        }
    }
}

fn finder<'a>(known: impl Iterator<Item = &'a KnownToken>) -> Finder {
    known.map(|known| &known.finder).collect()
}

fn endpoint_of_environment(env: &Env) -> Option<Base> {
    Base::from_endpoint(env.text("REINFER_ENDPOINT").ok()??).ok()
}

/// Says that a token is in a request to a place that it is not for.
pub(crate) fn not_for(source: &str, place: &str) -> Failure {
    Failure::usage(format!(
        "the token of {source} is in the request, and it is not for {}",
        sanitise(place)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(name: &str, base: &str, token: TokenSource) -> Holder {
        Holder {
            name: name.to_owned(),
            base: Base::for_test(base),
            token,
        }
    }

    fn environment() -> TokenSource {
        TokenSource::Environment {
            own: None,
            shared_with: None,
            general: true,
        }
    }

    #[test]
    fn a_token_is_foreign_where_no_profile_has_it() {
        let stored = |name: &str| TokenSource::Stored(Stored::Variable(name.to_owned()));
        let holders = [
            holder("dev", "https://h.example/dev", stored("A")),
            holder("prod", "https://h.example/prod", stored("B")),
            holder("both", "https://h.example/other", stored("A")),
            holder("none", "https://h.example/none", environment()),
        ];
        let env = Env::with_vars([
            ("A", "TOKEN-OF-DEV"),
            ("B", "TOKEN-OF-PROD"),
            ("REINFER_TOKEN", "TOKEN-FOR-ALL"),
            ("REINFER_TOKEN_PROD", "TOKEN-PROD-2"),
            ("REINFER_TOKEN_OLD", "TOKEN-OF-OLD"),
            ("REINFER_TOKENS", "NO-TOKEN-AT-ALL"),
        ]);
        let known = KnownTokens::gather(&holders, &env);
        for (token, at_home) in [
            ("TOKEN-OF-DEV", &["dev", "other"][..]),
            ("TOKEN-OF-PROD", &["prod"]),
            ("TOKEN-FOR-ALL", &["none"]),
            ("TOKEN-PROD-2", &["prod"]),
            ("TOKEN-OF-OLD", &[]),
        ] {
            for place in ["dev", "prod", "other", "none", "nowhere"] {
                let url = Url::parse(&format!("https://h.example/{place}/api")).expect("a URL");
                let found = known.foreign_to(&url).find(token.as_bytes()).is_some();
                assert_eq!(found, !at_home.contains(&place), "{token} {place}");
            }
            assert!(known.all().find(token.as_bytes()).is_some(), "{token}");
        }
        assert_eq!(known.all().find(b"NO-TOKEN-AT-ALL"), None);
    }

    #[test]
    fn an_endpoint_below_another_one_is_another_place() {
        let stored = |name: &str| TokenSource::Stored(Stored::Variable(name.to_owned()));
        let holders = [
            holder("outer", "https://h.example/acme", stored("A")),
            holder("inner", "https://h.example/acme/prod", stored("B")),
        ];
        let env = Env::with_vars([("A", "TOKEN-OF-OUTER"), ("B", "TOKEN-OF-INNER")]);
        let known = KnownTokens::gather(&holders, &env);
        for (path, foreign) in [
            ("/acme/x", "TOKEN-OF-INNER"),
            ("/acme/prod/x", "TOKEN-OF-OUTER"),
            ("/acme/production", "TOKEN-OF-INNER"),
        ] {
            let url = Url::parse(&format!("https://h.example{path}")).expect("a URL");
            for token in ["TOKEN-OF-OUTER", "TOKEN-OF-INNER"] {
                let found = known.foreign_to(&url).find(token.as_bytes()).is_some();
                assert_eq!(found, token == foreign, "{path} {token}");
            }
        }
    }

    #[test]
    fn the_general_token_goes_with_its_endpoint() {
        let holders = [holder("x", "https://h.example/x", environment())];
        let env = Env::with_vars([
            ("REINFER_TOKEN", "TOKEN-FOR-ALL"),
            ("REINFER_ENDPOINT", "https://h.example/y"),
        ]);
        let known = KnownTokens::gather(&holders, &env);
        for (place, is_foreign) in [("x", true), ("y", false)] {
            let url = Url::parse(&format!("https://h.example/{place}")).expect("a URL");
            let found = known.foreign_to(&url).find(b"TOKEN-FOR-ALL").is_some();
            assert_eq!(found, is_foreign, "{place}");
        }
    }
}
