//! Stamps that one replica never uses twice.

use crate::stamp::MS_MAX;
use crate::{Replica, Stamp};

/// Makes the stamps of one replica: each later than all before it, though its time may stand still or jump back.
///
/// Kept across restarts, or given a new replica name after each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    replica: Replica,
    next_ms: u64,
}

impl Clock {
    /// The clock of a replica that has made no stamp yet.
    #[must_use]
    pub fn new(replica: Replica) -> Self {
        Self { replica, next_ms: 0 }
    }

    /// Whose it is.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// A stamp for something done now: of this time, milliseconds since 1970, or of the first one that is free. At [`MS_MAX`]
    /// none is free any more, and each further stamp is the same.
    pub fn stamp(&mut self, now_ms: u64) -> Stamp {
        let ms = now_ms.max(self.next_ms).min(MS_MAX);
        self.next_ms = ms + 1;
        Stamp::new(ms, self.replica.clone()).expect("the time was bounded above")
    }

    /// A stamp that wins against a kept one, so that a user who sees a value can change it, whoever's clock is ahead.
    pub fn stamp_after(&mut self, now_ms: u64, kept: &Stamp) -> Stamp {
        self.stamp(now_ms.max(kept.ms() + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stamp_is_later_than_all_before_it() {
        let mut clock = Clock::new("phone".parse().unwrap());
        let ms: Vec<u64> = [10, 10, 5, 20, MS_MAX].map(|now_ms| clock.stamp(now_ms).ms()).into();
        assert_eq!(ms, [10, 11, 12, 20, MS_MAX]);
    }

    #[test]
    fn a_value_that_was_stamped_by_a_clock_that_is_ahead_can_be_changed() {
        let kept = Stamp::new(1_000, "z".parse().unwrap()).unwrap();
        let mut clock = Clock::new("a".parse().unwrap());
        assert!(clock.stamp_after(10, &kept) > kept);
        assert!(clock.stamp_after(5_000, &kept).ms() == 5_000);
    }
}
