//! A Redis of the test's own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisResult};
use tempfile::TempDir;
use tokio::process::Command;

use crate::patience::eventually;
use crate::port;
use crate::process::Process;

/// How long Redis may take to answer a command.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A Redis of the test's own, which writes what it acknowledged to its file before it does so (`appendfsync always`): what
/// is missing after a crash was lost by somebody else.
#[derive(Debug)]
pub struct RedisServer {
    address: SocketAddr,
    process: Process,
    folder: TempDir,
}

impl RedisServer {
    /// Starts it and waits until it answers.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let address = port::free();
        let server = Self { address, process: start(address, folder.path()), folder };
        server.answers().await;
        server
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A folder that lasts as long as the test, where logs and data are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its process, to be waited for.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Kills it, as `kill -9` does.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Starts it again on the same port, with the data that it had.
    pub async fn start_again(&mut self) {
        self.process = start(self.address, self.folder.path());
        self.answers().await;
    }

    /// While it is down: changes its data behind everyone's back, by running it for a moment on another port.
    pub async fn change_while_down(&self, commands: &[&[&str]]) {
        let address = port::free();
        let mut elsewhere = start(address, self.folder.path());
        let mut connection = eventually("Redis answers", async || try_connect(address).await.ok()).await;
        for command in commands {
            let _: redis::Value = run(&mut connection, command).await;
        }
        elsewhere.terminate();
        elsewhere.ended().await;
    }

    /// While it is down: loses its data.
    pub fn lose_data(&self) {
        std::fs::remove_dir_all(self.folder.path().join("appendonlydir"))
            .expect("Redis 7 keeps its data there");
    }

    /// Runs a command that is written as for redis-cli.
    pub async fn run<T: FromRedisValue>(&self, command: &[&str]) -> T {
        run(&mut self.connect().await, command).await
    }

    /// A connection of one's own.
    pub async fn connect(&self) -> MultiplexedConnection {
        try_connect(self.address).await.expect("Redis accepts a connection")
    }

    /// Every user and number that it holds, as the store of the numbers service is documented.
    pub async fn users(&self) -> BTreeMap<String, i64> {
        let mut connection = self.connect().await;
        let keys: Vec<String> = run(&mut connection, &["KEYS", "user:*"]).await;
        let mut pipeline = redis::pipe();
        for key in &keys {
            pipeline.cmd("HGET").arg(key).arg("favnum");
        }
        let numbers: Vec<i64> = pipeline.query_async(&mut connection).await.expect("users have numbers");
        keys.iter().map(|key| key.trim_start_matches("user:").to_owned()).zip(numbers).collect()
    }

    /// Bytes that were sent to it and that it has not read yet: they stay while it is frozen.
    #[must_use]
    pub fn unread_bytes(&self) -> u64 {
        let port = format!(":{:04X}", self.address.port());
        let sockets = std::fs::read_to_string("/proc/net/tcp").expect("this is Linux");
        let unread = |line: &str| {
            // Number, local address, remote address, state, unsent:unread.
            let mut fields = line.split_whitespace().skip(1);
            let is_ours = fields.next()?.ends_with(&port);
            let (_, unread) = fields.nth(2)?.split_once(':')?;
            u64::from_str_radix(unread, 16).ok().filter(|_| is_ours)
        };
        sockets.lines().filter_map(unread).sum()
    }

    async fn answers(&self) {
        eventually("Redis answers", async || try_connect(self.address).await.ok()).await;
    }
}

fn start(address: SocketAddr, folder: &Path) -> Process {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
    command.arg("--dir").arg(folder);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
    command.args(["--notify-keyspace-events", "KA"]);
    Process::start("redis-server", &mut command, folder)
}

async fn try_connect(address: SocketAddr) -> RedisResult<MultiplexedConnection> {
    let client = Client::open(format!("redis://{address}"))?;
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER_MAX));
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let _: String = redis::cmd("PING").query_async(&mut connection).await?;
    Ok(connection)
}

async fn run<T: FromRedisValue>(connection: &mut MultiplexedConnection, command: &[&str]) -> T {
    let mut cmd = redis::Cmd::new();
    cmd.arg(command);
    cmd.query_async(connection)
        .await
        .unwrap_or_else(|error| panic!("redis-cli {}: {error}", command.join(" ")))
}
