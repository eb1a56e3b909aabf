//! The monkeys against a service in memory: that they converge with a good one, and notice a bad one.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail like the test")]

mod following;
mod model;
mod process;
mod run;
mod service;
