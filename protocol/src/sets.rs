//! The messages of the sets service: sets of strings that any number of clients change, online or not, and that converge.
//!
//! A set is an LWW-Element-Set (the crate `lww-set` says what that is). It has a log of what changed it. A [`Cursor`] is a
//! place in that log: whoever hands one back gets what came since, or all there is if the log does not have it.
//!
//! - [`SetId`], [`Cursor`]: what is named
//! - [`read`], [`read_creation`], [`read_operations`], [`read_stamp`]: what clients ask for
//! - [`Outcome`]: what became of an operation
//! - [`Message`], [`Snapshot`], [`Page`] and others: what they are answered

mod answer;
mod cursor;
mod id;
mod outcome;
mod request;

pub use lww_set::{Op, Operation, Stamp};

pub use answer::{
    Applied, AppliedOne, Changes, Contained, Created, Delta, Digest, Element, Index, Listed, Message, Page,
    Set, Snapshot,
};
pub use cursor::{BadCursor, Cursor};
pub use id::{BadSetId, SetId};
pub use outcome::Outcome;
pub use request::{Change, Creation, Request, read, read_creation, read_operations, read_stamp};

/// The name of the service.
pub const SERVICE: &str = "sets";
/// The HTTP path of all sets, and what the path of each begins with.
pub const PATH: &str = "/sets";
/// The replica in the stamps that the service makes. Clients may not use it.
pub const SERVER: &str = "server";

/// Longest value, bytes of UTF-8: it stands in every snapshot of its set.
pub const VALUE_BYTES_MAX: usize = 1_024;
/// Longest id of a set, bytes: it stands in Redis keys, topics and paths.
pub const SET_ID_BYTES_MAX: usize = 64;
/// Longest name of a set, bytes.
pub const SET_NAME_BYTES_MAX: usize = 128;
/// Operations in one request: some milliseconds of work for Redis.
pub const OPERATIONS_MAX: usize = 1_000;
/// Operations in one page of changes.
pub const CHANGES_MAX: usize = 1_000;
/// Operations in one page of changes, if the client does not say how many.
pub const CHANGES_DEFAULT: usize = 100;
/// Sets in one page of the index.
pub const SETS_MAX: usize = 1_000;
/// Sets in one page of the index, if the client does not say how many.
pub const SETS_DEFAULT: usize = 100;
/// Longest wait for a change, seconds: below the time after which a node gives a request up.
pub const WAIT_S_MAX: u64 = 25;
/// Values that a set keeps, those that were removed lately among them.
pub const VALUES_MAX: usize = 1_000_000;
/// Changes that the log of a set keeps, or a few more: each is a batch of at most 32 KiB.
pub const LOG_ENTRIES_MAX: usize = 10_000;
/// How far a stamp may be ahead of the server's time, milliseconds: more than well-kept clocks differ. One of a clock that
/// is wrong by a year would otherwise win for a year.
pub const AHEAD_MS_MAX: u64 = 60_000;
/// How long removals are remembered at least, milliseconds: 30 days. What was done offline for longer may be refused.
pub const HORIZON_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
