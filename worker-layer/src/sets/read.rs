//! What is read of a set, and how it is understood.

use broker::redis::{Cmd, FromRedisValue, Value, cmd, from_redis_value};
use protocol::sets::{Cursor, Element, Op, SetId, Snapshot, Stamp};

use super::key;
use super::limit::PAGE_BYTES_MAX;
use super::script::{Commands, Scripts};

/// Something to be read. All who want the same in one batch share one reading.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Reading {
    /// All of a set.
    All(SetId),
    /// Where its log stands, and how large it is.
    Head(SetId),
    /// What came since a cursor: at most so many operations.
    Since(SetId, Cursor, usize),
}

/// What came since a cursor.
#[derive(Debug, Clone)]
pub(super) enum Since {
    /// The log does not have the cursor.
    Lost,
    /// A page.
    Page(Page),
}

/// A page of the log.
#[derive(Debug, Clone)]
pub(super) struct Page {
    /// The place behind it.
    pub(super) cursor: Cursor,
    pub(super) server_ms: u64,
    /// The operations as JSON, with commas between.
    pub(super) operations: String,
    pub(super) more: bool,
}

/// How a set stands.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) name: String,
    /// The newest.
    pub(super) cursor: Cursor,
    /// How many are kept, removed ones among them.
    pub(super) values: usize,
}

/// Why nothing was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotRead {
    /// There is no such set.
    Unknown,
    /// What is there is not what this service writes.
    Odd,
}

impl Reading {
    /// Which set.
    pub(super) fn set(&self) -> &SetId {
        match self {
            Self::All(set) | Self::Head(set) | Self::Since(set, ..) => set,
        }
    }

    /// Adds what has to be asked: it has one answer.
    pub(super) fn ask(&self, scripts: &Scripts, commands: &mut Commands) {
        match self {
            // At one moment: the values are those at the cursor.
            Self::All(set) => {
                commands.add_together([cmd("TIME"), named(set), with("HGETALL", key::elements(set))]);
            }
            Self::Head(set) => {
                commands.add_together([named(set), with("HLEN", key::elements(set))]);
            }
            Self::Since(set, cursor, limit) => {
                let mut call = scripts.changes.call(&[key::meta(set), key::log(set)], 4, 64);
                call.arg(cursor.epoch()).arg(cursor.position()).arg(*limit).arg(PAGE_BYTES_MAX);
                commands.add(call);
            }
        }
    }
}

/// Name and newest cursor of a set.
pub(super) fn named(set: &SetId) -> Cmd {
    let mut named = with("HMGET", key::meta(set));
    named.arg("name").arg("epoch").arg("position");
    named
}

/// How a set stands.
pub(super) fn read_head(value: Value) -> Result<Head, NotRead> {
    let (named, values): (Value, usize) = understood(value).ok_or(NotRead::Odd)?;
    let (name, cursor) = read_named(named)?;
    Ok(Head { name, cursor, values })
}

/// What [`named`] is answered.
pub(super) fn read_named(value: Value) -> Result<(String, Cursor), NotRead> {
    let (name, epoch, position): (Option<String>, Option<String>, Option<String>) =
        understood(value).ok_or(NotRead::Odd)?;
    let epoch = epoch.ok_or(NotRead::Unknown)?;
    let cursor = format!("{epoch}-{}", position.unwrap_or_default()).parse().map_err(|_| NotRead::Odd)?;
    Ok((name.unwrap_or_default(), cursor))
}

/// All of a set, by value in bytewise order.
pub(super) fn read_all(set: &SetId, value: Value) -> Result<Snapshot, NotRead> {
    let (time, named, kept): ((u64, u64), Value, Vec<(String, String)>) =
        understood(value).ok_or(NotRead::Odd)?;
    let (name, cursor) = read_named(named)?;
    let mut elements = Vec::with_capacity(kept.len());
    let mut removed = Vec::new();
    for (value, kept) in kept {
        let (op, stamp) = read_kept(&kept).ok_or(NotRead::Odd)?;
        let of = if op == Op::Add { &mut elements } else { &mut removed };
        of.push(Element { value, stamp });
    }
    for of in [&mut elements, &mut removed] {
        of.sort_unstable_by(|one, other| one.value.cmp(&other.value));
    }
    let server_ms = time.0 * 1_000 + time.1 / 1_000;
    Ok(Snapshot { set: set.clone(), name, cursor, server_ms, elements, removed })
}

/// What `changes.lua` answers.
pub(super) fn read_since(value: Value) -> Result<Since, NotRead> {
    let Value::Array(answer) = value else { return Err(NotRead::Odd) };
    match answer.len() {
        0 => Err(NotRead::Unknown),
        1 => Ok(Since::Lost),
        _ => {
            let (cursor, server_ms, operations, more): (String, u64, String, bool) =
                understood(Value::Array(answer)).ok_or(NotRead::Odd)?;
            let cursor = cursor.parse().map_err(|_| NotRead::Odd)?;
            Ok(Since::Page(Page { cursor, server_ms, operations, more }))
        }
    }
}

/// What is kept for a value, as it stands in Redis: `+<ms>:<replica>` or `-<ms>:<replica>`.
pub(super) fn read_kept(text: &str) -> Option<(Op, Stamp)> {
    let (op, ms, replica) = kept_parts(text)?;
    Some((op, Stamp::new(ms, replica.parse().ok()?).ok()?))
}

/// Its parts: what was done, when, by whom.
pub(super) fn kept_parts(text: &str) -> Option<(Op, u64, &str)> {
    let op = match text.as_bytes().first()? {
        b'+' => Op::Add,
        b'-' => Op::Remove,
        _ => return None,
    };
    let (ms, replica) = text.get(1..)?.split_once(':')?;
    Some((op, ms.parse().ok()?, replica))
}

/// What Redis answered; none if it is something else.
pub(super) fn understood<T: FromRedisValue>(value: Value) -> Option<T> {
    from_redis_value(value).ok()
}

/// A command with its key.
pub(super) fn with(command: &str, key: String) -> Cmd {
    let mut command = cmd(command);
    command.arg(key);
    command
}
