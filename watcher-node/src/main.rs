//! The watcher as a program: options in, exit code out.

use std::process::ExitCode;

use clap::Parser;

/// Behind the options in the help.
const EXAMPLE: &str = "\
Example: watcher-node --aggregator http://127.0.0.1:9999 --dir ./folder --port 4001
With one dash these three work, too: watcher-node -dir ./folder -port 4001";

/// Watches a folder, and tells the files service what is in it
#[derive(Parser)]
#[command(name = "watcher-node", version, after_help = EXAMPLE)]
struct Options {
    #[command(flatten)]
    config: watcher_node::Config,
}

fn main() -> ExitCode {
    let options = match Options::try_parse_from(watcher_node::with_two_dashes(std::env::args_os())) {
        Ok(options) => options,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match watcher_node::run(options.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("watcher-node: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
