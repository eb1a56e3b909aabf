//! The sets that clients change, and what they put into them. The limits store the very same.

use std::fmt;

/// Values of each client in its set. They come round, so that a set grows to a size and stays there.
pub(crate) const VALUES: u64 = 1_000;

/// The id of the set number `set`.
pub(crate) fn set_id(set: usize) -> String {
    format!("bench-{set}")
}

/// A value: 16 bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value {
    pub(crate) client: usize,
    pub(crate) number: u64,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}-{:09}", self.client, self.number)
    }
}

/// What the service keeps for a value that `client` added at `ms`.
pub(crate) fn kept(client: usize, ms: u64) -> String {
    format!("+{ms}:bench-{client}")
}
