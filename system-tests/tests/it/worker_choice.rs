//! Exactly one worker, chosen by rendezvous hashing: rule 1.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use system_tests::monitor::Monitor;
use system_tests::{Client, Cluster, bounded};

const SOCKETS: usize = 40;

/// The worker that each connection's request was published to.
async fn choices(cluster: &Cluster, clients: &[Client]) -> BTreeMap<String, String> {
    let monitor = Monitor::start(&cluster.redis).await;
    for client in clients {
        client.list().await;
        client.list().await;
    }
    let mut choices: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for words in monitor.heard(&cluster.redis).await {
        let [command, channel, payload] = words.as_slice() else { continue };
        let Some(worker) =
            channel.strip_prefix("worker:").filter(|_| command.eq_ignore_ascii_case("publish"))
        else {
            continue;
        };
        for line in payload.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            if event["kind"] == "message" {
                let conn = event["conn"].as_str().unwrap().to_owned();
                choices.entry(conn).or_default().insert(worker.to_owned());
            }
        }
    }
    assert_eq!(choices.len(), clients.len());
    choices
        .into_iter()
        .map(|(conn, workers)| {
            assert_eq!(workers.len(), 1, "two workers have one connection: {workers:?}");
            (conn, workers.into_iter().next().unwrap())
        })
        .collect()
}

#[test]
fn when_a_worker_comes_or_goes_only_its_own_share_of_the_connections_moves() {
    bounded(async {
        let mut cluster = Cluster::start(2, 3).await;
        let clients = cluster.clients(SOCKETS).await;
        let before = choices(&cluster, &clients).await;
        let workers: BTreeSet<&String> = before.values().collect();
        assert_eq!(workers.len(), 3, "every worker has a share");

        let new = cluster.add_worker().await.name().to_owned();
        let with_four = choices(&cluster, &clients).await;
        assert!(with_four.iter().all(|(conn, worker)| *worker == before[conn] || *worker == new));
        assert!(with_four.values().any(|worker| *worker == new));

        let mut leaving = cluster.workers.remove(0);
        leaving.terminate();
        leaving.ended().await;
        let with_three = choices(&cluster, &clients).await;
        for (conn, worker) in &with_three {
            assert_ne!(worker, leaving.name());
            assert!(*worker == with_four[conn] || with_four[conn] == leaving.name());
        }
    });
}

#[test]
fn each_request_is_published_once_and_each_answer_once() {
    bounded(async {
        let cluster = Cluster::start(2, 3).await;
        let clients = cluster.clients(10).await;
        crate::settle(&cluster, &clients).await;
        let monitor = Monitor::start(&cluster.redis).await;
        for client in &clients {
            client.list().await;
        }
        let heard = monitor.heard(&cluster.redis).await;
        let lines = |prefix: &str, wanted: &str| {
            let published = heard.iter().filter(|words| words.len() == 3 && words[1].starts_with(prefix));
            published.flat_map(|words| words[2].lines()).filter(|line| line.contains(wanted)).count()
        };
        assert_eq!(lines("worker:", "\"kind\":\"message\""), clients.len());
        assert_eq!(lines("web:", "\"send\""), clients.len());
        assert_eq!(lines("topic:", ""), 0, "reading publishes nothing");
    });
}
