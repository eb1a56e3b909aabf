//! The bounds of this service, besides those that clients see ([`protocol::sets`]).

/// Bytes of operations in one call of `apply.lua`: with the rest of it below 64 KiB, so that no push has to travel by claim,
/// and about half a millisecond of Redis's time.
pub(super) const CALL_BYTES_MAX: usize = 32 * 1024;

/// Bytes of operations in one page of changes: below [`protocol::limit::CLAIM_OVER_BYTES`] with the rest of the answer, and
/// not below [`CALL_BYTES_MAX`].
pub(super) const PAGE_BYTES_MAX: usize = 60 * 1024;

/// Tombstones that one call may collect in each case. It may always collect twice as many as it can make, so that they do
/// not pile up.
pub(super) const COLLECTED_MIN: usize = 100;

/// Requests that wait for a change in one worker; further ones are answered at once.
pub(super) const WAITING_MAX: usize = 4_096;

/// Values of a set that are read at one go: two milliseconds of Redis's time. A set with more is read in pieces.
pub(super) const READ_AT_ONCE_MAX: usize = 10_000;

/// Values in a piece of a large set: some tenths of a millisecond of Redis's time.
pub(super) const SCANNED_AT_ONCE: usize = 1_000;

/// Large sets that one worker reads at the same time. Each takes some hundred bytes a value, and the values: at most
/// [`protocol::limit::CLAIM_BYTES_MAX`] of these for what is sent. For a digest it is all of them, a gigabyte if a set has as
/// many and as long ones as it may.
pub(super) const SCANS_MAX: usize = 2;

/// Bytes that an element takes at least in an answer, besides its value.
pub(super) const ELEMENT_BYTES_MIN: usize = r#"{"value":"","stamp":[0,"a"]}"#.len();

/// How often a large set is read in pieces, if its log is trimmed meanwhile, before it is read at one go.
pub(super) const SCAN_ATTEMPTS_MAX: usize = 2;

/// How long a large answer is kept for the nodes to fetch it, milliseconds.
pub(super) const CLAIM_MS: u64 = 5_000;

/// Bytes of large answers that one worker keeps in Redis; beyond it further ones wait.
pub(super) const CLAIMED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How often a page of the index is read again without sets that were found to be gone, before what is left of it is the
/// answer.
pub(super) const INDEX_ATTEMPTS_MAX: usize = 10;

/// How often a gap is looked into while Redis fails, before nobody is told.
pub(super) const GAP_ATTEMPTS_MAX: usize = 5;
