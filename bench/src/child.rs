//! Processes that the bench starts. Each ends with its value; and with the bench itself, however that ends, because every
//! role asks the kernel for that first (see [`crate::role`]).

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A child process, started from this very program in one of its roles. It must be started by the main thread: a child
/// ends when the thread that started it does.
#[derive(Debug)]
pub(crate) struct Child {
    name: String,
    process: std::process::Child,
    talk: Option<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Child {
    /// Starts a role that takes orders on its standard input and answers on its standard output, a line of JSON each.
    pub(crate) fn ordered(role: &str, args: &[String]) -> Result<Self> {
        let mut process = command(role, args)?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = process.stdin.take().context("standard input is piped")?;
        let output = process.stdout.take().context("standard output is piped")?;
        Ok(Self { name: role.to_owned(), process, talk: Some((input, BufReader::new(output))) })
    }

    /// Starts a role that takes no orders and logs to `log`.
    pub(crate) fn logged(role: &str, args: &[String], log: &File) -> Result<Self> {
        let process = command(role, args)?
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .spawn()
            .with_context(|| format!("{role} did not start"))?;
        Ok(Self { name: role.to_owned(), process, talk: None })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends an order and waits for its answer.
    pub(crate) fn ask<T: DeserializeOwned>(&mut self, order: &impl Serialize) -> Result<T> {
        let (input, _) = self.talk.as_mut().context("takes no orders")?;
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        input.write_all(&line).with_context(|| format!("{} has ended", self.name))?;
        self.answer()
    }

    /// Waits for an answer.
    pub(crate) fn answer<T: DeserializeOwned>(&mut self) -> Result<T> {
        let (_, output) = self.talk.as_mut().context("takes no orders")?;
        let mut line = String::new();
        output.read_line(&mut line)?;
        ensure!(!line.is_empty(), "{} has ended; see its words above", self.name);
        serde_json::from_str(&line).with_context(|| format!("{} answered {line:?}", self.name))
    }

    /// Fails if the process has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        let status = self.process.try_wait()?;
        ensure!(status.is_none(), "{} has ended: {}", self.name, status.unwrap_or_default());
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(role: &str, args: &[String]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("role").arg(role).args(args);
    Ok(command)
}
