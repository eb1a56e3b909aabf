//! Closes what dead processes have left open in Redis.
//!
//! When a process dies, its system closes its links, and Redis knows at once. When a machine vanishes, or a process is stopped,
//! nobody closes anything, and Redis would count its subscriptions for many minutes. But every link of ours sends a PING every
//! two seconds, and bears the name of its process. A process all of whose links are silent is dead, and its subscriber is closed.
//! That of the subscriber is no sign: what is written to it counts for Redis, too.
//!
//! A process that is not dead after all makes a new link, and asks what it missed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use broker::Tasks;
use broker::redis::{Cmd, Value, cmd, from_redis_value};
use protocol::{RequestError, name};

use crate::chat::shared::Shared;
use crate::chat::trouble::Doing;

/// The part of a process whose link is subscribed to topics.
const SUBSCRIBER: &str = "subscriber";

/// Starts looking.
pub(in crate::chat) fn start(shared: &Arc<Shared>, tasks: &Tasks) {
    let (shared, stop) = (Arc::clone(shared), tasks.stop.clone());
    tasks.tracker.spawn(async move { stop.run_until_cancelled(run(&shared)).await });
}

async fn run(shared: &Shared) {
    let mut seen = BTreeSet::new();
    loop {
        shared.store.connected().await;
        tokio::time::sleep(shared.waits.links).await;
        // What failed is in the log.
        seen = look(shared, &seen).await.unwrap_or_default();
    }
}

/// Closes the links of dead processes that were seen before; those that are seen now.
///
/// Twice, because after a pause of Redis itself all seem silent until it has read what they sent.
async fn look(shared: &Shared, seen: &BTreeSet<u64>) -> Result<BTreeSet<u64>, RequestError> {
    let mut list = cmd("CLIENT");
    list.arg("LIST");
    let answer = shared.run(vec![list], Doing::Reading).await?.pop().unwrap_or_default();
    // Who may not ask goes without it.
    let list: String = from_redis_value(answer).unwrap_or_default();
    let dead = dead(&list, shared.waits.silent.as_secs());
    let kills: Vec<Cmd> = dead.intersection(seen).map(|id| kill(*id)).collect();
    let closed: Vec<Value> = shared.run(kills, Doing::Changing).await?;
    if !closed.is_empty() {
        log::warn!(links = closed.len(); "processes fell silent without closing their links to Redis: that was done for them");
    }
    Ok(dead)
}

fn kill(id: u64) -> Cmd {
    let mut kill = cmd("CLIENT");
    kill.arg("KILL").arg("ID").arg(id);
    kill
}

/// The subscribers, by the ids of their links, of processes whose other links have been silent for more seconds than these.
fn dead(list: &str, silent_s: u64) -> BTreeSet<u64> {
    let mut living: BTreeSet<&str> = BTreeSet::new();
    let mut subscribers: BTreeMap<u64, &str> = BTreeMap::new();
    for line in list.lines() {
        let field = |wanted: &str| line.split(' ').find_map(|it| it.strip_prefix(wanted)?.strip_prefix('='));
        let number = |wanted: &str| field(wanted).and_then(|text| text.parse::<u64>().ok());
        let (Some((process, part)), Some(id)) = (field("name").and_then(name::of_link), number("id")) else {
            continue;
        };
        if part == SUBSCRIBER {
            subscribers.insert(id, process);
        } else if number("idle").is_some_and(|idle_s| idle_s <= silent_s) {
            living.insert(process);
        }
    }
    let dead = subscribers.into_iter().filter(|(_, process)| !living.contains(process));
    dead.map(|(id, _)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_subscribers_of_processes_that_are_silent_on_all_other_links_are_dead() {
        let list = "id=1 addr=a name=tercet:one:store age=9 idle=2 sub=0\n\
                    id=2 addr=a name=tercet:one:publisher age=9 idle=40 sub=0\n\
                    id=3 addr=a name=tercet:one:subscriber age=9 idle=40 sub=7\n\
                    id=4 addr=b name=tercet:two:store age=90 idle=11 sub=0\n\
                    id=5 addr=b name=tercet:two:publisher age=90 idle=40 sub=0\n\
                    id=6 addr=b name=tercet:two:subscriber age=90 idle=0 sub=7\n\
                    id=7 addr=c name=tercet:three:subscriber age=90 idle=0 sub=7\n\
                    id=8 addr=d name= age=90 idle=90 sub=7\n\
                    id=9 addr=d name=tercet age=90 idle=90 sub=7\n";
        assert_eq!(dead(list, 10), [6, 7].into());
        assert_eq!(dead(list, 11), [7].into());
        assert_eq!(dead("", 10), [].into());
    }
}
