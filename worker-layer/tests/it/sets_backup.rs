//! A copy of the append-only folder of a running Redis is a backup, as docs/BACKUP.md tells.

use protocol::sets::{Digest, Index, Message, Set};

use crate::support::RedisServer;
use crate::support::sets::{Sets, connection, named, sets_options};

/// Small and very large, so that Redis has written much when it is copied.
fn operations(from: usize, count: usize) -> String {
    let one = |place: usize| format!(r#"{{"op":"add","value":"{place}{}"}}"#, "v".repeat(900 * (place % 2)));
    (from..from + count).map(one).collect::<Vec<_>>().join(",")
}

#[tokio::test]
async fn a_copy_of_a_running_redis_has_all_sets_and_continues_their_cursors() {
    let redis = RedisServer::with("--appendfsync always");
    let mut sets = Sets::on(redis, sets_options(None, None)).await;
    let created = sets.create("a").await;
    let kept = sets.apply("a", &operations(0, 1_000)).await;
    sets.apply("a", r#"{"op":"remove","value":"0"}"#).await;
    sets.create("b").await;
    let (newest, digest) =
        (sets.get::<Set>("/sets/a").await.cursor, sets.get::<Digest>("/sets/a/digest").await);

    let copy = sets.redis.copy().await;
    // What happens now is lost in the copy: a time line of its own.
    let lost = sets.apply("a", &operations(1_000, 100)).await;
    sets.create("c").await;

    let mut restored = Sets::on(copy, sets_options(None, None)).await;
    let index: Index = restored.get("/sets").await;
    assert_eq!(index.sets.iter().map(|listed| listed.id.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(restored.get::<Digest>("/sets/a/digest").await, digest);
    let changed = restored.apply("a", r#"{"op":"add","value":"new","stamp":[7,"phone"]}"#).await;
    assert_eq!(named(&changed), ["applied"]);
    assert!(changed.cursor.position() > lost.cursor.position(), "no position is given out twice");

    for (cursor, operations) in [(&newest, 1), (&kept.cursor, 2)] {
        let since = restored.watch(connection(), "a", Some(&cursor.to_string())).await.expect("an answer");
        let Message::Delta(since) = since else { panic!("{since:?}") };
        assert_eq!(since.operations.len(), operations);
    }
    assert_eq!(created.cursor.epoch(), changed.cursor.epoch());
    let after_loss =
        restored.watch(connection(), "a", Some(&lost.cursor.to_string())).await.expect("an answer");
    let Message::Reset(all) = after_loss else { panic!("a cursor of the lost time line: {after_loss:?}") };
    assert_eq!((all.elements.len(), all.cursor), (1_000, changed.cursor));
}

#[tokio::test]
async fn a_cursor_of_a_lost_time_line_is_told_apart_before_anything_new_happens() {
    let redis = RedisServer::with("--appendfsync always");
    let mut sets = Sets::on(redis, sets_options(None, None)).await;
    let created = sets.create("a").await;
    let copy = sets.redis.copy().await;
    let lost = sets.apply("a", r#"{"op":"add","value":"x","stamp":[5,"phone"]}"#).await;
    let mut restored = Sets::on(copy, sets_options(None, None)).await;
    let answer = restored.watch(connection(), "a", Some(&lost.cursor.to_string())).await.expect("an answer");
    assert!(matches!(answer, Message::Reset(_)), "{answer:?}");
    let answer =
        restored.watch(connection(), "a", Some(&created.cursor.to_string())).await.expect("an answer");
    assert!(matches!(answer, Message::Delta(_)), "{answer:?}");
    // What the client still has it sends again: nothing that it did is lost.
    let again = restored.apply("a", r#"{"op":"add","value":"x","stamp":[5,"phone"]}"#).await;
    assert_eq!(named(&again), ["applied"]);
}
