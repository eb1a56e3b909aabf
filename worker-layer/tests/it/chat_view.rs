//! Whatever happens, what each device can know from pushes and `sync` is what is stored, and what is counted is exact.

use std::collections::BTreeMap;

use protocol::chat::{Answer, Change, Cursor, Message};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::support::chat::{Chat, Device, cursors, without_cursors};

const USERS: [&str; 4] = ["ana", "bob", "carl", "dora"];

/// What a device knows of its user's conversations.
#[derive(Default, Debug, PartialEq)]
struct View {
    conversations: BTreeMap<String, Known>,
}

#[derive(Default, Debug, PartialEq)]
struct Known {
    messages: Vec<Message>,
    unread: u64,
    read: u64,
    receipt: u64,
    delivered: u64,
}

impl View {
    fn apply(&mut self, change: Change) {
        let (Change::Message { with, .. }
        | Change::Read { with, .. }
        | Change::Receipt { with, .. }
        | Change::Delivered { with, .. }) = &change;
        let known = self.conversations.entry(with.clone()).or_default();
        match change {
            Change::Message { message, unread, .. } => {
                assert_eq!(message.seq, known.messages.len() as u64 + 1, "each once, and in order");
                known.messages.push(message);
                known.unread = unread;
            }
            Change::Read { read, unread, .. } => (known.read, known.unread) = (read, unread),
            Change::Receipt { read, .. } => {
                assert!(read > known.receipt, "it moves forward only");
                (known.receipt, known.delivered) = (read, known.delivered.max(read));
            }
            Change::Delivered { delivered, .. } => {
                assert!(delivered > known.delivered, "it moves forward only, and a receipt says it, too");
                known.delivered = delivered;
            }
        }
    }
}

/// A view from what is stored.
async fn stored(chat: &mut Chat, device: &Device, user: &str) -> View {
    let mut view = View::default();
    for conversation in chat.home(device).await {
        let messages = chat.history(device, &conversation.with).await;
        let read = conversation.read;
        let counted = messages.iter().filter(|it| it.from != user && it.seq > read).count() as u64;
        assert_eq!(conversation.unread, counted, "{user} with {}: a recount", conversation.with);
        assert_eq!(messages.last(), Some(&conversation.last));
        let (receipt, delivered) = (conversation.receipt, conversation.delivered);
        let known = Known { messages, unread: counted, read, receipt, delivered };
        view.conversations.insert(conversation.with, known);
    }
    view
}

/// All that came since a cursor, page by page.
async fn synced(chat: &mut Chat, device: &Device, since: &Cursor) -> Vec<Change> {
    let (mut all, mut since) = (Vec::new(), since.clone());
    loop {
        match chat.ask(device, json!({ "type": "sync", "since": since, "limit": 9 })).await {
            Ok(Answer::Changes { changes, cursor, more }) => {
                all.extend(changes);
                since = cursor;
                if !more {
                    return all;
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

fn request(random: &mut StdRng, number: usize) -> Value {
    let with = USERS[random.random_range(0..USERS.len())];
    match random.random_range(0..10) {
        0..2 => json!({ "type": "received", "with": with, "seq": random.random_range(0..30) }),
        2..4 => json!({ "type": "read", "with": with, "seq": random.random_range(0..30) }),
        // Some are retries.
        _ => {
            let id = if random.random_range(0..4) == 0 { number / 2 } else { number };
            json!({ "type": "send", "to": with, "text": format!("{with} {id}"), "message_id": format!("{with} {id}") })
        }
    }
}

#[tokio::test]
async fn views_from_pushes_and_from_sync_are_what_is_stored_and_counts_are_exact() {
    let seed = rand::rng().next_u64();
    let mut random = StdRng::seed_from_u64(seed);
    let mut chat = Chat::with(3, Default::default()).await;
    let (mut devices, mut begin) = (Vec::new(), Vec::new());
    for (at, user) in USERS.iter().enumerate() {
        devices.push(chat.device(user, at % 3).await);
        match chat.ask(&devices[at], json!({ "type": "home" })).await {
            Ok(Answer::Home { cursor, .. }) => begin.push(cursor),
            other => panic!("{other:?}"),
        }
    }
    let mut waiting = Vec::new();
    for number in 0..400 {
        let at = random.random_range(0..USERS.len());
        let mut device = devices[at].clone();
        device.worker = random.random_range(0..3);
        let request = request(&mut random, number);
        waiting.push(chat.tell(&device, &request).await);
        if number == 200 {
            // What is in flight at a worker that dies has no outcome; what is stored is found by the others.
            for seq in waiting.drain(..) {
                let _ = chat.answered(seq).await;
            }
            let killed = chat.workers.remove(2);
            for _ in 0..20 {
                let request = self::request(&mut random, number);
                let mut device = devices[at].clone();
                device.worker = 0;
                let body = protocol::Body::Inline(crate::support::sets::raw(&request.to_string()));
                let subject = protocol::Subject::Message(device.peer(), body);
                chat.node.tell(&killed.id, "chat", subject).await;
            }
            killed.kill();
            chat.add_worker(Default::default()).await;
        }
    }
    for seq in waiting {
        let _ = chat.answered(seq).await;
    }
    crate::support::within("the outbox to be empty", async {
        while chat.redis.cli::<u64>("SCARD chat:outbox").await > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for ((user, device), begin) in USERS.iter().zip(&devices).zip(&begin) {
        let truth = stored(&mut chat, device, user).await;
        let pushed = chat.changes(&device.topic).await;
        assert_eq!(cursors(&pushed[0]).0, begin.to_string(), "seed {seed}");
        assert!(pushed.windows(2).all(|two| cursors(&two[0]).1 == cursors(&two[1]).0), "seed {seed}");
        let from_sync = synced(&mut chat, device, begin).await;
        let from_pushes: Vec<Change> = pushed.into_iter().map(without_cursors).collect();
        assert_eq!(from_sync, from_pushes, "{user}, seed {seed}");
        let mut view = View::default();
        from_sync.into_iter().for_each(|change| view.apply(change));
        assert_eq!(view, truth, "{user}, seed {seed}");
        for other in USERS.iter().filter(|other| **other != *user) {
            let theirs = devices[USERS.iter().position(|it| it == other).expect("one")].clone();
            assert_eq!(chat.history(device, other).await, chat.history(&theirs, user).await, "seed {seed}");
        }
    }
}
