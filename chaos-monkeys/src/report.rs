//! What is told at the end: as JSON for programs, and in words.

use std::fmt;

use serde::Serialize;

use crate::config::Config;
use crate::finding::Found;
use crate::gauge::{Counted, Percentiles};
use crate::troop::Testimony;
use crate::verdict::{Account, Verdict};

/// The report of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The verdict. `converged` is the only good one.
    pub verdict: Verdict,
    /// With it and the same options the monkeys decide the same again.
    pub seed: u64,
    /// What the names of the replicas began with.
    pub run: String,
    /// The monkeys.
    pub monkeys: Monkeys,
    /// How many processes they were spread over.
    pub processes: usize,
    /// How long there was chaos, seconds.
    pub chaos_s: f64,
    /// How long it took from its end until everything was compared, seconds.
    pub settle_s: f64,
    /// Operations that were acknowledged in a second of chaos.
    pub operations_per_s: f64,
    /// Acknowledged operations that the server does not account for.
    pub lost: usize,
    /// Operations that the server keeps and never acknowledged.
    pub invented: usize,
    /// Copies.
    pub replicas: usize,
    /// Copies that are not what the server holds.
    pub differing: usize,
    /// What was counted.
    pub counted: Counted,
    /// From the first sending of operations of a normal monkey to the answer, retries included.
    pub acknowledgement: Percentiles,
    /// From sending an operation to its arrival at a viewer that was connected all the time, and what either held back on purpose.
    pub propagation: Percentiles,
    /// From an offline monkey's return to convergence.
    pub sync: Percentiles,
    /// What is wrong.
    pub found: Found,
    /// Each set.
    pub sets: Vec<Account>,
}

/// How many monkeys of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Monkeys {
    /// Normal ones.
    pub normal: usize,
    /// Offline ones.
    pub offline: usize,
    /// Viewers.
    pub viewer: usize,
}

/// What the monkeys themselves cannot say.
#[derive(Debug, Clone)]
pub struct Frame {
    /// See [`Report::seed`].
    pub seed: u64,
    /// See [`Report::run`].
    pub run: String,
    /// See [`Report::processes`].
    pub processes: usize,
    /// See [`Report::chaos_s`].
    pub chaos_s: f64,
    /// See [`Report::settle_s`].
    pub settle_s: f64,
    /// Operations that had been acknowledged when the chaos ended.
    pub acknowledged: u64,
}

impl Report {
    /// The report on what was testified.
    #[must_use]
    pub fn new(config: &Config, frame: Frame, testimony: Testimony) -> Self {
        let Testimony { counted, timed, found, sets } = testimony;
        let sum = |of: fn(&Account) -> usize| sets.iter().map(of).sum();
        Self {
            verdict: Verdict::on(&found),
            seed: frame.seed,
            run: frame.run,
            monkeys: Monkeys { normal: config.normal, offline: config.offline, viewer: config.viewer },
            processes: frame.processes,
            chaos_s: frame.chaos_s,
            settle_s: frame.settle_s,
            operations_per_s: frame.acknowledged as f64 / frame.chaos_s.max(0.001),
            lost: sum(|set| set.lost),
            invented: sum(|set| set.invented),
            replicas: sum(|set| set.replicas),
            differing: sum(|set| set.differing),
            counted,
            acknowledgement: timed.acknowledgement.percentiles(),
            propagation: timed.propagation.percentiles(),
            sync: timed.sync.percentiles(),
            found,
            sets,
        }
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 0 {
            return f.write_str("-");
        }
        write!(f, "p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", self.p50_ms, self.p99_ms, self.max_ms)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counted, monkeys, .. } = self;
        writeln!(
            f,
            "{} normal, {} offline and {} viewing monkeys on {} sets, {:.1} s of chaos, {:.1} s to settle, seed {}",
            monkeys.normal,
            monkeys.offline,
            monkeys.viewer,
            self.sets.len(),
            self.chaos_s,
            self.settle_s,
            self.seed
        )?;
        writeln!(
            f,
            "operations       {} acknowledged, {:.0}/s: {} applied, {} superseded, {} duplicate, {} refused; {} without an outcome",
            counted.acknowledged,
            self.operations_per_s,
            counted.applied,
            counted.superseded,
            counted.duplicate,
            counted.clock_ahead + counted.too_old,
            counted.unresolved
        )?;
        writeln!(
            f,
            "trouble          {} retries: {} unavailable, {} outcome unknown, {} connections lost; {} closed by the other side",
            counted.retries,
            counted.unavailable,
            counted.outcome_unknown,
            counted.connection_lost,
            counted.closed
        )?;
        writeln!(
            f,
            "torment          {} cuts, {} storms, {} sent or received twice, {} out of order",
            counted.cuts, counted.storms, counted.duplicated, counted.reordered
        )?;
        writeln!(
            f,
            "following        {} changes, {} dropped, {} holes, {} snapshots, {} resets",
            counted.deltas, counted.dropped, counted.holes, counted.snapshots, counted.resets
        )?;
        writeln!(f, "acknowledgement  {}", self.acknowledgement)?;
        writeln!(f, "propagation      {}", self.propagation)?;
        writeln!(f, "sync             {}, {} syncs", self.sync, counted.syncs)?;
        writeln!(
            f,
            "at the end       {} of {} copies are what the server holds; {} acknowledged operations lost, {} invented",
            self.replicas - self.differing,
            self.replicas,
            self.lost,
            self.invented
        )?;
        for (name, listed) in [("divergence", &self.found.divergences), ("fault", &self.found.faults)] {
            for what in &listed.first {
                writeln!(f, "{name}: {what}")?;
            }
            if listed.count > listed.first.len() as u64 {
                writeln!(f, "and {} more of this kind", listed.count - listed.first.len() as u64)?;
            }
        }
        let verdict = match self.verdict {
            Verdict::Converged => "converged",
            Verdict::Diverged => "diverged",
            Verdict::Failed => "failed: not everything could be found out",
        };
        write!(f, "verdict: {verdict}")
    }
}
