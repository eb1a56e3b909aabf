//! A private Redis, for one test.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use broker::Address;
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

/// A `redis-server` process on a free port of 127.0.0.1. It is killed when it is dropped.
pub(crate) struct RedisServer {
    child: Child,
    dir: TempDir,
    port: u16,
}

impl RedisServer {
    /// Starts one with nothing special.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// Starts one with these lines in its configuration; `{dir}` in them is its directory, `{free_port}` a port.
    pub(crate) fn with(lines: &str) -> Self {
        Self::in_dir(tempfile::tempdir().expect("a directory"), lines)
    }

    /// Starts one in a directory where things were prepared.
    pub(crate) fn in_dir(dir: TempDir, lines: &str) -> Self {
        for _ in 0..20 {
            let port = free_port();
            let lines = lines
                .replace("{dir}", &dir.path().display().to_string())
                .replace("{free_port}", &free_port().to_string());
            let config = format!("bind 127.0.0.1\nport {port}\nsave \"\"\nappendonly yes\n{lines}\n");
            std::fs::write(dir.path().join("redis.conf"), config).expect("the directory is writable");
            if let Some(child) = launch(dir.path()) {
                return Self { child, dir, port };
            }
        }
        panic!("redis-server does not start: is it installed?");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn address(&self) -> Address {
        Address::parse(&self.url()).expect("a valid address")
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it was running");
    }

    /// Starts it again, with what it had stored, on the same port.
    pub(crate) fn restart(&mut self) {
        self.child = launch(self.dir.path()).expect("nobody took the port");
    }

    /// Stops it without closing anything: its connections stay open and silent.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    /// A connection that does not go through the broker.
    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(format!("{}/?protocol=resp3", self.url())).expect("a valid address");
        let config =
            redis::AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        client.get_multiplexed_async_connection_with_config(&config).await.expect("it runs")
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill").success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the process and waits until it says that it is ready; none if it ends before, as it does when somebody else
/// took its port.
fn launch(dir: &Path) -> Option<Child> {
    let mut child = Command::new("redis-server")
        .arg("redis.conf")
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server is installed");
    let stdout = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    if lines.any(|line| line.contains("Ready to accept connections")) {
        // Whatever it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Some(child)
    } else {
        let _ = child.kill();
        let _ = child.wait();
        None
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
