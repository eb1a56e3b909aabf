//! The program: options in, verdict out.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::{Config, Report, Verdict};

/// Bots that use, load and torment the sets service, and then say whether everything converged.
///
/// Exit code 0: every replica and the server hold the same sets, and every acknowledged operation is accounted for. 1: not so,
/// or it could not be found out. 64: the options cannot be used.
#[derive(Parser)]
#[command(name = "chaos-monkeys", version, args_override_self = true)]
struct Options {
    #[command(flatten)]
    config: Config,
}

/// Exit code for options that cannot be used, as in sysexits.h.
const EX_USAGE: u8 = 64;

/// How long the runtime may take to end: only reading from a pipe can hold it up.
const SHUTDOWN_MAX: Duration = Duration::from_millis(100);

/// Reads the command line, lets the monkeys loose, and tells the verdict.
#[must_use]
pub fn main() -> ExitCode {
    let config = match Options::try_parse() {
        Ok(options) => options.config,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EX_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("error")).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let code = runtime.block_on(Box::pin(play(config)));
    runtime.shutdown_timeout(SHUTDOWN_MAX);
    code
}

async fn play(config: Config) -> ExitCode {
    if config.share.is_some() {
        crate::obey(config).await;
        return ExitCode::SUCCESS;
    }
    let json = config.json.clone();
    let report = match crate::run(config).await {
        Ok(report) => report,
        Err(error) => return failed(&error),
    };
    println!("{report}");
    if let Some(path) = json
        && let Err(error) = write(&path, &report)
    {
        return failed(&format_args!("{}: {error}", path.display()));
    }
    if report.verdict == Verdict::Converged { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn write(path: &Path, report: &Report) -> std::io::Result<()> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    std::fs::write(path, text)
}

fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("chaos-monkeys: {error}");
    ExitCode::FAILURE
}
