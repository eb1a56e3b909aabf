//! Operations a second, and the CPU time of each: clients in a closed loop, each of whose operations wins.

use anyhow::Result;
use serde::Serialize;

use super::SETS;
use super::hset::Pipelining;
use crate::audience::Audience;
use crate::measure::Stage;
use crate::order::{Ask, Called};
use crate::report::{Bar, Chart, Row, Target, count, median};
use crate::server::{Deployment, SETS_PATH};
use crate::usage::Cpu;

/// What is asked for.
#[derive(Debug, Clone, Copy, Serialize)]
struct Kind {
    clients: usize,
    /// In each request.
    operations: usize,
    removing: bool,
}

const KINDS: [Kind; 3] = [
    Kind { clients: 100, operations: 1, removing: false },
    Kind { clients: 20, operations: 100, removing: false },
    Kind { clients: 20, operations: 100, removing: true },
];

/// What came of one kind.
#[derive(Serialize)]
pub(super) struct Finding {
    kind: Kind,
    rounds: Vec<Round>,
}

/// Ours, and then as many HSETs.
#[derive(Serialize)]
struct Round {
    called: Called,
    /// Operations a second.
    per_s: f64,
    hset_per_s: f64,
    /// The same while Redis does not notify of changes, as it has to for the numbers service.
    unnoticed_hset_per_s: f64,
    /// CPU time of an operation, microseconds.
    node_us: f64,
    worker_us: f64,
    redis_us: f64,
    /// CPU time of Redis for one HSET, microseconds.
    hset_us: f64,
}

pub(super) fn find(stage: &Stage, deployment: &Deployment) -> Result<Vec<Finding>> {
    let mut audience = Audience::at(&deployment.node, SETS_PATH)?;
    let (rounds, seconds) = stage.pick((3, 1.0), (5, 2.0));
    let mut findings = Vec::new();
    for kind in KINDS {
        audience.connect(kind.clients)?;
        let pipelining = Pipelining::open(deployment.redis.address, kind.clients)?;
        let mut finding = Finding { kind, rounds: Vec::new() };
        for round in 0..=rounds {
            let found = kind.round(deployment, &mut audience, &pipelining, seconds)?;
            // The first round warms up.
            if round > 0 {
                finding.rounds.push(found);
            }
        }
        findings.push(finding);
        audience.close()?;
    }
    Ok(findings)
}

impl Kind {
    fn round(
        self,
        deployment: &Deployment,
        audience: &mut Audience,
        pipelining: &Pipelining,
        seconds: f64,
    ) -> Result<Round> {
        let Self { operations, removing, .. } = self;
        let pids = [deployment.node.child.pid(), deployment.worker.pid(), deployment.redis.child.pid()];
        let before = pids.map(Cpu::of);
        let called = audience.call(seconds, Ask::Apply { operations, sets: SETS, removing })?;
        let done = called.answered * operations as u64;
        let mut used_us = [0.0; 3];
        for ((used_us, pid), before) in used_us.iter_mut().zip(pids).zip(before) {
            *used_us = Cpu::of(pid)?.since_ns(&before?) / 1e3 / done.max(1) as f64;
        }
        let [node_us, worker_us, redis_us] = used_us;
        let before = Cpu::of(pids[2])?;
        let (set, hset_per_s) = pipelining.rate(done)?;
        let hset_us = Cpu::of(pids[2])?.since_ns(&before) / 1e3 / set as f64;
        let (_, unnoticed_hset_per_s) = without_notifications(deployment, || pipelining.rate(done))?;
        let per_s = called.rate() * operations as f64;
        Ok(Round { called, per_s, hset_per_s, unnoticed_hset_per_s, node_us, worker_us, redis_us, hset_us })
    }

    fn name(self) -> String {
        let Self { clients, operations, removing } = self;
        let what = if operations == 1 { "single".to_owned() } else { format!("batches of {operations}") };
        let removals = if removing { ", half removals" } else { "" };
        format!("{what}, {clients} clients{removals}")
    }
}

/// Does something while Redis does not notify of changes.
fn without_notifications<T>(deployment: &Deployment, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut redis = deployment.redis_connection()?;
    let (option, flags): (String, String) =
        redis::cmd("CONFIG").arg("GET").arg("notify-keyspace-events").query(&mut redis)?;
    let mut set = |flags: &str| redis::cmd("CONFIG").arg("SET").arg(&option).arg(flags).exec(&mut redis);
    set("")?;
    let done = act();
    set(&flags)?;
    done
}

impl Finding {
    fn of(&self, figure: fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(figure))
    }

    pub(super) fn rows(&self) -> [Row; 2] {
        let ratio = self.of(|round| round.per_s / round.hset_per_s);
        let target = match self.kind {
            Kind { operations: 100, removing: false, .. } => Target::at_least(ratio, 0.3, 0.5, ""),
            _ => Target::none(),
        };
        let failed: u64 = self.rounds.iter().map(|round| round.called.refused + round.called.silent).sum();
        let cpu_us = self.of(|round| round.node_us + round.worker_us + round.redis_us);
        let hset_us = self.of(|round| round.hset_us);
        [
            Row {
                measure: format!("operations on sets, {}", self.kind.name()),
                ours: format!(
                    "{}/s, p50 {:.2}, p99 {:.2} ms",
                    count(self.of(|round| round.per_s)),
                    self.of(|round| round.called.latency.p50_ms),
                    self.of(|round| round.called.latency.p99_ms)
                ),
                limit: format!(
                    "HSET, pipelined {}/s ({}/s without notifications)",
                    count(self.of(|round| round.hset_per_s)),
                    count(self.of(|round| round.unnoticed_hset_per_s))
                ),
                ratio: Some(ratio),
                target: target.unless(failed > 0, format!("{failed} requests failed")),
            },
            Row {
                measure: format!("operations on sets, {}, CPU time each", self.kind.name()),
                ours: format!(
                    "{cpu_us:.2} µs: node {:.2}, worker {:.2}, Redis {:.2}",
                    self.of(|round| round.node_us),
                    self.of(|round| round.worker_us),
                    self.of(|round| round.redis_us)
                ),
                limit: format!("HSET, Redis {hset_us:.2} µs"),
                ratio: Some(cpu_us / hset_us),
                target: Target::none(),
            },
        ]
    }
}

pub(super) fn chart(findings: &[Finding]) -> Chart {
    let bars = |finding: &Finding| {
        vec![
            Bar::new("tercet", finding.of(|round| round.per_s)),
            Bar::new("HSET, pipelined", finding.of(|round| round.hset_per_s)),
        ]
    };
    Chart {
        name: "set",
        title: "operations on sets a second".to_owned(),
        is_logarithmic: false,
        groups: findings.iter().map(|finding| (finding.kind.name(), bars(finding))).collect(),
    }
}
