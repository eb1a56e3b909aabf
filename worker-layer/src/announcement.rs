//! How nodes learn that this worker is there, and that it leaves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::{Publisher, Subscriber, redis};
use protocol::{Announced, Announcement, WorkerId, limit, line, name};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::service::Service;
use crate::standing::Standing;
use crate::unpublished::Receipt;

const PAUSE: Duration = Duration::from_millis(limit::ANNOUNCE_EVERY_MS);

/// Announces a worker.
pub(crate) struct Announcer {
    publisher: Publisher<Receipt>,
    channel: Arc<str>,
    present: Vec<u8>,
    draining: Vec<u8>,
    standing: Arc<Standing>,
    /// Asks the inbox to forget what the nodes gave up.
    purge: mpsc::Sender<Purged>,
}

/// Dropped when the inbox has forgotten what came before.
pub(crate) type Purged = oneshot::Sender<()>;

impl Announcer {
    pub(crate) fn new(
        worker: &WorkerId,
        services: &[Arc<dyn Service>],
        publisher: Publisher<Receipt>,
        standing: Arc<Standing>,
        purge: mpsc::Sender<Purged>,
    ) -> Self {
        let announced = |service: &Arc<dyn Service>| {
            let announced = Announced { paths: service.paths(), body_bytes_max: service.body_bytes_max() };
            (service.name().to_owned(), announced)
        };
        let mut announcement = Announcement {
            worker: worker.clone(),
            services: services.iter().map(announced).collect(),
            draining: false,
        };
        let present = line::one(&announcement);
        announcement.draining = true;
        let draining = line::one(&announcement);
        Self { publisher, channel: Arc::from(name::WORKERS), present, draining, standing, purge }
    }

    /// Announces at once, then every [`limit::ANNOUNCE_EVERY_MS`], and at once when `restored` is woken. Never ends.
    ///
    /// After too long a silence the inbox is emptied first: what nodes have given up is not handled any more.
    pub(crate) async fn run(&self, inbox: &Subscriber, restored: &Notify) {
        loop {
            self.publisher.connected().await;
            if !self.standing.holds(Instant::now()) {
                self.forget(inbox).await;
            }
            self.announce(self.present.clone()).await;
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = restored.notified() => {}
            }
        }
    }

    /// Says that this worker leaves. When it returns, Redis has told the nodes, or cannot be reached.
    pub(crate) async fn leave(&self) {
        self.announce(self.draining.clone()).await;
    }

    /// Goes on saying so, because nodes count only on whom they hear of. Never ends.
    pub(crate) async fn go_on_leaving(&self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            self.leave().await;
        }
    }

    /// Returns when Redis has taken it, or has not.
    async fn announce(&self, line: Vec<u8>) {
        let (taken, begun) = (TaskTracker::new(), Instant::now());
        self.publisher.publish(Arc::clone(&self.channel), line, Receipt::Once(taken.token())).await;
        taken.close();
        taken.wait().await;
        if self.publisher.is_connected() {
            self.standing.announced(begun);
        }
    }

    /// Waits until all that was sent to this worker so far has been received, and then until it has been forgotten.
    async fn forget(&self, inbox: &Subscriber) {
        log::warn!(
            "this worker was silent for so long that the nodes have given up what it had: requests among it are refused"
        );
        loop {
            inbox.connected().await;
            let Some(mut connection) = inbox.connection() else { continue };
            let barrier = redis::cmd("PING").query_async::<()>(&mut connection).await;
            if barrier.is_ok() {
                break;
            }
            tokio::time::sleep(PAUSE / 10).await;
        }
        let (purged, done) = oneshot::channel();
        if self.purge.send(purged).await.is_ok() {
            let _ = done.await;
        }
        // A node counts from when it heard, and looks ten times a second: now all of them have given it up.
        tokio::time::sleep(PAUSE / 2).await;
    }
}
