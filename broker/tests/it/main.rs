//! The broker against a real Redis, which each test starts for itself.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod address;
mod claim;
mod log_lines;
mod overflow;
mod publish;
mod reconnect;
mod redis_server;
mod shutdown;
mod store;
mod subscribe;
mod within;
