//! How nodes learn that this worker is there, and that it leaves.

use std::sync::Arc;
use std::time::Duration;

use broker::Publisher;
use protocol::{Announced, Announcement, WorkerId, limit, line, name};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::reply::Receipt;
use crate::service::Service;

/// Announces a worker.
pub(crate) struct Announcer {
    publisher: Publisher<Receipt>,
    channel: Arc<str>,
    present: Vec<u8>,
    draining: Vec<u8>,
}

impl Announcer {
    pub(crate) fn new(
        worker: &WorkerId,
        services: &[Arc<dyn Service>],
        publisher: Publisher<Receipt>,
    ) -> Self {
        let announced =
            |service: &Arc<dyn Service>| (service.name().to_owned(), Announced { paths: service.paths() });
        let mut announcement = Announcement {
            worker: worker.clone(),
            services: services.iter().map(announced).collect(),
            draining: false,
        };
        let present = line::one(&announcement);
        announcement.draining = true;
        Self { publisher, channel: Arc::from(name::WORKERS), present, draining: line::one(&announcement) }
    }

    /// Announces at once, then every [`limit::ANNOUNCE_EVERY_MS`], and at once when `restored` is woken.
    /// Never ends.
    pub(crate) async fn run(&self, restored: &Notify) {
        let pause = Duration::from_millis(limit::ANNOUNCE_EVERY_MS);
        loop {
            self.publisher.connected().await;
            self.announce(self.present.clone()).await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = restored.notified() => {}
            }
        }
    }

    /// Says that this worker leaves. When it returns, Redis has told the nodes, or cannot be reached.
    pub(crate) async fn leave(&self) {
        self.announce(self.draining.clone()).await;
    }

    /// Returns when Redis has taken it, or has not.
    async fn announce(&self, line: Vec<u8>) {
        let taken = TaskTracker::new();
        self.publisher.publish(Arc::clone(&self.channel), line, taken.token()).await;
        taken.close();
        taken.wait().await;
    }
}
