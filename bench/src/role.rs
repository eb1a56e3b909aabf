//! The parts that this program plays as a child process. Each asks the kernel to end it with the bench, so that none is
//! ever left behind, however the bench ends.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::listing::Watched;

mod bare;
mod clients;
mod echo;
mod notice;
mod program;
mod stdin;
mod watchers;

/// A part.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Many clients.
    Clients {
        /// The server.
        target: SocketAddr,
        /// The path of the websocket.
        path: String,
    },
    /// The limit of fan-out and of accepting: a bare loop.
    Bare,
    /// The limit of requests: a warp echo, on websockets and over HTTP.
    Echo,
    /// The limit of a change on a disk: what inotify tells goes to a socket.
    Notice {
        /// The folder.
        folder: PathBuf,
    },
    /// Many simulated watchers of the files service.
    Watchers {
        /// The node that they speak to.
        node: SocketAddr,
        #[command(flatten)]
        watched: Watched,
    },
    /// A program of its own: Redis, a node, a worker.
    Program(program::Program),
}

impl Role {
    /// Plays the part to its end.
    pub(crate) fn play(self) -> Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        match self {
            Self::Clients { target, path } => clients::play(target, path),
            Self::Bare => bare::play(),
            Self::Echo => echo::play(),
            Self::Notice { folder } => notice::play(&folder),
            Self::Watchers { node, watched } => watchers::play(node, watched),
            Self::Program(program) => program.play(),
        }
    }
}
