//! Complaints that may come by the thousand: one log line a second is enough.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How far complaints of one kind are apart.
const APART: Duration = Duration::from_secs(1);

/// Lets one complaint of a kind through at a time.
#[derive(Default)]
pub(crate) struct Pace {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: Option<Instant>,
    withheld: u64,
}

impl Pace {
    /// How many were withheld since the last one, if it is time for one.
    pub(crate) fn turn(&self) -> Option<u64> {
        self.turn_at(Instant::now())
    }

    fn turn_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        if state.next.is_some_and(|next| now < next) {
            state.withheld += 1;
            return None;
        }
        state.next = Some(now + APART);
        Some(std::mem::take(&mut state.withheld))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_complaint_a_second_tells_of_the_others() {
        let (pace, now) = (Pace::default(), Instant::now());
        assert_eq!(pace.turn_at(now), Some(0));
        assert_eq!(pace.turn_at(now), None);
        assert_eq!(pace.turn_at(now + APART / 2), None);
        assert_eq!(pace.turn_at(now + APART), Some(2));
    }
}
