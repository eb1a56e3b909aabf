//! Thousands of files are made, renamed and removed at full speed, while the service and the watcher come and go.
//!
//! `WATCHER_SEEDS=50 cargo test --package watcher-node storm` tries so many seeds; without it, a few.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;

use crate::support::{Aggregator, Folder, Kind, Mood, WatcherProcess, free_port};

const FILES: usize = 10_000;
const THREADS: usize = 4;
/// Names overlap between the threads, so that they get in each other's way.
const NAMES: usize = 8_000;

fn seeds() -> u64 {
    std::env::var("WATCHER_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(2)
}

fn name(random: &mut ChaCha8Rng) -> OsString {
    let at = random.random_range(0..NAMES);
    let mut bytes = format!("{at}").into_bytes();
    match at % 10 {
        0 => bytes.extend(b"\xff\xe9"),
        1 => bytes.splice(0..0, *b".").for_each(drop),
        2 => bytes.extend("\\x5c 🐸".bytes()),
        _ => {}
    }
    OsString::from_vec(bytes)
}

/// Makes its share of the files, and renames and removes as it goes. What fails was another thread's by then.
fn rage(folder: &Path, beside: &Path, mut random: ChaCha8Rng, made: &AtomicUsize) {
    while made.fetch_add(1, Ordering::Relaxed) < FILES {
        let path = folder.join(name(&mut random));
        let _ =
            if random.random_ratio(1, 20) { fs::create_dir(&path) } else { File::create(&path).map(drop) };
        for _ in 0..random.random_range(0..4) {
            let (one, two) = (folder.join(name(&mut random)), folder.join(name(&mut random)));
            let outside = beside.join(format!("outside-{}", random.random_range(0..100)));
            let _ = match random.random_range(0..7) {
                0..3 => fs::rename(&one, &two),
                3 => fs::rename(&one, &outside),
                4 => fs::rename(&outside, &one),
                _ => fs::remove_file(&one).or_else(|_| fs::remove_dir(&one)),
            };
        }
    }
}

/// What happens to the service and the watcher meanwhile.
async fn torment(
    random: &mut ChaCha8Rng,
    aggregator: &mut Aggregator,
    watcher: &mut WatcherProcess,
    start: impl Fn(&str) -> WatcherProcess,
) {
    let pause =
        |random: &mut ChaCha8Rng| tokio::time::sleep(Duration::from_millis(random.random_range(1..60)));
    match random.random_range(0..6) {
        0 => {
            aggregator.vanish().await;
            if random.random() {
                aggregator.with(|book| book.watchers.clear());
            }
            pause(random).await;
            aggregator.come_back();
        }
        1 => {
            watcher.kill().await;
            *watcher = start(&aggregator.url());
        }
        2 => {
            watcher.signal(Signal::STOP);
            pause(random).await;
            watcher.signal(Signal::CONT);
        }
        3 => {
            aggregator.set(Mood::Hangs);
            pause(random).await;
            aggregator.vanish().await;
            aggregator.come_back();
        }
        4 => aggregator.set(Mood::Answers(503)),
        _ => aggregator.set(Mood::CutsOff),
    }
    pause(random).await;
    aggregator.set(Mood::Takes);
}

async fn rages(kind: Kind, seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut aggregator, folder, port) = (Aggregator::start(kind), Folder::new(), free_port());
    let start = |url: &str| WatcherProcess::start(url, &folder.path(), port, &[]);
    let mut watcher = start(&aggregator.url());
    let made = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (path, beside, made) = (folder.path(), folder.outside().to_owned(), made.clone());
            let random = ChaCha8Rng::seed_from_u64(random.random());
            std::thread::spawn(move || rage(&path, &beside, random, &made))
        })
        .collect();
    while threads.iter().any(|thread| !thread.is_finished()) {
        torment(&mut random, &mut aggregator, &mut watcher, start).await;
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    aggregator.lists(&folder.ls()).await;
    aggregator.with(|book| assert!(book.violations.is_empty(), "{:?}", book.violations));
    watcher.signal(Signal::TERM);
    assert!(watcher.ended().await.success());
    aggregator.with(|book| assert!(book.listing().is_empty()));
}

#[tokio::test]
async fn after_a_storm_the_listing_is_what_is_in_the_folder() {
    for seed in 0..seeds() {
        eprintln!("seed {seed}");
        rages(Kind::Files, seed).await;
    }
}

#[tokio::test]
async fn after_a_storm_so_is_that_of_a_server_of_the_originals_format() {
    for seed in 0..seeds() {
        eprintln!("seed {seed}");
        rages(Kind::Original, seed).await;
    }
}
