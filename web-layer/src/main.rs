//! The web layer as a program: options in, exit code out.

use std::process::ExitCode;

use clap::Parser;

/// Tasks allocate on one thread and free on another all the time, which the C library is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Layer 1 of Tercet: holds websockets and HTTP connections
#[derive(Parser)]
#[command(name = "web-layer", version)]
struct Options {
    #[command(flatten)]
    config: web_layer::Config,
}

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match web_layer::run(options.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("web-layer: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
