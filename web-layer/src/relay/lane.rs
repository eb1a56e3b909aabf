//! The order of one connection: what is in flight, what waits, and which worker has it.

use std::collections::VecDeque;
use std::sync::Arc;

use protocol::{Effect, Json, WorkerId, limit};

use crate::relay::registry::{View, Worker};

/// The events of one connection, which are handled one after the other, in the order in which they came.
///
/// They all go to one worker. To another one they go only when none is in flight, and none that was given up can still be
/// handled; until then, and while there is no worker, they are held.
#[derive(Default)]
pub(crate) struct Lane {
    /// The worker that has this connection's events, and the view by which it was chosen.
    chosen: Option<Worker>,
    version: u64,
    /// Events that a worker may have.
    pub(crate) sent: usize,
    /// The newest event that a worker may have handled. What was held since before cannot follow it any more.
    pub(crate) handled: u64,
    /// The worker that may still handle an event whose outcome was given as unknown: one that came later must not
    /// overtake it at another worker.
    unsettled: Option<WorkerId>,
    /// Events that no worker has, by number, in order.
    pub(crate) held: VecDeque<u64>,
    /// The `open` event has not been carried out yet: nothing else goes before it.
    pub(crate) opening: bool,
    /// The socket is gone: topics can no longer be joined.
    pub(crate) gone: bool,
    /// What a worker asked to keep.
    pub(crate) session: Option<Json>,
    /// The topics that the connection has joined.
    pub(crate) topics: Vec<Arc<str>>,
    /// Replies that wait until an earlier one has been carried out; `None` while none is being carried out.
    pub(crate) replies: Option<VecDeque<WaitingReply>>,
}

/// A reply that waits for its turn.
pub(crate) struct WaitingReply {
    pub(crate) opens: bool,
    pub(crate) effects: Vec<Effect>,
}

impl Lane {
    /// Events of this connection that have no outcome yet.
    pub(crate) fn in_flight(&self) -> usize {
        self.sent + self.held.len() + self.replies.as_ref().map_or(0, VecDeque::len)
    }

    /// Whether the connection has joined as many topics as it may, and not this one.
    pub(crate) fn is_full_for(&self, topic: &str) -> bool {
        self.topics.len() >= limit::TOPICS_PER_CONNECTION_MAX
            && !self.topics.iter().any(|joined| **joined == *topic)
    }

    /// The worker that the next event may go to now.
    pub(crate) fn worker(&mut self, view: &View, service: &str, key: impl std::hash::Hash) -> Option<Worker> {
        if self.version != view.version {
            if self.sent == 0 && !self.unsettled.as_ref().is_some_and(|worker| view.counts_on(worker)) {
                self.unsettled = None;
                self.chosen = view.choose(service, key).cloned();
                self.version = view.version;
            } else if !self.chosen.as_ref().is_some_and(|worker| view.is_serving(service, &worker.id)) {
                return None;
            }
        }
        self.chosen.clone()
    }

    /// An event that `worker` had has its outcome. Answered, it was handled, and so were all before it.
    pub(crate) fn ended(&mut self, seq: u64, worker: WorkerId, is_answered: bool) {
        self.sent -= 1;
        self.handled = self.handled.max(seq);
        self.unsettled = (!is_answered).then_some(worker);
    }

    /// Puts an event that was not delivered back among those that wait, at the place where it belongs.
    pub(crate) fn hold(&mut self, seq: u64) {
        let at = self.held.partition_point(|earlier| *earlier < seq);
        self.held.insert(at, seq);
    }
}
