//! The command line.

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use broker::{Address, AddressError};
use clap::{Args, Parser, Subcommand};

/// Most nodes, and most workers, that can be asked for: far more than one machine has use for.
const PROCESSES_MAX: i64 = 64;

/// Starts all of Tercet on this machine: a private Redis, nodes and workers. Ctrl-C stops it.
#[derive(Debug, Parser)]
#[command(name = "launcher", version, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct Options {
    /// Which part of Tercet this process is, if it is not the launcher itself.
    #[command(subcommand)]
    pub part: Option<Part>,
    /// What to launch.
    #[command(flatten)]
    pub launch: Launch,
}

/// What to launch.
#[derive(Debug, Clone, Args)]
pub struct Launch {
    /// Address that the first node listens on; further nodes take the ports after it, and port 0 takes free ones.
    /// 0.0.0.0:9999 lets other machines in
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9999")]
    pub listen: SocketAddr,
    /// Use this Redis, like redis://127.0.0.1:6379, instead of starting a private one
    #[arg(long, value_name = "URL", value_parser = RedisUrl::parse)]
    pub redis: Option<RedisUrl>,
    /// How many nodes (web-layer processes) to run
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=PROCESSES_MAX))]
    pub nodes: u16,
    /// How many workers (worker-layer processes) to run
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=PROCESSES_MAX))]
    pub workers: u16,
    /// Folder in which the private Redis keeps its data, and the workers the pictures of the chat; it is made if it is not there
    #[arg(long, value_name = "FOLDER", default_value = "data", conflicts_with = "redis")]
    pub data: PathBuf,
}

/// The address of a Redis, checked, and as it was given. It is shown without the password.
#[derive(Clone)]
pub struct RedisUrl {
    url: String,
    address: Address,
}

impl RedisUrl {
    fn parse(url: &str) -> Result<Self, AddressError> {
        Ok(Self { url: url.to_owned(), address: Address::parse(url)? })
    }

    /// With the password.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the launcher starts itself again as.
#[derive(Debug, Subcommand)]
pub enum Part {
    /// A Redis server.
    #[command(hide = true)]
    RedisServer {
        /// The process id of the launcher.
        #[arg(long)]
        parent: i32,
        /// What redis-server gets.
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// A node.
    #[command(hide = true)]
    WebLayer {
        /// The process id of the launcher.
        #[arg(long)]
        parent: i32,
        /// Its options.
        #[command(flatten)]
        config: Box<web_layer::Config>,
    },
    /// A worker.
    #[command(hide = true)]
    WorkerLayer {
        /// The process id of the launcher.
        #[arg(long)]
        parent: i32,
        /// Its options.
        #[command(flatten)]
        config: Box<worker_layer::Config>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_options_one_node_listens_for_this_machine_alone() {
        let Options { part, launch } = Options::try_parse_from(["launcher"]).unwrap();
        assert!(part.is_none());
        assert_eq!(launch.listen, SocketAddr::from(([127, 0, 0, 1], 9999)));
        assert_eq!((launch.nodes, launch.workers), (1, 2));
    }

    #[test]
    fn what_cannot_be_launched_is_refused() {
        for bad in ["--nodes=0", "--workers=65", "--listen=9999", "--redis=http://x", "--colour=red"] {
            assert!(Options::try_parse_from(["launcher", bad]).is_err(), "{bad}");
        }
        assert!(Options::try_parse_from(["launcher", "--redis=redis://h", "--data=d"]).is_err());
    }

    #[test]
    fn a_password_is_handed_on_but_not_shown() {
        let options = Options::try_parse_from(["launcher", "--redis=redis://:secret@h"]).unwrap();
        let redis = options.launch.redis.as_ref().unwrap();
        assert_eq!(redis.secret(), "redis://:secret@h");
        assert!(!format!("{redis} {options:?}").contains("secret"));
    }
}
