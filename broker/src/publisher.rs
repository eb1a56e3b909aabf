//! Lines to channels, many of them in one PUBLISH when there is traffic.

mod queue;
mod round;
mod run;

use std::sync::Arc;

use self::queue::{Full, Line, Queue};
use crate::address::Address;
use crate::tasks::Tasks;

/// Why a line was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Redis never had it: the link is down, the queue is full, or Redis refused it. It is safe to send it again.
    #[error("not sent: Redis is out of reach or refused it; sending it again is safe")]
    NotSent,
    /// It was written, but no answer came: it may or may not have been delivered.
    #[error("sent, but Redis did not answer: it may have been delivered")]
    Unknown,
}

/// What is told of every line that was taken: its tag, and how many subscribers received it.
pub(crate) type Receipt<R> = dyn Fn(R, Result<u64, PublishError>) + Send + Sync;

/// Publishes lines.
///
/// Lines that wait for the same channel share one PUBLISH, and all that wait share one round trip; while a round is
/// under way the next one gathers. So an idle publisher adds no delay, and a busy one makes larger rounds. Lines for
/// one channel arrive in the order in which they were handed over.
///
/// While Redis is out of reach every line is `NotSent` at once; nothing waits for Redis to come back.
pub struct Publisher<R> {
    shared: Arc<Shared<R>>,
}

struct Shared<R> {
    queue: Queue<R>,
    receipt: Box<Receipt<R>>,
}

impl<R> Clone for Publisher<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<R: Send + 'static> Publisher<R> {
    /// Begins to connect. `receipt` is called once for each line that was taken; it must not block.
    ///
    /// When `tasks.stop` is cancelled the lines that were taken are still published, for as long as the link holds.
    pub fn start(
        address: Address,
        tasks: &Tasks,
        receipt: impl Fn(R, Result<u64, PublishError>) + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared { queue: Queue::default(), receipt: Box::new(receipt) });
        tasks.tracker.spawn(run::run(Arc::clone(&shared), address, tasks.clone()));
        Self { shared }
    }

    /// Takes a line without waiting. `line` is one or more whole lines, each ended by `\n`.
    ///
    /// # Errors
    /// The tag comes back with [`PublishError::NotSent`] if the queue is full or Redis is out of reach; no receipt
    /// follows then.
    pub fn try_publish(&self, channel: Arc<str>, line: Vec<u8>, tag: R) -> Result<(), (R, PublishError)> {
        match self.shared.queue.push(Line { channel, line, tag }) {
            Ok(()) => Ok(()),
            Err(Full::Now(line) | Full::Closed(line)) => Err((line.tag, PublishError::NotSent)),
        }
    }

    /// Takes a line, and waits while the queue is full. If Redis is out of reach the receipt says so at once, before this
    /// returns. Cancelled while it waits, it has not taken the line, and no receipt follows.
    pub async fn publish(&self, channel: Arc<str>, line: Vec<u8>, tag: R) {
        let mut line = Line { channel, line, tag };
        loop {
            let room = self.shared.queue.room();
            tokio::pin!(room);
            room.as_mut().enable();
            match self.shared.queue.push(line) {
                Ok(()) => return,
                Err(Full::Closed(line)) => {
                    return (self.shared.receipt)(line.tag, Err(PublishError::NotSent));
                }
                Err(Full::Now(full)) => line = full,
            }
            room.await;
        }
    }

    /// Whether lines are taken now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.queue.is_open()
    }

    /// Waits until lines are taken: when a process starts, and in tests.
    pub async fn connected(&self) {
        self.shared.queue.opened().await;
    }
}
