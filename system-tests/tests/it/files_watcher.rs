//! Our watcher on a real folder, told of to real nodes and workers, while all of them come and go: the listing ends equal to
//! what is in the folder. (`watcher-node/tests/it/storm.rs` has the same folder against a played service that loses and
//! refuses.)
//!
//! `FILES_SEEDS=50 cargo test --package system-tests files_watcher` tries so many random seeds, `FILES_SEED=7` that one;
//! without them, a few.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use system_tests::{Cluster, Process, binary, bounded_by, eventually, port};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::files_original::{reader, seeds};

/// Seeds that are tried each time.
const SEEDS: u64 = 5;
/// How long a seed may take.
const SEED_MAX: Duration = Duration::from_secs(180);
/// Files that are made, at least.
const FILES: usize = 10_000;
/// Processes that make them.
const PROCESSES: usize = 4;
const NODES: usize = 2;
const WORKERS: usize = 2;
/// A fetch whose worker was killed is made again after seven seconds.
const OPTIONS: [&str; 2] = ["--files-fetch-ms", "2000"];

/// What happens to the server and the watcher meanwhile.
#[derive(Debug, Clone, Copy)]
enum Torment {
    /// All nodes and workers are killed and started again.
    ServerKilled,
    /// They are told to stop, and started again.
    ServerStopped,
    /// Redis is killed and started again, with its data.
    RedisKilled,
    /// A worker is killed, and another one started.
    WorkerKilled,
    /// The watcher is killed and started again, with the same options.
    WatcherKilled,
    /// It is told to stop and started again.
    WatcherStopped,
    /// It does nothing while a worker is replaced, and the system's queue of events runs over.
    WatcherFrozen,
}

/// The folder, its watcher, and the server.
struct Stage<'a> {
    cluster: &'a mut Cluster,
    port: u16,
    /// Its log is in the folder around.
    watcher: Process,
    around: TempDir,
    /// How often it was started.
    starts: usize,
}

fn watched(around: &Path) -> PathBuf {
    around.join("watched")
}

fn start_watcher(cluster: &Cluster, around: &Path, port: u16) -> Process {
    let mut command = Command::new(binary::path("watcher-node"));
    command.env_clear().args(["--aggregator", &cluster.nodes[0].http(""), "--port", &port.to_string()]);
    // It reads the folder only when there is a cause.
    command.args(["--host", "127.0.0.1", "--read-s", "0", "--dir"]).arg(watched(around));
    Process::start("watcher-node", &mut command, around)
}

fn start_storm(around: &Path, seed: u64) -> Child {
    let mut command = Command::new(binary::path("folder-storm"));
    command.arg(watched(around)).arg(around);
    command.args(["--seed", &seed.to_string(), "--files", &(FILES / PROCESSES).to_string()]);
    command.stdin(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

impl<'a> Stage<'a> {
    async fn new(cluster: &'a mut Cluster) -> Self {
        let (around, port) = (tempfile::tempdir().unwrap(), port::free().port());
        std::fs::create_dir(watched(around.path())).unwrap();
        let watcher = start_watcher(cluster, around.path(), port);
        let stage = Self { cluster, around, port, watcher, starts: 1 };
        stage.watcher_runs().await;
        stage
    }

    /// Before that it ends with a signal as any process does.
    async fn watcher_runs(&self) {
        let starts = || self.watcher.said().matches("watcher starts").count();
        eventually("the watcher runs", async || (starts() == self.starts).then_some(())).await;
    }

    /// What is in the folder, as it is to be listed.
    fn ls(&self) -> Vec<String> {
        let entries = std::fs::read_dir(watched(self.around.path())).unwrap();
        let names: BTreeSet<String> = entries.map(|entry| listed(&entry.unwrap().file_name())).collect();
        names.into_iter().collect()
    }

    async fn lists(&self, names: &[String]) {
        for node in &self.cluster.nodes {
            reader::until_listed(node, "/files", names).await;
        }
    }

    async fn torment(&mut self, torment: Torment) {
        match torment {
            Torment::ServerKilled => {
                for node in &mut self.cluster.nodes {
                    node.process.kill().await;
                }
                for worker in &mut self.cluster.workers {
                    worker.kill().await;
                }
                self.start_server().await;
            }
            Torment::ServerStopped => {
                let nodes = self.cluster.nodes.iter_mut().map(|node| &mut node.process);
                for process in nodes.chain(&mut self.cluster.workers) {
                    process.terminate();
                    assert!(process.ended().await.success());
                }
                self.start_server().await;
            }
            Torment::RedisKilled => {
                self.cluster.redis.kill().await;
                self.cluster.redis.start_again().await;
            }
            Torment::WorkerKilled => self.replace_worker().await,
            Torment::WatcherKilled => {
                self.watcher.kill().await;
                self.start_watcher().await;
            }
            Torment::WatcherStopped => {
                self.watcher.terminate();
                assert!(self.watcher.ended().await.success());
                self.start_watcher().await;
            }
            Torment::WatcherFrozen => {
                self.watcher.freeze();
                self.replace_worker().await;
                self.watcher.thaw();
            }
        }
    }

    async fn replace_worker(&mut self) {
        self.cluster.workers.remove(0).kill().await;
        self.cluster.add_worker().await;
    }

    async fn start_server(&mut self) {
        self.cluster.workers.clear();
        for _ in 0..WORKERS {
            self.cluster.start_worker();
        }
        for index in 0..NODES {
            self.cluster.start_node_again(index).await;
        }
    }

    async fn start_watcher(&mut self) {
        self.watcher = start_watcher(self.cluster, self.around.path(), self.port);
        self.starts += 1;
        self.watcher_runs().await;
    }
}

/// A name as our watcher tells it: `docs/adr/0053`. Names that would have to be written with `\x5c` have it in front here.
fn listed(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        text += &chunk.valid().replace("\\x5c", "\\x5cx5c");
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text
}

#[test]
fn after_a_storm_through_restarts_of_the_server_and_the_watcher_the_listing_is_what_is_in_the_folder() {
    let seeds = seeds(SEEDS);
    bounded_by(SEED_MAX * u32::try_from(seeds.len()).unwrap(), async {
        let mut cluster = Cluster::start_with(NODES, WORKERS, &OPTIONS).await;
        for seed in seeds {
            storm(&mut cluster, seed).await;
        }
    });
}

async fn storm(cluster: &mut Cluster, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let server = [Torment::ServerKilled, Torment::ServerStopped][random.random_range(0..2)];
    let others =
        [Torment::RedisKilled, Torment::WorkerKilled, Torment::WatcherStopped, Torment::WatcherFrozen];
    let mut torments = [server, Torment::WatcherKilled, others[random.random_range(0..others.len())]];
    torments.shuffle(&mut random);
    eprintln!("FILES_SEED={seed}: {torments:?}");
    let mut stage = Stage::new(cluster).await;
    let storm: Vec<Child> =
        (0..PROCESSES).map(|_| start_storm(stage.around.path(), random.random())).collect();
    for torment in torments {
        stage.torment(torment).await;
    }
    for mut process in storm {
        drop(process.stdin.take());
        assert!(process.wait().await.unwrap().success());
    }
    let names = stage.ls();
    assert!(names.len() > FILES / 10, "the storm left {} names", names.len());
    stage.lists(&names).await;
    stage.watcher.terminate();
    assert!(stage.watcher.ended().await.success());
    stage.lists(&[]).await;
}
