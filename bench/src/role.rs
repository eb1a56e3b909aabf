//! The parts that this program plays as a child process. Each asks the kernel to end it with the bench, so that none is
//! ever left behind, however the bench ends.

use std::net::SocketAddr;

use anyhow::Result;
use clap::Subcommand;
use rustix::process::{Signal, set_parent_process_death_signal};

mod bare;
mod clients;
mod echo;
mod program;
mod stdin;

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
    /// The limit of requests: a warp websocket echo.
    Echo,
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
            Self::Program(program) => program.play(),
        }
    }
}
