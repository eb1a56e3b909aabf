//! One command that runs all of Tercet on one machine: a private Redis, nodes and workers.
//!
//! Each of them is a process of its own, so each can be killed to see what happens. The nodes and the workers are this
//! same binary, started again with a hidden subcommand ([`options::Part`]): one build gives everything. What dies is
//! started again, and what the launcher started never outlives it ([`parent`]).
//!
//! Modules, in reading order:
//!
//! - [`options`]: the command line
//! - [`launch`]: what is started, in which order, and stopped in which order
//! - [`private_redis`]: a Redis of one's own, with its data in a folder
//! - [`data_folder`]: the folder, which only one Redis at a time may use
//! - [`address`]: free ports and taken ones
//! - [`part`]: one process: how it is started and stopped
//! - [`group`]: processes that are kept running, and stopped together
//! - [`parent`]: how a process notices that its launcher is gone
//! - [`ready`]: waiting until a node or Redis answers
//! - [`greeting`]: what a person reads when all is up

pub mod address;
pub mod data_folder;
pub mod error;
pub mod greeting;
pub mod group;
pub mod launch;
pub mod options;
pub mod parent;
pub mod part;
pub mod private_redis;
pub mod ready;

use std::fmt::Display;
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime;

pub use error::LaunchError;
use options::{Launch, Options, Part};

/// The exit code for a command line that cannot be used (`EX_USAGE` of sysexits.h).
pub const BAD_OPTIONS: u8 = 64;

/// Reads the command line, and is the launcher or one of its parts.
#[must_use]
pub fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(BAD_OPTIONS) } else { ExitCode::SUCCESS };
        }
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match options.part {
        None => launch(&options.launch),
        Some(part) => be(part),
    }
}

/// Launches all and stays until it is told to stop. One thread is enough, and must be all: Linux takes the end of the
/// thread that started a process for the end of its parent ([`parent`]).
fn launch(options: &Launch) -> ExitCode {
    match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => match runtime.block_on(launch::run(options)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error, error.exit_code()),
        },
        Err(error) => failed(&error, 1),
    }
}

/// Is the part that the launcher started this process for.
fn be(part: Part) -> ExitCode {
    let (Part::RedisServer { parent, .. } | Part::WebLayer { parent, .. } | Part::WorkerLayer { parent, .. }) =
        &part;
    if let Err(error) = parent::end_with(*parent) {
        return failed(&error, 1);
    }
    match part {
        Part::RedisServer { arguments, .. } => failed(&private_redis::become_it(&arguments), 1),
        Part::WebLayer { config, .. } => match web_layer::run(*config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error, error.exit_code()),
        },
        Part::WorkerLayer { config, .. } => match worker_layer::run(*config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&format_args!("{error:#}"), 1),
        },
    }
}

fn failed(error: &dyn Display, code: u8) -> ExitCode {
    eprintln!("launcher: {error}");
    ExitCode::from(code)
}
