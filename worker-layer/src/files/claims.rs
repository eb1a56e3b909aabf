//! Large answers that wait in Redis for the nodes to fetch them: how many bytes at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use protocol::{Claim, limit as spine};
use tokio::time::Instant;

use super::limit::{CLAIM_ONCE_MS, CLAIMED_BYTES_MAX};
use super::records::Records;
use super::trouble::Trouble;

/// Makes claims, within a bound.
pub(super) struct Claims {
    records: Arc<Records>,
    /// When each expires, and its size.
    kept: VecDeque<(Instant, usize)>,
}

impl Claims {
    pub(super) fn new(records: Arc<Records>) -> Self {
        Self { records, kept: VecDeque::new() }
    }

    /// Stores an answer. One that is used `again` is kept for half a minute at least.
    ///
    /// # Errors
    /// [`Trouble::Busy`] if too many bytes are kept already.
    pub(super) async fn put(&mut self, bytes: &[u8], again: bool) -> Result<Claim, Trouble> {
        let now = Instant::now();
        self.kept.retain(|(expires, _)| *expires > now);
        let kept: usize = self.kept.iter().map(|(_, size)| size).sum();
        if kept + bytes.len() > CLAIMED_BYTES_MAX {
            return Err(Trouble::Busy);
        }
        let claim = self.records.claim(bytes).await?;
        let ms = if again {
            spine::CLAIM_KEPT_S * 1_000
        } else {
            self.records.expire(&claim, CLAIM_ONCE_MS).await
        };
        self.kept.push_back((Instant::now() + Duration::from_millis(ms), bytes.len()));
        Ok(claim)
    }

    /// Another answer has taken the place of this one: it is kept only for those who were just told of it.
    pub(super) async fn supersede(&mut self, claim: &Claim) {
        let ms = self.records.expire(claim, CLAIM_ONCE_MS).await;
        let expires = Instant::now() + Duration::from_millis(ms);
        if let Some(kept) =
            self.kept.iter_mut().find(|(before, size)| *size == claim.bytes && *before > expires)
        {
            kept.0 = expires;
        }
    }
}
