//! A message as it is stored in its conversation.

use broker::redis::{Cmd, FromRedisValue, Value, cmd, from_redis_value};
use protocol::body;
use protocol::chat::Picture;
use serde::Serialize;

use super::key::ConversationKeys;
use super::user::{Side, User};

/// A message of a conversation.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) seq: u64,
    pub(super) sent_ms: u64,
    /// `"from":…,"from_name":…`, as JSON.
    by: String,
    /// `"text":…,"message_id":…`, and `"picture":…` if it carries one, as JSON.
    said: String,
    /// How many messages each side had written up to this one.
    written: [u64; 2],
}

impl Stored {
    /// What `send.lua` answers; none if the id is that of another message.
    pub(super) fn sent(value: Value) -> Option<Option<Self>> {
        let parts: Vec<String> = from_redis_value(value).ok()?;
        if parts.is_empty() {
            return Some(None);
        }
        let [seq, ms, by, said, a, b]: [String; 6] = parts.try_into().ok()?;
        Some(Some(Self::of(seq.parse().ok()?, &ms, by, said, &a, &b)?))
    }

    /// What XRANGE and XREVRANGE answer.
    pub(super) fn range(value: Value) -> Option<Vec<Self>> {
        let entries: Vec<(String, Vec<String>)> = Vec::from_redis_value(value).ok()?;
        entries.into_iter().map(Self::entry).collect()
    }

    /// The message as clients get it.
    pub(super) fn json(&self) -> String {
        let Self { seq, sent_ms, by, said, .. } = self;
        format!("{{\"seq\":{seq},{by},{said},\"sent_ms\":{sent_ms}}}")
    }

    /// How many messages the other side of this one had written up to this one.
    pub(super) fn met(&self, side: Side) -> u64 {
        match side {
            Side::A => self.written[1],
            Side::B => self.written[0],
        }
    }

    /// The name of this user as JSON, if it is the user who wrote the message.
    pub(super) fn name_of(&self, user: &str) -> Option<&str> {
        self.by.strip_prefix("\"from\":")?.strip_prefix(&json(user))?.strip_prefix(",\"from_name\":")
    }

    fn entry((id, fields): (String, Vec<String>)) -> Option<Self> {
        let [_, ms, _, by, _, said, _, a, _, b]: [String; 10] = fields.try_into().ok()?;
        Self::of(id.split_once('-')?.0.parse().ok()?, &ms, by, said, &a, &b)
    }

    fn of(seq: u64, ms: &str, by: String, said: String, a: &str, b: &str) -> Option<Self> {
        let written = [a.parse().ok()?, b.parse().ok()?];
        Some(Self { seq, sent_ms: ms.parse().ok()?, by, said, written })
    }
}

/// Who writes, as it is stored.
pub(super) fn by(user: &User) -> String {
    format!("\"from\":{},\"from_name\":{}", json(&user.key), json(&user.name))
}

/// What is written, as it is stored.
pub(super) fn said(text: &str, message_id: &str, picture: Option<&Picture>) -> String {
    let picture = picture.map(|picture| format!(",\"picture\":{}", json(picture))).unwrap_or_default();
    format!("\"text\":{},\"message_id\":{}{picture}", json(text), json(message_id))
}

/// Reads messages in order: from this one on, so many.
pub(super) fn reading(keys: &ConversationKeys, from: u64, count: usize) -> Cmd {
    let mut range = cmd("XRANGE");
    range.arg(&keys.messages).arg(format!("{from}-0")).arg("+").arg("COUNT").arg(count);
    range
}

/// A value as JSON text.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    body::encode(value).get().to_owned()
}
