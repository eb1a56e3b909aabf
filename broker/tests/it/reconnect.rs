//! Redis goes away and comes back.

use broker::{Incoming, NotConnected, PublishError, Store, StoreError, Subscriber, Tasks};

use crate::log_lines;
use crate::redis_server::RedisServer;
use crate::within::{message, next, publisher, receipts, within};

#[tokio::test]
async fn after_kill_9_and_a_restart_the_gap_is_told_once_and_all_channels_are_back() {
    log_lines::keep();
    let (mut server, tasks) = (RedisServer::start(), Tasks::new());
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    let (publisher, mut told) = publisher(&server, &tasks).await;
    within(subscriber.connected()).await;
    subscriber.subscribe("kept").await.unwrap();
    subscriber.subscribe("left").await.unwrap();
    subscriber.subscribe_pattern("p:*").await.unwrap();
    publisher.try_publish("kept".into(), b"before\n".to_vec(), 0).unwrap();
    assert_eq!(next(&mut received).await, message("kept", "before\n"));

    server.kill();
    assert_eq!(next(&mut received).await, Incoming::Lost);
    assert!(!subscriber.is_connected());
    assert!(subscriber.connection().is_none());
    assert_eq!(subscriber.subscribe("new").await, Err(NotConnected));
    assert_eq!(subscriber.unsubscribe("left").await, Err(NotConnected));

    server.restart();
    assert_eq!(next(&mut received).await, Incoming::Restored);
    within(publisher.connected()).await;
    for (tag, channel) in ["kept", "new", "p:x", "left"].into_iter().enumerate() {
        publisher.try_publish(channel.into(), b"after\n".to_vec(), tag as u64).unwrap();
    }
    let mut receipts = receipts(&mut told, 5).await;
    receipts.sort_by_key(|(tag, _)| *tag);
    assert_eq!(receipts[1..], [(0, Ok(1)), (1, Ok(1)), (2, Ok(1)), (3, Ok(0))]);
    for channel in ["kept", "new", "p:x"] {
        assert_eq!(next(&mut received).await, message(channel, "after\n"));
    }
    let log = log_lines::with(&server.url());
    let of_subscriber: Vec<_> = log.iter().filter(|line| line.contains("link=subscriber")).collect();
    assert_eq!(of_subscriber.len(), 2, "one line when it is lost, one when it is back: {log:?}");
    assert!(of_subscriber[0].starts_with("WARN") && of_subscriber[1].starts_with("INFO"), "{log:?}");
}

#[tokio::test]
async fn every_loss_is_told_however_often_redis_goes() {
    let (mut server, tasks) = (RedisServer::start(), Tasks::new());
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    within(subscriber.connected()).await;
    for _ in 0..3 {
        server.kill();
        assert_eq!(next(&mut received).await, Incoming::Lost);
        server.restart();
        assert_eq!(next(&mut received).await, Incoming::Restored);
    }
    assert_eq!(received.try_recv(), None);
}

#[tokio::test]
async fn a_link_that_redis_closes_is_made_anew() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    let (publisher, _told) = publisher(&server, &tasks).await;
    let store = Store::start(server.address(), &tasks);
    within(async { tokio::join!(subscriber.connected(), store.connected()) }).await;
    let mut redis = server.connection().await;
    for kind in ["pubsub", "normal"] {
        let kill = redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg(kind).arg("SKIPME").arg("yes").to_owned();
        let _: u64 = kill.query_async(&mut redis).await.unwrap();
    }
    assert_eq!(next(&mut received).await, Incoming::Lost);
    assert_eq!(next(&mut received).await, Incoming::Restored);
    within(publisher.connected()).await;
    within(store.connected()).await;
}

#[tokio::test]
async fn the_store_says_that_it_is_not_connected_and_works_again_with_what_was_stored() {
    let (mut server, tasks) = (RedisServer::start(), Tasks::new());
    let store = Store::start(server.address(), &tasks);
    within(store.connected()).await;
    store.query::<()>(redis::cmd("SET").arg("k").arg("v")).await.unwrap();
    server.kill();
    let get = redis::cmd("GET").arg("k").to_owned();
    let failed = within(async {
        loop {
            match store.query::<String>(&get).await {
                Err(StoreError::NotConnected) => break,
                // It notices a moment later.
                Err(StoreError::Unknown(_)) => tokio::task::yield_now().await,
                other => panic!("{other:?}"),
            }
        }
    });
    failed.await;
    server.restart();
    within(store.connected()).await;
    assert_eq!(store.query::<String>(&get).await.unwrap(), "v");
}

/// The clock is paused once all are connected. Nothing but a timer can happen then, so that it jumps from one to the
/// next: seconds pass at once.
#[tokio::test]
async fn a_redis_that_says_nothing_is_noticed_by_all_three() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    let store = Store::start(server.address(), &tasks);
    let (publisher, mut told) = publisher(&server, &tasks).await;
    within(async { tokio::join!(subscriber.connected(), store.connected()) }).await;
    server.freeze();
    tokio::time::pause();
    publisher.try_publish("a".into(), b"x\n".to_vec(), 1).unwrap();
    let get = redis::cmd("GET").arg("k").to_owned();
    assert!(
        matches!(store.query::<String>(&get).await, Err(StoreError::Unknown(error)) if error.is_timeout())
    );
    assert_eq!(receipts(&mut told, 1).await, [(1, Err(PublishError::Unknown))]);
    assert_eq!(received.recv().await, Some(Incoming::Lost));
    while store.is_connected() || publisher.is_connected() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    tokio::time::resume();
    server.thaw();
    assert_eq!(next(&mut received).await, Incoming::Restored);
    within(async { tokio::join!(publisher.connected(), store.connected()) }).await;
}
