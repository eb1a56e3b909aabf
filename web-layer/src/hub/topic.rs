//! The order of one topic's pushes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use protocol::{Body, Json, Push, body, limit};

/// Pushes that may wait for a claimed body; beyond it they are dropped together and the service is asked, as after a gap.
const WAITING_MAX: usize = 1_024;

/// One topic on this node.
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    /// The service whose connection joined it first, which answers its gaps.
    pub(crate) service: Arc<str>,
    /// Filled when Redis has confirmed the subscription.
    pub(crate) subscribed: OnceCell<()>,
    members: AtomicUsize,
    order: Mutex<Order>,
}

#[derive(Default)]
struct Order {
    /// The newest version of each state that was delivered.
    newest: HashMap<String, u64>,
    /// Pushes behind one whose body is being fetched; `None` while none is.
    waiting: Option<VecDeque<Push>>,
}

/// What is to be done with a push that came.
pub(crate) enum Arrival {
    /// Deliver it.
    Deliver(Push),
    /// Fetch its body, deliver it if [`Topic::admit`] allows, and then likewise what [`Topic::next`] gives until it gives
    /// nothing more.
    Fetch(Push),
    /// It waits for its turn.
    Waits,
    /// A newer version came before it.
    Outdated,
    /// Too many were waiting: they are dropped, and the service has to be asked.
    Overflow,
}

impl Topic {
    pub(crate) fn new(name: Arc<str>, service: Arc<str>) -> Self {
        Self {
            name,
            service,
            subscribed: OnceCell::new(),
            members: AtomicUsize::new(0),
            order: Mutex::default(),
        }
    }

    /// Counts a member in. To be called under the lock of the hub's topics.
    pub(crate) fn enter(&self) {
        self.members.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a member out and says whether it was the last. To be called under the lock of the hub's topics.
    pub(crate) fn drop_out(&self) -> bool {
        self.members.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Puts a push in its place.
    pub(crate) fn arrive(&self, push: Push) -> Arrival {
        let mut order = self.order.lock();
        if let Some(waiting) = &mut order.waiting {
            if push.key.is_some() {
                waiting.retain(|elder| elder.key != push.key || elder.except != push.except);
            }
            if waiting.len() >= WAITING_MAX {
                waiting.clear();
                return Arrival::Overflow;
            }
            waiting.push_back(push);
            return Arrival::Waits;
        }
        if matches!(push.body, Body::Claim(_)) {
            order.waiting = Some(VecDeque::new());
            return Arrival::Fetch(push);
        }
        if order.admit(&push) { Arrival::Deliver(push) } else { Arrival::Outdated }
    }

    /// The push that comes after one that was fetched. `None` ends the fetching.
    pub(crate) fn next(&self) -> Option<Push> {
        let mut order = self.order.lock();
        let next = order.waiting.as_mut().and_then(VecDeque::pop_front);
        if next.is_none() {
            order.waiting = None;
        }
        next
    }

    /// Whether a push, whose body is here now, may be delivered: not if its state is older than what was.
    pub(crate) fn admit(&self, push: &Push) -> bool {
        self.order.lock().admit(push)
    }
}

impl Order {
    fn admit(&mut self, push: &Push) -> bool {
        let (Some(key), Some(version)) = (&push.key, push.version) else { return true };
        if let Some(newest) = self.newest.get_mut(key) {
            let newer = version > *newest;
            *newest = version.max(*newest);
            return newer;
        }
        if self.newest.len() < limit::KEYS_PER_TOPIC_MAX {
            self.newest.insert(key.clone(), version);
        } else {
            log::debug!(key = key.as_str(); "too many keys on one topic: the versions of this one are not compared");
        }
        true
    }
}

/// A body that was fetched, if it is what a claim promises: one JSON object.
pub(crate) fn claimed_body(bytes: &[u8]) -> Result<Json, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    body::message(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use protocol::Claim;

    use super::*;

    fn topic() -> Topic {
        Topic::new("t".into(), "s".into())
    }

    fn inline(text: &str) -> Push {
        Push::event(body::message(text).unwrap())
    }

    fn state(version: u64) -> Push {
        Push::state(Body::Inline(body::message("{}").unwrap()), "k", version)
    }

    fn claimed(version: u64) -> Push {
        Push::state(Body::Claim(Claim { key: "claim:x".into(), bytes: 1, once: false }), "k", version)
    }

    #[test]
    fn an_older_version_never_follows_a_newer_one() {
        let topic = topic();
        assert!(matches!(topic.arrive(state(2)), Arrival::Deliver(_)));
        for old in [1, 2] {
            assert!(matches!(topic.arrive(state(old)), Arrival::Outdated));
        }
        assert!(matches!(topic.arrive(state(3)), Arrival::Deliver(_)));
    }

    #[test]
    fn what_comes_after_a_claimed_push_waits_and_only_the_newest_state_of_it() {
        let topic = topic();
        assert!(matches!(topic.arrive(claimed(1)), Arrival::Fetch(_)));
        assert!(matches!(topic.arrive(claimed(2)), Arrival::Waits));
        assert!(matches!(topic.arrive(inline("{\"e\":1}")), Arrival::Waits));
        assert!(matches!(topic.arrive(claimed(3)), Arrival::Waits));
        assert!(topic.next().unwrap().key.is_none());
        assert_eq!(topic.next().unwrap().version, Some(3));
        assert!(topic.next().is_none());
        assert!(matches!(topic.arrive(inline("{\"e\":2}")), Arrival::Deliver(_)));
    }

    #[test]
    fn a_claimed_push_that_was_never_delivered_does_not_keep_its_version_from_coming_again() {
        let topic = topic();
        assert!(matches!(topic.arrive(claimed(5)), Arrival::Fetch(_)));
        assert!(topic.next().is_none(), "its body was gone");
        assert!(matches!(topic.arrive(state(5)), Arrival::Deliver(_)), "the answer to the gap");
        assert!(!topic.admit(&claimed(4)));
    }

    #[test]
    fn the_keys_of_a_topic_are_bounded() {
        let topic = topic();
        for key in 0..2 * limit::KEYS_PER_TOPIC_MAX {
            let push = Push { key: Some(key.to_string()), ..state(1) };
            assert!(matches!(topic.arrive(push), Arrival::Deliver(_)));
        }
        assert_eq!(topic.order.lock().newest.len(), limit::KEYS_PER_TOPIC_MAX);
    }

    #[test]
    fn too_many_waiting_events_are_told_as_a_gap() {
        let topic = topic();
        assert!(matches!(topic.arrive(claimed(1)), Arrival::Fetch(_)));
        for _ in 0..WAITING_MAX {
            assert!(matches!(topic.arrive(inline("{}")), Arrival::Waits));
        }
        assert!(matches!(topic.arrive(inline("{}")), Arrival::Overflow));
        assert!(topic.next().is_none());
    }
}
