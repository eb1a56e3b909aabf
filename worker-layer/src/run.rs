//! A worker as a process: its runtime, and the signals that end it.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::worker::Worker;

/// Runs a worker on this thread until SIGTERM or SIGINT, and lets it leave.
///
/// # Errors
/// When the system refuses a runtime or a signal handler, or when leaving took too long.
pub fn run(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("no handler for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("no handler for SIGINT")?;
        let stop = CancellationToken::new();
        let running = Worker::new(config).run(stop.clone());
        tokio::pin!(running);
        tokio::select! {
            ended = &mut running => return Ok(ended?),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
        Ok(running.await?)
    })
}
