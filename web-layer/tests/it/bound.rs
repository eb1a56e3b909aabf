//! Bounds that bind.

use hyper::Method;
use serde_json::json;

use crate::support::wire::{CONTINUATION, FIN, TEXT, frame};
use crate::support::worker::WS;
use crate::support::{Client, Http, Wire, spine, until};

/// ARCHITECTURE, rule 9.
#[tokio::test]
async fn a_connection_has_no_more_events_in_flight_than_it_may_and_loses_none() {
    const MESSAGES: u64 = 3_000;
    let (_redis, node, mut worker) = spine("--in-flight-per-connection-max 4").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    client.send_together((0..MESSAGES).map(|n| json!({ "n": n }))).await;
    let mut in_flight = std::collections::VecDeque::new();
    for n in 0..4 {
        in_flight.push_back(worker.next_message(json!({ "n": n })).await);
    }
    // Others are read meanwhile, and show that the node has had its time to read this one.
    let (mut other, _) = worker.welcome(&node, json!([])).await;
    other.send(json!({ "other": true })).await;
    let event = worker.next_message(json!({ "other": true })).await;
    worker.echo(&event).await;
    other.next().await;
    assert_eq!(worker.unread().await.len(), 0, "four are in flight");

    for n in 4..MESSAGES + 4 {
        let oldest = in_flight.pop_front().unwrap();
        worker.echo(&oldest).await;
        assert_eq!(client.next().await, json!({ "echo": { "n": n - 4 } }));
        if n < MESSAGES {
            in_flight.push_back(worker.next_message(json!({ "n": n })).await);
        }
    }
}

/// ARCHITECTURE, rule 9.
#[tokio::test]
async fn at_its_bound_of_events_in_flight_a_connection_is_not_read() {
    let (_redis, node, mut worker) = spine("--in-flight-per-connection-max 1").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    client.send(json!({ "n": 0 })).await;
    let first = worker.next_message(json!({ "n": 0 })).await;
    let padded = json!({ "pad": "x".repeat(60_000) });
    let mut sent = 0;
    // The sockets fill up: backpressure, not growth.
    while tokio::time::timeout(std::time::Duration::from_secs(1), client.send(padded.clone())).await.is_ok() {
        sent += 1;
        assert!(sent < 1_000, "60 MB are taken without end");
    }
    let frames = node.metric("frames_received_total").await;
    assert!(frames <= 2, "{frames} frames were read");
    worker.echo(&first).await;
    for _ in 0..sent {
        let event = worker.next_of("message").await;
        assert!(*event.body() == padded);
        worker.reply(&event, json!([])).await;
    }
}

/// ARCHITECTURE, rule 9.
#[tokio::test]
async fn at_the_bound_of_events_in_flight_of_a_node_requests_are_unavailable() {
    let (redis, node, mut worker) = spine("--in-flight-max 2").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    node.caught_up(&redis).await;
    client.send_together((1..5).map(|id| json!({ "id": id }))).await;
    let first = worker.next_message(json!({ "id": 1 })).await;
    let second = worker.next_message(json!({ "id": 2 })).await;
    for id in 3..5 {
        assert_eq!(client.next_error().await, ("unavailable".to_owned(), Some(json!(id))));
    }
    let response = node.get("/echo").await;
    assert_eq!((response.status, response.error_code().as_str()), (503, "unavailable"));
    for event in [first, second] {
        worker.echo(&event).await;
        client.next().await;
    }
    client.send(json!({ "id": 5 })).await;
    worker.next_message(json!({ "id": 5 })).await;
}

/// ARCHITECTURE, rule 9.
#[tokio::test]
async fn beyond_connections_max_an_upgrade_is_answered_with_503_until_one_is_closed() {
    let (_redis, node, mut worker) = spine("--connections-max 3").await;
    let mut attempts = tokio::task::JoinSet::new();
    let address = std::sync::Arc::new(node);
    for _ in 0..30 {
        let node = address.clone();
        attempts.spawn(async move { Client::try_connect(&node, WS).await });
    }
    let (mut open, mut refused) = (Vec::new(), 0);
    for attempt in attempts.join_all().await {
        match attempt {
            Ok(client) => open.push(client),
            Err(status) => {
                assert_eq!(status, 503);
                refused += 1;
            }
        }
    }
    assert_eq!((open.len(), refused), (3, 27));
    let node = address;
    assert_eq!(node.metric("connections").await, 3);
    assert_eq!(node.metric("connections_refused_total").await, 27);
    for _ in 0..3 {
        let event = worker.next_of("open").await;
        worker.reply(&event, json!([])).await;
    }
    drop(open.pop());
    until("room for one more", async || node.metric("connections").await == 2).await;
    let _one_more = Client::connect(&node, WS).await;
}

/// ARCHITECTURE, rule 9.
#[tokio::test]
async fn a_client_that_sends_too_fast_is_read_slower_and_loses_nothing() {
    let (_redis, node, mut worker) = spine("--frames-per-second-max 100").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let began = std::time::Instant::now();
    for round in 0..3 {
        client.send_together((0..100).map(|n| json!({ "round": round, "n": n }))).await;
        for n in 0..100 {
            let event = worker.next_message(json!({ "round": round, "n": n })).await;
            worker.echo(&event).await;
            client.next().await;
        }
    }
    assert!(began.elapsed() >= std::time::Duration::from_millis(900), "{:?}", began.elapsed());
}

/// ARCHITECTURE, rule 9.
#[tokio::test]
async fn a_client_that_sends_too_many_fragments_is_read_slower_too() {
    let (_redis, node, mut worker) = spine("--frames-per-second-max 100").await;
    let mut wire = Wire::upgraded(&node, WS, b"").await;
    let open = worker.next_of("open").await;
    worker.reply(&open, json!([])).await;
    let began = std::time::Instant::now();
    wire.write(&[frame(TEXT, b"{"), frame(CONTINUATION, b"").repeat(299)].concat()).await;
    until("the fragments to be read", async || node.metric("frames_received_total").await >= 300).await;
    wire.write(&frame(FIN | CONTINUATION, b"}")).await;
    worker.next_message(json!({})).await;
    assert!(began.elapsed() >= std::time::Duration::from_millis(1_900), "{:?}", began.elapsed());
}

/// ARCHITECTURE, rule 9.
#[tokio::test]
async fn an_http_body_over_the_bound_is_answered_with_413() {
    let (_redis, node, mut worker) = spine("--http-body-bytes-max 1000").await;
    let response = Http::connect(&node).await.send(Method::POST, "/echo", &[], "x".repeat(1_001)).await;
    assert_eq!((response.status, response.error_code().as_str()), (413, "too_large"));
    assert_eq!(worker.unread().await.len(), 0);
}
