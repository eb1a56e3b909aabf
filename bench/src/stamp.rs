//! The message of the fan-out: 831 bytes, the size of a listing of 20 users, with a stamp at fixed places, so that a
//! receiver reads it at next to no cost. In a change of a set the same stamp is the value.

use std::ops::Range;

use memchr::memmem;

/// Length of the message, bytes.
pub(crate) const MESSAGE_BYTES: usize = 831;

const SEQ: Range<usize> = 8..18;
const DUE: Range<usize> = 27..47;
const AT: Range<usize> = 55..75;

/// What a message says about itself. Times are those of [`crate::clock::now_ns`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Position in the sequence of all messages.
    pub(crate) seq: u64,
    /// When it was to be published.
    pub(crate) due_ns: u64,
    /// When it was published.
    pub(crate) at_ns: u64,
}

impl Stamp {
    /// The message: one JSON object of [`MESSAGE_BYTES`].
    pub(crate) fn message(self) -> Vec<u8> {
        let Self { seq, due_ns, at_ns } = self;
        let mut message =
            format!("{{\"seq\":\"{seq:010}\",\"due\":\"{due_ns:020}\",\"at\":\"{at_ns:020}\",\"pad\":\"")
                .into_bytes();
        message.resize(MESSAGE_BYTES - 2, b'x');
        message.extend_from_slice(b"\"}");
        message
    }

    /// Length of [`Self::value`], bytes.
    pub(crate) const VALUE_BYTES: usize = 50;

    /// The stamp as a value of a set, or the start of a text.
    pub(crate) fn value(self) -> String {
        let Self { seq, due_ns, at_ns } = self;
        format!("{seq:010}{due_ns:020}{at_ns:020}")
    }

    /// Reads the stamp from the start of a delta whose first value is one; `None` for any other message.
    pub(crate) fn read_delta(start: &[u8]) -> Option<Self> {
        if !start.starts_with(b"{\"type\":\"delta\"") {
            return None;
        }
        Self::read_value(start.get(memmem::find(start, b"\"value\":\"")? + 9..)?)
    }

    /// Reads what [`Self::value`] wrote.
    pub(crate) fn read_value(value: &[u8]) -> Option<Self> {
        Some(Self {
            seq: digits(value, 0..10)?,
            due_ns: digits(value, 10..30)?,
            at_ns: digits(value, 30..Self::VALUE_BYTES)?,
        })
    }

    /// Reads the stamp from the start of a message; `None` for any other message.
    pub(crate) fn read(start: &[u8]) -> Option<Self> {
        if !start.starts_with(b"{\"seq\":\"") {
            return None;
        }
        Some(Self { seq: digits(start, SEQ)?, due_ns: digits(start, DUE)?, at_ns: digits(start, AT)? })
    }
}

fn digits(text: &[u8], range: Range<usize>) -> Option<u64> {
    let number =
        |number: u64, digit: &u8| number.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')));
    Some(text.get(range)?.iter().fold(0, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_from_its_message() {
        let stamp = Stamp { seq: 4_000_000_007, due_ns: 12_345_678_901_234_567_890, at_ns: 3 };
        let message = stamp.message();
        assert_eq!(message.len(), MESSAGE_BYTES);
        assert!(serde_json::from_slice::<serde_json::Value>(&message).unwrap().is_object());
        assert_eq!(Stamp::read(&message[..80]), Some(stamp));
        assert_eq!(Stamp::read(b"{\"Users\":[]}"), None);
        let delta = format!(
            r#"{{"type":"delta","set":"s","prev":"e-1","cursor":"e-2","operations":[{{"op":"add","value":"{}","#,
            stamp.value()
        );
        assert_eq!(Stamp::read_delta(delta.as_bytes()), Some(stamp));
        assert_eq!(Stamp::read_delta(b"{\"type\":\"delta\",\"operations\":[]}"), None);
    }
}
