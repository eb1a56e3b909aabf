//! A change in listings of different lengths: from HSET, sent straight to Redis, to the push on the topic and to the
//! receipt on a websocket, and the worker's CPU time. Beside it the ways without a worker that keeps the listing: sorting
//! in Redis with SORT; and as the lower bound of the CPU time, storing the bytes of the listing once.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use super::Stage;
use crate::clock;
use crate::order::{Quantiles, latencies};
use crate::report::{Bar, Chart, Row, Section, Target, count, median};
use crate::server::Deployment;
use crate::usage::Cpu;

mod ear;
mod store;

use ear::{PushEar, SocketEar};
use store::Store;

/// After a change has arrived everywhere, for what the processes have yet to tidy up.
const TIDYING: Duration = Duration::from_millis(5);
/// Between that and the next change, so that each finds everything at rest.
const SPACE: Duration = Duration::from_millis(50);
/// How often the limits are measured, between the changes, so that they meet the same machine.
const LIMITS: usize = 5;
/// The number of the first change: no user has it from the start.
const FIRST_NUMBER: i64 = 7_000_000_000;

/// What was found with so many users.
#[derive(Serialize)]
struct Finding {
    users: usize,
    changes: usize,
    listing_bytes: usize,
    /// Pushes that came for these changes.
    pushes: usize,
    to_push: Quantiles,
    to_socket: Quantiles,
    worker_cpu_ms: f64,
    node_cpu_ms: f64,
    /// `SORT users ALPHA BY … GET …`, until it is received.
    sort: Quantiles,
    /// CPU time of this process to SET the bytes of the listing.
    set_cpu_ms: f64,
}

pub(super) fn run(stage: &Stage) -> Result<Section> {
    let deployment = Deployment::start(&stage.folder)?;
    let mut store = Store::over(deployment.redis_connection()?);
    let mut socket = SocketEar::open(deployment.node.address)?;
    let push = PushEar::open(&deployment)?;
    let mut findings = Vec::new();
    for (users, changes) in [(100, 200), (10_000, 100), (100_000, 60)] {
        let changes = stage.pick(changes / 4, changes);
        store.grow_to(users)?;
        let listing = socket.wait_until_complete(users)?;
        findings.push(find(&deployment, &mut store, &mut socket, &push, changes, &listing)?);
    }
    let bars = |finding: &Finding| {
        vec![
            Bar::new("HSET to push", finding.to_push.p50_ms),
            Bar::new("HSET to websocket", finding.to_socket.p50_ms),
            Bar::new("worker CPU", finding.worker_cpu_ms),
            Bar::new("SORT in Redis", finding.sort.p50_ms),
        ]
    };
    let group = |finding: &Finding| (format!("{} users", count(finding.users as f64)), bars(finding));
    Ok(Section {
        rows: findings.iter().flat_map(Finding::rows).collect(),
        charts: vec![Chart {
            name: "change",
            title: "a change in a listing, milliseconds".to_owned(),
            is_logarithmic: true,
            groups: findings.iter().map(group).collect(),
        }],
        raw: json!({ "findings": findings }),
    })
}

fn find(
    deployment: &Deployment,
    store: &mut Store,
    socket: &mut SocketEar,
    push: &PushEar,
    changes: usize,
    listing: &[u8],
) -> Result<Finding> {
    push.forget();
    let (worker, node) = (deployment.worker.pid(), deployment.node.child.pid());
    let (mut to_push, mut to_socket, mut sort) = (latencies()?, latencies()?, latencies()?);
    let (mut worker_ns, mut node_ns, mut pushes, mut set_cpu_ns) = (0.0, 0.0, 0, Vec::new());
    for change in 0..changes {
        let number = FIRST_NUMBER + (store.users * 1_000 + change) as i64;
        let before = (Cpu::of(worker)?, Cpu::of(node)?);
        let begin_ns = clock::now_ns();
        store.change(change, number)?;
        to_push.saturating_record(push.next_ns()? - begin_ns);
        to_socket.saturating_record(socket.wait_for(number)? - begin_ns);
        clock::sleep(TIDYING);
        worker_ns += Cpu::of(worker)?.since_ns(&before.0);
        node_ns += Cpu::of(node)?.since_ns(&before.1);
        pushes += 1 + push.forget();
        clock::sleep(SPACE);
        if change % (changes / LIMITS) == 0 {
            sort.saturating_record(store.sort_ns()?);
            set_cpu_ns.push(store.set_cpu_ns(listing)?);
        }
    }
    let each_ms = |ns: f64| ns / changes as f64 / 1e6;
    Ok(Finding {
        users: store.users,
        changes,
        listing_bytes: listing.len(),
        pushes,
        to_push: Quantiles::of(&to_push),
        to_socket: Quantiles::of(&to_socket),
        worker_cpu_ms: each_ms(worker_ns),
        node_cpu_ms: each_ms(node_ns),
        sort: Quantiles::of(&sort),
        set_cpu_ms: median(set_cpu_ns.into_iter()) / 1e6,
    })
}

impl Finding {
    fn rows(&self) -> [Row; 2] {
        let users = count(self.users as f64);
        let Self { to_push, to_socket, sort, worker_cpu_ms, set_cpu_ms, .. } = self;
        let target = if self.users == 100_000 {
            Target::at_most(*worker_cpu_ms, 10.0, 3.0, " ms")
        } else {
            Target::none()
        };
        let repeated = self.pushes != self.changes;
        [
            Row {
                measure: format!("a change among {users} users, HSET → push"),
                ours: format!(
                    "p50 {:.2}, p99 {:.2} ms; on the websocket {:.2}, {:.2}",
                    to_push.p50_ms, to_push.p99_ms, to_socket.p50_ms, to_socket.p99_ms
                ),
                limit: format!("SORT in Redis {:.2} ms", sort.p50_ms),
                ratio: Some(to_push.p50_ms / sort.p50_ms),
                target: Target::none()
                    .unless(repeated, format!("{} pushes for {} changes", self.pushes, self.changes)),
            },
            Row {
                measure: format!("a change among {users} users, CPU time of the worker"),
                ours: format!("{worker_cpu_ms:.2} ms"),
                limit: format!("one SET of the listing {set_cpu_ms:.2} ms"),
                ratio: Some(worker_cpu_ms / set_cpu_ms),
                target,
            },
        ]
    }
}
