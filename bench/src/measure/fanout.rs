//! Fan-out of 831-byte pushes: the highest paced rate at which every message arrives, in order, and none is late; against
//! a bare loop that writes the same bytes to as many sockets, one write a message, as fast as it can.

use anyhow::{Result, ensure};
use serde::Serialize;
use serde_json::json;

use super::Stage;
use crate::clock;
use crate::report::{Bar, Chart, Row, Section, Target, count, median};

mod arena;

use arena::{Arena, Flood, Trial};

/// The search ends when a rate that holds and one that does not are this close.
const PRECISION: f64 = 1.07;
/// By how much the rate grows while it holds.
const STRIDE: f64 = 1.5;
/// A search that takes longer goes on with the highest rate that held, nanoseconds.
const SEARCH_NS: u64 = 60_000_000_000;
/// A rate that held in the short trials but not in the long ones is lowered so often.
const LOWERED_MAX: usize = 6;

/// What was found with so many sockets.
#[derive(Serialize)]
struct Finding {
    sockets: usize,
    /// Pushes a second that were sustained.
    rate: f64,
    /// Every trial of the search.
    search: Vec<Trial>,
    /// Pairs of rounds at that rate and of the bare loop.
    sustained: Vec<Trial>,
    bare: Vec<Flood>,
}

pub(super) fn run(stage: &Stage) -> Result<Section> {
    let mut findings = Vec::new();
    for sockets in [1_000, 10_000] {
        findings.push(find(stage, sockets)?);
    }
    let rows = findings.iter().flat_map(Finding::rows).collect();
    let bars = |finding: &Finding| {
        let bare = median(finding.bare.iter().map(|flood| flood.per_s));
        vec![Bar::new("tercet", finding.per_s()), Bar::new("bare loop", bare)]
    };
    let groups = findings
        .iter()
        .map(|finding| (format!("{} sockets", count(finding.sockets as f64)), bars(finding)))
        .collect();
    Ok(Section {
        rows,
        charts: vec![Chart {
            name: "fanout",
            title: "deliveries of 831 bytes a second".to_owned(),
            is_logarithmic: false,
            groups,
        }],
        raw: json!({ "late_after_ms": crate::order::LATE_NS / 1_000_000, "findings": findings }),
    })
}

fn find(stage: &Stage, sockets: usize) -> Result<Finding> {
    let mut arena = Arena::open(stage, sockets)?;
    let (trial_s, round_s, rounds) = stage.pick((1.0, 2.0, 1), (2.5, 4.0, 3));
    let bare = arena.flood(trial_s)?;
    let mut search = Vec::new();
    let mut rate = highest(&mut arena, bare.per_s / sockets as f64, trial_s, &mut search)?;
    let mut lowered = 0;
    loop {
        let (mut bare, mut sustained) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            bare.push(arena.flood(round_s)?);
            sustained.push(arena.trial(rate, round_s)?);
            if lowered < LOWERED_MAX && sustained.iter().any(|trial| !trial.held) {
                break;
            }
        }
        if lowered == LOWERED_MAX || sustained.iter().all(|trial| trial.held) {
            return Ok(Finding { sockets, rate, search, sustained, bare });
        }
        search.extend(sustained);
        rate /= PRECISION;
        lowered += 1;
    }
}

/// The highest rate that holds in short trials, starting from `rate`. One that does not hold gets a second chance, as the
/// machine may have been busy.
fn highest(arena: &mut Arena, mut rate: f64, trial_s: f64, search: &mut Vec<Trial>) -> Result<f64> {
    let (mut holds, mut fails) = (0.0, f64::INFINITY);
    let end_ns = clock::now_ns() + SEARCH_NS;
    while fails / holds > PRECISION && clock::now_ns() < end_ns {
        let mut trial = arena.trial(rate, trial_s)?;
        if !trial.held {
            search.push(trial);
            trial = arena.trial(rate, trial_s)?;
        }
        let bound = if trial.held { &mut holds } else { &mut fails };
        *bound = rate;
        search.push(trial);
        rate = match (holds, fails) {
            (0.0, fails) => fails / STRIDE,
            (holds, f64::INFINITY) => holds * STRIDE,
            (holds, fails) => (holds * fails).sqrt(),
        };
    }
    ensure!(holds > 0.0, "no rate holds: the machine is too busy with other things");
    Ok(holds)
}

impl Finding {
    fn per_s(&self) -> f64 {
        median(self.sustained.iter().map(|trial| trial.per_s))
    }

    fn rows(&self) -> [Row; 2] {
        let sockets = count(self.sockets as f64);
        let of = |value: fn(&Trial) -> f64| median(self.sustained.iter().map(value));
        let of_bare = |value: fn(&Flood) -> f64| median(self.bare.iter().map(value));
        let ratio = median(self.sustained.iter().zip(&self.bare).map(|(ours, bare)| ours.per_s / bare.per_s));
        let held = self.sustained.iter().all(|trial| trial.held);
        let target =
            if self.sockets == 1_000 { Target::at_least(ratio, 2.0, 3.0, "") } else { Target::none() };
        let (cpu_us, bare_cpu_us) = (of(|trial| trial.cpu_us), of_bare(|flood| flood.cpu_us));
        [
            Row {
                measure: format!("fan-out to {sockets} sockets, all in time ({} pushes/s)", count(self.rate)),
                ours: format!(
                    "{}/s, p50 {:.1}, p99 {:.1} ms",
                    count(self.per_s()),
                    of(|trial| trial.tally.latency.p50_ms),
                    of(|trial| trial.tally.latency.p99_ms)
                ),
                limit: format!("bare loop {}/s", count(of_bare(|flood| flood.per_s))),
                ratio: Some(ratio),
                target: target.unless(!held, "messages were lost or late".to_owned()),
            },
            Row {
                measure: format!("fan-out to {sockets} sockets, CPU time a delivery"),
                ours: format!("{cpu_us:.2} µs"),
                limit: format!("bare loop {bare_cpu_us:.2} µs"),
                ratio: Some(cpu_us / bare_cpu_us),
                target: Target::none(),
            },
        ]
    }
}
