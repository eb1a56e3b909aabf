//! One process: how it is started and stopped.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// What the launcher starts itself again as.
#[derive(Debug)]
pub struct Part {
    /// What it is called in messages.
    pub name: String,
    /// The hidden subcommand.
    pub subcommand: &'static str,
    /// What follows it.
    pub arguments: Vec<OsString>,
    /// Environment variables that it gets: what must not stand where everyone can list it, as arguments can.
    pub environment: Vec<(&'static str, String)>,
    /// What it holds open for as long as it lives.
    pub holds: Option<File>,
    /// Where it says what happens to it, if not on the screen.
    pub log: Option<PathBuf>,
}

impl Part {
    /// Starts it. It is its own process group, so that a Ctrl-C in a terminal reaches the launcher alone, which then
    /// stops all in the right order. Names of a node or a worker in the environment would be those of all.
    ///
    /// # Errors
    /// If the system cannot start it.
    pub fn start(&self) -> io::Result<Child> {
        let stdin = match &self.holds {
            Some(file) => file.try_clone()?.into(),
            None => Stdio::null(),
        };
        Command::new(std::env::current_exe()?)
            .arg(self.subcommand)
            .arg(format!("--parent={}", std::process::id()))
            .args(&self.arguments)
            .env_remove("NODE")
            .env_remove("WORKER")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(stdin)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

/// Stops a process: asks with SIGTERM, and after `patience` makes it stop with SIGKILL.
///
/// # Errors
/// If the system cannot say how it ended.
pub async fn stop(name: &str, mut child: Child, patience: Duration) -> io::Result<ExitStatus> {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(id) = id {
        kill_process(id, Signal::TERM)?;
    }
    if let Ok(ended) = timeout(patience, child.wait()).await {
        return ended;
    }
    log::warn!("{name} did not stop in {} s: killing it", patience.as_secs());
    child.kill().await?;
    child.wait().await
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn shell(script: &str) -> Child {
        Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
    }

    #[tokio::test]
    async fn a_process_is_asked_to_stop() {
        let status = stop("sleep", shell("exec sleep 60"), Duration::from_secs(30)).await.unwrap();
        assert_eq!(status.signal(), Some(15));
    }

    #[tokio::test]
    async fn a_process_that_does_not_listen_is_made_to_stop() {
        use tokio::io::{AsyncBufReadExt, BufReader};
        let mut child = shell("trap '' TERM; echo deaf; while :; do sleep 1; done");
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(said.next_line().await.unwrap().as_deref(), Some("deaf"));
        let status = stop("deaf", child, Duration::from_millis(1)).await.unwrap();
        assert_eq!(status.signal(), Some(9));
    }
}
