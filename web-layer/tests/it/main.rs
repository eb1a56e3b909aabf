//! The web layer against a real Redis, with workers that are played by the tests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bound;
mod carried;
mod effect;
mod frame;
mod open;
mod order;
mod outcome;
mod page;
mod push;
mod redis_away;
mod relayed;
mod silence;
mod slow_reader;
mod status;
mod stop;
mod support;
mod upgrade;
mod worker_choice;
