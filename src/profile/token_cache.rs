//! Short-lived tokens kept between calls, each bound to what it was given for.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::env::Env;
use crate::files::{create_private_folder, folder_of, is_open_to_others, open_lock, open_own};
use crate::profile::Base;
use crate::profile::file::state_folder;
use crate::secret::Secret;
use crate::secret::source::OAuth;

/// A token is not used in its last minute: it could end on the way.
const MARGIN: Duration = Duration::from_secs(60);

/// What a cached token may be used for. A token of another tenant must never be found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Binding {
    profile: String,
    endpoint: String,
    token_url: String,
    client_id: String,
    scope: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    schema: u32,
    binding: Binding,
    access_token: Zeroizing<String>,
    /// Seconds since 1970.
    expires_at: u64,
}

/// The place of one profile's token.
#[derive(Clone, Debug)]
pub(crate) struct TokenCache {
    path: PathBuf,
    binding: Binding,
}

impl TokenCache {
    /// Returns the place; `None` without a folder for state.
    pub(crate) fn of(oauth: &OAuth, base: &Base, env: &Env) -> Option<Self> {
        let name: String = oauth
            .profile
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        let path = state_folder(env)?
            .join("oauth")
            .join(format!("{name}.json"));
        let binding = Binding {
            profile: oauth.profile.clone(),
            endpoint: base.as_str().to_owned(),
            token_url: oauth.token_url.to_string(),
            client_id: oauth.client_id.clone(),
            scope: oauth.scope.clone(),
        };
        Some(TokenCache { path, binding })
    }

    /// Returns the token, when there is one for just this use and it lasts.
    pub(crate) fn load(&self) -> Option<Secret> {
        let mut file = open_own(&self.path).ok()?;
        if is_open_to_others(&file) {
            return None;
        }
        let mut text = Zeroizing::new(Vec::new());
        file.read_to_end(&mut text).ok()?;
        let entry: Entry = serde_json::from_slice(&text).ok()?;
        let lasts = entry.expires_at > (now() + MARGIN).as_secs();
        (entry.schema == 1 && entry.binding == self.binding && lasts)
            .then(|| Secret::from(entry.access_token))
    }

    /// Opens the file that is locked while a token is asked for: several calls at once ask once.
    ///
    /// # Errors
    /// Fails when it cannot be created.
    pub(crate) fn open_lock(&self) -> std::io::Result<File> {
        create_private_folder(folder_of(&self.path))?;
        open_lock(&self.path.with_extension("lock"))
    }

    /// Keeps a token. That it cannot be kept only costs the next call a request.
    pub(crate) fn store(&self, token: &Secret, seconds: u64) {
        let entry = Entry {
            schema: 1,
            binding: self.binding.clone(),
            access_token: Zeroizing::new(token.expose().to_owned()),
            expires_at: now().as_secs().saturating_add(seconds),
        };
        let _not_kept = self.write(&entry);
    }

    fn write(&self, entry: &Entry) -> std::io::Result<()> {
        let folder = folder_of(&self.path);
        create_private_folder(folder)?;
        // Created exclusively and 0600 from the first byte.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer(&mut file, entry)?;
        file.persist(&self.path)?;
        Ok(())
    }
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::source::Stored;

    fn oauth(profile: &str, client_id: &str) -> OAuth {
        OAuth {
            profile: profile.to_owned(),
            token_url: url::Url::parse("https://id.example/token").expect("a URL"),
            client_id: client_id.to_owned(),
            client_secret: Stored::Variable("S".to_owned()),
            scope: None,
        }
    }

    #[test]
    fn a_token_is_found_for_its_own_use_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let env = Env::with_vars([("XDG_STATE_HOME", folder.path().to_str().expect("text"))]);
        let base = Base::for_test("https://h.example/a");
        let cache = TokenCache::of(&oauth("ci", "one"), &base, &env).expect("a place");
        assert_eq!(cache.load(), None);
        cache.store(&Secret::new("t".to_owned()), 3600);
        assert_eq!(cache.load(), Some(Secret::new("t".to_owned())));
        let other_base = Base::for_test("https://h.example/b");
        for (oauth, base) in [
            (oauth("ci", "two"), &base),
            (oauth("ci", "one"), &other_base),
        ] {
            assert_eq!(
                TokenCache::of(&oauth, base, &env).expect("a place").load(),
                None
            );
        }
        cache.store(&Secret::new("t".to_owned()), 30);
        assert_eq!(cache.load(), None, "too short a life");
    }
}
