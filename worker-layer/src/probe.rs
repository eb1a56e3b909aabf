//! A health check: is a worker there, as the nodes see it?

use std::time::Duration;

use broker::{Address, Incoming, Subscriber, Tasks};
use protocol::{Announcement, WorkerId, line, name};

use crate::limit;

/// Listens for an announcement of a worker that is meant, for at most [`limit::PROBE_MS`]. One that is
/// leaving does not count.
pub async fn probe(address: Address, is_meant: impl Fn(&WorkerId) -> bool) -> bool {
    let tasks = Tasks::new();
    let listening = listen(address, &tasks, is_meant);
    let found = tokio::time::timeout(Duration::from_millis(limit::PROBE_MS), listening).await;
    tasks.stop.cancel();
    found.is_ok()
}

/// Returns when there was one.
async fn listen(address: Address, tasks: &Tasks, is_meant: impl Fn(&WorkerId) -> bool) {
    let (subscriber, mut received) = Subscriber::start(address, tasks);
    // Confirmed now, or remembered for the connection that is being made.
    let _ = subscriber.subscribe(name::WORKERS).await;
    while let Some(incoming) = received.recv().await {
        let Incoming::Message { payload, .. } = incoming else { continue };
        let announcements =
            line::split(&payload).filter_map(|line| serde_json::from_slice::<Announcement>(line).ok());
        let mut meant = announcements.filter(|seen| is_meant(&seen.worker));
        if meant.any(|seen| !seen.draining) {
            return;
        }
    }
    std::future::pending::<()>().await;
}
