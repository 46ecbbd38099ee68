//! Which tenant a call goes to: profiles from options, environment and file.

mod comments;
pub(crate) mod edit;
pub mod endpoint;
pub(crate) mod file;
pub(crate) mod import;
pub(crate) mod known;
pub mod resolve;
pub(crate) mod show;
pub(crate) mod token_cache;

use std::collections::BTreeMap;
use std::path::PathBuf;

use url::Url;

pub use endpoint::Base;

pub use crate::setting::{Origin, Setting};

use crate::error::{Failure, Result};
use crate::request::location::{Location, Owns, owners};
use crate::secret::Secret;
use crate::secret::source::TokenSource;
use crate::text::terminal::sanitise;

/// What must happen before a call that is more than a read is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// Nothing.
    #[default]
    None,
    /// The profile's name is entered at the prompt or given with `--confirm`.
    Confirm,
    /// Such calls are never sent.
    ReadOnly,
}

impl Guard {
    /// The words of the config file, in the order of their strictness.
    pub const NAMES: [&'static str; 3] = ["none", "confirm", "read-only"];

    /// Returns the word of the config file.
    pub fn name(self) -> &'static str {
        Guard::NAMES[self as usize]
    }
}

/// One tenant and project under one name, with everything decided but the token's value.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name that the status line shows: a profile's, `demo`, or the host when only the
    /// environment or `--endpoint` named the endpoint.
    pub name: String,
    /// Where the API is.
    pub base: Setting<Base>,
    /// The project that `{project}` stands for.
    pub project: Option<Setting<String>>,
    /// Values for other placeholders.
    pub vars: BTreeMap<String, Setting<String>>,
    /// Certificates that are trusted in addition to the system's, PEM.
    pub ca_file: Option<Setting<PathBuf>>,
    /// The proxy to use instead of the environment's.
    pub proxy: Option<Setting<Secret>>,
    /// What a write needs.
    pub guard: Setting<Guard>,
    /// Where the token comes from; read only when a request will be sent.
    pub token: TokenSource,
    /// The parent that `extends` names.
    pub extends: Option<Setting<String>>,
    /// Every profile of the file, this one included, as the file has it: whatever an option or a
    /// variable says, who owns a URL does not change.
    pub neighbours: Vec<Neighbour>,
    /// Why the guards of the file's profiles are not known, when the file or a profile in it cannot
    /// be read and this call needs neither.
    pub unknown_guards: Option<String>,
    /// Every profile of the file, this one among them, with the source of its token: none of these
    /// tokens may be in a request to a place that is not its own.
    pub holders: Vec<Holder>,
}

impl Profile {
    /// Returns what a placeholder stands for: the project, else a variable.
    pub fn placeholder(&self, name: &str) -> Option<&Setting<String>> {
        match name {
            "project" if self.project.is_some() => self.project.as_ref(),
            _ => self.vars.get(name),
        }
    }

    /// Checks that this profile's token may go to a URL, whose path is read as `location` has it:
    /// the URL is under the endpoint as it is written, means one thing, and no other profile has a
    /// deeper endpoint there.
    ///
    /// # Errors
    /// Fails (exit 2), naming the owner when there is one.
    pub(crate) fn check_token_home(&self, url: &Url, location: &Location) -> Result<()> {
        let base = &self.base.value;
        let owner = owners(location, &self.neighbours).into_iter().next();
        let is_deeper = |owner: &&Neighbour| owner.location().depth() > base.location().depth();
        let is_home =
            base.owns(url) && location.is_below(base.location()) && location.may_leave().is_none();
        let owner = owner.filter(|owner| !is_home || is_deeper(owner));
        if is_home && owner.is_none() {
            return Ok(());
        }
        let failure = Failure::usage(format!(
            "the URL is not under the endpoint of profile {}, so its token is not sent",
            sanitise(&self.name)
        ))
        .fact(format!("endpoint: {}", sanitise(base.as_str())));
        Err(match (owner, location.may_leave()) {
            (_, Some(oddity)) => failure
                .fact(format!("the path contains {}", oddity.description()))
                .fact("nothing was sent")
                .hint("write the path plainly"),
            (Some(owner), None) => failure
                .fact(format!(
                    "the URL belongs to profile {}",
                    sanitise(&owner.name)
                ))
                .fact("nothing was sent")
                .hint(format!(
                    "use its profile: rein -p {} ...",
                    sanitise(&owner.name)
                )),
            (None, None) => failure
                .fact("nothing was sent")
                .hint("write the path alone, or choose the profile with -p"),
        })
    }

    /// Returns whether this is the built-in demo tenant.
    pub fn is_demo(&self) -> bool {
        matches!(self.token, TokenSource::Demo(_))
    }
}

/// Returns whether a placeholder can have this name.
pub(crate) fn is_placeholder_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// A profile of the file, as far as any call must know it.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// Its name.
    pub name: String,
    /// Its endpoint.
    pub base: Base,
    /// Its project.
    pub project: Option<String>,
    /// Its guard.
    pub guard: Guard,
}

impl Owns for Neighbour {
    fn location(&self) -> &Location {
        self.base.location()
    }
}

/// A profile of the file and where its token is, whatever options say of this call.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The profile's name.
    pub name: String,
    /// The endpoint that its token is for.
    pub base: Base,
    /// Where its token is.
    pub token: TokenSource,
}
