//! The keys of the numbers service in Redis.

/// What stands before a user's key in the name of the hash with `username` and `favnum`.
pub(super) const USER_PREFIX: &str = "user:";
/// The set of the keys of all users in the listing, for `SORT users …` in redis-cli.
pub(super) const USERS: &str = "users";
// Scripts touch the next three, so they share a tag.
/// The newest version that was given to a listing.
pub(super) const VERSION: &str = "{numbers}:version";
/// Who publishes; it expires.
pub(super) const LEASE: &str = "{numbers}:publisher";
/// When the store was found empty of this key: a worker that sees it changed knows that FLUSHALL or FLUSHDB
/// went by, of which Redis does not notify.
pub(super) const EPOCH: &str = "{numbers}:epoch";

/// The hash of a user.
pub(super) fn user(key: &str) -> String {
    format!("{USER_PREFIX}{key}")
}
