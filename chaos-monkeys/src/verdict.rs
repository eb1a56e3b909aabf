//! The verdict: whether every replica and the server hold the same set, and every acknowledged operation is accounted for.

use std::sync::Arc;

use hyper::Method;
use lww_set::LwwSet;
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant, sleep};

use crate::cursor::Cursor;
use crate::finding::{Findings, Found};
use crate::insist::insist;
use crate::ledger::{self, Ledger};
use crate::link::Failure;
use crate::replica::{Replica, Standing};
use crate::wire::{self, Digest, Snapshot};
use crate::world::World;

/// How often copies are looked at until they are what the server holds.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// In words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything is equal and accounted for.
    Converged,
    /// Something differs, or was lost.
    Diverged,
    /// Nothing is known to differ, but something went wrong, so that not everything could be found out.
    Failed,
}

/// One set at the end.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// The position of the server.
    pub cursor: String,
    /// How many values the server holds.
    pub count: u64,
    /// Their digest.
    pub digest: String,
    /// Copies of it.
    pub replicas: usize,
    /// Of these, those that are not what the server holds.
    pub differing: usize,
    /// Acknowledged operations that the server does not account for.
    pub lost: usize,
    /// Operations that the server keeps and never acknowledged.
    pub invented: usize,
    /// Operations of which nobody knows the outcome.
    pub unresolved: usize,
}

/// What the server holds.
#[derive(Debug)]
struct Server {
    cursor: Cursor,
    /// With tombstones.
    set: LwwSet,
    count: u64,
    /// As it says itself.
    digest: String,
}

impl Verdict {
    /// The verdict on what was found.
    #[must_use]
    pub fn on(found: &Found) -> Self {
        match (found.divergences.count, found.faults.count) {
            (0, 0) => Self::Converged,
            (0, _) => Self::Failed,
            _ => Self::Diverged,
        }
    }
}

impl Account {
    /// Adds what another process says of the same set.
    pub fn add(&mut self, other: &Self) {
        self.replicas += other.replicas;
        self.differing += other.differing;
        self.lost += other.lost;
        self.invented += other.invented;
        self.unresolved += other.unresolved;
    }
}

/// Compares all copies of a set with the server, and the server with what it acknowledged.
pub(crate) async fn account(world: &World, index: usize, deadline: Instant) -> Account {
    let board = &world.sets[index];
    let replicas: Vec<Arc<Replica>> =
        world.replicas.lock().iter().filter(|replica| replica.set == index).cloned().collect();
    loop {
        let server = match ask(world, &board.id, deadline).await {
            Ok(server) => server,
            Err(failure) => {
                world
                    .findings
                    .fault(format!("{}: the server does not say what it holds: {failure}", board.id));
                return Account { id: board.id.to_string(), replicas: replicas.len(), ..Account::default() };
            }
        };
        if wait_for(&replicas, &server, deadline).await {
            let id = board.id.to_string();
            return judge(id, &server, &replicas, &board.ledger.lock(), &world.findings);
        }
        // Others changed the set meanwhile: what it holds now is what counts.
    }
}

/// Waits until all copies are what the server holds, or will never be. False if some are further than the server was.
async fn wait_for(replicas: &[Arc<Replica>], server: &Server, deadline: Instant) -> bool {
    loop {
        let standings = replicas.iter().map(|replica| replica.standing());
        let differing: Vec<Standing> =
            standings.filter(|standing| standing.digest != server.digest).collect();
        let is_there = |standing: &Standing| standing.cursor.as_ref() == Some(&server.cursor);
        let is_further =
            |standing: &Standing| standing.cursor.as_ref().is_some_and(|own| own.is_after(&server.cursor));
        if differing.iter().all(is_there) || Instant::now() >= deadline {
            return true;
        }
        sleep(LOOK_EVERY).await;
        if differing.iter().any(is_further) {
            return false;
        }
    }
}

/// Asks the server what it holds and what its digest is, both at the same position.
async fn ask(world: &World, id: &str, deadline: Instant) -> Result<Server, Failure> {
    loop {
        let patience = deadline.saturating_duration_since(Instant::now());
        let path = format!("/sets/{id}?tombstones=1");
        let snapshot = insist(world, Method::GET, &path, None, patience).await?;
        let digest = insist(world, Method::GET, &format!("/sets/{id}/digest"), None, patience).await?;
        let unread =
            |error: serde_json::Error| Failure::Refused(format!("an answer cannot be read: {error}"));
        let snapshot: Snapshot<'_> = serde_json::from_slice(&snapshot.body).map_err(unread)?;
        let told: Digest = serde_json::from_slice(&digest.body).map_err(unread)?;
        if snapshot.cursor == told.cursor {
            let set = wire::whole(snapshot.elements, snapshot.removed).map_err(unread)?;
            return Ok(Server { cursor: told.cursor, set, count: told.count, digest: told.digest });
        }
        if Instant::now() >= deadline {
            return Err(Failure::Unavailable("the set does not come to rest".to_owned()));
        }
    }
}

fn judge(
    id: String,
    server: &Server,
    replicas: &[Arc<Replica>],
    ledger: &Ledger,
    findings: &Findings,
) -> Account {
    let own = server.set.digest();
    if own != server.digest || server.set.len() as u64 != server.count {
        findings.diverged(format!(
            "{id}: the server's digest {} is not that of its values, {own}",
            server.digest
        ));
    }
    let mut differing = 0;
    for replica in replicas {
        let standing = replica.standing();
        if standing.digest != server.digest {
            differing += 1;
            let at = standing.cursor.map_or_else(|| "nowhere".to_owned(), |cursor| cursor.to_string());
            let difference = replica.difference(&server.set);
            findings.diverged(format!(
                "{} at {at} is not what {id} at {} is: {difference}",
                replica.name, server.cursor
            ));
        }
    }
    let audit = ledger.audit(&server.set);
    for operation in &audit.lost {
        let kept = server
            .set
            .get(&operation.value)
            .map_or_else(|| "nothing".to_owned(), |kept| kept.stamp.to_string());
        findings.diverged(format!(
            "{id}: {} was acknowledged, and the server keeps {kept}",
            ledger::text(operation)
        ));
    }
    for operation in &audit.invented {
        findings.diverged(format!("{id}: nobody was told that {} is kept", ledger::text(operation)));
    }
    Account {
        id,
        cursor: server.cursor.to_string(),
        count: server.count,
        digest: server.digest.clone(),
        replicas: replicas.len(),
        differing,
        lost: audit.lost.len(),
        invented: audit.invented.len(),
        unresolved: ledger.unresolved(),
    }
}
