//! Large answers that wait in Redis for the nodes to fetch them.

use std::sync::Arc;
use std::time::Duration;

use protocol::{Claim, limit as spine};
use tokio::time::{Instant, sleep_until};

use super::budget::Budget;
use super::limit::{CLAIM_ONCE_MS, ONCE_SHARE};
use super::records::Records;
use super::trouble::Trouble;

/// Makes claims, within a bound.
pub(super) struct Claims {
    records: Arc<Records>,
    /// All of them.
    budget: Budget,
    /// Those of them that are not used again.
    once: Budget,
}

impl Claims {
    pub(super) fn new(records: Arc<Records>, bytes_max: usize) -> Self {
        Self { records, budget: Budget::new(bytes_max), once: Budget::new(bytes_max / ONCE_SHARE) }
    }

    /// Stores an answer that is used again: waits for room, and keeps it for as long as claims are.
    pub(super) async fn put(&mut self, bytes: &[u8]) -> Result<Claim, Trouble> {
        loop {
            let now = Instant::now();
            let room_at = self.budget.room_at(bytes.len(), now);
            if room_at <= now {
                break;
            }
            sleep_until(room_at).await;
        }
        let claim = self.records.claim(bytes).await?;
        self.budget.keep(bytes.len(), Instant::now() + Duration::from_secs(spine::CLAIM_KEPT_S));
        Ok(claim)
    }

    /// Stores an answer that is not used again, for those who just asked for it.
    ///
    /// # Errors
    /// [`Trouble::Busy`] if there is no room now: nobody else may have to wait for it.
    pub(super) async fn put_once(&mut self, bytes: &[u8]) -> Result<Claim, Trouble> {
        let now = Instant::now();
        if self.budget.room_at(bytes.len(), now).max(self.once.room_at(bytes.len(), now)) > now {
            return Err(Trouble::Busy);
        }
        let claim = self.records.claim(bytes).await?;
        let ms = self.records.expire(&claim, CLAIM_ONCE_MS).await;
        let expires = Instant::now() + Duration::from_millis(ms);
        self.budget.keep(bytes.len(), expires);
        self.once.keep(bytes.len(), expires);
        Ok(claim)
    }

    /// Another answer has taken the place of this one: it is kept only for those who were just told of it.
    pub(super) async fn supersede(&mut self, claim: &Claim) {
        let ms = self.records.expire(claim, CLAIM_ONCE_MS).await;
        self.budget.shorten(claim.bytes, Instant::now(), Duration::from_millis(ms));
    }
}
