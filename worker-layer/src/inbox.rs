//! The inbox of a worker: lines become events, events go to their lanes.

use std::sync::Arc;
use std::time::Instant;

use broker::{Incoming, Received};
use protocol::{Event, line};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::announcement::Purged;
use crate::dispatch::Dispatch;
use crate::limit;
use crate::pace::Pace;
use crate::standing::Standing;

/// Reads what comes, until it is told that nothing more will come and all was read.
pub(crate) struct Inbox {
    received: Received,
    dispatch: Dispatch,
    /// Woken when Redis is back.
    restored: Arc<Notify>,
    /// Cancelled when Redis has confirmed that nothing more will come.
    closed: CancellationToken,
    standing: Arc<Standing>,
    /// Requests to forget what came so far.
    purges: mpsc::Receiver<Purged>,
    pace: Pace,
}

impl Inbox {
    pub(crate) fn new(
        received: Received,
        dispatch: Dispatch,
        restored: Arc<Notify>,
        closed: CancellationToken,
        standing: Arc<Standing>,
        purges: mpsc::Receiver<Purged>,
    ) -> Self {
        Self { received, dispatch, restored, closed, standing, purges, pace: Pace::default() }
    }

    pub(crate) async fn run(mut self) {
        loop {
            let incoming = tokio::select! {
                biased;
                incoming = self.received.recv() => incoming,
                // Nothing is received any more: what came before belongs to a generation that is over.
                Some(purged) = self.purges.recv() => {
                    self.dispatch.next_generation();
                    drop(purged);
                    continue;
                }
                () = self.closed.cancelled() => break,
            };
            match incoming {
                Some(incoming) => self.take(incoming).await,
                None => return,
            }
        }
        while let Some(incoming) = self.received.try_recv() {
            self.take(incoming).await;
        }
    }

    async fn take(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Message { payload, .. } => {
                let is_late = !self.standing.holds(Instant::now());
                for line in line::split(&payload) {
                    match serde_json::from_slice::<Event>(line) {
                        Ok(event) => self.dispatch.hand_over(event).await,
                        Err(error) => self.complain(line, &error),
                    }
                }
                if is_late {
                    self.dispatch.next_generation();
                }
            }
            // Events that were in flight are the nodes' to answer: they see the same loss.
            Incoming::Lost => {}
            Incoming::Restored => self.restored.notify_one(),
        }
    }

    fn complain(&self, line: &[u8], error: &serde_json::Error) {
        let Some(withheld) = self.pace.turn() else { return };
        let start = &line[..line.len().min(4 * limit::EXCERPT_CHARS_MAX)];
        let excerpt: String = String::from_utf8_lossy(start).chars().take(limit::EXCERPT_CHARS_MAX).collect();
        log::warn!(
            error:% = error, bytes = line.len(), excerpt:% = excerpt.escape_debug(), more_before = withheld;
            "a line in the inbox is no event: whoever wrote it gets no answer"
        );
    }
}
