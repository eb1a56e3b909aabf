//! The options of the web layer.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use broker::{Address, AddressError};
use protocol::{NodeId, limit};

use crate::http::origin::Origin;
use crate::node::Bounds;
use crate::relay::RelayBounds;
use crate::socket::outbox::OutboxBounds;

/// The options of the web layer. Flags beat environment variables.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Address and port to listen on
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:9999")]
    pub listen: SocketAddr,

    /// Where Redis is: redis://, rediss:// or redis+unix://, with user, password and database as needed
    #[arg(long, env = "REDIS_URL", hide_env_values = true, default_value = "redis://127.0.0.1:6379")]
    pub redis: String,

    /// Name of this node, unique among all nodes [default: random]
    #[arg(long, env = "NODE")]
    pub node: Option<NodeId>,

    /// Folder to serve the page from, instead of the one inside the binary
    #[arg(long = "static", env = "STATIC", value_name = "DIR")]
    pub static_folder: Option<PathBuf>,

    /// Origins whose pages may open websockets, separated by commas, besides those of the node's own host; *: all
    #[arg(long, env = "ORIGINS", value_delimiter = ',')]
    pub origins: Vec<Origin>,

    /// Websockets that may be open at the same time; a further one is answered with 503
    #[arg(long, env = "CONNECTIONS_MAX", default_value_t = limit::CONNECTIONS_MAX)]
    pub connections_max: usize,

    /// Longest message that a client may send, in bytes
    #[arg(long, env = "MESSAGE_BYTES_MAX", default_value_t = limit::MESSAGE_BYTES_MAX)]
    pub message_bytes_max: usize,

    /// Largest body of a relayed HTTP request, in bytes
    #[arg(long, env = "HTTP_BODY_BYTES_MAX", default_value_t = limit::HTTP_BODY_BYTES_MAX)]
    pub http_body_bytes_max: usize,

    /// Frames a second that a client may send for long; a faster one is slowed down
    #[arg(long, env = "FRAMES_PER_SECOND_MAX", default_value_t = limit::FRAMES_PER_SECOND_MAX,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub frames_per_second_max: u32,

    /// Unsent bytes of events that a slow reader may have waiting
    #[arg(long, env = "OUTBOX_BYTES_MAX", default_value_t = limit::OUTBOX_BYTES_MAX)]
    pub outbox_bytes_max: usize,

    /// Unsent messages that a slow reader may have waiting
    #[arg(long, env = "OUTBOX_MESSAGES_MAX", default_value_t = limit::OUTBOX_MESSAGES_MAX)]
    pub outbox_messages_max: usize,

    /// Requests of this node that may be in flight at the same time
    #[arg(long, env = "IN_FLIGHT_MAX", default_value_t = limit::IN_FLIGHT_PER_NODE_MAX)]
    pub in_flight_max: usize,

    /// Requests of one connection that may be in flight at the same time
    #[arg(long, env = "IN_FLIGHT_PER_CONNECTION_MAX", default_value_t = limit::IN_FLIGHT_PER_CONNECTION_MAX)]
    pub in_flight_per_connection_max: usize,

    /// How long a request is held while no worker is there, in milliseconds
    #[arg(long, env = "HOLD_MS", default_value_t = limit::HOLD_MS)]
    pub hold_ms: u64,

    /// How long a worker may take to answer, in milliseconds
    #[arg(long, env = "REQUEST_TIMEOUT_MS", default_value_t = limit::REQUEST_TIMEOUT_MS)]
    pub request_timeout_ms: u64,

    /// Silence after which a client is sent a ping, in milliseconds
    #[arg(long, env = "PING_AFTER_MS", default_value_t = limit::PING_AFTER_MS)]
    pub ping_after_ms: u64,

    /// Silence after which a connection is closed, in milliseconds
    #[arg(long, env = "IDLE_TIMEOUT_MS", default_value_t = limit::IDLE_TIMEOUT_MS)]
    pub idle_timeout_ms: u64,

    /// How long to wait for what is in flight when told to stop, in milliseconds
    #[arg(long, env = "DRAIN_MS", default_value_t = limit::DRAIN_MS)]
    pub drain_ms: u64,

    /// Threads to run on [default: one for each core]
    #[arg(long, env = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Ask another node's URL for its health, like http://127.0.0.1:9999/readyz, and exit with 0 or 1
    #[arg(long, value_name = "URL")]
    pub probe: Option<String>,
}

/// An option that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The URL of Redis.
    #[error("--redis: {0}")]
    Redis(#[from] AddressError),
    /// The folder of the page.
    #[error("--static: there is no index.html in {}", .0.display())]
    Static(PathBuf),
    /// Bounds that contradict each other.
    #[error("{0}")]
    Bounds(&'static str),
}

impl Config {
    /// Checks what clap cannot check.
    ///
    /// # Errors
    /// [`ConfigError`] names the option.
    pub fn check(&self) -> Result<Address, ConfigError> {
        if let Some(folder) =
            self.static_folder.as_ref().filter(|folder| !folder.join("index.html").is_file())
        {
            return Err(ConfigError::Static(folder.clone()));
        }
        if self.in_flight_per_connection_max == 0 || self.in_flight_max == 0 {
            return Err(ConfigError::Bounds(
                "--in-flight-max and --in-flight-per-connection-max must be at least 1",
            ));
        }
        if self.ping_after_ms >= self.idle_timeout_ms {
            return Err(ConfigError::Bounds("--ping-after-ms must be below --idle-timeout-ms"));
        }
        if self.message_bytes_max > limit::MESSAGE_BYTES_MAX {
            return Err(ConfigError::Bounds(
                "--message-bytes-max can be at most 65536: a message is published whole",
            ));
        }
        Ok(Address::parse(&self.redis)?)
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            connections_max: self.connections_max,
            message_bytes_max: self.message_bytes_max,
            http_body_bytes_max: self.http_body_bytes_max,
            frames_per_second_max: self.frames_per_second_max,
            ping_after: Duration::from_millis(self.ping_after_ms),
            idle_timeout: Duration::from_millis(self.idle_timeout_ms),
            outbox: OutboxBounds { bytes_max: self.outbox_bytes_max, messages_max: self.outbox_messages_max },
            relay: RelayBounds {
                hold: Duration::from_millis(self.hold_ms),
                request_timeout: Duration::from_millis(self.request_timeout_ms),
                in_flight_max: self.in_flight_max,
                in_flight_per_connection_max: self.in_flight_per_connection_max,
            },
        }
    }

    pub(crate) fn thread_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(cores, usize::from)
    }
}
