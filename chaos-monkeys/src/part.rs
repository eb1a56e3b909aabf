//! Several processes, because one may not open enough sockets.
//!
//! The parent starts itself again, each time with another [`Share`](crate::share::Share) of the monkeys, and they talk in lines: the parent says
//! [`Order`]s, a child [`Said`]. All chance comes from the seed and the index of a monkey, so it is the same however many processes
//! there are.

use std::process::Stdio;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{self, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::troop::{Progress, Testimony};

/// Descriptors that a process needs besides the sockets of its monkeys.
const RESERVED: u64 = 200;

/// Lines of a child, other than progress, that may wait to be read.
const SAID_MAX: usize = 8;

/// What a parent tells a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Begin.
    Chaos,
    /// Stop, and deliver what is left.
    Enough,
    /// Everyone has delivered: compare.
    Verify,
}

/// What a child tells its parent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// What is known now.
    Progress(Box<Progress>),
    /// Everyone has arrived.
    Gathered,
    /// Everything is delivered.
    Calmed,
    /// What is so at the end.
    Testimony(Box<Testimony>),
    /// It cannot go on.
    Failed(String),
}

/// Raises the bound of descriptors as far as it goes; returns how many sockets a process may have.
pub fn sockets_max() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let current = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    current.unwrap_or(u64::MAX).saturating_sub(RESERVED).max(1)
}

/// A child.
#[derive(Debug)]
pub struct Child {
    orders: ChildStdin,
    said: mpsc::Receiver<Said>,
    /// What it said last about its progress; what was timed is added up until it is taken.
    pub progress: Arc<Mutex<Progress>>,
    _reader: JoinSet<()>,
    /// Ends with this.
    _process: process::Child,
}

/// A child that does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It cannot be started or spoken to.
    #[error("a process with a share of the monkeys: {0}")]
    Io(#[from] std::io::Error),
    /// It said why.
    #[error("{0}")]
    Failed(String),
    /// It ended without a word.
    #[error("a process with a share of the monkeys ended")]
    Gone,
}

impl Child {
    /// Starts this program again, with these arguments after its own.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(arguments: &[String]) -> Result<Self, ChildError> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(std::env::args_os().skip(1))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let orders = process.stdin.take().ok_or(ChildError::Gone)?;
        let output = process.stdout.take().ok_or(ChildError::Gone)?;
        let (sender, said) = mpsc::channel(SAID_MAX);
        let progress = Arc::new(Mutex::new(Progress::default()));
        let mut reader = JoinSet::new();
        reader.spawn(read(BufReader::new(output).lines(), sender, Arc::clone(&progress)));
        Ok(Self { orders, said, progress, _reader: reader, _process: process })
    }

    /// Gives an order.
    ///
    /// # Errors
    /// It is gone.
    pub async fn order(&mut self, order: Order) -> Result<(), ChildError> {
        let mut line = serde_json::to_vec(&order).map_err(std::io::Error::from)?;
        line.push(b'\n');
        self.orders.write_all(&line).await?;
        Ok(self.orders.flush().await?)
    }

    /// The next that it says, other than progress.
    ///
    /// # Errors
    /// It failed, or is gone.
    pub async fn hear(&mut self) -> Result<Said, ChildError> {
        match self.said.recv().await {
            Some(Said::Failed(why)) => Err(ChildError::Failed(why)),
            Some(said) => Ok(said),
            None => Err(ChildError::Gone),
        }
    }
}

async fn read(
    mut lines: Lines<BufReader<ChildStdout>>,
    sender: mpsc::Sender<Said>,
    progress: Arc<Mutex<Progress>>,
) {
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Said::Progress(news)) => {
                let mut known = progress.lock();
                let mut timed = std::mem::take(&mut known.timed);
                timed.add(&news.timed);
                *known = Progress { timed, ..*news };
            }
            Ok(said) => {
                if sender.send(said).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                log::error!("a process with a share of the monkeys says what it should not: {error}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::Share;

    #[test]
    fn a_share_is_one_of_several() {
        let share: Share = "1/3".parse().unwrap();
        assert_eq!((share.part, share.of, share.to_string()), (1, 3, "1/3".to_owned()));
        for bad in ["", "1", "3/3", "-1/3", "a/b", "0/0"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }

    #[test]
    fn orders_and_answers_are_lines() {
        assert_eq!(serde_json::to_string(&Order::Chaos).unwrap(), r#""chaos""#);
        let said = serde_json::to_string(&Said::Progress(Box::default())).unwrap();
        assert!(!said.contains('\n') && matches!(serde_json::from_str(&said).unwrap(), Said::Progress(_)));
    }
}
