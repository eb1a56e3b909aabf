//! Requests that wait for a set to change.
//!
//! While somebody waits, this worker is subscribed to the topic of the set. What is published there is only a sign: whoever
//! waits reads the log again. Reading follows the subscription, so no change falls between the two.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use broker::{Incoming, Received, Subscriber};
use foldhash::fast::{FixedState, RandomState};
use parking_lot::Mutex;
use protocol::name;
use protocol::sets::SetId;
use tokio::sync::{Notify, OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::limit::WAITING_MAX;
use crate::service::Context;

/// Channels that can be subscribed or unsubscribed at the same time.
const TURNS: usize = 16;

/// Who waits.
pub(super) struct Waiting {
    subscriber: Subscriber,
    watched: Arc<Mutex<Map>>,
    room: Arc<Semaphore>,
    leaving: CancellationToken,
    /// Held while a channel is being subscribed or unsubscribed: one for each share of the sets.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

type Map = HashMap<SetId, Arc<Watched>, RandomState>;

/// A set that somebody waits for.
#[derive(Default)]
struct Watched {
    subscribed: OnceCell<()>,
    /// How often it may have changed.
    changes: AtomicU64,
    changed: Notify,
    waiting: Mutex<usize>,
}

impl Watched {
    fn wake(&self) {
        self.changes.fetch_add(1, Ordering::Release);
        self.changed.notify_waiters();
    }
}

/// Somebody who waits for a set.
pub(super) struct Watch {
    set: SetId,
    watched: Arc<Watched>,
    seen: u64,
    _seat: Seat,
}

/// A place among those who wait.
pub(super) struct Seat(#[expect(dead_code, reason = "it is there to be dropped")] OwnedSemaphorePermit);

impl Waiting {
    pub(super) fn start(context: &Context) -> Self {
        let (subscriber, received) = Subscriber::start(context.address.clone(), &context.tasks);
        let watched = Arc::<Mutex<Map>>::default();
        context.tasks.tracker.spawn(wake(received, Arc::clone(&watched)));
        Self {
            subscriber,
            watched,
            room: Arc::new(Semaphore::new(WAITING_MAX)),
            leaving: CancellationToken::new(),
            turns: std::array::from_fn(|_| tokio::sync::Mutex::default()),
        }
    }

    /// A seat, if one is free and nobody is about to leave.
    pub(super) fn seat(&self) -> Option<Seat> {
        if self.leaving.is_cancelled() {
            return None;
        }
        Arc::clone(&self.room).try_acquire_owned().ok().map(Seat)
    }

    /// Begins to wait for a set. What is read after this, and before each [`Waiting::next`], misses nothing.
    pub(super) async fn begin(&self, seat: Seat, set: &SetId) -> Watch {
        let watched = self.enter(set).await;
        let seen = watched.changes.load(Ordering::Acquire);
        Watch { set: set.clone(), watched, seen, _seat: seat }
    }

    /// Waits until the set may have changed since the last time; false if it did not in time, or the worker leaves.
    pub(super) async fn next(&self, watch: &mut Watch, deadline: Instant) -> bool {
        let changed = async {
            loop {
                let changed = watch.watched.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let changes = watch.watched.changes.load(Ordering::Acquire);
                if changes != watch.seen {
                    return changes;
                }
                changed.await;
            }
        };
        tokio::select! {
            changes = changed => watch.seen = changes,
            () = tokio::time::sleep_until(deadline) => return false,
            () = self.leaving.cancelled() => return false,
        }
        true
    }

    /// Waits no more.
    pub(super) async fn end(&self, watch: Watch) {
        self.go(&watch.set, &watch.watched).await;
    }

    /// Whoever waits is answered now.
    pub(super) fn leave(&self) {
        self.leaving.cancel();
    }

    async fn enter(&self, set: &SetId) -> Arc<Watched> {
        let watched = {
            let mut map = self.watched.lock();
            let watched = map.entry(set.clone()).or_default();
            *watched.waiting.lock() += 1;
            Arc::clone(watched)
        };
        let subscribe = async || {
            let _turn = self.turn(set).lock().await;
            // If Redis is away, it is subscribed when it comes back, and whoever waits looks again.
            let _ = self.subscriber.subscribe(&name::topic_channel(&set.topic())).await;
        };
        watched.subscribed.get_or_init(subscribe).await;
        watched
    }

    async fn go(&self, set: &SetId, watched: &Watched) {
        {
            let mut map = self.watched.lock();
            let mut waiting = watched.waiting.lock();
            *waiting -= 1;
            if *waiting > 0 {
                return;
            }
            map.remove(set);
        }
        // Somebody may wait anew meanwhile: then the channel must stay subscribed.
        let _turn = self.turn(set).lock().await;
        if !self.watched.lock().contains_key(set) {
            let _ = self.subscriber.unsubscribe(&name::topic_channel(&set.topic())).await;
        }
    }

    fn turn(&self, set: &SetId) -> &tokio::sync::Mutex<()> {
        let hash = FixedState::with_seed(0).hash_one(set);
        &self.turns[(hash % TURNS as u64) as usize]
    }
}

/// Wakes whoever waits for a set when something is published about it, and everyone when something may have been missed.
async fn wake(mut received: Received, watched: Arc<Mutex<Map>>) {
    while let Some(incoming) = received.recv().await {
        let map = watched.lock();
        match incoming {
            Incoming::Message { channel, .. } => {
                let set = name::topic_of(&channel).and_then(SetId::of_topic);
                if let Some(watched) = set.and_then(|set| map.get(&set)) {
                    watched.wake();
                }
            }
            Incoming::Lost | Incoming::Restored => map.values().for_each(|watched| watched.wake()),
        }
    }
}
