//! The messages of the files service: watchers say what is in their folders, and everyone reads one sorted listing.
//!
//! A *watcher* is one run of a process that watches a folder. It is named by the [`Instance`] that it made for itself, and the
//! service gives it a number. What it says with [`Hello`], [`Bye`] and [`Operation`]s is the wire of the watcher node that the
//! service was made for, which works unmodified; members that such a watcher does not know are optional.
//!
//! What changes the listing is in one log. A [`Cursor`] is a place in it, as with sets: whoever hands one back gets what came
//! since, or all there is if the log does not have it.
//!
//! - [`Hello`], [`Bye`], [`Operation`], [`Report`], [`Heard`]: between a watcher and the service
//! - [`Change`], [`Message`], [`Snapshot`] and others: what readers get
//! - [`read_hello`], [`read_bye`], [`read_operations`], [`read_report`], [`read`]: how they are read

mod answer;
mod instance;
mod report;
mod request;
mod watcher;

pub use crate::sets::{BadCursor, Cursor};

pub use answer::{
    Change, Changes, Delta, Detail, Details, Gone, Listing, Message, Node, Nodes, Page, Snapshot, Watcher,
};
pub use instance::{BadInstance, Instance};
pub use report::{BadReport, Report, read_report};
pub use request::{Request, read, read_bye, read_hello, read_operations};
pub use watcher::{Bye, File, Heard, Hello, Op, Operation, State, check_filename};

/// The name of the service.
pub const SERVICE: &str = "files";
/// The topic that every connection of the service joins. The braces are a hash tag, which all keys of the service have, too.
pub const TOPIC: &str = "{files}";
/// The HTTP path of the listing, also with a slash behind it, and of a watcher's own list.
pub const PATH: &str = "/files";
/// The HTTP path at which a watcher says that it is there.
pub const HELLO_PATH: &str = "/hello";
/// The HTTP path at which a watcher says that it leaves.
pub const BYE_PATH: &str = "/bye";
/// The HTTP path that lists the watchers.
pub const NODES_PATH: &str = "/nodes";

/// Longest instance, bytes: it stands in Redis keys. A UUID has 36.
pub const INSTANCE_BYTES_MAX: usize = 64;
/// Longest name of a file, bytes of UTF-8: four times what Linux allows, because a name that is no UTF-8 is written longer.
pub const FILENAME_BYTES_MAX: usize = 1_024;
/// Largest sequence number: the largest integer that every JSON reader keeps exact.
pub const SEQNO_MAX: u64 = 9_007_199_254_740_991;
/// Operations in one request: some milliseconds of work for Redis.
pub const OPERATIONS_MAX: usize = 1_000;
/// Files of one watcher; further ones are refused.
pub const FILES_PER_WATCHER_MAX: usize = 1_000_000;
/// Files of all watchers together; further ones are refused. Each costs Redis about 250 bytes.
pub const FILES_MAX: usize = 10_000_000;
/// Watchers at a time. A further one takes the place of one that was never fetched from, or is refused.
pub const WATCHERS_MAX: usize = 4_096;
/// Files in one page of the listing.
pub const PAGE_FILES_MAX: usize = 10_000;
/// Changes in one page, or a few more: a change of many files is not cut in two.
pub const CHANGES_MAX: usize = 1_000;
/// Changes that the log keeps, or a few more: each is a batch of at most 32 KiB.
pub const FILES_LOG_ENTRIES_MAX: usize = 10_000;
/// A watcher that was silent for this long is stale, milliseconds: three hellos.
pub const STALE_MS: u64 = 15_000;
/// A watcher that was silent for this long has expired, milliseconds: six hellos.
pub const EXPIRE_MS: u64 = 30_000;
/// How long a watcher that said bye is remembered, milliseconds: a late hello does not bring it back.
pub const BYE_KEPT_MS: u64 = 60_000;
/// How often a watcher that does not say its sequence number is asked for its list in quiet times, milliseconds.
pub const CHECK_MS: u64 = 60_000;
/// How long a watcher may take to answer with its list, milliseconds.
pub const FETCH_MS: u64 = 10_000;
/// Largest list of a watcher, bytes: a million names.
pub const FETCH_BYTES_MAX: usize = 64 * 1024 * 1024;
