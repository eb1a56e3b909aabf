//! Which users changed: what Redis notifies of, collected until somebody reads them back.

use std::collections::HashSet;

use broker::redis::aio::MultiplexedConnection;
use broker::{Incoming, NotConnected, Received, Subscriber};
use foldhash::fast::RandomState;
use protocol::name;

use super::key;
use super::trouble::Trouble;

type Keys = HashSet<Box<str>, RandomState>;

/// Users whose hash changed since it was last read.
pub(super) struct Feed {
    subscriber: Subscriber,
    received: Received,
    pattern: String,
    lease_channel: String,
    dirty: Keys,
    /// Users that changed since [`Feed::mark`], while there is a mark.
    late: Option<Keys>,
    lease_is_free: bool,
    is_lost: bool,
}

impl Feed {
    pub(super) fn new(subscriber: Subscriber, received: Received, db: i64) -> Self {
        Self {
            subscriber,
            received,
            // A prefix has no characters that PSUBSCRIBE reads as a pattern; names may, but they are not in
            // it.
            pattern: name::keyspace_pattern(db, &key::user("*")),
            lease_channel: name::keyspace_pattern(db, key::LEASE),
            dirty: Keys::default(),
            late: None,
            lease_is_free: false,
            is_lost: false,
        }
    }

    /// Begins anew: from here on every change is noticed, and none from before is remembered.
    pub(super) async fn restart(&mut self) -> Result<(), Trouble> {
        self.subscribe().await.map_err(|NotConnected| Trouble::Lost)?;
        while let Some(incoming) = self.received.try_recv() {
            self.note(incoming);
        }
        self.dirty.clear();
        self.late = None;
        self.is_lost = false;
        Ok(())
    }

    async fn subscribe(&self) -> Result<(), NotConnected> {
        self.subscriber.subscribe(&self.lease_channel).await?;
        self.subscriber.subscribe_pattern(&self.pattern).await
    }

    /// Waits until there is a link.
    pub(super) async fn connected(&self) {
        self.subscriber.connected().await;
    }

    /// The connection that the notifications come on: when a command on it is answered, [`Feed::catch_up`]
    /// notes every change that was made before.
    pub(super) fn connection(&self) -> Result<MultiplexedConnection, Trouble> {
        self.subscriber.connection().ok_or(Trouble::Lost)
    }

    /// Waits for notifications, and notes all that are here.
    pub(super) async fn changed(&mut self) -> Result<(), Trouble> {
        match self.received.recv().await {
            Some(incoming) => self.note(incoming),
            // The process stops.
            None => std::future::pending().await,
        }
        self.catch_up()
    }

    /// Notes all notifications that are here.
    pub(super) fn catch_up(&mut self) -> Result<(), Trouble> {
        while let Some(incoming) = self.received.try_recv() {
            self.note(incoming);
        }
        if self.is_lost { Err(Trouble::Lost) } else { Ok(()) }
    }

    /// How many users are to be read back.
    pub(super) fn dirty(&self) -> usize {
        self.dirty.len()
    }

    /// Takes the users that are to be read back.
    pub(super) fn take_dirty(&mut self) -> Vec<Box<str>> {
        self.dirty.drain().collect()
    }

    /// From here on, remembers who changes, read back or not.
    pub(super) fn mark(&mut self) {
        self.late = Some(Keys::default());
    }

    /// Takes who changed since the mark, and removes it.
    pub(super) fn take_late(&mut self) -> Keys {
        self.late.take().unwrap_or_default()
    }

    /// Whether the lease was given back or expired since this was last asked.
    pub(super) fn take_lease_is_free(&mut self) -> bool {
        std::mem::take(&mut self.lease_is_free)
    }

    fn note(&mut self, incoming: Incoming) {
        let Incoming::Message { channel, payload } = incoming else {
            // Messages between the loss and the return are missed. `Restored` needs nothing more: `restart`
            // follows.
            self.is_lost |= incoming == Incoming::Lost;
            return;
        };
        if channel == self.lease_channel {
            self.lease_is_free |= matches!(&*payload, b"del" | b"expired");
        } else if let Some(user) =
            name::key_of_keyspace(&channel).and_then(|key| key.strip_prefix(key::USER_PREFIX))
        {
            insert(&mut self.dirty, user);
            if let Some(late) = &mut self.late {
                insert(late, user);
            }
        }
    }
}

/// Most changes are of users that are in the set already: those cost no allocation.
fn insert(keys: &mut Keys, user: &str) {
    if !keys.contains(user) {
        keys.insert(Box::from(user));
    }
}
