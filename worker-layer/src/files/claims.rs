//! Large answers that wait in Redis for the nodes to fetch them.

use std::sync::Arc;
use std::time::Duration;

use protocol::{Claim, limit as spine};
use tokio::time::{Instant, sleep_until};

use super::budget::Budget;
use super::limit::{CLAIM_ONCE_MS, CLAIMED_BYTES_MAX};
use super::records::Records;
use super::trouble::Trouble;

/// Makes claims, within a bound.
pub(super) struct Claims {
    records: Arc<Records>,
    budget: Budget,
}

impl Claims {
    pub(super) fn new(records: Arc<Records>) -> Self {
        Self { records, budget: Budget::new(CLAIMED_BYTES_MAX) }
    }

    /// Stores an answer, when there is room for it. One that is used `again` is kept for as long as claims are.
    pub(super) async fn put(&mut self, bytes: &[u8], again: bool) -> Result<Claim, Trouble> {
        loop {
            let now = Instant::now();
            let room_at = self.budget.room_at(bytes.len(), now);
            if room_at <= now {
                break;
            }
            sleep_until(room_at).await;
        }
        let claim = self.records.claim(bytes).await?;
        let ms = if again {
            spine::CLAIM_KEPT_S * 1_000
        } else {
            self.records.expire(&claim, CLAIM_ONCE_MS).await
        };
        self.budget.keep(bytes.len(), Instant::now() + Duration::from_millis(ms));
        Ok(claim)
    }

    /// Another answer has taken the place of this one: it is kept only for those who were just told of it.
    pub(super) async fn supersede(&mut self, claim: &Claim) {
        let ms = self.records.expire(claim, CLAIM_ONCE_MS).await;
        self.budget.shorten(claim.bytes, Instant::now(), Duration::from_millis(ms));
    }
}
