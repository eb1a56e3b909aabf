//! Large answers that wait in Redis for the nodes to fetch them: for a short time, and within a bound.

use std::collections::VecDeque;
use std::time::Duration;

use broker::redis::cmd;
use broker::{Store, StoreError};
use parking_lot::Mutex;
use protocol::Claim;
use tokio::time::{Instant, sleep_until};

use super::limit::{CLAIM_MS, CLAIMED_BYTES_MAX};

/// How long storing a large answer may take: its room is kept for as long, too.
const STORING: Duration = Duration::from_secs(5);

/// What waits.
#[derive(Default)]
pub(super) struct Claims {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// When they are gone, and their sizes.
    claims: VecDeque<(Instant, usize)>,
    bytes: usize,
}

impl Claims {
    /// Stores an answer, when there is room for it. Nodes fetch it at once, so it need not be kept as long as claims are.
    pub(super) async fn put(&self, store: &Store, text: &str) -> Result<Claim, StoreError> {
        loop {
            let entered = self.kept.lock().enter(text.len(), Instant::now());
            match entered {
                Ok(()) => break,
                Err(later) => sleep_until(later).await,
            }
        }
        let claim = store.put_claim(text.as_bytes()).await?;
        // If this fails it expires later.
        let _ = store.query::<()>(cmd("PEXPIRE").arg(&claim.key).arg(CLAIM_MS)).await;
        Ok(claim)
    }
}

impl Kept {
    /// Takes room, or says when there may be some.
    fn enter(&mut self, bytes: usize, now: Instant) -> Result<(), Instant> {
        while let Some((_, gone)) = self.claims.front().filter(|(at, _)| *at <= now) {
            self.bytes -= gone;
            self.claims.pop_front();
        }
        match self.claims.front() {
            Some((at, _)) if self.bytes + bytes > CLAIMED_BYTES_MAX => Err(*at),
            _ => {
                self.claims.push_back((now + STORING + Duration::from_millis(CLAIM_MS), bytes));
                self.bytes += bytes;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_room_comes_back_when_it_is_gone() {
        let (mut kept, now) = (Kept::default(), Instant::now());
        let half = CLAIMED_BYTES_MAX / 2;
        assert!(kept.enter(half, now).is_ok() && kept.enter(half, now).is_ok());
        let later = kept.enter(1, now).unwrap_err();
        assert_eq!(later, now + STORING + Duration::from_millis(CLAIM_MS));
        assert!(kept.enter(2 * CLAIMED_BYTES_MAX, later).is_ok(), "one always has room");
        assert!(kept.enter(1, later).is_err());
    }
}
