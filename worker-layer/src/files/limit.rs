//! The bounds of this service, besides those that clients see ([`protocol::files`]) and those that are options.

/// Bytes of changes in one call of a script, as JSON: with the rest of it below 64 KiB, so that no push has to travel by claim.
pub(super) const CALL_BYTES_MAX: usize = 32 * 1024;
/// Names in one call of a script: two to three milliseconds of Redis's time.
pub(super) const CALL_NAMES_MAX: usize = 500;
/// Bytes of changes in one page of the log, as JSON: below [`protocol::limit::CLAIM_OVER_BYTES`] with the rest of the answer,
/// and not below [`CALL_BYTES_MAX`].
pub(super) const CHANGES_BYTES_MAX: usize = 60 * 1024;
/// Bytes of changes that the log keeps: many large ones would fill the memory of Redis before there are too many.
pub(super) const LOG_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Watchers that have left and are remembered.
pub(super) const BYES_MAX: usize = 10_000;
/// Removals of one watcher that are remembered, for lists that were made before them.
pub(super) const REMOVALS_MAX: usize = 1_024;

/// How long a watcher that missed something must be quiet before its list is fetched, milliseconds: the original may crash
/// when it is asked while it writes down changes.
pub(super) const QUIET_MS: u64 = 500;
/// After how long it is fetched although it is not quiet, milliseconds.
pub(super) const PATIENCE_MS: u64 = 10_000;
/// How far two fetches from one address are apart, milliseconds.
pub(super) const APART_MS: u64 = 1_000;
/// For how long a watcher must have said nothing of its files before it is checked without cause, milliseconds.
pub(super) const RESTLESS_MS: u64 = 5_000;
/// How long an address is taken for a fetch beyond the time that the fetch may need, milliseconds.
pub(super) const LEASE_MS: u64 = 5_000;
/// Fetches of one worker at a time: each may hold a list of [`protocol::files::FETCH_BYTES_MAX`] in memory.
pub(super) const FETCHES_MAX: usize = 4;
/// Fetches of one worker from one host at a time: one that does not answer must not hold up the others.
pub(super) const FETCHES_PER_HOST_MAX: usize = 2;
/// How long to wait before a failed fetch is tried again, milliseconds; it doubles with each failure.
pub(super) const AGAIN_MIN_MS: u64 = 1_000;
/// How long at most.
pub(super) const AGAIN_MAX_MS: u64 = 60_000;

/// How often the keeper looks for watchers that fell silent, milliseconds.
pub(super) const TICK_MS: u64 = 1_000;
/// How long the keeper stays the keeper without a word, milliseconds.
pub(super) const KEEPER_MS: u64 = 3_000;
/// After how long without a keeper nobody is blamed for silence, milliseconds.
pub(super) const OUTAGE_MS: u64 = 5_000;
/// The pause between two pieces of what is cleared away, milliseconds: other commands get their turn.
pub(super) const CLEAR_PAUSE_MS: u64 = 5;

/// Files that are read with one call: two milliseconds of Redis's time.
pub(super) const LOAD_PAGE: usize = 4_096;
/// Changes of the log that are read with one call when following it.
pub(super) const FOLLOW_PAGE: usize = 4_096;
/// How often the listing in memory follows the log while somebody asks for it, milliseconds: the log keeps
/// [`protocol::files::FILES_LOG_ENTRIES_MAX`] changes.
pub(super) const FOLLOW_MS: u64 = 200;
/// How long the listing stays in memory when nobody asks for it, milliseconds.
pub(super) const UNASKED_MS: u64 = 60_000;
/// Requests that wait for the listing in one worker; further ones are told to try again.
pub(super) const READERS_MAX: usize = 1_024;
/// Bytes of answers that one worker keeps in Redis for the nodes to fetch; beyond it further ones have to wait until older
/// ones expire, or are refused if they are not used again. Six listings of a million files.
pub(super) const CLAIMED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// One in so many of these bytes may be of answers that are not used again: those that are find room beside them.
pub(super) const ONCE_SHARE: usize = 2;
/// How long an answer that is not used again is kept, milliseconds: a node fetches at once.
pub(super) const CLAIM_ONCE_MS: u64 = 5_000;
/// Files that are written between two chances for others to run: half a millisecond.
pub(super) const RENDERED_AT_ONCE: usize = 8_192;
