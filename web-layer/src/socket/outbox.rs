//! What a connection's socket could not take yet. Empty, and without memory, for every client that reads.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::socket::frame::Frames;

/// Unsent frames of one connection, bounded.
///
/// State (frames with a key) replaces its unsent elder; so a client that reads slowly costs at most one waiting version
/// of each state, and gets the newest. Events are counted: more than the bounds of them means that the connection has to
/// be closed.
#[derive(Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Frames>,
    /// Bytes of the first frames that are sent already: they cannot be taken back any more.
    sent: usize,
    event_bytes: usize,
    messages: usize,
    states: usize,
}

/// The bounds of an outbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutboxBounds {
    pub(crate) bytes_max: usize,
    pub(crate) messages_max: usize,
}

/// More events are waiting than a connection may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds frames of which the first `sent` bytes have left already, which can only be when nothing else waits.
    pub(crate) fn add(&mut self, frames: Frames, sent: usize, bounds: OutboxBounds) -> Result<(), Overflow> {
        match frames.key {
            Some(key) => {
                self.remove_state(key);
                self.states += 1;
            }
            None => self.event_bytes += frames.len(),
        }
        self.messages += frames.messages;
        if sent > 0 {
            debug_assert!(self.queue.is_empty(), "nothing overtakes what waits");
            self.sent = sent;
        }
        self.queue.push_back(frames);
        if self.exceeds(bounds.bytes_max) || self.messages > bounds.messages_max {
            Err(Overflow)
        } else {
            Ok(())
        }
    }

    /// Whether more events wait than may. The largest one is not counted: a claimed body may be larger than the bound, and
    /// is under way for a while also to a client that reads.
    fn exceeds(&self, bytes_max: usize) -> bool {
        let events = || self.queue.iter().filter(|frames| frames.key.is_none());
        self.event_bytes > bytes_max
            && self.event_bytes - events().map(Frames::len).max().unwrap_or(0) > bytes_max
    }

    /// Fills `slices` with what is to be written next.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.sent;
        let mut filled = 0;
        for bytes in self.queue.iter().flat_map(|frames| [&frames.bytes, &frames.tail]) {
            if skip >= bytes.len() {
                skip -= bytes.len();
                continue;
            }
            let Some(slot) = slices.get_mut(filled) else { break };
            *slot = IoSlice::new(&bytes[skip..]);
            skip = 0;
            filled += 1;
        }
        filled
    }

    /// Takes out what has been written.
    pub(crate) fn written(&mut self, mut bytes: usize) {
        while let Some(first) = self.queue.front() {
            let left = first.len() - self.sent;
            if bytes < left {
                self.sent += bytes;
                return;
            }
            bytes -= left;
            self.sent = 0;
            self.forget(0);
        }
        self.queue = VecDeque::new();
    }

    /// Drops all that can still be taken back.
    pub(crate) fn clear(&mut self) {
        let keep = usize::from(self.sent > 0);
        while self.queue.len() > keep {
            self.forget(self.queue.len() - 1);
        }
    }

    fn remove_state(&mut self, key: u64) {
        if self.states == 0 {
            return;
        }
        let started = usize::from(self.sent > 0);
        let elder = self.queue.iter().skip(started).position(|frames| frames.key == Some(key));
        if let Some(at) = elder {
            self.forget(started + at);
        }
    }

    fn forget(&mut self, at: usize) {
        let Some(frames) = self.queue.remove(at) else { return };
        self.messages -= frames.messages;
        match frames.key {
            Some(_) => self.states -= 1,
            None => self.event_bytes -= frames.len(),
        }
    }

    #[cfg(test)]
    fn waiting(&self) -> Vec<bytes::Bytes> {
        self.queue.iter().map(|frames| frames.bytes.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    const WIDE: OutboxBounds = OutboxBounds { bytes_max: 1 << 20, messages_max: 1_000 };

    fn frames(bytes: &'static [u8], key: Option<u64>) -> Frames {
        Frames { bytes: Bytes::from_static(bytes), tail: Bytes::new(), messages: 1, key }
    }

    #[test]
    fn newer_state_replaces_unsent_elder_state_of_the_same_key_only() {
        let mut outbox = Outbox::default();
        for (bytes, key) in [(b"a1", Some(1)), (b"e1", None), (b"b1", Some(2)), (b"a2", Some(1))] {
            outbox.add(frames(bytes, key), 0, WIDE).unwrap();
        }
        assert_eq!(outbox.waiting(), [&b"e1"[..], b"b1", b"a2"]);
    }

    #[test]
    fn state_whose_first_byte_has_left_is_not_replaced() {
        let mut outbox = Outbox::default();
        outbox.add(frames(b"a1", Some(1)), 1, WIDE).unwrap();
        outbox.add(frames(b"a2", Some(1)), 0, WIDE).unwrap();
        assert_eq!(outbox.waiting(), [&b"a1"[..], b"a2"]);
        outbox.clear();
        assert_eq!(outbox.waiting(), [&b"a1"[..]], "half a frame cannot be taken back");
    }

    #[test]
    fn events_overflow_and_state_does_not() {
        let bounds = OutboxBounds { bytes_max: 4, messages_max: 1_000 };
        let mut outbox = Outbox::default();
        for _ in 0..100 {
            outbox.add(frames(b"a long state", Some(1)), 0, bounds).unwrap();
        }
        outbox.add(frames(b"four", None), 0, bounds).unwrap();
        outbox.add(frames(b"a large event", None), 0, bounds).unwrap();
        assert_eq!(outbox.add(frames(b"x", None), 0, bounds), Err(Overflow));
    }

    #[test]
    fn the_number_of_messages_is_bounded_too() {
        let bounds = OutboxBounds { bytes_max: 1 << 20, messages_max: 2 };
        let mut outbox = Outbox::default();
        outbox.add(frames(b"1", None), 0, bounds).unwrap();
        outbox.add(frames(b"2", Some(2)), 0, bounds).unwrap();
        assert_eq!(outbox.add(frames(b"3", Some(3)), 0, bounds), Err(Overflow));
    }

    proptest! {
        #[test]
        fn what_is_written_in_any_portions_is_what_was_added(
            messages in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..20), 0usize..20), 1..20),
            portions in prop::collection::vec(1usize..50, 1..20),
        ) {
            let mut outbox = Outbox::default();
            for (message, cut) in &messages {
                let mut bytes = Bytes::from(message.clone());
                let tail = bytes.split_off((*cut).min(message.len()));
                outbox.add(Frames { bytes, tail, messages: 1, key: None }, 0, WIDE).unwrap();
            }
            let mut written: Vec<u8> = Vec::new();
            let mut portions = portions.iter().cycle();
            while !outbox.is_empty() {
                let mut slices = [IoSlice::new(&[]); 3];
                let filled = outbox.slices(&mut slices);
                let flat: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                let portion = (*portions.next().unwrap()).min(flat.len());
                written.extend(&flat[..portion]);
                outbox.written(portion);
            }
            let messages: Vec<Vec<u8>> = messages.into_iter().map(|(message, _)| message).collect();
            prop_assert_eq!(written, messages.concat());
            prop_assert_eq!((outbox.event_bytes, outbox.messages, outbox.queue.capacity()), (0, 0, 0));
        }
    }
}
