//! A watcher beside a files service that is played by the tests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod change;
mod folder;
mod greeting;
mod model;
mod patience;
mod program;
mod serving;
mod storm;
mod support;
