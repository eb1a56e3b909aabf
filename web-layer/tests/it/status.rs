//! How the node says that it is well.

use std::collections::HashSet;

use hyper::Method;
use serde_json::json;

use crate::support::{FakeWorker, Http, RedisServer, TestNode, spine, until};

#[tokio::test]
async fn healthz_is_green_while_the_process_lives() {
    let (mut redis, node, _worker) = spine("").await;
    redis.kill();
    let response = node.get("/healthz").await;
    assert_eq!((response.status, response.text().as_str()), (200, "alive\n"));
    let response = Http::connect(&node).await.send(Method::HEAD, "/healthz", &[], "").await;
    assert_eq!((response.status, response.body.len()), (200, 0));
}

/// ARCHITECTURE, rule 10.
#[tokio::test]
async fn readyz_is_green_only_while_the_canary_comes_back() {
    let redis = RedisServer::start();
    let node = TestNode::start(&redis).await;
    let green = json!({ "ready": true, "node": node.id, "services": [] });
    let response = node.get("/readyz").await;
    assert_eq!((response.status, response.json()), (200, green));
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(response.header("cache-control"), "no-store");

    redis.freeze();
    until("a red node", async || node.get("/readyz").await.status == 503).await;
    let red = node.get("/readyz").await.json();
    assert_eq!(red["ready"], false);
    assert!(red["trouble"].as_str().unwrap().contains("Redis"), "{red}");

    redis.thaw();
    node.is_ready().await;
}

#[tokio::test]
async fn readyz_lists_the_services_that_are_served_now() {
    let redis = RedisServer::start();
    let node = TestNode::start(&redis).await;
    let mut tea = FakeWorker::with(&redis, &[&node], json!({ "tea": {}, "milk": {} })).await;
    let _milk = FakeWorker::with(&redis, &[&node], json!({ "milk": {} })).await;
    assert_eq!(node.get("/readyz").await.json()["services"], json!(["milk", "tea"]));
    tea.drain().await;
    node.caught_up(&redis).await;
    assert_eq!(node.get("/readyz").await.json()["services"], json!(["milk"]));
}

#[tokio::test]
async fn metrics_are_openmetrics_and_count() {
    let (_redis, node, mut worker) = spine("").await;
    let (mut client, _) = worker.welcome(&node, json!([{ "join": "t" }])).await;
    for n in 0..3 {
        client.send(json!({ "n": n })).await;
        let event = worker.next_of("message").await;
        worker.echo(&event).await;
        client.next().await;
    }
    worker.push("t", json!({ "body": {} })).await;
    client.next().await;
    let response = node.get("/metrics").await;
    assert_eq!(response.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = response.text();
    let samples = openmetrics(&text);
    for (name, value) in [
        ("connections", "1"),
        ("connections_accepted_total", "1"),
        ("frames_received_total", "3"),
        ("requests_total{kind=\"message\",outcome=\"answered\"}", "3"),
        ("requests_total{kind=\"open\",outcome=\"answered\"}", "1"),
        ("requests_in_flight", "0"),
        ("pushes_received_total", "1"),
        ("redis_connected", "1"),
        ("request_seconds_count", "4"),
    ] {
        assert!(
            samples.contains(&format!("tercet_node_{name} {value}").as_str()),
            "{name} is not {value}: {text}"
        );
    }
    until("the push to be counted", async || node.metric("deliveries_total").await == 1).await;
    client.close(1000, "").await;
    client.closed().await;
    until("the close to be counted", async || node.metric("connections").await == 0).await;
}

/// The samples of a text in the format of OpenMetrics 1.0, which is checked on the way.
fn openmetrics(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.pop(), Some("# EOF"));
    let mut samples = Vec::new();
    let mut described = HashSet::new();
    let mut family = String::new();
    for line in lines {
        if let Some(descriptor) = line.strip_prefix("# ") {
            let words: Vec<&str> = descriptor.splitn(3, ' ').collect();
            assert!(["TYPE", "HELP", "UNIT"].contains(&words[0]), "{line}");
            assert!(described.insert((words[0], words[1])), "twice: {line}");
            family = words[1].to_owned();
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = name.split('{').next().unwrap();
            let suffix = name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} is not of {family}"));
            assert!(["", "_total", "_count", "_sum", "_bucket"].contains(&suffix), "{line}");
            samples.push(line);
        }
    }
    samples
}
