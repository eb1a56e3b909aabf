//! A watcher as a value: bind, run.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::files::{FILES_PER_WATCHER_MAX, Instance};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::aggregator::Aggregator;
use crate::config::Config;
use crate::dialogue::Dialogue;
use crate::folder::Folder;
use crate::ledger::Ledger;
use crate::state::State;
use crate::{follow, limit, serve, speak};

/// A watcher that has its port.
pub struct Watcher {
    config: Config,
    folder: PathBuf,
    listener: TcpListener,
    local: SocketAddr,
}

/// Why a watcher does not run.
#[derive(Debug, thiserror::Error)]
pub enum WatcherError {
    /// An option cannot be used.
    #[error("{0}")]
    Option(String),
    /// The port cannot be had.
    #[error(
        "cannot listen on port {port} of {host}: {source}; stop what uses the port, or give another one with --port"
    )]
    Listen {
        /// The address.
        host: std::net::IpAddr,
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused something that every program needs.
    #[error("cannot start: {0}")]
    Start(io::Error),
    /// The asked watcher is not well.
    #[error("{0}")]
    Probe(String),
}

impl WatcherError {
    /// 64 for options that cannot be used (`EX_USAGE` of sysexits.h), 1 for the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Option(_)) { 64 } else { 1 }
    }
}

impl Watcher {
    /// Takes the port.
    ///
    /// # Errors
    /// [`WatcherError`] says what to do.
    pub fn bind(config: Config) -> Result<Self, WatcherError> {
        let folder = std::path::absolute(&config.dir)
            .map_err(|error| WatcherError::Option(format!("--dir: {}: {error}", config.dir.display())))?;
        let (host, port) = (config.host, config.port);
        let listener =
            serve::bind(host, port).map_err(|source| WatcherError::Listen { host, port, source })?;
        let local = listener.local_addr().map_err(WatcherError::Start)?;
        Ok(Self { config, folder, listener, local })
    }

    /// Where the list is served: the port is known even if 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Watches until `stop` is cancelled, and says bye then.
    pub async fn run(self, stop: CancellationToken) {
        let Self { config, folder: path, listener, local } = self;
        let dialogue =
            Dialogue::new(Ledger::new(FILES_PER_WATCHER_MAX), local.port(), Instant::now(), instance);
        log::info!(
            instance:% = dialogue.instance(), folder:% = path.display(), port = local.port(), aggregator:% = config.aggregator;
            "watcher starts"
        );
        let aggregator = Aggregator::new(config.aggregator, config.secret.as_ref());
        let (state, tasks, ended) =
            (Arc::new(State::new(dialogue)), TaskTracker::new(), CancellationToken::new());
        let read_every = (config.read_s > 0).then(|| Duration::from_secs(config.read_s));
        let folder = Folder::new(&path, read_every);
        // Nobody hears of the watcher before it knows what is in the folder.
        let folder = tokio::select! {
            folder = follow::look(folder, &state, &tasks) => folder,
            () = stop.cancelled() => return,
        };
        tasks.spawn(serve::serve(listener, state.clone(), config.secret, tasks.clone(), ended.clone()));
        tasks.spawn(follow::follow(folder, state.clone(), tasks.clone(), stop.clone()));
        speak::speak(aggregator, state, stop).await;
        ended.cancel();
        tasks.close();
        let _ = timeout(Duration::from_millis(limit::DRAIN_MS), tasks.wait()).await;
        log::info!("watcher has stopped");
    }
}

/// The original's are UUIDs, too.
fn instance() -> Instance {
    let id = Uuid::new_v4().to_string();
    id.parse().unwrap_or_else(|error| unreachable!("a UUID is an instance: {error}"))
}
