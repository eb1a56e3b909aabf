//! All of a large set, without stopping Redis for long.
//!
//! One command that answers a million values would hold up everyone for a second. So a large set is read in pieces, while it
//! goes on changing, and then the log is read from where it stood before the first piece. Each piece shows a value as it was
//! then or later; merging what the log says makes of it what it is at the end of the log, because it matters neither
//! in which order operations are merged nor how often. So the snapshot is exactly that at its cursor.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared as SharedFuture};
use lww_set::{LwwSet, Replica};
use parking_lot::Mutex;
use protocol::RequestError;
use protocol::sets::{CHANGES_MAX, Cursor, Element, Op, Operation, SetId, Snapshot, Stamp};
use tokio::sync::Semaphore;

use super::key;
use super::limit::{SCAN_ATTEMPTS_MAX, SCANNED_AT_ONCE, SCANS_MAX};
use super::read::{Head, Since, kept_parts, understood, with};
use super::render::Rendered;
use super::script::Commands;
use super::shared::Shared;

/// The readings of large sets that are going on.
pub(super) struct Scans {
    running: Mutex<HashMap<SetId, Scan, RandomState>>,
    /// Each takes some hundred bytes a value.
    room: Semaphore,
}

type Scanned = Result<Arc<Rendered>, RequestError>;

/// A reading that has not yet come to the end of the log: whoever wants the set now may share it.
struct Scan {
    scanned: SharedFuture<BoxFuture<'static, Scanned>>,
    /// Of all that the process begins, to tell it from a later one.
    number: u64,
}

impl Scans {
    pub(super) fn new() -> Self {
        Self { running: Mutex::default(), room: Semaphore::new(SCANS_MAX) }
    }

    /// All of a set, as it is after this was called. Those who want the same set share a reading.
    pub(super) async fn all(&self, shared: &Arc<Shared>, set: &SetId) -> Scanned {
        let scanned = {
            let mut running = self.running.lock();
            match running.get(set) {
                Some(scan) => scan.scanned.clone(),
                None => {
                    let scan = Scan::begin(shared, set);
                    let scanned = scan.scanned.clone();
                    running.insert(set.clone(), scan);
                    scanned
                }
            }
        };
        scanned.await
    }

    /// Nobody else may share a reading.
    fn seal(&self, set: &SetId, number: u64) {
        let mut running = self.running.lock();
        if running.get(set).is_some_and(|scan| scan.number == number) {
            running.remove(set);
        }
    }
}

impl Scan {
    fn begin(shared: &Arc<Shared>, set: &SetId) -> Self {
        let number = rand::random();
        let (shared, set) = (Arc::clone(shared), set.clone());
        let scan = async move {
            let _room = shared.scans.room.acquire().await;
            let scanned = scan(&shared, &set, number).await;
            shared.scans.seal(&set, number);
            scanned.map(|snapshot| Arc::new(Rendered::new(snapshot)))
        };
        Self { scanned: scan.boxed().shared(), number }
    }
}

async fn scan(shared: &Shared, set: &SetId, number: u64) -> Result<Snapshot, RequestError> {
    for _ in 0..SCAN_ATTEMPTS_MAX {
        let Head { name, cursor, .. } = shared.read_head(set).await?;
        let mut copy = pieces(shared, set).await?;
        shared.scans.seal(set, number);
        if let Some((cursor, server_ms)) = catch_up(shared, set, cursor, &mut copy).await? {
            let set = set.clone();
            return shared.beside(move || snapshot(set, name, cursor, server_ms, &copy)).await;
        }
    }
    // Its log is trimmed faster than it is read.
    shared.read_at_once(set).await
}

/// All pieces of a set, none of them older than this was called.
async fn pieces(shared: &Shared, set: &SetId) -> Result<LwwSet, RequestError> {
    let odd = || shared.log.odd(&format!("what is kept of set {set} is not as this service writes it"));
    let mut replicas: HashSet<Replica, RandomState> = HashSet::default();
    let (mut copy, mut at) = (LwwSet::new(), 0_u64);
    loop {
        let mut piece = with("HSCAN", key::elements(set));
        piece.arg(at).arg("COUNT").arg(SCANNED_AT_ONCE);
        let mut commands = Commands::default();
        commands.add(piece);
        let (next, kept): (u64, Vec<(String, String)>) =
            understood(shared.log.checked(shared.run_one(&commands).await?)?).ok_or_else(odd)?;
        for (value, kept) in kept {
            let (op, ms, replica) = kept_parts(&kept).ok_or_else(odd)?;
            let replica: Replica = replica.parse().map_err(|_| odd())?;
            // A million values were changed by a few replicas: each name is kept once.
            let replica = replicas.get(&replica).cloned().unwrap_or_else(|| {
                replicas.insert(replica.clone());
                replica
            });
            let stamp = Stamp::new(ms, replica).map_err(|_| odd())?;
            copy.apply(Operation { op, value, stamp });
        }
        at = next;
        if at == 0 {
            return Ok(copy);
        }
    }
}

/// Merges what the log says from a cursor on. None if it does not have the cursor any more.
async fn catch_up(
    shared: &Shared,
    set: &SetId,
    mut cursor: Cursor,
    copy: &mut LwwSet,
) -> Result<Option<(Cursor, u64)>, RequestError> {
    loop {
        let Since::Page(page) = shared.read_since(set, &cursor, CHANGES_MAX).await? else { return Ok(None) };
        let operations: Vec<Operation> = serde_json::from_str(&format!("[{}]", page.operations))
            .map_err(|_| shared.log.odd(&format!("the log of set {set} is not as this service writes it")))?;
        copy.extend(operations);
        if !page.more {
            return Ok(Some((page.cursor, page.server_ms)));
        }
        cursor = page.cursor;
    }
}

fn snapshot(set: SetId, name: String, cursor: Cursor, server_ms: u64, copy: &LwwSet) -> Snapshot {
    let (mut elements, mut removed) = (Vec::with_capacity(copy.len()), Vec::new());
    for (value, entry) in copy.entries() {
        let of = if entry.op == Op::Add { &mut elements } else { &mut removed };
        of.push(Element { value: value.to_owned(), stamp: entry.stamp.clone() });
    }
    Snapshot { set, name, cursor, server_ms, elements, removed }
}
