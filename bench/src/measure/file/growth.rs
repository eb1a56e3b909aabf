//! By how much the memory of a node and a worker grew at the most, while something was done.

use anyhow::Result;
use serde::Serialize;

use crate::server::Deployment;
use crate::usage::Memory;

/// The accounts from which on it is counted.
pub(super) struct Begin {
    pids: [u32; 2],
    before: [Memory; 2],
}

impl Begin {
    /// Lets the peaks of both begin anew.
    pub(super) fn now(deployment: &Deployment) -> Result<Self> {
        let [node, worker, _] = deployment.pids();
        let pids = [node, worker];
        Ok(Self { pids, before: [Memory::with_new_peak(node)?, Memory::with_new_peak(worker)?] })
    }

    /// What was added since.
    pub(super) fn growth(&self) -> Result<Growth> {
        let [node, worker] = self.pids;
        Ok(Growth { before: self.before, now: [Memory::of(node)?, Memory::of(worker)?] })
    }
}

/// Of the node and of the worker.
#[derive(Serialize)]
pub(super) struct Growth {
    before: [Memory; 2],
    now: [Memory; 2],
}

impl Growth {
    /// What the worker has kept, bytes.
    pub(super) fn worker_kept_bytes(&self) -> f64 {
        self.now[1].rss_bytes - self.before[1].rss_bytes
    }

    /// The most of both, as it stands in the table.
    pub(super) fn shown(&self) -> String {
        let [node, worker] =
            [0, 1].map(|at| (self.now[at].peak_bytes - self.before[at].rss_bytes) / (1024.0 * 1024.0));
        format!("worker {worker:.1} MiB, node {node:.1} MiB")
    }
}
