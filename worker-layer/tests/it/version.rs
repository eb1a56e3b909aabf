//! Versions never contradict content: the claims at the head of `numbers/mirror.rs`, as a property under
//! load.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use protocol::numbers::Listing;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::{Client, Node, RedisServer, TestWorker, set, shown};

const WRITERS: usize = 6;
const SETS: i64 = 250;

/// Each writer counts one user up; `acknowledged` is what it knows to be stored.
async fn write(
    mut node: Node,
    workers: Vec<protocol::WorkerId>,
    writer: usize,
    acknowledged: Arc<Vec<AtomicI64>>,
) {
    let client = Client::new();
    for number in 1..=SETS {
        let worker = &workers[(writer + usize::try_from(number).expect("small") / 20) % workers.len()];
        let reply = node.ask(worker, client, &set(&format!("u{writer}"), number, Some(1))).await;
        assert!(reply.contains("\"ok\":true"), "{reply}");
        acknowledged[writer].store(number, Ordering::SeqCst);
    }
}

/// Reads through one worker until told to stop; every listing must show what was acknowledged before it was
/// asked for.
async fn read(
    mut node: Node,
    worker: protocol::WorkerId,
    acknowledged: Arc<Vec<AtomicI64>>,
    stop: CancellationToken,
) -> Vec<Listing> {
    let mut listings = Vec::new();
    while !stop.is_cancelled() {
        let before: Vec<i64> = acknowledged.iter().map(|number| number.load(Ordering::SeqCst)).collect();
        let listing = node.list(&worker).await;
        let numbers: HashMap<&str, i64> = shown(&listing).into_iter().collect();
        for (writer, before) in before.iter().enumerate() {
            let user = format!("u{writer}");
            assert!(
                numbers.get(user.as_str()).copied().unwrap_or(0) >= *before,
                "{user} was {before}: {numbers:?}"
            );
        }
        listings.push(listing);
    }
    listings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_shows_all_that_was_acknowledged_and_all_that_one_with_a_lower_version_shows() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(TestWorker::start(&redis, &mut node).await);
    }
    let ids: Vec<_> = workers.iter().map(|worker| worker.id.clone()).collect();
    let acknowledged: Arc<Vec<AtomicI64>> = Arc::new((0..WRITERS).map(|_| AtomicI64::new(0)).collect());
    let stop = CancellationToken::new();
    let (mut writers, mut readers) = (JoinSet::new(), JoinSet::new());
    for writer in 0..WRITERS {
        writers.spawn(write(Node::start(&redis).await, ids.clone(), writer, Arc::clone(&acknowledged)));
    }
    for id in &ids {
        let reader = Node::start(&redis).await;
        readers.spawn(read(reader, id.clone(), Arc::clone(&acknowledged), stop.clone()));
    }
    writers.join_all().await;
    stop.cancel();
    let answers: Vec<Listing> = readers.join_all().await.into_iter().flatten().collect();
    let names: Vec<String> = (0..WRITERS).map(|writer| format!("u{writer}")).collect();
    let last: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), SETS)).collect();
    // Pushes as they came; the last of them shows all.
    let mut pushes = Vec::new();
    while pushes.last().is_none_or(|push| shown(push) != last) {
        pushes.push(node.pushed().await);
    }
    assert!(pushes.is_sorted_by(|a, b| a.version < b.version), "versions grow on the topic");
    never_goes_back(answers.iter().chain(&pushes));
    assert!(!answers.is_empty());
}

/// Every number in a listing is at least what any listing with a lower version shows.
fn never_goes_back<'a>(listings: impl Iterator<Item = &'a Listing>) {
    let mut by_version: BTreeMap<u64, Vec<&Listing>> = BTreeMap::new();
    for listing in listings {
        by_version.entry(listing.version).or_default().push(listing);
    }
    let mut newest: HashMap<&str, i64> = HashMap::new();
    for (version, listings) in by_version {
        for listing in &listings {
            let numbers: HashMap<&str, i64> = shown(listing).into_iter().collect();
            for (user, number) in &newest {
                assert!(
                    numbers.get(user).is_some_and(|later| later >= number),
                    "{version}: {user} was {number}"
                );
            }
        }
        for (user, number) in listings.iter().flat_map(|listing| shown(listing)) {
            let seen = newest.entry(user).or_insert(number);
            *seen = number.max(*seen);
        }
    }
}
