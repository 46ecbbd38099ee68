//! The line that curl gets.

use std::ffi::OsString;

use super::judge::Judged;
use super::transfer::is_credential;
use crate::cli::curl::Argument;
use crate::cli::curl::table::Role;
use crate::profile::Profile;
use crate::request::TypedCredential;
use crate::secret::Secret;

/// One word of the line that curl gets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Plain(OsString),
    /// The options that hand over a bearer: the profile's token, or the one that was passed.
    Token(Option<Secret>),
    /// The options that hand over the profile's proxy, which holds a password.
    Proxy(Secret),
}

impl Word {
    pub(crate) fn plain(text: impl Into<OsString>) -> Word {
        Word::Plain(text.into())
    }
}

/// Returns the line that curl gets, without its name. A bearer for the profile's URL leaves the
/// line as well: arguments can be read by every user of the machine.
pub(crate) fn line(
    transfers: &[Judged],
    profile: Option<&Profile>,
    notes: &mut Vec<String>,
) -> Vec<Word> {
    let mut words = Vec::new();
    if transfers.iter().any(|judged| judged.is_own) {
        // No config file of curl's: it can redirect a call, and must be the first option.
        words.push(Word::plain("-q"));
    }
    for (index, judged) in transfers.iter().enumerate() {
        if index > 0 {
            words.push(Word::plain("--next"));
        }
        if let Some(profile) = profile.filter(|_| judged.is_own) {
            match &judged.transfer.credential {
                TypedCredential::Profile => words.push(Word::Token(None)),
                TypedCredential::Bearer(bearer) => words.push(Word::Token(Some(bearer.clone()))),
                TypedCredential::Other => {}
            }
            words.push(Word::plain("--globoff"));
            words.extend(connection_words(judged, profile));
        }
        let mut passed = Vec::new();
        let mut urls = judged.transfer.urls.iter();
        for argument in &judged.transfer.arguments {
            if argument.role() == Role::Url {
                let value = urls.next().map(|called| called.text.clone().into());
                let argument = argument.clone();
                Argument { value, ..argument }.append_to(&mut passed);
            } else if !judged.is_own || is_passed_on(argument, judged, notes) {
                argument.append_to(&mut passed);
            }
        }
        words.extend(passed.into_iter().map(Word::Plain));
    }
    words
}

/// Returns whether an option goes along with a URL of the profile.
fn is_passed_on(argument: &Argument, judged: &Judged, notes: &mut Vec<String>) -> bool {
    let transfer = &judged.transfer;
    match argument.role() {
        Role::Redirect => {
            notes.push(format!(
                "{} is left out: redirects of a profile's URL are shown, not followed",
                argument.name
            ));
            false
        }
        // A proxy of the environment would see the token in clear.
        Role::NoProxy => !transfer.is_plain() || transfer.names_a_proxy(),
        _ => transfer.credential == TypedCredential::Other || !is_credential(argument),
    }
}

/// Returns what the profile says about the connection, where the line does not.
fn connection_words(judged: &Judged, profile: &Profile) -> Vec<Word> {
    let transfer = &judged.transfer;
    let has = |role| transfer.with(role).next().is_some();
    let option = |name: &str, value: OsString| [Word::plain(name), Word::Plain(value)];
    let mut words = Vec::new();
    // Plain http is for this machine only, so a proxy that the environment names must not see it.
    if transfer.is_plain() {
        if !transfer.names_a_proxy() {
            words.extend(option("--noproxy", "*".into()));
        }
        return words;
    }
    if let Some(file) = profile.ca_file.as_ref().filter(|_| !has(Role::CaFile)) {
        words.extend(option("--cacert", file.value.clone().into()));
    }
    if let Some(proxy) = profile.proxy.as_ref().filter(|_| !has(Role::Proxy)) {
        match proxy.value.expose() {
            // User and password.
            address if address.contains('@') => words.push(Word::Proxy(proxy.value.clone())),
            address => words.extend(option("--proxy", address.into())),
        }
    }
    words
}
