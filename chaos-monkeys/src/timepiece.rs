//! The clock of a monkey, which may be wrong.

use lww_set::{Clock, Op, Replica, Stamp};

use crate::wire::Change;
use crate::world::now_ms;

/// The clock of a monkey: off by a fixed time, until the server corrects it.
#[derive(Debug)]
pub struct Timepiece {
    name: String,
    clock: Clock,
    off_ms: i64,
    corrections: u32,
}

impl Timepiece {
    /// The clock of the monkey of this name, off by so many milliseconds.
    #[must_use]
    pub fn new(name: String, off_ms: i64) -> Self {
        let clock = Clock::new(replica(&name));
        Self { name, clock, off_ms, corrections: 0 }
    }

    /// As whom it stamps now.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        self.clock.replica()
    }

    /// A stamp for something done now.
    pub fn stamp(&mut self) -> Stamp {
        self.clock.stamp(now_ms().saturating_add_signed(self.off_ms))
    }

    /// A change that is done now.
    pub fn change(&mut self, op: Op, value: String) -> Change {
        Change { op, value, stamp: Some(self.stamp()) }
    }

    /// The server says what time it is. Stamps must not repeat though time goes back, so the monkey goes on under another name.
    pub fn correct(&mut self, server_ms: u64) {
        self.corrections += 1;
        self.off_ms = server_ms.cast_signed() - now_ms().cast_signed();
        self.clock = Clock::new(replica(&format!("{}.{}", self.name, self.corrections)));
    }
}

fn replica(name: &str) -> Replica {
    name.parse().expect("names of monkeys are plain and short")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_corrected_is_right_and_repeats_no_stamp() {
        let mut clock = Timepiece::new("run-n1".into(), 3_600_000);
        let wrong = clock.stamp();
        assert!(wrong.ms() > now_ms() + 3_000_000);
        clock.correct(now_ms());
        let right = clock.stamp();
        assert!(right.ms() < now_ms() + 60_000 && right.replica() != wrong.replica());
    }
}
