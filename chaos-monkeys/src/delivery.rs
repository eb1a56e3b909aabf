//! What becomes of operations: accounted for, done again, or given up.

use std::time::Instant;

use crate::gauge::{count, count_more};
use crate::link::Failure;
use crate::timepiece::Timepiece;
use crate::wire::{Change, Told};
use crate::world::World;

/// Operations are sent for the first time.
pub fn note_sent(world: &World, set: usize, changes: &[Change], now: Instant) {
    for stamp in changes.iter().filter_map(|change| change.stamp.as_ref()) {
        world.sets[set].sent.note(stamp, now);
    }
}

/// The server said what became of operations: from now on it must account for them.
pub fn record(world: &World, set: usize, changes: &[Change], told: &[Told]) {
    let counters = &world.counters;
    count_more(&counters.acknowledged, told.len());
    let mut ledger = world.sets[set].ledger.lock();
    for (change, told) in changes.iter().zip(told) {
        count(match told {
            Told::Applied { .. } => &counters.applied,
            Told::Superseded { .. } => &counters.superseded,
            Told::Duplicate { .. } => &counters.duplicate,
            Told::ClockAhead { .. } => &counters.clock_ahead,
            Told::TooOld { .. } => &counters.too_old,
        });
        if let Err(broken) = ledger.acknowledge(change, told, false) {
            world.findings.diverged(format!("{}: {broken}", world.sets[set].id));
        }
    }
}

/// Operations that had been acknowledged were sent once more: the server must have known them.
pub fn confirm(world: &World, set: usize, changes: &[Change], told: &[Told]) {
    let mut ledger = world.sets[set].ledger.lock();
    for (change, told) in changes.iter().zip(told) {
        if let Err(broken) = ledger.acknowledge(change, told, true) {
            world.findings.diverged(format!("{}: {broken}", world.sets[set].id));
        }
    }
}

/// The operations that were refused because the clock was ahead, with stamps of the corrected clock.
pub fn redo(changes: &[Change], told: &[Told], time: &mut Timepiece) -> Option<Vec<Change>> {
    let is_ahead = |told: &Told| match told {
        Told::ClockAhead { server_ms } => Some(*server_ms),
        _ => None,
    };
    time.correct(told.iter().find_map(is_ahead)?);
    let refused = changes.iter().zip(told).filter(|(_, told)| is_ahead(told).is_some());
    Some(refused.map(|(change, _)| time.change(change.op, change.value.clone())).collect())
}

/// Nobody will know what became of operations.
pub fn give_up(world: &World, set: usize, changes: &[Change], why: &Failure) {
    count_more(&world.counters.unresolved, changes.len());
    world.findings.fault(format!(
        "{}: {} operations have no outcome: {why}",
        world.sets[set].id,
        changes.len()
    ));
    let mut ledger = world.sets[set].ledger.lock();
    changes.iter().for_each(|change| ledger.give_up(change.clone()));
}
