//! What clap has to say: help and version on standard output, mistakes on standard error.

use crate::cli::ColorChoice;
use crate::commands::colour_choice;
use crate::env::Env;
use crate::error::io_reason;
use crate::exit::Exit;
use crate::output::stdout;
use crate::output::terminal;

/// Prints clap's help, version or error, and returns the exit code that goes with it.
pub(crate) fn report(error: &clap::Error, env: Env, color: Option<ColorChoice>) -> Exit {
    let wanted = !error.use_stderr();
    let is_terminal = if wanted {
        env.stdout_terminal
    } else {
        env.stderr_terminal
    };
    let coloured = terminal::colour_wanted(
        colour_choice(color),
        env.os("NO_COLOR"),
        env.os("CLICOLOR_FORCE"),
        env.os("TERM"),
        is_terminal,
    );
    let styled = error.render();
    let text = if coloured {
        styled.ansi().to_string()
    } else {
        styled.to_string()
    };
    if wanted {
        return match stdout::print(&text) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                let reason = io_reason(&error);
                stdout::note(&format!("error: the output could not be written: {reason}"));
                Exit::Write
            }
            _ => Exit::Ok,
        };
    }
    stdout::note(text.trim_end());
    Exit::Usage
}
