//! `rein`: curl for Re:infer (UiPath Communications Mining).
//!
//! Data flows one way: arguments, plan, engine, exchange, verdict, output. Which room may import which
//! one is in `docs/architecture.md`.

pub mod catalogue;
pub(crate) mod cli;
pub(crate) mod commands;
pub(crate) mod compare;
pub(crate) mod console;
pub mod demo;
pub(crate) mod engine;
pub mod env;
pub mod error;
pub mod exchange;
pub mod exit;
pub(crate) mod files;
pub(crate) mod input;
pub mod output;
pub mod plan;
pub mod profile;
#[cfg(any(test, feature = "properties"))]
pub mod properties;
pub mod request;
pub mod secret;
pub(crate) mod setting;
pub(crate) mod signal;
pub(crate) mod state;
pub mod text;
pub mod verdict;

use std::ffi::OsString;

use clap::CommandFactory;

use crate::cli::{Command, ConfigCommand, Parsed, ProfileCommand};
pub use crate::commands::shell::{COMPLETE_VARIABLE, completion_script, manual_page};
use crate::engine::Context;
use crate::env::Env;
use crate::error::Result;
use crate::exit::Exit;

/// Returns the definition of the command line: help, manual page and completions come from it.
pub fn command() -> clap::Command {
    cli::Cli::command()
}

/// Returns whether a shell's completion script asks what could come next.
pub fn is_completing() -> bool {
    env::asks_for_completion(COMPLETE_VARIABLE)
}

/// Answers a shell that asks what could come next, and says whether one did.
///
/// Only the variable that a completion script sets leads here; it is looked for before anything
/// else, so that Tab neither reads more than it needs nor sends anything.
pub fn complete(args: impl IntoIterator<Item = OsString>) -> bool {
    let words = cli::complete::words(&command(), args.into_iter().collect());
    let here = std::env::current_dir().ok();
    let typed = words.clone();
    let factory = move || cli::complete::without_options(command(), &typed);
    let completer = clap_complete::CompleteEnv::with_factory(factory).var(COMPLETE_VARIABLE);
    // A request that cannot be understood offers nothing: an error would end in the command line.
    completer
        .try_complete(words, here.as_deref())
        .unwrap_or(true)
}

/// Runs the program with these words, the first being its own name, and returns its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    hide_panics();
    secret::memory::leave_no_core_file();
    signal::watch();
    let env = Env::capture();
    let args: Vec<OsString> = args.into_iter().collect();
    let color = cli::color_of(&args).into();
    let parsed = match cli::parse(args.clone()) {
        Ok(parsed) => parsed,
        Err(unparsed) => {
            let called = cli::named_call(&args);
            return commands::usage::report(unparsed, called.as_deref(), &Context::new(env, color));
        }
    };
    let cx = Context::new(env, parsed.color().into());
    let exit = dispatch(&parsed, &cx).unwrap_or_else(|failure| {
        cx.fail(&failure);
        failure.exit
    });
    if exit == Exit::Interrupted {
        signal::end();
    }
    exit
}

/// A panic's own message can hold any value, a token among them, so a fixed text takes its place.
fn hide_panics() {
    #[expect(
        clippy::exit,
        clippy::disallowed_methods,
        reason = "after a panic there is no way back to main"
    )]
    std::panic::set_hook(Box::new(|_| {
        console::stdout::note(
            "error: internal error; please report this (run again with -v for details)",
        );
        std::process::exit(exit::Exit::Local.code().into());
    }));
}

fn dispatch(parsed: &Parsed, cx: &Context) -> Result<Exit> {
    match &parsed.cli.command {
        None => commands::call::raw(parsed, cx),
        Some(Command::Call(args)) => {
            let matches = parsed
                .matches
                .subcommand_matches("call")
                .unwrap_or(&parsed.matches);
            commands::call::by_name(args, matches, cx)
        }
        Some(Command::Batch(args)) => {
            let matches = parsed
                .matches
                .subcommand_matches("batch")
                .unwrap_or(&parsed.matches);
            commands::batch::run(args, matches, cx)
        }
        Some(Command::Curl(args)) => commands::curl::run(args, cx),
        Some(Command::Diff(args)) => {
            let matches = parsed.matches.subcommand_matches("diff");
            commands::diff::run(args, matches.unwrap_or(&parsed.matches), cx)
        }
        Some(Command::Follow(args)) => commands::follow::run(args, cx),
        Some(Command::Timing(args)) => {
            let matches = parsed.matches.subcommand_matches("timing");
            commands::timing::run(args, matches.unwrap_or(&parsed.matches), cx)
        }
        Some(Command::Templates(args)) => commands::templates::run(args, cx),
        Some(Command::Profile(ProfileCommand::List { config, .. })) => {
            commands::profile::list(config.as_deref(), cx)
        }
        Some(Command::Profile(ProfileCommand::Show { name, options, .. })) => {
            commands::profile::show(name.as_deref(), options, cx)
        }
        Some(Command::Profile(ProfileCommand::Check(args))) => commands::check::run(args, cx),
        Some(Command::Profile(ProfileCommand::Add(args))) => commands::edit::add(args, cx),
        Some(Command::Profile(ProfileCommand::Use { name, config, .. })) => {
            commands::edit::make_default(name, config.as_deref(), cx)
        }
        Some(Command::Profile(ProfileCommand::Remove { name, config, .. })) => {
            commands::edit::remove(name, config.as_deref(), cx)
        }
        Some(Command::Config(ConfigCommand::Path { config, .. })) => {
            commands::config::path(config.as_deref(), cx)
        }
        Some(Command::Config(ConfigCommand::Check { config, .. })) => {
            commands::config::check(config.as_deref(), cx)
        }
        Some(Command::Config(ConfigCommand::Init { config, .. })) => {
            commands::config::init(config.as_deref(), cx)
        }
        Some(Command::Config(ConfigCommand::Example { .. })) => commands::config::example(),
        Some(Command::Config(ConfigCommand::Import(args))) => commands::import::run(args, cx),
        Some(Command::Demo(args)) => commands::demo::run(args, cx),
        Some(Command::Completions { shell, .. }) => commands::shell::completions(*shell),
        Some(Command::Man { .. }) => commands::shell::man(),
    }
}

#[cfg(test)]
mod tests {
    /// The fault of [`a_panic_says_nothing_of_what_it_holds`], in a process of its own.
    #[test]
    #[ignore = "ends the process"]
    fn a_fault_that_holds_a_token() {
        super::hide_panics();
        let token = "SEKRET-0123";
        panic!("{token}");
    }

    #[test]
    fn a_panic_says_nothing_of_what_it_holds() {
        let own = std::env::current_exe().expect("a path");
        let run = std::process::Command::new(own)
            .args(["--exact", "tests::a_fault_that_holds_a_token"])
            .args(["--ignored", "--nocapture"])
            .env("RUST_BACKTRACE", "full")
            .output()
            .expect("an end");
        assert_eq!(run.status.code(), Some(1));
        assert_eq!(
            String::from_utf8_lossy(&run.stderr),
            "error: internal error; please report this (run again with -v for details)\n"
        );
        assert!(!String::from_utf8_lossy(&run.stdout).contains("SEKRET"));
    }
}
