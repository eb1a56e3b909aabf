//! The options of the service.

use std::net::IpAddr;

use ipnet::IpNet;
use protocol::files::{CHECK_MS, EXPIRE_MS, FETCH_BYTES_MAX, FETCH_MS, FILES_MAX, STALE_MS, WATCHERS_MAX};

use super::limit::CLAIMED_BYTES_MAX;
use super::secret::Secret;

/// Networks of which every address is one's own host's, or private (RFC 1918, RFC 4193). Not the link-local ones, where
/// clouds keep their secrets.
const PRIVATE: &str = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7";

/// The options of the files service.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {
    /// After how long without a word a watcher is stale, milliseconds
    #[arg(long = "files-stale-ms", env = "FILES_STALE_MS", value_name = "MS")]
    #[arg(default_value_t = STALE_MS, value_parser = clap::value_parser!(u64).range(100..=MS_MAX))]
    pub stale_ms: u64,

    /// After how long without a word a watcher has expired and its files are not listed any more, milliseconds
    #[arg(long = "files-expire-ms", env = "FILES_EXPIRE_MS", value_name = "MS")]
    #[arg(default_value_t = EXPIRE_MS, value_parser = clap::value_parser!(u64).range(100..=MS_MAX))]
    pub expire_ms: u64,

    /// How often a watcher that does not say its sequence number is asked for its list in quiet times, milliseconds; 0: never
    #[arg(long = "files-check-ms", env = "FILES_CHECK_MS", value_name = "MS")]
    #[arg(default_value_t = CHECK_MS, value_parser = clap::value_parser!(u64).range(..=MS_MAX))]
    pub check_ms: u64,

    /// The networks that lists may be fetched from, separated by commas; watchers elsewhere are only listened to
    #[arg(long = "files-networks", env = "FILES_NETWORKS", value_name = "NETWORKS", value_delimiter = ',')]
    #[arg(default_value = PRIVATE)]
    pub networks: Vec<IpNet>,

    /// A secret that watchers must know; they show it, and are shown it, as `authorization: Bearer …`. The original watcher
    /// knows none
    #[arg(long = "files-secret", env = "FILES_SECRET", hide_env_values = true, value_name = "SECRET")]
    pub secret: Option<Secret>,

    /// How long a watcher may take to answer with its list, milliseconds
    #[arg(long = "files-fetch-ms", env = "FILES_FETCH_MS", value_name = "MS")]
    #[arg(default_value_t = FETCH_MS, value_parser = clap::value_parser!(u64).range(100..=MS_MAX))]
    pub fetch_ms: u64,

    /// The largest list of a watcher that is read, bytes
    #[arg(long = "files-fetch-bytes-max", env = "FILES_FETCH_BYTES_MAX", value_name = "BYTES")]
    #[arg(default_value_t = FETCH_BYTES_MAX)]
    pub fetch_bytes_max: usize,

    /// Watchers at a time
    #[arg(long = "files-watchers-max", env = "FILES_WATCHERS_MAX", value_name = "COUNT")]
    #[arg(default_value_t = WATCHERS_MAX)]
    pub watchers_max: usize,

    /// Files of all watchers together
    #[arg(long = "files-max", env = "FILES_MAX", value_name = "COUNT")]
    #[arg(default_value_t = FILES_MAX)]
    pub files_max: usize,

    /// How many bytes of large answers wait in Redis for the nodes. Not on the command line: nobody but tests needs another.
    #[arg(skip = CLAIMED_BYTES_MAX)]
    pub claimed_bytes_max: usize,
}

/// The largest time that an option may have, milliseconds: a year.
const MS_MAX: u64 = 365 * 24 * 60 * 60 * 1_000;

impl Options {
    /// Whether lists may be fetched from this address.
    pub(super) fn allows(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&ip))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stale_ms: STALE_MS,
            expire_ms: EXPIRE_MS,
            check_ms: CHECK_MS,
            networks: PRIVATE.split(',').filter_map(|network| network.parse().ok()).collect(),
            secret: None,
            fetch_ms: FETCH_MS,
            fetch_bytes_max: FETCH_BYTES_MAX,
            watchers_max: WATCHERS_MAX,
            files_max: FILES_MAX,
            claimed_bytes_max: CLAIMED_BYTES_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_fetched_from_ones_own_host_and_from_private_networks_alone() {
        let options = Options::default();
        let allows = |ip: &str| options.allows(ip.parse().unwrap());
        for own in ["127.0.0.1", "127.9.9.9", "::1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "fd00::1"] {
            assert!(allows(own), "{own}");
        }
        for foreign in ["8.8.8.8", "172.32.0.1", "169.254.169.254", "fe80::1", "2001:db8::1", "0.0.0.0", "::"]
        {
            assert!(!allows(foreign), "{foreign}");
        }
    }
}
