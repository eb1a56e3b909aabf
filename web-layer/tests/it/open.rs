//! What happens before the first message.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::worker::WS;
use crate::support::{Client, FakeWorker, spine, until};

#[tokio::test]
async fn an_open_event_says_who_came() {
    let (_redis, node, mut worker) = spine("").await;
    let _client = Client::connect(&node, WS).await;
    let open = worker.next_of("open").await;
    assert_eq!(open.node(), node.id);
    assert_eq!(open.0["service"], "echo");
    assert_eq!(open.0["peer"], "127.0.0.1");
    assert!(open.seq() > 0);
    assert_eq!(open.conn().len(), 36, "a UUID");
    assert_eq!(open.0.as_object().unwrap().len(), 6, "and nothing else: {open:?}");
}

/// ARCHITECTURE, rule 4.
#[tokio::test]
async fn messages_wait_until_the_open_event_was_carried_out() {
    let (_redis, node, mut worker) = spine("").await;
    let mut client = Client::connect(&node, WS).await;
    client.send(json!({ "n": 1 })).await;
    client.send(json!({ "n": 2 })).await;
    let open = worker.next_of("open").await;
    // A second connection shows that the node has taken in what was sent before.
    let (mut other, _) = worker.welcome(&node, json!([])).await;
    other.send(json!({ "other": true })).await;
    worker.next_message(json!({ "other": true })).await;
    assert_eq!(worker.unread().await.len(), 0);

    worker.reply(&open, json!([{ "session": 7 }, { "send": { "welcome": true } }])).await;
    for n in 1..3 {
        let event = worker.next_message(json!({ "n": n })).await;
        assert_eq!(event.0["session"], 7);
        worker.echo(&event).await;
    }
    assert_eq!(client.next().await, json!({ "welcome": true }));
    assert_eq!(client.next().await, json!({ "echo": { "n": 1 } }));
}

/// ARCHITECTURE, rule 3.
#[tokio::test]
async fn an_open_event_is_repeated_until_it_is_answered_but_not_more_often_than_the_timeout_says() {
    const TIMEOUT_MS: u64 = 500;
    let (_redis, node, mut worker) =
        spine(&format!("--request-timeout-ms {TIMEOUT_MS} --hold-ms 60000")).await;
    let began = Instant::now();
    let mut client = Client::connect(&node, WS).await;
    client.send(json!({ "n": 1 })).await;
    let first = worker.next_of("open").await;
    let mut last = first.clone();
    for _ in 0..3 {
        last = worker.next_of("open").await;
        assert_eq!(last.conn(), first.conn());
    }
    assert!(began.elapsed() >= Duration::from_millis(3 * TIMEOUT_MS), "{:?}", began.elapsed());
    worker.reply(&last, json!([])).await;
    worker.next_message(json!({ "n": 1 })).await;
    assert_eq!(worker.unread().await.len(), 0);
}

/// ARCHITECTURE, rules 1 and 3.
#[tokio::test]
async fn an_open_event_goes_to_another_worker_when_the_first_one_falls_silent() {
    let (redis, node, mut silent) = spine("").await;
    let mut client = Client::connect(&node, WS).await;
    silent.next_of("open").await;
    let mut other = FakeWorker::start(&redis, &[&node]).await;
    silent.fall_silent().await;
    let open = other.next_of("open").await;
    other.reply(&open, json!([])).await;
    client.send(json!({ "n": 1 })).await;
    other.next_message(json!({ "n": 1 })).await;
}

#[tokio::test]
async fn a_worker_can_refuse_a_connection() {
    let (_redis, node, mut worker) = spine("").await;
    let (client, conn) = worker
        .welcome(&node, json!([{ "send": { "sorry": true } }, { "close": { "code": 4501, "reason": "no" } }]))
        .await;
    let mut client = client;
    assert_eq!(client.next().await, json!({ "sorry": true }));
    assert_eq!(client.closed().await, (4501, "no".to_owned()));
    assert_eq!(worker.next_of("close").await.conn(), conn);
}

/// ARCHITECTURE, rule 9.
#[tokio::test]
async fn connections_that_come_and_go_while_no_worker_is_there_leave_nothing_behind() {
    let (redis, node, mut worker) = spine("--hold-ms 50").await;
    worker.vanish().await;
    for _ in 0..20 {
        let mut client = Client::connect(&node, WS).await;
        client.send(json!({ "id": 1 })).await;
        client.close(1000, "").await;
        drop(client);
    }
    until("an empty node", async || {
        node.metric("connections").await == 0 && node.metric("requests_in_flight").await == 0
    })
    .await;
    let mut next = FakeWorker::start(&redis, &[&node]).await;
    assert_eq!(next.unread().await.len(), 0, "nobody is there any more");
}
