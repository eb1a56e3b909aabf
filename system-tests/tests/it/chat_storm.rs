//! Whatever dies, every device ends with what is stored, from pushes and `sync` alone.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use system_tests::chat::{Crowd, Device, Habit, troubles, verdict};
use system_tests::{Client, Cluster, bounded, bounded_by, eventually};
use tokio::time::{Instant, sleep_until};

/// Users in the storm.
const USERS: usize = 50;
/// Devices that a user has at most.
const DEVICES_MAX: usize = 4;
/// How often something is killed, or told to stop.
const FAULT_EVERY: Duration = Duration::from_secs(3);
/// How long a worker stands still, of that time.
const STALL: Duration = Duration::from_millis(2_500);
/// How long the test may take: the storm takes 39 s, and comparing all that is known takes some more.
const STORM_MAX: Duration = Duration::from_secs(240);
/// Messages that must have been acknowledged, so that the comparison says something: a fraction of what a slow machine does.
const ACKNOWLEDGED_MIN: usize = 500;
/// Names that are hard to compare, to encode and to show.
const ODD_NAMES: [&str; 6] = ["José", "a,b{c}:%41*", "名前", "STRASSE", "<b>bold</b>", "Ὀδυσσεύς"];

#[derive(Debug, Clone, Copy)]
enum Fault {
    RollWorker,
    RollAllWorkers,
    KillWorker,
    /// It stands still, and does late what others did meanwhile.
    StallWorker,
    KillNode(usize),
    KillRedis,
    /// All that Redis is connected to has to connect anew.
    CutLinks,
}

/// Each storm has all of these, in an order of its own.
const FAULTS: [Fault; 12] = [
    Fault::RollWorker,
    Fault::RollWorker,
    Fault::RollAllWorkers,
    Fault::KillWorker,
    Fault::KillWorker,
    Fault::KillWorker,
    Fault::StallWorker,
    Fault::KillNode(0),
    Fault::KillNode(1),
    Fault::KillRedis,
    Fault::KillRedis,
    Fault::CutLinks,
];

/// Set `CHAT_STORM_SEED` to what a failed storm has said, to have its devices and faults choose the same again.
fn seed() -> u64 {
    let given = std::env::var("CHAT_STORM_SEED").ok();
    let seed = given.map_or_else(rand::random, |seed| seed.parse().expect("a seed is a number"));
    println!("CHAT_STORM_SEED={seed}");
    seed
}

#[test]
fn after_a_storm_every_device_has_what_is_stored_once_and_in_order_and_counts_are_exact() {
    bounded_by(STORM_MAX, async {
        let seed = seed();
        let mut random = StdRng::seed_from_u64(seed);
        let mut cluster = Cluster::start(2, 3).await;
        let (devices, names) = devices(&cluster, &mut random).await;
        let crowd = Crowd::start(devices, Habit::Restless, names, "storm");
        wreak(&mut cluster, &mut random).await;
        let devices = crowd.stop().await;
        let acknowledged: usize = devices.iter().map(|device| device.written.len()).sum();
        println!("{acknowledged} messages, {} devices, {:?}", devices.len(), troubles(&devices));
        let found = verdict::differences(&cluster.redis, devices).await;
        assert!(
            found.is_empty(),
            "seed {seed}: {} differences: {:#?}",
            found.len(),
            &found[..found.len().min(20)]
        );
        assert!(acknowledged >= ACKNOWLEDGED_MIN, "seed {seed}: only {acknowledged} were acknowledged");
    });
}

/// 1 to 4 devices for each user, logged in, and the names of all users, in two spellings each.
async fn devices(cluster: &Cluster, random: &mut StdRng) -> (Vec<Device>, Vec<String>) {
    let urls: Arc<[String]> = cluster.nodes.iter().map(|node| node.ws("/ws/chat")).collect();
    let (mut devices, mut names) = (Vec::new(), Vec::new());
    for number in 0..USERS {
        let name = ODD_NAMES.get(number).map_or_else(|| format!("User {number}"), |name| (*name).to_owned());
        let spellings = [name.clone(), name.to_uppercase()];
        for device in 0..random.random_range(1..=DEVICES_MAX) {
            devices.push(Device::new(&spellings[device % 2], Arc::clone(&urls), random.random()));
        }
        names.extend(spellings);
    }
    join_all(devices.iter_mut().map(Device::connect)).await;
    (devices, names)
}

/// Faults that come at their time, whatever the system does meanwhile.
async fn wreak(cluster: &mut Cluster, random: &mut StdRng) {
    let mut faults = FAULTS;
    faults.shuffle(random);
    let mut at = Instant::now();
    for fault in faults {
        at += FAULT_EVERY;
        sleep_until(at).await;
        println!("{fault:?}");
        match fault {
            Fault::RollWorker => roll(cluster).await,
            Fault::RollAllWorkers => {
                for _ in 0..cluster.workers.len() {
                    roll(cluster).await;
                }
            }
            Fault::KillWorker => {
                cluster.workers.remove(0).kill().await;
                cluster.start_worker();
            }
            Fault::StallWorker => {
                cluster.workers[0].freeze();
                sleep_until(at + STALL).await;
                cluster.workers[0].thaw();
            }
            Fault::CutLinks => {
                let () = cluster.redis.run(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
                let () = cluster.redis.run(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
            }
            Fault::KillNode(index) => {
                cluster.nodes[index].process.kill().await;
                cluster.start_node_again(index).await;
            }
            Fault::KillRedis => {
                cluster.redis.kill().await;
                cluster.redis.start_again().await;
            }
        }
    }
    sleep_until(at + FAULT_EVERY).await;
}

/// Tells the oldest worker to stop, and starts a new one.
async fn roll(cluster: &mut Cluster) {
    let mut leaving = cluster.workers.remove(0);
    leaving.terminate();
    cluster.start_worker();
    let status = leaving.ended().await;
    assert!(status.success(), "{} ended with {status}", leaving.name());
}

async fn log_in(cluster: &Cluster, node: usize, name: &str) -> Client {
    let client = Client::open(&cluster.nodes[node].ws("/ws/chat")).await;
    let login = json!({"type": "login", "username": name});
    client.request(login).await.unwrap_or_else(|code| panic!("{name} cannot log in: {code}"));
    client
}

/// The first push of this type.
async fn pushed(client: &Client, kind: &str) -> Value {
    let find =
        |heard: &system_tests::client::Heard| heard.others.iter().find(|push| push["type"] == kind).cloned();
    client.until(kind, find).await
}

#[test]
fn whoever_stays_connected_while_redis_is_lost_is_told_of_a_gap_and_where_the_log_stands() {
    bounded(async {
        let mut cluster = Cluster::start(2, 2).await;
        let clients = [log_in(&cluster, 0, "ana").await, log_in(&cluster, 1, "bob").await];
        let sent = json!({"type": "send", "to": "bob", "text": "hi", "message_id": "1"});
        clients[0].request(sent).await.unwrap();
        let mut stand = Vec::new();
        for client in &clients {
            stand.push(pushed(client, "message").await["cursor"].clone());
        }
        cluster.redis.kill().await;
        cluster.redis.start_again().await;
        for (client, cursor) in clients.iter().zip(stand) {
            assert_eq!(pushed(client, "gap").await, json!({"type": "gap", "cursor": cursor}));
            client.assert_well();
        }
    });
}

/// While a node stands still its link to Redis is cut and a message is sent: no push of it can reach that node any more.
#[test]
fn what_a_node_missed_reaches_its_devices_by_a_gap_and_a_sync() {
    bounded(async {
        let cluster = Cluster::start(2, 2).await;
        let ana = log_in(&cluster, 0, "ana").await;
        let mut bob = Device::new("bob", [cluster.nodes[1].ws("/ws/chat")].into(), 1);
        let mut elsewhere = Device::new("bob", [cluster.nodes[0].ws("/ws/chat")].into(), 2);
        bob.connect().await;
        cluster.nodes[1].process.freeze();
        let () = cluster.redis.run(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        let sent = json!({"type": "send", "to": "bob", "text": "hi", "message_id": "1"});
        let acknowledged = eventually("it is sent", async || ana.request(sent.clone()).await.ok()).await;
        assert_eq!(acknowledged["seq"], 1);
        cluster.nodes[1].process.thaw();
        elsewhere.connect().await;
        bob.follow_to(elsewhere.view().cursor()).await;
        assert_eq!(bob.view().talks()["ana"].messages.len(), 1);
        assert_eq!(bob.troubles.len(), 0, "it stayed connected: {:?}", bob.troubles);
    });
}
