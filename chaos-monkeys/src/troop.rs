//! The monkeys of one process, from their arrival to the end.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, interval, sleep, timeout};

use crate::gauge::{Counted, Timed, count};
use crate::insist::insist;
use crate::link::{Failure, Http};
use crate::monkey::normal::Normal;
use crate::monkey::offline::Offline;
use crate::monkey::viewer::Viewer;
use crate::monkey::{Kind, Monkey};
use crate::wire::Digest;
use crate::world::World;
use crate::{finding::Found, verdict};

/// How often it is looked whether all have arrived or converged.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Monkeys that start together, and the pause before the next ones: 10,000 a second, which a node can accept.
const START_TOGETHER: usize = 200;
const START_PAUSE: Duration = Duration::from_millis(20);

/// How long it takes to compare the copies of all sets with the server once.
const AUDIT_ROUND: Duration = Duration::from_secs(2);

/// The monkeys of one process.
#[derive(Debug)]
pub struct Troop {
    world: Arc<World>,
}

/// What is known while monkeys run.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What was counted from the start.
    pub counted: Counted,
    /// What was timed since the last time.
    pub timed: Timed,
    /// Copies that are held.
    pub copies: usize,
    /// Copies that there will be.
    pub copies_all: usize,
    /// Divergences until now.
    pub divergences: u64,
    /// Faults until now.
    pub faults: u64,
}

/// What one process has to say at the end.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Testimony {
    /// What was counted.
    pub counted: Counted,
    /// What was timed.
    pub timed: Timed,
    /// What was found wrong.
    pub found: Found,
    /// Each set at the end.
    pub sets: Vec<verdict::Account>,
}

impl Troop {
    /// Makes the sets and starts the viewers.
    ///
    /// # Errors
    /// The sets could not be made within the time to settle.
    pub async fn gather(world: Arc<World>) -> Result<Self, Failure> {
        let troop = Self { world };
        let patience = troop.world.config.settle;
        for index in 0..troop.world.sets.len() {
            let body = format!(r#"{{"id":"{0}","name":"{0}"}}"#, troop.world.sets[index].id);
            insist(&troop.world, Method::POST, "/sets", Some(body), patience).await?;
        }
        troop.start(Kind::Viewer).await;
        let arrival = Instant::now() + patience;
        let mut look = interval(LOOK_EVERY);
        while Instant::now() < arrival && missing(&troop.world) > 0 {
            look.tick().await;
        }
        let missing = missing(&troop.world);
        if missing > 0 {
            troop.world.findings.fault(format!("{missing} viewers had no copy after {patience:?}"));
        }
        Ok(troop)
    }

    /// Lets everyone do what they do until it is enough.
    pub async fn chaos(&self, enough: impl Future<Output = ()>) {
        self.start(Kind::Normal).await;
        self.start(Kind::Offline).await;
        let world = &self.world;
        tokio::select! {
            () = enough => {}
            () = audits(world) => {}
            () = storms(world) => {}
        }
    }

    /// Ends the chaos and waits until every operation has an outcome.
    pub async fn calm(&self) {
        let world = &self.world;
        world.calm.cancel();
        world.writers.close();
        if timeout(world.config.settle, world.writers.wait()).await.is_err() {
            let late = world.writers.len();
            world.findings.fault(format!("{late} monkeys could not deliver what they had in time"));
            world.over.cancel();
            world.writers.wait().await;
        }
    }

    /// Waits until all copies are what the server holds, and says what is so at the end.
    pub async fn verify(self) -> Testimony {
        let world = Arc::clone(&self.world);
        let mut sets = Vec::with_capacity(world.sets.len());
        let deadline = Instant::now() + world.config.settle;
        for index in 0..world.sets.len() {
            sets.push(verdict::account(&world, index, deadline).await);
        }
        world.over.cancel();
        world.tracker.close();
        world.tracker.wait().await;
        Testimony {
            counted: world.counters.read(),
            timed: world.lags.read(),
            found: world.findings.read(),
            sets,
        }
    }

    async fn start(&self, kind: Kind) {
        let world = &self.world;
        let monkeys = Monkey::all(&world.config).filter(|monkey| monkey.kind == kind);
        for (started, Monkey { index, .. }) in monkeys.enumerate() {
            match kind {
                Kind::Normal => world.tracker.spawn(Normal::new(world, index).run()),
                Kind::Offline => world.tracker.spawn(Offline::new(world, index).run()),
                Kind::Viewer => world.tracker.spawn(Box::new(Viewer::new(world, index)).run()),
            };
            if started % START_TOGETHER == START_TOGETHER - 1 {
                sleep(START_PAUSE).await;
            }
        }
    }
}

impl Progress {
    /// What is known now in this process.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let copies_all = world.replicas.lock().len();
        let found = world.findings.read();
        Self {
            counted: world.counters.read(),
            timed: world.lags.turn(),
            copies: copies_all - missing(world),
            copies_all,
            divergences: found.divergences.count,
            faults: found.faults.count,
        }
    }

    /// Adds what is known in another process.
    pub fn add(&mut self, other: &Self) {
        self.counted.add(&other.counted);
        self.timed.add(&other.timed);
        self.copies += other.copies;
        self.copies_all += other.copies_all;
        self.divergences += other.divergences;
        self.faults += other.faults;
    }
}

impl Testimony {
    /// Adds what another process has to say.
    pub fn add(&mut self, other: Self) {
        self.counted.add(&other.counted);
        self.timed.add(&other.timed);
        self.found.add(other.found);
        if self.sets.is_empty() {
            self.sets = other.sets;
        } else {
            self.sets.iter_mut().zip(&other.sets).for_each(|(own, other)| own.add(other));
        }
    }
}

fn missing(world: &World) -> usize {
    world.replicas.lock().iter().filter(|replica| !replica.is_held()).count()
}

/// Breaks all connections from time to time, for as long as it is let.
async fn storms(world: &World) {
    let Some(every) = world.config.torment.storm_every() else { return std::future::pending().await };
    loop {
        sleep(every).await;
        count(&world.counters.storms);
        world.storm.send_modify(|storm| *storm += 1);
    }
}

/// Compares the copies of the sets with the server, one set after the other, for as long as it is let.
async fn audits(world: &World) {
    let mut pace = interval(AUDIT_ROUND / u32::try_from(world.sets.len()).unwrap_or(u32::MAX));
    let mut http = Http::default();
    for index in (0..world.sets.len()).cycle() {
        pace.tick().await;
        let board = &world.sets[index];
        if !http.is_open() && http.open(world.target(index), &world.source(0), &world.tracker).await.is_err()
        {
            continue;
        }
        let path = format!("/sets/{}/digest", board.id);
        // What cannot be asked now is asked in the next round.
        let Ok(response) = http.request(world.target(index), Method::GET, &path, None).await else {
            continue;
        };
        let Ok(told) = serde_json::from_slice::<Digest>(&response.body) else { continue };
        count(&world.counters.audits);
        for mismatch in board.copies.audit(&told.cursor, &told.digest) {
            world.differs(index, "a viewer", &mismatch);
        }
    }
}
