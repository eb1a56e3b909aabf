//! What is started, in which order, and stopped in which order.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::LaunchError;
use crate::address;
use crate::greeting::{Greeting, RedisInUse};
use crate::group::Group;
use crate::options::Launch;
use crate::part::Part;
use crate::private_redis::PrivateRedis;
use crate::ready;

/// How long a node or a worker may take to stop: somewhat longer than it allows itself for what is in flight.
const LAYER_PATIENCE: Duration = Duration::from_secs(20);
/// How long Redis may take to write its data down.
const REDIS_PATIENCE: Duration = Duration::from_secs(30);

/// The variable by which whoever starts the launcher says where pictures are kept, instead of in its data folder.
const PICTURES: &str = "CHAT_PICTURES";

/// Launches all, and stays until it is told to stop.
///
/// # Errors
/// If something could not be started. What had been started is stopped again.
pub async fn run(options: &Launch) -> Result<(), LaunchError> {
    let mut told = Told::listen()?;
    let mut processes = Processes::none();
    let outcome = tokio::select! {
        Err(error) = processes.run(options) => Err(error),
        () = told.stop_signal() => Ok(()),
    };
    match &outcome {
        Ok(()) => log::info!("stopping; Ctrl-C once more stops at once"),
        Err(_) => log::info!("stopping what was started, because not all could be; Ctrl-C stops at once"),
    }
    tokio::select! {
        () = processes.stop() => {}
        () = told.stop_signal() => log::warn!("stopping at once"),
    }
    outcome
}

/// All that runs, in the order of the way of a message.
struct Processes {
    nodes: Group,
    redis: Group,
    workers: Group,
    all_up: Arc<AtomicBool>,
}

impl Processes {
    fn none() -> Self {
        let all_up = Arc::new(AtomicBool::new(false));
        Self {
            nodes: Group::new(&all_up, LAYER_PATIENCE),
            redis: Group::new(&all_up, REDIS_PATIENCE),
            workers: Group::new(&all_up, LAYER_PATIENCE),
            all_up,
        }
    }

    /// Starts all and stays. Ends only with an error.
    async fn run(&mut self, options: &Launch) -> Result<Infallible, LaunchError> {
        let nodes = address::of_nodes(options.listen, options.nodes)?;
        let (url, redis) = match &options.redis {
            Some(redis) => (redis.secret().to_owned(), RedisInUse::Own(redis.to_string())),
            None => self.start_redis(options).await?,
        };
        for (index, address) in nodes.iter().enumerate() {
            self.nodes.keep(node(index + 1, *address, &url));
        }
        for index in 1..=options.workers {
            self.workers.keep(worker(index, &url, &options.data));
        }
        for address in &nodes {
            self.wait_for(ready::node(address::to_visit(*address))).await?;
        }
        self.all_up.store(true, Ordering::Relaxed);
        // Nobody may be there to read it.
        let _ = writeln!(io::stdout(), "{}", Greeting { nodes, workers: options.workers, redis });
        Err(self.failure().await)
    }

    async fn start_redis(&mut self, options: &Launch) -> Result<(String, RedisInUse), LaunchError> {
        let redis = PrivateRedis::prepare(&options.data).await?;
        self.redis.keep(redis.part()?);
        self.wait_for(ready::redis(redis.address())).await?;
        let in_use = RedisInUse::Private { port: redis.address().port(), data: redis.data().to_owned() };
        Ok((format!("redis://{}", redis.address()), in_use))
    }

    async fn wait_for(&mut self, ready: impl Future<Output = ()>) -> Result<(), LaunchError> {
        tokio::select! {
            () = ready => Ok(()),
            error = self.failure() => Err(error),
        }
    }

    async fn failure(&mut self) -> LaunchError {
        tokio::select! {
            error = self.nodes.failure() => error,
            error = self.redis.failure() => error,
            error = self.workers.failure() => error,
        }
    }

    /// First the nodes, so that no request comes in that nobody answers; last Redis, which has then heard all.
    async fn stop(&mut self) {
        self.nodes.stop().await;
        self.workers.stop().await;
        self.redis.stop().await;
    }
}

fn node(index: usize, address: SocketAddr, redis_url: &str) -> Part {
    let arguments = vec![format!("--listen={address}").into()];
    layer(format!("node {index} ({address})"), "web-layer", arguments, redis_url)
}

/// The workers of one launcher share the folder of pictures.
fn worker(index: u16, redis_url: &str, data: &Path) -> Part {
    let arguments = match std::env::var_os(PICTURES) {
        Some(_) => Vec::new(),
        None => vec!["--chat-pictures".into(), data.join("pictures").into()],
    };
    layer(format!("worker {index}"), "worker-layer", arguments, redis_url)
}

fn layer(name: String, subcommand: &'static str, arguments: Vec<OsString>, redis_url: &str) -> Part {
    let environment = vec![("REDIS_URL", redis_url.to_owned())];
    Part { name, subcommand, arguments, environment, holds: None, log: None }
}

/// The ways in which a process is told to stop: Ctrl-C, `kill`, and the end of its terminal.
struct Told {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Told {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn stop_signal(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
