//! What becomes of lines.

use std::sync::Arc;

use broker::{Incoming, PublishError, Publisher, Subscriber, Tasks};
use protocol::limit;
use redis::aio::MultiplexedConnection;

use crate::redis_server::RedisServer;
use crate::within::{message, next, publisher, receipts, within};

/// How many commands of a kind Redis has handled.
async fn calls(redis: &mut MultiplexedConnection, command: &str) -> u64 {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(redis).await.unwrap();
    let prefix = format!("cmdstat_{command}:calls=");
    let line = info.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or("0,");
    line.split(',').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_receipt_says_how_many_received_it() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (publisher, mut told) = publisher(&server, &tasks).await;
    let mut inboxes = Vec::new();
    for _ in 0..2 {
        let (subscriber, received) = Subscriber::start(server.address(), &tasks);
        within(subscriber.connected()).await;
        subscriber.subscribe("a").await.unwrap();
        inboxes.push((subscriber, received));
    }
    publisher.try_publish("a".into(), b"x\n".to_vec(), 7).unwrap();
    publisher.try_publish("nobody".into(), b"y\n".to_vec(), 8).unwrap();
    assert_eq!(receipts(&mut told, 2).await, [(7, Ok(2)), (8, Ok(0))]);
    for (_, received) in &mut inboxes {
        assert_eq!(next(received).await, message("a", "x\n"));
    }
}

#[tokio::test]
async fn lines_that_wait_share_one_publish_a_channel() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (publisher, mut told) = publisher(&server, &tasks).await;
    let channels: Vec<Arc<str>> = vec!["a".into(), "b".into(), "c".into()];
    // The publisher's task has no turn before the first await.
    for tag in 0..3_000 {
        let channel = &channels[usize::try_from(tag % 3).unwrap()];
        publisher.try_publish(Arc::clone(channel), format!("{tag}\n").into_bytes(), tag).unwrap();
    }
    let receipts = receipts(&mut told, 3_000).await;
    assert!(receipts.iter().all(|(_, outcome)| *outcome == Ok(0)));
    assert_eq!(calls(&mut server.connection().await, "publish").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_rounds_grow_by_themselves() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (publisher, mut told) = publisher(&server, &tasks).await;
    let channel: Arc<str> = "a".into();
    let count = 100_000;
    let sending = async {
        for tag in 0..count {
            publisher.publish(Arc::clone(&channel), b"{\"seq\":1}\n".to_vec(), tag).await;
        }
    };
    let (_, receipts) = tokio::join!(sending, receipts(&mut told, 100_000));
    let tags: Vec<u64> = receipts.iter().map(|(tag, _)| *tag).collect();
    assert_eq!(tags, (0..count).collect::<Vec<_>>(), "receipts of a channel come in order");
    let publishes = calls(&mut server.connection().await, "publish").await;
    assert!(publishes < count / 10, "{publishes} PUBLISHes for {count} lines");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_a_channel_arrive_in_order_across_rounds_and_payloads_stay_small() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (publisher, mut told) = publisher(&server, &tasks).await;
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    within(subscriber.connected()).await;
    subscriber.subscribe_pattern("order:*").await.unwrap();
    let channels: Vec<Arc<str>> = (0..4).map(|n| format!("order:{n}").into()).collect();
    let sending = tasks.tracker.spawn(async move {
        for tag in 0..40_000_u64 {
            let line = format!("{tag} {}\n", "x".repeat(usize::try_from(tag % 400).unwrap()));
            publisher
                .publish(Arc::clone(&channels[usize::try_from(tag % 4).unwrap()]), line.into_bytes(), tag)
                .await;
        }
    });
    let mut seen = 0;
    let mut newest = [None; 4];
    while seen < 40_000 {
        let Incoming::Message { channel, payload } = next(&mut received).await else {
            panic!("nothing was lost")
        };
        assert!(payload.len() <= limit::PUBLISH_BYTES_MAX);
        let newest = &mut newest[channel.strip_prefix("order:").unwrap().parse::<usize>().unwrap()];
        for line in protocol::line::split(&payload) {
            let line = std::str::from_utf8(line).unwrap();
            let tag: u64 = line.split(' ').next().unwrap().parse().unwrap();
            assert!(newest.is_none_or(|newest| newest < tag), "{tag} came after {newest:?}");
            *newest = Some(tag);
            seen += 1;
        }
    }
    within(sending).await.unwrap();
    assert_eq!(receipts(&mut told, 40_000).await.len(), 40_000);
}

#[tokio::test]
async fn a_line_beyond_the_bound_of_a_payload_goes_alone() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (publisher, mut told) = publisher(&server, &tasks).await;
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    within(subscriber.connected()).await;
    subscriber.subscribe("a").await.unwrap();
    let large = "x".repeat(limit::PUBLISH_BYTES_MAX + 1);
    for (tag, line) in ["1\n", &large, "2\n", "3\n"].into_iter().enumerate() {
        publisher.try_publish("a".into(), line.as_bytes().to_vec(), tag as u64).unwrap();
    }
    assert!(receipts(&mut told, 4).await.iter().all(|(_, outcome)| *outcome == Ok(1)));
    for payload in ["1\n", &large, "2\n3\n"] {
        assert_eq!(next(&mut received).await, message("a", payload));
    }
}

#[tokio::test]
async fn without_a_link_a_line_is_not_sent_at_once() {
    let tasks = Tasks::new();
    let address = broker::Address::parse("redis://127.0.0.1:1").unwrap();
    let (receipts, mut told) = tokio::sync::mpsc::channel(1);
    let publisher = Publisher::start(address, &tasks, move |tag: u64, outcome| {
        receipts.try_send((tag, outcome)).unwrap();
    });
    assert!(!publisher.is_connected());
    assert_eq!(publisher.try_publish("a".into(), b"x\n".to_vec(), 1), Err((1, PublishError::NotSent)));
    publisher.publish("a".into(), b"x\n".to_vec(), 2).await;
    assert_eq!(told.try_recv(), Ok((2, Err(PublishError::NotSent))));
}

#[tokio::test]
async fn a_line_that_redis_refuses_is_not_sent_and_the_others_of_its_round_are() {
    let server = RedisServer::with("user default on nopass ~* +@all resetchannels &open");
    let tasks = Tasks::new();
    let (publisher, mut told) = publisher(&server, &tasks).await;
    for (tag, channel) in ["open", "forbidden", "open"].into_iter().enumerate() {
        publisher.try_publish(channel.into(), b"x\n".to_vec(), tag as u64).unwrap();
    }
    let mut receipts = receipts(&mut told, 3).await;
    receipts.sort_by_key(|(tag, _)| *tag);
    assert_eq!(receipts, [(0, Ok(0)), (1, Err(PublishError::NotSent)), (2, Ok(0))]);
    assert!(publisher.is_connected(), "a refusal is no reason to reconnect");
}

#[tokio::test]
async fn a_full_queue_takes_no_line_and_loses_none() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (publisher, mut told) = publisher(&server, &tasks).await;
    let channel: Arc<str> = "a".into();
    // The publisher's task has no turn before the first await.
    for tag in 0..limit::PUBLISH_WAITING_MAX as u64 {
        publisher.try_publish(Arc::clone(&channel), b"x\n".to_vec(), tag).unwrap();
    }
    let refused = publisher.try_publish(Arc::clone(&channel), b"x\n".to_vec(), u64::MAX);
    assert_eq!(refused, Err((u64::MAX, PublishError::NotSent)));
    // This one waits until there is room.
    within(publisher.publish(channel, b"x\n".to_vec(), u64::MAX - 1)).await;
    let receipts = receipts(&mut told, limit::PUBLISH_WAITING_MAX + 1).await;
    assert!(receipts.iter().all(|(_, outcome)| *outcome == Ok(0)));
    assert_eq!(receipts.last().unwrap().0, u64::MAX - 1);
}

#[tokio::test]
async fn bytes_that_wait_are_bounded_too() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (publisher, mut told) = publisher(&server, &tasks).await;
    let channel: Arc<str> = "a".into();
    let mut taken = 0;
    while publisher.try_publish(Arc::clone(&channel), vec![b'x'; 1024 * 1024], taken).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 64);
    assert!(receipts(&mut told, 64).await.iter().all(|(_, outcome)| *outcome == Ok(0)));
}

#[tokio::test]
async fn a_line_whose_answer_never_came_is_unknown() {
    let (mut server, tasks) = (RedisServer::start(), Tasks::new());
    let (publisher, mut told) = publisher(&server, &tasks).await;
    server.freeze();
    publisher.try_publish("a".into(), b"x\n".to_vec(), 1).unwrap();
    // Now the first round is under way, and the second line waits for the next one.
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    publisher.try_publish("a".into(), b"y\n".to_vec(), 2).unwrap();
    server.kill();
    let receipts = receipts(&mut told, 2).await;
    assert_eq!(receipts, [(1, Err(PublishError::Unknown)), (2, Err(PublishError::NotSent))]);
    assert!(!publisher.is_connected());
}
