//! Why the launcher could not do its work, and what to do about it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::BAD_OPTIONS;

/// Why the launcher could not do its work, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Somebody else listens there.
    #[error(
        "{address} is taken by another program (`lsof -nP -iTCP:{port} -sTCP:LISTEN` shows which): stop that one, or \
         choose another address, like `--listen {ip}:{free}`",
        port = .address.port(), ip = .address.ip()
    )]
    PortTaken {
        /// The address.
        address: SocketAddr,
        /// A port that was free a moment ago.
        free: u16,
    },
    /// The address cannot be listened on for another reason.
    #[error(
        "cannot listen on {address}: {source}; choose another address with `--listen`, like `--listen 127.0.0.1:9999`"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// So many nodes do not fit above the port of the first.
    #[error("there are no {nodes} ports from {address} on: choose a lower port with `--listen`")]
    NoPorts {
        /// The first address.
        address: SocketAddr,
        /// How many were asked for.
        nodes: u16,
    },
    /// There is no redis-server to start.
    #[error(
        "redis-server is not installed. Install it (Debian, Ubuntu: `sudo apt-get install redis-server`; macOS: `brew \
         install redis`), or use a Redis that runs already: `--redis redis://127.0.0.1:6379`"
    )]
    NoRedisServer,
    /// There is one, but it cannot be started.
    #[error("redis-server cannot be started: {0}")]
    RedisServer(io::Error),
    /// There is one, but it lacks what Tercet needs.
    #[error(
        "redis-server is too old ({found}): Tercet needs version {needed} or newer; see https://redis.io/docs/install"
    )]
    OldRedisServer {
        /// What it says about itself.
        found: String,
        /// The oldest major version that works.
        needed: u32,
    },
    /// The data folder cannot be used.
    #[error("cannot use the data folder {folder}: {source}; choose another with `--data`", folder = .folder.display())]
    DataFolder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else uses the data folder.
    #[error(
        "the data folder {folder} is in use by {user}: stop it{kill}, or choose another folder with `--data`",
        folder = .folder.display(), kill = .process_id.map(|id| format!(" with `kill {id}`")).unwrap_or_default()
    )]
    DataFolderInUse {
        /// The folder.
        folder: PathBuf,
        /// Who uses it, in words.
        user: &'static str,
        /// The process to stop, if it is known.
        process_id: Option<i32>,
    },
    /// A part ended before all was up, so that starting it again will not help.
    #[error("{part} ended ({status}) before everything was up{}", hint(.log))]
    EndedEarly {
        /// Which part.
        part: String,
        /// How it ended.
        status: ExitStatus,
        /// Where it says why, if not on the screen.
        log: Option<PathBuf>,
    },
    /// This process could not be looked after.
    #[error("cannot start or watch processes: {0}")]
    Process(#[from] io::Error),
}

fn hint(log: &Option<PathBuf>) -> String {
    match log {
        Some(path) => format!(": {} says why", path.display()),
        None => ": see above".to_owned(),
    }
}

impl LaunchError {
    /// The exit code of the launcher.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoPorts { .. } => BAD_OPTIONS,
            Self::EndedEarly { status, .. } if status.code() == Some(BAD_OPTIONS.into()) => BAD_OPTIONS,
            _ => 1,
        }
    }
}
