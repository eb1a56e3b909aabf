//! What is counted and timed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Longest time that is told apart, microseconds: an hour.
const LAG_US_MAX: u64 = 3_600_000_000;

/// Digits of a time that are kept.
const LAG_DIGITS: u8 = 3;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What is counted while monkeys run.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: AtomicU64,)*
        }

        /// What was counted.
        #[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Counted {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// What was counted until now.
            #[must_use]
            pub fn read(&self) -> Counted {
                Counted { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl Counted {
            /// Adds what another process counted.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counters! {
    /// Operations that were sent, each once however often it was repeated.
    sent,
    /// Operations of which the server said what became of them.
    acknowledged,
    /// Of these: kept.
    applied,
    /// Of these: a greater one was kept.
    superseded,
    /// Of these: known already, because an earlier try had arrived.
    duplicate,
    /// Operations that were refused because their clock was ahead; they are done again with a corrected one.
    clock_ahead,
    /// Operations that were refused because they were older than the horizon.
    too_old,
    /// Operations of which nobody knows the outcome at the end.
    unresolved,
    /// Requests over HTTP, retries included.
    requests_http,
    /// Requests over websockets, retries included.
    requests_socket,
    /// Requests that were made again because the one before had no outcome.
    retries,
    /// Answers `unavailable`.
    unavailable,
    /// Answers `outcome_unknown`.
    outcome_unknown,
    /// Requests whose connection was lost before the answer.
    connection_lost,
    /// Batches that were sent again after their answer, and changes that were received twice, on purpose.
    duplicated,
    /// Batches that were held back behind later ones, and changes that were received after the next one, on purpose.
    reordered,
    /// Connections that were opened.
    connections,
    /// Connections that could not be opened.
    connections_refused,
    /// Connections that the monkeys broke on purpose.
    cuts,
    /// Times at which they broke all at once.
    storms,
    /// Connections that the other side closed or broke.
    closed,
    /// Changes that viewers and offline monkeys applied to their copies.
    deltas,
    /// Changes that they dropped: repeated ones, and those behind a hole.
    dropped,
    /// Times at which they asked again because something was missing.
    holes,
    /// Snapshots that they asked for.
    snapshots,
    /// Resets that they got.
    resets,
    /// Syncs of offline monkeys that ended in convergence.
    syncs,
    /// Comparisons of copies with what the server says of the same position, while there was chaos.
    audits,
}

/// How long something took, over many times.
#[derive(Debug)]
pub struct Lag {
    recent: Mutex<Histogram<u64>>,
    before: Mutex<Histogram<u64>>,
}

/// Percentiles of a lag, milliseconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many times.
    pub count: u64,
    /// Half of the times it took no longer.
    pub p50_ms: f64,
    /// 99 of 100 times it took no longer.
    pub p99_ms: f64,
    /// The longest time.
    pub max_ms: f64,
}

/// A histogram as another process reads it: lower ends, microseconds, and counts.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded(Vec<(u64, u64)>);

/// All that was timed, or what was since the last time.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timed {
    /// See [`Lags::acknowledgement`].
    pub acknowledgement: Recorded,
    /// See [`Lags::propagation`].
    pub propagation: Recorded,
    /// See [`Lags::sync`].
    pub sync: Recorded,
}

/// All that is timed.
#[derive(Debug, Default)]
pub struct Lags {
    /// From the first sending of operations of a normal monkey to the answer, retries included.
    pub acknowledgement: Lag,
    /// From sending an operation to its arrival at a viewer that was connected all the time, and what either held back on purpose.
    pub propagation: Lag,
    /// From an offline monkey's return to convergence.
    pub sync: Lag,
}

impl Lags {
    /// What was recorded since this was last called.
    pub fn turn(&self) -> Timed {
        self.each(Lag::turn)
    }

    /// All that was recorded.
    pub fn read(&self) -> Timed {
        self.each(Lag::read)
    }

    fn each(&self, read: impl Fn(&Lag) -> Recorded) -> Timed {
        Timed {
            acknowledgement: read(&self.acknowledgement),
            propagation: read(&self.propagation),
            sync: read(&self.sync),
        }
    }
}

impl Timed {
    /// Adds what another process recorded.
    pub fn add(&mut self, other: &Self) {
        self.acknowledgement.add(&other.acknowledgement);
        self.propagation.add(&other.propagation);
        self.sync.add(&other.sync);
    }
}

impl Default for Lag {
    fn default() -> Self {
        Self { recent: Mutex::new(empty()), before: Mutex::new(empty()) }
    }
}

fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LAG_US_MAX, LAG_DIGITS).expect("the bounds are in order")
}

impl Lag {
    /// It took so long.
    pub fn record(&self, took: Duration) {
        self.recent.lock().saturating_record(micros(took));
    }

    /// It took so long, each time.
    pub fn record_all(&self, took: impl Iterator<Item = Duration>) {
        let mut recent = self.recent.lock();
        took.for_each(|took| recent.saturating_record(micros(took)));
    }

    /// What was recorded since this was last called.
    pub fn turn(&self) -> Recorded {
        let mut recent = self.recent.lock();
        let recorded = Recorded::from(&*recent);
        let mut before = self.before.lock();
        *before += &*recent;
        recent.reset();
        recorded
    }

    /// All that was recorded.
    pub fn read(&self) -> Recorded {
        self.turn();
        Recorded::from(&*self.before.lock())
    }
}

impl Recorded {
    /// Adds what another process recorded.
    pub fn add(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// The percentiles.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        let mut all = empty();
        for (us, count) in &self.0 {
            all.saturating_record_n(*us, *count);
        }
        percentiles(&all)
    }
}

impl From<&Histogram<u64>> for Recorded {
    fn from(histogram: &Histogram<u64>) -> Self {
        let step = |step: hdrhistogram::iterators::IterationValue<u64>| {
            (step.value_iterated_to(), step.count_at_value())
        };
        Self(histogram.iter_recorded().map(step).collect())
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(LAG_US_MAX)
}

fn percentiles(histogram: &Histogram<u64>) -> Percentiles {
    if histogram.is_empty() {
        return Percentiles::default();
    }
    let ms = |us: u64| us as f64 / 1_000.0;
    Percentiles {
        count: histogram.len(),
        p50_ms: ms(histogram.value_at_quantile(0.5)),
        p99_ms: ms(histogram.value_at_quantile(0.99)),
        max_ms: ms(histogram.max()),
    }
}

/// Counts one more.
pub fn count(counter: &AtomicU64) {
    count_more(counter, 1);
}

/// Counts some more.
pub fn count_more(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_last_turn_and_then_of_all() {
        let lag = Lag::default();
        (1..=100).for_each(|ms| lag.record(Duration::from_millis(ms)));
        let turn = lag.turn().percentiles();
        assert!((turn.p50_ms - 50.0).abs() < 0.5 && (turn.p99_ms - 99.0).abs() < 0.5, "{turn:?}");
        lag.record(Duration::from_secs(2));
        assert_eq!(lag.turn().percentiles().count, 1);
        let all = lag.read().percentiles();
        assert!(all.count == 101 && (all.max_ms - 2_000.0).abs() < 5.0, "{all:?}");
    }

    #[test]
    fn what_two_processes_recorded_is_added() {
        let (one, two) = (Lag::default(), Lag::default());
        one.record(Duration::from_millis(1));
        two.record(Duration::from_millis(9));
        let mut both = one.read();
        both.add(&two.read());
        assert_eq!(both.percentiles().count, 2);
        assert_eq!(Recorded::default().percentiles(), Percentiles::default());
    }

    #[test]
    fn counts_are_added() {
        let counters = Counters::default();
        count(&counters.sent);
        count_more(&counters.sent, 2);
        let mut counted = counters.read();
        counted.add(&counters.read());
        assert_eq!(counted.sent, 6);
    }
}
