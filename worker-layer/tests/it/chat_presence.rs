//! Who is online, as those see it who watch.

use std::time::Duration;

use broker::redis::aio::{MultiplexedConnection, SendError};
use broker::redis::{self, AsyncConnectionConfig, Client};
use protocol::chat::{Answer, Presence};
use protocol::{Body, Effect, Subject};
use serde_json::json;
use worker_layer::chat::Waits;
use worker_layer::services::Options;

use crate::support::chat::{Chat, Device};

/// Shorter than in real life, in the same order.
const WAITS: Waits = Waits {
    look: Duration::from_millis(20),
    check: Duration::from_millis(600),
    grace: Duration::from_millis(400),
    pause: Duration::from_millis(100),
    links: Duration::from_millis(100),
    silent: Duration::from_secs(1),
};

fn options() -> Options {
    let mut options = Options::default();
    options.chat.presence = WAITS;
    options
}

/// So many workers, and ana, who has conversations with these users.
async fn start(workers: usize, others: &[&str]) -> (Chat, Device) {
    let mut chat = Chat::with(workers, options()).await;
    let ana = chat.device("ana", 0).await;
    for other in others {
        chat.send(&ana, other, "hi", "1").await;
    }
    (chat, ana)
}

/// The next push to those who watch a user.
async fn told(chat: &mut Chat, user: &str) -> Presence {
    match chat.hear(&format!("{{u:{user}}}:presence")).await {
        Answer::Presence { mut users } if users.len() == 1 => users.remove(0),
        other => panic!("{other:?}"),
    }
}

/// All that was pushed to those who watch a user.
async fn all_told(chat: &mut Chat, user: &str) -> Vec<bool> {
    let pushes = chat.heard(&format!("{{u:{user}}}:presence")).await;
    let online = |push| match push {
        Answer::Presence { users } => users[0].online,
        other => panic!("{other:?}"),
    };
    pushes.into_iter().map(online).collect()
}

#[tokio::test]
async fn a_user_is_online_as_long_as_some_device_is_connected() {
    let (mut chat, ana) = start(1, &["bob"]).await;
    let known = chat.watch(&ana, &["BOB", "bob"]).await;
    assert_eq!(known, [Presence { user: "bob".to_owned(), online: false, version: 0 }]);
    let (phone, laptop) = (chat.device("Bob", 0).await, chat.device("bob", 0).await);
    let came = told(&mut chat, "bob").await;
    assert!(came.user == "bob" && came.online && came.version > 0, "{came:?}");
    // Another device is still connected, so the topic is still subscribed.
    chat.closed(&phone).await;
    assert_eq!(chat.watch(&ana, &["bob"]).await, std::slice::from_ref(&came));
    chat.lose(&laptop).await;
    chat.closed(&laptop).await;
    let went = told(&mut chat, "bob").await;
    assert!(!went.online && went.version > came.version, "{went:?}");
    assert_eq!(chat.watch(&ana, &["bob"]).await, [went]);
    assert_eq!(chat.redis.cli::<Option<f64>>("ZSCORE chat:presence bob").await, None, "nobody looks at him");
    chat.device("bob", 0).await;
    assert!(told(&mut chat, "bob").await.online);
}

#[tokio::test]
async fn whoever_comes_back_soon_was_never_offline() {
    let (mut chat, ana) = start(1, &["bob", "carl"]).await;
    let (bob, carl) = (chat.device("bob", 0).await, chat.device("carl", 0).await);
    let known = chat.watch(&ana, &["bob", "carl"]).await;
    assert!(known.iter().all(|user| user.online), "{known:?}");
    chat.lose(&bob).await;
    chat.closed(&bob).await;
    chat.device("bob", 0).await;
    chat.lose(&carl).await;
    chat.closed(&carl).await;
    // He left later, and did not come back: by then bob would have been offline.
    assert!(!told(&mut chat, "carl").await.online);
    assert_eq!(all_told(&mut chat, "bob").await, Vec::<bool>::new());
    assert_eq!(chat.watch(&ana, &["bob"]).await, known[..1]);
}

#[tokio::test]
async fn a_user_whose_close_nobody_has_told_of_is_found_and_told_once_by_many_workers() {
    let (mut chat, ana) = start(3, &["bob", "carl"]).await;
    let (bob, carl) = (chat.device("bob", 1).await, chat.device("carl", 2).await);
    chat.watch(&ana, &["bob", "carl"]).await;
    chat.lose(&bob).await;
    assert!(!told(&mut chat, "bob").await.online);
    chat.lose(&carl).await;
    assert!(!told(&mut chat, "carl").await.online);
    assert_eq!(all_told(&mut chat, "bob").await, Vec::<bool>::new());
}

#[tokio::test]
async fn a_close_whose_worker_dies_is_seen_by_another_one() {
    let (mut chat, ana) = start(2, &["bob"]).await;
    let bob = chat.device("bob", 1).await;
    chat.watch(&ana, &["bob"]).await;
    chat.lose(&bob).await;
    chat.closed(&bob).await;
    chat.workers.remove(1).kill();
    assert!(!told(&mut chat, "bob").await.online);
}

#[tokio::test]
async fn after_redis_was_away_who_is_still_there_was_never_offline_and_who_is_not_goes() {
    let (mut chat, ana) = start(2, &["bob", "carl"]).await;
    let (_bob, carl) = (chat.device("bob", 0).await, chat.device("carl", 1).await);
    chat.watch(&ana, &["bob", "carl"]).await;
    chat.redis.kill();
    chat.redis.restart();
    chat.node.reconnect(&chat.redis).await;
    chat.again().await;
    chat.lose(&carl).await;
    assert!(!told(&mut chat, "carl").await.online);
    assert_eq!(all_told(&mut chat, "bob").await, Vec::<bool>::new());
}

#[tokio::test]
async fn what_redis_has_forgotten_is_known_again_after_the_gap() {
    let (mut chat, _ana) = start(1, &["bob"]).await;
    let bob = chat.device("bob", 0).await;
    let () = chat.redis.cli("FLUSHALL").await;
    let worker = chat.workers[0].id.clone();
    for (topic, online) in [(bob.topic.clone(), true), (format!("{}:presence", bob.topic), true)] {
        let seq = chat.node.tell(&worker, "chat", Subject::Gap { topic: topic.clone() }).await;
        let Some(Effect::Push(pushed)) = chat.effects(seq).await.pop() else { panic!("no push") };
        assert_eq!(pushed.topic, topic);
        let Body::Inline(body) = &pushed.push.body else { panic!("a large push") };
        if let Answer::Presence { users } = serde_json::from_str(body.get()).expect("a push of the chat") {
            assert_eq!(pushed.push.key.as_deref(), Some("presence"));
            assert_eq!((users[0].online, Some(users[0].version)), (online, pushed.push.version));
        }
    }
    let due: Option<f64> = chat.redis.cli("ZSCORE chat:presence bob").await;
    assert!(due.is_some(), "he is looked at again");
}

#[tokio::test]
async fn only_those_are_watched_with_whom_there_is_a_conversation_and_only_as_long_as_wanted() {
    let (mut chat, ana) = start(1, &["bob"]).await;
    chat.device("carl", 0).await;
    assert_eq!(chat.watch(&ana, &["carl", "nobody"]).await, []);
    let known = chat.watch(&ana, &["carl", "bob"]).await;
    assert_eq!(known.iter().map(|user| user.user.as_str()).collect::<Vec<_>>(), ["bob"]);
    let seq = chat.tell(&ana, &json!({ "type": "unwatch", "users": ["Bob", "carl"], "id": 4 })).await;
    let effects = chat.effects(seq).await;
    let left = |effect: &Effect| matches!(effect, Effect::Leave(topic) if topic == "{u:bob}:presence");
    assert!(left(&effects[0]), "{effects:?}");
    assert!(
        matches!(&effects[2], Effect::Send { body: Body::Inline(body), id: Some(_) } if body.get() == r#"{"type":"ok"}"#)
    );
}

/// A link of another process that is subscribed to the topic of a device, and sends nothing after that.
async fn silent_link(chat: &Chat, name: &str, device: &Device) -> MultiplexedConnection {
    let client = Client::open(format!("{}?protocol=resp3", chat.redis.url())).expect("a valid address");
    let config = AsyncConnectionConfig::new().set_push_sender(|_| Ok::<_, SendError>(()));
    let link = client.get_multiplexed_async_connection_with_config(&config).await;
    let mut link = link.expect("Redis runs");
    let () = redis::cmd("CLIENT").arg("SETNAME").arg(name).query_async(&mut link).await.expect("a name");
    link.subscribe(format!("topic:{}", device.topic)).await.expect("Redis runs");
    link
}

#[tokio::test]
async fn what_a_vanished_machine_has_subscribed_to_keeps_nobody_online_and_others_are_left_alone() {
    let (mut chat, ana) = start(2, &["bob", "carl"]).await;
    let (bob, carl) = (chat.device("bob", 0).await, chat.device("carl", 0).await);
    let _vanished = silent_link(&chat, "tercet:vanished:subscriber", &bob).await;
    let _somebody = silent_link(&chat, "somebody", &carl).await;
    chat.watch(&ana, &["bob", "carl"]).await;
    for device in [&carl, &bob] {
        chat.lose(device).await;
        chat.closed(device).await;
    }
    assert!(!told(&mut chat, "bob").await.online);
    assert_eq!(all_told(&mut chat, "carl").await, Vec::<bool>::new(), "somebody is there");
}
