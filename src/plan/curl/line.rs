//! The line that curl gets.

use std::ffi::{OsStr, OsString};

use super::judge::{Judged, Transfer};
use super::request::authorization;
use crate::cli::curl::{Item, Role};
use crate::env::Env;
use crate::profile::Profile;
use crate::request::TypedCredential;
use crate::secret::{Redactor, Secret};
use crate::text::terminal::sanitise;

/// One word of the line that curl gets.
pub(crate) enum Word {
    Plain(OsString),
    /// A setting of a config file that is handed over: arguments can be read by every user of the
    /// machine. It is the beginning of its line, and the secret: `None` is the profile's token.
    Secret(&'static str, Option<Secret>),
}

const BEARER: &str = "header = \"Authorization: Bearer ";
const PROXY: &str = "proxy = \"";

impl Word {
    /// Returns the word as it is shown.
    pub(crate) fn shown(&self) -> String {
        let quoted = |text: &str| {
            let text = Redactor::default().target(text);
            shell_words::quote(&sanitise(&text)).into_owned()
        };
        match self {
            Word::Plain(word) => quoted(&word.to_string_lossy()),
            Word::Secret(PROXY, Some(proxy)) => format!("--proxy {}", quoted(proxy.expose())),
            Word::Secret(_, None) => "-H \"Authorization: Bearer $REINFER_TOKEN\"".to_owned(),
            Word::Secret(_, Some(_)) => "-H 'Authorization: Bearer (redacted)'".to_owned(),
        }
    }
}

impl Judged<'_> {
    /// Returns the line that curl gets, without its name.
    pub(crate) fn words(&mut self, env: &Env) -> Vec<Word> {
        let mut words = Vec::new();
        if self.has_own() {
            // No config file of curl's: it can redirect a call, and must be the first option.
            add(&mut words, ["-q"]);
            // curl shows its progress meter when its output is not a terminal, which here is a pipe to
            // this process and then one.
            let is_quiet = |item: &Item| matches!(item.role(), Role::Silent | Role::Output);
            if env.stdout_terminal && !self.items().any(is_quiet) {
                add(&mut words, ["--no-progress-meter", "--no-buffer"]);
            }
        }
        for (index, transfer) in self.transfers.iter().enumerate() {
            add(&mut words, (index > 0).then_some("--next"));
            let own = self.profiles.chosen.zip(transfer.own.as_ref());
            if let Some((profile, credential)) = own {
                add_of_profile(transfer, profile, credential, &mut words);
            }
            for item in &transfer.items {
                let is_replaced = own.is_some_and(|(_, credential)| match item.role() {
                    Role::Redirect => true,
                    Role::NoProxy => transfer.is_plain(),
                    _ => *credential != TypedCredential::Other && authorization(item).is_some(),
                });
                if !is_replaced {
                    add(&mut words, item.words());
                } else if item.role() == Role::Redirect {
                    let why = "redirects of a profile's URL are shown, not followed";
                    self.notes.push(format!("{} is left out: {why}", item.name));
                }
            }
        }
        words
    }
}

fn add(words: &mut Vec<Word>, texts: impl IntoIterator<Item = impl Into<OsString>>) {
    words.extend(texts.into_iter().map(|text| Word::Plain(text.into())));
}

/// Adds what the profile says about a transfer, where the line does not say it.
fn add_of_profile(
    transfer: &Transfer,
    profile: &Profile,
    credential: &TypedCredential,
    words: &mut Vec<Word>,
) {
    match credential {
        TypedCredential::Profile => words.push(Word::Secret(BEARER, None)),
        TypedCredential::Bearer(bearer) => words.push(Word::Secret(BEARER, Some(bearer.clone()))),
        TypedCredential::Other => {}
    }
    add(words, ["--globoff"]);
    if transfer.is_plain() {
        // A proxy of the environment would see the token in clear.
        return add(words, ["--noproxy", "*"]);
    }
    let has = |role| transfer.items.iter().any(|item| item.role() == role);
    if let Some(file) = profile.ca_file.as_ref().filter(|_| !has(Role::CaFile)) {
        add(words, [OsStr::new("--cacert"), file.value.as_os_str()]);
    }
    match profile.proxy.as_ref().map(|proxy| &proxy.value) {
        Some(_) if has(Role::Proxy) => {}
        // User and password.
        Some(proxy) if proxy.expose().contains('@') => {
            words.push(Word::Secret(PROXY, Some(proxy.clone())));
        }
        Some(proxy) => add(words, ["--proxy", proxy.expose()]),
        None => {}
    }
}
