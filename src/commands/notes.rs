//! Notes beside a call: what was perhaps meant, or is easily overlooked.

use clap::ValueEnum;
use http::Method;

use crate::catalogue::Class;
use crate::cli::options::{Format, OutputOptions};
use crate::exit::Exit;
use crate::input;
use crate::profile::Profile;
use crate::request::{Body, Request};

/// What is said when a call has ended.
pub(crate) struct After {
    pub(crate) text: &'static str,
    when: When,
}

#[derive(PartialEq, Eq)]
enum When {
    Succeeded,
    /// Data is waiting in standard input, which nobody has read.
    StdinWaits,
}

impl After {
    /// Returns whether it is true of a call that ended like this.
    pub(crate) fn holds(&self, exit: Exit) -> bool {
        match self.when {
            When::Succeeded => exit == Exit::Ok,
            When::StdinWaits => input::is_data_waiting(),
        }
    }
}

/// Returns what is said before a call is sent: `-o json` writes a file, which is another tool's
/// way to choose a format.
pub(crate) fn before(output: &OutputOptions) -> Vec<String> {
    let name = output.output.as_deref().and_then(|file| file.to_str());
    let Some(name) = name.filter(|name| Format::from_str(name, false).is_ok()) else {
        return Vec::new();
    };
    vec![format!(
        "note: -o writes a file named {name}; for the format use --format {name}"
    )]
}

/// Returns a note for a call that sends no body where one is usual.
pub(crate) fn unread(request: &Request) -> Option<After> {
    let has_usually_a_body = [Method::POST, Method::PUT, Method::PATCH].contains(&request.method);
    (has_usually_a_body && matches!(request.body, Body::Empty)).then_some(After {
        text: "note: standard input was not read; to send it as the body add -d @-",
        when: When::StdinWaits,
    })
}

/// Returns a note for a write whose tenant ends with the command.
pub(crate) fn forgotten(profile: &Profile, class: Class) -> Option<After> {
    (profile.is_demo() && class > Class::Read).then_some(After {
        text: "note: -p demo starts afresh with every command, so this change is gone; \
               to keep a tenant running: rein demo",
        when: When::Succeeded,
    })
}
