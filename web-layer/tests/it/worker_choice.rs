//! Which worker gets an event.

use serde_json::json;

use crate::support::worker::{WS, next_of_any};
use crate::support::{Client, FakeWorker, RedisServer, TestNode, spine};

/// Clients that say where they are, one after the other.
async fn owners(clients: &mut [Client], workers: &mut [FakeWorker]) -> Vec<String> {
    let mut owners = Vec::new();
    for client in clients {
        client.send(json!({ "where": "am I" })).await;
        let (at, event) = next_of_any(workers).await;
        workers[at].reply(&event, json!([{ "send": {} }])).await;
        client.next().await;
        owners.push(workers[at].id.clone());
    }
    owners
}

/// ARCHITECTURE, rule 1.
#[tokio::test]
async fn all_events_of_a_connection_go_to_one_worker_and_each_worker_has_its_share() {
    let (redis, node, first) = spine("").await;
    let second = FakeWorker::start(&redis, &[&node]).await;
    let mut workers = [first, second];
    let mut clients = Vec::new();
    let mut opened_at = Vec::new();
    for _ in 0..24 {
        clients.push(Client::connect(&node, WS).await);
        let (at, open) = next_of_any(&mut workers).await;
        workers[at].reply(&open, json!([])).await;
        opened_at.push(workers[at].id.clone());
    }
    for _ in 0..3 {
        assert_eq!(owners(&mut clients, &mut workers).await, opened_at);
    }
    for worker in &mut workers {
        assert!(opened_at.contains(&worker.id), "24 connections and none of them here");
        assert_eq!(worker.unread().await.len(), 0, "no event was delivered twice");
    }
}

/// ARCHITECTURE, rule 1.
#[tokio::test]
async fn when_a_worker_comes_or_goes_only_its_share_of_the_connections_moves() {
    let (redis, node, first) = spine("").await;
    let second = FakeWorker::start(&redis, &[&node]).await;
    let mut workers = vec![first, second];
    let mut clients = Vec::new();
    for _ in 0..24 {
        clients.push(Client::connect(&node, WS).await);
        let (at, open) = next_of_any(&mut workers).await;
        workers[at].reply(&open, json!([])).await;
    }
    let with_two = owners(&mut clients, &mut workers).await;

    workers.push(FakeWorker::start(&redis, &[&node]).await);
    let third = workers[2].id.clone();
    let with_three = owners(&mut clients, &mut workers).await;
    assert!(with_three.contains(&third), "24 connections and none of them moved");
    for (before, after) in with_two.iter().zip(&with_three) {
        assert!(after == before || *after == third, "moved between workers that stayed");
    }

    workers[2].drain().await;
    node.caught_up(&redis).await;
    assert_eq!(owners(&mut clients, &mut workers).await, with_two);
}

/// ARCHITECTURE, rule 2.
#[tokio::test]
async fn an_event_that_reaches_nobody_goes_to_another_worker_at_once() {
    let (redis, node, first) = spine("--hold-ms 60000").await;
    let second = FakeWorker::start(&redis, &[&node]).await;
    let mut workers = [first, second];
    let mut clients = [Vec::new(), Vec::new()];
    while clients.iter().any(Vec::is_empty) {
        let client = Client::connect(&node, WS).await;
        let (at, open) = next_of_any(&mut workers).await;
        workers[at].reply(&open, json!([])).await;
        clients[at].push(client);
    }
    workers[0].vanish().await;
    let orphan = &mut clients[0][0];
    orphan.send_together((0..5).map(|n| json!({ "id": n }))).await;
    for n in 0..5 {
        let event = workers[1].next_message(json!({ "id": n })).await;
        workers[1].echo(&event).await;
        assert_eq!(orphan.next().await["id"], n);
    }
}

/// ARCHITECTURE, rule 2.
#[tokio::test]
async fn without_a_worker_a_request_is_held_and_then_unavailable_with_its_id() {
    let (_redis, node, mut worker) = spine("--hold-ms 50").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    worker.vanish().await;
    client.send(json!({ "id": { "any": ["thing"] } })).await;
    assert_eq!(client.next_error().await, ("unavailable".to_owned(), Some(json!({ "any": ["thing"] }))));
    client.send(json!({ "no": "id" })).await;
    assert_eq!(client.next_error().await, ("unavailable".to_owned(), None));
    assert_eq!(node.metric("requests_total{kind=\"message\",outcome=\"unavailable\"}").await, 2);
}

/// ARCHITECTURE, rule 2.
#[tokio::test]
async fn without_a_worker_requests_are_held_and_delivered_in_order_when_one_comes_in_time() {
    let (redis, node, mut worker) = spine("--hold-ms 60000").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    worker.vanish().await;
    client.send_together((0..5).map(|n| json!({ "id": n }))).await;
    let mut next = FakeWorker::start(&redis, &[&node]).await;
    for n in 0..5 {
        let event = next.next_message(json!({ "id": n })).await;
        next.echo(&event).await;
        assert_eq!(client.next().await["id"], n);
    }
}

#[tokio::test]
async fn a_worker_that_was_out_of_reach_gets_events_again_once_it_announces_itself() {
    let (redis, node, mut worker) = spine("--hold-ms 50").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    worker.vanish().await;
    client.send(json!({ "id": 1 })).await;
    client.next_error().await;
    worker.reconnect(&redis, &[&node]).await;
    client.send(json!({ "id": 2 })).await;
    let event = worker.next_message(json!({ "id": 2 })).await;
    worker.echo(&event).await;
    assert_eq!(client.next().await["id"], 2);
}

#[tokio::test]
async fn a_worker_gets_only_events_of_the_services_that_it_announced() {
    let redis = RedisServer::start();
    let node = TestNode::start(&redis).await;
    let mut tea = FakeWorker::with(&redis, &[&node], json!({ "tea": {} })).await;
    let mut both = FakeWorker::with(&redis, &[&node], json!({ "tea": {}, "milk": {} })).await;
    for _ in 0..8 {
        let milk = Client::connect(&node, "/ws/milk").await;
        let open = both.next_of("open").await;
        assert_eq!(open.0["service"], "milk");
        both.reply(&open, json!([])).await;
        drop(milk);
        let close = both.next_of("close").await;
        both.reply(&close, json!([])).await;
    }
    assert_eq!(tea.unread().await.len(), 0);
}

#[tokio::test]
async fn announcements_that_cannot_be_read_do_no_harm() {
    let (redis, node, mut worker) = spine("").await;
    for wrong in ["{", "7", "{}", r#"{"worker":"a b","services":{}}"#, r#"{"worker":"x","services":7}"#] {
        redis.publish("workers", wrong).await;
    }
    node.caught_up(&redis).await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    client.send(json!({ "id": 1 })).await;
    let event = worker.next_message(json!({ "id": 1 })).await;
    worker.echo(&event).await;
    client.next().await;
}
