//! A watcher as a process: its runtime, and the signals that end it.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::probe;
use crate::watcher::{Watcher, WatcherError};

/// Runs a watcher until SIGTERM or SIGINT.
///
/// # Errors
/// [`WatcherError`] says what to do.
pub fn run(config: Config) -> Result<(), WatcherError> {
    if let Some(url) = config.probed() {
        return probe::ask(&url).map_err(WatcherError::Probe);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(WatcherError::Start)?.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(WatcherError::Start)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(WatcherError::Start)?;
        let watcher = Watcher::bind(config)?;
        let stop = CancellationToken::new();
        let told = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            log::info!("told to stop");
            stop.cancel();
        };
        tokio::join!(watcher.run(stop.clone()), told);
        Ok(())
    })
}
