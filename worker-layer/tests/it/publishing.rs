//! One worker pushes for all.

use std::time::{Duration, Instant};

use crate::support::{Client, Node, RedisServer, TestWorker, set, shown};

#[tokio::test]
async fn one_change_gives_exactly_one_push_however_many_workers_run() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(TestWorker::start(&redis, &mut node).await);
        node.set(&workers[0].id, "start", 0).await;
        node.list(&workers.last().expect("one").id).await;
    }
    let mut version = node.pushed_until(&[("start", 0)]).await.version;
    node.forget().await;
    for number in 1..=30 {
        let worker = &workers[usize::try_from(number).expect("small") % 3];
        node.set(&worker.id, "start", number).await;
        let listing = node.pushed().await;
        assert_eq!(shown(&listing), [("start", number)]);
        assert!(listing.version > version);
        version = listing.version;
        // Sets that change nothing push nothing.
        node.set(&worker.id, "start", number).await;
    }
    assert_eq!(node.unread_pushes().await, 0);
}

#[tokio::test]
async fn changes_that_come_together_share_listings_and_the_last_is_never_withheld() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    node.pushed_until(&[]).await;
    let mut lines = Vec::new();
    let (client, mut last) = (Client::new(), 0);
    for number in 1..=1_000 {
        let (seq, line) = node.message(client, &set(&format!("u{:02}", number % 10), number, Some(1)));
        lines.extend(line);
        last = seq;
    }
    node.publish(&worker.id, lines).await;
    let _ = node.effect(last).await;
    let expected: Vec<(String, i64)> =
        (0..10).map(|user| (format!("u{user:02}"), 990 + if user == 0 { 10 } else { user })).collect();
    let expected: Vec<(&str, i64)> = expected.iter().map(|(user, number)| (user.as_str(), *number)).collect();
    node.pushed_until(&expected).await;
}

#[tokio::test]
async fn when_the_publisher_is_killed_another_publishes_within_3_s() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let publisher = TestWorker::start(&redis, &mut node).await;
    node.set(&publisher.id, "ana", 1).await;
    node.pushed_until(&[("ana", 1)]).await;
    let other = TestWorker::start(&redis, &mut node).await;
    let killed = Instant::now();
    publisher.kill();
    node.set(&other.id, "ana", 2).await;
    node.pushed_until(&[("ana", 2)]).await;
    assert!(killed.elapsed() < Duration::from_secs(3), "{:?}", killed.elapsed());
}

#[tokio::test]
async fn a_publisher_that_leaves_pushes_what_is_pending_and_another_takes_over_at_once() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let publisher = TestWorker::start(&redis, &mut node).await;
    node.pushed_until(&[]).await;
    let other = TestWorker::start(&redis, &mut node).await;
    let client = Client::new();
    for number in 0..100 {
        node.send(&publisher.id, client, &set("ana", number, None)).await;
    }
    publisher.terminate();
    publisher.left().await.expect("in time");
    node.pushed_until(&[("ana", 99)]).await;
    let holder: Option<String> = redis.cli("GET {numbers}:publisher").await;
    assert!(holder.is_none_or(|holder| holder.starts_with(other.id.as_str())), "the lease was given back");
    node.set(&other.id, "ana", 200).await;
    node.pushed_until(&[("ana", 200)]).await;
}
