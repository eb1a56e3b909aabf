//! What a request costs: time, and CPU time of node, worker and Redis.

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::clock;
use crate::order::{Quantiles, latencies};
use crate::usage::Cpu;

/// The requests so far.
pub(super) struct Side {
    latency: Histogram<u64>,
    used_ns: [f64; 3],
    requests: u64,
}

/// What one of them costs.
#[derive(Debug, Serialize)]
pub(super) struct Cost {
    pub(super) latency: Quantiles,
    /// CPU time, microseconds.
    pub(super) node_us: f64,
    pub(super) worker_us: f64,
    pub(super) redis_us: f64,
}

impl Side {
    pub(super) fn new() -> Result<Self> {
        Ok(Self { latency: latencies()?, used_ns: [0.0; 3], requests: 0 })
    }

    /// Does something so many times: `act` does it once and says how long that took, nanoseconds.
    pub(super) fn round(
        &mut self,
        pids: [u32; 3],
        times: usize,
        mut act: impl FnMut() -> Result<u64>,
    ) -> Result<()> {
        let before = pids.map(Cpu::of);
        for _ in 0..times {
            self.latency.saturating_record(act()?);
        }
        for ((used_ns, pid), before) in self.used_ns.iter_mut().zip(pids).zip(before) {
            *used_ns += Cpu::of(pid)?.since_ns(&before?);
        }
        self.requests += times as u64;
        Ok(())
    }

    pub(super) fn cost(&self) -> Cost {
        let [node_us, worker_us, redis_us] = self.used_ns.map(|ns| ns / 1e3 / self.requests.max(1) as f64);
        Cost { latency: Quantiles::of(&self.latency), node_us, worker_us, redis_us }
    }
}

impl Cost {
    /// Of all three processes.
    pub(super) fn cpu_us(&self) -> f64 {
        self.node_us + self.worker_us + self.redis_us
    }

    pub(super) fn shown(&self) -> String {
        format!("p50 {:.2}, p99 {:.2} ms", self.latency.p50_ms, self.latency.p99_ms)
    }

    pub(super) fn shown_cpu(&self) -> String {
        let Self { node_us, worker_us, redis_us, .. } = self;
        format!("{:.0} µs: node {node_us:.0}, worker {worker_us:.0}, Redis {redis_us:.0}", self.cpu_us())
    }
}

/// How long it took, nanoseconds.
pub(super) fn timed(act: impl FnOnce() -> Result<()>) -> Result<u64> {
    let begin_ns = clock::now_ns();
    act()?;
    Ok(clock::now_ns() - begin_ns)
}
