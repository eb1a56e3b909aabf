//! Whether the nodes still count on this worker.
//!
//! A node that has not heard of a worker for [`limit::WORKER_SILENCE_MS`] gives up the events that the worker has, and lets
//! another one handle what comes next. A worker that was stopped for so long (a paused machine, SIGSTOP, a link that hung)
//! must not handle them after all: an old set would undo a newer one that was acknowledged.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use protocol::limit;

/// It has not announced itself yet.
const NEVER: u64 = u64::MAX;

/// When this worker announced itself last, as far as it knows: never later than any node heard of it.
pub(crate) struct Standing {
    start: Instant,
    announced_ms: AtomicU64,
}

impl Standing {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), announced_ms: AtomicU64::new(NEVER) }
    }

    /// Redis has taken an announcement that was begun at this moment.
    pub(crate) fn announced(&self, at: Instant) {
        let since_start = at.saturating_duration_since(self.start).as_millis();
        self.announced_ms.store(u64::try_from(since_start).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether no node can have given up yet what this worker has.
    pub(crate) fn holds(&self, now: Instant) -> bool {
        let announced_ms = self.announced_ms.load(Ordering::Relaxed);
        if announced_ms == NEVER {
            // Nobody counts on it yet, and nobody has given it up.
            return true;
        }
        let announced = self.start + Duration::from_millis(announced_ms);
        now.saturating_duration_since(announced) < Duration::from_millis(limit::WORKER_SILENCE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_was_silent_for_too_long_no_longer_counts_until_it_is_heard_again() {
        let standing = Standing::new();
        let start = Instant::now();
        assert!(standing.holds(start + Duration::from_millis(60_000)), "it has not announced itself yet");
        standing.announced(start);
        assert!(standing.holds(start + Duration::from_millis(2_900)));
        let late = start + Duration::from_millis(limit::WORKER_SILENCE_MS + 100);
        assert!(!standing.holds(late));
        standing.announced(late);
        assert!(standing.holds(late + Duration::from_millis(2_900)));
    }
}
