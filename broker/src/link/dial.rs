//! Connecting for ever: with backoff and jitter, and with two log lines an outage.

use std::time::Duration;

use redis::aio::AsyncPushSender;
use tokio::time::Instant;

use super::{Cut, Link};
use crate::address::Address;
use crate::tasks::Tasks;

/// The longest wait before the first new attempt, milliseconds; it doubles with each one that fails.
const BACKOFF_MIN_MS: u64 = 50;
/// The longest wait between attempts, milliseconds: a Redis that is back is found within it.
const BACKOFF_MAX_MS: u64 = 2_000;

/// Makes one link after the other.
pub(crate) struct Dialer {
    address: Address,
    tasks: Tasks,
    /// Whose link it is, for the log.
    part: &'static str,
    failed: u32,
    connected_at: Option<Instant>,
    is_lost: bool,
}

impl Dialer {
    pub(crate) fn new(address: Address, tasks: &Tasks, part: &'static str) -> Self {
        Self { address, tasks: tasks.clone(), part, failed: 0, connected_at: None, is_lost: false }
    }

    /// The next link, however long it takes; none when the process stops. `pushes` makes what takes the pushes of a
    /// link, given what cuts it.
    pub(crate) async fn next<P: AsyncPushSender>(
        &mut self,
        mut pushes: impl FnMut(Cut) -> P,
    ) -> Option<Link> {
        let stop = self.tasks.stop.clone();
        self.after_a_short_life();
        loop {
            let attempt = async {
                tokio::time::sleep(self.wait()).await;
                let cut = Cut::default();
                Link::open(&self.address, &self.tasks, self.part, pushes(cut.clone()), cut).await
            };
            let opened = tokio::select! {
                biased;
                () = stop.cancelled() => return None,
                opened = attempt => opened,
            };
            match opened {
                Ok(link) => {
                    self.connected_at = Some(Instant::now());
                    return Some(link);
                }
                Err(error) => {
                    self.failed = self.failed.saturating_add(1);
                    self.lost(&error.to_string());
                }
            }
        }
    }

    /// Says once an outage that the link is lost.
    pub(crate) fn lost(&mut self, error: &str) {
        if !self.is_lost && !self.tasks.stop.is_cancelled() {
            self.is_lost = true;
            log::warn!(
                redis:% = self.address, link = self.part, error = error;
                "the link to Redis is lost and is made anew for ever: check that Redis runs, and that address and login are right"
            );
        }
    }

    /// Says that the link serves again.
    pub(crate) fn restored(&mut self) {
        if std::mem::take(&mut self.is_lost) {
            log::info!(redis:% = self.address, link = self.part; "the link to Redis is back");
        }
    }

    /// A link that was lost soon counts as an attempt that failed, so that Redis is not dialed in a tight loop.
    fn after_a_short_life(&mut self) {
        let Some(connected_at) = self.connected_at.take() else {
            return;
        };
        if connected_at.elapsed() < Duration::from_millis(BACKOFF_MAX_MS) {
            self.failed = self.failed.saturating_add(1);
        } else {
            self.failed = 1;
        }
    }

    /// "Full jitter": anything from nothing to the bound, so that a crowd that lost Redis together does not return
    /// together (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
    fn wait(&self) -> Duration {
        Duration::from_millis(rand::random_range(0..=backoff_ms(self.failed)))
    }
}

/// The longest wait after so many failures, milliseconds.
fn backoff_ms(failed: u32) -> u64 {
    match failed {
        0 => 0,
        failed => (BACKOFF_MIN_MS << (failed - 1).min(10)).min(BACKOFF_MAX_MS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_from_50_ms_to_2_s() {
        let waits: Vec<u64> = (0..9).map(backoff_ms).collect();
        assert_eq!(waits, [0, 50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
        assert_eq!(backoff_ms(u32::MAX), 2_000);
    }
}
