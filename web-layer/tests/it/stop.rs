//! A node leaves gently.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::worker::WS;
use crate::support::{Client, Http, spine, until, within};

/// ARCHITECTURE, rule 6.
#[tokio::test]
async fn answers_in_flight_are_delivered_before_the_sockets_are_closed_with_a_hint() {
    let (_redis, node, mut worker) = spine("--drain-ms 60000").await;
    let (mut busy, _) = worker.welcome(&node, json!([])).await;
    let (idle, _) = worker.welcome(&node, json!([])).await;
    busy.send(json!({ "id": 1 })).await;
    let message = worker.next_message(json!({ "id": 1 })).await;
    let mut http = Http::connect(&node).await;
    let mut asking = tokio::task::JoinSet::new();
    asking.spawn(async move { http.get("/echo").await });
    let request = worker.next_of("http").await;

    node.terminate();
    worker.echo(&message).await;
    worker.respond(&request, json!({ "status": 200, "body": "in time" })).await;
    assert_eq!(busy.next().await, json!({ "id": 1, "echo": { "id": 1 } }));
    let response = within("the response", asking.join_next()).await.unwrap().unwrap();
    assert_eq!((response.status, response.text().as_str()), (200, "in time"));
    for client in [busy, idle] {
        let (code, reason) = client.closed().await;
        assert_eq!(code, 1012);
        let reason: Value = serde_json::from_str(&reason).unwrap();
        assert!((100..=1_001).contains(&reason["retry_ms"].as_u64().unwrap()), "{reason}");
    }
    node.ended().await;
    for _ in 0..2 {
        worker.next_of("close").await;
    }
}

/// ARCHITECTURE, rule 6.
#[tokio::test]
async fn while_it_drains_a_node_is_not_ready_and_takes_nothing_new() {
    let (_redis, node, mut worker) = spine("--drain-ms 60000").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    client.send(json!({ "id": 1 })).await;
    let message = worker.next_message(json!({ "id": 1 })).await;

    let mut kept = Http::connect(&node).await;
    assert_eq!(kept.get("/readyz").await.status, 200);
    node.terminate();
    until("a red node", async || node.get("/readyz").await.status == 503).await;
    let red = node.get("/readyz").await.json();
    assert_eq!((&red["ready"], &red["trouble"]), (&json!(false), &json!("this node is stopping")));
    assert_eq!(node.get("/healthz").await.status, 200);
    assert_eq!(Client::try_connect(&node, WS).await.err(), Some(503));
    let refused = Http::connect(&node).await.send(Method::POST, "/echo", &[], "x").await;
    assert_eq!((refused.status, refused.error_code().as_str()), (503, "unavailable"));
    assert_eq!(refused.header("retry-after"), "1");
    client.send(json!({ "id": 2 })).await;
    assert_eq!(worker.unread().await.len(), 0, "nothing new is accepted");

    worker.echo(&message).await;
    assert_eq!(client.next().await["id"], 1);
    assert_eq!(client.closed().await.0, 1012);
    kept.ended().await;
    node.ended().await;
}

/// ARCHITECTURE, rule 6.
#[tokio::test]
async fn a_node_does_not_wait_longer_than_it_may_for_an_answer() {
    let (_redis, node, mut worker) = spine("--drain-ms 100").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    client.send(json!({ "id": 1 })).await;
    worker.next_message(json!({ "id": 1 })).await;
    node.terminate();
    assert_eq!(client.closed().await.0, 1012);
    node.ended().await;
}

/// ARCHITECTURE, rule 6.
#[tokio::test]
async fn sockets_do_not_wait_for_http_and_http_is_answered_behind_them() {
    let (_redis, node, mut worker) = spine("--drain-ms 600000").await;
    let (idle, _) = worker.welcome(&node, json!([])).await;
    let mut http = Http::connect(&node).await;
    let mut polling = tokio::task::JoinSet::new();
    polling.spawn(async move { http.get("/echo").await });
    let poll = worker.next_of("http").await;
    node.terminate();
    assert_eq!(idle.closed().await.0, 1012);
    worker.next_of("close").await;
    worker.respond(&poll, json!({ "status": 200, "body": "a change" })).await;
    let response = within("the response", polling.join_next()).await.unwrap().unwrap();
    assert_eq!((response.status, response.text().as_str()), (200, "a change"));
    node.ended().await;
}

/// ARCHITECTURE, rules 3 and 6.
#[tokio::test]
async fn http_requests_that_are_not_answered_in_time_are_told_so_when_a_node_stops() {
    let (redis, node, mut worker) = spine("--drain-ms 500 --hold-ms 600000").await;
    let mut asking = tokio::task::JoinSet::new();
    let mut http = Http::connect(&node).await;
    asking.spawn(async move { http.get("/echo").await });
    worker.next_of("http").await;
    worker.drain().await;
    node.caught_up(&redis).await;
    let mut http = Http::connect(&node).await;
    asking.spawn(async move { http.get("/echo").await });
    until("both to be taken in", async || node.metric("requests_in_flight").await == 2).await;
    node.terminate();
    let responses = within("the responses", asking.join_all()).await;
    let mut codes: Vec<_> =
        responses.iter().map(|response| (response.status, response.error_code())).collect();
    codes.sort();
    assert_eq!(codes, [(503, "unavailable".to_owned()), (504, "outcome_unknown".to_owned())]);
    node.ended().await;
}

/// ARCHITECTURE, rule 6.
#[tokio::test]
async fn a_node_without_connections_stops_at_once() {
    let (_redis, node, _worker) = spine("--drain-ms 600000").await;
    node.terminate();
    node.ended().await;
}

/// ARCHITECTURE, rule 6.
#[tokio::test]
async fn each_connection_gets_a_time_of_its_own_to_come_back() {
    let (_redis, node, mut worker) = spine("").await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(worker.welcome(&node, json!([])).await.0);
    }
    node.terminate();
    let mut hints = std::collections::HashSet::new();
    for client in clients {
        hints.insert(client.closed().await.1);
    }
    assert!(hints.len() > 10, "{hints:?}");
    node.ended().await;
}
