//! Chance that repeats: everything random that a monkey does comes of the seed and its number.

use std::time::Duration;

use rand::rngs::ChaCha12Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

/// No pause is longer than so many times the mean one, so that every monkey takes part in a short run.
const PAUSE_MEANS_MAX: f64 = 5.0;

/// What chance is for. What happens on the network draws from another source than what a monkey decides, so that the
/// decisions are the same whatever happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is a kind of monkey and what it draws for")]
pub enum Purpose {
    NormalDecision = 1,
    NormalOutage = 2,
    OfflineDecision = 3,
    OfflineOutage = 4,
    OfflineTorment = 5,
    ViewerOutage = 6,
    ViewerTorment = 7,
}

/// A source of chance of one monkey, for one purpose.
#[derive(Debug)]
pub struct Dice(ChaCha12Rng);

impl Dice {
    /// The dice of one monkey for one purpose: the same numbers for the same seed, purpose and index, on every machine.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose, index: usize) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&(index as u64).to_le_bytes());
        bytes[16] = purpose as u8;
        Self(ChaCha12Rng::from_seed(bytes))
    }

    /// Whether something of this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability.clamp(0.0, 1.0))
    }

    /// One of `0..count`.
    pub fn below(&mut self, count: usize) -> usize {
        if count == 0 { 0 } else { self.0.random_range(0..count) }
    }

    /// A time between nothing and this.
    pub fn up_to(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.0.random::<f64>())
    }

    /// A time until the next of events that come independently of each other, in the mean after so long.
    pub fn pause(&mut self, mean: Duration) -> Duration {
        let means = -(1.0 - self.0.random::<f64>()).ln();
        mean.mul_f64(means.min(PAUSE_MEANS_MAX))
    }

    /// A whole number of `-most..=most`.
    pub fn around(&mut self, most: i64) -> i64 {
        self.0.random_range(-most..=most)
    }

    /// Puts things in a random order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        things.shuffle(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_purpose_and_index_give_the_same_numbers_and_others_others() {
        let draw = |seed, purpose, index| {
            let mut dice = Dice::new(seed, purpose, index);
            (0..8).map(|_| dice.below(1_000_000)).collect::<Vec<_>>()
        };
        let one = draw(7, Purpose::NormalDecision, 1);
        assert_eq!(one, draw(7, Purpose::NormalDecision, 1));
        assert_ne!(one, draw(8, Purpose::NormalDecision, 1));
        assert_ne!(one, draw(7, Purpose::NormalOutage, 1));
        assert_ne!(one, draw(7, Purpose::NormalDecision, 2));
    }

    #[test]
    fn numbers_stay_the_same_from_release_to_release() {
        let mut dice = Dice::new(7, Purpose::NormalDecision, 1);
        let drawn: Vec<usize> = (0..4).map(|_| dice.below(1_000)).collect();
        assert_eq!(drawn, [7, 939, 373, 884]);
    }

    #[test]
    fn pauses_have_their_mean_and_a_bound() {
        let (mut dice, mean) = (Dice::new(1, Purpose::ViewerTorment, 0), Duration::from_millis(100));
        let pauses: Vec<Duration> = (0..10_000).map(|_| dice.pause(mean)).collect();
        let average = pauses.iter().sum::<Duration>() / 10_000;
        assert!(average > Duration::from_millis(90) && average < Duration::from_millis(110), "{average:?}");
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_millis(500)));
    }
}
