//! Every bound of this layer, with its unit and its reason. Those that the layers share are in
//! [`protocol::limit`].

/// Lanes of each service: as many batches of it may wait for Redis at once. More lanes make smaller batches,
/// which cost more (4.6 µs of CPU a set with one lane, 5.4 with four, measured with 100 clients); with one,
/// everything waits for one reader.
pub const LANES: usize = 2;

/// Events that wait in one lane before the inbox waits: some milliseconds of work, in far below a node's
/// [`protocol::limit::IN_FLIGHT_PER_NODE_MAX`].
pub const LANE_EVENTS_MAX: usize = 8_192;

/// Events that a service gets at once: a batch that Redis needs about a millisecond for.
pub const BATCH_EVENTS_MAX: usize = 1_024;

/// Answers that a worker may owe beside its lanes ([`crate::Outcome::Later`]); beyond it requests are
/// answered with `unavailable`.
pub const LATER_MAX: usize = 16_384;

/// How much of a line that cannot be read is logged, characters.
pub const EXCERPT_CHARS_MAX: usize = 200;

/// How long [`crate::probe`] listens for an announcement, milliseconds: as long as a node waits before it
/// forgets a worker.
pub const PROBE_MS: u64 = protocol::limit::WORKER_SILENCE_MS;
