//! The worker layer's process.

use std::process::ExitCode;

use clap::Parser as _;
use worker_layer::{Config, probe};

/// Tasks allocate on one thread and free on another all the time, which the C library is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Layer 3 of Tercet: handles the messages that the web layer passes on through Redis.
///
/// All runs on one thread; start as many workers as there are cores to use.
#[derive(clap::Parser)]
#[command(version)]
struct Options {
    #[command(flatten)]
    config: Config,

    /// Only checks that the worker named by --worker announces itself (without a name: one of this container, or
    /// any): exit code 0 or 1
    #[arg(long)]
    probe: bool,
}

/// Exit code for options that cannot be used, as in sysexits.h.
const EX_USAGE: u8 = 64;

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            // Also the way that --help and --version take.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(EX_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let outcome = if options.probe { check(options.config) } else { worker_layer::run(options.config) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(probe::probe(config.redis.clone(), |worker| config.means(worker)));
    anyhow::ensure!(
        found,
        "no announcement of such a worker was heard in {} ms",
        worker_layer::limit::PROBE_MS
    );
    Ok(())
}
