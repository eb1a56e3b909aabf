//! Pushes: from one PUBLISH to every connection of a topic.

use serde_json::{Value, json};

use crate::support::{Client, FakeWorker, RedisServer, TestNode, spine};

/// A client that has joined the topic `t`, and its connection.
async fn member(node: &TestNode, worker: &mut FakeWorker) -> (Client, String) {
    let (mut client, conn) = worker.welcome(node, json!([{ "join": "t" }])).await;
    client.send(json!({ "joined": "?" })).await;
    let event = worker.next_of("message").await;
    worker.reply(&event, json!([])).await;
    (client, conn)
}

fn state(version: u64) -> Value {
    json!({ "body": { "state": version }, "key": "k", "version": version })
}

#[tokio::test]
async fn a_push_reaches_every_member_on_every_node_once() {
    let redis = RedisServer::start();
    let nodes = [TestNode::start(&redis).await, TestNode::start(&redis).await];
    let mut worker = FakeWorker::start(&redis, &[&nodes[0], &nodes[1]]).await;
    let mut members = Vec::new();
    for n in 0..8 {
        members.push(member(&nodes[n % 2], &mut worker).await.0);
    }
    for n in 0..100 {
        assert_eq!(worker.push("t", json!({ "body": { "n": n } })).await, 2);
    }
    for client in &mut members {
        for n in 0..100 {
            assert_eq!(client.next().await, json!({ "n": n }));
        }
    }
}

#[tokio::test]
async fn many_pushes_can_share_a_payload() {
    let (redis, node, mut worker) = spine("").await;
    let (mut client, _) = member(&node, &mut worker).await;
    let lines: Vec<String> = (0..500).map(|n| json!({ "body": { "n": n } }).to_string()).collect();
    redis.publish("topic:t", lines.join("\n")).await;
    for n in 0..500 {
        assert_eq!(client.next().await, json!({ "n": n }));
    }
}

#[tokio::test]
async fn a_push_leaves_out_the_connection_that_it_excepts_and_nothing_else() {
    let (_redis, node, mut worker) = spine("--threads 1").await;
    let (mut first, excepted) = member(&node, &mut worker).await;
    let (mut second, _) = member(&node, &mut worker).await;
    for n in 0..30 {
        let mut push = json!({ "body": { "n": n } });
        if n % 3 == 0 {
            push["except"] = json!(excepted);
        }
        worker.push("t", push).await;
    }
    for n in 0..30 {
        assert_eq!(second.next().await, json!({ "n": n }));
    }
    for n in (0..30).filter(|n| n % 3 != 0) {
        assert_eq!(first.next().await, json!({ "n": n }));
    }
}

/// ARCHITECTURE, rule 8.
#[tokio::test]
async fn an_older_version_never_comes_after_a_newer_one() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = member(&node, &mut worker).await;
    for version in [5, 4, 5, 6, 1, 0, 7] {
        worker.push("t", state(version)).await;
        if version == 1 {
            // Another key has versions of its own.
            worker.push("t", json!({ "body": { "other": 1 }, "key": "other", "version": 1 })).await;
        }
    }
    worker.push("t", json!({ "body": { "end": true } })).await;
    let mut got = Vec::new();
    while got.last() != Some(&json!({ "end": true })) {
        got.push(client.next().await);
    }
    // States that wait together are one state, so 5 and 6 may be left out.
    got.retain(|push| *push != json!({ "state": 5 }) && *push != json!({ "state": 6 }));
    assert_eq!(got, [json!({ "other": 1 }), json!({ "state": 7 }), json!({ "end": true })]);
}

#[tokio::test]
async fn a_state_without_a_version_is_always_newer() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = member(&node, &mut worker).await;
    for n in [3, 1, 2] {
        worker.push("t", json!({ "body": { "n": n }, "key": "k" })).await;
        assert_eq!(client.next().await, json!({ "n": n }));
    }
}

/// ARCHITECTURE, rule 11.
#[tokio::test]
async fn a_push_of_3_mb_comes_by_claim_and_in_its_turn() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = member(&node, &mut worker).await;
    let large = json!({ "large": "x".repeat(3_000_000) });
    for round in 0..3 {
        let claim = worker.claim(large.to_string().as_bytes()).await;
        worker.push("t", json!({ "body": { "before": round } })).await;
        worker.push("t", json!({ "claim": claim })).await;
        worker.push("t", json!({ "body": { "after": round } })).await;
        assert_eq!(client.next().await, json!({ "before": round }));
        assert!(client.next().await == large, "the large one");
        assert_eq!(client.next().await, json!({ "after": round }));
    }
}

/// ARCHITECTURE, rules 7 and 11.
#[tokio::test]
async fn a_push_whose_claim_is_broken_makes_the_node_ask_for_the_newest() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = member(&node, &mut worker).await;
    let broken = json!({ "key": "claim:gone", "bytes": 100_000 });
    worker.push("t", json!({ "claim": broken, "key": "k", "version": 7 })).await;
    worker.push("t", json!({ "body": { "after": true } })).await;
    let gap = worker.next_of("gap").await;
    assert_eq!(gap.0["topic"], "t");
    assert_eq!(gap.0["service"], "echo");
    assert_eq!(client.next().await, json!({ "after": true }));
    worker.reply(&gap, json!([{ "push": { "topic": "t", "push": state(8) } }])).await;
    assert_eq!(client.next().await, json!({ "state": 8 }));
    assert_eq!(node.metric("gaps_total").await, 1);
}

/// ARCHITECTURE, rules 7 and 11.
#[tokio::test]
async fn the_newest_state_comes_again_when_its_claim_was_broken() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = member(&node, &mut worker).await;
    let broken = json!({ "key": "claim:gone", "bytes": 100_000 });
    worker.push("t", json!({ "claim": broken, "key": "k", "version": 7 })).await;
    let gap = worker.next_of("gap").await;
    // Nothing changed since, so the newest state is the one that was lost.
    worker.reply(&gap, json!([{ "push": { "topic": "t", "push": state(7) } }])).await;
    assert_eq!(client.next().await, json!({ "state": 7 }));
}

#[tokio::test]
async fn pushes_that_cannot_be_read_are_left_out() {
    let (redis, node, mut worker) = spine("").await;
    let (mut client, _) = member(&node, &mut worker).await;
    let wrong = [
        "{",
        "7",
        "{}",
        r#"{"body":7}"#,
        r#"{"body":{},"version":1}"#,
        r#"{"body":{},"claim":{"key":"k","bytes":1}}"#,
    ];
    for push in wrong {
        redis.publish("topic:t", push).await;
    }
    redis.publish("topic:t", "{\"body\":{\"n\":1}}\n{\n\n{\"body\":{\"n\":2}}").await;
    assert_eq!(client.next().await, json!({ "n": 1 }));
    assert_eq!(client.next().await, json!({ "n": 2 }));
}

#[tokio::test]
async fn a_topic_without_members_costs_no_subscription() {
    let (redis, node, mut worker) = spine("").await;
    let (mut one, _) = member(&node, &mut worker).await;
    let (two, _) = member(&node, &mut worker).await;
    drop(two);
    worker.next_of("close").await;
    worker.push("t", json!({ "body": { "still": "there" } })).await;
    assert_eq!(one.next().await, json!({ "still": "there" }));
    drop(one);
    worker.next_of("close").await;
    let channels: Vec<String> = redis.command(&["PUBSUB", "CHANNELS", "topic:*"]).await;
    assert_eq!(channels, [""; 0]);
    let (mut again, _) = member(&node, &mut worker).await;
    worker.push("t", json!({ "body": { "again": true } })).await;
    assert_eq!(again.next().await, json!({ "again": true }));
}
