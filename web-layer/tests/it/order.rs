//! The events of one connection are handled one after the other.

use serde_json::json;

use crate::support::worker::{WS, next_of_any};
use crate::support::{Client, FakeWorker, spine};

/// ARCHITECTURE, rule 4.
#[tokio::test]
async fn events_come_in_the_order_in_which_they_were_sent_and_so_do_the_answers() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, conn) = worker.welcome(&node, json!([])).await;
    client.send_together((0..500).map(|n| json!({ "n": n }))).await;
    let mut last_seq = 0;
    for n in 0..500 {
        let event = worker.next_message(json!({ "n": n })).await;
        assert_eq!(event.conn(), conn);
        assert!(event.seq() > last_seq);
        last_seq = event.seq();
        worker.echo(&event).await;
    }
    for n in 0..500 {
        assert_eq!(client.next().await, json!({ "echo": { "n": n } }));
    }
}

/// ARCHITECTURE, rule 4.
#[tokio::test]
async fn a_connection_moves_to_a_worker_that_comes_only_with_no_event_in_flight() {
    let (redis, node, mut slow) = spine("").await;
    // With so many connections some move to whoever comes.
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(slow.welcome(&node, json!([])).await);
    }
    let mut in_flight = Vec::new();
    for (client, _) in &mut clients {
        client.send(json!({ "n": 1 })).await;
        in_flight.push(slow.next_message(json!({ "n": 1 })).await);
    }

    let comes = FakeWorker::start(&redis, &[&node]).await;
    let mut workers = [slow, comes];
    for n in 2..5 {
        for ((client, _), event) in clients.iter_mut().zip(&mut in_flight) {
            client.send(json!({ "n": n })).await;
            // The worker that has the one before still serves, so it may have this one, too.
            let next = workers[0].next_message(json!({ "n": n })).await;
            workers[0].echo(event).await;
            assert_eq!(client.next().await, json!({ "echo": { "n": n - 1 } }));
            *event = next;
        }
    }
    assert_eq!(workers[1].unread().await.len(), 0, "there always was an event in flight");

    let mut moved = 0;
    for ((client, _), event) in clients.iter_mut().zip(&in_flight) {
        workers[0].echo(event).await;
        client.next().await;
        client.send(json!({ "n": 5 })).await;
        let (at, event) = next_of_any(&mut workers).await;
        workers[at].echo(&event).await;
        client.next().await;
        moved += at;
    }
    assert!(moved > 0, "16 connections and none of them moved");
}

/// ARCHITECTURE, rules 4 and 5.
#[tokio::test]
async fn a_connection_leaves_a_draining_worker_only_with_no_event_in_flight() {
    let (redis, node, mut leaves) = spine("--hold-ms 60000").await;
    let (mut client, _) = leaves.welcome(&node, json!([])).await;
    client.send(json!({ "n": 1 })).await;
    let first = leaves.next_message(json!({ "n": 1 })).await;

    let mut stays = FakeWorker::start(&redis, &[&node]).await;
    leaves.drain().await;
    node.caught_up(&redis).await;
    client.send(json!({ "n": 2 })).await;
    client.send(json!({ "n": 3 })).await;
    // Another connection shows that the node has taken in what was sent before, and that the other worker serves.
    let (mut other, _) = stays.welcome(&node, json!([])).await;
    other.send(json!({ "other": true })).await;
    stays.next_message(json!({ "other": true })).await;
    assert_eq!(stays.unread().await.len(), 0, "the first event is still in flight");
    assert_eq!(leaves.unread().await.len(), 0, "a draining worker gets nothing new");

    leaves.echo(&first).await;
    assert_eq!(client.next().await, json!({ "echo": { "n": 1 } }));
    for n in 2..4 {
        let event = stays.next_message(json!({ "n": n })).await;
        stays.echo(&event).await;
        assert_eq!(client.next().await, json!({ "echo": { "n": n } }));
    }
}

/// ARCHITECTURE, rule 4.
#[tokio::test]
async fn order_holds_while_workers_come_and_go_all_the_time() {
    const MESSAGES: u64 = 400;
    let (redis, node, first) = spine("--hold-ms 60000 --in-flight-per-connection-max 8").await;
    let mut workers = vec![first];
    let (mut client, _) = workers[0].welcome(&node, json!([])).await;
    client.send_together((0..MESSAGES).map(|n| json!({ "n": n }))).await;
    for n in 0..MESSAGES {
        if n % 20 == 10 {
            workers.push(FakeWorker::start(&redis, &[&node]).await);
        }
        if n % 20 == 0 && workers.len() > 1 {
            let leaving = workers.len() - 2;
            workers[leaving].drain().await;
        }
        let (at, event) = next_of_any(&mut workers).await;
        assert_eq!(*event.body(), json!({ "n": n }));
        workers[at].echo(&event).await;
    }
    for n in 0..MESSAGES {
        assert_eq!(client.next().await, json!({ "echo": { "n": n } }));
    }
}

#[tokio::test]
async fn what_was_sent_right_before_the_close_is_delivered_and_the_close_comes_last() {
    let (_redis, node, mut worker) = spine("").await;
    let mut client = Client::connect(&node, WS).await;
    client.send_together((0..50).map(|n| json!({ "n": n }))).await;
    client.close(1000, "bye").await;
    let open = worker.next_of("open").await;
    worker.reply(&open, json!([{ "session": { "user": "ana" } }])).await;
    for n in 0..50 {
        let event = worker.next_message(json!({ "n": n })).await;
        worker.reply(&event, json!([])).await;
    }
    let close = worker.next_of("close").await;
    assert_eq!(close.conn(), open.conn());
    assert_eq!(close.0["session"], json!({ "user": "ana" }));
    client.closed().await;
}
