//! A worker as a value: tests start one like `main` does.

use std::sync::Arc;
use std::time::Duration;

use broker::{Address, NotConnected, Publisher, Store, Subscriber, Tasks};
use protocol::{WorkerId, limit, name};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::announcement::Announcer;
use crate::config::Config;
use crate::dispatch::Dispatch;
use crate::inbox::Inbox;
use crate::reply::Replies;
use crate::service::{Context, Service};
use crate::services::{Options, Start};
use crate::standing::Standing;
use crate::unpublished::{Receipt, Unpublished};

/// A worker that was not started yet.
pub struct Worker {
    address: Address,
    id: WorkerId,
    services: Vec<Start>,
    options: Options,
}

/// A worker was told to leave, and did not manage to do so without a trace.
#[derive(Debug, thiserror::Error)]
#[error(
    "not everything was answered within {} ms: what was left is lost, and the nodes say so",
    limit::DRAIN_MS
)]
pub struct DrainTimeout;

impl Worker {
    /// The worker that these options describe.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            id: config.id(),
            address: config.redis,
            services: config.services.into_iter().map(|choice| choice.start).collect(),
            options: config.options,
        }
    }

    /// The same, with one more service: one that is not in [`crate::services::ALL`].
    #[must_use]
    pub fn with(mut self, service: Start) -> Self {
        self.services.push(service);
        self
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &WorkerId {
        &self.id
    }

    /// Serves until `stop` is cancelled, then leaves. A Redis that is out of reach is waited for.
    ///
    /// # Errors
    /// [`DrainTimeout`] if leaving took too long.
    pub async fn run(self, stop: CancellationToken) -> Result<(), DrainTimeout> {
        let tasks = Tasks::new();
        let running = self.start(&tasks);
        log::info!(worker:% = running.id, services = running.names(); "a worker starts");
        running.serve(&stop).await;
        log::info!(worker:% = running.id; "the worker leaves: it takes nothing new and answers what it has");
        let left = tokio::time::timeout(Duration::from_millis(limit::DRAIN_MS), async {
            running.leave().await;
            tasks.end().await;
        });
        left.await.map_err(|_| DrainTimeout)?;
        log::info!(worker:% = running.id; "the worker has left: all was answered");
        Ok(())
    }

    fn start(self, tasks: &Tasks) -> Running {
        let store = Store::start(self.address.clone(), tasks);
        let unpublished = Arc::<Unpublished>::default();
        let failed = Arc::clone(&unpublished);
        let publisher =
            Publisher::start(self.address.clone(), tasks, move |receipt, outcome| match receipt {
                Receipt::Reply(payload) if outcome.is_err() => failed.add(payload),
                Receipt::Again(done) => _ = done.send(outcome.is_ok()),
                Receipt::Reply(_) | Receipt::Once(_) => {}
            });
        let (again, through, stop) = (Arc::clone(&unpublished), publisher.clone(), tasks.stop.clone());
        tasks.tracker.spawn(async move { stop.run_until_cancelled(again.publish(&through)).await });
        let (subscriber, received) = Subscriber::start(self.address.clone(), tasks);
        let context = Context {
            address: self.address,
            tasks: tasks.clone(),
            store: store.clone(),
            worker: self.id.clone(),
        };
        let services: Vec<_> = self.services.iter().map(|start| start(&context, &self.options)).collect();
        let replies = Replies::new(publisher.clone(), unpublished, store);
        let (lanes, restored, closed) =
            (TaskTracker::new(), Arc::new(Notify::new()), CancellationToken::new());
        let standing = Arc::new(Standing::new());
        let (purge, purges) = mpsc::channel(1);
        let dispatch = Dispatch::start(&services, &replies, &standing, &lanes);
        let own = (Arc::clone(&restored), closed.clone(), Arc::clone(&standing));
        lanes.spawn(Inbox::new(received, dispatch, own.0, own.1, own.2, purges).run());
        let announcer = Announcer::new(&self.id, &services, publisher, standing, purge);
        let inbox = name::worker_inbox(&self.id);
        Running { id: self.id, services, subscriber, inbox, announcer, replies, lanes, restored, closed }
    }
}

/// A worker that runs.
struct Running {
    id: WorkerId,
    services: Vec<Arc<dyn Service>>,
    subscriber: Subscriber,
    inbox: String,
    announcer: Announcer,
    replies: Arc<Replies>,
    /// The inbox and the lanes.
    lanes: TaskTracker,
    restored: Arc<Notify>,
    closed: CancellationToken,
}

impl Running {
    fn names(&self) -> String {
        self.services.iter().map(|service| service.name()).collect::<Vec<_>>().join(",")
    }

    /// Until `stop`. A worker is announced only when it can be reached.
    async fn serve(&self, stop: &CancellationToken) {
        let serving = async {
            while let Err(NotConnected) = self.subscriber.subscribe(&self.inbox).await {
                self.subscriber.connected().await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            self.announcer.run(&self.subscriber, &self.restored).await;
        };
        tokio::select! {
            () = serving => {}
            () = stop.cancelled() => {}
        }
    }

    /// Leaves without a trace: from its first step on nodes choose another worker, and all that was delivered
    /// before is answered.
    async fn leave(&self) {
        self.announcer.leave().await;
        tokio::select! {
            () = self.drain() => {}
            () = self.announcer.go_on_leaving() => {}
        }
    }

    async fn drain(&self) {
        // Confirmed, or Redis is out of reach: in both cases nothing more comes.
        let _ = self.subscriber.unsubscribe(&self.inbox).await;
        self.closed.cancel();
        for service in &self.services {
            service.leave();
        }
        self.lanes.close();
        self.lanes.wait().await;
        self.replies.settled().await;
        for service in &self.services {
            service.drain().await;
        }
    }
}
