//! Ten attackers who never pause, from addresses of their own, against the files service as it is deployed: the listing stays
//! that of the folders, and nobody else feels anything.
//!
//! To the service all loopback addresses are one host, and whoever is on a watcher's host can speak in its name (ADR 0032):
//! so the attackers here may do harm that lasts until the watcher's list is fetched next. That no other host can is tested with a
//! played node in `worker-layer/tests/it/files_hostile.rs`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use system_tests::{Cluster, bounded_by};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::files_original::original::{Original, Tally, client};
use crate::files_original::{HURRIED, all_list};

const ATTACKERS: u8 = 10;
/// Requests of each.
const ATTACKS: usize = 60;
/// Requests of each honest watcher before the attack, and at least meanwhile.
const BEFORE: u64 = 100;
/// Hellos in a storm, at once.
const STORM: usize = 20;
/// A body that no node takes, bytes.
const HUGE_BYTES: usize = 2 * 1024 * 1024;
/// One that a node takes, bytes.
const LARGE_BYTES: usize = 900 * 1024;
const TEST_MAX: Duration = Duration::from_secs(180);
/// How often `/readyz` is asked.
const READY_EVERY: Duration = Duration::from_millis(50);

/// Answers to attackers by what they tried and the status. None is a status of its own.
type Answers = BTreeMap<(&'static str, u16), usize>;

struct Attacker {
    client: Client,
    /// The nodes' addresses.
    nodes: Vec<String>,
    random: StdRng,
    name: String,
    /// The instances and ports of watchers that are there.
    victims: Vec<(String, u16)>,
    answers: Answers,
}

impl Attacker {
    async fn attack(mut self) -> Answers {
        for _ in 0..ATTACKS {
            let (what, requests) = self.choose();
            let sent = requests.into_iter().map(|(method, path, body)| self.send(method, path, body));
            for status in join_all(sent).await {
                *self.answers.entry((what, status)).or_default() += 1;
            }
        }
        self.answers
    }

    /// What to try next: what it is called, and its requests, to be sent at once.
    fn choose(&mut self) -> (&'static str, Vec<(Method, &'static str, String)>) {
        let invented = format!("{}-{}", self.name, self.random.random_range(0..1_000));
        let (victim, port) = self.victims[self.random.random_range(0..self.victims.len())].clone();
        let seqno = self.random.random_range(1_u64..9_007_199_254_740_991);
        let hello = |instance: &str, port: i64| {
            (Method::POST, "/hello", json!({ "instance": instance, "port": port }).to_string())
        };
        let patch = |body: &Value| (Method::PATCH, "/files", body.to_string());
        let operation = |instance: &str, op: &str, name: &str, seqno: u64| json!({ "instance": instance, "op": op, "value": { "filename": name }, "seqno": seqno });
        let any_port = self.random.random_range(1..65_536);
        match self.random.random_range(0..12) {
            0 => ("a huge body", vec![(Method::PATCH, "/files", "x".repeat(HUGE_BYTES))]),
            1 => (
                "a large array",
                vec![(Method::PATCH, "/files", format!("[{}1]", "1,".repeat(LARGE_BYTES / 2)))],
            ),
            2 => ("a deep body", vec![(Method::POST, "/hello", "[".repeat(LARGE_BYTES))]),
            3 => {
                let wrong =
                    [json!(null), json!(7), json!("x"), json!([[]]), json!({ "instance": [], "port": {} })];
                let bodies = wrong.iter().map(Value::to_string);
                (
                    "wrong types",
                    bodies
                        .flat_map(|body| {
                            [(Method::POST, "/bye", body.clone()), (Method::PATCH, "/files/", body)]
                        })
                        .collect(),
                )
            }
            4 => ("an unknown operation", vec![patch(&json!([operation(&victim, "format", "c", 2)]))]),
            5 => {
                let back = [
                    patch(&json!([operation(&invented, "add", "b", 9)])),
                    patch(&json!([operation(&invented, "add", "a", 3)])),
                ];
                let old = patch(&json!([operation(&victim, "remove", "steady", 2)]));
                ("numbers that go back", [&back[..], &[old]].concat())
            }
            6 => ("a number far ahead", vec![patch(&json!([operation(&victim, "add", "forged", seqno)]))]),
            7 => ("port 0", vec![hello(&invented, 0)]),
            8 => ("port 99999", vec![hello(&invented, 99_999)]),
            9 => ("hello in another's name", vec![hello(&victim, any_port)]),
            10 => ("hello at another's port", vec![hello(&invented, port.into())]),
            _ => {
                let storm = (0..STORM).map(|at| hello(&format!("{invented}-{at}"), any_port));
                ("a storm of hellos", storm.collect())
            }
        }
    }

    /// The status; 0 if there was none, because the node did not read on.
    async fn send(&self, method: Method, path: &str, body: String) -> u16 {
        let url = format!("{}{path}", self.nodes[body.len() % self.nodes.len()]);
        let request = self.client.request(method, url).header("content-type", "application/json");
        request.body(body).send().await.map_or(0, |answer| answer.status().as_u16())
    }
}

/// A watcher whose files come and go until all is over, and at least so often; how long each of its requests took.
async fn live(original: Original, least: u64, is_over: Arc<AtomicBool>) -> (Original, Vec<Duration>) {
    let mut took = Vec::new();
    for number in 0_u64.. {
        if number >= least && is_over.load(Ordering::SeqCst) {
            break;
        }
        let name = format!("file {}", number % 50);
        let operation =
            if number % 100 < 50 { original.add(name.as_bytes()) } else { original.remove(name.as_bytes()) };
        let begun = Instant::now();
        original.tell(&operation).await;
        took.push(begun.elapsed());
    }
    (original, took)
}

/// Asks nodes whether they are ready, until all is over; how often they were asked, and how often they were not.
async fn watch_readiness(urls: Vec<String>, is_over: Arc<AtomicBool>) -> (usize, Vec<String>) {
    let (mut asked, mut not_ready) = (0, Vec::new());
    while !is_over.load(Ordering::SeqCst) {
        for url in &urls {
            asked += 1;
            match reqwest::get(url).await {
                Ok(answer) if answer.status() == 200 => {}
                other => not_ready.push(format!("{other:?}")),
            }
        }
        sleep(READY_EVERY).await;
    }
    (asked, not_ready)
}

/// How long requests took, in words: nothing depends on it.
struct Took(Vec<Duration>);

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |share: usize| sorted[(sorted.len() - 1) * share / 100];
        write!(f, "{}, p50 {:?}, p99 {:?}, longest {:?}", sorted.len(), at(50), at(99), at(100))
    }
}

/// Lets watchers live; they and how long their requests took.
async fn live_all(
    originals: Vec<Original>,
    least: u64,
    is_over: Arc<AtomicBool>,
) -> (Vec<Original>, Vec<Duration>) {
    let lives = originals.into_iter().map(|original| live(original, least, is_over.clone()));
    let (originals, took): (Vec<_>, Vec<_>) = join_all(lives).await.into_iter().unzip();
    (originals, took.concat())
}

fn attackers(nodes: &[String], originals: &[Original]) -> JoinSet<Answers> {
    let victims: Vec<_> = originals.iter().map(|one| (one.instance.clone(), one.port())).collect();
    let mut attackers = JoinSet::new();
    for number in 0..ATTACKERS {
        let attacker = Attacker {
            // The first one is where the watchers are.
            client: client(Ipv4Addr::new(127, 0, 0, 1 + number)),
            nodes: nodes.to_vec(),
            random: StdRng::seed_from_u64(number.into()),
            name: format!("attacker-{number}"),
            victims: victims.clone(),
            answers: Answers::new(),
        };
        attackers.spawn(attacker.attack());
    }
    attackers
}

#[test]
fn ten_attackers_change_nothing_for_long_and_neither_watchers_nor_nodes_feel_them() {
    bounded_by(TEST_MAX, async {
        let mut options = HURRIED.to_vec();
        // So few that invented watchers are too many.
        options.extend(["--files-watchers-max", "100"]);
        let mut cluster = Cluster::start_with(2, 3, &options).await;
        let tally = Arc::new(Tally::default());
        let mut originals = Vec::new();
        for node in 0..2 {
            originals.push(Original::start(&cluster, node, &["steady"], &tally).await);
        }
        all_list(&cluster, &originals).await;

        let (originals, before) = live_all(originals, BEFORE, Arc::new(AtomicBool::new(true))).await;

        let is_over = Arc::new(AtomicBool::new(false));
        let nodes: Vec<String> = cluster.nodes.iter().map(|node| node.http("")).collect();
        let ready = nodes.iter().map(|node| format!("{node}/readyz")).collect();
        let mut attackers = attackers(&nodes, &originals);
        let attack = async {
            let mut answers = Answers::new();
            while let Some(answered) = attackers.join_next().await {
                for (what, count) in answered.unwrap() {
                    *answers.entry(what).or_default() += count;
                }
            }
            is_over.store(true, Ordering::SeqCst);
            answers
        };
        let readiness = watch_readiness(ready, is_over.clone());
        let lives = live_all(originals, BEFORE, is_over.clone());
        let (answers, (asked, not_ready), (originals, meanwhile)) = tokio::join!(attack, readiness, lives);

        assert!(asked > 0, "the nodes were asked");
        assert_eq!(not_ready, Vec::<String>::new(), "of {asked} times");
        eprintln!("requests of honest watchers: before {}, meanwhile {}", Took(before), Took(meanwhile));
        assert_eq!(
            tally.failures(),
            Vec::<String>::new(),
            "honest watchers are answered with 200 all the time"
        );
        assert_answers(&answers);
        all_list(&cluster, &originals).await;
        tally.assert_none_crashed();
        let nodes = cluster.nodes.iter_mut().map(|node| &mut node.process);
        for process in nodes.chain(&mut cluster.workers) {
            assert!(!process.has_ended(), "{} has ended", process.name());
        }
    });
}

/// Each attack is answered as what it is.
fn assert_answers(answers: &Answers) {
    for (&(what, status), count) in answers {
        let is_right = match what {
            // The node may hang up before it was sent everything.
            "a huge body" => [413, 0].contains(&status),
            "a large array" | "a deep body" => [400, 413].contains(&status),
            "wrong types" | "an unknown operation" | "port 0" | "port 99999" => status == 400,
            _ => status == 200,
        };
        assert!(is_right, "{what}: {count} times {status}, of {answers:?}");
    }
    assert_eq!(answers.keys().map(|(what, _)| what).collect::<std::collections::BTreeSet<_>>().len(), 12);
}
