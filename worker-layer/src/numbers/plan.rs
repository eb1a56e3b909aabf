//! In which order the requests of a batch are done.
//!
//! Redis is fastest when many sets share a round trip and many readers share a reading; but on one connection
//! a listing must show what was set before it was asked for. A plan is a few phases, done one after the
//! other: each makes its sets, in the order in which they came, and then answers its readers. A request goes
//! into the same phase as the one before it on its connection, except that a set after a reading goes into
//! the next. So on each connection all is done in order, and different connections share as much as possible.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use protocol::ConnectionId;

/// Places in the batch: first what is set, then who reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Phase<S> {
    pub(super) sets: Vec<(usize, S)>,
    pub(super) readers: Vec<usize>,
}

/// Phases, in order.
pub(super) struct Plan<S> {
    phases: Vec<Phase<S>>,
    /// Where each connection stands that has read something; all others have only set, in the first phase.
    readers: HashMap<ConnectionId, Standing, RandomState>,
}

#[derive(Default)]
struct Standing {
    phase: usize,
    has_read: bool,
}

impl<S> Plan<S> {
    pub(super) fn new() -> Self {
        Self { phases: Vec::new(), readers: HashMap::default() }
    }

    /// A connection sets something.
    pub(super) fn set(&mut self, connection: ConnectionId, place: usize, set: S) {
        let phase = self.readers.get_mut(&connection).map_or(0, |standing| {
            standing.phase += usize::from(std::mem::take(&mut standing.has_read));
            standing.phase
        });
        self.phase(phase).sets.push((place, set));
    }

    /// A connection reads.
    pub(super) fn read(&mut self, connection: ConnectionId, place: usize) {
        let standing = self.readers.entry(connection).or_default();
        standing.has_read = true;
        let phase = standing.phase;
        self.phase(phase).readers.push(place);
    }

    /// Somebody reads who does nothing else.
    pub(super) fn read_alone(&mut self, place: usize) {
        self.phase(0).readers.push(place);
    }

    /// The phases, in order.
    pub(super) fn into_phases(self) -> Vec<Phase<S>> {
        self.phases
    }

    fn phase(&mut self, phase: usize) -> &mut Phase<S> {
        while self.phases.len() <= phase {
            self.phases.push(Phase { sets: Vec::new(), readers: Vec::new() });
        }
        &mut self.phases[phase]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// The phases of a batch, given as connection and whether it sets.
    fn phases(batch: &[(u128, bool)]) -> Vec<Phase<()>> {
        let mut plan = Plan::new();
        for (place, (connection, sets)) in batch.iter().enumerate() {
            let connection = ConnectionId(uuid::Uuid::from_u128(*connection));
            if *sets {
                plan.set(connection, place, ());
            } else {
                plan.read(connection, place);
            }
        }
        plan.into_phases()
    }

    #[test]
    fn sets_of_all_share_a_phase_and_so_do_readers() {
        let phases = phases(&[(1, true), (2, true), (1, false), (3, true), (2, false), (4, false)]);
        assert_eq!(phases, [Phase { sets: vec![(0, ()), (1, ()), (3, ())], readers: vec![2, 4, 5] }]);
    }

    #[test]
    fn a_set_after_a_reading_waits_for_it() {
        let phases = phases(&[(1, false), (1, true), (2, true), (1, false), (1, false)]);
        let expected = [
            Phase { sets: vec![(2, ())], readers: vec![0] },
            Phase { sets: vec![(1, ())], readers: vec![3, 4] },
        ];
        assert_eq!(phases, expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn what_a_connection_asks_is_done_in_its_order(batch in vec((0_u128..4, any::<bool>()), 0..40)) {
            // When each request takes effect: sets in their order, then all readers of the phase at one
            // moment.
            let mut moments = vec![None; batch.len()];
            let mut moment = 0;
            for phase in phases(&batch) {
                for (place, ()) in phase.sets {
                    moment += 1;
                    moments[place] = Some(moment);
                }
                moment += 1;
                for place in phase.readers {
                    moments[place] = Some(moment);
                }
            }
            prop_assert!(moments.iter().all(Option::is_some));
            for connection in 0..4 {
                let own = batch.iter().zip(&moments).filter(|((of, _), _)| *of == connection);
                let own: Vec<_> = own.map(|(_, moment)| *moment).collect();
                prop_assert!(own.is_sorted(), "{own:?}");
            }
        }
    }
}
