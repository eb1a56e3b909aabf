//! The options of the service.

use protocol::limit::CLAIM_BYTES_MAX;
use protocol::sets::{AHEAD_MS_MAX, HORIZON_MS, VALUES_MAX};

/// The options of the sets service.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// How far a stamp may be ahead of the clock of Redis, milliseconds: what is further ahead is refused
    #[arg(long = "sets-ahead-ms-max", env = "SETS_AHEAD_MS_MAX", value_name = "MS")]
    #[arg(default_value_t = AHEAD_MS_MAX, value_parser = clap::value_parser!(u64).range(..=MS_MAX))]
    pub ahead_ms_max: u64,

    /// How long removals are remembered, milliseconds: what was done offline for longer may be refused as too old
    #[arg(long = "sets-horizon-ms", env = "SETS_HORIZON_MS", value_name = "MS")]
    #[arg(default_value_t = HORIZON_MS, value_parser = clap::value_parser!(u64).range(..=MS_MAX))]
    pub horizon_ms: u64,

    /// How many values a set keeps, removed ones among them. Not on the command line: clients know it as a limit.
    #[arg(skip = VALUES_MAX)]
    pub values_max: usize,

    /// How large the whole of a set may be as an answer, bytes. Not on the command line: nodes fetch no larger one.
    #[arg(skip = CLAIM_BYTES_MAX)]
    pub snapshot_bytes_max: usize,
}

/// The largest time that an option may have, milliseconds: 10,000 years, which Lua adds to the time without rounding.
const MS_MAX: u64 = 315_360_000_000_000;

impl Default for Options {
    fn default() -> Self {
        Self {
            ahead_ms_max: AHEAD_MS_MAX,
            horizon_ms: HORIZON_MS,
            values_max: VALUES_MAX,
            snapshot_bytes_max: CLAIM_BYTES_MAX,
        }
    }
}
