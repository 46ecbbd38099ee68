//! The `rein` binary.

use std::process::ExitCode;

use clap_complete::CompleteEnv;

fn main() -> ExitCode {
    CompleteEnv::with_factory(rein::command)
        .var(rein::COMPLETE_VARIABLE)
        .complete();
    rein::run(std::env::args_os()).into()
}
