//! What was received and not yet handled: bounded in bytes, and never in the way of the connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::limit;
use redis::aio::{AsyncPushSender, SendError};
use redis::{PushInfo, PushKind, Value};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Incoming;

/// What a message costs besides its text, bytes: so that empty messages are bounded, too.
const OVERHEAD_BYTES: usize = 96;

/// The queue between the connection and whoever receives.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    filled: Notify,
    /// Bytes of all messages that were not yet handed out.
    bytes: AtomicUsize,
    /// Somebody waits for the queue to become smaller.
    drained: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Incoming>,
    is_closed: bool,
}

impl Inbox {
    fn push(&self, incoming: Incoming) {
        let mut state = self.state.lock();
        let was_empty = state.waiting.is_empty();
        state.waiting.push_back(incoming);
        drop(state);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// The link is lost. If nobody has seen that it was restored, that is taken back: so flapping while nobody
    /// receives adds nothing.
    pub(super) fn lost(&self) {
        let mut state = self.state.lock();
        if state.waiting.back() == Some(&Incoming::Restored) {
            state.waiting.pop_back();
            return;
        }
        drop(state);
        self.push(Incoming::Lost);
    }

    pub(super) fn restored(&self) {
        self.push(Incoming::Restored);
    }

    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.filled.notify_one();
    }

    /// When at most half of the bound is used: sooner a new link would overflow again.
    pub(super) async fn has_room(&self) {
        while self.bytes.load(Ordering::Acquire) > limit::RECEIVED_BYTES_MAX / 2 {
            self.drained.notified().await;
        }
    }
}

/// Takes the pushes of one link.
pub(super) struct Pushes {
    inbox: Arc<Inbox>,
    cut: CancellationToken,
}

impl Pushes {
    pub(super) fn new(inbox: Arc<Inbox>, cut: CancellationToken) -> Self {
        Self { inbox, cut }
    }
}

impl AsyncPushSender for Pushes {
    /// Queues a message. When the queue is full the link is cut, and what still comes on it is not taken: whoever
    /// receives then sees all messages up to that point, and after them the loss.
    fn send(&self, push: PushInfo) -> Result<(), SendError> {
        let Some((channel, payload)) = message(push) else {
            return Ok(());
        };
        if self.cut.is_cancelled() {
            return Err(SendError);
        }
        let bytes = cost(&channel, &payload);
        if self.inbox.bytes.fetch_add(bytes, Ordering::AcqRel) + bytes > limit::RECEIVED_BYTES_MAX {
            self.inbox.bytes.fetch_sub(bytes, Ordering::AcqRel);
            log::warn!(
                bytes_max = limit::RECEIVED_BYTES_MAX;
                "messages come faster than they are handled: the link is cut and made anew; start more processes"
            );
            self.cut.cancel();
            return Err(SendError);
        }
        self.inbox.push(Incoming::Message { channel, payload });
        Ok(())
    }
}

/// The message in a push, if it is one. Nothing is copied.
fn message(push: PushInfo) -> Option<(String, Bytes)> {
    if !matches!(push.kind, PushKind::Message | PushKind::PMessage) {
        return None;
    }
    let mut data = push.data;
    let payload = text(data.pop()?)?;
    let channel = text(data.pop()?)?;
    let channel = String::from_utf8(channel)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    Some((channel, Bytes::from(payload)))
}

fn text(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(text) => Some(text),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}

fn cost(channel: &str, payload: &[u8]) -> usize {
    channel.len() + payload.len() + OVERHEAD_BYTES
}

/// The receiving end of a subscriber.
pub struct Received {
    inbox: Arc<Inbox>,
    /// What was taken from the inbox at one go: one lock a batch.
    batch: VecDeque<Incoming>,
}

impl Received {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self {
            inbox,
            batch: VecDeque::new(),
        }
    }

    /// The next message or notice; none once the process stops and all was received. Cancelling it loses nothing.
    pub async fn recv(&mut self) -> Option<Incoming> {
        loop {
            if let Some(incoming) = self.try_recv() {
                return Some(incoming);
            }
            if self.is_at_end() {
                return None;
            }
            self.inbox.filled.notified().await;
        }
    }

    /// The next message or notice that is here already.
    pub fn try_recv(&mut self) -> Option<Incoming> {
        if self.batch.is_empty() {
            std::mem::swap(&mut self.inbox.state.lock().waiting, &mut self.batch);
        }
        let incoming = self.batch.pop_front()?;
        if let Incoming::Message { channel, payload } = &incoming {
            let bytes = cost(channel, payload);
            let before = self.inbox.bytes.fetch_sub(bytes, Ordering::AcqRel);
            let half = limit::RECEIVED_BYTES_MAX / 2;
            if before > half && before - bytes <= half {
                self.inbox.drained.notify_one();
            }
        }
        Some(incoming)
    }

    fn is_at_end(&self) -> bool {
        let state = self.inbox.state.lock();
        state.is_closed && state.waiting.is_empty()
    }
}
