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
    /// How many messages they hold.
    pub(crate) messages: usize,
    /// Names the state that they hold, if they hold state: newer state with the same key replaces them.
    pub(crate) key: Option<u64>,
}

impl Frames {
    /// One message that counts by itself.
    pub(crate) fn event(text: &str) -> Self {
        Self { bytes: text_frame(text).into(), messages: 1, key: None }
    }

    /// Protocol bytes that hold no message.
    pub(crate) fn control(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), messages: 0, key: None }
    }
}

/// The frame of a text message.
pub(crate) fn text_frame(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 10);
    append_text(&mut bytes, text);
    bytes
}

/// Appends the frame of a text message.
pub(crate) fn append_text(bytes: &mut Vec<u8>, text: &str) {
    let header = FrameHeader { opcode: OpCode::Data(Data::Text), ..FrameHeader::default() };
    header.format(text.len() as u64, bytes).expect("a vector takes all that is written");
    bytes.extend_from_slice(text.as_bytes());
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
        assert_eq!(close_frame(&Close::new(4008, "slow")), b"\x88\x06\x0f\xa8slow");
    }
}
