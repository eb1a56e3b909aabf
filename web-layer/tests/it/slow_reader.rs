//! Clients that do not read.

use serde_json::{Value, json};

use crate::support::worker::WS;
use crate::support::{Client, FakeWorker, TestNode, spine, until};

/// More than the system takes for a socket that nobody reads.
const PLUG_BYTES: usize = 24_000_000;

/// Joins a client to topics.
async fn joined(client: &mut Client, worker: &mut FakeWorker, topics: &[&str]) {
    let open = worker.next_of("open").await;
    worker.reply(&open, topics.iter().map(|topic| json!({ "join": topic })).collect::<Value>()).await;
    client.send(json!({ "joined": "?" })).await;
    let event = worker.next_of("message").await;
    worker.reply(&event, json!([])).await;
}

/// A client that does not read and whose socket is full, so that all that comes now waits in its outbox.
async fn plugged(node: &TestNode, worker: &mut FakeWorker, topics: &[&str]) -> Client {
    let mut slow = Client::small(node, WS).await;
    joined(&mut slow, worker, &[topics, &["plug"]].concat()).await;
    let plug = json!({ "plug": "x".repeat(PLUG_BYTES) });
    let claim = worker.claim(plug.to_string().as_bytes()).await;
    let before = node.metric("deliveries_total").await;
    worker.push("plug", json!({ "claim": claim, "key": "plug" })).await;
    until("the plug to be delivered", async || node.metric("deliveries_total").await > before).await;
    slow
}

async fn unplugged(slow: &mut Client) {
    assert!(slow.next().await["plug"].is_string());
}

/// ARCHITECTURE, rule 8.
#[tokio::test]
async fn a_slow_reader_gets_the_newest_state_and_not_the_ones_between() {
    let (_redis, node, mut worker) = spine("--threads 1").await;
    let mut slow = plugged(&node, &mut worker, &["t"]).await;
    let mut quick = Client::connect(&node, WS).await;
    joined(&mut quick, &mut worker, &["t"]).await;
    worker.push("t", json!({ "body": { "event": 1 } })).await;
    for version in 1..=300 {
        worker.push("t", json!({ "body": { "state": version }, "key": "k", "version": version })).await;
    }
    worker.push("t", json!({ "body": { "event": 2 } })).await;
    while quick.next().await != json!({ "event": 2 }) {}

    unplugged(&mut slow).await;
    assert_eq!(slow.next().await, json!({ "event": 1 }));
    assert_eq!(slow.next().await, json!({ "state": 300 }));
    assert_eq!(slow.next().await, json!({ "event": 2 }));
}

/// ARCHITECTURE, rule 8.
#[tokio::test]
async fn states_of_two_topics_do_not_replace_each_other() {
    let (_redis, node, mut worker) = spine("--threads 1").await;
    let mut slow = plugged(&node, &mut worker, &["tea", "milk"]).await;
    let mut quick = Client::connect(&node, WS).await;
    joined(&mut quick, &mut worker, &["milk"]).await;
    worker.push("tea", json!({ "body": { "tea": 1 }, "key": "k", "version": 1 })).await;
    worker.push("milk", json!({ "body": { "milk": 1 }, "key": "k", "version": 1 })).await;
    assert_eq!(quick.next().await, json!({ "milk": 1 }));

    unplugged(&mut slow).await;
    assert_eq!(slow.next().await, json!({ "tea": 1 }));
    assert_eq!(slow.next().await, json!({ "milk": 1 }));
}

/// ARCHITECTURE, rule 8.
#[tokio::test]
async fn an_outbox_that_overflows_with_events_closes_the_connection_with_4008_and_nobody_else_waits() {
    let (_redis, node, mut worker) = spine("--threads 1 --outbox-messages-max 100").await;
    let mut slow = plugged(&node, &mut worker, &["t"]).await;
    let mut quick = Client::connect(&node, WS).await;
    joined(&mut quick, &mut worker, &["t"]).await;
    for n in 0..200 {
        worker.push("t", json!({ "body": { "n": n } })).await;
        assert_eq!(quick.next().await, json!({ "n": n }));
    }
    assert_eq!(node.metric("slow_readers_total").await, 1);

    unplugged(&mut slow).await;
    assert_eq!(slow.closed().await.0, 4008);
    worker.next_of("close").await;
}

/// ARCHITECTURE, rule 8.
#[tokio::test]
async fn an_outbox_is_bounded_in_bytes_too() {
    let (_redis, node, mut worker) = spine("--threads 1 --outbox-bytes-max 100000").await;
    let mut slow = plugged(&node, &mut worker, &["t"]).await;
    let mut quick = Client::connect(&node, WS).await;
    joined(&mut quick, &mut worker, &["t"]).await;
    let body = json!({ "large": "x".repeat(10_000) });
    for _ in 0..20 {
        worker.push("t", json!({ "body": body })).await;
        assert!(quick.next().await == body);
    }
    unplugged(&mut slow).await;
    assert_eq!(slow.closed().await.0, 4008);
}

/// A client that does not read and has asked for what is claimed, with its name as the id.
async fn asking(node: &TestNode, worker: &mut FakeWorker, claim: &Value, id: usize) -> Client {
    let mut client = Client::small(node, WS).await;
    joined(&mut client, worker, &[]).await;
    client.send(json!({ "id": id })).await;
    let event = worker.next_message(json!({ "id": id })).await;
    worker.reply(&event, json!([{ "claim": claim, "id": id }])).await;
    client
}

/// ARCHITECTURE, rules 8 and 11.
#[tokio::test]
async fn a_large_answer_is_held_once_however_many_ask_for_it_and_do_not_read() {
    let (_redis, node, mut worker) = spine("").await;
    let body = json!({ "large": "x".repeat(PLUG_BYTES) }).to_string();
    let claim = worker.claim(body.as_bytes()).await;
    let mut clients = Vec::new();
    for id in 0..8 {
        clients.push(asking(&node, &mut worker, &claim, id).await);
        until("the answer", async || node.metric("claimed_answer_bytes").await > 0).await;
    }
    // What comes behind the answer shows that it is under way.
    for (id, client) in clients.iter_mut().enumerate() {
        assert_eq!(node.metric("claimed_answer_bytes").await, body.len() as u64);
        assert!(client.next_text().await == body.replacen('{', &format!("{{\"id\":{id},"), 1));
    }
    until("room again", async || node.metric("claimed_answer_bytes").await == 0).await;
}

/// ARCHITECTURE, rules 8 and 11.
#[tokio::test]
async fn large_answers_that_nobody_reads_take_a_bounded_room_and_further_ones_wait() {
    const ROOM: usize = 256 * 1024 * 1024;
    let (_redis, node, mut worker) = spine("").await;
    let body = json!({ "large": "x".repeat(ROOM / 4 - r#"{"large":""}"#.len()) }).to_string();
    let mut clients = Vec::new();
    for id in 0..5 {
        let claim = worker.claim(body.as_bytes()).await;
        clients.push(asking(&node, &mut worker, &claim, id).await);
    }
    until("a full room", async || node.metric("claimed_answer_bytes").await == ROOM as u64).await;
    drop(clients.remove(0));
    for client in &mut clients {
        assert!(client.next_text().await.len() > body.len());
    }
    until("room again", async || node.metric("claimed_answer_bytes").await == 0).await;
}

/// ARCHITECTURE, rule 8.
#[tokio::test]
async fn a_slow_reader_within_the_bounds_loses_nothing() {
    let (_redis, node, mut worker) = spine("--threads 1").await;
    let mut slow = plugged(&node, &mut worker, &["t"]).await;
    for n in 0..1_000 {
        worker.push("t", json!({ "body": { "n": n } })).await;
    }
    unplugged(&mut slow).await;
    for n in 0..1_000 {
        assert_eq!(slow.next().await, json!({ "n": n }));
    }
}
