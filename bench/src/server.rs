//! The servers that are measured: a whole deployment, and the limits.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;

use crate::build;
use crate::child::Child;
use crate::clock;
use crate::http::Http;
use crate::order::Listening;
use crate::websocket::blocking::Blocking;

/// How long a server may take to be ready, nanoseconds.
const START_NS: u64 = 20_000_000_000;

/// How long it may take to answer whether it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// The path of the websocket of sets.
pub(crate) const SETS_PATH: &str = "/ws/sets";
/// The path of the websocket of files.
pub(crate) const FILES_PATH: &str = "/ws/files";
/// The path of the websocket of the chat.
pub(crate) const CHAT_PATH: &str = "/ws/chat";

/// The path of the websocket, the same on all servers.
pub(crate) const PATH: &str = "/ws";

/// A server of one process.
pub(crate) struct Server {
    /// The process.
    pub(crate) child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// The limit of requests, `echo`, or of the rest, `bare`.
    pub(crate) fn limit(role: &str) -> Result<Self> {
        Self::of_role(role, &[])
    }

    /// A role that tells where it listens.
    pub(crate) fn of_role(role: &str, args: &[String]) -> Result<Self> {
        let mut child = Child::ordered(role, args)?;
        let Listening { port } = child.answer()?;
        Ok(Self { child, address: local(port) })
    }
}

/// The default deployment in small: a private Redis, one node, one worker. They end in the opposite order.
pub(crate) struct Deployment {
    /// The node; the sockets are there.
    pub(crate) node: Server,
    /// The worker.
    pub(crate) worker: Child,
    /// What is between them.
    pub(crate) redis: Server,
}

impl Deployment {
    /// Starts it and waits until a request is answered. Logs and Redis's data go to `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        Self::named(folder, "deployment")
    }

    /// The same, while others may run that have other names.
    pub(crate) fn named(folder: &Path, name: &str) -> Result<Self> {
        let data = folder.join("redis").join(name);
        // An earlier run that was ended half-way may have left its data.
        let _ = fs::remove_dir_all(&data);
        fs::create_dir_all(&data)?;
        let log_path = folder.join(format!("{name}.log"));
        let log = File::create(&log_path)?;
        let redis = start_redis(&data, &log)?;
        let url = format!("redis://{}", redis.address);
        let address = free_address()?;
        let node = program("web-layer", &["--listen", &address.to_string(), "--redis", &url], &log)?;
        let pictures = data.join("pictures").to_string_lossy().into_owned();
        let args = ["--redis", &url, "--chat-pictures", &pictures];
        let worker = program("worker-layer", &args, &log)?;
        let mut deployment = Self { node: Server { child: node, address }, worker, redis };
        deployment.wait().with_context(|| format!("see {}", log_path.display()))?;
        Ok(deployment)
    }

    /// A connection to its Redis.
    pub(crate) fn redis_connection(&self) -> Result<redis::Connection> {
        Ok(redis::Client::open(format!("redis://{}", self.redis.address))?.get_connection()?)
    }

    /// From now on Redis writes to the disk before it answers, and not once a second.
    pub(crate) fn sync_each_answer(&self) -> Result<()> {
        let mut set = redis::cmd("CONFIG");
        Ok(set.arg(&["SET", "appendfsync", "always"]).exec(&mut self.redis_connection()?)?)
    }

    /// What its Redis says that it uses, bytes.
    pub(crate) fn redis_used_bytes(&self) -> Result<f64> {
        let info: String = redis::cmd("INFO").arg("memory").query(&mut self.redis_connection()?)?;
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        Ok(line.context("Redis does not say what it uses")?.trim().parse()?)
    }

    /// The process ids of the node, the worker and Redis.
    pub(crate) fn pids(&self) -> [u32; 3] {
        [self.node.child.pid(), self.worker.pid(), self.redis.child.pid()]
    }

    /// Creates a set.
    pub(crate) fn create_set(&self, id: &str) -> Result<()> {
        let body = serde_json::json!({ "id": id }).to_string();
        let mut http = Http::connect(self.node.address, PATIENCE)?;
        http.send("POST /sets", &body)?.with_status(201).context("a set is not created")?;
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let address = self.node.address;
        until("the node is ready", || {
            self.node.child.check()?;
            is_ready(address)
        })?;
        until("the worker answers", || {
            self.worker.check()?;
            let mut socket = Blocking::connect(address, PATH, Duration::from_secs(5))?;
            socket.send("{\"Cmd\":2}")?;
            let answer = socket.receive()?;
            ensure!(memmem::find(&answer, b"\"Users\":").is_some(), "{:?}", String::from_utf8_lossy(&answer));
            Ok(())
        })
    }
}

fn start_redis(data: &Path, log: &File) -> Result<Server> {
    let address = free_address()?;
    let (port, data) = (address.port().to_string(), data.to_string_lossy().into_owned());
    let mut args = vec!["redis-server", "--bind", "127.0.0.1", "--port", &port, "--dir", &data];
    // As deploy/development.yml starts it. With an fsync before each answer, as `cargo run` and docker-compose.yml have it, the
    // disk would be measured: see `Deployment::sync_each_answer`.
    args.extend(["--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--loglevel", "warning"]);
    let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
    let mut child = Child::logged("program", &args, log)?;
    until("redis-server answers", || {
        child.check().context("is it there? `scripts/setup redis-server` installs it")?;
        let mut connection = redis::Client::open(format!("redis://{address}"))?.get_connection()?;
        Ok(redis::cmd("PING").exec(&mut connection)?)
    })?;
    Ok(Server { child, address })
}

/// Starts one of the programs that are built beside this one.
pub(crate) fn program(name: &str, args: &[&str], log: &File) -> Result<Child> {
    let mut all = vec![build::path_of(name)?.to_string_lossy().into_owned()];
    all.extend(args.iter().map(|arg| (*arg).to_owned()));
    Child::logged("program", &all, log)
}

fn is_ready(address: SocketAddr) -> Result<()> {
    Http::connect(address, PATIENCE)?.get("/readyz")?.with_status(200)?;
    Ok(())
}

/// Tries until it succeeds or has taken too long.
fn until(what: &str, mut attempt: impl FnMut() -> Result<()>) -> Result<()> {
    let end_ns = clock::now_ns() + START_NS;
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(error) if clock::now_ns() > end_ns => {
                return Err(error.context(format!("waited in vain: {what}")));
            }
            Err(_) => clock::sleep(Duration::from_millis(20)),
        }
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(local(0))?.local_addr()?)
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
