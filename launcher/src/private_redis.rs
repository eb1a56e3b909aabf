//! A Redis of one's own: on a free port, for this machine alone, with its data in a folder.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::LaunchError;
use crate::address;
use crate::data_folder::DataFolder;
use crate::part::Part;

/// The oldest major version that speaks RESP3, which the layers need.
const MAJOR_VERSION_MIN: u32 = 6;

/// A Redis of one's own.
#[derive(Debug)]
pub struct PrivateRedis {
    folder: DataFolder,
    address: SocketAddr,
}

impl PrivateRedis {
    /// Finds what it needs: the program, its data folder, a free port.
    ///
    /// # Errors
    /// If one of them is missing.
    pub async fn prepare(data: &Path) -> Result<Self, LaunchError> {
        check_version()?;
        let folder = DataFolder::take(data).await?;
        let port = address::free_port()?;
        Ok(Self { folder, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its data are.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Its process. What was acknowledged survives its being killed, and a loss of power (`appendfsync always`; with Redis's
    /// own default, `everysec`, up to two seconds of acknowledged writes can be lost in either case).
    ///
    /// # Errors
    /// If the lock of the data folder cannot be handed on.
    pub fn part(&self) -> io::Result<Part> {
        let port = self.address.port().to_string();
        let mut arguments: Vec<OsString> = [
            ["--bind", "127.0.0.1"],
            ["--port", &port],
            ["--daemonize", "no"],
            ["--appendonly", "yes"],
            ["--appendfsync", "always"],
            ["--save", ""],
            ["--notify-keyspace-events", "KA"],
        ]
        .concat()
        .into_iter()
        .map(OsString::from)
        .collect();
        let paths = [
            ("--dir", self.folder.path().to_owned()),
            ("--pidfile", self.folder.redis_pid_file()),
            ("--logfile", self.folder.redis_log_file()),
        ];
        arguments.extend(paths.into_iter().flat_map(|(option, path)| [option.into(), path.into()]));
        arguments.insert(0, "--".into());
        Ok(Part {
            name: "redis-server".to_owned(),
            subcommand: "redis-server",
            arguments,
            environment: Vec::new(),
            holds: Some(self.folder.lock()?),
            log: Some(self.folder.redis_log_file()),
        })
    }
}

/// Turns this process into a Redis server: it keeps its process id, its parent and its locks. Returns only if it cannot.
#[must_use]
pub fn become_it(arguments: &[OsString]) -> LaunchError {
    LaunchError::RedisServer(Command::new("redis-server").args(arguments).exec())
}

fn check_version() -> Result<(), LaunchError> {
    let output =
        Command::new("redis-server").arg("--version").output().map_err(|error| match error.kind() {
            ErrorKind::NotFound => LaunchError::NoRedisServer,
            _ => LaunchError::RedisServer(error),
        })?;
    let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match major_version(&found) {
        Some(major) if major < MAJOR_VERSION_MIN => {
            Err(LaunchError::OldRedisServer { found, needed: MAJOR_VERSION_MIN })
        }
        _ => Ok(()),
    }
}

/// The major version in `Redis server v=7.0.15 sha=…`, which Valkey writes as well.
fn major_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("v=")?;
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_found() {
        assert_eq!(major_version("Redis server v=7.0.15 sha=00000000:0 bits=64"), Some(7));
        assert_eq!(major_version("Valkey server v=8.1.0 sha=0"), Some(8));
        assert_eq!(major_version("something else"), None);
    }
}
