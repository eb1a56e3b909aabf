//! Looks whether users who are online still are. Nodes that die say nothing of their connections, and an event may be lost.
//!
//! All workers share the looks: each takes users whose time has come, and with that puts them off until the next time. So nobody
//! has to be chosen, and what a worker took that dies is taken by another one later.

use std::sync::Arc;

use broker::Tasks;
use broker::redis::{Cmd, cmd};
use protocol::{RequestError, name};

use super::{State, due, micros, settle, settled};
use crate::chat::key::{self, PRESENCE};
use crate::chat::limit::LOOKED_MAX;
use crate::chat::shared::Shared;
use crate::chat::trouble::Doing;

/// Starts looking.
pub(in crate::chat) fn start(shared: &Arc<Shared>, tasks: &Tasks) {
    let (shared, stop) = (Arc::clone(shared), tasks.stop.clone());
    tasks.tracker.spawn(async move { stop.run_until_cancelled(run(&shared)).await });
}

async fn run(shared: &Shared) {
    // Redis may just have come back, and the nodes not yet.
    let mut wait = shared.waits.pause;
    loop {
        shared.store.connected().await;
        tokio::time::sleep(wait).await;
        wait = match look(shared).await {
            Ok(LOOKED_MAX..) => std::time::Duration::ZERO,
            Ok(_) => shared.waits.look,
            // What failed is in the log.
            Err(_) => shared.waits.pause,
        };
    }
}

/// Looks at some users; how many.
async fn look(shared: &Shared) -> Result<usize, RequestError> {
    let mut take = shared.scripts.take.call(&[PRESENCE]);
    take.arg(LOOKED_MAX).arg(micros(shared.waits.check));
    let taken: Vec<String> = one(shared, take).await?;
    let Some((at, users)) = taken.split_first() else { return Ok(0) };
    let gone = without_device(shared, users).await?;
    let settles = gone.iter().map(|user| settle(shared, user)).collect();
    let values = shared.run(settles, Doing::Changing).await?;
    let (mut leaving, mut offline) = (Vec::new(), Vec::new());
    for (user, value) in gone.into_iter().zip(values) {
        match settled(shared, user, value)?.0 {
            State::Online => {}
            State::Leaving => leaving.push(user),
            State::Offline => offline.push(user),
        }
    }
    let mut notes = Vec::new();
    if !leaving.is_empty() {
        notes.push(due(shared, shared.waits.grace, "LT", &leaving));
    }
    if !offline.is_empty() {
        let mut forget = shared.scripts.forget.call(&[PRESENCE]);
        forget.arg(at).arg(offline);
        notes.push(forget);
    }
    shared.run(notes, Doing::Changing).await?;
    Ok(users.len())
}

/// Those of these users who have no device that is connected, in one command: most have one.
async fn without_device<'a>(shared: &Shared, users: &'a [String]) -> Result<Vec<&'a str>, RequestError> {
    let mut count = cmd("PUBSUB");
    count.arg("NUMSUB");
    for user in users {
        count.arg(name::topic_channel(&key::topic(user)));
    }
    let counts: Vec<(String, u64)> = one(shared, count).await?;
    if counts.len() != users.len() {
        return Err(shared.log.odd("PUBSUB NUMSUB answers something else"));
    }
    let gone = users.iter().zip(counts).filter(|(_, (_, devices))| *devices == 0);
    Ok(gone.map(|(user, _)| user.as_str()).collect())
}

async fn one<T: broker::redis::FromRedisValue>(shared: &Shared, command: Cmd) -> Result<T, RequestError> {
    let mut values = shared.run(vec![command], Doing::Changing).await?;
    shared.log.understood(values.pop())
}
