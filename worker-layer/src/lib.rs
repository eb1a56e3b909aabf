//! Layer 3 of Tercet: handles the messages, and knows nothing about sockets.
//!
//! A [`Worker`] has one inbox in Redis. What nodes put there are events; each ends in exactly one reply,
//! which goes back to the inbox of the node that sent it:
//!
//! ```text
//!  worker:<id> ──▶ inbox ──▶ lanes of a service ──▶ Service::handle(batch) ──▶ replies ──▶ web:<node>
//! ```
//!
//! The inbox parses and sorts into lanes: those of one connection always into the same lane, so they stay in
//! order. A lane hands everything that waits to its service as one batch, so a service can use one round trip
//! to Redis for many requests; while it waits the next batch gathers. A full lane makes the inbox wait, and
//! with it Redis.
//!
//! All runs on one thread: to use more, start more workers.
//!
//! Modules, in reading order:
//!
//! - [`config`]: the options
//! - [`worker`]: a worker as a value: how it starts, and how it leaves without a trace
//! - [`service`]: what handles the messages of one service; [`services`]: the list of them
//! - `inbox`, `dispatch`, `lane`, `reply`: the way of an event, in this order; `refusal`: an answer when
//!   there is none
//! - `unpublished`: replies that Redis did not get at once
//! - `announcement`: how nodes learn of this worker; `standing`: whether they still count on it; [`probe`]: how a health check does
//! - [`limit`]: every bound of this layer; `cause` and `pace`: errors in the log
//! - [`numbers`]: favorite numbers, sorted and live
//! - [`sets`]: sets that converge, online or not
//! - [`chat`]: conversations, on every device of both sides
//! - [`files`]: what is in the folders of watchers, sorted and live

mod announcement;
mod cause;
pub mod chat;
pub mod config;
mod dispatch;
pub mod files;
mod inbox;
mod lane;
pub mod limit;
pub mod numbers;
mod pace;
pub mod probe;
mod refusal;
mod reply;
mod run;
pub mod service;
pub mod services;
pub mod sets;
mod standing;
mod unpublished;
pub mod worker;

pub use config::Config;
pub use run::run;
pub use service::{Context, Outcome, Service};
pub use worker::Worker;
