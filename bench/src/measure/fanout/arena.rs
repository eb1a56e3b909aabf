//! A deployment and a bare loop side by side, each with as many sockets, to be loaded in turns.

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::audience::{Audience, Publisher};
use crate::clock;
use crate::measure::Stage;
use crate::order::{Send, Sent, Tally};
use crate::server::{Deployment, Server};
use crate::usage::Cpu;

/// The fewest messages of a trial.
const MESSAGES_MIN: u64 = 10;

/// What came of publishing at a rate.
#[derive(Serialize)]
pub(super) struct Trial {
    /// Pushes a second that were due.
    rate: f64,
    /// Every message arrived at every socket once, in order and in time.
    pub(super) held: bool,
    /// Deliveries a second, from the first PUBLISH to the last receipt.
    pub(super) per_s: f64,
    /// CPU time of the node for each delivery, microseconds.
    pub(super) cpu_us: f64,
    pub(super) tally: Tally,
}

/// What came of writing as fast as possible.
#[derive(Serialize)]
pub(super) struct Flood {
    pub(super) per_s: f64,
    pub(super) cpu_us: f64,
    sent: Sent,
    tally: Tally,
}

/// Both, with clients connected.
pub(super) struct Arena {
    sockets: usize,
    deployment: Deployment,
    clients: Audience,
    publisher: Publisher,
    bare: Server,
    bare_clients: Audience,
    bare_next: u64,
    /// What the bare loop was last seen to do, deliveries a second.
    bare_per_s: f64,
}

impl Arena {
    pub(super) fn open(stage: &Stage, sockets: usize) -> Result<Self> {
        let deployment = Deployment::start(&stage.folder)?;
        let mut clients = Audience::of(&deployment.node)?;
        clients.connect(sockets)?;
        let mut publisher = Publisher::over(deployment.redis_connection()?);
        publisher.wait_until_joined(&mut clients, sockets)?;
        let bare = Server::limit("bare")?;
        let mut bare_clients = Audience::of(&bare)?;
        bare_clients.connect(sockets)?;
        let mut arena = Self {
            sockets,
            deployment,
            clients,
            publisher,
            bare,
            bare_clients,
            bare_next: 1,
            bare_per_s: 100_000.0,
        };
        arena.flood(0.3)?;
        Ok(arena)
    }

    /// Publishes at `rate` pushes a second for `seconds`.
    pub(super) fn trial(&mut self, rate: f64, seconds: f64) -> Result<Trial> {
        let count = ((rate * seconds) as u64).max(MESSAGES_MIN);
        let expected = count * self.sockets as u64;
        let node = self.deployment.node.child.pid();
        self.clients.watch(self.publisher.next)?;
        let before = Cpu::of(node)?;
        self.publisher.paced(count, rate)?;
        let tally = self.clients.wait_for(expected)?;
        let cpu_us = Cpu::of(node)?.since_ns(&before) / 1e3 / tally.delivered.max(1) as f64;
        let faults = tally.lost + tally.disordered + tally.late;
        let held = tally.delivered == expected && faults == 0 && tally.closed.is_empty();
        eprintln!("  {rate:.0} pushes/s to {} sockets: {}", self.sockets, verdict(held, expected, &tally));
        if !held {
            self.clients.connect(self.sockets)?;
            self.publisher.wait_until_joined(&mut self.clients, self.sockets)?;
        }
        Ok(Trial { rate, held, per_s: per_s(&tally), cpu_us, tally })
    }

    /// Lets the bare loop write for about `seconds`.
    pub(super) fn flood(&mut self, seconds: f64) -> Result<Flood> {
        let count = ((self.bare_per_s / self.sockets as f64 * seconds) as u64).max(MESSAGES_MIN);
        let pid = self.bare.child.pid();
        self.bare_clients.watch(self.bare_next)?;
        let before = Cpu::of(pid)?;
        let sent: Sent = self.bare.child.ask(&Send { first: self.bare_next, count })?;
        self.bare_next += count;
        let expected = count * self.sockets as u64;
        let tally = self.bare_clients.wait_for(expected)?;
        ensure!(tally.delivered == expected, "the bare loop delivered {} of {expected}", tally.delivered);
        self.bare_per_s = per_s(&tally);
        let cpu_us = Cpu::of(pid)?.since_ns(&before) / 1e3 / expected as f64;
        Ok(Flood { per_s: self.bare_per_s, cpu_us, sent, tally })
    }
}

fn verdict(held: bool, expected: u64, tally: &Tally) -> String {
    if held {
        return format!("all in time, p99 {:.1} ms", tally.latency.p99_ms);
    }
    let missing = expected.saturating_sub(tally.delivered);
    format!(
        "{} late, {missing} missing, at most {:.0} ms, closed: {:?}",
        tally.late, tally.latency.max_ms, tally.closed
    )
}

fn per_s(tally: &Tally) -> f64 {
    tally.delivered as f64 / clock::seconds(tally.first_ns, tally.last_ns).max(1e-9)
}
