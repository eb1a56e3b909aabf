//! `cargo run`: all of Tercet on one machine. See the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    launcher::main()
}
