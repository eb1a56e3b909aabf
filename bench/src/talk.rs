//! The users of the chat, and what they say to each other: texts of 100 bytes, each with a stamp at its start.

use std::io::{self, Write};

use memchr::memmem;

use crate::stamp::Stamp;

/// Length of a text, bytes.
pub(crate) const TEXT_BYTES: usize = 100;
/// Digits of the number of a user.
const USER_DIGITS: usize = 8;

/// The name of a user: 12 bytes.
pub(crate) fn name(user: usize) -> String {
    format!("user{user:08}")
}

/// With whom a user talks, when each has one partner.
pub(crate) fn partner(user: usize) -> usize {
    user ^ 1
}

/// What a text says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    /// Who said it.
    pub(crate) user: usize,
    /// When, and which of all that the user says it is.
    pub(crate) stamp: Stamp,
}

impl Said {
    /// Writes the request that says it to `to`. The id stands first, as in the answers, so that an echo is recognized in the
    /// same way; the id of the message is as long as a UUID, and no other message has it, as long as `run` is another one
    /// each time.
    pub(crate) fn write(self, text: &mut Vec<u8>, id: u64, to: usize, run: u64) -> io::Result<()> {
        let Self { user, stamp } = self;
        write!(text, "{{\"id\":{id},\"type\":\"send\",\"to\":\"user{to:08}\",\"text\":\"")?;
        let begin = text.len();
        write!(text, "{}{user:0USER_DIGITS$}", stamp.value())?;
        text.resize(begin + TEXT_BYTES, b'x');
        let process = std::process::id();
        write!(text, "\",\"message_id\":\"{process:08}-{run:08}-{user:08}-{id:09}\"}}")
    }

    /// Reads it from the start of a message with such a text; `None` for any other message.
    pub(crate) fn read(start: &[u8]) -> Option<Self> {
        let text = start.get(memmem::find(start, b"\"text\":\"")? + 8..)?;
        let stamp = Stamp::read_value(text)?;
        let digits = text.get(Stamp::VALUE_BYTES..Stamp::VALUE_BYTES + USER_DIGITS)?;
        let user = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some(Self { user, stamp })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_was_said_is_read_from_the_request_and_from_the_push() {
        let stamp = Stamp { seq: 4_000_000_007, due_ns: 12_345_678_901_234_567_890, at_ns: 3 };
        let said = Said { user: 1_234, stamp };
        let mut text = Vec::new();
        said.write(&mut text, 7, partner(1_234), 1).unwrap();
        let request: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(request["text"].as_str().unwrap().len(), TEXT_BYTES);
        assert_eq!(request["message_id"].as_str().unwrap().len(), 36);
        assert_eq!((&request["to"], &request["id"]), (&Value::from(name(1_235)), &Value::from(7)));
        assert_eq!(Said::read(&text), Some(said));
        let (me, other) = (name(1_234), name(1_235));
        let push = format!(
            r#"{{"type":"message","with":"{other}","with_name":"{other}","message":{{"seq":12345,"from":"{me}","from_name":"{me}","text":{}"#,
            request["text"]
        );
        assert_eq!(Said::read(&push.as_bytes()[..256.min(push.len())]), Some(said));
        assert_eq!(Said::read(b"{\"type\":\"typing\"}"), None);
    }
}
