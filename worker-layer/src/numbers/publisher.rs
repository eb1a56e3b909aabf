//! Pushing the listing: one worker does it for all, exactly once a change.
//!
//! Whoever holds the lease publishes. A round is: begin a version, which is a barrier as well; read back who
//! changed; publish if the listing differs from the one published last. Changes that come soon after each
//! other share a listing, because after a round there is a pause; the last one is never withheld,
//! because a round follows as long as anybody is dirty. See [`super::mirror`] for why versions and contents
//! agree.
//!
//! A change and its reversal that fall into one pause are no difference, and nothing is pushed: every socket
//! shows the truth already.

use std::time::Duration;

use protocol::{Push, line, name, numbers};
use tokio::time::Instant;

use super::body::Bodies;
use super::lease::Lease;
use super::mirror::Mirror;
use super::trouble::Trouble;

/// The pause after a round, at least: thirty pictures a second are seen as motion, and every listing is written to every
/// socket.
const PAUSE_MIN: Duration = Duration::from_millis(33);
/// The pause after a round, at most: one that Redis was slow at must not withhold the next for long.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// The pause after a round that failed.
const PAUSE_FAILED: Duration = Duration::from_millis(500);
/// The pause after a round, in rounds: so publishing takes at most a ninth of a worker's time.
const PAUSE_ROUNDS: u32 = 8;

/// Publishes, when it holds the lease.
pub(super) struct Publisher {
    pub(super) lease: Lease,
    channel: String,
    /// The revision that was published last, since the lease was taken.
    published: Option<u64>,
    /// A user changed after the version was begun, and yet before it was read: the next version is owed to
    /// that change, even though its listing will be the same.
    owed: bool,
    /// When the next round may be.
    due: Instant,
}

impl Publisher {
    pub(super) fn new(lease: Lease) -> Self {
        Self {
            lease,
            channel: name::topic_channel(numbers::TOPIC),
            published: None,
            owed: false,
            due: Instant::now(),
        }
    }

    /// The lease was taken: whatever happened before, all have to hear how things stand.
    pub(super) fn begin(&mut self) {
        self.published = None;
        self.due = Instant::now();
    }

    /// When the next round has to be, if there is anything to publish.
    pub(super) fn due(&self, mirror: &Mirror) -> Option<Instant> {
        let differs = self.published != Some(mirror.revision());
        (self.lease.is_held() && (differs || self.owed || mirror.feed.dirty() > 0)).then_some(self.due)
    }

    /// Publishes the listing, if it differs from the last one.
    pub(super) async fn round(&mut self, mirror: &mut Mirror, bodies: &mut Bodies) -> Result<(), Trouble> {
        let began = Instant::now();
        mirror.feed.mark();
        let outcome = self.publish(mirror, bodies).await;
        mirror.feed.take_late();
        let ended = Instant::now();
        let pause_min = if outcome.is_ok() { PAUSE_MIN } else { PAUSE_FAILED };
        self.due = ended + ((ended - began) * PAUSE_ROUNDS).clamp(pause_min, PAUSE_MAX);
        outcome
    }

    async fn publish(&mut self, mirror: &mut Mirror, bodies: &mut Bodies) -> Result<(), Trouble> {
        let mut connection = mirror.feed.connection()?;
        let Some(version) = self.lease.begin(&mut connection, mirror.newest).await? else {
            return Ok(());
        };
        mirror.newest = mirror.newest.max(version);
        mirror.feed.catch_up()?;
        let (changes, _) = mirror.read_dirty().await?;
        if mirror.is_flushed() {
            // What is gone was not notified. The next round publishes what is there.
            return mirror.load().await;
        }
        mirror.check_users().await?;
        let late = mirror.feed.take_late();
        let revision = mirror.revision();
        if self.published == Some(revision) && !self.owed {
            return Ok(());
        }
        let listed = bodies.listed(&mirror.listing, version).await?;
        let push = Push::state(listed.body.clone(), numbers::LISTING, version);
        if self.lease.publish(&mut connection, version, &self.channel, &line::one(&push)).await? {
            self.published = Some(revision);
            self.owed = changes.iter().any(|(user, _)| late.contains(user));
        }
        Ok(())
    }
}
