//! The chaos monkeys. See the library of the same name.

use std::process::ExitCode;

/// Tasks allocate on one thread and free on another all the time, which the C library is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    chaos_monkeys::program::main()
}
