//! A read after an acknowledged write sees it, whoever asks and whoever answers.

use rand::RngExt;
use system_tests::{Client, Cluster, Listing, Load, bounded};

#[test]
fn a_read_after_an_acknowledged_write_sees_it_through_any_node_and_worker_under_load() {
    const PROBES: usize = 4;
    const ROUNDS: i64 = 60;
    bounded(async {
        let cluster = Cluster::start(2, 3).await;
        let load = Load::start(cluster.clients(16).await);
        // Enough that every worker answers some of them, on each node.
        let clients = cluster.clients(20).await;
        let probes = (0..PROBES).map(|probe| {
            let (clients, cluster) = (&clients, &cluster);
            async move {
                let name = format!("probe {probe}");
                for round in 1..=ROUNDS {
                    any(clients).set(&name, round).await;
                    let listing =
                        if round % 4 == 0 { over_http(cluster).await } else { any(clients).list().await };
                    assert_eq!(listing.number(&name), Some(round), "{name}");
                }
            }
        });
        futures_util::future::join_all(probes).await;
        let (_, report) = load.stop().await;
        report.assert_none_failed();
        report.assert_stored(&cluster.redis.users().await);
    });
}

#[test]
fn a_read_sees_what_was_written_by_hand_before_it() {
    bounded(async {
        let cluster = Cluster::start(2, 3).await;
        let clients = cluster.clients(10).await;
        for round in 1..=100 {
            let () = cluster
                .redis
                .run(&["HSET", "user:zoe", "username", "zoe", "favnum", &round.to_string()])
                .await;
            assert_eq!(any(&clients).list().await.number("zoe"), Some(round));
        }
    });
}

fn any(clients: &[Client]) -> &Client {
    &clients[rand::rng().random_range(0..clients.len())]
}

async fn over_http(cluster: &Cluster) -> Listing {
    let node = &cluster.nodes[rand::rng().random_range(0..cluster.nodes.len())];
    let answer = reqwest::get(node.http("/numbers")).await.unwrap();
    assert_eq!(answer.status(), 200);
    Listing::from_text(&answer.text().await.unwrap())
}
