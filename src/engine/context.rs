//! What every command needs of its surroundings: streams, colour, the runtime.

use tokio::runtime::{Builder, Runtime};

use crate::console::annotation;
use crate::console::stdout::{self, note};
use crate::env::Env;
use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::text::terminal::{self, ColourChoice, Theme, sanitise_text};

/// Prints a command's own output; a reader that has gone is not a failure.
///
/// # Errors
/// Fails when it cannot be written.
pub(crate) fn print(text: &str) -> Result<Exit> {
    match stdout::print(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::new(
            Exit::Write,
            format!("the output could not be written: {}", io_reason(&error)),
        )),
        _ => Ok(Exit::Ok),
    }
}

/// Returns a failure none of whose texts can drive a terminal: names of files and options are in
/// them as they were given.
fn without_controls(failure: &Failure) -> Failure {
    let line = |text: &String| sanitise_text(text).into_owned();
    Failure {
        headline: line(&failure.headline),
        facts: failure.facts.iter().map(line).collect(),
        hints: failure.hints.iter().map(line).collect(),
        ..failure.clone()
    }
}

/// What every subcommand needs of its surroundings.
pub(crate) struct Context {
    pub(crate) env: Env,
    /// The styles for standard output.
    pub(crate) stdout_theme: Theme,
    /// The styles for standard error.
    pub(crate) stderr_theme: Theme,
}

impl Context {
    /// Decides on colour for each stream separately.
    pub(crate) fn new(env: Env, choice: ColourChoice) -> Self {
        let theme = |is_terminal| {
            let wanted = terminal::colour_wanted(
                choice,
                env.os("NO_COLOR"),
                env.os("CLICOLOR_FORCE"),
                env.os("TERM"),
                is_terminal,
            );
            if wanted {
                Theme::coloured()
            } else {
                Theme::plain()
            }
        };
        let (stdout_theme, stderr_theme) = (theme(env.stdout_terminal), theme(env.stderr_terminal));
        Context {
            env,
            stdout_theme,
            stderr_theme,
        }
    }

    /// Returns the columns of the terminal that standard output is; `None` elsewhere.
    pub(crate) fn width(&self) -> Option<usize> {
        let is_terminal = self.env.stdout_terminal;
        is_terminal.then(|| usize::from(self.env.columns()))
    }

    /// Makes the runtime of a call: one thread, because one request needs no more.
    pub(crate) fn runtime(&self) -> Result<Runtime> {
        Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|_| {
                Failure::local("no resources for network calls (threads or file descriptors)")
            })
    }

    /// Writes lines about the call to standard error.
    pub(crate) fn notes(&self, lines: &[String]) {
        if !lines.is_empty() {
            self.note(&lines.join("\n"));
        }
    }

    /// Writes a text to standard error; where commands are read from it, none of it is one.
    pub(crate) fn note(&self, text: &str) {
        if self.env.is_read_for_commands() {
            note(&annotation::defuse(text));
        } else {
            note(text);
        }
    }

    /// Writes a warning to standard error.
    pub(crate) fn warn(&self, text: &str) {
        let style = self.stderr_theme.hint;
        let text = sanitise_text(text);
        self.note(&format!("{style}warning:{style:#} {text}"));
    }

    /// Writes a failure to standard error; in a workflow of GitHub Actions it is an annotation too.
    pub(crate) fn fail(&self, failure: &Failure) {
        let failure = &without_controls(failure);
        let text = failure.to_string();
        let style = self.stderr_theme.error;
        match text.strip_prefix("error:") {
            Some(rest) => self.note(&format!("{style}error:{style:#}{rest}")),
            None => self.note(&text),
        }
        self.annotate(failure);
    }

    /// Makes a failure an annotation in a workflow of GitHub Actions.
    pub(crate) fn annotate(&self, failure: &Failure) {
        if self.env.is_github_actions() {
            note(&annotation::annotation(failure));
        }
    }
}
