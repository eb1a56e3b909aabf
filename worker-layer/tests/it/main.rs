//! A worker against a real Redis: nodes are played by the tests, which publish events and read replies.

mod following;
mod numbers;
mod process;
mod publishing;
mod spine;
mod support;
mod version;
