//! How long to wait before trying again.

use std::time::{Duration, Instant};

use crate::dice::Dice;

/// Longest wait after the first failure.
const FIRST: Duration = Duration::from_millis(250);

/// Longest wait after many.
const LONGEST: Duration = Duration::from_secs(5);

/// What held for so long is taken as a success.
const HELD: Duration = Duration::from_secs(5);

/// Waits that grow with each failure, and are random so that not everyone comes at the same time.
#[derive(Debug, Clone)]
pub struct Backoff {
    longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { longest: FIRST }
    }
}

impl Backoff {
    /// How long to wait after one more failure.
    pub fn failed(&mut self, dice: &mut Dice) -> Duration {
        let wait = dice.up_to(self.longest);
        self.longest = (self.longest * 2).min(LONGEST);
        wait
    }

    /// How long to wait after a connection that was open since this time.
    pub fn ended(&mut self, since: Instant, dice: &mut Dice) -> Duration {
        if since.elapsed() >= HELD {
            self.succeeded();
        }
        self.failed(dice)
    }

    /// It worked: the next failure is the first.
    pub fn succeeded(&mut self) {
        self.longest = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Purpose;

    #[test]
    fn waits_grow_to_a_bound_and_start_anew() {
        let (mut backoff, mut dice) = (Backoff::default(), Dice::new(1, Purpose::NormalOutage, 0));
        assert!(backoff.failed(&mut dice) <= FIRST);
        let waits: Vec<Duration> = (0..100).map(|_| backoff.failed(&mut dice)).collect();
        assert!(waits.iter().all(|wait| *wait <= LONGEST) && waits.iter().any(|wait| *wait > LONGEST / 2));
        backoff.succeeded();
        assert!(backoff.failed(&mut dice) <= FIRST);
    }
}
