//! What clients of the chat service say and hear.

use broker::redis;
use protocol::chat::{Answer, CHAT_LOG_ENTRIES_MAX, Change, Cursor, HISTORY_DEFAULT, TEXT_BYTES_MAX};
use protocol::{Body, Effect, ErrorCode, Subject};
use serde_json::json;

use crate::support::chat::{Chat, Device, cursors, without_cursors};
use crate::support::sets::raw;
use crate::support::within;

fn said(text: &str, message_id: &str) -> serde_json::Value {
    json!({ "type": "send", "to": "bob", "text": text, "message_id": message_id, "id": 7 })
}

async fn cursor(chat: &mut Chat, device: &Device) -> Cursor {
    match chat.ask(device, json!({ "type": "home" })).await {
        Ok(Answer::Home { cursor, .. }) => cursor,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_message_is_pushed_to_all_devices_of_both_and_acknowledged() {
    let mut chat = Chat::start().await;
    let (ana, bob) = (chat.device("Ana", 0).await, chat.device("bob", 0).await);
    let text = "<b>\u{202e}hi\u{0} \"👋\"\\ \u{1f468}\u{200d}\u{1f469}</b>";
    let request = json!({ "type": "send", "to": "BOB", "text": text, "message_id": "m-1", "id": 7 });
    let Ok(Answer::Sent { with, with_name, message_id, seq, sent_ms }) = chat.ask(&ana, request).await else {
        panic!("not sent");
    };
    assert_eq!((with.as_str(), with_name.as_str(), message_id.as_str(), seq), ("bob", "BOB", "m-1", 1));
    let (to_bob, to_ana) = (chat.changes(&bob.topic).await, chat.changes(&ana.topic).await);
    let [Change::Message { with, with_name, message, unread, .. }] = &to_bob[..] else {
        panic!("{to_bob:?}")
    };
    assert_eq!((with.as_str(), with_name.as_str(), *unread), ("ana", "Ana", 1));
    assert_eq!((message.from.as_str(), message.from_name.as_str()), ("ana", "Ana"));
    assert_eq!((message.text.as_str(), message.seq, message.sent_ms), (text, 1, sent_ms));
    let [Change::Message { with, with_name, message: own, unread, .. }] = &to_ana[..] else { panic!() };
    assert_eq!((with.as_str(), with_name.as_str(), *unread, own), ("bob", "BOB", 0, message));
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_again_and_is_stored_once_also_at_the_same_time_and_elsewhere() {
    let mut chat = Chat::with(3, Default::default()).await;
    let mut devices = Vec::new();
    for worker in 0..3 {
        devices.push(chat.device("ana", worker).await);
    }
    let bob = chat.device("bob", 0).await;
    let mut seqs = Vec::new();
    for round in 0..20 {
        for device in &devices {
            seqs.push((
                round,
                chat.tell(device, &said(&format!("text {round}"), &format!("m-{round}"))).await,
            ));
        }
    }
    let mut answers = vec![Vec::new(); 20];
    for (round, seq) in seqs {
        answers[round].push(chat.answered(seq).await.expect("sent"));
    }
    assert!(answers.iter().all(|same| same.iter().all(|answer| *answer == same[0])), "{answers:?}");
    assert_eq!(chat.history(&bob, "ana").await.len(), 20);
    assert_eq!(chat.changes(&bob.topic).await.len(), 20);
    let error = chat.ask(&devices[1], said("another text", "m-3")).await.expect_err("the id is taken");
    assert_eq!(error.code, ErrorCode::Conflict);
    assert_eq!(chat.history(&bob, "ana").await.len(), 20);
}

#[tokio::test]
async fn an_id_is_the_senders_own_and_a_retry_is_the_same_after_a_change_of_case() {
    let mut chat = Chat::start().await;
    let (ana, bob) = (chat.device("ana", 0).await, chat.device("bob", 0).await);
    assert_eq!(chat.send(&ana, "bob", "one", "same").await, 1);
    assert_eq!(chat.send(&bob, "ana", "two", "same").await, 2);
    assert_eq!(chat.send(&ana, "carl", "one", "same").await, 1);
    let loud = chat.device("ANA", 0).await;
    assert_eq!(chat.send(&loud, "BOB", "one", "same").await, 1);
}

#[tokio::test]
async fn one_may_write_to_oneself_and_hears_it_once() {
    let mut chat = Chat::start().await;
    let ana = chat.device("ana", 0).await;
    assert_eq!(chat.send(&ana, "ANA", "a note", "1").await, 1);
    let changes = chat.changes(&ana.topic).await;
    assert!(matches!(&changes[..], [Change::Message { unread: 0, .. }]), "{changes:?}");
    let marked = chat.ask(&ana, json!({ "type": "read", "with": "ana", "seq": 1 })).await;
    assert_eq!(marked, Ok(Answer::Marked { with: "ana".to_owned(), read: 1 }));
    let home = chat.home(&ana).await;
    assert_eq!((home.len(), home[0].unread, home[0].read, home[0].receipt), (1, 0, 1, 0));
}

#[tokio::test]
async fn history_comes_in_pages_in_both_directions_and_in_order() {
    let mut chat = Chat::start().await;
    let ana = chat.device("ana", 0).await;
    for n in 1..=60 {
        chat.send(&ana, "bob", &format!("text {n}"), &n.to_string()).await;
    }
    for (page, wanted, there_is_more) in [
        (json!({}), 61 - HISTORY_DEFAULT as u64..61, true),
        (json!({ "before": 11 }), 1..11, false),
        (json!({ "before": 11, "limit": 4 }), 7..11, true),
        (json!({ "after": 50, "limit": 10 }), 51..61, false),
        (json!({ "after": 0, "limit": 3 }), 1..4, true),
        (json!({ "before": 1 }), 1..1, false),
        (json!({ "after": 60 }), 61..61, false),
    ] {
        let mut request = json!({ "type": "history", "with": "Bob" });
        request.as_object_mut().expect("one").extend(page.as_object().expect("one").clone());
        let Ok(Answer::History { with, messages, more }) = chat.ask(&ana, request).await else {
            panic!("{page}")
        };
        let seqs: Vec<u64> = messages.iter().map(|message| message.seq).collect();
        assert_eq!((with.as_str(), seqs, more), ("bob", wanted.collect(), there_is_more), "{page}");
    }
}

#[tokio::test]
async fn nobody_reads_a_conversation_of_others() {
    let mut chat = Chat::start().await;
    let (ana, eve) = (chat.device("ana", 0).await, chat.device("eve", 0).await);
    chat.send(&ana, "bob", "a secret", "1").await;
    for with in ["ana", "bob", "ana,bob", "eve"] {
        assert_eq!(chat.history(&eve, with).await, []);
    }
    assert_eq!(chat.home(&eve).await, []);
    let read = chat.ask(&eve, json!({ "type": "read", "with": "ana", "seq": 1 })).await;
    assert_eq!(read.expect_err("no conversation").code, ErrorCode::NotFound);
    let foreign = cursor(&mut chat, &ana).await;
    let synced = chat.ask(&eve, json!({ "type": "sync", "since": foreign })).await;
    assert!(matches!(synced, Ok(Answer::Reset { .. })), "{synced:?}");
    assert!(chat.heard(&eve.topic).await.is_empty());
}

#[tokio::test]
async fn reading_moves_forward_only_and_reaches_own_devices_and_the_other_side() {
    let mut chat = Chat::start().await;
    let (ana, bob) = (chat.device("ana", 0).await, chat.device("bob", 0).await);
    for n in 1..=3 {
        chat.send(&ana, "bob", "text", &n.to_string()).await;
    }
    assert_eq!(chat.send(&bob, "ana", "text", "4").await, 4);
    let (_, _) = (chat.heard(&ana.topic).await, chat.heard(&bob.topic).await);
    for (seq, holds) in [(2, 2), (1, 2), (0, 2), (99, 4), (4, 4)] {
        let marked = chat.ask(&bob, json!({ "type": "read", "with": "ana", "seq": seq })).await;
        assert_eq!(marked, Ok(Answer::Marked { with: "ana".to_owned(), read: holds }), "{seq}");
    }
    let own: Vec<_> = chat.changes(&bob.topic).await;
    let [Change::Read { read: 2, unread: 1, .. }, Change::Read { read: 4, unread: 0, .. }] = &own[..] else {
        panic!("{own:?}");
    };
    let other: Vec<_> = chat.changes(&ana.topic).await;
    let [Change::Receipt { read: 2, .. }, Change::Receipt { read: 4, .. }] = &other[..] else {
        panic!("{other:?}");
    };
    assert_eq!((chat.home(&ana).await[0].receipt, chat.home(&ana).await[0].unread), (4, 1));
    assert_eq!((chat.home(&bob).await[0].read, chat.home(&bob).await[0].unread), (4, 0));
}

#[tokio::test]
async fn home_shows_the_newest_first_and_since_a_cursor_only_what_changed() {
    let mut chat = Chat::start().await;
    let ana = chat.device("ana", 0).await;
    for n in 0..10 {
        chat.send(&ana, &format!("User{n}"), "text", "1").await;
    }
    let names = |home: &[protocol::chat::Conversation]| -> Vec<String> {
        home.iter().map(|conversation| conversation.with_name.clone()).collect()
    };
    let all = chat.home(&ana).await;
    assert_eq!(names(&all), (0..10).rev().map(|n| format!("User{n}")).collect::<Vec<_>>());
    let since = cursor(&mut chat, &ana).await;
    let three = chat.device("user3", 0).await;
    chat.send(&three, "ana", "an answer", "1").await;
    let five = chat.device("user5", 0).await;
    chat.ask(&five, json!({ "type": "read", "with": "ana", "seq": 1 })).await.expect("read");

    let request = json!({ "type": "home", "since": since, "limit": 1 });
    let Ok(Answer::Home { conversations, cursor: next, more: true, next: None, reset: None }) =
        chat.ask(&ana, request).await
    else {
        panic!("no page");
    };
    assert_eq!((names(&conversations), conversations[0].unread), (vec!["user3".to_owned()], 1));
    let request = json!({ "type": "home", "since": next });
    let Ok(Answer::Home { conversations, cursor: newest, more: false, .. }) = chat.ask(&ana, request).await
    else {
        panic!("no page");
    };
    assert_eq!((names(&conversations), conversations[0].receipt), (vec!["User5".to_owned()], 1));
    let Ok(Answer::Home { conversations, cursor, .. }) =
        chat.ask(&ana, json!({ "type": "home", "since": newest })).await
    else {
        panic!("no page");
    };
    assert_eq!((conversations.len(), cursor), (0, newest));
    // Who has read moves nothing to the top; who has written does.
    assert_eq!(names(&chat.home(&ana).await)[..2], ["user3", "User9"]);
    let strange = json!({ "type": "home", "since": "0000-1" });
    let answer = chat.ask(&ana, strange).await;
    let Ok(Answer::Home { reset: Some(true), conversations, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!(conversations.len(), 10);
}

#[tokio::test]
async fn sync_tells_what_came_since_in_pages_and_resets_what_is_too_old() {
    let mut chat = Chat::start().await;
    let (ana, bob) = (chat.device("ana", 0).await, chat.device("bob", 0).await);
    let begin = cursor(&mut chat, &bob).await;
    for n in 1..=5 {
        chat.send(&ana, "bob", "text", &n.to_string()).await;
    }
    let pushed = chat.changes(&bob.topic).await;
    assert_eq!(cursors(&pushed[0]).0, begin.to_string(), "without a hole since the login");
    assert!(pushed.windows(2).all(|two| cursors(&two[0]).1 == cursors(&two[1]).0));
    let Ok(Answer::Changes { changes, cursor: second, more: true }) =
        chat.ask(&bob, json!({ "type": "sync", "since": begin, "limit": 2 })).await
    else {
        panic!("no page");
    };
    assert_eq!((changes.len(), second.to_string()), (2, cursors(&pushed[1]).1));
    let Ok(Answer::Changes { changes, more: false, .. }) =
        chat.ask(&bob, json!({ "type": "sync", "since": second })).await
    else {
        panic!("no page");
    };
    assert_eq!(changes.len(), 3);
    for n in 6..=CHAT_LOG_ENTRIES_MAX + 300 {
        chat.tell(&ana, &said("text", &n.to_string())).await;
    }
    let last = chat.send(&ana, "bob", "text", "last").await;
    assert_eq!(last as usize, CHAT_LOG_ENTRIES_MAX + 301);
    for since in [json!(begin), json!(null), json!("00-1"), json!(format!("{}-1", begin.epoch()))] {
        let answer = chat.ask(&bob, json!({ "type": "sync", "since": since })).await;
        let Ok(Answer::Reset { cursor }) = answer else { panic!("{since}: {answer:?}") };
        let then = chat.ask(&bob, json!({ "type": "sync", "since": cursor })).await;
        assert!(matches!(then, Ok(Answer::Changes { changes, more: false, .. }) if changes.is_empty()));
    }
}

#[tokio::test]
async fn what_was_received_is_told_to_the_other_side_once_and_never_moves_back() {
    let mut chat = Chat::start().await;
    let (ana, bob) = (chat.device("ana", 0).await, chat.device("bob", 0).await);
    let received = |seq: u64| json!({ "type": "received", "with": "ana", "seq": seq });
    let error = chat.ask(&bob, received(1)).await.expect_err("no conversation");
    assert_eq!(error.code, ErrorCode::NotFound);
    for n in 1..=4 {
        chat.send(&ana, "bob", "text", &n.to_string()).await;
    }
    chat.changes(&ana.topic).await;
    chat.changes(&bob.topic).await;
    for seq in [2, 1, 2, 0] {
        assert_eq!(chat.ask(&bob, received(seq)).await, Ok(Answer::Ok {}));
    }
    chat.ask(&bob, json!({ "type": "read", "with": "ana", "seq": 3 })).await.expect("an answer");
    // What was read was received: of that the receipt has told.
    for seq in [3, 9] {
        assert_eq!(chat.ask(&bob, received(seq)).await, Ok(Answer::Ok {}));
    }
    let told: Vec<_> = chat.changes(&ana.topic).await.into_iter().map(without_cursors).collect();
    let with = || "bob".to_owned();
    let delivered = |delivered| Change::Delivered { with: with(), delivered, prev: None, cursor: None };
    let receipt = Change::Receipt { with: with(), read: 3, prev: None, cursor: None };
    assert_eq!(told, [delivered(2), receipt, delivered(4)]);
    let own = chat.changes(&bob.topic).await;
    assert!(matches!(own[..], [Change::Read { read: 3, .. }]), "{own:?}");
    let home = chat.home(&ana).await;
    assert_eq!((home[0].receipt, home[0].delivered), (3, 4));
    assert_eq!(chat.home(&bob).await[0].delivered, 0);
}

#[tokio::test]
async fn typing_is_pushed_and_nowhere_stored() {
    let mut chat = Chat::start().await;
    let (ana, bob) = (chat.device("Ana", 0).await, chat.device("bob", 0).await);
    assert_eq!(chat.ask(&ana, json!({ "type": "typing", "to": "bob" })).await, Ok(Answer::Ok {}));
    let typing = Answer::Typing { from: "ana".to_owned(), from_name: "Ana".to_owned() };
    assert_eq!(chat.heard(&bob.topic).await, [typing]);
    assert_eq!((chat.home(&bob).await.len(), chat.home(&ana).await.len()), (0, 0));
}

#[tokio::test]
async fn after_a_gap_devices_are_told_where_their_log_stands() {
    let mut chat = Chat::start().await;
    let ana = chat.device("ana", 0).await;
    chat.send(&ana, "bob", "text", "1").await;
    let stands = cursor(&mut chat, &ana).await;
    let worker = chat.workers[0].id.clone();
    let seq = chat.node.tell(&worker, "chat", Subject::Gap { topic: ana.topic.clone() }).await;
    let Some(Effect::Push(told)) = chat.effects(seq).await.pop() else { panic!("no push") };
    assert_eq!(told.topic, ana.topic);
    let body = chat.node.text(&told.push.body).await;
    assert_eq!(body, format!(r#"{{"type":"gap","cursor":"{stands}"}}"#));
}

#[tokio::test]
async fn texts_up_to_the_bound_are_kept_as_they_are_and_pages_of_them_are_bounded() {
    let mut chat = Chat::start().await;
    let ana = chat.device("ana", 0).await;
    let text = "\u{1}".repeat(TEXT_BYTES_MAX);
    for n in 1..=10 {
        chat.send(&ana, "bob", &text, &n.to_string()).await;
    }
    let all = chat.history(&ana, "bob").await;
    assert!(all.len() == 10 && all.iter().all(|message| message.text == text));
    let Ok(Answer::History { messages, more, .. }) =
        chat.ask(&ana, json!({ "type": "history", "with": "bob" })).await
    else {
        panic!("no history");
    };
    assert!(more && messages.len() < 10 && messages.last().expect("one").seq == 10);
    let error = chat.ask(&ana, said(&"x".repeat(TEXT_BYTES_MAX + 1), "11")).await.expect_err("too long");
    assert_eq!(error.code, ErrorCode::TooLarge);
}

/// Were the first send answered that its script is unknown, another worker could load it before the second one.
#[tokio::test]
async fn of_messages_that_are_sent_together_none_finds_its_script_forgotten() {
    let mut chat = Chat::start().await;
    let ana = chat.device("ana", 0).await;
    let mut forget = redis::pipe();
    forget.atomic().cmd("SCRIPT").arg("FLUSH").ignore();
    for other in [
        include_str!("../../src/chat/deliver.lua"),
        include_str!("../../src/chat/home.lua"),
        include_str!("../../src/chat/login.lua"),
        include_str!("../../src/chat/read.lua"),
        include_str!("../../src/chat/sync.lua"),
        include_str!("../../src/chat/presence/settle.lua"),
        include_str!("../../src/chat/presence/due.lua"),
        include_str!("../../src/chat/presence/take.lua"),
        include_str!("../../src/chat/presence/forget.lua"),
        include_str!("../../src/chat/presence/known.lua"),
    ] {
        forget.cmd("SCRIPT").arg("LOAD").arg(other).ignore();
    }
    forget.cmd("CONFIG").arg("RESETSTAT").ignore();
    let () = forget.query_async(&mut chat.redis.connection().await).await.expect("Redis runs");
    let (mut seqs, mut lines) = (Vec::new(), Vec::new());
    for n in 1..=3 {
        let body = Body::Inline(raw(&said("text", &n.to_string()).to_string()));
        let (seq, line) = chat.node.event("chat", Subject::Message(ana.peer(), body));
        seqs.push(seq);
        lines.extend(line);
    }
    let worker = chat.workers[0].id.clone();
    chat.node.publish(&worker, lines).await;
    for (seq, expected) in seqs.into_iter().zip(1..) {
        let sent = chat.answered(seq).await;
        assert!(matches!(sent, Ok(Answer::Sent { seq, .. }) if seq == expected), "{sent:?}");
    }
    let errors: String = chat.redis.cli("INFO errorstats").await;
    assert!(!errors.contains("NOSCRIPT"), "{errors}");
}

#[tokio::test]
async fn when_redis_has_forgotten_all_a_client_is_told_to_log_in_again() {
    let mut chat = Chat::start().await;
    let mut ana = chat.device("ana", 0).await;
    let since = cursor(&mut chat, &ana).await;
    let () = chat.redis.cli("FLUSHALL").await;
    let () = chat.redis.cli("SCRIPT FLUSH").await;
    for request in [json!({ "type": "sync", "since": since }), json!({ "type": "home" })] {
        assert_eq!(chat.ask(&ana, request).await.expect_err("gone").code, ErrorCode::Unauthorized);
    }
    chat.login(&mut ana, &json!({ "type": "login", "username": "ana", "id": 1 })).await.expect("a login");
    let synced = chat.ask(&ana, json!({ "type": "sync", "since": since })).await;
    assert!(matches!(synced, Ok(Answer::Reset { .. })), "{synced:?}");
    let sent = within("an answer", chat.ask(&ana, said("text", "1"))).await;
    assert!(matches!(sent, Ok(Answer::Sent { seq: 1, .. })), "{sent:?}");
}
