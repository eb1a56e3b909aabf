//! The chaos monkeys. See the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    chaos_monkeys::program::main()
}
