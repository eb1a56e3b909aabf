//! A node leaves gently: rule 6.

use serde_json::Value;
use system_tests::client::{Closed, set};
use system_tests::monitor::Monitor;
use system_tests::{Client, Cluster, bounded, eventually};

#[test]
fn a_node_that_is_told_to_stop_delivers_what_is_in_flight_and_sends_its_clients_away_with_a_hint() {
    bounded(async {
        let mut cluster = Cluster::start(2, 1).await;
        let clients = [
            Client::open(&cluster.nodes[0].ws("/ws")).await,
            Client::open(&cluster.nodes[0].ws("/ws")).await,
            Client::open(&cluster.nodes[1].ws("/ws")).await,
        ];
        for client in &clients {
            client.list().await;
        }
        // With the worker frozen the request is in flight for as long as the test wants.
        cluster.workers[0].freeze();
        let monitor = Monitor::start(&cluster.redis).await;
        let id = clients[0].ask(set("ana", 1)).await;
        eventually("the request is published", async || {
            let heard = monitor.heard(&cluster.redis).await;
            heard.iter().any(|words| words.iter().any(|word| word.contains("FavoriteNumber"))).then_some(())
        })
        .await;
        cluster.nodes[0].process.terminate();
        eventually("the node is not ready", async || {
            (cluster.nodes[0].readiness().await != Some(200)).then_some(())
        })
        .await;
        assert!(Client::try_open(&cluster.nodes[0].ws("/ws")).await.is_err(), "nothing new is accepted");
        cluster.workers[0].thaw();
        assert!(clients[0].outcome(id).await.is_ok());
        for client in &clients[..2] {
            let Closed::With { code, reason } = client.closed().await else { panic!("not closed cleanly") };
            assert_eq!(code, 1012);
            let hint: Value = serde_json::from_str(&reason).unwrap();
            assert!(hint["retry_ms"].is_u64(), "{reason}");
        }
        let status = cluster.nodes[0].process.ended().await;
        assert!(status.success(), "{status}");
        assert_eq!(clients[2].list().await.number("ana"), Some(1), "the other node goes on");
        clients[2].assert_well();
    });
}

#[test]
fn when_a_node_is_told_to_stop_under_load_every_request_has_an_outcome_or_was_not_taken() {
    bounded(async {
        let mut cluster = Cluster::start(1, 2).await;
        let clients = cluster.clients(20).await;
        let requests = clients.iter().enumerate().map(|(index, client)| async move {
            let name = format!("user {index}");
            let mut acknowledged = 0;
            for number in 1.. {
                let mut request = set(&name, number);
                request["id"] = number.into();
                let sent = client.try_send(request.to_string().into()).await;
                let answered = async {
                    let id = u64::try_from(number).unwrap();
                    client
                        .until("an answer or the end", |heard| {
                            let answered = heard.answers.get(&id).map(|_| true);
                            answered.or(heard.closed.as_ref().map(|_| false))
                        })
                        .await
                };
                if sent.is_err() || !answered.await {
                    break;
                }
                acknowledged = number;
            }
            (name, acknowledged)
        });
        let stop = async {
            eventually("the load runs", async || {
                let first = clients[0].record().look(|heard| heard.answered.len());
                (first > 50).then_some(())
            })
            .await;
            cluster.nodes[0].process.terminate();
            cluster.nodes[0].process.ended().await
        };
        let (acknowledged, status) =
            futures_util::future::join(futures_util::future::join_all(requests), stop).await;
        assert!(status.success(), "{status}");
        let users = cluster.redis.users().await;
        for (name, number) in acknowledged {
            // One more may have been taken, and its answer lost to the closing socket's own close.
            assert!(users[&name] == number, "{name}: {number} was acknowledged, {} is stored", users[&name]);
        }
        for client in &clients {
            assert_eq!(client.closed().await.code(), Some(1012));
            client.record().look(|heard| {
                assert!(
                    heard.answers.values().all(|answers| answers.len() == 1 && answers[0]["error"].is_null())
                );
            });
        }
    });
}
