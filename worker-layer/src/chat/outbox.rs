//! What a worker leaves behind when it dies between storing a message and delivering it.
//!
//! Before a conversation is changed an entry of its own stands in the outbox, and it goes when both users have the change. Every
//! worker looks through it: what it sees twice is not just on its way, and is delivered. That does no harm if it is, or if two
//! workers do it, so nobody needs to hold a lease.

use std::collections::HashSet;
use std::sync::Arc;

use broker::Tasks;
use broker::redis::{Value, cmd};
use foldhash::fast::RandomState;
use protocol::RequestError;

use super::delivery::{Delivery, Mark, deliver};
use super::key::OUTBOX;
use super::limit::{SWEEP_EVERY, SWEPT_MAX};
use super::shared::Shared;
use super::stored::json;
use super::trouble::Doing;
use super::user::Pair;

type Entries = HashSet<String, RandomState>;

/// An entry for a change of a conversation, like no other.
pub(super) fn entry(pair: &Pair) -> String {
    json(&(format!("{:016x}", rand::random::<u64>()), &pair.a, &pair.b))
}

/// Starts looking.
pub(super) fn start(shared: &Arc<Shared>, tasks: &Tasks) {
    let (shared, stop) = (Arc::clone(shared), tasks.stop.clone());
    tasks.tracker.spawn(async move { stop.run_until_cancelled(run(&shared)).await });
}

async fn run(shared: &Shared) {
    let mut seen = Entries::default();
    loop {
        shared.store.connected().await;
        // What failed is in the log, and is tried again.
        seen = sweep(shared, &seen).await.unwrap_or_default();
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

/// Delivers what was seen before; what is seen now.
async fn sweep(shared: &Shared, seen: &Entries) -> Result<Entries, RequestError> {
    let mut look = cmd("SRANDMEMBER");
    look.arg(OUTBOX).arg(SWEPT_MAX);
    let found: Entries = shared.log.understood(shared.run(vec![look], Doing::Reading).await?.pop())?;
    let late: Vec<&String> = found.intersection(seen).collect();
    if late.is_empty() {
        return Ok(found);
    }
    let mut deliveries: Vec<Delivery> =
        late.iter().filter_map(|entry| Some(Delivery::new(pair(entry)?))).collect();
    stand(shared, &mut deliveries).await?;
    let results = deliver(shared, &mut deliveries).await;
    let done: Vec<&String> = late
        .into_iter()
        .filter(|entry| pair(entry).is_some())
        .zip(results)
        .filter_map(|(entry, result)| result.is_ok().then_some(entry))
        .collect();
    if !done.is_empty() {
        log::info!(conversations = done.len(); "what another worker left behind is delivered");
        let mut remove = cmd("SREM");
        remove.arg(OUTBOX).arg(done);
        shared.run(vec![remove], Doing::Changing).await?;
    }
    Ok(found)
}

/// Reads where conversations stand.
async fn stand(shared: &Shared, deliveries: &mut [Delivery]) -> Result<(), RequestError> {
    let ask = |delivery: &Delivery| {
        let mut ask = cmd("HMGET");
        ask.arg(&delivery.keys.meta).arg(&["seq", "read_a", "met_a", "got_a", "read_b", "met_b", "got_b"]);
        ask
    };
    let values: Vec<Value> = shared.run(deliveries.iter().map(ask).collect(), Doing::Reading).await?;
    for (delivery, value) in deliveries.iter_mut().zip(values) {
        let parts: Vec<Option<u64>> = shared.log.understood(Some(value))?;
        let part = |at: usize| parts.get(at).copied().flatten().unwrap_or(0);
        let mark = |at: usize| Mark { read: part(at), met: part(at + 1), got: part(at + 2) };
        delivery.mark(part(0), [mark(1), mark(4)]);
    }
    Ok(())
}

fn pair(entry: &str) -> Option<Pair> {
    let (_, a, b): (String, String, String) = serde_json::from_str(entry).ok()?;
    Some(Pair { a, b })
}
