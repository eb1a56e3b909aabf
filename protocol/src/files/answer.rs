//! What readers get.

use serde::{Deserialize, Serialize};

use super::{Cursor, File, Instance, State};

/// A message to a client of `/ws/files`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// What there is: the first message, and the answer to a `watch` without a cursor.
    Snapshot(Snapshot),
    /// What there is, in the place of what the client had: the answer to a `watch` from a cursor that the log does not have,
    /// and a push after a gap.
    Reset(Snapshot),
    /// What changed: a push, and the answer to a `watch` from a cursor.
    Changes(Delta),
}

/// All that there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The place in the log at which this is all.
    pub cursor: Cursor,
    /// The server's time, milliseconds since 1970.
    pub server_ms: u64,
    /// How many files there are.
    pub count: usize,
    /// The watchers, by number.
    pub watchers: Vec<Watcher>,
    /// Each file with the number of its watcher, sorted. Missing when it is more than can be sent at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<(String, u64)>>,
}

/// A watcher, as all who follow changes know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watcher {
    /// Its number: no two watchers ever have the same, within an epoch.
    pub watcher: u64,
    /// The id that it made for itself.
    pub instance: Instance,
    /// Where it serves its list, or only its IP address before its first hello.
    pub address: String,
    /// How it stands.
    pub state: State,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// Of a push: the place in the log before it. Whoever is not there has missed something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<Cursor>,
    /// The place in the log behind it.
    pub cursor: Cursor,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// Of an answer: there is more behind it. Ask again from its cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
    /// The server's time, milliseconds since 1970.
    pub server_ms: u64,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Change {
    /// A file is there now.
    Add {
        /// The number of its watcher.
        watcher: u64,
        /// Its name.
        filename: String,
    },
    /// A file is not there any more.
    Remove {
        /// The number of its watcher.
        watcher: u64,
        /// Its name.
        filename: String,
    },
    /// A watcher is new, or has another address or state.
    Watcher(Watcher),
    /// A watcher is not there any more, and with it none of its files.
    Gone {
        /// Its number.
        watcher: u64,
        /// Why.
        reason: Gone,
    },
}

/// Why a watcher is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gone {
    /// It said so.
    Bye,
    /// It was silent for too long.
    Expired,
    /// Another one is at its address.
    Replaced,
    /// There were too many, and nothing was ever fetched from this one.
    Evicted,
}

/// The listing over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Sorted bytewise by name.
    pub files: Vec<File>,
}

/// A page of the listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Sorted bytewise by name.
    pub files: Vec<File>,
    /// What to give as `after` to get the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many files there are, or how many have the prefix.
    pub count: usize,
    /// The place in the log at which this is the page.
    pub cursor: Cursor,
}

/// The listing, or a page of it, with what is known of each file's watcher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Sorted bytewise by name.
    pub files: Vec<Detail>,
    /// As in a [`Page`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// As in a [`Page`].
    pub count: usize,
    /// As in a [`Page`].
    pub cursor: Cursor,
}

/// A file and its watcher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// The name.
    pub filename: String,
    /// Its watcher.
    #[serde(flatten)]
    pub watcher: Watcher,
    /// For how long nothing was heard of the watcher, milliseconds.
    pub lag_ms: u64,
}

/// What changed, over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Changes {
    /// What came since the cursor.
    Page(Delta),
    /// The log does not have that cursor.
    Reset {
        /// All there is.
        reset: Box<Snapshot>,
    },
}

/// All watchers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nodes {
    /// By number.
    pub nodes: Vec<Node>,
    /// How many files they have together.
    pub count: usize,
    /// The place in the log at which this is so.
    pub cursor: Cursor,
}

/// A watcher and how it is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Who it is.
    #[serde(flatten)]
    pub watcher: Watcher,
    /// How many files it has.
    pub files: usize,
    /// The newest operation that the service has of it.
    pub seqno: u64,
    /// For how long nothing was heard of it, milliseconds.
    pub lag_ms: u64,
    /// Why its list could not be fetched when that was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}
