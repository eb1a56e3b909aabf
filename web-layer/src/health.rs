//! Whether this node really delivers: it publishes to its own inbox and counts on hearing that.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use protocol::limit;

/// How often the canary sings.
pub(crate) const EVERY: Duration = Duration::from_millis(500);

/// What a node publishes to itself. It uses the number 0, which no event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Canary {
    canary: u64,
}

/// What `/readyz` goes by.
#[derive(Default)]
pub(crate) struct Health {
    stopping: AtomicBool,
    sung: AtomicU64,
    heard: Mutex<Option<Instant>>,
    /// When the canary first came back.
    listens_since: OnceLock<Instant>,
}

impl Health {
    /// From now on the node is not ready, whatever the canary does.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Why the node is not ready, if it is not.
    pub(crate) fn trouble(&self, now: Instant) -> Option<&'static str> {
        let silence = Duration::from_millis(limit::CANARY_SILENCE_MS);
        if self.is_stopping() {
            Some("this node is stopping")
        } else if self.heard.lock().is_none_or(|heard| now.saturating_duration_since(heard) > silence) {
            Some("nothing published to Redis comes back: check that Redis runs and can be reached")
        } else {
            None
        }
    }

    /// Whether the node has taken in what Redis sent it up to a moment ago: the canary takes the same way.
    pub(crate) fn is_current(&self, now: Instant) -> bool {
        self.heard.lock().is_some_and(|heard| now.saturating_duration_since(heard) < 3 * EVERY)
    }

    /// Whether the node has listened for long enough to know every worker that runs.
    pub(crate) fn has_heard_all_workers(&self, now: Instant) -> bool {
        let round = Duration::from_millis(limit::ANNOUNCE_EVERY_MS * 3 / 2);
        self.listens_since.get().is_some_and(|since| now.saturating_duration_since(*since) > round)
    }

    /// The next canary to publish.
    pub(crate) fn canary(&self) -> Canary {
        Canary { canary: self.sung.fetch_add(1, Ordering::Relaxed) }
    }

    pub(crate) fn heard(&self, _: Canary) {
        let now = Instant::now();
        *self.heard.lock() = Some(now);
        self.listens_since.get_or_init(|| now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_ready_only_while_its_canary_comes_back() {
        let health = Health::default();
        let now = Instant::now();
        assert!(health.trouble(now).is_some(), "nothing was heard yet");
        health.heard(Canary { canary: 1 });
        assert_eq!(health.trouble(Instant::now()), None);
        assert!(health.trouble(Instant::now() + Duration::from_secs(4)).is_some(), "it fell silent");
    }

    #[test]
    fn a_node_knows_all_workers_after_it_has_listened_for_a_round_of_announcements() {
        let health = Health::default();
        let soon = |ms| Instant::now() + Duration::from_millis(ms);
        assert!(!health.has_heard_all_workers(soon(60_000)), "it does not listen yet");
        health.heard(Canary { canary: 1 });
        assert!(!health.has_heard_all_workers(soon(limit::ANNOUNCE_EVERY_MS)));
        assert!(health.has_heard_all_workers(soon(2 * limit::ANNOUNCE_EVERY_MS)));
    }

    #[test]
    fn a_node_that_is_stopping_is_not_ready() {
        let health = Health::default();
        health.heard(Canary { canary: 1 });
        health.stop();
        assert_eq!(health.trouble(Instant::now()), Some("this node is stopping"));
    }
}
