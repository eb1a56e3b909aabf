//! Requests that wait for a set to change.
//!
//! While somebody waits, this worker is subscribed to the topic of the set. What is published there is only a sign: whoever
//! waits reads the log again. Reading follows the subscription, so no change falls between the two.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use broker::{Address, Incoming, Received, Subscriber, Tasks};
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
        Self::on(context.address.clone(), &context.tasks)
    }

    fn on(address: Address, tasks: &Tasks) -> Self {
        let (subscriber, received) = Subscriber::start(address, tasks);
        let watched = Arc::<Mutex<Map>>::default();
        tasks.tracker.spawn(wake(received, Arc::clone(&watched)));
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

    /// Begins to wait for a set, at most until a deadline. What is read after this, and before each [`Waiting::next`], misses
    /// nothing.
    pub(super) async fn begin(&self, seat: Seat, set: &SetId, deadline: Instant) -> Watch {
        let watched = self.enter(set, deadline).await;
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

    async fn enter(&self, set: &SetId, deadline: Instant) -> Arc<Watched> {
        let watched = {
            let mut map = self.watched.lock();
            let watched = map.entry(set.clone()).or_default();
            *watched.waiting.lock() += 1;
            Arc::clone(watched)
        };
        let subscribe = async || {
            let _turn = self.turn(set).lock().await;
            self.subscriber.subscribe(&name::topic_channel(&set.topic())).await
        };
        if watched.subscribed.get_or_try_init(subscribe).await.is_err() {
            // It is subscribed with the next connection. That it is made anew, everyone who waits is told; but not, that it
            // is made for the first time.
            tokio::select! {
                () = self.subscriber.connected() => {}
                () = tokio::time::sleep_until(deadline) => {}
                () = self.leaving.cancelled() => {}
            }
        }
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

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use tempfile::TempDir;

    use super::*;

    /// A Redis on a Unix socket in a folder. It is killed when it is dropped.
    struct Redis(Child);

    impl Redis {
        fn start(dir: &TempDir) -> Self {
            let mut command = Command::new("redis-server");
            command.args(["--port", "0", "--unixsocket", "redis.sock", "--save", ""]);
            let child = command.current_dir(dir.path()).stdout(Stdio::null()).spawn();
            Self(child.expect("redis-server is installed"))
        }
    }

    impl Drop for Redis {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Longer than anything here takes.
    fn deadline() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[tokio::test]
    async fn who_waits_before_the_first_connection_is_subscribed_before_anything_is_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let address = Address::parse(&format!("redis+unix://{}/redis.sock", dir.path().display()));
        let (address, tasks, set) = (address.expect("an address"), Tasks::new(), "a".parse().expect("an id"));
        let waiting = Waiting::on(address.clone(), &tasks);
        let mut begun = Box::pin(waiting.begin(waiting.seat().expect("room"), &set, deadline()));
        assert!((&mut begun).now_or_never().is_none(), "there is no connection yet");
        let _redis = Redis::start(&dir);
        let mut watch = begun.await;

        let store = broker::Store::start(address, &tasks);
        store.connected().await;
        let mut publish = broker::redis::cmd("PUBLISH");
        publish.arg(name::topic_channel(&set.topic())).arg("{}");
        assert_eq!(store.query::<u64>(&publish).await.expect("it runs"), 1);
        assert!(waiting.next(&mut watch, deadline()).await);
        waiting.end(watch).await;
        tasks.stop.cancel();
    }

    #[tokio::test]
    async fn without_a_connection_nobody_waits_longer_than_the_deadline_or_than_the_worker_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let address = Address::parse(&format!("redis+unix://{}/redis.sock", dir.path().display()));
        let (tasks, set) = (Tasks::new(), "a".parse().expect("an id"));
        let waiting = Waiting::on(address.expect("an address"), &tasks);
        let seat = || waiting.seat().expect("room");
        let past = waiting.begin(seat(), &set, Instant::now()).await;
        let (left, ()) = tokio::join!(waiting.begin(seat(), &set, deadline()), async { waiting.leave() });
        for watch in [past, left] {
            waiting.end(watch).await;
        }
        assert!(waiting.watched.lock().is_empty());
        tasks.stop.cancel();
    }
}
