//! Many watchers at once, with all that goes wrong: the listing always ends equal to the folders.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::Subject;
use protocol::files::{Change, Gone, State};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;

use crate::support::files::{Files, HERE, files_options, http};
use crate::support::original::Original;
use crate::support::within;

/// Watchers at a time.
const WATCHERS: u64 = 6;
/// Operations of each.
const OPERATIONS: usize = 600;
/// Names in a folder: so few that each comes and goes all the time.
const NAMES: usize = 40;
/// How often each says hello at the end.
const HELLO: Duration = Duration::from_secs(1);

/// The life of one watcher, through runs that end in either way.
async fn live(mut files: Files, mut original: Original, seed: u64) -> Original {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..OPERATIONS {
        let name = format!("file {}", random.random_range(0..NAMES));
        let op = if random.random_bool(0.55) { "add" } else { "remove" };
        let seqno = if op == "add" { original.add_unheard(&name) } else { original.remove_unheard(&name) };
        let said = original.patch(op, &name, seqno);
        match random.random_range(0..100) {
            // Lost.
            0..8 => {}
            // Twice, at two workers at the same time.
            8..14 => {
                let subject =
                    || Subject::Http { peer: HERE.to_owned(), http: http("PATCH", "/files", &said) };
                let both = [files.tell(subject()).await, files.tell(subject()).await];
                for seq in both {
                    assert_eq!(files.node.response(seq).await.status, 200);
                }
            }
            _ => {
                let response = files.request("PATCH", "/files", &said).await;
                assert_eq!(response.status, 200, "{response:?}");
            }
        }
        match random.random_range(0..100) {
            0..6 => original.hello(&mut files).await,
            6 => {
                if random.random_bool(0.5) {
                    original.bye(&mut files).await;
                }
                original = original.restarted().await;
            }
            _ => {}
        }
    }
    original
}

#[tokio::test]
async fn a_new_run_that_says_hello_while_the_list_of_the_old_one_is_applied_takes_its_place() {
    let mut files = Files::with(2, files_options(|_| {})).await;
    let names: Vec<String> = (0..30_000).map(|number| format!("file {number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let original = Original::start(&names).await;
    // One that counts is not asked again without a cause.
    let hello = |instance: &str| format!(r#"{{"instance":"{instance}","port":{},"seqno":1}}"#, original.port);
    files.say("POST", "/hello", &hello(&original.instance)).await;
    files.until("a piece of the list", |change| matches!(change, Change::Add { .. })).await;
    original.answers(200, r#"{"instance":"new-run","files":[{"filename":"new"}],"seqno":1}"#);
    files.say("POST", "/hello", &hello("new-run")).await;
    files.until_gone(&[Gone::Replaced]).await;
    files.until_state("new-run", State::Synced).await;
    assert_eq!(files.names().await, ["new"]);
}

#[tokio::test]
async fn an_address_that_was_being_asked_when_a_worker_died_is_asked_by_another_one() {
    let mut files = Files::with(1, files_options(|options| options.fetch_ms = 100)).await;
    let original = Original::start(&["a"]).await;
    // The worker that asked it is gone, and so is the watcher of which it knew.
    let lease = format!("SET {{files}}:fetch:{HERE}:{} somebody PX 300", original.port);
    let () = files.redis.cli(&lease).await;
    original.hello(&mut files).await;
    files.until_state(&original.instance, State::Synced).await;
    assert_eq!(files.names().await, ["a"]);
}

#[tokio::test]
async fn with_losses_repetitions_and_restarts_the_listing_ends_equal_to_the_folders() {
    let options = files_options(|options| {
        (options.stale_ms, options.expire_ms, options.check_ms) = (3_000, 6_000, 500);
    });
    let mut files = Files::with(3, options).await;
    let mut lives = JoinSet::new();
    for seed in 0..WATCHERS {
        let original = Original::start(&["file 0", "file 1", "its own"]).await;
        let files = files.beside().await;
        lives.spawn(live(files, original, seed));
    }
    let mut originals = Vec::new();
    while let Some(original) = lives.join_next().await {
        originals.push(original.expect("no panic"));
    }
    let mut expected: Vec<String> = originals.iter().flat_map(Original::files).collect();
    expected.sort();
    within("the listing to be equal to the folders", async {
        let mut hello = tokio::time::interval(HELLO);
        while files.names().await != expected {
            // What has not come by now comes with a change, or when a run expires that died before its first hello.
            tokio::select! {
                _ = files.node.push() => {}
                _ = hello.tick() => {
                    for original in &originals {
                        original.hello(&mut files).await;
                    }
                }
            }
        }
    })
    .await;
    let gets_at_once = originals.iter().map(Original::gets_at_once).max();
    assert_eq!(gets_at_once, Some(1), "a watcher is never asked twice at a time");
    // All that is stored agrees: order, names, count.
    let nodes = files.nodes().await;
    let mut by_watcher = BTreeMap::new();
    for node in &nodes.nodes {
        by_watcher.insert(node.watcher.instance.to_string(), node.files);
    }
    for original in &originals {
        assert_eq!(by_watcher.remove(&original.instance), Some(original.files().len()));
    }
    assert!(by_watcher.is_empty(), "nobody else is left: {by_watcher:?}");
    assert_eq!(nodes.count, expected.len());
}
