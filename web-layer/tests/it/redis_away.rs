//! Redis goes away and comes back.

use broker::redis::aio::MultiplexedConnection;
use broker::redis::{self, FromRedisValue};
use hyper::Method;
use serde_json::{Value, json};

use crate::support::{Client, FakeWorker, Http, RedisServer, TestNode, spine, until};

async fn member(node: &TestNode, worker: &mut FakeWorker, topics: &[&str]) -> Client {
    let joins: Value = topics.iter().map(|topic| json!({ "join": topic })).collect();
    let (mut client, _) = worker.welcome(node, joins).await;
    client.send(json!({ "joined": "?" })).await;
    let event = worker.next_of("message").await;
    worker.reply(&event, json!([])).await;
    client
}

/// Kills Redis and starts it again; until then the node has noticed.
async fn restart(redis: &mut RedisServer, node: &TestNode, worker: &mut FakeWorker) {
    redis.kill();
    until("the loss to be noticed", async || node.metric("redis_links_lost_total").await > 0).await;
    redis.restart();
    // Both links of the node: what it publishes comes back to it.
    until("the node to be back", async || {
        node.metric("redis_connected").await == 1 && redis.publish(&node.inbox(), "").await == 1
    })
    .await;
    worker.reconnect(redis, &[node]).await;
}

/// ARCHITECTURE, rule 7.
#[tokio::test]
async fn sockets_stay_open_and_one_gap_a_topic_brings_the_newest() {
    let (mut redis, node, mut worker) = spine("").await;
    let mut first = member(&node, &mut worker, &["t", "u"]).await;
    let mut second = member(&node, &mut worker, &["t"]).await;
    let state = |version: u64| json!({ "body": { "state": version }, "key": "k", "version": version });
    worker.push("t", state(1)).await;
    assert_eq!(first.next().await, json!({ "state": 1 }));
    assert_eq!(second.next().await, json!({ "state": 1 }));

    restart(&mut redis, &node, &mut worker).await;
    let gaps = [worker.next_of("gap").await, worker.next_of("gap").await];
    let mut topics: Vec<&str> = gaps.iter().map(|gap| gap.0["topic"].as_str().unwrap()).collect();
    topics.sort_unstable();
    assert_eq!(topics, ["t", "u"], "once a topic, not a connection");
    for gap in &gaps {
        assert_eq!(gap.0["service"], "echo");
        assert!(gap.0.get("conn").is_none());
        let topic = &gap.0["topic"];
        let push = if *topic == "t" { state(2) } else { json!({ "body": { "fetch": "please" } }) };
        worker.reply(gap, json!([{ "push": { "topic": topic, "push": push } }])).await;
    }
    assert_eq!(second.next().await, json!({ "state": 2 }));
    let got = [first.next().await, first.next().await];
    assert!(got.contains(&json!({ "state": 2 })) && got.contains(&json!({ "fetch": "please" })), "{got:?}");

    assert_eq!(worker.push("t", state(3)).await, 1, "the subscription is restored");
    assert_eq!(first.next().await, json!({ "state": 3 }));
    assert_eq!(second.next().await, json!({ "state": 3 }));
    for client in [&mut first, &mut second] {
        client.send(json!({ "id": 1 })).await;
        let event = worker.next_message(json!({ "id": 1 })).await;
        worker.echo(&event).await;
        assert_eq!(client.next().await["id"], 1);
    }
    assert_eq!(worker.unread().await.len(), 0, "and no gap more");
}

/// ARCHITECTURE, rules 3 and 7.
#[tokio::test]
async fn requests_in_flight_are_outcome_unknown_and_new_ones_unavailable_while_redis_is_away() {
    let (mut redis, node, mut worker) = spine("--hold-ms 50").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    client.send(json!({ "id": 1 })).await;
    worker.next_message(json!({ "id": 1 })).await;
    let mut http = Http::connect(&node).await;
    let mut asking = tokio::task::JoinSet::new();
    asking.spawn(async move { http.send(Method::POST, "/echo", &[], "x").await });
    worker.next_of("http").await;

    redis.kill();
    assert_eq!(client.next_error().await, ("outcome_unknown".to_owned(), Some(json!(1))));
    let response = asking.join_next().await.unwrap().unwrap();
    assert_eq!((response.status, response.error_code().as_str()), (504, "outcome_unknown"));
    client.send(json!({ "id": 2 })).await;
    assert_eq!(client.next_error().await, ("unavailable".to_owned(), Some(json!(2))));
    let response = node.get("/echo").await;
    assert_eq!((response.status, response.error_code().as_str()), (503, "unavailable"));
    // A body that is too large to be held waits for nothing.
    let large = Http::connect(&node).await.send(Method::POST, "/echo", &[], "x".repeat(100_000)).await;
    assert_eq!((large.status, large.error_code().as_str()), (503, "unavailable"));

    restart_killed(&mut redis, &node, &mut worker).await;
    client.send(json!({ "id": 3 })).await;
    let event = worker.next_message(json!({ "id": 3 })).await;
    worker.echo(&event).await;
    assert_eq!(client.next().await["id"], 3);
}

async fn restart_killed(redis: &mut RedisServer, node: &TestNode, worker: &mut FakeWorker) {
    redis.restart();
    until("the node to be back", async || {
        node.metric("redis_connected").await == 1 && redis.publish(&node.inbox(), "").await == 1
    })
    .await;
    worker.reconnect(redis, &[node]).await;
}

/// ARCHITECTURE, rule 7.
#[tokio::test]
async fn a_connection_that_is_opened_while_redis_is_away_is_served_when_it_is_back() {
    let (mut redis, node, mut worker) = spine("--hold-ms 60000").await;
    redis.kill();
    let mut client = Client::connect(&node, crate::support::worker::WS).await;
    client.send(json!({ "id": 1 })).await;
    restart_killed(&mut redis, &node, &mut worker).await;
    let open = worker.next_of("open").await;
    worker.reply(&open, json!([{ "join": "t" }])).await;
    let event = worker.next_message(json!({ "id": 1 })).await;
    worker.echo(&event).await;
    assert_eq!(client.next().await["id"], 1);
    assert_eq!(worker.push("t", json!({ "body": { "n": 1 } })).await, 1);
    assert_eq!(client.next().await, json!({ "n": 1 }));
}

async fn ask<T: FromRedisValue>(console: &mut MultiplexedConnection, words: &[&str]) -> T {
    redis::cmd(words[0]).arg(&words[1..]).query_async(console).await.unwrap()
}

/// Cuts the link on which a node hears replies; the one that publishes lives.
async fn cut_replies(console: &mut MultiplexedConnection, node: &TestNode) {
    let clients: String = ask(console, &["CLIENT", "LIST"]).await;
    let of_node = clients.lines().filter(|line| line.contains(" resp=3") && !line.contains(" sub=0 "));
    for line in of_node {
        let id = line.strip_prefix("id=").and_then(|rest| rest.split(' ').next()).unwrap();
        let _: u64 = ask(console, &["CLIENT", "KILL", "ID", id]).await;
    }
    until("the loss to be noticed", async || node.metric("redis_links_lost_total").await > 0).await;
}

/// ARCHITECTURE, rule 4.
#[tokio::test]
async fn nothing_overtakes_an_event_that_was_given_up_but_may_still_be_handled() {
    let (redis, node, mut slow) = spine("--hold-ms 60000").await;
    let (mut client, _) = slow.welcome(&node, json!([])).await;
    client.send(json!({ "id": 1 })).await;
    slow.next_message(json!({ "id": 1 })).await;
    let mut other = FakeWorker::start(&redis, &[&node]).await;

    cut_replies(&mut redis.connection().await, &node).await;
    assert_eq!(client.next_error().await.0, "outcome_unknown");
    until("the node to be back", async || redis.publish(&node.inbox(), "").await == 1).await;
    // It cannot be reached, but it is alive and has the first one.
    slow.stop_listening().await;
    client.send(json!({ "id": 2 })).await;
    until("the second to be taken in", async || node.metric("requests_in_flight").await == 1).await;
    // By the time that a later event has come to the other worker, this one was published to nobody.
    let _later = other.welcome(&node, json!([])).await;
    assert_eq!(other.unread().await.len(), 0, "the first one may be handled any time");

    // By now it refuses what it has.
    slow.fall_silent().await;
    let event = other.next_message(json!({ "id": 2 })).await;
    other.echo(&event).await;
    assert_eq!(client.next().await["id"], 2);
}

/// ARCHITECTURE, rules 3 and 7.
#[tokio::test]
async fn nothing_is_sent_to_a_worker_while_its_reply_could_not_be_heard() {
    let (redis, node, mut worker) = spine("--hold-ms 60000").await;
    let (mut client, _) = worker.welcome(&node, json!([])).await;
    let mut console = redis.connection().await;
    let _: () = ask(&mut console, &["CONFIG", "SET", "maxclients", "1"]).await;
    cut_replies(&mut console, &node).await;
    client.send(json!({ "id": 1 })).await;
    let mut http = Http::connect(&node).await;
    let mut asking = tokio::task::JoinSet::new();
    asking.spawn(async move { http.get("/echo").await });
    until("both to be taken in", async || node.metric("requests_in_flight").await == 2).await;
    assert_eq!(worker.unread().await.len(), 0, "replies would be lost");

    let _: () = ask(&mut console, &["CONFIG", "SET", "maxclients", "1000"]).await;
    for _ in 0..2 {
        let event = worker.next().await;
        match event.kind() {
            "http" => worker.respond(&event, json!({ "status": 200 })).await,
            _ => worker.echo(&event).await,
        }
    }
    assert_eq!(client.next().await["id"], 1);
    assert_eq!(asking.join_next().await.unwrap().unwrap().status, 200);
}

/// ARCHITECTURE, rule 7.
#[tokio::test]
async fn a_gap_is_asked_again_until_it_is_answered() {
    let (mut redis, node, mut worker) = spine("--request-timeout-ms 200").await;
    let mut client = member(&node, &mut worker, &["t"]).await;
    restart(&mut redis, &node, &mut worker).await;
    worker.next_of("gap").await;
    let gap = worker.next_of("gap").await;
    let push = json!({ "body": { "newest": true } });
    worker.reply(&gap, json!([{ "push": { "topic": "t", "push": push } }])).await;
    assert_eq!(client.next().await, push["body"]);
}
