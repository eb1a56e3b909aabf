//! The shards: each writes pushes to its share of the connections, one after the other.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use tokio::sync::mpsc;

use broker::Tasks;
use protocol::{ConnectionId, Push};

use crate::hub::batch::{Batch, Encoded};
use crate::metric::Metrics;
use crate::socket::Connection;

/// Jobs that wait for a shard before whoever has more of them waits: some seconds of pushes at a high rate.
const JOBS_MAX: usize = 1_024;

/// Jobs that a shard takes at once: so many pushes can share a write.
const JOBS_TOGETHER_MAX: usize = 256;

/// Connections that are written to before others may run.
const WRITES_IN_A_ROW: usize = 64;

/// All shards.
#[derive(Clone)]
pub(crate) struct Shards(Arc<[Shard]>);

/// One shard's inbox.
pub(crate) struct Shard(mpsc::Sender<Job>);

/// What a shard does, in the order in which it comes: so a connection gets exactly the pushes after its join.
pub(crate) enum Job {
    Join(Arc<str>, Arc<Connection>),
    Leave(Arc<str>, ConnectionId),
    Deliver(Arc<str>, Arc<Encoded>),
}

type Members = HashMap<Arc<str>, HashMap<ConnectionId, Arc<Connection>, foldhash::fast::RandomState>>;

impl Shards {
    pub(crate) fn start(shards: usize, tasks: &Tasks, metrics: &Arc<Metrics>) -> Self {
        let shards = (0..shards.max(1)).map(|_| {
            let (sender, jobs) = mpsc::channel(JOBS_MAX);
            tasks.tracker.spawn(run(jobs, tasks.clone(), metrics.clone()));
            Shard(sender)
        });
        Self(shards.collect())
    }

    /// The shard that a connection belongs to.
    pub(crate) fn of(&self, conn: ConnectionId) -> &Shard {
        let hash = FixedState::with_seed(0).hash_one(conn);
        &self.0[(hash % self.0.len() as u64) as usize]
    }

    /// Hands a push, whose body is here, to all shards.
    pub(crate) async fn deliver(&self, topic: &Arc<str>, push: &Push) {
        let Some(encoded) = Encoded::new(topic, push).map(Arc::new) else { return };
        for shard in self.0.iter() {
            shard.send(Job::Deliver(topic.clone(), encoded.clone())).await;
        }
    }
}

impl Shard {
    /// Waits while the shard has too many jobs.
    pub(crate) async fn send(&self, job: Job) {
        let _ = self.0.send(job).await;
    }
}

async fn run(mut inbox: mpsc::Receiver<Job>, tasks: Tasks, metrics: Arc<Metrics>) {
    let mut members = Members::default();
    let mut jobs = Vec::with_capacity(JOBS_TOGETHER_MAX);
    loop {
        let taken = tokio::select! {
            taken = inbox.recv_many(&mut jobs, JOBS_TOGETHER_MAX) => taken,
            () = tasks.stop.cancelled() => return,
        };
        if taken == 0 {
            return;
        }
        let mut waiting: Vec<(Arc<str>, Vec<Encoded>)> = Vec::new();
        for job in jobs.drain(..) {
            match job {
                Job::Deliver(topic, push) => match waiting.iter_mut().find(|(name, _)| *name == topic) {
                    Some((_, pushes)) => pushes.push(Arc::unwrap_or_clone(push)),
                    None => waiting.push((topic, vec![Arc::unwrap_or_clone(push)])),
                },
                Job::Join(topic, conn) => {
                    write_all(&members, &mut waiting, &metrics).await;
                    members.entry(topic).or_default().insert(conn.id, conn);
                }
                Job::Leave(topic, conn) => {
                    let Some(joined) = members.get_mut(&topic) else { continue };
                    joined.remove(&conn);
                    if joined.is_empty() {
                        members.remove(&topic);
                    }
                }
            }
        }
        write_all(&members, &mut waiting, &metrics).await;
    }
}

async fn write_all(members: &Members, waiting: &mut Vec<(Arc<str>, Vec<Encoded>)>, metrics: &Metrics) {
    for (topic, pushes) in waiting.drain(..) {
        let Some(joined) = members.get(&topic) else { continue };
        let batch = Batch::new(pushes);
        for (at, conn) in joined.values().enumerate() {
            batch.for_connection(conn.id, |piece| {
                if conn.deliver(&piece.together, &piece.parts).is_err() {
                    metrics.slow_reader();
                }
            });
            if at % WRITES_IN_A_ROW == WRITES_IN_A_ROW - 1 {
                tokio::task::yield_now().await;
            }
        }
        metrics.deliveries(joined.len() * batch.messages());
    }
}
