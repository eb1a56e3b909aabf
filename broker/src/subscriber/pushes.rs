//! From what Redis pushes to what a subscriber receives.

use std::sync::Arc;

use bytes::Bytes;
use redis::aio::{AsyncPushSender, SendError};
use redis::{PushInfo, PushKind, Value};

use super::Incoming;
use super::inbox::Inbox;
use crate::link::Cut;

/// Takes the pushes of one link. It is called while the connection is read, so it never waits.
pub(super) struct Pushes {
    inbox: Arc<Inbox>,
    cut: Cut,
}

impl Pushes {
    pub(super) fn new(inbox: Arc<Inbox>, cut: Cut) -> Self {
        Self { inbox, cut }
    }
}

impl AsyncPushSender for Pushes {
    /// What still comes on a link that was cut is not taken: the receiver has been told of the loss already.
    fn send(&self, push: PushInfo) -> Result<(), SendError> {
        if self.cut.is_done() {
            return Err(SendError);
        }
        if let Some(message) = message(push) {
            self.inbox.message(message, &self.cut);
        }
        Ok(())
    }
}

/// The message in a push, if it is one: (pattern,) channel, payload. Nothing is copied.
fn message(push: PushInfo) -> Option<Incoming> {
    if !matches!(push.kind, PushKind::Message | PushKind::PMessage) {
        return None;
    }
    let mut data = push.data;
    let payload = Bytes::from(text(data.pop()?)?);
    let channel = match String::from_utf8(text(data.pop()?)?) {
        Ok(channel) => channel,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    Some(Incoming::Message { channel, payload })
}

fn text(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(text) => Some(text),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(kind: PushKind, data: &[&[u8]]) -> PushInfo {
        PushInfo { kind, data: data.iter().map(|text| Value::BulkString(text.to_vec())).collect() }
    }

    #[test]
    fn messages_are_found_and_the_rest_is_left_out() {
        let message_of = |channel: &str| {
            Some(Incoming::Message { channel: channel.to_owned(), payload: Bytes::from_static(b"hi\0") })
        };
        assert_eq!(message(push(PushKind::Message, &[b"a", b"hi\0"])), message_of("a"));
        assert_eq!(message(push(PushKind::PMessage, &[b"a*", b"ab", b"hi\0"])), message_of("ab"));
        assert_eq!(message(push(PushKind::Message, &[b"\xff", b"hi\0"])), message_of("\u{fffd}"));
        assert_eq!(message(push(PushKind::Subscribe, &[b"a", b"1"])), None);
        assert_eq!(message(push(PushKind::Message, &[b"a"])), None);
    }
}
