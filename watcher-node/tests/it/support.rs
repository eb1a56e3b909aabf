//! What the tests have in common: a service that they play, a watcher as a process, a folder, and patience.

mod aggregator;
mod book;
mod fetch;
mod folder;
mod port;
mod process;
mod within;

pub(crate) use aggregator::{Aggregator, Kind, Mood};
pub(crate) use fetch::{Fetched, fetch};
pub(crate) use folder::Folder;
pub(crate) use port::free_port;
pub(crate) use process::{WatcherProcess, output};
