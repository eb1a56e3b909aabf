//! What Redis holds of conversations, as `worker-layer/src/chat/key.rs` says how they are kept.

use std::collections::{BTreeMap, HashMap};

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use super::message::{Message, Talk};
use crate::redis_server::RedisServer;

/// All conversations, by the names of both sides, `a` first.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    conversations: BTreeMap<(String, String), Conversation>,
}

/// One conversation.
#[derive(Debug, Clone, Default)]
struct Conversation {
    messages: Vec<Message>,
    meta: HashMap<String, u64>,
    ids: HashMap<String, u64>,
}

impl Stored {
    /// Reads them all.
    pub async fn read(redis: &RedisServer) -> Self {
        let mut connection = redis.connect().await;
        let keys: Vec<String> = redis.run(&["KEYS", "chat:{c:*}:messages"]).await;
        let mut conversations = BTreeMap::new();
        for key in keys {
            let tag = key.trim_end_matches(":messages");
            let mut pipeline = redis::pipe();
            pipeline.cmd("XRANGE").arg(&key).arg("-").arg("+");
            pipeline.cmd("HGETALL").arg(format!("{tag}:meta"));
            pipeline.cmd("HGETALL").arg(format!("{tag}:ids"));
            let answers = pipeline.query_async(&mut connection).await;
            let (entries, meta, ids): (Vec<(String, Vec<String>)>, _, _) =
                answers.unwrap_or_else(|error| panic!("{key}: {error}"));
            let messages = entries.into_iter().map(message).collect();
            conversations.insert(sides(tag), Conversation { messages, meta, ids });
        }
        Self { conversations }
    }

    /// How many messages there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.conversations.values().map(|conversation| conversation.messages.len()).sum()
    }

    /// A message between these two.
    #[must_use]
    pub fn message(&self, one: &str, other: &str, seq: u64) -> Option<&Message> {
        let pair = if one <= other { (one, other) } else { (other, one) };
        let conversation = self.conversations.get(&(pair.0.to_owned(), pair.1.to_owned()))?;
        conversation.messages.iter().find(|message| message.seq == seq)
    }

    /// What this user has of each conversation, by the other side; what is unread is counted.
    #[must_use]
    pub fn talks(&self, user: &str) -> BTreeMap<String, Talk> {
        let mut talks = BTreeMap::new();
        for ((a, b), conversation) in &self.conversations {
            let Conversation { messages, meta, .. } = conversation;
            let mark = |what: &str| meta.get(what).copied().unwrap_or(0);
            let (with, read, receipt, got) = match (a == user, b == user) {
                (true, true) => (a, mark("read_a"), 0, 0),
                (true, false) => (b, mark("read_a"), mark("read_b"), mark("got_b")),
                (false, true) => (a, mark("read_b"), mark("read_a"), mark("got_a")),
                (false, false) => continue,
            };
            let is_unread = |message: &&Message| message.from != user && message.seq > read;
            let unread = messages.iter().filter(is_unread).count() as u64;
            // What was read was received.
            let delivered = got.max(receipt);
            talks.insert(with.clone(), Talk { messages: messages.clone(), unread, read, receipt, delivered });
        }
        talks
    }

    /// What is odd about what is stored, in words.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for ((a, b), Conversation { messages, meta, ids }) in &self.conversations {
            let mut fault = |what: String| faults.push(format!("stored of {a} and {b}: {what}"));
            let is_numbered = messages.iter().zip(1..).all(|(message, number)| message.seq == number);
            if !is_numbered || meta.get("seq") != Some(&(messages.len() as u64)) {
                let seqs: Vec<u64> = messages.iter().map(|message| message.seq).collect();
                fault(format!("not 1, 2, 3 …, but {seqs:?}, and {meta:?}"));
            }
            for message in messages {
                let side = if message.from == *a { "a" } else { "b" };
                if ids.get(&format!("{side}:{}", message.message_id)) != Some(&message.seq) {
                    fault(format!("the id of {message:?} is not that of its number"));
                }
            }
            if ids.len() != messages.len() {
                fault(format!("{} messages have {} ids", messages.len(), ids.len()));
            }
        }
        faults
    }
}

/// The two users of `chat:{c:<a>,<b>}`.
fn sides(tag: &str) -> (String, String) {
    let names = tag.strip_prefix("chat:{c:").and_then(|tag| tag.strip_suffix('}')).expect("a tag");
    let (a, b) = names.split_once(',').expect("two names");
    let decoded = |name| percent_decode_str(name).decode_utf8().expect("names are UTF-8").into_owned();
    (decoded(a), decoded(b))
}

fn message((place, fields): (String, Vec<String>)) -> Message {
    let fields: HashMap<&str, &str> = fields.chunks(2).map(|it| (it[0].as_str(), it[1].as_str())).collect();
    let text = format!("{{{},{}}}", fields["by"], fields["said"]);
    let mut value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let number = place.split_once('-').and_then(|(number, _)| number.parse().ok());
    value["seq"] = number.unwrap_or(0_u64).into();
    value["sent_ms"] = fields["ms"].parse::<u64>().unwrap_or(0).into();
    Message::deserialize(value).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(messages: &[(&str, u64)]) -> Stored {
        let entry = |(index, (from, seq)): (usize, &(&str, u64))| {
            let by = format!(r#""from":"{from}","from_name":"{from}""#);
            let said = format!(r#""text":"hi","message_id":"{index}""#);
            let fields = ["ms", "1", "by", &by, "said", &said, "a", "1", "b", "0"];
            message((format!("{seq}-0"), fields.map(str::to_owned).to_vec()))
        };
        let messages: Vec<Message> = messages.iter().enumerate().map(entry).collect();
        let side = |from: &str| if from == "ana" { "a" } else { "b" };
        let id = |message: &Message| (format!("{}:{}", side(&message.from), message.message_id), message.seq);
        let ids = messages.iter().map(id).collect();
        let meta = [("seq", messages.len() as u64), ("read_a", 1), ("got_a", 2)];
        let meta = meta.map(|(name, value)| (name.to_owned(), value)).into();
        let conversation = Conversation { messages, meta, ids };
        Stored { conversations: [(("ana".to_owned(), "bob".to_owned()), conversation)].into() }
    }

    #[test]
    fn what_is_unread_is_counted_from_each_side() {
        let stored = stored(&[("bob", 1), ("bob", 2), ("ana", 3), ("bob", 4)]);
        assert_eq!(stored.faults(), [""; 0]);
        let (ana, bob) = (&stored.talks("ana")["bob"], &stored.talks("bob")["ana"]);
        assert_eq!((ana.unread, ana.read, ana.receipt, ana.delivered), (2, 1, 0, 0));
        assert_eq!((bob.unread, bob.read, bob.receipt, bob.delivered), (1, 0, 1, 2));
        assert!(stored.talks("eve").is_empty());
    }

    #[test]
    fn a_hole_a_double_and_a_message_without_an_id_are_faults() {
        assert_eq!(stored(&[("ana", 1), ("ana", 3)]).faults().len(), 1);
        assert_eq!(stored(&[("ana", 1), ("ana", 1)]).faults().len(), 1);
        let mut without = stored(&[("ana", 1), ("ana", 2)]);
        without.conversations.values_mut().for_each(|it| it.ids.retain(|id, _| id != "a:1"));
        assert_eq!(without.faults().len(), 2);
    }

    #[test]
    fn the_names_of_a_key_are_those_of_the_users() {
        assert_eq!(sides("chat:{c:a%2Cb%7D,%E5%90%8D}"), ("a,b}".to_owned(), "名".to_owned()));
    }
}
