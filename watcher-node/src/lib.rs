//! Watches one folder, and tells the files service what is in it.
//!
//! Listed is every entry of the folder itself: files, folders, links, hidden ones, as `ls -A` shows them. What is in its folders
//! is not.
//!
//! ```text
//!            hints            names                 operations
//! inotify ──────────▶ folder ───────▶ ledger ─▶ dialogue ─────▶ aggregator ──▶ POST /hello, /bye, PATCH /files
//!                                        │ list
//!                                        └─────────────────────────── serve ──▶ GET /files
//! ```
//!
//! In reading order:
//!
//! - [`name`]: how the name of an entry is listed, also one that is no UTF-8
//! - [`ledger`]: what is in the folder and what the service was told of it. Operations are made of the difference
//! - [`dialogue`]: what to say next, and what follows from the answer: numbers, repetition, patience. No I/O in these three
//! - [`folder`]: the folder on disk: watching, looking, reading
//! - [`aggregator`]: the service over HTTP
//! - `follow`, `speak`, `serve`: the three tasks, which share a `state`
//! - `watcher`, `run`: all of it as a value and as a process

pub mod aggregator;
mod config;
pub mod dialogue;
pub mod folder;
mod follow;
pub mod ledger;
pub mod limit;
pub mod name;
mod probe;
mod run;
mod secret;
mod serve;
mod speak;
mod state;
mod watcher;

pub use config::{Config, with_two_dashes};
pub use run::run;
pub use secret::{BadSecret, Secret};
pub use watcher::{Watcher, WatcherError};
