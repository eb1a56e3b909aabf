//! A private Redis, for one test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use broker::Address;
use broker::redis::aio::MultiplexedConnection;
use broker::redis::{self, FromRedisValue};
use tempfile::TempDir;

/// How long Redis may take to answer the test itself, on a machine that is busy with other tests.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A `redis-server` on a Unix socket in a folder of its own, with an append-only file. It is killed when it
/// is dropped.
pub(crate) struct RedisServer {
    child: Child,
    dir: TempDir,
    options: Vec<String>,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// Starts one with more options, like `--maxmemory 1gb`.
    pub(crate) fn with(options: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let options = options.split_whitespace().map(str::to_owned).collect();
        Self { child: launch(&dir, &options), dir, options }
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it runs");
    }

    /// Starts it again, with what it had stored.
    pub(crate) fn restart(&mut self) {
        self.child = launch(&self.dir, &self.options);
    }

    /// Another one, on a copy of the append-only folder of this one, which goes on meanwhile: as docs/BACKUP.md tells it.
    pub(crate) async fn copy(&self) -> Self {
        let () = self.cli("CONFIG SET auto-aof-rewrite-percentage 0").await;
        let info: String = self.cli("INFO persistence").await;
        assert!(info.contains("aof_rewrite_in_progress:0"), "{info}");
        let dir = tempfile::tempdir().expect("a folder");
        let copied = Command::new("cp")
            .args(["-r", "appendonlydir"])
            .arg(dir.path())
            .current_dir(self.dir.path())
            .status();
        assert!(copied.expect("cp").success());
        let () = self.cli("CONFIG SET auto-aof-rewrite-percentage 100").await;
        Self { child: launch(&dir, &self.options), dir, options: self.options.clone() }
    }

    pub(crate) fn address(&self) -> Address {
        Address::parse(&self.url()).expect("a valid address")
    }

    /// The address with a user.
    pub(crate) fn address_of(&self, user: &str, password: &str) -> Address {
        Address::parse(&format!("{}?user={user}&pass={password}", self.url())).expect("a valid address")
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}/redis.sock", self.dir.path().display())
    }

    /// A connection that does not go through the broker.
    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a valid address");
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER_MAX));
        client.get_multiplexed_async_connection_with_config(&config).await.expect("it runs")
    }

    /// One command, in words, like redis-cli takes it.
    pub(crate) async fn cli<T: FromRedisValue>(&self, words: &str) -> T {
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().expect("a command"));
        for word in words {
            command.arg(word);
        }
        command.query_async(&mut self.connection().await).await.expect("Redis takes it")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the process and waits until it says that it is ready.
fn launch(dir: &TempDir, options: &Vec<String>) -> Child {
    let mut child = Command::new("redis-server")
        .args(["--port", "0", "--unixsocket", "redis.sock", "--save", "", "--appendonly", "yes"])
        .args(options)
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server is installed");
    let stdout = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("eady to accept connections")), "redis-server does not start");
    // Whatever it says later must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    child
}
