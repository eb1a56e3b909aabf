//! What clients are answered.

use serde::{Deserialize, Serialize};

use super::{Cursor, Operation, Outcome, SetId, Stamp};

/// A message to a client of `/ws/sets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// The answer to a `watch` without a cursor: all there is.
    Snapshot(Snapshot),
    /// The answer to a `watch` from a cursor that the log does not have, and a push after a gap: all there is, in the place
    /// of what the client had from the server.
    Reset(Snapshot),
    /// The answer to a `watch` from a cursor, and a push: what changed.
    Delta(Delta),
    /// The answer to an `apply`.
    Outcomes {
        /// The set.
        set: SetId,
        /// What became of the operations.
        #[serde(flatten)]
        applied: Applied,
    },
    /// The answer to an `unwatch`.
    Unwatched {
        /// The set.
        set: SetId,
    },
    /// A push: the set was deleted.
    Deleted {
        /// The set.
        set: SetId,
    },
}

/// All that a set keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The set.
    pub set: SetId,
    /// Its name; may be empty.
    pub name: String,
    /// The place in the log at which this is all.
    pub cursor: Cursor,
    /// The server's time, milliseconds since 1970.
    pub server_ms: u64,
    /// The contained values, in bytewise order.
    pub elements: Vec<Element>,
    /// The values that were removed, as far as the service remembers, in bytewise order.
    pub removed: Vec<Element>,
}

/// A value and the stamp of the operation that is kept for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    /// The value.
    pub value: String,
    /// Of the operation that added or removed it.
    pub stamp: Stamp,
}

/// What changed a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// The set.
    pub set: SetId,
    /// Of a push: the place in the log before it. Whoever is not there has missed something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<Cursor>,
    /// The place in the log behind it.
    pub cursor: Cursor,
    /// The operations that were applied, in order.
    pub operations: Vec<Operation>,
    /// Of an answer: there is more behind it. Watch again from its cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
    /// The server's time, milliseconds since 1970.
    pub server_ms: u64,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// One for each operation, in the same order.
    pub outcomes: Vec<Outcome>,
    /// A place in the log behind all that was applied.
    pub cursor: Cursor,
    /// The server's time, milliseconds since 1970.
    pub server_ms: u64,
}

/// What became of one operation that the service did not refuse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedOne {
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// A place in the log behind it.
    pub cursor: Cursor,
    /// The server's time, milliseconds since 1970.
    pub server_ms: u64,
}

/// A set that was created, or was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// Its id.
    pub id: SetId,
    /// Its name; may be empty.
    pub name: String,
    /// The newest place in its log.
    pub cursor: Cursor,
    /// When it was created, milliseconds since 1970.
    pub created_ms: u64,
}

/// A page of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// The newest sets first.
    pub sets: Vec<Listed>,
    /// What to ask for to get the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A set in the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its id.
    pub id: SetId,
    /// Its name; may be empty.
    pub name: String,
    /// When it was created, milliseconds since 1970.
    pub created_ms: u64,
}

/// A set over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// Its id.
    pub id: SetId,
    /// Its name; may be empty.
    pub name: String,
    /// The place in the log at which this is all.
    pub cursor: Cursor,
    /// The server's time, milliseconds since 1970.
    pub server_ms: u64,
    /// The contained values, in bytewise order.
    pub elements: Vec<Element>,
    /// The values that were removed, as far as the service remembers, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Vec<Element>>,
}

/// Whether a set contains a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contained {
    /// The value.
    pub value: String,
    /// Whether the set contains it.
    pub contained: bool,
    /// Of the operation that is kept for it, whether it was added or removed; none if none is kept.
    pub stamp: Option<Stamp>,
}

/// A page of changes over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Changes {
    /// What came since.
    Page(Page),
    /// The log does not have that cursor.
    Reset {
        /// All there is.
        reset: Box<Snapshot>,
    },
}

/// What came since a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The operations, in order.
    pub operations: Vec<Operation>,
    /// The place in the log behind them.
    pub cursor: Cursor,
    /// There is more behind it.
    pub more: bool,
    /// The server's time, milliseconds since 1970.
    pub server_ms: u64,
}

/// The digest of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// The place in the log at which it was made.
    pub cursor: Cursor,
    /// How many values are contained.
    pub count: usize,
    /// SHA-256 over the contained values and their stamps, in lower-case hexadecimal.
    pub digest: String,
}
