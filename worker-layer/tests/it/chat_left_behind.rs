//! What becomes of a message whose worker dies between storing it and delivering it.

use broker::redis::{self, Script};
use protocol::chat::{Answer, Change};
use serde_json::json;

use crate::support::chat::Chat;

/// Does what a worker does before it dies: an entry in the outbox, if any, and a message in the conversation.
async fn store(chat: &Chat, entry: Option<&str>, message_id: &str) {
    let mut connection = chat.redis.connection().await;
    if let Some(entry) = entry {
        let mut add = redis::cmd("SADD");
        add.arg("chat:outbox").arg(entry);
        let _: u64 = add.query_async(&mut connection).await.expect("Redis runs");
    }
    let script = Script::new(include_str!("../../src/chat/send.lua"));
    let mut call = script.key("chat:{c:ana,bob}:meta");
    call.key("chat:{c:ana,bob}:messages").key("chat:{c:ana,bob}:ids").arg("a").arg(message_id);
    call.arg(r#""from":"ana","from_name":"Ana""#);
    call.arg(format!(r#""text":"left behind","message_id":"{message_id}""#));
    let _: Vec<String> = call.invoke_async(&mut connection).await.expect("Redis runs");
}

#[tokio::test]
async fn it_reaches_both_once_another_worker_finds_it_in_the_outbox() {
    let mut chat = Chat::start().await;
    let (ana, bob) = (chat.device("ana", 0).await, chat.device("bob", 0).await);
    store(&chat, Some(r#"["f00d","ana","bob"]"#), "1").await;
    for topic in [&ana.topic, &bob.topic] {
        let push = chat.hear(topic).await;
        let Answer::Change(Change::Message { message, .. }) = push else { panic!("{push:?}") };
        assert_eq!((message.text.as_str(), message.seq), ("left behind", 1));
    }
    assert_eq!(chat.home(&bob).await[0].unread, 1);
    crate::support::within("the outbox to be empty", async {
        while chat.redis.cli::<u64>("SCARD chat:outbox").await > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_delivered_is_not_acknowledged_and_arrives_as_soon_as_it_can() {
    let mut chat = Chat::start().await;
    let (ana, bob) = (chat.device("ana", 0).await, chat.device("bob", 0).await);
    let () = chat.redis.cli("SET chat:{u:bob}:log odd").await;
    let request = json!({ "type": "send", "to": "bob", "text": "hi", "message_id": "1" });
    let error = chat.ask(&ana, request.clone()).await.expect_err("bob cannot have it");
    assert_eq!(error.code, protocol::ErrorCode::Internal);
    assert_eq!(chat.redis.cli::<u64>("SCARD chat:outbox").await, 1);
    let () = chat.redis.cli("DEL chat:{u:bob}:log").await;
    let push = chat.hear(&bob.topic).await;
    assert!(matches!(push, Answer::Change(Change::Message { unread: 1, .. })), "{push:?}");
    let retried = chat.ask(&ana, request).await;
    assert!(matches!(retried, Ok(Answer::Sent { seq: 1, .. })), "{retried:?}");
    assert_eq!(chat.changes(&ana.topic).await.len(), 1);
    assert!(chat.heard(&bob.topic).await.is_empty());
}

#[tokio::test]
async fn reading_that_was_left_behind_reaches_both_too() {
    let mut chat = Chat::start().await;
    let (ana, bob) = (chat.device("ana", 0).await, chat.device("bob", 0).await);
    chat.send(&ana, "bob", "text", "1").await;
    let (_, _) = (chat.heard(&ana.topic).await, chat.heard(&bob.topic).await);
    let script = Script::new(include_str!("../../src/chat/read.lua"));
    let mut connection = chat.redis.connection().await;
    let mut call = script.key("chat:{c:ana,bob}:meta");
    call.key("chat:{c:ana,bob}:messages").arg("b").arg(1).arg("read");
    let _: Vec<String> = call.invoke_async(&mut connection).await.expect("Redis runs");
    let mut add = redis::cmd("SADD");
    add.arg("chat:outbox").arg(r#"["f00d","ana","bob"]"#);
    let _: u64 = add.query_async(&mut connection).await.expect("Redis runs");
    let (own, other) = (chat.hear(&bob.topic).await, chat.hear(&ana.topic).await);
    assert!(matches!(own, Answer::Change(Change::Read { read: 1, unread: 0, .. })), "{own:?}");
    assert!(matches!(other, Answer::Change(Change::Receipt { read: 1, .. })), "{other:?}");
}

#[tokio::test]
async fn a_retry_delivers_it_and_so_does_the_next_message_and_the_order_is_kept() {
    let mut chat = Chat::start().await;
    let (ana, bob) = (chat.device("Ana", 0).await, chat.device("bob", 0).await);
    store(&chat, None, "1").await;
    assert_eq!(chat.send(&ana, "bob", "left behind", "1").await, 1);
    for n in 2..=250 {
        store(&chat, None, &n.to_string()).await;
    }
    assert_eq!(chat.send(&bob, "ana", "the next", "x").await, 251);
    for topic in [&ana.topic, &bob.topic] {
        let seqs: Vec<u64> = chat
            .changes(topic)
            .await
            .into_iter()
            .map(|change| match change {
                Change::Message { message, .. } => message.seq,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(seqs, (1..=251).collect::<Vec<_>>());
    }
    assert_eq!((chat.home(&bob).await[0].unread, chat.home(&ana).await[0].unread), (250, 1));
    let read = chat.ask(&bob, json!({ "type": "read", "with": "ana", "seq": 200 })).await;
    assert!(matches!(read, Ok(Answer::Marked { read: 200, .. })));
    assert_eq!(chat.home(&bob).await[0].unread, 50);
}
