//! A worker in a thread of its own, as it has a process of its own in real life.

use std::thread::JoinHandle;

use broker::Address;
use protocol::WorkerId;
use tokio_util::sync::CancellationToken;
use worker_layer::config::Choice;
use worker_layer::services::{Options, Start};
use worker_layer::worker::DrainTimeout;
use worker_layer::{Config, Worker};

use super::{Node, RedisServer};

/// It is killed when it is dropped.
pub(crate) struct TestWorker {
    pub(crate) id: WorkerId,
    stop: CancellationToken,
    kill: CancellationToken,
    thread: Option<JoinHandle<Result<(), DrainTimeout>>>,
}

impl TestWorker {
    /// Starts one with all services, and waits until `node` hears of it.
    pub(crate) async fn start(redis: &RedisServer, node: &mut Node) -> Self {
        let worker = Self::launch(redis.address(), None);
        node.hears_of(&worker.id).await;
        worker
    }

    /// Starts one with one more service.
    pub(crate) async fn with(redis: &RedisServer, node: &mut Node, service: Start) -> Self {
        let worker = Self::launch(redis.address(), Some(service));
        node.hears_of(&worker.id).await;
        worker
    }

    /// Starts one with a single service of the product, and options for it.
    pub(crate) async fn of(redis: &RedisServer, node: &mut Node, service: &str, options: Options) -> Self {
        let services = vec![Choice::parse(service).expect("a service")];
        let worker = Self::launch_with(redis.address(), services, None, options);
        node.hears_of(&worker.id).await;
        worker
    }

    /// Starts one.
    pub(crate) fn launch(redis: Address, service: Option<Start>) -> Self {
        Self::launch_with(redis, Choice::all(), service, Options::default())
    }

    fn launch_with(redis: Address, services: Vec<Choice>, service: Option<Start>, options: Options) -> Self {
        let config = Config { redis, services, worker: None, host: None, options };
        let mut worker = Worker::new(config);
        if let Some(service) = service {
            worker = worker.with(service);
        }
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let id = worker.id().clone();
        let (told, killed) = (stop.clone(), kill.clone());
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    ended = worker.run(told) => ended,
                    () = killed.cancelled() => Ok(()),
                }
            })
        });
        Self { id, stop, kill, thread: Some(thread) }
    }

    /// As SIGTERM does.
    pub(crate) fn terminate(&self) {
        self.stop.cancel();
    }

    /// Waits until it has left by itself.
    pub(crate) async fn left(mut self) -> Result<(), DrainTimeout> {
        let thread = self.thread.take().expect("it runs");
        let joined = tokio::task::spawn_blocking(move || thread.join());
        super::within("the worker to leave", joined).await.expect("the thread is there").expect("no panic")
    }

    /// As `kill -9` does: its connections are closed, and it says nothing.
    pub(crate) fn kill(self) {}
}

impl Drop for TestWorker {
    fn drop(&mut self) {
        self.kill.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
