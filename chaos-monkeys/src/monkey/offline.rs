//! A monkey that changes a copy of its own for a while, then syncs and expects to converge.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Method;
use lww_set::{Op, Operation};
use tokio::time::{Instant as Time, sleep, sleep_until};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::line::Line;
use super::{Kind as Monkeys, Monkey};
use crate::copy::Mismatch;
use crate::decision::{Trip, Trips};
use crate::delivery;
use crate::dice::{Dice, Purpose};
use crate::feed::{Feed, News};
use crate::gauge::{count, count_more};
use crate::link::{Ended, Failure, Socket, Struck};
use crate::replica::Replica;
use crate::timepiece::Timepiece;
use crate::wire::{self, Change, Digest, Incoming, Kind, Request, Told};
use crate::world::World;

/// How long an answer, or any sign of life, may take: a node pings after 25 s, and gives a request up after 30 s.
const SILENCE_MAX: Duration = Duration::from_secs(40);

/// How long to wait at most before asking again for a set.
const ASK_AGAIN_MAX: Duration = Duration::from_secs(1);

/// How often a copy is compared in vain, because the set changes faster than digests come.
const COMPARISONS_MAX: usize = 50;

/// An offline monkey.
pub struct Offline {
    world: Arc<World>,
    trips: Trips,
    time: Timepiece,
    line: Line,
    dice: Dice,
    replica: Arc<Replica>,
    feed: Feed,
    /// Operations that the server has not acknowledged, the oldest first.
    pending: Vec<Change>,
    last_id: u64,
    /// The id of the last `watch`.
    watch_id: u64,
    /// The id of the last `apply`, and its answer.
    apply_id: u64,
    answer: Option<Result<Vec<Told>, Failure>>,
    /// When it was told to wait before it asks again.
    ask_at: Option<Time>,
    writes: Option<TaskTrackerToken>,
}

/// Why a connection is over.
enum End {
    Struck(Struck),
    Ended(Ended),
    Over,
}

impl Offline {
    /// The offline monkey of this index.
    #[must_use]
    pub fn new(world: &Arc<World>, index: usize) -> Self {
        let monkey = Monkey { kind: Monkeys::Offline, index };
        let mut line = Line::new(world, monkey, Purpose::OfflineOutage);
        let off_ms = line.outage.dice().around(world.config.torment.skew_ms());
        let name = monkey.name(&world.run);
        Self {
            world: Arc::clone(world),
            trips: Trips::new(&world.config, world.seed, index),
            time: Timepiece::new(name.clone(), off_ms),
            dice: Dice::new(world.seed, Purpose::OfflineTorment, index),
            line,
            replica: world.replica(name, index % world.config.sets),
            feed: Feed::default(),
            pending: Vec::new(),
            last_id: 0,
            watch_id: 0,
            apply_id: 0,
            answer: None,
            ask_at: None,
            writes: Some(world.writers.token()),
        }
    }

    /// Goes away and comes back until the chaos is over, syncs a last time, and then follows its set like a viewer.
    pub async fn run(mut self) {
        while !self.world.calm.is_cancelled() {
            if let Some(trip) = self.trips.next() {
                self.travel(trip).await;
            }
            self.come_back(false).await;
        }
        self.come_back(true).await;
    }

    /// Changes its copy without a connection.
    async fn travel(&mut self, trip: Trip) {
        let calm = self.world.calm.clone();
        for (pause, op, value) in trip.changes {
            tokio::select! {
                () = calm.cancelled() => return,
                () = sleep(pause) => self.edit(op, value),
            }
        }
        tokio::select! {
            () = calm.cancelled() => {}
            () = sleep(trip.rest) => {}
        }
    }

    fn edit(&mut self, op: Op, value: String) {
        let change = self.time.change(op, value);
        self.replica.change(|set| set.extend(operation(&change)), self.feed.cursor());
        self.pending.push(change);
        count(&self.world.counters.sent);
    }

    /// Connects, as often as it takes, until it has converged; if it shall stay, until all is over.
    async fn come_back(&mut self, stay: bool) {
        let back = Instant::now();
        while !self.world.over.is_cancelled() {
            let mut socket = match self.line.open().await {
                Ok(socket) => socket,
                Err(failure) => {
                    self.line.failed(&failure).await;
                    continue;
                }
            };
            self.feed.lose();
            let opened = Instant::now();
            match self.sync(&mut socket, back, stay).await {
                Ok(()) => return,
                Err(End::Over) => {}
                Err(End::Struck(struck)) => self.line.struck(struck).await,
                Err(End::Ended(ended)) => self.line.ended(&ended, opened).await,
            }
        }
        if !self.pending.is_empty() {
            let failure = Failure::Lost("all was over before it could sync".to_owned());
            delivery::give_up(&self.world, self.replica.set, &std::mem::take(&mut self.pending), &failure);
        }
    }

    async fn sync(&mut self, socket: &mut Socket, back: Instant, stay: bool) -> Result<(), End> {
        self.until(socket, |monkey| monkey.feed.is_following()).await?;
        if self.dice.happens(self.world.config.torment.reorder()) && self.pending.len() > 1 {
            count(&self.world.counters.reordered);
            self.dice.shuffle(&mut self.pending);
        }
        delivery::note_sent(&self.world, self.replica.set, &self.pending, Instant::now());
        while !self.pending.is_empty() {
            self.apply_some(socket).await?;
        }
        if self.compare(socket).await? {
            count(&self.world.counters.syncs);
            self.world.lags.sync.record(back.elapsed());
        }
        if stay {
            self.writes = None;
            self.until(socket, |_| false).await?;
        }
        Ok(())
    }

    /// Sends the oldest operations, once or until there is an outcome.
    async fn apply_some(&mut self, socket: &mut Socket) -> Result<(), End> {
        let some = self.pending.len().min(self.world.config.batch);
        let changes = self.pending[..some].to_vec();
        let set = self.replica.set;
        self.world.sets[set].ledger.lock().writes(self.time.replica());
        let told = match self.apply(socket, &changes).await? {
            Ok(told) if told.len() == some => told,
            Ok(told) => {
                return self.refuse(some, &Failure::Refused(format!("{} outcomes for {some}", told.len())));
            }
            Err(failure @ Failure::Refused(_)) => return self.refuse(some, &failure),
            Err(failure) => {
                count(&self.world.counters.retries);
                self.line.failed(&failure).await;
                return Ok(());
            }
        };
        self.line.succeeded();
        delivery::record(&self.world, set, &changes, &told);
        let is_whole = !told.iter().any(Told::is_refusal);
        if is_whole
            && self.dice.happens(self.world.config.torment.duplicate())
            && !self.world.calm.is_cancelled()
        {
            count(&self.world.counters.duplicated);
            if let Ok(told) = self.apply(socket, &changes).await? {
                delivery::confirm(&self.world, set, &changes, &told);
            }
        }
        self.pending.drain(..some);
        if let Some(again) = delivery::redo(&changes, &told, &mut self.time) {
            count_more(&self.world.counters.sent, again.len());
            self.pending.extend(again);
        }
        if !is_whole {
            // Its copy has operations that nobody else will ever have: it starts again from what the server has.
            self.feed.forget();
            self.until(socket, |monkey| monkey.feed.is_following()).await?;
        }
        Ok(())
    }

    fn refuse(&mut self, some: usize, failure: &Failure) -> Result<(), End> {
        let changes: Vec<Change> = self.pending.drain(..some).collect();
        delivery::give_up(&self.world, self.replica.set, &changes, failure);
        Ok(())
    }

    async fn apply(
        &mut self,
        socket: &mut Socket,
        changes: &[Change],
    ) -> Result<Result<Vec<Told>, Failure>, End> {
        self.apply_id = self.next_id();
        self.answer = None;
        let set = Arc::clone(&self.world.sets[self.replica.set].id);
        count(&self.world.counters.requests_socket);
        let request = Request::Apply { id: self.apply_id, set: &set, operations: changes };
        socket.send(&request).await.map_err(End::Ended)?;
        self.until(socket, |monkey| monkey.answer.is_some()).await?;
        Ok(self.answer.take().unwrap_or_else(|| Ok(Vec::new())))
    }

    /// Compares its copy with what the server says of the same position: whether they could be compared and were equal.
    async fn compare(&mut self, socket: &mut Socket) -> Result<bool, End> {
        let path = format!("/sets/{}/digest", self.world.sets[self.replica.set].id);
        for _ in 0..COMPARISONS_MAX {
            if self.world.over.is_cancelled() {
                return Err(End::Over);
            }
            let told: Digest = match self.line.http(Method::GET, &path, None).await.and_then(|response| {
                serde_json::from_slice(&response.body).map_err(|error| Failure::Refused(error.to_string()))
            }) {
                Ok(told) => told,
                Err(failure @ Failure::Refused(_)) => {
                    self.world.findings.fault(failure.to_string());
                    return Ok(false);
                }
                Err(failure) => {
                    self.line.failed(&failure).await;
                    continue;
                }
            };
            let there = |monkey: &Self| {
                let own = monkey.feed.cursor();
                monkey.feed.is_following() && own.is_some_and(|own| !told.cursor.is_after(own))
            };
            self.until(socket, there).await?;
            if self.feed.cursor() == Some(&told.cursor) {
                return Ok(self.judge(&told));
            }
        }
        Ok(false)
    }

    fn judge(&self, told: &Digest) -> bool {
        count(&self.world.counters.audits);
        let held = self.replica.standing().digest;
        if held == told.digest {
            return true;
        }
        let mismatch = Mismatch { cursor: told.cursor.clone(), held, told: told.digest.clone() };
        self.world.differs(self.replica.set, &self.replica.name, &mismatch);
        false
    }

    /// Takes what comes until something is so.
    async fn until(&mut self, socket: &mut Socket, done: impl Fn(&Self) -> bool) -> Result<(), End> {
        while !done(self) {
            if self.feed.must_ask() && self.ask_at.is_none_or(|at| at <= Time::now()) {
                self.ask_at = None;
                self.watch_id = self.next_id();
                let set = Arc::clone(&self.world.sets[self.replica.set].id);
                socket.send(&self.feed.ask(self.watch_id, &set)).await.map_err(End::Ended)?;
            }
            let silent = Time::now() + SILENCE_MAX;
            tokio::select! {
                received = socket.next() => {
                    if let Some(text) = received.map_err(End::Ended)? {
                        self.take(&text);
                    }
                }
                struck = self.line.outage.strikes() => return Err(End::Struck(struck)),
                () = self.world.over.cancelled() => return Err(End::Over),
                () = sleep_until(self.ask_at.unwrap_or(silent)) => if self.ask_at.is_none() {
                    let why = "it was silent for too long".to_owned();
                    return Err(End::Ended(Ended { retry: None, why }));
                },
            }
        }
        Ok(())
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn take(&mut self, text: &str) {
        let taken = match serde_json::from_str::<Incoming<'_>>(text) {
            Ok(incoming) => self.understand(incoming),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = taken {
            let start: String = text.chars().take(200).collect();
            let world = &self.world;
            world
                .findings
                .fault(format!("an offline monkey does not understand the service: {error}: {start}"));
        }
    }

    fn understand(&mut self, incoming: Incoming<'_>) -> Result<(), String> {
        let is_applied = incoming.id == Some(self.apply_id);
        if let Some(trouble) = incoming.error {
            if is_applied {
                self.answer = Some(Err(trouble.into()));
                return Ok(());
            }
            if incoming.id == Some(self.watch_id) {
                self.feed.lose();
                self.ask_at = Some(Time::now() + self.dice.up_to(ASK_AGAIN_MAX));
            }
            let is_passing = matches!(trouble.code.as_str(), "unavailable" | "outcome_unknown");
            return if is_passing { Ok(()) } else { Err(format!("{}: {}", trouble.code, trouble.message)) };
        }
        match (incoming.kind, incoming.outcomes) {
            (_, Some(outcomes)) if is_applied => self.answer = Some(Ok(outcomes)),
            (Some(Kind::Deleted), _) => return Err("the set was deleted".to_owned()),
            (Some(kind @ (Kind::Snapshot | Kind::Reset | Kind::Delta)), None) => {
                let incoming = Incoming { outcomes: None, error: None, ..incoming };
                let news = self.feed.take(kind, &incoming, &self.world.counters);
                self.hold(&news.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Changes the copy as the news say; what the server does not know yet stays in it.
    fn hold(&mut self, news: &News<'_>) -> Result<(), serde_json::Error> {
        match news {
            News::Nothing => {}
            News::Whole(elements, removed) => {
                let mut whole = wire::whole(elements, *removed)?;
                whole.extend(self.pending.iter().flat_map(operation));
                self.replica.change(|set| *set = whole, self.feed.cursor());
            }
            News::Operations(operations) => {
                let mut operations: Vec<Operation> = serde_json::from_str(operations.get())?;
                if !self.world.calm.is_cancelled() {
                    self.torment(&mut operations);
                }
                self.replica.change(|set| set.extend(operations), self.feed.cursor());
            }
        }
        Ok(())
    }
}

impl Offline {
    /// Puts operations in another order, and repeats some: to merge them is the same.
    fn torment(&mut self, operations: &mut Vec<Operation>) {
        let torment = &self.world.config.torment;
        if self.dice.happens(torment.duplicate()) {
            count(&self.world.counters.duplicated);
            operations.extend_from_within(..);
        }
        if operations.len() > 1 && self.dice.happens(torment.reorder()) {
            count(&self.world.counters.reordered);
            self.dice.shuffle(operations);
        }
    }
}

/// A change as an operation: offline monkeys stamp all that they do.
fn operation(change: &Change) -> Option<Operation> {
    let stamp = change.stamp.clone()?;
    Some(Operation { op: change.op, value: change.value.clone(), stamp })
}
