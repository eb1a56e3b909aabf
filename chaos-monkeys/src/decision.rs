//! What monkeys decide. Nothing that happens on the network changes it, so a seed repeats it.

use std::time::Duration;

use lww_set::Op;

use crate::config::Config;
use crate::dice::{Dice, Purpose};

/// How often a monkey adds; otherwise it removes.
const ADD_SHARE: f64 = 0.6;

/// How often a normal monkey lets the server stamp its operation.
const UNSTAMPED_SHARE: f64 = 0.1;

/// Most changes that an offline monkey makes while it is away.
const TRIP_CHANGES_MAX: usize = 20;

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `PUT` or `DELETE` of one value.
    Single,
    /// A batch over HTTP.
    Batch,
    /// A batch over the websocket.
    Socket,
}

/// What a normal monkey does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// How long it waits before.
    pub pause: Duration,
    /// The index of the set.
    pub set: usize,
    /// What is done to which values.
    pub changes: Vec<(Op, String)>,
    /// How it is sent.
    pub way: Way,
    /// Whether the monkey stamps it.
    pub stamped: bool,
    /// Whether it is sent once more after its answer.
    pub twice: bool,
    /// Whether it is sent only after the next one.
    pub late: bool,
}

/// The decisions of one normal monkey.
#[derive(Debug)]
pub struct Decisions {
    dice: Dice,
    config: Config,
}

/// What an offline monkey does on a trip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// What is done to which values, each after a pause.
    pub changes: Vec<(Duration, Op, String)>,
    /// How long it stays away afterwards.
    pub rest: Duration,
}

/// The trips of one offline monkey.
#[derive(Debug)]
pub struct Trips {
    dice: Dice,
    away: Duration,
    values: usize,
}

impl Decisions {
    /// The decisions of the normal monkey of this index.
    #[must_use]
    pub fn new(config: &Config, seed: u64, index: usize) -> Self {
        Self { dice: Dice::new(seed, Purpose::NormalDecision, index), config: config.clone() }
    }

    fn count(&mut self, way: Way) -> usize {
        if way == Way::Single { 1 } else { 1 + self.dice.below(self.config.batch) }
    }
}

impl Iterator for Decisions {
    type Item = Decision;

    fn next(&mut self) -> Option<Decision> {
        let way = [Way::Single, Way::Single, Way::Batch, Way::Socket, Way::Socket][self.dice.below(5)];
        let count = self.count(way);
        let stamped = way != Way::Single || !self.dice.happens(UNSTAMPED_SHARE);
        Some(Decision {
            pause: self.dice.pause(self.config.pause),
            set: self.dice.below(self.config.sets),
            changes: (0..count).map(|_| change(&mut self.dice, self.config.values)).collect(),
            way,
            stamped,
            twice: stamped && self.dice.happens(self.config.torment.duplicate()),
            late: stamped && self.dice.happens(self.config.torment.reorder()),
        })
    }
}

impl Trips {
    /// The trips of the offline monkey of this index.
    #[must_use]
    pub fn new(config: &Config, seed: u64, index: usize) -> Self {
        let dice = Dice::new(seed, Purpose::OfflineDecision, index);
        Self { dice, away: config.away, values: config.values }
    }
}

impl Iterator for Trips {
    type Item = Trip;

    fn next(&mut self) -> Option<Trip> {
        let whole = self.dice.pause(self.away);
        let count = 1 + self.dice.below(TRIP_CHANGES_MAX);
        let step = whole / u32::try_from(count + 1).unwrap_or(u32::MAX);
        let mut one = || {
            let (op, value) = change(&mut self.dice, self.values);
            (self.dice.up_to(step), op, value)
        };
        let changes = (0..count).map(|_| one()).collect();
        Some(Trip { changes, rest: step })
    }
}

fn change(dice: &mut Dice, values: usize) -> (Op, String) {
    let op = if dice.happens(ADD_SHARE) { Op::Add } else { Op::Remove };
    (op, value(dice.below(values)))
}

/// The value of this index: every tenth kind of text that has ever broken something.
fn value(index: usize) -> String {
    match index % 10 {
        1 => format!("a,b/{index}?c=%2F#d"),
        2 => format!("😀👩‍👩‍👧 {index}"),
        3 => format!("\"quoted\" \\ {index}"),
        4 => format!("tab\tline\nnul\0{index}"),
        5 => format!("é e\u{301} \u{2028} \u{ffff} {index}"),
        6 => format!("+{index}:server"),
        _ => format!("value {index}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        config: Config,
    }

    fn config(line: &str) -> Config {
        Options::parse_from(line.split(' ')).config
    }

    #[test]
    fn a_seed_repeats_every_decision() {
        let config = config("x --chaos");
        let decide = |seed, index| Decisions::new(&config, seed, index).take(50).collect::<Vec<_>>();
        assert_eq!(decide(7, 0), decide(7, 0));
        assert_ne!(decide(7, 0), decide(8, 0));
        assert_ne!(decide(7, 0), decide(7, 1));
        let travel = |seed| Trips::new(&config, seed, 0).take(20).collect::<Vec<_>>();
        assert_eq!(travel(7), travel(7));
        assert_ne!(travel(7), travel(8));
    }

    #[test]
    fn all_ways_all_torments_and_both_operations_happen_and_nothing_is_out_of_bounds() {
        let config = config("x --chaos --sets 3 --values 7 --batch 5");
        let decisions: Vec<Decision> = Decisions::new(&config, 1, 0).take(500).collect();
        for way in [Way::Single, Way::Batch, Way::Socket] {
            assert!(decisions.iter().any(|decision| decision.way == way));
        }
        assert!(
            decisions.iter().any(|decision| decision.twice) && decisions.iter().any(|decision| decision.late)
        );
        assert!(decisions.iter().any(|decision| !decision.stamped));
        assert!(
            decisions.iter().all(|decision| decision.set < 3 && (1..=5).contains(&decision.changes.len()))
        );
        let ops: Vec<Op> =
            decisions.iter().flat_map(|decision| &decision.changes).map(|change| change.0).collect();
        assert!(ops.contains(&Op::Add) && ops.contains(&Op::Remove));
    }

    #[test]
    fn without_torments_nothing_is_repeated_or_late() {
        let decisions: Vec<Decision> = Decisions::new(&config("x"), 1, 0).take(500).collect();
        assert!(decisions.iter().all(|decision| !decision.twice && !decision.late));
    }

    #[test]
    fn values_differ_and_a_full_batch_fits_into_a_message() {
        let values: std::collections::BTreeSet<String> = (0..100_000).map(value).collect();
        assert_eq!(values.len(), 100_000);
        let longest = values.iter().map(|value| serde_json::to_string(value).unwrap().len()).max().unwrap();
        // {"op":"remove","value":…,"stamp":[1700000000000,"…"]}, with the longest name of a replica.
        assert!((longest + 60 + 64) * 200 < 64 * 1024, "{longest}");
    }
}
