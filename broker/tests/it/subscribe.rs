//! What is received, and in which order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use broker::{Incoming, NotConnected, Subscriber, Tasks};

use crate::redis_server::RedisServer;
use crate::within::{message, next, within};

async fn publish(redis: &mut redis::aio::MultiplexedConnection, channel: &str, payload: &str) -> u64 {
    redis::cmd("PUBLISH").arg(channel).arg(payload).query_async(redis).await.unwrap()
}

#[tokio::test]
async fn channels_and_patterns_are_received_as_soon_as_they_are_confirmed() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    let mut redis = server.connection().await;
    within(subscriber.connected()).await;
    subscriber.subscribe("a").await.unwrap();
    subscriber.subscribe("a").await.unwrap();
    subscriber.subscribe_pattern("p:*").await.unwrap();
    assert_eq!(publish(&mut redis, "a", "1").await, 1);
    assert_eq!(publish(&mut redis, "p:x", "2").await, 1);
    assert_eq!(publish(&mut redis, "b", "3").await, 0);
    assert_eq!(next(&mut received).await, message("a", "1"));
    assert_eq!(next(&mut received).await, message("p:x", "2"));
    assert_eq!(received.try_recv(), None);
}

#[tokio::test]
async fn a_channel_wished_for_before_the_first_connection_is_subscribed_with_it() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    assert!(!subscriber.is_connected());
    assert_eq!(subscriber.subscribe("a").await, Err(NotConnected));
    within(subscriber.connected()).await;
    assert_eq!(publish(&mut server.connection().await, "a", "1").await, 1);
    assert_eq!(next(&mut received).await, message("a", "1"), "the first connection sends no notice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_published_before_an_unsubscription_was_confirmed_is_there() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    within(subscriber.connected()).await;
    for round in 0..50 {
        let channel = format!("c{round}");
        subscriber.subscribe(&channel).await.unwrap();
        let mut redis = server.connection().await;
        let flooding = {
            let channel = channel.clone();
            tasks.tracker.spawn(async move {
                let mut delivered = 0;
                while publish(&mut redis, &channel, "x").await == 1 {
                    delivered += 1;
                }
                delivered
            })
        };
        assert!(matches!(next(&mut received).await, Incoming::Message { .. }));
        subscriber.unsubscribe(&channel).await.unwrap();
        let mut taken = 1;
        while received.try_recv().is_some() {
            taken += 1;
        }
        assert_eq!(taken, within(flooding).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_on_the_subscriber_s_connection_comes_after_every_message_before_it() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    within(subscriber.connected()).await;
    subscriber.subscribe("a").await.unwrap();
    let (published, seen_by_all) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let stop = tasks.stop.clone();
    let flooding = {
        let (published, seen, mut redis) =
            (Arc::clone(&published), Arc::clone(&seen_by_all), server.connection().await);
        tasks.tracker.spawn(async move {
            let mut number = 0;
            while !stop.is_cancelled() {
                // As fast as it is received, and no faster: what piles up in Redis delays every answer.
                if number > seen.load(Ordering::Acquire) + 1_000 {
                    tokio::task::yield_now().await;
                    continue;
                }
                let mut round = redis::pipe();
                for _ in 0..20 {
                    number += 1;
                    round.cmd("PUBLISH").arg("a").arg(number).ignore();
                }
                let () = round.query_async(&mut redis).await.unwrap();
                published.store(number, Ordering::Release);
            }
        })
    };
    let mut seen = 0;
    for _ in 0..2_000 {
        let before = published.load(Ordering::Acquire);
        let mut connection = subscriber.connection().unwrap();
        let () = redis::cmd("PING").query_async(&mut connection).await.unwrap();
        while let Some(incoming) = received.try_recv() {
            let Incoming::Message { payload, .. } = incoming else { panic!("nothing was lost") };
            let number: u64 = std::str::from_utf8(&payload).unwrap().parse().unwrap();
            assert_eq!(number, seen + 1);
            seen = number;
        }
        seen_by_all.store(seen, Ordering::Release);
        assert!(
            seen >= before,
            "{before} had been published before the barrier, but only {seen} was here after it"
        );
    }
    assert!(seen > 1_000, "there was load: {seen}");
    tasks.stop.cancel();
    within(flooding).await.unwrap();
}

#[tokio::test]
async fn a_channel_that_redis_refuses_does_not_spoil_the_others() {
    let server = RedisServer::with("user default on nopass ~* +@all resetchannels &open* &topic:*");
    let tasks = Tasks::new();
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    within(subscriber.connected()).await;
    let (open, forbidden, other) = tokio::join!(
        subscriber.subscribe("open"),
        subscriber.subscribe("forbidden"),
        subscriber.subscribe("open2"),
    );
    assert_eq!((open, forbidden, other), (Ok(()), Err(NotConnected), Ok(())));
    assert!(subscriber.is_connected());
    let mut redis = server.connection().await;
    assert_eq!(publish(&mut redis, "open2", "1").await, 1);
    assert_eq!(next(&mut received).await, message("open2", "1"));
}

#[tokio::test]
async fn thousands_of_changes_at_once_need_few_round_trips() {
    let (server, tasks) = (RedisServer::start(), Tasks::new());
    let (subscriber, _received) = Subscriber::start(server.address(), &tasks);
    within(subscriber.connected()).await;
    let mut changes = tokio::task::JoinSet::new();
    for n in 0..5_000 {
        let subscriber = subscriber.clone();
        changes.spawn(async move {
            let channel = format!("topic:{n}");
            subscriber.subscribe(&channel).await?;
            if n % 2 == 0 { subscriber.unsubscribe(&channel).await } else { Ok(()) }
        });
    }
    let outcomes = within(changes.join_all()).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let mut redis = server.connection().await;
    let channels: Vec<String> = redis::cmd("PUBSUB").arg("CHANNELS").query_async(&mut redis).await.unwrap();
    assert_eq!(channels.len(), 2_500);
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(&mut redis).await.unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_subscribe:calls=")).unwrap();
    let calls: u64 = line.split(',').next().unwrap().parse().unwrap();
    assert!(calls < 50, "{calls} SUBSCRIBEs for 5,000 channels");
}
