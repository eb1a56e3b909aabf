//! From a change of a set to its receipt at those who watch it, while one client changes it at a modest rate; against a bare
//! loop that writes a message to as many sockets at the same rate.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Result, ensure};
use memchr::memmem;
use serde::Serialize;
use serde_json::json;

use crate::audience::Audience;
use crate::clock;
use crate::measure::Stage;
use crate::order::{Send, Sent, Tally};
use crate::report::{Bar, Chart, Row, Target, count, median};
use crate::server::{Deployment, SETS_PATH, Server};
use crate::stamp::Stamp;
use crate::websocket::blocking::Blocking;

/// Clients that watch the set.
const VIEWERS: usize = 1_000;
/// Changes a second.
const RATE: u64 = 100;
/// The set.
const SET: &str = "bench-watched";
/// How long a change may take to be acknowledged.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was found.
#[derive(Serialize)]
pub(super) struct Finding {
    viewers: usize,
    changes_per_s: u64,
    /// Messages of a round.
    changes: u64,
    ours: Vec<Tally>,
    bare: Vec<Tally>,
}

pub(super) fn find(stage: &Stage, deployment: &Deployment) -> Result<Finding> {
    deployment.create_set(SET)?;
    let mut viewers = Audience::at(&deployment.node, SETS_PATH)?;
    viewers.connect(VIEWERS)?;
    viewers.watch(1)?;
    let watching = viewers.say(json!({ "type": "watch", "set": SET }).to_string(), VIEWERS as u64)?;
    ensure!(watching == VIEWERS as u64, "{watching} of {VIEWERS} viewers watch");
    let mut writer = Blocking::connect(deployment.node.address, SETS_PATH, PATIENCE)?;
    let mut bare = Server::limit("bare")?;
    let mut bare_viewers = Audience::of(&bare)?;
    bare_viewers.connect(VIEWERS)?;

    let (rounds, seconds) = stage.pick((2, 2), (5, 4));
    let changes = RATE * seconds;
    let expected = changes * VIEWERS as u64;
    let mut finding =
        Finding { viewers: VIEWERS, changes_per_s: RATE, changes, ours: Vec::new(), bare: Vec::new() };
    for round in 0..=rounds {
        let first = 1 + round * changes;
        viewers.watch(first)?;
        paced(first, changes, |stamp| change(&mut writer, stamp))?;
        let ours = viewers.wait_for(expected)?;
        bare_viewers.watch(first)?;
        paced(first, changes, |stamp| {
            bare.child.ask::<Sent>(&Send { first: stamp.seq, count: 1 }).map(drop)
        })?;
        let limit = bare_viewers.wait_for(expected)?;
        ensure!(limit.delivered == expected, "the bare loop delivered {} of {expected}", limit.delivered);
        // The first round warms up.
        if round > 0 {
            finding.ours.push(ours);
            finding.bare.push(limit);
        }
    }
    Ok(finding)
}

/// Does something `count` times, [`RATE`] times a second, but never before the time before is over.
fn paced(first: u64, count: u64, mut act: impl FnMut(Stamp) -> Result<()>) -> Result<()> {
    let begin_ns = clock::now_ns();
    for index in 0..count {
        let due_ns = begin_ns + index * 1_000_000_000 / RATE;
        clock::sleep_until(due_ns);
        act(Stamp { seq: first + index, due_ns, at_ns: clock::now_ns() })?;
    }
    Ok(())
}

/// Adds the stamp to the set, and waits until that is acknowledged.
fn change(writer: &mut Blocking, stamp: Stamp) -> Result<()> {
    let now_ms = UNIX_EPOCH.elapsed()?.as_millis() as u64;
    let operation = json!({ "op": "add", "value": stamp.value(), "stamp": [now_ms, "bench"] });
    writer.send(&json!({ "type": "apply", "set": SET, "operations": [operation] }).to_string())?;
    let answer = writer.receive()?;
    let is_applied = memmem::find(&answer, b"\"applied\"").is_some();
    ensure!(is_applied, "a change is answered {}", String::from_utf8_lossy(&answer));
    Ok(())
}

impl Finding {
    pub(super) fn row(&self) -> Row {
        let expected = self.changes * self.viewers as u64;
        let is_whole = |tally: &Tally| {
            tally.delivered == expected && tally.lost + tally.disordered == 0 && tally.closed.is_empty()
        };
        let missing: u64 = self.ours.iter().map(|tally| expected.saturating_sub(tally.delivered)).sum();
        let all_arrived = self.ours.iter().all(is_whole);
        let pairs = self.ours.iter().zip(&self.bare);
        Row {
            measure: format!(
                "apply → delta at {} viewers, {} changes/s",
                count(self.viewers as f64),
                self.changes_per_s
            ),
            ours: shown(&self.ours),
            limit: format!("bare loop {}", shown(&self.bare)),
            ratio: Some(median(pairs.map(|(ours, bare)| ours.latency.p50_ms / bare.latency.p50_ms))),
            target: Target::none()
                .unless(!all_arrived, format!("{missing} deltas missing, or not once and in order")),
        }
    }

    pub(super) fn chart(&self) -> Chart {
        let bars = |of: fn(&Tally) -> f64| {
            let median = |tallies: &[Tally]| median(tallies.iter().map(of));
            vec![Bar::new("tercet", median(&self.ours)), Bar::new("bare loop", median(&self.bare))]
        };
        Chart {
            name: "set-change",
            title: format!("apply → delta at {} viewers, milliseconds", count(self.viewers as f64)),
            is_logarithmic: false,
            groups: vec![
                ("p50".to_owned(), bars(|tally| tally.latency.p50_ms)),
                ("p99".to_owned(), bars(|tally| tally.latency.p99_ms)),
            ],
        }
    }
}

fn shown(tallies: &[Tally]) -> String {
    format!(
        "p50 {:.2}, p99 {:.2} ms",
        median(tallies.iter().map(|tally| tally.latency.p50_ms)),
        median(tallies.iter().map(|tally| tally.latency.p99_ms)),
    )
}
