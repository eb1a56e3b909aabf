//! Redis, nodes and workers.

use std::net::SocketAddr;

use futures_util::StreamExt;
use tokio::process::Command;

use crate::binary;
use crate::client::Client;
use crate::patience::{SOON, eventually, within};
use crate::port;
use crate::process::Process;
use crate::redis_server::RedisServer;

/// Redis, nodes and workers. Nodes are called `node-1`, `node-2` …, workers `worker-1`, `worker-2` …, each name once.
#[derive(Debug)]
pub struct Cluster {
    /// In the order in which they were started. Dropped, that is killed, before Redis.
    pub nodes: Vec<Node>,
    /// In the order in which they were started.
    pub workers: Vec<Process>,
    /// What is between them.
    pub redis: RedisServer,
    worker_options: Vec<String>,
    workers_ever: usize,
}

/// A web-layer process.
#[derive(Debug)]
pub struct Node {
    /// Where it listens.
    pub address: SocketAddr,
    /// The process.
    pub process: Process,
}

impl Cluster {
    /// Starts everything and waits until every node is ready and knows every worker.
    pub async fn start(nodes: usize, workers: usize) -> Self {
        Self::start_with(nodes, workers, &[]).await
    }

    /// The same, and every worker that is ever started gets these options.
    pub async fn start_with(nodes: usize, workers: usize, worker_options: &[&str]) -> Self {
        let redis = RedisServer::start().await;
        let worker_options = worker_options.iter().map(|option| (*option).to_owned()).collect();
        let mut cluster =
            Self { nodes: Vec::new(), workers: Vec::new(), redis, worker_options, workers_ever: 0 };
        for _ in 0..nodes {
            cluster.add_node().await;
        }
        cluster.add_workers(workers).await;
        cluster
    }

    /// Starts one more node and waits until it is ready.
    pub async fn add_node(&mut self) -> &Node {
        self.add_node_with(&[]).await
    }

    /// Starts one more node with these options and waits until it is ready.
    pub async fn add_node_with(&mut self, options: &[&str]) -> &Node {
        let name = format!("node-{}", self.nodes.len() + 1);
        let node = Node::start(&name, port::free(), &self.redis, options).await;
        self.nodes.push(node);
        self.nodes.last().expect("one was added")
    }

    /// Starts a node that has ended again, under its name, on its port, and waits until it is ready.
    pub async fn start_node_again(&mut self, index: usize) {
        let (name, address) = (self.nodes[index].process.name().to_owned(), self.nodes[index].address);
        self.nodes[index] = Node::start(&name, address, &self.redis, &[]).await;
    }

    /// Starts one more worker and waits until every node knows it.
    pub async fn add_worker(&mut self) -> &Process {
        self.add_workers(1).await;
        self.workers.last().expect("one was added")
    }

    /// Starts one more worker.
    pub fn start_worker(&mut self) -> &Process {
        self.workers_ever += 1;
        let name = format!("worker-{}", self.workers_ever);
        let mut command = Command::new(binary::path("worker-layer"));
        command.args(["--redis", &self.redis.url(), "--worker", &name]).args(&self.worker_options);
        let worker = Process::start(&name, without_environment(&mut command), self.redis.folder());
        self.workers.push(worker);
        self.workers.last().expect("one was added")
    }

    async fn add_workers(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let client = redis::Client::open(self.redis.url()).expect("a good URL");
        let mut announcements = client.get_async_pubsub().await.expect("Redis accepts a connection");
        announcements.subscribe("workers").await.expect("Redis lets subscribe");
        let mut awaited: Vec<String> =
            (0..count).map(|_| format!("\"{}\"", self.start_worker().name())).collect();
        let all_announced = async {
            let mut messages = announcements.on_message();
            while !awaited.is_empty() {
                let message = messages.next().await.expect("the subscription lasts");
                let payload: String = message.get_payload().expect("announcements are text");
                awaited.retain(|name| !payload.contains(name));
            }
        };
        within("the announcement of each worker", SOON, all_announced).await;
        // A node hears announcements and replies in one order: with this answer it has heard the announcements.
        for node in &self.nodes {
            eventually("a worker answers through the node", async || {
                let answer = reqwest::get(node.http("/numbers")).await.ok()?;
                answer.status().is_success().then_some(())
            })
            .await;
        }
    }

    /// The worker that publishes the listings now: its lease names it, and its run after a colon.
    pub async fn publisher(&self) -> String {
        let look = async || self.redis.run::<Option<String>>(&["GET", "{numbers}:publisher"]).await;
        let holder = eventually("a worker publishes", look).await;
        holder.split(':').next().unwrap_or_default().to_owned()
    }

    /// Waits until Redis has noticed that a worker's connection is gone.
    pub async fn inbox_is_gone(&self, worker: &str) {
        let inbox = format!("worker:{worker}");
        eventually("Redis drops the worker's inbox", async || {
            let (_, receivers): (String, u64) = self.redis.run(&["PUBSUB", "NUMSUB", &inbox]).await;
            (receivers == 0).then_some(())
        })
        .await;
    }

    /// The worker with this name.
    pub fn worker(&mut self, name: &str) -> &mut Process {
        self.workers
            .iter_mut()
            .find(|worker| worker.name() == name)
            .unwrap_or_else(|| panic!("no worker {name}"))
    }

    /// Opens `count` websockets, in turn to each node.
    pub async fn clients(&self, count: usize) -> Vec<Client> {
        let mut clients = Vec::with_capacity(count);
        for node in self.nodes.iter().cycle().take(count) {
            clients.push(Client::open(&node.ws("/ws")).await);
        }
        clients
    }
}

impl Node {
    /// Starts a node and waits until it is ready.
    pub async fn start(name: &str, address: SocketAddr, redis: &RedisServer, options: &[&str]) -> Self {
        let node = Self::launch(name, address, redis, options);
        eventually("the node is ready", async || (node.readiness().await == Some(200)).then_some(())).await;
        node
    }

    /// Starts a node.
    #[must_use]
    pub fn launch(name: &str, address: SocketAddr, redis: &RedisServer, options: &[&str]) -> Self {
        let mut command = Command::new(binary::path("web-layer"));
        command
            .args(["--listen", &address.to_string(), "--redis", &redis.url(), "--node", name])
            .args(options);
        let process = Process::start(name, without_environment(&mut command), redis.folder());
        Self { address, process }
    }

    /// A websocket's address.
    #[must_use]
    pub fn ws(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// A page's address.
    #[must_use]
    pub fn http(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The status of `/readyz`, if the node answers.
    pub async fn readiness(&self) -> Option<u16> {
        Some(reqwest::get(self.http("/readyz")).await.ok()?.status().as_u16())
    }
}

/// What is set on the machine of whoever runs the tests must not matter, but for what is logged.
fn without_environment(command: &mut Command) -> &mut Command {
    let kept = ["PATH", "RUST_LOG"].map(|name| (name, std::env::var_os(name).unwrap_or_default()));
    command.env_clear().envs(kept.into_iter().filter(|(_, value)| !value.is_empty()))
}
