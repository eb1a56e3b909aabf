//! A node as a value: bind, listen, shut down.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use protocol::{Close, NodeId, limit};

use crate::config::{Config, ConfigError};
use crate::http::origin::Origin;
use crate::listener::{self, Listening};
use crate::node::Node;
use crate::{http, probe};

/// Sockets that are closed a second when the node stops: as many as another node can accept.
const CLOSED_PER_SECOND: u32 = 5_000;

/// Open files besides websockets: requests that are being read, links to Redis, the page.
const DESCRIPTORS_FOR_THE_REST: u64 = 1_024;

/// A node that has its port.
pub struct Server {
    node: Arc<Node>,
    listener: TcpListener,
    local: SocketAddr,
    drain: Duration,
    static_folder: Option<std::path::PathBuf>,
    origins: Vec<Origin>,
}

/// Why a node does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An option cannot be used.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The port cannot be had.
    #[error(
        "cannot listen on {address}: {source}; stop what uses the port, or give another one with --listen"
    )]
    Listen {
        /// The port.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused something that every program needs.
    #[error("cannot start: {0}")]
    Start(io::Error),
    /// The asked node is not well.
    #[error("{0}")]
    Probe(String),
}

impl ServerError {
    /// 64 for options that cannot be used (`EX_USAGE` of sysexits.h), 1 for the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Config(_)) { 64 } else { 1 }
    }
}

impl Server {
    /// Takes the port and starts to connect to Redis.
    ///
    /// # Errors
    /// [`ServerError`] says what to do.
    pub fn bind(config: &Config) -> Result<Self, ServerError> {
        let redis = config.check()?;
        let listener = listener::bind(config.listen)
            .map_err(|source| ServerError::Listen { address: config.listen, source })?;
        let local = listener.local_addr().map_err(ServerError::Start)?;
        let id = config.node.clone().unwrap_or_else(NodeId::random);
        log::info!(node:% = id, listen:% = local, redis:%; "node starts");
        let node = Node::start(id, &redis, config.bounds(), config.thread_count());
        let drain = Duration::from_millis(config.drain_ms);
        let (static_folder, origins) = (config.static_folder.clone(), config.origins.clone());
        Ok(Self { node, listener, local, drain, static_folder, origins })
    }

    /// Where the node listens: the port is known even if 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Serves until `stop` is cancelled, and then leaves gently: `/readyz` turns red, nothing new is accepted, answers in
    /// flight are delivered, and the sockets are closed with 1012, a few at a time. HTTP requests, which may be waiting for
    /// something to happen, have all of the time to drain, and no socket waits for them.
    pub async fn listen(self, stop: CancellationToken) {
        let Self { node, listener, drain, static_folder, origins, .. } = self;
        let listening = Listening::start(listener, http::routes(&node, static_folder, origins), &node);
        stop.cancelled().await;
        let end = Instant::now() + drain;
        node.health.stop();
        node.connections.all().iter().for_each(|conn| conn.wake.notify_one());
        while node.relay.connections_wait() && Instant::now() < end {
            sleep(Duration::from_millis(10)).await;
        }
        // Until here `/readyz` said that nothing new is taken.
        let http = listening.stop();
        tokio::join!(end_sockets(&node, end), end_http(&node, &http, end));
        node.tasks.stop.cancel();
        node.tasks.tracker.close();
        let ended = end.max(Instant::now()) + Duration::from_secs(1);
        let _ = timeout_at(ended, node.tasks.tracker.wait()).await;
        log::info!(node:% = node.id; "node has stopped");
    }
}

/// Closes all sockets and waits for their clients, at least until `end` if they take so long.
async fn end_sockets(node: &Node, end: Instant) {
    close_sockets(node).await;
    let closed = end.max(Instant::now() + Duration::from_millis(limit::CLOSE_HANDSHAKE_MS));
    node.sockets.close();
    let _ = timeout_at(closed, node.sockets.wait()).await;
}

/// Waits for the HTTP requests that are being answered. Those that have no outcome at `end` get one.
async fn end_http(node: &Node, http: &TaskTracker, end: Instant) {
    if timeout_at(end, http.wait()).await.is_err() {
        node.relay.give_up();
        let _ = timeout(Duration::from_millis(limit::CLOSE_HANDSHAKE_MS), http.wait()).await;
    }
}

/// Closes all sockets at a pace at which their clients can come back elsewhere, and gives each a time of its own.
async fn close_sockets(node: &Node) {
    let connections = node.connections.all();
    let spread_ms = 1_000 + connections.len() as u64 * 1_000 / u64::from(CLOSED_PER_SECOND);
    log::info!(node:% = node.id; "closing {} websockets", connections.len());
    for some in connections.chunks(CLOSED_PER_SECOND as usize / 100) {
        for conn in some {
            conn.close(&Close::restart(rand::rng().random_range(100..=spread_ms)));
        }
        if connections.len() > some.len() {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Runs a node until SIGTERM or SIGINT.
///
/// # Errors
/// [`ServerError`] says what to do.
pub fn run(config: Config) -> Result<(), ServerError> {
    if let Some(url) = &config.probe {
        return probe::ask(url).map_err(ServerError::Probe);
    }
    raise_descriptor_limit(config.connections_max);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(config.thread_count()).enable_all();
    builder.build().map_err(ServerError::Start)?.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(ServerError::Start)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(ServerError::Start)?;
        let server = Server::bind(&config)?;
        let stop = CancellationToken::new();
        let told = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            log::info!("told to stop");
            stop.cancel();
        };
        tokio::join!(server.listen(stop.clone()), told);
        Ok(())
    })
}

/// Every websocket is an open file. Systems allow a process few of them until it asks for more.
fn raise_descriptor_limit(connections_max: usize) {
    let wanted = connections_max as u64 + DESCRIPTORS_FOR_THE_REST;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let allowed = maximum.unwrap_or(wanted).min(wanted).max(current.unwrap_or(0));
    if current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum });
    }
    if allowed < wanted {
        log::warn!(
            "only {allowed} files may be open, which is less than --connections-max {connections_max} needs: raise `ulimit -n`"
        );
    }
}
