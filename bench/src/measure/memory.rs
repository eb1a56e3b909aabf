//! Resident memory of an idle connection, before and after a burst of pushes, against `warp::ws()`.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::Stage;
use crate::audience::{Audience, Publisher};
use crate::clock;
use crate::order::Ask;
use crate::report::{Bar, Chart, Row, Section, Target, count};
use crate::server::{Deployment, Server};
use crate::usage::Memory;

/// Idle connections.
const SOCKETS: usize = 10_000;
/// Messages that are published at once: a backlog for every connection, yet far from what its outbox bears.
const VOLLEY: u64 = 100;
/// Volleys of a burst.
const VOLLEYS: u64 = 10;
/// How long all rest after it.
const REST: Duration = Duration::from_secs(60);

/// Memory of one server as it went along.
struct Account {
    pid: u32,
    before: Memory,
    phases: Vec<(&'static str, Memory)>,
}

impl Account {
    fn open(server: &Server) -> Result<Self> {
        let pid = server.child.pid();
        Ok(Self { pid, before: Memory::of(pid)?, phases: Vec::new() })
    }

    /// Waits until the memory holds still, and notes it.
    fn note(&mut self, phase: &'static str) -> Result<()> {
        let mut memory = Memory::of(self.pid)?;
        for _ in 0..20 {
            clock::sleep(Duration::from_millis(500));
            let last = std::mem::replace(&mut memory, Memory::of(self.pid)?);
            if (memory.rss_bytes - last.rss_bytes).abs() < last.rss_bytes * 0.002 {
                break;
            }
        }
        self.phases.push((phase, memory));
        Ok(())
    }

    /// Kibibytes a connection at `phase`.
    fn kib(&self, phase: &str) -> f64 {
        let noted = self.phases.iter().find(|(name, _)| *name == phase);
        noted.map_or(f64::NAN, |(_, memory)| {
            (memory.rss_bytes - self.before.rss_bytes) / SOCKETS as f64 / 1024.0
        })
    }

    fn raw(&self) -> serde_json::Value {
        json!({ "before": self.before, "phases": self.phases })
    }
}

pub(super) fn run(stage: &Stage) -> Result<Section> {
    let deployment = Deployment::start(&stage.folder)?;
    let echo = Server::limit("echo")?;
    let (mut ours, mut warp) = (Account::open(&deployment.node)?, Account::open(&echo)?);

    let mut clients = Audience::of(&deployment.node)?;
    clients.connect(SOCKETS)?;
    ours.note("idle")?;
    let mut publisher = Publisher::over(deployment.redis_connection()?);
    publisher.wait_until_joined(&mut clients, SOCKETS)?;
    for _ in 0..VOLLEYS {
        clients.watch(publisher.next)?;
        publisher.volley(VOLLEY)?;
        let expected = VOLLEY * SOCKETS as u64;
        let tally = clients.wait_for(expected)?;
        ensure!(
            tally.delivered == expected,
            "{} of {expected} messages of a volley arrived",
            tally.delivered
        );
    }
    ours.note("after the burst")?;

    // The echo cannot push: its burst is what its clients send.
    let mut echo_clients = Audience::of(&echo)?;
    echo_clients.connect(SOCKETS)?;
    warp.note("idle")?;
    echo_clients.call(2.0, Ask::Number { changing: true })?;
    warp.note("after the burst")?;

    clock::sleep(REST);
    ours.note("rested")?;
    warp.note("rested")?;
    clients.close()?;
    ours.note("all closed")?;

    let burst = format!("{} s after a burst of {} pushes", REST.as_secs(), count((VOLLEYS * VOLLEY) as f64));
    let row = |what: &str, phase: &str, target: Target| Row {
        measure: format!("memory of an idle connection, {what}"),
        ours: format!("{:.1} KiB", ours.kib(phase)),
        limit: format!("warp::ws() {:.1} KiB", warp.kib(phase)),
        ratio: Some(ours.kib(phase) / warp.kib(phase)),
        target,
    };
    let target = |phase| Target::at_most(ours.kib(phase), 8.0, 4.0, " KiB");
    let bars = |phase| vec![Bar::new("tercet", ours.kib(phase)), Bar::new("warp::ws()", warp.kib(phase))];
    let groups = ["idle", "after the burst", "rested"].map(|phase| (phase.to_owned(), bars(phase)));
    Ok(Section {
        rows: vec![
            row(&format!("{} open", count(SOCKETS as f64)), "idle", target("idle")),
            row("right after the burst", "after the burst", Target::none()),
            row(&burst, "rested", target("rested")),
        ],
        charts: vec![Chart {
            name: "memory",
            title: "resident memory a connection, KiB".to_owned(),
            is_logarithmic: true,
            groups: groups.into(),
        }],
        raw: json!({ "sockets": SOCKETS, "tercet": ours.raw(), "warp_ws": warp.raw() }),
    })
}
