//! What became of an operation.

use serde::{Deserialize, Serialize};

use super::{Op, Stamp};

/// What became of an operation. Nothing is dropped in silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It is kept: no greater operation on its value was seen.
    Applied {
        /// Its stamp: the client's, or the one that the service gave it.
        stamp: Stamp,
    },
    /// A greater operation on its value was seen before.
    Superseded {
        /// What that one does.
        op: Op,
        /// The stamp of that one.
        stamp: Stamp,
    },
    /// The very same operation was applied before: a retry does no harm.
    Duplicate {
        /// Its stamp.
        stamp: Stamp,
    },
    /// Refused: its stamp lies too far in the future. The client's clock is wrong.
    ClockAhead {
        /// The server's time, milliseconds since 1970.
        server_ms: u64,
        /// How far ahead of it a stamp may be, milliseconds.
        ahead_ms_max: u64,
    },
    /// Refused: it is older than removals that are forgotten, so the service cannot know whether its value was removed since.
    TooOld {
        /// Operations on values that are not kept are refused up to this time, milliseconds since 1970.
        floor_ms: u64,
    },
}

impl Outcome {
    /// Whether the operation, or a greater one on its value, is kept.
    #[must_use]
    pub fn is_merged(&self) -> bool {
        !matches!(self, Self::ClockAhead { .. } | Self::TooOld { .. })
    }
}
