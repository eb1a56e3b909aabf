//! The services that a worker can run. One more is its own files, and one line here.

use std::sync::Arc;

use crate::chat::{self, Chat};
use crate::files::{self, Files};
use crate::numbers::Numbers;
use crate::service::{Context, Service};
use crate::sets::{self, Sets};

/// How a service is started. It connects by itself, and serves as soon as it can.
pub type Start = fn(&Context, &Options) -> Arc<dyn Service>;

/// The options of single services: each is started with its own.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Those of the sets service
    #[command(flatten)]
    pub sets: sets::Options,

    /// Those of the files service
    #[command(flatten)]
    pub files: files::Options,

    /// Those of the chat service
    #[command(flatten)]
    pub chat: chat::Options,
}

/// Every service: its name, and how it is started.
pub const ALL: &[(&str, Start)] = &[
    (protocol::numbers::SERVICE, |context, _| Arc::new(Numbers::start(context))),
    (protocol::sets::SERVICE, |context, options| Arc::new(Sets::start(context, &options.sets))),
    (protocol::files::SERVICE, |context, options| Arc::new(Files::start(context, &options.files))),
    (protocol::chat::SERVICE, |context, options| Arc::new(Chat::start(context, &options.chat))),
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
