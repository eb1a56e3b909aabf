//! A node in a thread of its own, as it has a process of its own in real life.

use std::net::SocketAddr;
use std::thread::JoinHandle;

use clap::Parser;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use web_layer::{Config, Server};

use super::{Http, RedisServer, http::Response, until, within};

/// It is killed when it is dropped.
pub(crate) struct TestNode {
    pub(crate) id: String,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    kill: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    config: Config,
}

impl TestNode {
    /// Starts one with the defaults.
    pub(crate) async fn start(redis: &RedisServer) -> Self {
        Self::with(redis, "").await
    }

    /// Starts one with these options, as in a shell.
    pub(crate) async fn with(redis: &RedisServer, options: &str) -> Self {
        let id = format!("node-{}", Uuid::new_v4());
        let url = redis.url();
        let threads = if options.contains("--threads") { "" } else { "--threads 2" };
        let line = format!("web-layer --listen 127.0.0.1:0 --node {id} --redis {url} {threads} {options}");
        let Options { config } = Options::parse_from(line.split_whitespace());
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let (told, killed) = (stop.clone(), kill.clone());
        let (bound, address) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let server = Server::bind(&config).expect("port 0 is always free");
                let _ = bound.send(server.local_addr());
                tokio::select! {
                    () = server.listen(told) => {}
                    () = killed.cancelled() => {}
                }
            });
            runtime.shutdown_background();
        });
        let address = within("a node to start", address).await.expect("a node that runs");
        let node = Self { id, address, stop, kill, thread: Some(thread) };
        node.is_ready().await;
        node
    }

    /// What its replies are published to.
    pub(crate) fn inbox(&self) -> String {
        format!("web:{}", self.id)
    }

    /// As SIGTERM does.
    pub(crate) fn terminate(&self) {
        self.stop.cancel();
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(mut self) {
        let thread = self.thread.take().expect("it runs");
        let joined = tokio::task::spawn_blocking(move || thread.join());
        within("the node to end", joined).await.expect("the thread is there").expect("no panic");
    }

    /// `GET`, on a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> Response {
        Http::connect(self).await.get(path).await
    }

    /// A number of `/metrics`, by its name without `tercet_node_`, with labels if it has them.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").await.text();
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("tercet_node_{name} ")));
        value.map_or(0, |value| value.parse().expect("a whole number"))
    }

    /// Waits until `/readyz` is green.
    pub(crate) async fn is_ready(&self) {
        until("a ready node", async || self.get("/readyz").await.status == 200).await;
    }

    /// Waits until it has handled all that was published to it before: a reply that nobody waits for is counted, in its
    /// turn.
    pub(crate) async fn caught_up(&self, redis: &RedisServer) {
        let before = self.metric("late_replies_total").await;
        assert_eq!(redis.publish(&self.inbox(), r#"{"seq":0,"effects":[]}"#).await, 1, "the node listens");
        until("the node to catch up", async || self.metric("late_replies_total").await > before).await;
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        self.kill.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
