//! Slow readers cost a bounded amount, and nobody else waits: rule 8.

use std::time::Duration;

use serde_json::{Value, json};
use system_tests::cluster::Node;
use system_tests::raw_socket::{RawSocket, opcode};
use system_tests::{Client, Cluster, Listing, RedisServer, bounded};
use tokio::time::Instant;

/// What some sockets that never read may cost a node, bytes. Had it kept all, they would have cost gigabytes.
const COST_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// How long another client's request may take meanwhile: somebody who waits for a slow reader waits for ever.
const REQUEST_MAX: Duration = Duration::from_secs(5);

#[test]
fn sockets_that_never_read_cost_little_delay_nobody_and_end_with_the_newest_listing() {
    const LISTINGS: u64 = 10_000;
    const TOGETHER: u64 = 100;
    const SLOW: usize = 5;
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let node = &cluster.nodes[0];
        let mut slow = Vec::new();
        for _ in 0..SLOW {
            slow.push(joined(node.address).await);
        }
        let other = Client::open(&node.ws("/ws")).await;
        other.set("ana", 1).await;
        let first = other.until_pushed("ana", |listing| listing.number("ana") == Some(1)).await.version + 1;
        let before = node.process.memory_bytes();

        let users = many_users();
        let mut redis = cluster.redis.connect().await;
        let mut slowest = Duration::ZERO;
        for batch in 0..LISTINGS / TOGETHER {
            let mut pushes = redis::pipe();
            for version in (first + batch * TOGETHER..).take(TOGETHER as usize) {
                pushes.cmd("PUBLISH").arg("topic:numbers").arg(push(&users, version)).ignore();
            }
            let () = pushes.query_async(&mut redis).await.unwrap();
            let asked = Instant::now();
            other.list().await;
            slowest = slowest.max(asked.elapsed());
        }
        let last = first + LISTINGS - 1;
        other.until("the last push", |heard| heard.versions.contains(&last).then_some(())).await;
        assert!(slowest < REQUEST_MAX, "a request of another client took {slowest:?}");
        let cost = node.process.memory_bytes().saturating_sub(before);
        assert!(cost < COST_BYTES_MAX, "{SLOW} sockets that never read cost {cost} bytes");

        other.set("zoe", 9).await;
        let newest = other.until_pushed("zoe", |listing| listing.number("zoe") == Some(9)).await;
        other.assert_well();
        for socket in &mut slow {
            let mut received = 0;
            loop {
                let frame = socket.read().await.expect("the socket is open");
                let Some(text) = frame.text().filter(|text| text.starts_with("{\"Users\"")) else { continue };
                received += 1;
                if text.ends_with(&format!("\"Version\":{}}}", newest.version)) {
                    assert_eq!(Listing::from_text(text), newest);
                    break;
                }
            }
            assert!(received < LISTINGS / 2, "{received} listings were kept for a socket that did not read");
            assert!(socket.is_open().await);
        }
    });
}

#[test]
fn a_socket_that_does_not_read_events_is_closed_with_4008_and_the_others_get_each_one() {
    const TOGETHER: usize = 20;
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let node = &cluster.nodes[0];
        let mut slow = joined(node.address).await;
        let other = Client::open(&node.ws("/ws")).await;
        other.list().await;
        let before = node.process.memory_bytes();
        let mut sent = 0;
        // The bound of an outbox is 1 MiB; before it comes what the systems on both sides keep, some MiB.
        while closed_slow_readers(node).await == 0 {
            assert!(sent < 5_000, "50 MB wait for a socket that does not read");
            publish_events(&cluster.redis, sent, TOGETHER).await;
            sent += TOGETHER;
            other.until("all events", |heard| (heard.others.len() == sent).then_some(())).await;
        }
        // It has some seconds to read the rest: then the node gives it up.
        assert_eq!(slow.read_to_close().await, Some(4008));
        let cost = node.process.memory_bytes().saturating_sub(before);
        assert!(cost < COST_BYTES_MAX, "one socket that never reads cost {cost} bytes");
        let numbers = other
            .record()
            .look(|heard| heard.others.iter().map(|event| event["n"].clone()).collect::<Vec<_>>());
        assert_eq!(numbers, (0..sent).map(Value::from).collect::<Vec<_>>());
        other.list().await;
        other.assert_well();
    });
}

async fn closed_slow_readers(node: &Node) -> u64 {
    let metrics = reqwest::get(node.http("/metrics")).await.unwrap().text().await.unwrap();
    let line = metrics
        .lines()
        .find(|line| line.contains("slow_readers_total"))
        .unwrap_or_else(|| panic!("{metrics}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// A socket that is told of changes, and reads nothing more from now on.
async fn joined(address: std::net::SocketAddr) -> RawSocket {
    let mut socket = RawSocket::open(address, "/ws").await;
    socket.write(&system_tests::raw_socket::text(r#"{"Cmd":2,"id":1}"#)).await.unwrap();
    loop {
        let frame = socket.read().await.expect("an answer");
        if frame.opcode == opcode::TEXT && frame.text().is_some_and(|text| text.contains("\"id\":1")) {
            return socket;
        }
    }
}

/// The users of a listing of 20 KB.
fn many_users() -> String {
    let user = |n| json!({"UserName": format!("user {n:04}"), "FavoriteNumber": n});
    Value::from_iter((0..500).map(user)).to_string()
}

/// What a worker publishes, made by hand: publishing by way of 10,000 changes would take minutes.
fn push(users: &str, version: u64) -> String {
    let listing = format!("{{\"Users\":{users},\"Version\":{version}}}");
    format!("{{\"body\":{listing},\"key\":\"listing\",\"version\":{version}}}\n")
}

async fn publish_events(redis: &RedisServer, first: usize, count: usize) {
    let padding = "x".repeat(10_000);
    let mut pushes = redis::pipe();
    for n in first..first + count {
        pushes
            .cmd("PUBLISH")
            .arg("topic:numbers")
            .arg(format!("{}\n", json!({"body": {"n": n, "padding": padding}})));
    }
    let _: Vec<u64> = pushes.query_async(&mut redis.connect().await).await.unwrap();
}
