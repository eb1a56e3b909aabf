//! A new version is rolled out under load, and nobody who writes to somebody notices more than a reconnect.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use system_tests::chat::{Crowd, Device, Habit, troubles, verdict};
use system_tests::{Cluster, bounded_by, eventually};

/// Users, each with two devices.
const USERS: u64 = 16;
/// Messages between two restarts.
const MESSAGES: usize = 200;
/// How long a test may take.
const TEST_MAX: Duration = Duration::from_secs(240);

async fn devices(cluster: &Cluster) -> (Vec<Device>, Vec<String>) {
    let urls: Arc<[String]> = cluster.nodes.iter().map(|node| node.ws("/ws/chat")).collect();
    let names: Vec<String> = (0..USERS).map(|number| format!("user {number}")).collect();
    let pairs = names.iter().zip((0..).step_by(2));
    let mut devices: Vec<Device> = pairs
        .flat_map(|(name, seed)| [0, 1].map(|more| Device::new(name, Arc::clone(&urls), seed + more)))
        .collect();
    join_all(devices.iter_mut().map(Device::connect)).await;
    (devices, names)
}

#[test]
fn when_all_workers_and_then_all_nodes_are_replaced_under_load_every_message_is_acknowledged_and_there_once()
{
    bounded_by(TEST_MAX, async {
        let mut cluster = Cluster::start(2, 3).await;
        let (devices, names) = devices(&cluster).await;

        let crowd = Crowd::start(devices, Habit::Steady, names.clone(), "workers");
        for _ in 0..cluster.workers.len() {
            crowd.progress(MESSAGES).await;
            let mut leaving = cluster.workers.remove(0);
            leaving.terminate();
            let status = leaving.ended().await;
            assert!(status.success(), "{} ended with {status}: {}", leaving.name(), leaving.said());
            cluster.add_worker().await;
        }
        crowd.progress(MESSAGES).await;
        let devices = crowd.stop().await;
        // Rule 6: whoever is connected does not even see an error.
        assert_eq!(troubles(&devices), BTreeMap::new());

        let crowd = Crowd::start(devices, Habit::Steady, names, "nodes");
        for index in 0..cluster.nodes.len() {
            crowd.progress(MESSAGES).await;
            cluster.nodes[index].process.terminate();
            let status = cluster.nodes[index].process.ended().await;
            assert!(status.success(), "a node ended with {status}");
            cluster.start_node_again(index).await;
            serves(&cluster, index).await;
        }
        crowd.progress(MESSAGES).await;
        let devices = crowd.stop().await;
        // Who is sent away is told so, and may find that node's door shut.
        let mut on_the_way = troubles(&devices);
        assert!(on_the_way.remove("closed with 1012") >= Some(devices.len()), "{on_the_way:?}");
        on_the_way.remove("not let in");
        assert_eq!(on_the_way, BTreeMap::new());

        let found = verdict::differences(&cluster.redis, devices).await;
        assert!(found.is_empty(), "{} differences: {:#?}", found.len(), &found[..found.len().min(20)]);
    });
}

/// Waits until a node knows a worker, as whoever rolls out nodes does before the next one.
async fn serves(cluster: &Cluster, index: usize) {
    eventually("the node serves", async || {
        let answer = reqwest::get(cluster.nodes[index].http("/numbers")).await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
}
