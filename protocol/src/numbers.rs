//! The messages of the numbers service: set a favorite number, list all of them.

mod request;

use serde::{Deserialize, Serialize};

pub use request::{check_user_name, read};

/// The name of the service.
pub const SERVICE: &str = "numbers";
/// The topic that every connection of the service joins.
pub const TOPIC: &str = "numbers";
/// The key of the listing among the topic's pushes.
pub const LISTING: &str = "listing";
/// The HTTP path that answers with the listing.
pub const PATH: &str = "/numbers";
/// Longest name of a user, bytes: it stands in a Redis key and in every listing.
pub const USER_NAME_BYTES_MAX: usize = 256;
/// Largest listing that takes another user, bytes of its JSON: so that what others add at the same time, and by hand, still fits
/// into [`CLAIM_BYTES_MAX`](crate::limit::CLAIM_BYTES_MAX).
pub const LISTING_BYTES_MAX: usize = 50_331_648;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `{"Cmd":1,"CmdData":{"UserName":"ana","FavoriteNumber":22}}`
    Set(User),
    /// `{"Cmd":2}`
    List,
}

/// A user and the favorite number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    /// 1 to [`USER_NAME_BYTES_MAX`] bytes without control characters.
    pub user_name: String,
    /// A signed 64-bit integer.
    pub favorite_number: i64,
}

/// The one response message: all users, sorted alphabetically.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listing {
    /// Sorted as a person expects.
    pub users: Vec<User>,
    /// It only grows: of two listings the one with the higher version is newer.
    pub version: u64,
}

/// The answer to a [`Command::Set`] that had an `id`, once it is stored: `{"id":7,"ok":true}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Always true: what failed is answered with an error.
    pub ok: bool,
}
