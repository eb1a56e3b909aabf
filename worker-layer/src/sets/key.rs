//! The keys of the sets service in Redis.

use protocol::sets::SetId;

/// The ids of all sets, scored by when they were created, milliseconds. No script touches it together with a set: it
/// is updated by a command of its own before the answer, which may be done again without harm. So it may have an id whose set
/// was deleted meanwhile: whoever lists finds that, and takes it out.
pub(super) const INDEX: &str = "sets";

/// A hash: `name`, `epoch`, `created_ms`, `position` of the newest log entry, and `floor_ms` once a tombstone was collected.
pub(super) fn meta(set: &SetId) -> String {
    format!("{}:meta", set.topic())
}

/// A hash: for each value `+<ms>:<replica>` if it is contained, `-<ms>:<replica>` if it was removed.
pub(super) fn elements(set: &SetId) -> String {
    format!("{}:elements", set.topic())
}

/// A sorted set: the values that were removed, scored by the milliseconds of their stamps.
pub(super) fn tombstones(set: &SetId) -> String {
    format!("{}:tombstones", set.topic())
}

/// A stream: an entry `<position>-0` for each change, with `prev` (the position before), `count` and `operations`.
pub(super) fn log(set: &SetId) -> String {
    format!("{}:log", set.topic())
}
