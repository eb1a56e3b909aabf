//! What the system tests are made of: real processes, a real Redis, real sockets and a real browser.
//!
//! A test starts a [`Cluster`] of its own, on free ports and in a folder of its own, opens [`Client`]s, and says what must
//! come true; it waits for events and never for a time to pass. Everything here ends with the test, and panics with
//! words when the system does not do in a generous time what it must ([`patience`]). When a test fails, the end of each
//! process's log is printed.
//!
//! Nothing here uses the product's own code: like a stranger it knows the wire alone. Modules, in reading order:
//!
//! - [`patience`]: bounds for tests, and waiting until something is so
//! - [`binary`], [`process`], [`port`]: processes, how to find, start, signal and measure them
//! - [`redis_server`], [`monitor`]: a Redis of the test's own, and what it hears
//! - [`cluster`]: Redis, nodes and workers
//! - [`client`], [`listing`]: a websocket client that keeps a record
//! - [`load`]: many clients that never pause
//! - [`chat`]: devices of chat users, and what must be true of them whatever happens
//! - [`raw_socket`]: a websocket client that breaks rules
//! - [`stranger`]: a worker that knows only what `docs/PROTOCOL.md` says
//! - [`browser`]: Chromium, driven by a test
//! - [`source`]: what stands in the source, for the invariants

pub mod binary;
pub mod browser;
pub mod chat;
pub mod client;
pub mod cluster;
pub mod listing;
pub mod load;
pub mod monitor;
pub mod patience;
pub mod port;
pub mod process;
pub mod raw_socket;
pub mod redis_server;
pub mod source;
pub mod stranger;

pub use client::Client;
pub use cluster::Cluster;
pub use listing::Listing;
pub use load::Load;
pub use patience::{bounded, bounded_by, eventually, within};
pub use process::Process;
pub use redis_server::RedisServer;
