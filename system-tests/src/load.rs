//! Many clients that set numbers and never pause.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::Client;
use crate::patience::{SOON, within};

/// How many users each client sets the numbers of.
const USERS_PER_CLIENT: i64 = 5;

/// Many clients, each of which sets a number, waits for the outcome, and sets the next.
#[derive(Debug)]
pub struct Load {
    clients: JoinSet<(Client, Report)>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    answered: AtomicUsize,
    more: Notify,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Report {
    /// How many were acknowledged.
    pub acknowledged: usize,
    /// How many failed, by the code of the error.
    pub failed: HashMap<String, usize>,
    /// What Redis may hold now, for each user.
    pub users: BTreeMap<String, Possible>,
    /// The longest time that a request was without an outcome.
    pub slowest: Duration,
}

/// The numbers that a user may have.
#[derive(Debug, Default)]
pub struct Possible {
    /// The last one that was acknowledged.
    pub acknowledged: Option<i64>,
    /// Those that were set after it with an unknown outcome.
    pub unknown: Vec<i64>,
}

impl Load {
    /// Starts it.
    #[must_use]
    pub fn start(clients: Vec<Client>) -> Self {
        let shared = Arc::new(Shared::default());
        let mut running = JoinSet::new();
        for (index, client) in clients.into_iter().enumerate() {
            running.spawn(run(client, index, Arc::clone(&shared)));
        }
        Self { clients: running, shared }
    }

    /// Waits until `count` more requests have an outcome.
    pub async fn progress(&self, count: usize) {
        let goal = self.shared.answered.load(Ordering::Relaxed) + count;
        let reached = async {
            while self.shared.answered.load(Ordering::Relaxed) < goal {
                self.shared.more.notified().await;
            }
        };
        within("the load goes on", SOON, reached).await;
    }

    /// Stops it when every request has its outcome, and returns the clients, still open.
    pub async fn stop(mut self) -> (Vec<Client>, Report) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut clients = Vec::new();
        let mut total = Report::default();
        while let Some(ended) = self.clients.join_next().await {
            let (client, report) = ended.expect("a client of the load works");
            clients.push(client);
            total.add(report);
        }
        (clients, total)
    }
}

async fn run(client: Client, index: usize, shared: Arc<Shared>) -> (Client, Report) {
    let mut report = Report::default();
    let mut number = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        number += 1;
        let name = format!("load {index} {}", number % USERS_PER_CLIENT);
        let asked = Instant::now();
        let outcome = client.try_set(&name, number).await;
        report.slowest = report.slowest.max(asked.elapsed());
        report.note(name, number, outcome.err());
        shared.answered.fetch_add(1, Ordering::Relaxed);
        shared.more.notify_one();
    }
    (client, report)
}

impl Report {
    fn note(&mut self, name: String, number: i64, error: Option<String>) {
        let possible = self.users.entry(name).or_default();
        let Some(code) = error else {
            self.acknowledged += 1;
            *possible = Possible { acknowledged: Some(number), unknown: Vec::new() };
            return;
        };
        if code == "outcome_unknown" {
            possible.unknown.push(number);
        }
        *self.failed.entry(code).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        for (code, count) in other.failed {
            *self.failed.entry(code).or_default() += count;
        }
        self.users.extend(other.users);
        self.slowest = self.slowest.max(other.slowest);
    }

    /// Every acknowledged number must be stored, and none that was refused.
    pub fn assert_stored(&self, stored: &BTreeMap<String, i64>) {
        for (name, possible) in &self.users {
            let fits = match stored.get(name) {
                Some(number) => possible.acknowledged == Some(*number) || possible.unknown.contains(number),
                None => possible.acknowledged.is_none(),
            };
            assert!(fits, "{name} has {:?}, but {possible:?}", stored.get(name));
        }
    }

    /// No request may have failed.
    pub fn assert_none_failed(&self) {
        assert_eq!(self.failed, HashMap::new());
    }

    /// A request may have failed only in a way that says whether a retry is safe.
    pub fn assert_failures_are_clear(&self) {
        let is_clear = |code: &String| ["unavailable", "outcome_unknown"].contains(&code.as_str());
        assert!(self.failed.keys().all(is_clear), "{:?}", self.failed);
    }
}
