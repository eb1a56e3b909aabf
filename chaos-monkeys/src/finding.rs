//! What is wrong.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Findings of one kind that are told in words; of further ones only the number.
const TOLD_MAX: usize = 20;

/// What is wrong.
#[derive(Debug, Default)]
pub struct Findings {
    found: Mutex<Found>,
}

/// What was found wrong, as it is reported.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Copies that differ though they must not, operations that were lost, answers that cannot be true.
    pub divergences: Listed,
    /// What the monkeys or the service should not have said, and what could not be found out.
    pub faults: Listed,
}

/// Findings of one kind.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// How many.
    pub count: u64,
    /// The first of them, in words.
    pub first: Vec<String>,
}

impl Findings {
    /// Something differs that must not.
    pub fn diverged(&self, what: String) {
        log::warn!("diverged: {what}");
        self.found.lock().divergences.note(what);
    }

    /// Something went wrong that says nothing about the sets.
    pub fn fault(&self, what: String) {
        log::warn!("{what}");
        self.found.lock().faults.note(what);
    }

    /// What was found until now.
    #[must_use]
    pub fn read(&self) -> Found {
        self.found.lock().clone()
    }
}

impl Found {
    /// Adds what another process found.
    pub fn add(&mut self, other: Self) {
        self.divergences.add(other.divergences);
        self.faults.add(other.faults);
    }
}

impl Listed {
    fn note(&mut self, what: String) {
        self.count += 1;
        if self.first.len() < TOLD_MAX {
            self.first.push(what);
        }
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        let room = TOLD_MAX.saturating_sub(self.first.len());
        self.first.extend(other.first.into_iter().take(room));
    }
}
