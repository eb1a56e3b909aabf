//! The watcher as users start it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::within::within;

const PROGRAM: &str = env!("CARGO_BIN_EXE_watcher-node");
/// As much of its log as is printed when a test fails, bytes.
const LOG_SHOWN_BYTES: usize = 6_000;
const READ_EVERY: Duration = Duration::from_millis(20);

/// One process. It is killed when it is dropped.
pub(crate) struct WatcherProcess {
    child: Child,
    log: PathBuf,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("RUST_LOG", "info,watcher_node=debug").stdin(Stdio::null()).kill_on_drop(true);
    command.args(arguments);
    command
}

/// Runs it to its end.
pub(crate) async fn output(arguments: &[&str]) -> Output {
    within("the end of a watcher", command(arguments).output()).await.unwrap()
}

impl WatcherProcess {
    /// Starts it beside a folder. It reads the folder only when there is a cause.
    pub(crate) fn start(aggregator: &str, folder: &Path, port: u16, more: &[&str]) -> Self {
        let (beside, folder, port) = (folder.parent().unwrap(), folder.to_str().unwrap(), port.to_string());
        let fixed = ["--aggregator", aggregator, "--dir", folder, "--port", &port, "--read-s", "0"];
        Self::with(&[&fixed, more].concat(), beside)
    }

    /// Starts it with these options, and its log in this folder.
    pub(crate) fn with(arguments: &[&str], log_folder: &Path) -> Self {
        let log = log_folder.join("watcher.log");
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let child = command(arguments).stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Self { child, log }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(id.expect("it runs"), signal).unwrap();
    }

    /// Kills it, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        within("the end of a watcher", self.child.wait()).await.unwrap()
    }

    /// Waits until it says something. A file tells nobody that it has grown, so it is read again and again.
    pub(crate) async fn says(&self, words: &str) {
        let said = async {
            while !self.said().contains(words) {
                tokio::time::sleep(READ_EVERY).await;
            }
        };
        within(words, said).await;
    }

    /// All that it has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for WatcherProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.said();
            let end = &said.as_bytes()[said.len().saturating_sub(LOG_SHOWN_BYTES)..];
            eprintln!("---- the watcher said:\n{}", String::from_utf8_lossy(end));
        }
    }
}
