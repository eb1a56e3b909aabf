//! Processes that are kept running, and stopped together.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::process::Child;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::LaunchError;
use crate::part::{self, Part};

/// How long to wait before a part is started again: doubled each time up to the maximum, so that one that cannot run does
/// not keep the machine busy.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// A part that ran for this long was well: the wait begins from its minimum again.
const WELL_AFTER: Duration = Duration::from_secs(10);

/// Processes that are kept running, and stopped together.
#[derive(Debug)]
pub struct Group {
    parts: JoinSet<Result<(), LaunchError>>,
    stop: CancellationToken,
    /// What ends before that is not started again: a mistake in the set-up is not cured by trying once more.
    all_up: Arc<AtomicBool>,
    patience: Duration,
}

impl Group {
    /// An empty group. Each of its processes gets `patience` to stop before it is killed.
    #[must_use]
    pub fn new(all_up: &Arc<AtomicBool>, patience: Duration) -> Self {
        Self { parts: JoinSet::new(), stop: CancellationToken::new(), all_up: Arc::clone(all_up), patience }
    }

    /// Starts a process and keeps it running.
    pub fn keep(&mut self, part: Part) {
        let keeper = Keeper {
            part,
            stop: self.stop.clone(),
            all_up: Arc::clone(&self.all_up),
            patience: self.patience,
        };
        self.parts.spawn(keeper.keep());
    }

    /// Waits for a process that could not be kept running, for ever if need be.
    pub async fn failure(&mut self) -> LaunchError {
        while let Some(ended) = self.parts.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error,
                Err(panic) => return LaunchError::Process(io::Error::other(panic)),
            }
        }
        std::future::pending().await
    }

    /// Stops all processes at once and waits until the last has ended.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        while self.parts.join_next().await.is_some() {}
    }
}

struct Keeper {
    part: Part,
    stop: CancellationToken,
    all_up: Arc<AtomicBool>,
    patience: Duration,
}

impl Keeper {
    async fn keep(self) -> Result<(), LaunchError> {
        let name = &self.part.name;
        let mut backoff = BACKOFF_MIN;
        loop {
            let started = Instant::now();
            match self.part.start() {
                Ok(child) => {
                    let Some(status) = self.run(child).await? else { return Ok(()) };
                    if started.elapsed() >= WELL_AFTER {
                        backoff = BACKOFF_MIN;
                    }
                    log::warn!("{name} ended ({status}): starting it again in {backoff:?}");
                }
                Err(error) if !self.all_up.load(Ordering::Relaxed) => return Err(error.into()),
                Err(error) => log::error!("{name} cannot be started ({error}): trying again in {backoff:?}"),
            }
            tokio::select! {
                () = sleep(backoff) => backoff = (backoff * 2).min(BACKOFF_MAX),
                () = self.stop.cancelled() => return Ok(()),
            }
        }
    }

    /// How it ended by itself, or nothing if it was stopped.
    async fn run(&self, mut child: Child) -> Result<Option<ExitStatus>, LaunchError> {
        let status = tokio::select! {
            status = child.wait() => status?,
            () = self.stop.cancelled() => {
                part::stop(&self.part.name, child, self.patience).await?;
                return Ok(None);
            }
        };
        if self.all_up.load(Ordering::Relaxed) {
            Ok(Some(status))
        } else {
            Err(LaunchError::EndedEarly { part: self.part.name.clone(), status, log: self.part.log.clone() })
        }
    }
}
