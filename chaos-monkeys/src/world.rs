//! What all monkeys of a process share.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::copy::{Copies, Mismatch};
use crate::finding::Findings;
use crate::gauge::{Counters, Lags};
use crate::ledger::Ledger;
use crate::link::{Source, Target};
use crate::replica::Replica;
use crate::sent::Sent;

/// What all monkeys of a process share.
#[derive(Debug)]
pub struct World {
    /// The options.
    pub config: Config,
    /// Where all chance comes from.
    pub seed: u64,
    /// What the names of replicas begin with: no other chaos-monkeys have the same.
    pub run: String,
    /// The sets.
    pub sets: Vec<Board>,
    /// What is counted.
    pub counters: Counters,
    /// What is timed.
    pub lags: Lags,
    /// What is wrong.
    pub findings: Findings,
    /// All that must be equal at the end.
    pub replicas: Mutex<Vec<Arc<Replica>>>,
    /// Every task.
    pub tracker: TaskTracker,
    /// Everyone who still has operations to deliver holds a token of it.
    pub writers: TaskTracker,
    /// The chaos is over: nobody makes new operations or breaks connections.
    pub calm: CancellationToken,
    /// All is over: every task ends.
    pub over: CancellationToken,
    /// Counts the storms.
    pub storm: watch::Sender<u64>,
}

/// What is known of one set.
#[derive(Debug)]
pub struct Board {
    /// Its id.
    pub id: Arc<str>,
    /// The copies that monkeys hold.
    pub copies: Copies,
    /// When operations were sent.
    pub sent: Sent,
    /// What the server acknowledged.
    pub ledger: Mutex<Ledger>,
}

impl World {
    /// A world without monkeys.
    #[must_use]
    pub fn new(config: Config, seed: u64, run: String, prefix: &str) -> Self {
        let sets = (0..config.sets).map(|index| Board::new(format!("{prefix}-{index}"))).collect();
        Self {
            config,
            seed,
            run,
            sets,
            counters: Counters::default(),
            lags: Lags::default(),
            findings: Findings::default(),
            replicas: Mutex::default(),
            tracker: TaskTracker::new(),
            writers: TaskTracker::new(),
            calm: CancellationToken::new(),
            over: CancellationToken::new(),
            storm: watch::Sender::new(0),
        }
    }

    /// The target of this number; after the last one comes the first again.
    #[must_use]
    pub fn target(&self, number: usize) -> &Target {
        &self.config.url[number % self.config.url.len()]
    }

    /// Where the socket of this number comes from.
    #[must_use]
    pub fn source(&self, number: usize) -> Source {
        Source::new(&self.config.source, number)
    }

    /// A new replica of a set, which must converge.
    #[must_use]
    pub fn replica(&self, name: String, set: usize) -> Arc<Replica> {
        let replica = Arc::new(Replica::new(name, set));
        self.replicas.lock().push(Arc::clone(&replica));
        replica
    }

    /// A copy of a set is not what the server says it should be.
    pub fn differs(&self, set: usize, who: &str, mismatch: &Mismatch) {
        let id = &self.sets[set].id;
        let Mismatch { cursor, held, told } = mismatch;
        let short = |digest: &str| digest.chars().take(12).collect::<String>();
        self.findings.diverged(format!(
            "{who} holds {} of {id} at {cursor}, and the server {}",
            short(held),
            short(told)
        ));
    }
}

impl Board {
    fn new(id: String) -> Self {
        Self { id: id.into(), copies: Copies::default(), sent: Sent::default(), ledger: Mutex::default() }
    }
}

/// The time of this machine, milliseconds since 1970.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
