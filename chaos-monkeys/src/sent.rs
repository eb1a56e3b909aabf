//! When operations were sent, to measure how long they take to reach everyone.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use lww_set::{Operation, Stamp};
use parking_lot::Mutex;

/// Operations of one set whose time is remembered; of those before them it is no longer known.
const SENT_MAX: usize = 8_192;

/// When the newest operations on a set were first sent.
#[derive(Debug, Default)]
pub struct Sent {
    times: Mutex<Times>,
}

#[derive(Debug, Default)]
struct Times {
    by_stamp: HashMap<Stamp, Instant>,
    /// The newest last.
    order: VecDeque<Stamp>,
}

impl Sent {
    /// An operation with this stamp is sent now. Only the first time counts.
    pub fn note(&self, stamp: &Stamp, now: Instant) {
        let mut times = self.times.lock();
        if times.by_stamp.contains_key(stamp) {
            return;
        }
        if times.order.len() == SENT_MAX
            && let Some(oldest) = times.order.pop_front()
        {
            times.by_stamp.remove(&oldest);
        }
        times.by_stamp.insert(stamp.clone(), now);
        times.order.push_back(stamp.clone());
    }

    /// When these operations were sent, of those of which it is known.
    #[must_use]
    pub fn find(&self, operations: &[Operation]) -> Vec<Instant> {
        let times = self.times.lock();
        operations.iter().filter_map(|operation| times.by_stamp.get(&operation.stamp).copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_time_counts_and_the_newest_are_remembered() {
        let sent = Sent::default();
        let operation = |ms| Operation::add("x", Stamp::new(ms, "a".parse().unwrap()).unwrap());
        let start = Instant::now();
        for ms in 0..=SENT_MAX as u64 {
            sent.note(&operation(ms).stamp, start + Duration::from_millis(ms));
        }
        sent.note(&operation(5).stamp, start + Duration::from_secs(100));
        assert_eq!(sent.find(&[operation(5), operation(0)]), [start + Duration::from_millis(5)]);
    }
}
