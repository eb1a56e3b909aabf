//! Redis goes away and comes back: rule 7.

use std::time::Duration;

use system_tests::{Client, Cluster, Load, bounded, eventually};
use tokio::time::Instant;

use crate::{assert_all_have_the_truth, settle};

/// How soon a request must have an outcome while Redis is away: held for 2 s, and some for a busy machine.
const UNAVAILABLE_MAX: Duration = Duration::from_secs(6);

/// How soon a request must have an outcome whose answer may have been lost with a link: the node knows that at once.
const OUTCOME_MAX: Duration = Duration::from_secs(10);

async fn audience() -> (Cluster, Vec<Client>) {
    let cluster = Cluster::start(2, 2).await;
    let clients = cluster.clients(8).await;
    settle(&cluster, &clients).await;
    (cluster, clients)
}

#[test]
fn when_redis_is_killed_under_load_sockets_stay_open_and_what_was_acknowledged_is_there_afterwards() {
    bounded(async {
        let (mut cluster, listeners) = audience().await;
        let load = Load::start(cluster.clients(16).await);
        for _ in 0..2 {
            load.progress(500).await;
            cluster.redis.kill().await;
            // Some of these were in flight; the others meet a Redis that is away.
            load.progress(16).await;
            cluster.redis.start_again().await;
        }
        load.progress(500).await;
        let (clients, report) = load.stop().await;
        assert!(!report.failed.is_empty(), "Redis was away, and nobody noticed");
        report.assert_failures_are_clear();
        report.assert_stored(&cluster.redis.users().await);
        assert_all_have_the_truth(&clients, &cluster.redis).await;
        assert_all_have_the_truth(&listeners, &cluster.redis).await;
    });
}

#[test]
fn while_redis_is_away_requests_are_unavailable_in_time() {
    bounded(async {
        let (mut cluster, clients) = audience().await;
        cluster.redis.kill().await;
        eventually("the nodes notice", async || {
            let first = cluster.nodes[0].readiness().await == Some(503);
            (first && cluster.nodes[1].readiness().await == Some(503)).then_some(())
        })
        .await;
        let asked = Instant::now();
        let requests = clients.iter().map(|client| client.try_set("ana", 1));
        for outcome in futures_util::future::join_all(requests).await {
            assert_eq!(outcome, Err("unavailable".to_owned()));
        }
        let took = asked.elapsed();
        assert!(took <= UNAVAILABLE_MAX, "unavailable came after {took:?}");
        let answer = reqwest::get(cluster.nodes[0].http("/numbers")).await.unwrap();
        assert_eq!(answer.status(), 503);
        cluster.redis.start_again().await;
        assert!(!cluster.redis.users().await.contains_key("ana"), "unavailable means that nothing was done");
        for node in &cluster.nodes {
            eventually("the node is ready again", async || {
                (node.readiness().await == Some(200)).then_some(())
            })
            .await;
        }
        eventually("requests are served", async || clients[0].try_set("ana", 2).await.ok()).await;
        assert_all_have_the_truth(&clients, &cluster.redis).await;
    });
}

#[test]
fn while_redis_is_frozen_requests_have_an_outcome_and_afterwards_all_is_well() {
    bounded(async {
        let (cluster, clients) = audience().await;
        cluster.redis.process().freeze();
        let asked = Instant::now();
        let requests = clients.iter().map(|client| client.try_set("ana", 1));
        for outcome in futures_util::future::join_all(requests).await {
            let code = outcome.expect_err("Redis is frozen");
            assert!(["unavailable", "outcome_unknown"].contains(&code.as_str()), "{code}");
        }
        let took = asked.elapsed();
        assert!(took < 2 * OUTCOME_MAX, "the outcomes came after {took:?}");
        cluster.redis.process().thaw();
        for node in &cluster.nodes {
            eventually("the node is ready again", async || {
                (node.readiness().await == Some(200)).then_some(())
            })
            .await;
        }
        eventually("requests are served", async || clients[0].try_set("ana", 2).await.ok()).await;
        assert_all_have_the_truth(&clients, &cluster.redis).await;
    });
}

#[test]
fn what_changed_while_everyone_was_cut_off_is_told_to_every_socket_by_itself() {
    bounded(async {
        let (mut cluster, clients) = audience().await;
        clients[0].set("mia", 1).await;
        clients[0].set("leo", 1).await;
        assert_all_have_the_truth(&clients, &cluster.redis).await;
        cluster.redis.kill().await;
        cluster
            .redis
            .change_while_down(&[
                &["HSET", "user:zoe", "username", "zoe", "favnum", "9"],
                &["HSET", "user:mia", "favnum", "2"],
                &["DEL", "user:leo"],
            ])
            .await;
        cluster.redis.start_again().await;
        for client in &clients {
            let is_told = |listing: &system_tests::Listing| {
                (listing.number("zoe"), listing.number("mia"), listing.number("leo"))
                    == (Some(9), Some(2), None)
            };
            client.until_pushed("what changed meanwhile", is_told).await;
            client.assert_well();
        }
        assert_all_have_the_truth(&clients, &cluster.redis).await;
    });
}

#[test]
fn when_redis_comes_back_empty_every_socket_learns_it_and_versions_still_grow() {
    bounded(async {
        let (mut cluster, clients) = audience().await;
        clients[0].set("ana", 1).await;
        assert_all_have_the_truth(&clients, &cluster.redis).await;
        cluster.redis.kill().await;
        cluster.redis.lose_data();
        cluster.redis.start_again().await;
        for client in &clients {
            client.until_pushed("that there is nobody", |listing| listing.users.is_empty()).await;
            client.assert_well();
        }
        // Not every link has to be back already.
        eventually("requests are served", async || clients[0].try_set("zoe", 9).await.ok()).await;
        assert_all_have_the_truth(&clients, &cluster.redis).await;
    });
}

#[test]
fn when_only_subscriptions_are_cut_what_was_missed_is_told_afterwards() {
    bounded(async {
        let (cluster, clients) = audience().await;
        for round in 1..=5 {
            let mut connection = cluster.redis.connect().await;
            let () = redis::pipe()
                .atomic()
                .cmd("CLIENT")
                .arg(&["KILL", "TYPE", "pubsub"])
                .ignore()
                .cmd("HSET")
                .arg(&["user:zoe", "username", "zoe", "favnum", &round.to_string()])
                .ignore()
                .query_async(&mut connection)
                .await
                .unwrap();
            for client in &clients {
                client.until_pushed("the change", |listing| listing.number("zoe") == Some(round)).await;
            }
        }
        assert_all_have_the_truth(&clients, &cluster.redis).await;
    });
}

#[test]
fn when_only_the_links_that_publish_are_cut_under_load_every_request_has_its_outcome_soon() {
    bounded(async {
        let (cluster, listeners) = audience().await;
        let load = Load::start(cluster.clients(16).await);
        for _ in 0..10 {
            load.progress(100).await;
            let () = cluster.redis.run(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
        }
        load.progress(200).await;
        let (clients, report) = load.stop().await;
        assert!(report.slowest < OUTCOME_MAX, "a request had no outcome for {:?}", report.slowest);
        report.assert_failures_are_clear();
        report.assert_stored(&cluster.redis.users().await);
        assert_all_have_the_truth(&clients, &cluster.redis).await;
        assert_all_have_the_truth(&listeners, &cluster.redis).await;
    });
}

#[test]
fn when_all_connections_are_cut_under_load_nothing_acknowledged_is_lost() {
    bounded(async {
        let (cluster, listeners) = audience().await;
        let load = Load::start(cluster.clients(16).await);
        for _ in 0..5 {
            load.progress(200).await;
            let () = cluster.redis.run(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
            let () = cluster.redis.run(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
        }
        load.progress(200).await;
        let (clients, report) = load.stop().await;
        assert!(report.slowest < OUTCOME_MAX, "a request had no outcome for {:?}", report.slowest);
        report.assert_failures_are_clear();
        report.assert_stored(&cluster.redis.users().await);
        assert_all_have_the_truth(&clients, &cluster.redis).await;
        assert_all_have_the_truth(&listeners, &cluster.redis).await;
    });
}

#[test]
fn when_redis_refuses_to_store_a_client_is_told_and_nothing_is_pushed() {
    bounded(async {
        let (cluster, clients) = audience().await;
        let () = cluster.redis.run(&["CONFIG", "SET", "maxmemory", "1"]).await;
        let outcome = clients[0].try_set("ana", 1).await;
        let code = outcome.expect_err("nothing can be stored");
        assert!(["unavailable", "internal"].contains(&code.as_str()), "{code}");
        let () = cluster.redis.run(&["CONFIG", "SET", "maxmemory", "0"]).await;
        assert!(!cluster.redis.users().await.contains_key("ana"));
        clients[0].set("ana", 2).await;
        assert_all_have_the_truth(&clients, &cluster.redis).await;
    });
}
