//! Every request has one outcome.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::{FakeWorker, Http, spine};

fn unknown(id: u64) -> (String, Option<Value>) {
    ("outcome_unknown".to_owned(), Some(json!(id)))
}

/// ARCHITECTURE, rule 3.
#[tokio::test]
async fn what_a_worker_had_when_it_fell_silent_is_outcome_unknown_and_is_never_sent_again() {
    let (redis, node, mut silent) = spine("--hold-ms 60000").await;
    let (mut client, _) = silent.welcome(&node, json!([])).await;
    client.send(json!({ "id": 1 })).await;
    client.send(json!({ "id": 2 })).await;
    silent.next_message(json!({ "id": 1 })).await;
    silent.next_message(json!({ "id": 2 })).await;
    let mut other = FakeWorker::start(&redis, &[&node]).await;
    silent.fall_silent().await;
    assert_eq!(client.next_error().await, unknown(1));
    assert_eq!(client.next_error().await, unknown(2));

    client.send(json!({ "id": 3 })).await;
    let event = other.next_message(json!({ "id": 3 })).await;
    other.echo(&event).await;
    assert_eq!(client.next().await["id"], 3);
    assert_eq!(silent.unread().await.len(), 0);
    assert_eq!(other.unread().await.len(), 0);
    assert_eq!(node.metric("requests_total{kind=\"message\",outcome=\"outcome_unknown\"}").await, 2);
}

/// ARCHITECTURE, rule 3.
#[tokio::test]
async fn a_request_that_takes_too_long_is_outcome_unknown_and_its_late_reply_is_ignored() {
    let (redis, node, mut worker) = spine("--request-timeout-ms 100").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    client.send(json!({ "id": 1 })).await;
    let late = worker.next_message(json!({ "id": 1 })).await;
    assert_eq!(client.next_error().await, unknown(1));

    worker.echo(&late).await;
    worker.reply(&late, json!([{ "close": { "code": 4100 } }])).await;
    node.caught_up(&redis).await;
    assert!(node.metric("late_replies_total").await >= 2);
    client.send(json!({ "id": 2 })).await;
    let event = worker.next_message(json!({ "id": 2 })).await;
    worker.echo(&event).await;
    assert_eq!(client.next().await["id"], 2);
}

/// ARCHITECTURE, rule 3.
#[tokio::test]
async fn of_two_replies_to_one_event_the_second_is_ignored() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    client.send(json!({ "id": 1 })).await;
    let event = worker.next_message(json!({ "id": 1 })).await;
    worker.reply(&event, json!([{ "send": { "first": true } }])).await;
    worker.reply(&event, json!([{ "send": { "second": true } }])).await;
    assert_eq!(client.next().await, json!({ "first": true }));
    client.send(json!({ "id": 2 })).await;
    let event = worker.next_message(json!({ "id": 2 })).await;
    worker.echo(&event).await;
    assert_eq!(client.next().await["id"], 2);
}

/// ARCHITECTURE, rule 3.
#[tokio::test]
async fn a_reply_that_cannot_be_read_is_answered_with_internal_at_once() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let wrong = [
        json!({}),
        json!({ "effects": 7 }),
        json!({ "effects": [{ "dance": true }] }),
        json!({ "effects": [{ "send": 7 }] }),
        json!({ "effects": [{ "join": "a", "leave": "b" }] }),
        json!({ "effects": [{ "close": { "code": 1005 } }] }),
        json!({ "effects": [{ "send": {} }], "http": { "status": 200 } }),
    ];
    for (id, mut reply) in wrong.into_iter().enumerate() {
        client.send(json!({ "id": id })).await;
        let event = worker.next_message(json!({ "id": id })).await;
        reply["seq"] = json!(event.seq());
        worker.say(&event, &reply).await;
        assert_eq!(client.next_error().await, ("internal".to_owned(), Some(json!(id))), "{reply}");
    }
}

/// ARCHITECTURE, rule 3.
#[tokio::test]
async fn a_message_that_is_answered_as_if_it_were_http_is_answered_with_internal() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    client.send(json!({ "id": 1 })).await;
    let event = worker.next_message(json!({ "id": 1 })).await;
    worker.respond(&event, json!({ "status": 200 })).await;
    assert_eq!(client.next_error().await, ("internal".to_owned(), Some(json!(1))));
}

#[tokio::test]
async fn lines_that_are_no_replies_do_no_harm() {
    let (redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    for wrong in ["", "\n\n", "{", "[]", "7", r#"{"seq":"x","effects":[]}"#, r#"{"seq":-1,"effects":[]}"#] {
        redis.publish(&node.inbox(), wrong).await;
    }
    client.send(json!({ "id": 1 })).await;
    let event = worker.next_message(json!({ "id": 1 })).await;
    worker.echo(&event).await;
    assert_eq!(client.next().await["id"], 1);
}

/// ARCHITECTURE, rule 3.
#[tokio::test]
async fn every_http_event_is_delivered_once_however_often_workers_change() {
    const REQUESTS: usize = 400;
    const CONNECTIONS: usize = 16;
    let (redis, node, mut worker) = spine("").await;
    let mut flapping = redis.connection().await;
    let mut requests = tokio::task::JoinSet::new();
    for connection in 0..CONNECTIONS {
        let mut http = Http::connect(&node).await;
        requests.spawn(async move {
            for n in 0..REQUESTS {
                let path = format!("/echo/{connection}/{n}");
                assert_eq!(http.send(Method::GET, &path, &[], "").await.text(), path);
            }
        });
    }
    let mut flap = 0_u64;
    let mut flaps = tokio::task::JoinSet::new();
    flaps.spawn(async move {
        loop {
            flap += 1;
            // Nobody serves anything anew, but each announcement changes what is known.
            let line = json!({ "worker": "flapping", "services": { "other": { "paths": [format!("/other/{}", flap % 2)] } } });
            let mut publish = broker::redis::cmd("PUBLISH");
            publish.arg("workers").arg(line.to_string());
            publish.query_async::<u64>(&mut flapping).await.expect("Redis runs");
        }
    });
    let mut delivered = std::collections::HashSet::new();
    for _ in 0..REQUESTS * CONNECTIONS {
        let event = worker.next_of("http").await;
        let path = event.http()["path"].as_str().unwrap().to_owned();
        assert!(delivered.insert(path.clone()), "{path} was delivered twice");
        worker.respond(&event, json!({ "status": 200, "body": path })).await;
    }
    requests.join_all().await;
    assert_eq!(worker.unread().await.len(), 0);
}
