//! Ending.

use broker::{PublishError, Store, StoreError, Subscriber, Tasks};

use crate::redis_server::RedisServer;
use crate::within::{message, publisher, receipts, within};

#[tokio::test]
async fn when_the_process_stops_lines_that_were_taken_are_published_and_all_tasks_end() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (publisher, mut told) = publisher(&server, &tasks).await;
    let store = Store::start(server.address(), &tasks);
    within(store.connected()).await;
    for tag in 0..1_000 {
        publisher.try_publish("a".into(), b"x\n".to_vec(), tag).unwrap();
    }
    within(tasks.end()).await;
    assert!(receipts(&mut told, 1_000).await.iter().all(|(_, outcome)| *outcome == Ok(0)));
    assert_eq!(publisher.try_publish("a".into(), b"x\n".to_vec(), 1), Err((1, PublishError::NotSent)));
    assert!(matches!(store.query::<()>(&redis::cmd("PING")).await, Err(StoreError::NotConnected)));
}

#[tokio::test]
async fn when_the_process_stops_what_was_received_can_still_be_read_and_then_it_ends() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    within(subscriber.connected()).await;
    subscriber.subscribe("a").await.unwrap();
    let mut redis = server.connection().await;
    for number in 0..3 {
        let _: u64 = redis::cmd("PUBLISH").arg("a").arg(number).query_async(&mut redis).await.unwrap();
    }
    let mut kept = subscriber.connection().unwrap();
    redis::cmd("PING").exec_async(&mut kept).await.unwrap();
    within(tasks.end()).await;
    for number in ["0", "1", "2"] {
        assert_eq!(within(received.recv()).await, Some(message("a", number)));
    }
    assert_eq!(within(received.recv()).await, None);
    assert_eq!(within(received.recv()).await, None);
    assert!(subscriber.subscribe("b").await.is_err());
    assert!(redis::cmd("PING").exec_async(&mut kept).await.is_err(), "the connection has ended, too");
}

#[tokio::test]
async fn all_tasks_end_when_redis_never_was_there() {
    let tasks = Tasks::new();
    let address = broker::Address::parse("redis://127.0.0.1:1").unwrap();
    let (_subscriber, mut received) = Subscriber::start(address.clone(), &tasks);
    let _store = Store::start(address.clone(), &tasks);
    let _publisher = broker::Publisher::start(address, &tasks, |(), _| {});
    within(tasks.end()).await;
    assert_eq!(within(received.recv()).await, None);
}
