//! What every long-lived part is started with.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where tasks are spawned, so that shutdown can wait for them, and how they learn that they have to end.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    /// Every task is spawned here.
    pub tracker: TaskTracker,
    /// When it is cancelled every task ends by itself.
    pub stop: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells every task to end, and waits until all have ended.
    pub async fn end(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
