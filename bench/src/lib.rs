//! Measures Tercet, and beside every figure the limit that it could have reached on the same machine in the same run.
//!
//! What is measured are real processes: a private Redis, one node, one worker, and clients in processes of their own. The
//! limits are as real: a warp websocket echo, and a bare loop. Both sides take turns with the same clients, round by
//! round, because a machine is never the same for long; what counts is the ratio.
//!
//! Reading order: [`Options`] what can be asked for; `measure` what is measured; `server` and `audience` what it is measured
//! with; `role` what the child processes do; `websocket`, `http`, `stamp`, `element`, `listing` and `talk` what goes over the
//! wire; `pipelining` what Redis takes by itself; `report` what comes out.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum as _};

mod audience;
mod build;
mod child;
mod clock;
mod element;
mod http;
mod listing;
mod measure;
mod order;
mod pipelining;
mod report;
mod role;
mod server;
mod stamp;
mod talk;
mod usage;
mod websocket;

pub use measure::Measure;
use measure::Stage;
use report::Machine;

/// Measures Tercet, and the limits of this machine beside it
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Options {
    /// Measure only these; without it, all but chat-memory
    #[arg(long, value_name = "NAME", value_enum, num_args = 1..)]
    only: Vec<Measure>,
    /// More and longer rounds: some 20 minutes in the place of 5, figures with less noise
    #[arg(long)]
    long: bool,
    /// Folder for the report, the charts and the logs
    #[arg(long, value_name = "DIR", default_value = "bench/results")]
    out: PathBuf,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// How this program starts its own child processes
    #[command(subcommand, hide = true)]
    Role(role::Role),
}

/// Measures, or plays the part of a child process.
///
/// # Errors
/// If something could not be measured. A target that was missed is no error: the table shows it.
pub fn run(options: Options) -> Result<()> {
    match options.part {
        Some(Part::Role(role)) => role.play(),
        None => measure_all(&options),
    }
}

fn measure_all(options: &Options) -> Result<()> {
    build::programs()?;
    let machine = Machine::here(options.long);
    if machine.is_busy() {
        eprintln!("this machine is busy with other things: trust ratios only, and not much");
    }
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("{} cannot be made", options.out.display()))?;
    let stage = Stage { long: options.long, folder: options.out.clone() };
    let all: Vec<Measure> = Measure::value_variants().iter().copied().filter(|it| it.is_short()).collect();
    let chosen = if options.only.is_empty() { &all } else { &options.only };
    let (mut found, mut failed) = (Vec::new(), Vec::new());
    for measure in chosen {
        let name = measure.name();
        eprintln!("measuring: {name}");
        match measure.run(&stage) {
            Ok(section) => found.push((name, section)),
            Err(error) => {
                eprintln!("{name} failed: {error:#}");
                failed.push(name);
            }
        }
    }
    report::write(&options.out, &machine, &found)?;
    let _ = std::fs::remove_dir_all(options.out.join("redis"));
    ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}
