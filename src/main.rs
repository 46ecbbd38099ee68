//! The `rein` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    if rein::is_completing() && rein::complete(std::env::args_os()) {
        return ExitCode::SUCCESS;
    }
    rein::run(std::env::args_os()).into()
}
