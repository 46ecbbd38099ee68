//! What a line calls, and the request that comes of it.

use super::words::Words;
use super::{Draft, raw, template, user_template};
use crate::catalogue::Endpoint;
use crate::catalogue::user::UserTemplate;
use crate::cli::options::RequestOptions;
use crate::error::Result;
use crate::input::Input;
use crate::profile::Profile;

/// What a line calls.
pub(crate) enum Callee<'a> {
    /// A method and a target.
    Raw(Words<'a>),
    /// An endpoint of the catalogue.
    Endpoint(&'static Endpoint),
    /// A user's template.
    Template(Box<UserTemplate>),
}

impl Callee<'_> {
    /// Makes the request of a call.
    ///
    /// # Errors
    /// Fails (exit 2) on everything that is wrong before sending.
    pub(crate) fn draft(
        &self,
        options: &RequestOptions,
        input: Input,
        profile: &Profile,
    ) -> Result<Draft> {
        match self {
            Callee::Raw(words) => raw(words, options, input, profile),
            Callee::Endpoint(endpoint) => template::call(endpoint, options, input, profile),
            Callee::Template(template) => user_template::call(template, options, input, profile),
        }
    }
}
