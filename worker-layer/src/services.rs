//! The services that a worker can run. One more is its own files, and one line here.

use std::sync::Arc;

use crate::chat::Chat;
use crate::files::Files;
use crate::numbers::Numbers;
use crate::service::{Context, Service};
use crate::sets::Sets;

/// How a service is started. It connects by itself, and serves as soon as it can.
pub type Start = fn(&Context) -> Arc<dyn Service>;

/// Every service: its name, and how it is started.
pub const ALL: &[(&str, Start)] = &[
    (protocol::numbers::SERVICE, |context| Arc::new(Numbers::start(context))),
    (protocol::sets::SERVICE, |context| Arc::new(Sets::start(context))),
    (protocol::files::SERVICE, |context| Arc::new(Files::start(context))),
    (protocol::chat::SERVICE, |context| Arc::new(Chat::start(context))),
];

/// Finds a service.
#[must_use]
pub fn find(name: &str) -> Option<Start> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, start)| *start)
}

/// The names of all services, as the option `--services` takes them.
#[must_use]
pub fn names() -> String {
    ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",")
}
