//! From messages to bytes: frames are encoded once, however many sockets they go to.

use bytes::Bytes;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader};

use protocol::Close;

/// Encoded frames that leave together.
#[derive(Debug, Clone)]
pub(crate) struct Frames {
    /// The frames, one after the other.
    pub(crate) bytes: Bytes,
    /// The rest of the last frame, which other connections have in common with this one. Mostly empty.
    pub(crate) tail: Bytes,
    /// How many messages they hold.
    pub(crate) messages: usize,
    /// Names the state that they hold, if they hold state: newer state with the same key replaces them.
    pub(crate) key: Option<u64>,
}

impl Frames {
    /// One message that counts by itself.
    pub(crate) fn event(text: &str) -> Self {
        Self { bytes: text_frame(text).into(), tail: Bytes::new(), messages: 1, key: None }
    }

    /// One message that counts by itself: `head`, and `tail`, which is not copied.
    pub(crate) fn shared(head: &str, tail: Bytes) -> Self {
        let mut bytes = text_header(head.len() + tail.len(), head.len());
        bytes.extend_from_slice(head.as_bytes());
        Self { bytes: bytes.into(), tail, messages: 1, key: None }
    }

    /// Protocol bytes that hold no message.
    pub(crate) fn control(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), tail: Bytes::new(), messages: 0, key: None }
    }

    /// Their length, bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.tail.len()
    }
}

/// The frame of a text message.
pub(crate) fn text_frame(text: &str) -> Vec<u8> {
    let mut bytes = text_header(text.len(), text.len());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// The header of the frame of a text message of this length, with room for so many bytes behind it.
fn text_header(length: usize, behind: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(10 + behind);
    let header = FrameHeader { opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
    header.format(length as u64, &mut bytes).expect("a vector takes all that is written");
    bytes
}

/// The frame that asks for a sign of life.
pub(crate) fn ping_frame() -> Bytes {
    Bytes::from_static(b"\x89\x00")
}

/// The frame that ends a connection.
pub(crate) fn close_frame(close: &Close) -> Vec<u8> {
    let Close { code, reason } = Close::new(close.code, &close.reason);
    let mut bytes = Vec::with_capacity(4 + reason.len());
    Frame::close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
        .format(&mut bytes)
        .expect("a vector takes all that is written");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_rfc_6455() {
        assert_eq!(text_frame("Hello"), b"\x81\x05Hello");
        assert_eq!(&text_frame(&"x".repeat(200))[..4], b"\x81\x7e\x00\xc8");
        let shared = Frames::shared("Hel", Bytes::from_static(b"lo"));
        assert_eq!((&shared.bytes[..], &shared.tail[..], shared.len()), (&b"\x81\x05Hel"[..], &b"lo"[..], 7));
        assert_eq!(close_frame(&Close::new(4008, "slow")), b"\x88\x06\x0f\xa8slow");
    }
}
