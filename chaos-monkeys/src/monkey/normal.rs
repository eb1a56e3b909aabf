//! A monkey that adds and removes values at random intervals, over HTTP and over a websocket.

use std::sync::Arc;
use std::time::Instant;

use hyper::{Method, StatusCode};
use lww_set::Op;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use tokio::time::sleep;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::line::Line;
use super::{Kind, Monkey};
use crate::decision::{Decision, Decisions, Way};
use crate::delivery;
use crate::dice::Purpose;
use crate::gauge::{count, count_more};
use crate::link::{Failure, Response};
use crate::timepiece::Timepiece;
use crate::wire::{Change, Outcomes, Told};
use crate::world::World;

/// A normal monkey.
#[derive(Debug)]
pub struct Normal {
    world: Arc<World>,
    decisions: Decisions,
    time: Timepiece,
    line: Line,
    /// Held back, to be sent after the next one.
    late: Option<Batch>,
    _writes: TaskTrackerToken,
}

/// Operations that are sent together.
#[derive(Debug)]
struct Batch {
    set: usize,
    changes: Vec<Change>,
    way: Way,
    twice: bool,
}

impl Normal {
    /// The normal monkey of this index.
    #[must_use]
    pub fn new(world: &Arc<World>, index: usize) -> Self {
        let monkey = Monkey { kind: Kind::Normal, index };
        let mut line = Line::new(world, monkey, Purpose::NormalOutage);
        let off_ms = line.outage.dice().around(world.config.torment.skew_ms());
        Self {
            world: Arc::clone(world),
            decisions: Decisions::new(&world.config, world.seed, index),
            time: Timepiece::new(monkey.name(&world.run), off_ms),
            line,
            late: None,
            _writes: world.writers.token(),
        }
    }

    /// Does what it does until the chaos is over and all that it sent has an outcome.
    pub async fn run(mut self) {
        while let Some(decision) = self.decisions.next() {
            tokio::select! {
                () = self.world.calm.cancelled() => break,
                () = sleep(decision.pause) => {}
            }
            self.act(decision).await;
        }
        if let Some(batch) = self.late.take() {
            self.deliver(batch).await;
        }
    }

    async fn act(&mut self, decision: Decision) {
        let late = decision.late;
        let batch = self.stamped(decision);
        if late && self.late.is_none() {
            count(&self.world.counters.reordered);
            self.late = Some(batch);
            return;
        }
        self.deliver(batch).await;
        if let Some(batch) = self.late.take() {
            self.deliver(batch).await;
        }
    }

    fn stamped(&mut self, decision: Decision) -> Batch {
        let Decision { set, changes, way, stamped, twice, .. } = decision;
        let stamp = |(op, value)| match stamped {
            true => self.time.change(op, value),
            false => Change { op, value, stamp: None },
        };
        let changes = changes.into_iter().map(stamp).collect();
        Batch { set, changes, way, twice }
    }

    /// Sends a batch until it has an outcome, and what was refused because of the clock once more.
    async fn deliver(&mut self, mut batch: Batch) {
        self.world.sets[batch.set].ledger.lock().writes(self.time.replica());
        loop {
            count_more(&self.world.counters.sent, batch.changes.len());
            let Some(told) = self.outcomes(&batch).await else { return };
            delivery::record(&self.world, batch.set, &batch.changes, &told);
            if batch.twice && !told.iter().any(Told::is_refusal) {
                self.repeat(&batch).await;
            }
            let Some(changes) = delivery::redo(&batch.changes, &told, &mut self.time) else { return };
            self.world.sets[batch.set].ledger.lock().writes(self.time.replica());
            batch = Batch { changes, way: Way::Batch, twice: false, ..batch };
        }
    }

    /// Tries until there is an answer, or all is over.
    async fn outcomes(&mut self, batch: &Batch) -> Option<Vec<Told>> {
        let start = Instant::now();
        delivery::note_sent(&self.world, batch.set, &batch.changes, start);
        loop {
            let failure = match self.attempt(batch).await {
                Ok(told) if told.len() == batch.changes.len() => {
                    self.line.succeeded();
                    self.world.lags.acknowledgement.record(start.elapsed());
                    return Some(told);
                }
                Ok(told) => Failure::Refused(format!("{} outcomes for {}", told.len(), batch.changes.len())),
                Err(failure) => failure,
            };
            self.line.failed(&failure).await;
            let is_refused = matches!(failure, Failure::Refused(_));
            if is_refused || self.world.over.is_cancelled() {
                delivery::give_up(&self.world, batch.set, &batch.changes, &failure);
                return None;
            }
            count(&self.world.counters.retries);
        }
    }

    /// Sends what was acknowledged once more: it must be known.
    async fn repeat(&mut self, batch: &Batch) {
        count(&self.world.counters.duplicated);
        match self.attempt(batch).await {
            Ok(told) => delivery::confirm(&self.world, batch.set, &batch.changes, &told),
            Err(failure) => self.line.failed(&failure).await,
        }
    }

    async fn attempt(&mut self, batch: &Batch) -> Result<Vec<Told>, Failure> {
        let id = Arc::clone(&self.world.sets[batch.set].id);
        match (batch.way, &batch.changes[..]) {
            (Way::Socket, changes) => self.line.apply(&id, changes).await,
            (Way::Single, [change]) => self.single(&id, change).await,
            (Way::Single | Way::Batch, changes) => {
                #[derive(Serialize)]
                struct Body<'a> {
                    operations: &'a [Change],
                }
                let body = json(&Body { operations: changes })?;
                let path = format!("/sets/{id}/operations");
                let response = self.line.http(Method::POST, &path, Some(body)).await?;
                read::<Outcomes>(&response).map(|answer| answer.outcomes)
            }
        }
    }

    async fn single(&mut self, id: &str, change: &Change) -> Result<Vec<Told>, Failure> {
        #[derive(Serialize)]
        struct Body<'a> {
            stamp: &'a lww_set::Stamp,
        }
        let method = match change.op {
            Op::Add => Method::PUT,
            Op::Remove => Method::DELETE,
        };
        let path = format!("/sets/{id}/elements/{}", utf8_percent_encode(&change.value, NON_ALPHANUMERIC));
        let body = change.stamp.as_ref().map(|stamp| json(&Body { stamp })).transpose()?;
        let response = self.line.http(method, &path, body).await?;
        let told: Told = read(&response)?;
        if told.is_refusal() == (response.status == StatusCode::CONFLICT) {
            Ok(vec![told])
        } else {
            Err(Failure::Refused(format!("{} goes not with {told:?}", response.status)))
        }
    }
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::Refused(error.to_string()))
}

fn read<'a, T: serde::Deserialize<'a>>(response: &'a Response) -> Result<T, Failure> {
    serde_json::from_slice(&response.body)
        .map_err(|error| Failure::Refused(format!("an answer cannot be read: {error}")))
}
