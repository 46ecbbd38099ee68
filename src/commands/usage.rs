//! Prints clap's help and version to standard output, and its errors to standard error.

use std::borrow::Cow;

use clap::error::{ContextKind, ErrorKind};

use crate::cli::Unparsed;
use crate::engine::{Context, print};
use crate::error::Failure;
use crate::exit::Exit;
use crate::text::terminal::sanitise_text;

/// Prints help, the version or what is wrong, and returns the exit code that goes with it. `called`
/// is the template of a call by name, whose help is the template's own.
pub(crate) fn report(unparsed: Unparsed, called: Option<&str>, cx: &Context) -> Exit {
    let error = match unparsed {
        Unparsed::Clap(error) => error,
        Unparsed::Failed(failure) => {
            cx.fail(&failure);
            return failure.exit;
        }
    };
    if !error.use_stderr() {
        let is_help = error.kind() == ErrorKind::DisplayHelp;
        let card = called.filter(|_| is_help);
        let text = card
            .and_then(|name| super::templates::help(name, cx))
            .unwrap_or_else(|| text(&error, !cx.stdout_theme.key.is_plain()));
        return print(&text).unwrap_or_else(|failure| {
            cx.fail(&failure);
            failure.exit
        });
    }
    let error = without_misleading_tip(error);
    let plain = text(&error, false);
    let shown = match sanitise_text(&plain) {
        // What was given is in it, and holds what could drive a terminal.
        Cow::Owned(safe) => safe,
        Cow::Borrowed(_) => text(&error, !cx.stderr_theme.key.is_plain()),
    };
    cx.note(shown.trim_end());
    cx.annotate(&Failure::usage(headline(&sanitise_text(&plain))));
    Exit::Usage
}

fn text(error: &clap::Error, coloured: bool) -> String {
    let styled = error.render();
    if coloured {
        styled.ansi().to_string()
    } else {
        styled.to_string()
    }
}

/// Takes the advice away to write a word behind `--`: an option that is not known, or has no
/// effect here, is hardly ever meant as a value.
fn without_misleading_tip(mut error: clap::Error) -> clap::Error {
    error.remove(ContextKind::Suggested);
    error
}

/// Returns the line that says what is wrong.
fn headline(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}
