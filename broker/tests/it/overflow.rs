//! Whoever receives too slowly.

use broker::{Incoming, Subscriber, Tasks};
use protocol::limit;

use crate::redis_server::RedisServer;
use crate::within::{message, next, within};

#[tokio::test]
async fn a_slow_receiver_gets_all_messages_up_to_the_overflow_then_the_loss_then_the_restoration() {
    // Redis itself does not cut anyone off here.
    let server = RedisServer::with("client-output-buffer-limit pubsub 0 0 0");
    let tasks = Tasks::new();
    let (subscriber, mut received) = Subscriber::start(server.address(), &tasks);
    within(subscriber.connected()).await;
    subscriber.subscribe("a").await.unwrap();
    let mut redis = server.connection().await;
    let piece = 256 * 1024;
    let more_than_fit = limit::RECEIVED_BYTES_MAX / piece + 8;
    for number in 0..more_than_fit {
        let payload = format!("{number:08}{}", " ".repeat(piece - 8));
        let _: u64 = redis::cmd("PUBLISH").arg("a").arg(payload).query_async(&mut redis).await.unwrap();
    }
    // An answer behind the messages proves nothing when some were left out: the loss is told before it.
    if let Some(mut connection) = subscriber.connection() {
        let _ = redis::cmd("PING").exec_async(&mut connection).await;
    }
    let mut taken = 0;
    loop {
        match received.try_recv().expect("the loss is told right behind the messages") {
            Incoming::Message { payload, .. } => {
                assert_eq!(std::str::from_utf8(&payload[..8]).unwrap().parse::<usize>().unwrap(), taken);
                taken += 1;
            }
            notice => break assert_eq!(notice, Incoming::Lost),
        }
    }
    assert!(
        taken < more_than_fit && taken * (piece + 1_024) > limit::RECEIVED_BYTES_MAX - 2 * piece,
        "{taken}"
    );
    assert_eq!(next(&mut received).await, Incoming::Restored);
    let _: u64 = redis::cmd("PUBLISH").arg("a").arg("new").query_async(&mut redis).await.unwrap();
    assert_eq!(next(&mut received).await, message("a", "new"));
}
