//! The limit: what the service writes for each message, as plain commands of Redis, pipelined by one client that never waits.

use std::net::SocketAddr;

use anyhow::Result;
use redis::Pipeline;
use serde_json::json;

use crate::pipelining::{Pipelining, Turn};
use crate::talk::{TEXT_BYTES, name, partner};

/// Messages of a turn, each of another user.
const MESSAGES: u64 = 100;
/// Entries that the plain streams keep.
const ENTRIES_MAX: u64 = 1_000;
/// Commands for a message, and answers with text among them, which have a line more.
const COMMANDS: usize = 18;
const TEXTS: usize = 3;

/// The client.
pub(super) struct Writing(Pipelining);

impl Writing {
    /// Connects.
    pub(super) fn open(redis: SocketAddr) -> Result<Self> {
        let mut pipeline = redis::pipe();
        (0..MESSAGES as usize).for_each(|user| write(&mut pipeline, user));
        let turn = Turn::new(&pipeline, (COMMANDS + TEXTS) * MESSAGES as usize);
        Ok(Self(Pipelining::open(redis, vec![turn])?))
    }

    /// Writes what `count` messages need, or a few more so that all turns are whole; how many they were, and how many a second.
    pub(super) fn rate(&self, count: u64) -> Result<(u64, f64)> {
        let turns = count.div_ceil(MESSAGES).max(1);
        let seconds = self.0.run(turns as usize)?;
        Ok((turns * MESSAGES, (turns * MESSAGES) as f64 / seconds))
    }
}

/// What is written when `user` says something to the partner: the conversation, and for both of them the log, the home screen
/// and where they stand.
fn write(pipeline: &mut Pipeline, user: usize) {
    let other = partner(user);
    let conversation = format!("bench:chat:{}", user.min(other));
    let (said, message_id) = ("x".repeat(TEXT_BYTES), format!("{user:036}"));
    let by = json!({ "from": name(user), "from_name": name(user) }).to_string();
    let stored = json!({ "text": said, "message_id": message_id }).to_string();
    let change =
        json!({ "type": "message", "with": name(other), "message": [by, stored], "unread": 1 }).to_string();
    let entry = format!("{user:016x}");
    pipeline.cmd("SADD").arg("bench:chat:outbox").arg(&entry);
    for counter in ["seq", "a"] {
        pipeline.cmd("HINCRBY").arg(format!("{conversation}:meta")).arg(counter).arg(1);
    }
    let bound = ["MAXLEN", "~", &ENTRIES_MAX.to_string(), "*"].map(str::to_owned);
    pipeline.cmd("XADD").arg(format!("{conversation}:messages")).arg(&bound);
    pipeline.arg(&["ms", "1760000000000", "by", &by, "said", &stored, "a", "1", "b", "1"]);
    pipeline.cmd("HSET").arg(format!("{conversation}:ids")).arg(&message_id).arg(1);
    for (user, with) in [(user, other), (other, user)] {
        let key = format!("bench:chat:{user}");
        pipeline.cmd("XADD").arg(format!("{key}:log")).arg(&bound);
        pipeline.arg(&["prev", "1760000000000000", "change", &change]);
        for order in ["home", "changed"] {
            pipeline.cmd("ZADD").arg(format!("{key}:{order}")).arg(1_760_000_000_000_000_u64).arg(name(with));
        }
        let stands = ["epoch", "0123456789abcdef", "position", "1760000000000000"];
        pipeline.cmd("HSET").arg(format!("{key}:meta")).arg(&stands);
        pipeline.cmd("HSET").arg(format!("{key}:with:{}", name(with)));
        pipeline.arg(&["delivered", "1", "met", "1", "read", "0", "read_met", "0", "receipt", "0"]);
        pipeline.arg(&["name", &name(with), "with", &name(with), "last", &stored]);
        pipeline.cmd("PUBLISH").arg(format!("bench:chat:topic:{user}")).arg(&change);
    }
    pipeline.cmd("SREM").arg("bench:chat:outbox").arg(&entry);
}
