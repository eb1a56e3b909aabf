//! The listing, kept in step with Redis.
//!
//! # Which version a listing that was read may carry
//!
//! A listing carries a version, and of two listings a client keeps the one with the higher version. So
//! versions must never contradict content. Time is counted in Redis, which does one thing after the other.
//!
//! The publisher *begins* a version at a moment b(v): it makes the number, larger than all before, then reads
//! what changed, then publishes, if no later version was begun meanwhile. Hence
//!
//! 1. a push v shows every change made before b(v), because its reading began after b(v);
//! 2. all that a push v shows happened before b(w), for every later w that is published: it was published
//!    before b(w).
//!
//! A listing that is read for an answer may show changes from any time up to its last read. It is labelled
//! with a version v so that both hold for it, too:
//!
//! 1. it shows every change made before b(v);
//! 2. all that it shows happened before b(w), for every w that is begun later than v.
//!
//! Every reading ends with a look at the newest version, and that is a barrier as well: whatever changed
//! before it has been noticed. If nothing is dirty after a reading, everything up to its end was read, so the
//! version at its end will do. Otherwise who is dirty is read: then everything up to the end of the *first*
//! reading is there, and maybe more. If the version is still the same after the second, it will do: (1)
//! because it was there at the end of the first, and (2) because it was still the newest at the end of the
//! second. If not, the same is asked of the second and a third.
//!
//! So a listing with a higher version shows all that one with a lower version shows, or what came after it,
//! whether they were pushed or asked for. Two with the *same* version may differ by changes made after b(v):
//! for each of them a later push follows, which the publisher takes care of even if it happened to read such
//! a change already.

use std::collections::HashSet;
use std::sync::Arc;

use broker::redis::RedisResult;
use parking_lot::Mutex;

use super::feed::Feed;
use super::flags::Flags;
use super::listing::{Change, Fact, Listing};
use super::readback::{self, Read};
use super::trouble::Trouble;
use super::users;

/// Readings that follow each other because versions are begun meanwhile. Those are 33 ms apart at least,
/// so two are mostly enough. After the last the label is the version before it: too low at worst, which a later push
/// makes up for.
const READINGS_MAX: usize = 5;

/// How often everything is read again because the store was flushed meanwhile.
const LOADS_MAX: usize = 4;

/// The listing and its feed.
pub(super) struct Mirror {
    pub(super) feed: Feed,
    pub(super) listing: Arc<Mutex<Listing>>,
    /// The newest version that was seen.
    pub(super) newest: u64,
    /// Whether this worker keeps the set `users` in step: the publisher does.
    pub(super) keeps_users: bool,
    /// The set may differ from the listing by more than what is noticed.
    pub(super) users_unchecked: bool,
    epoch: String,
    is_flushed: bool,
    flags: Flags,
}

impl Mirror {
    pub(super) fn new(feed: Feed, listing: Arc<Mutex<Listing>>) -> Self {
        Self {
            feed,
            listing,
            newest: 0,
            keeps_users: false,
            users_unchecked: true,
            epoch: String::new(),
            is_flushed: false,
            flags: Flags::default(),
        }
    }

    /// Whether the store was found to be another than the one that was loaded.
    pub(super) fn is_flushed(&self) -> bool {
        self.is_flushed
    }

    /// Whether the store is still the one that was loaded.
    pub(super) fn is_of(&self, epoch: &str) -> bool {
        self.epoch == epoch
    }

    /// Reads everything. Whatever changes meanwhile is noticed, and read again later.
    pub(super) async fn load(&mut self) -> Result<(), Trouble> {
        self.feed.restart().await?;
        let mut connection = self.feed.connection()?;
        self.flags.check(&mut connection).await?;
        self.epoch = readback::epoch(&mut connection).await?;
        self.is_flushed = false;
        let mut gone: HashSet<Arc<str>> = self.listing.lock().keys().cloned().collect();
        let mut cursor = 0;
        loop {
            let users;
            (cursor, users) = readback::scan(&mut connection, cursor).await?;
            if !users.is_empty() {
                let read = readback::read(&mut connection, &users).await?;
                for user in &users {
                    gone.remove(&**user);
                }
                self.apply(users, &read);
            }
            if cursor == 0 {
                break;
            }
        }
        let mut listing = self.listing.lock();
        for user in gone {
            listing.apply(&user, None);
        }
        log::debug!(users = listing.len(); "all users were read");
        drop(listing);
        self.users_unchecked = true;
        self.feed.catch_up()
    }

    /// Brings the listing up to date, and returns the version that it may carry: see the head of this module.
    /// If the store was flushed, everything is read again.
    pub(super) async fn refresh(&mut self) -> Result<u64, Trouble> {
        for _ in 0..LOADS_MAX {
            if let Some(version) = self.follow().await? {
                return Ok(version);
            }
            self.load().await?;
        }
        Err(Trouble::Restless)
    }

    /// The same; none if the store was flushed.
    async fn follow(&mut self) -> Result<Option<u64>, Trouble> {
        let (_, mut before) = self.read_dirty().await?;
        for reading in 2.. {
            if self.is_flushed || self.feed.dirty() == 0 {
                break;
            }
            let (_, after) = self.read_dirty().await?;
            if after == before || reading == READINGS_MAX {
                break;
            }
            before = after;
        }
        Ok((!self.is_flushed).then_some(before))
    }

    /// Reads back the users that changed. Returns what became of them, and the version after the reading,
    /// which is a barrier as well.
    pub(super) async fn read_dirty(&mut self) -> Result<(Vec<(Box<str>, Change)>, u64), Trouble> {
        let users = self.feed.take_dirty();
        let mut connection = self.feed.connection()?;
        let read = readback::read(&mut connection, &users).await?;
        self.feed.catch_up()?;
        // If somebody deletes the key the newest version that was seen still is a right one: the next is
        // above it.
        self.newest = self.newest.max(read.version);
        self.is_flushed = !self.is_of(&read.epoch);
        let version = self.newest;
        let changes = self.apply(users, &read);
        if self.keeps_users {
            let followed = users::follow(&mut connection, &changes).await;
            self.users_unchecked |= kept(followed)?;
        }
        Ok((changes, version))
    }

    /// Makes the set `users` what the listing is, if that is this worker's task and not yet done.
    pub(super) async fn check_users(&mut self) -> Result<(), Trouble> {
        if self.keeps_users && self.users_unchecked {
            let reconciled = users::reconcile(&mut self.feed.connection()?, &self.listing).await;
            self.users_unchecked = kept(reconciled)?;
        }
        Ok(())
    }

    /// The revision of the listing.
    pub(super) fn revision(&self) -> u64 {
        self.listing.lock().revision()
    }

    fn apply(&mut self, users: Vec<Box<str>>, read: &Read) -> Vec<(Box<str>, Change)> {
        let mut listing = self.listing.lock();
        let changes = users.into_iter().zip(&read.facts).map(|(user, fact)| {
            let fact = fact.as_ref().map(|(name, number)| Fact { user_name: name, favorite_number: *number });
            let change = listing.apply(&user, fact);
            (user, change)
        });
        changes.filter(|(_, change)| *change != Change::None).collect()
    }
}

/// Whether writing the set `users` has to be made up for: Redis refuses it when it is out of memory.
fn kept(written: RedisResult<()>) -> Result<bool, Trouble> {
    match written {
        Ok(()) => Ok(false),
        Err(error) if error.code().is_some() => {
            log::debug!(error:% = error; "the set of all users is not in step");
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}
