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
use super::limit::{ELEMENT_BYTES_MIN, SCAN_ATTEMPTS_MAX, SCANNED_AT_ONCE, SCANS_MAX};
use super::read::{Head, Since, kept_parts, understood, with};
use super::render::Rendered;
use super::script::Commands;
use super::shared::Shared;
use super::trouble::too_large;

/// The readings of large sets that are going on.
pub(super) struct Scans {
    running: Mutex<HashMap<Wanted, Scan, RandomState>>,
    /// Each takes some hundred bytes a value, and the values.
    room: Semaphore,
}

/// What of a set is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Extent {
    /// All, to be sent.
    All,
    /// The values that it contains, to be sent.
    Contained,
    /// The values that it contains, however many bytes they have: only their digest is sent.
    Digested,
}

/// Of which set, and what.
type Wanted = (SetId, Extent);

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

    /// All of a set, as it is after this was called. Those who want the same of it share a reading.
    pub(super) async fn all(&self, shared: &Arc<Shared>, set: &SetId, extent: Extent) -> Scanned {
        let wanted = (set.clone(), extent);
        let scanned = {
            let mut running = self.running.lock();
            match running.get(&wanted) {
                Some(scan) => scan.scanned.clone(),
                None => {
                    let scan = Scan::begin(shared, &wanted);
                    let scanned = scan.scanned.clone();
                    running.insert(wanted, scan);
                    scanned
                }
            }
        };
        scanned.await
    }

    /// Nobody else may share a reading.
    fn seal(&self, wanted: &Wanted, number: u64) {
        let mut running = self.running.lock();
        if running.get(wanted).is_some_and(|scan| scan.number == number) {
            running.remove(wanted);
        }
    }
}

impl Scan {
    fn begin(shared: &Arc<Shared>, wanted: &Wanted) -> Self {
        let number = rand::random();
        let (shared, wanted) = (Arc::clone(shared), wanted.clone());
        let scan = async move {
            let _room = shared.scans.room.acquire().await;
            let scanned = scan(&shared, &wanted, number).await;
            shared.scans.seal(&wanted, number);
            scanned.map(|snapshot| Arc::new(Rendered::new(snapshot)))
        };
        Self { scanned: scan.boxed().shared(), number }
    }
}

async fn scan(shared: &Shared, wanted: &Wanted, number: u64) -> Result<Snapshot, RequestError> {
    let (set, extent) = wanted;
    for _ in 0..SCAN_ATTEMPTS_MAX {
        let Head { name, cursor, .. } = shared.read_head(set).await?;
        let mut copy = pieces(shared, set, *extent).await?;
        shared.scans.seal(wanted, number);
        if let Some((cursor, server_ms)) = catch_up(shared, set, cursor, &mut copy).await? {
            let set = set.clone();
            return shared.beside(move || snapshot(set, name, cursor, server_ms, copy)).await;
        }
    }
    // Its log is trimmed faster than it is read.
    shared.read_at_once(set).await
}

/// All pieces of a set, none of them older than this was called. Ends as soon as what was read is too large to be sent: a set
/// may have some sixteen times as much.
async fn pieces(shared: &Shared, set: &SetId, extent: Extent) -> Result<LwwSet, RequestError> {
    let odd = || shared.log.odd(&format!("what is kept of set {set} is not as this service writes it"));
    let mut replicas: HashSet<Replica, RandomState> = HashSet::default();
    let bytes_max = shared.options.snapshot_bytes_max;
    let (mut copy, mut bytes, mut at) = (LwwSet::new(), 0, 0_u64);
    loop {
        let mut piece = with("HSCAN", key::elements(set));
        piece.arg(at).arg("COUNT").arg(SCANNED_AT_ONCE);
        let mut commands = Commands::default();
        commands.add(piece);
        let (next, kept): (u64, Vec<(String, String)>) =
            understood(shared.log.checked(shared.run_one(&commands).await?)?).ok_or_else(odd)?;
        for (value, kept) in kept {
            let (op, ms, replica) = kept_parts(&kept).ok_or_else(odd)?;
            // What removes a value after the reading began is in the log, too.
            if op == Op::Remove && extent != Extent::All {
                continue;
            }
            let replica: Replica = replica.parse().map_err(|_| odd())?;
            // A million values were changed by a few replicas: each name is kept once.
            let replica = replicas.get(&replica).cloned().unwrap_or_else(|| {
                replicas.insert(replica.clone());
                replica
            });
            let stamp = Stamp::new(ms, replica).map_err(|_| odd())?;
            // A value may come twice.
            if copy.get(&value).is_none() {
                bytes += ELEMENT_BYTES_MIN + value.len();
            }
            copy.apply(Operation { op, value, stamp });
        }
        if bytes > bytes_max && extent != Extent::Digested {
            return Err(too_large(bytes_max));
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

fn snapshot(set: SetId, name: String, cursor: Cursor, server_ms: u64, copy: LwwSet) -> Snapshot {
    let (mut elements, mut removed) = (Vec::with_capacity(copy.len()), Vec::new());
    for Operation { op, value, stamp } in copy.into_operations() {
        let of = if op == Op::Add { &mut elements } else { &mut removed };
        of.push(Element { value, stamp });
    }
    Snapshot { set, name, cursor, server_ms, elements, removed }
}
