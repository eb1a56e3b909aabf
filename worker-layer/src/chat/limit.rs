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

/// Close code of a connection whose token has expired: its client has to get a new token first.
pub(super) const TOKEN_EXPIRED: u16 = 4501;

/// How often a worker looks whether users who are online still are. Most come and go by events; this finds those whose node died.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Users that one look takes at most: below a millisecond of Redis's time.
pub(super) const LOOKED_MAX: usize = 500;

/// How often each user who is online is looked at, by any worker: 100,000 users are 6,700 looks a second,
/// at 1.6 µs each 1 % of Redis.
pub(super) const CHECK_EVERY: Duration = Duration::from_secs(15);

/// How long a user without a device stays online: longer than a client needs that comes back after its node has stopped or died,
/// so that a deploy is not seen.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// How often a worker looks whether links of dead processes are still open in Redis.
pub(super) const LINKS_EVERY: Duration = Duration::from_secs(10);

/// A process whose links were silent for longer is dead: each link sends a PING every 2 s.
pub(super) const SILENT: Duration = Duration::from_secs(10);

/// How long nobody is looked at after Redis was away: nodes make new links within 2 s, and subscribe again.
pub(super) const RETURN_PAUSE: Duration = Duration::from_secs(5);

/// Uploads of pictures that a worker has at the same time: with 8 MiB each they are 128 MiB at worst.
pub(super) const UPLOADS_MAX: usize = 16;

/// Those of them that are decoded at the same time: each takes up to [`DECODED_BYTES_MAX`], a progressive JPEG half as much again,
/// and a core; a worker is made for one.
pub(super) const MADE_AT_ONCE_MAX: usize = 1;

/// How long an upload waits for its turn: with that a worker still leaves within [`protocol::limit::DRAIN_MS`].
pub(super) const MADE_TURN: Duration = Duration::from_secs(5);

/// Pictures that a worker hands on at the same time: with 8 MiB each they are 64 MiB at worst.
pub(super) const READ_AT_ONCE_MAX: usize = 8;

/// The memory of a decoded picture, bytes: [`protocol::chat::PICTURE_PIXELS_MAX`] with four bytes each fit.
pub(super) const DECODED_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Largest small picture, bytes: a screen full of them is fetched at once.
pub(super) const THUMBNAIL_BYTES_MAX: usize = 128 * 1024;

/// How often a gap is looked into while Redis fails, before nobody is told.
pub(super) const GAP_ATTEMPTS_MAX: usize = 5;

/// How long it waits before each further one.
pub(super) const GAP_PAUSE: Duration = Duration::from_millis(500);
