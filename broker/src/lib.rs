//! The link to Redis, and the only place that opens connections to it.
//!
//! - A [`Publisher`] carries lines to channels, many of them in one PUBLISH when there is traffic, and says of each
//!   line how many received it.
//! - A [`Subscriber`] hands on what comes, in order, and says when something may have been missed.
//! - A [`Store`] asks and tells the data store, and keeps large bodies as claims.
//!
//! Each has one connection of its own, which it makes anew for ever when it is lost. None of them hides a loss: a
//! publisher says that a line was not sent or that nobody knows, a subscriber tells of the gap, a store answers with
//! an error that says whether a retry is safe.
//!
//! Modules, in reading order: `address` (where Redis is), `tasks` (what everything is started with), `link` (one
//! connection, dialed for ever), `publisher`, `subscriber`, `store`, `claim`.

mod address;
mod claim;
mod link;
mod publisher;
mod store;
mod subscriber;
mod tasks;

pub use address::{Address, AddressError};
pub use link::tls::TrustError;
pub use publisher::{PublishError, Publisher};
pub use redis;
pub use store::{Store, StoreError};
pub use subscriber::{Incoming, NotConnected, Received, Subscriber};
pub use tasks::Tasks;
