//! Workers come and go; requests and listings do not get lost.

use std::time::Duration;

use system_tests::client::set;
use system_tests::monitor::Monitor;
use system_tests::{Client, Cluster, Load, bounded, eventually, within};
use tokio::time::Instant;

use crate::{assert_all_have_the_truth, settle};

/// How soon another worker must publish after the publishing one was killed.
const TAKEOVER_MAX: Duration = Duration::from_secs(3);
/// How soon a request must have an outcome when nobody can handle it: held for 2 s, and some for a busy machine.
const UNAVAILABLE_MAX: Duration = Duration::from_secs(6);

/// Rule 5: a worker leaves without a trace.
#[test]
fn when_workers_are_told_to_stop_under_load_no_request_fails_and_no_listing_is_lost() {
    bounded(async {
        let mut cluster = Cluster::start(2, 3).await;
        let listeners = cluster.clients(6).await;
        settle(&cluster, &listeners).await;
        let load = Load::start(cluster.clients(24).await);
        for round in 0..3 {
            load.progress(500).await;
            // The publisher first: it has the most to hand over.
            let leaving = match round {
                0 => cluster.publisher().await,
                _ => cluster.workers[0].name().to_owned(),
            };
            let worker = cluster.worker(&leaving);
            worker.terminate();
            let status = worker.ended().await;
            assert!(status.success(), "{leaving} ended with {status}: {}", worker.said());
            cluster.workers.retain(|worker| worker.name() != leaving);
            load.progress(500).await;
            cluster.add_worker().await;
        }
        let (clients, report) = load.stop().await;
        report.assert_none_failed();
        report.assert_stored(&cluster.redis.users().await);
        assert_all_have_the_truth(&clients, &cluster.redis).await;
        assert_all_have_the_truth(&listeners, &cluster.redis).await;
    });
}

/// Rule 3: one outcome for each request.
#[test]
fn when_the_publishing_worker_is_killed_under_load_pushes_go_on_and_every_request_has_an_outcome() {
    bounded(async {
        let mut cluster = Cluster::start(2, 3).await;
        let listeners = cluster.clients(6).await;
        settle(&cluster, &listeners).await;
        let load = Load::start(cluster.clients(24).await);
        load.progress(500).await;
        let publisher = cluster.publisher().await;
        cluster.worker(&publisher).kill().await;
        let killed = Instant::now();
        for listener in &listeners {
            listener.record().forget();
        }
        for listener in &listeners {
            listener.until("a listing after the publisher was killed", |heard| heard.newest()).await;
        }
        let took = killed.elapsed();
        assert!(took <= TAKEOVER_MAX, "the next listing came after {took:?}");
        assert_ne!(cluster.publisher().await, publisher);
        load.progress(1_000).await;
        let (clients, report) = load.stop().await;
        report.assert_failures_are_clear();
        report.assert_stored(&cluster.redis.users().await);
        assert_all_have_the_truth(&clients, &cluster.redis).await;
        assert_all_have_the_truth(&listeners, &cluster.redis).await;
    });
}

#[test]
fn a_change_that_the_killed_publisher_did_not_tell_of_is_in_the_next_listing() {
    bounded(async {
        let mut cluster = Cluster::start(2, 3).await;
        let clients = cluster.clients(6).await;
        settle(&cluster, &clients).await;
        let publisher = cluster.publisher().await;
        cluster.worker(&publisher).freeze();
        let () = cluster.redis.run(&["HSET", "user:zoe", "username", "zoe", "favnum", "9"]).await;
        let worker = cluster.worker(&publisher);
        worker.kill().await;
        let killed = Instant::now();
        for client in &clients {
            client.until_pushed("the change", |listing| listing.number("zoe") == Some(9)).await;
        }
        let took = killed.elapsed();
        assert!(took <= TAKEOVER_MAX, "the next listing came after {took:?}");
        assert_all_have_the_truth(&clients, &cluster.redis).await;
    });
}

/// Rule 2: delivery is proved, so the next request goes to another worker at once.
#[test]
fn a_request_after_a_worker_was_killed_is_handled_by_another_one() {
    bounded(async {
        let mut cluster = Cluster::start(2, 3).await;
        let clients = cluster.clients(24).await;
        settle(&cluster, &clients).await;
        let mut killed = cluster.workers.remove(1);
        killed.kill().await;
        cluster.inbox_is_gone(killed.name()).await;
        let requests = clients.iter().enumerate().map(|(index, client)| async move {
            client.set(&format!("user {index}"), 1).await;
        });
        within("all requests", TAKEOVER_MAX, futures_util::future::join_all(requests)).await;
    });
}

#[test]
fn a_request_to_a_worker_that_is_killed_before_it_answers_has_an_unknown_outcome() {
    bounded(async {
        let mut cluster = Cluster::start(1, 1).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        client.set("ana", 1).await;
        cluster.workers[0].freeze();
        let monitor = Monitor::start(&cluster.redis).await;
        let id = client.ask(set("ana", 2)).await;
        eventually("the request is published to the frozen worker", async || {
            let heard = monitor.heard(&cluster.redis).await;
            heard.iter().any(|words| words.iter().any(|word| word.contains("FavoriteNumber"))).then_some(())
        })
        .await;
        cluster.workers[0].kill().await;
        assert_eq!(client.outcome(id).await, Err("outcome_unknown".to_owned()));
        client.assert_well();
    });
}

#[test]
fn without_a_worker_requests_are_unavailable_in_time_and_served_again_when_one_starts() {
    bounded(async {
        let mut cluster = Cluster::start(2, 2).await;
        let clients = cluster.clients(4).await;
        settle(&cluster, &clients).await;
        for worker in &mut cluster.workers {
            worker.terminate();
            worker.ended().await;
        }
        cluster.workers.clear();
        let asked = Instant::now();
        let requests = clients.iter().map(|client| client.try_set("ana", 1));
        for outcome in futures_util::future::join_all(requests).await {
            assert_eq!(outcome, Err("unavailable".to_owned()));
        }
        let took = asked.elapsed();
        assert!(took <= UNAVAILABLE_MAX, "unavailable came after {took:?}");
        let answer = reqwest::get(cluster.nodes[0].http("/numbers")).await.unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        assert!(!cluster.redis.users().await.contains_key("ana"), "unavailable means that nothing was done");

        cluster.add_worker().await;
        clients[0].set("ana", 2).await;
        assert_all_have_the_truth(&clients, &cluster.redis).await;
    });
}

#[test]
fn a_request_is_held_for_a_worker_that_comes_in_time() {
    bounded(async {
        let mut cluster = Cluster::start(0, 1).await;
        cluster.add_node_with(&["--hold-ms", "60000"]).await;
        let client = eventually("the node knows the service", async || {
            Client::try_open(&cluster.nodes[0].ws("/ws")).await.ok()
        })
        .await;
        client.list().await;
        let mut worker = cluster.workers.remove(0);
        worker.terminate();
        worker.ended().await;
        let id = client.ask(set("ana", 1)).await;
        cluster.add_worker().await;
        assert!(client.outcome(id).await.is_ok());
        assert_eq!(client.list().await.number("ana"), Some(1));
    });
}

#[test]
fn a_socket_that_was_opened_while_there_was_no_worker_hears_of_changes_later() {
    bounded(async {
        let mut cluster = Cluster::start(1, 1).await;
        let mut worker = cluster.workers.remove(0);
        worker.terminate();
        worker.ended().await;
        let early = Client::open(&cluster.nodes[0].ws("/ws")).await;
        assert_eq!(early.try_set("ana", 1).await, Err("unavailable".to_owned()));
        cluster.add_worker().await;
        let late = Client::open(&cluster.nodes[0].ws("/ws")).await;
        early.list().await;
        late.set("ana", 2).await;
        early.until_pushed("the change", |listing| listing.number("ana") == Some(2)).await;
    });
}

#[test]
fn what_a_stalled_worker_finds_in_its_inbox_does_not_undo_what_was_acknowledged_meanwhile() {
    bounded(async {
        let mut cluster = Cluster::start(1, 2).await;
        let clients = cluster.clients(2).await;
        settle(&cluster, &clients).await;
        let monitor = Monitor::start(&cluster.redis).await;
        clients[0].set("ana", 1).await;
        let heard = monitor.heard(&cluster.redis).await;
        let stalled = worker_that_was_sent(&heard, "FavoriteNumber").expect("the request was published");
        cluster.worker(&stalled).freeze();
        assert_eq!(clients[0].try_set("ana", 2).await, Err("outcome_unknown".to_owned()));
        clients[0].set("ana", 3).await;
        cluster.worker(&stalled).thaw();
        // When it answers this socket again, it has been through what waited in its inbox.
        eventually("the worker is back", async || {
            clients[0].list().await;
            let heard = monitor.heard(&cluster.redis).await;
            (worker_that_was_sent(&heard, "\"Cmd\":2") == Some(stalled.clone())).then_some(())
        })
        .await;
        assert_eq!(clients[0].list().await.number("ana"), Some(3));
        assert_eq!(cluster.redis.users().await["ana"], 3);
    });
}

/// Rule 3: even while somebody reads along, so that PUBLISH counts a receiver where there is no worker.
#[test]
fn while_a_person_reads_along_the_requests_of_a_killed_worker_still_have_an_outcome_soon() {
    bounded(async {
        let mut cluster = Cluster::start(1, 2).await;
        let clients = cluster.clients(12).await;
        settle(&cluster, &clients).await;
        let reader = redis::Client::open(cluster.redis.url()).unwrap();
        let mut reader = reader.get_async_pubsub().await.unwrap();
        reader.psubscribe("*").await.unwrap();
        let mut killed = cluster.workers.remove(0);
        killed.kill().await;
        let requests = clients.iter().map(|client| client.try_set("ana", 1));
        let outcomes =
            within("all outcomes", UNAVAILABLE_MAX, futures_util::future::join_all(requests)).await;
        for code in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(code, "outcome_unknown");
        }
        for client in &clients {
            client.set("ana", 2).await;
        }
    });
}

/// The worker to whose inbox a text was published.
fn worker_that_was_sent(heard: &[Vec<String>], text: &str) -> Option<String> {
    let sent = heard.iter().rev().find(|words| {
        words.len() == 3 && words[0].eq_ignore_ascii_case("publish") && words[2].contains(text)
    })?;
    sent[1].strip_prefix("worker:").map(str::to_owned)
}
