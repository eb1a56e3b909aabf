//! The chaos monkeys with a merge rule that is broken on purpose, beside the good ones: their verdict must be that everything
//! diverged. `cargo build --package chaos-monkeys --features broken-merge --bin chaos-monkeys-broken` makes them.

use std::process::ExitCode;

fn main() -> ExitCode {
    chaos_monkeys::program::main()
}
