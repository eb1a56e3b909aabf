//! The bounds of this service, besides those that clients see ([`protocol::chat`]).

use std::time::Duration;

/// Bytes in one page of messages, changes or conversations, the first one not counted: below
/// [`protocol::limit::CLAIM_OVER_BYTES`] with the rest of the answer, so that pages seldom travel by claim.
pub(super) const PAGE_BYTES_MAX: usize = 60 * 1024;

/// Messages that one call of `deliver.lua` takes: about a millisecond of Redis's time.
pub(super) const DELIVERED_MAX: usize = 100;

/// How often a worker looks for changes that another one has left behind: what was left reaches its users within two looks.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Changes that one look takes at most.
pub(super) const SWEPT_MAX: usize = 1_000;

/// How often a gap is looked into while Redis fails, before nobody is told.
pub(super) const GAP_ATTEMPTS_MAX: usize = 5;

/// How long it waits before each further one.
pub(super) const GAP_PAUSE: Duration = Duration::from_millis(500);
