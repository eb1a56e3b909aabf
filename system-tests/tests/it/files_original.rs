//! The watcher of the brief, played as it behaves on the wire, with real nodes and workers: the listing always ends equal to
//! the folders.
//!
//! `FILES_SEEDS=50 cargo test --package system-tests files_original` tries so many random seeds of the long one, and
//! `FILES_SEED=7` that one.

mod life;
mod list;
pub(crate) mod original;
pub(crate) mod reader;
mod wire;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use system_tests::patience::eventually_within;
use system_tests::{Cluster, bounded, bounded_by, port, within};
use tokio::task::JoinSet;

use original::{Original, Tally};
use reader::Follower;
use wire::Wire;

/// Silence, checks and fetches in a tenth of the time or less: the watchers here are as much faster.
pub(crate) const HURRIED: [&str; 8] = [
    "--files-stale-ms",
    "2000",
    "--files-expire-ms",
    "5000",
    "--files-check-ms",
    "1000",
    "--files-fetch-ms",
    "2000",
];
/// How long the listing may take to be right once nothing happens any more. A fetch whose worker was killed is made again
/// after seven seconds.
pub(crate) const RIGHT_MAX: Duration = Duration::from_secs(60);
/// How long a seed may take.
const SEED_MAX: Duration = Duration::from_secs(180);

/// Watchers at a time.
const WATCHERS: usize = 8;
/// What happens in the folder of each: thousands of operations together.
const HAPPENINGS: usize = 600;

/// The seeds to try: so many as are usual, or what the environment wants.
pub(crate) fn seeds(usual: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a whole number"));
    match (number("FILES_SEED"), number("FILES_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => (0..count).map(|_| u64::from(rand::random::<u32>())).collect(),
        (None, None) => (1..=usual).collect(),
    }
}

/// The names of all watchers, as they are to be listed.
pub(crate) fn expected(originals: &[Original]) -> Vec<String> {
    let mut names: Vec<String> = originals.iter().flat_map(Original::names).collect();
    names.sort_unstable();
    names
}

/// Every node lists these names, at both paths, and these watchers alone are known.
pub(crate) async fn all_list(cluster: &Cluster, originals: &[Original]) {
    let expected = expected(originals);
    for node in &cluster.nodes {
        for path in ["/files", "/files/"] {
            reader::until_listed(node, path, &expected).await;
        }
    }
    let is_right = async || {
        let watchers = reader::watchers(cluster).await?;
        let is_known = |original: &Original| {
            let files = original.names().len() as u64;
            watchers.get(&original.instance) == Some(&("synced".to_owned(), files))
        };
        (watchers.len() == originals.len() && originals.iter().all(is_known)).then_some(())
    };
    eventually_within("all watchers are known, and nobody else", RIGHT_MAX, is_right).await;
}

#[test]
fn each_request_of_the_original_is_answered_with_200_on_a_connection_that_stays_and_nothing_is_redirected() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let mut wire = Wire::open(cluster.nodes[0].address).await;
        let patch = |op, name, seqno| {
            json!([{ "instance": "a", "op": op, "value": { "filename": name }, "seqno": seqno }]).to_string()
        };
        for path in ["/files", "/files/"] {
            assert_eq!(wire.ask("GET", path, "").await, json!({ "files": [] }));
        }
        // Before its first hello.
        wire.ask("PATCH", "/files", &patch("add", "z.txt", 2)).await;
        wire.ask("PATCH", "/files/", &patch("add", "a.txt", 3)).await;
        let listed = json!({ "files": [{ "filename": "a.txt" }, { "filename": "z.txt" }] });
        for path in ["/files", "/files/"] {
            assert_eq!(wire.ask("GET", path, "").await, listed);
        }
        let hello = json!({ "instance": "a", "port": port::free().port() }).to_string();
        let bye = r#"{"instance":"a"}"#;
        // A number was burnt, a file was never added, one is there already.
        wire.ask("POST", "/hello", &hello).await;
        wire.ask("PATCH", "/files", &patch("add", "a.txt", 7)).await;
        wire.ask("PATCH", "/files", &patch("remove", "never.txt", 8)).await;
        wire.ask("PATCH", "/files", &patch("add", "\u{fffd}", 9)).await;
        wire.ask("POST", "/bye", bye).await;
        // All of this comes too late.
        wire.ask("PATCH", "/files", &patch("add", "late.txt", 10)).await;
        wire.ask("POST", "/hello", &hello).await;
        wire.ask("POST", "/bye", bye).await;
        // Its port was busy.
        wire.ask("POST", "/bye", r#"{"instance":"b"}"#).await;
        assert_eq!(wire.ask("GET", "/files/", "").await, json!({ "files": [] }));
        assert_eq!(wire.ask("GET", "/nodes", "").await["nodes"], json!([]));
    });
}

#[test]
fn what_was_there_before_and_a_last_change_that_was_lost_show_in_its_list_and_are_found_there() {
    bounded(async {
        let cluster = Cluster::start_with(2, 3, &HURRIED).await;
        let tally = Arc::new(Tally::default());
        let original = Original::start(&cluster, 0, &["was there before"], &tally).await;
        let operation = original.add(b"said before its first hello");
        original.tell(&operation).await;
        let originals = [original];
        all_list(&cluster, &originals).await;
        // Nothing follows, so no gap shows, neither in an operation nor in a hello.
        let _lost = originals[0].add(b"lost");
        let gets = tally.gets.load(Ordering::SeqCst);
        all_list(&cluster, &originals).await;
        assert!(tally.gets.load(Ordering::SeqCst) > gets, "its list was asked for");
        assert_eq!(tally.failures(), Vec::<String>::new());
        tally.assert_none_crashed();
    });
}

#[test]
fn with_losses_restarts_and_races_and_whatever_dies_the_listing_ends_equal_to_the_folders() {
    let seeds = seeds(1);
    bounded_by(SEED_MAX * u32::try_from(seeds.len()).unwrap(), async {
        for seed in seeds {
            eprintln!("FILES_SEED={seed}");
            storm(seed).await;
        }
    });
}

async fn storm(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut cluster = Cluster::start_with(2, 3, &HURRIED).await;
    let mut follower = Follower::open(&cluster.nodes[0].ws("/ws/files")).await;
    let tally = Arc::new(Tally::default());
    let mut lives = JoinSet::new();
    for index in 0..WATCHERS {
        let original = Original::start(&cluster, index % 2, &["file 0", "its own"], &tally).await;
        lives.spawn(life::live(original, random.random(), HAPPENINGS));
    }
    upheaval(&mut cluster, &tally, random.random()).await;
    let mut originals = Vec::new();
    while let Some(original) = lives.join_next().await {
        originals.push(original.unwrap());
    }
    all_list(&cluster, &originals).await;
    within("the connection that follows ends equal", RIGHT_MAX, follower.until(&expected(&originals))).await;
    tally.assert_none_crashed();
    let failures = tally.failures();
    let is_clear = |failure: &String| ["503", "504", "no answer"].iter().any(|end| failure.ends_with(end));
    assert!(failures.iter().all(is_clear), "{failures:?}");
    assert!(tally.answered() >= WATCHERS * HAPPENINGS, "{}", tally.answered());
}

/// What happens to nodes and workers meanwhile.
async fn upheaval(cluster: &mut Cluster, tally: &Tally, seed: u64) {
    /// Requests between two of these.
    const APART: usize = 400;
    let mut random = StdRng::seed_from_u64(seed);
    // A worker is replaced. Nobody notices.
    tally.progress(APART).await;
    cluster.add_worker().await;
    let index = random.random_range(0..cluster.workers.len());
    let mut worker = cluster.workers.remove(index);
    worker.terminate();
    assert!(worker.ended().await.success());
    tally.progress(APART).await;
    assert_eq!(tally.failures(), Vec::<String>::new(), "what is replaced makes nothing fail");
    // One is killed.
    let index = random.random_range(0..cluster.workers.len());
    cluster.workers.remove(index).kill().await;
    cluster.add_worker().await;
    tally.progress(APART).await;
    // A node is killed: not the one of the connection that follows.
    cluster.nodes[1].process.kill().await;
    tally.progress(APART).await;
    cluster.start_node_again(1).await;
}
