//! The receiving end of a subscriber.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Incoming;
use super::inbox::Inbox;

/// Gives what was received, in order.
pub struct Received {
    inbox: Arc<Inbox>,
    /// What was taken from the inbox at one go: one lock a batch, not one a message.
    batch: VecDeque<Incoming>,
}

impl Received {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self { inbox, batch: VecDeque::new() }
    }

    /// The next message or notice; none once the process stops and all was received. Cancelling it loses nothing.
    pub async fn recv(&mut self) -> Option<Incoming> {
        loop {
            if let Some(incoming) = self.try_recv() {
                return Some(incoming);
            }
            if self.inbox.is_at_end() {
                return None;
            }
            self.inbox.filled().await;
        }
    }

    /// The next message or notice that is here already.
    pub fn try_recv(&mut self) -> Option<Incoming> {
        if self.batch.is_empty() {
            self.inbox.take(&mut self.batch);
        }
        let incoming = self.batch.pop_front()?;
        self.inbox.handed_out(&incoming);
        Some(incoming)
    }
}
