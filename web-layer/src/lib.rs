//! Layer 1: holds the websockets and HTTP connections, and knows nothing about what they say.
//!
//! A frame comes in at a socket (`socket`), is checked to be JSON, and leaves for the one worker that has this
//! connection (`relay`). The reply comes back through Redis, and its effects are carried out. Pushes come in once and go
//! out to every connection that joined their topic (`hub`). HTTP requests to paths that workers announced take the same
//! way (`http`). The `server` is a value that tests start like users do, on port 0.
//!
//! ```text
//! listener ─▶ http ─▶ socket ─▶ relay ─▶ broker ─▶ worker
//!                        ▲        │ effects
//!                        └────────┤
//!                      hub ◀──────┴── broker ◀── replies and pushes
//! ```

mod config;
mod health;
mod http;
mod hub;
mod listener;
mod metric;
mod node;
mod probe;
mod relay;
mod server;
mod socket;

pub use config::{Config, ConfigError};
pub use http::origin::Origin;
pub use server::{Server, ServerError, run};
