//! What was received and not yet handled: bounded in bytes, and never in the way of the connection.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use protocol::limit;
use tokio::sync::Notify;

use super::Incoming;
use crate::link::Cut;

/// What a message costs besides its text, bytes: so that empty messages are bounded, too.
const OVERHEAD_BYTES: usize = 96;
/// From this many bytes down a link may be made anew after an overflow: sooner it would overflow again.
const ROOM_BYTES: usize = limit::RECEIVED_BYTES_MAX / 2;
/// Queue slots that are kept when it is empty; more of them, from a burst, are given back.
const SLOTS_KEPT_MAX: usize = 4_096;

/// The queue between the connection and whoever receives.
pub(super) struct Inbox {
    state: Mutex<State>,
    filled: Notify,
    /// Bytes of all messages that were not yet handed out.
    bytes: AtomicUsize,
    drained: Notify,
}

struct State {
    waiting: VecDeque<Incoming>,
    told: Told,
    is_closed: bool,
}

/// What the receiver knows about the link.
#[derive(PartialEq, Eq)]
enum Told {
    Nothing,
    Connected,
    Lost,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            state: Mutex::new(State { waiting: VecDeque::new(), told: Told::Nothing, is_closed: false }),
            filled: Notify::new(),
            bytes: AtomicUsize::new(0),
            drained: Notify::new(),
        }
    }
}

impl Inbox {
    /// Queues a message. When the queue is full the link is cut and the loss is told right here, so that an answer
    /// that comes after the message on the same link cannot be taken for a sign that nothing is missing.
    pub(super) fn message(&self, message: Incoming, cut: &Cut) {
        let bytes = cost(&message);
        if self.bytes.fetch_add(bytes, Ordering::AcqRel) + bytes > limit::RECEIVED_BYTES_MAX {
            self.bytes.fetch_sub(bytes, Ordering::AcqRel);
            cut.now("messages came faster than they were handled: start more processes");
            self.lost();
        } else {
            self.push(&mut self.state.lock().waiting, message);
        }
    }

    /// All subscriptions are confirmed; false if the link was cut before that could be told.
    pub(super) fn restored(&self, cut: &Cut) -> bool {
        let mut state = self.state.lock();
        if cut.is_done() {
            return false;
        }
        if state.told == Told::Lost {
            self.push(&mut state.waiting, Incoming::Restored);
        }
        state.told = Told::Connected;
        true
    }

    /// The link is lost: told once, and not before it was there. If the receiver has not seen yet that the one before
    /// was restored, that is taken back: so a link that comes and goes while nobody receives adds nothing.
    pub(super) fn lost(&self) {
        let mut state = self.state.lock();
        if state.told != Told::Connected {
            return;
        }
        state.told = Told::Lost;
        if matches!(state.waiting.back(), Some(Incoming::Restored)) {
            state.waiting.pop_back();
        } else {
            self.push(&mut state.waiting, Incoming::Lost);
        }
    }

    /// Nothing comes any more.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.filled.notify_one();
    }

    /// When a new link would not overflow at once.
    pub(super) async fn has_room(&self) {
        while self.bytes.load(Ordering::Acquire) > ROOM_BYTES {
            self.drained.notified().await;
        }
    }

    /// Moves all that waits to `batch`, which is empty.
    pub(super) fn take(&self, batch: &mut VecDeque<Incoming>) {
        if batch.capacity() > SLOTS_KEPT_MAX {
            *batch = VecDeque::new();
        }
        std::mem::swap(&mut self.state.lock().waiting, batch);
    }

    /// A message was handed out.
    pub(super) fn handed_out(&self, message: &Incoming) {
        let bytes = cost(message);
        let before = self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if before > ROOM_BYTES && before - bytes <= ROOM_BYTES {
            self.drained.notify_one();
        }
    }

    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    pub(super) fn is_at_end(&self) -> bool {
        let state = self.state.lock();
        state.is_closed && state.waiting.is_empty()
    }

    /// The receiver takes all at one go and then waits, so only what comes first has to wake it.
    fn push(&self, waiting: &mut VecDeque<Incoming>, incoming: Incoming) {
        waiting.push_back(incoming);
        if waiting.len() == 1 {
            self.filled.notify_one();
        }
    }
}

fn cost(incoming: &Incoming) -> usize {
    match incoming {
        Incoming::Message { channel, payload } => channel.len() + payload.len() + OVERHEAD_BYTES,
        Incoming::Lost | Incoming::Restored => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(inbox: &Inbox) -> Vec<Incoming> {
        let mut batch = VecDeque::new();
        inbox.take(&mut batch);
        batch.into()
    }

    #[test]
    fn a_link_that_comes_and_goes_while_nobody_receives_adds_nothing() {
        let inbox = Inbox::default();
        inbox.lost();
        assert_eq!(drain(&inbox), [], "there was nothing to lose");
        inbox.restored(&Cut::default());
        assert_eq!(drain(&inbox), [], "the first connection tells nothing");
        for _ in 0..100 {
            inbox.lost();
            inbox.lost();
            inbox.restored(&Cut::default());
        }
        assert_eq!(drain(&inbox), [Incoming::Lost, Incoming::Restored]);
    }

    #[test]
    fn a_link_that_was_cut_is_not_told_as_restored() {
        let inbox = Inbox::default();
        inbox.restored(&Cut::default());
        inbox.lost();
        let cut = Cut::default();
        cut.now("test");
        assert!(!inbox.restored(&cut));
        assert_eq!(drain(&inbox), [Incoming::Lost]);
    }

    #[test]
    fn an_overflow_cuts_the_link_and_tells_the_loss_right_behind_the_last_message_that_fits() {
        let inbox = Inbox::default();
        let cut = Cut::default();
        inbox.restored(&cut);
        let payload = bytes::Bytes::from(vec![0; 1024 * 1024]);
        let message = Incoming::Message { channel: "a".to_owned(), payload };
        let fitting = limit::RECEIVED_BYTES_MAX / cost(&message);
        for _ in 0..fitting {
            inbox.message(message.clone(), &cut);
        }
        assert!(!cut.is_done());
        inbox.message(message.clone(), &cut);
        assert!(cut.is_done());
        inbox.lost();
        let all = drain(&inbox);
        assert!(all[..fitting].iter().all(|incoming| *incoming == message));
        assert_eq!(all[fitting..], [Incoming::Lost]);
    }
}
