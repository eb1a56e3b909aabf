//! From bytes to messages: the receiving side of one websocket, which costs nothing while the socket is idle.
//!
//! tungstenite speaks the protocol (masks, fragments, UTF-8, pings, close handshakes). Its state holds buffers, so it is
//! made when bytes come and dropped when nothing of it is needed any more. For that it is only ever given whole frames:
//! what has come of an unfinished one waits here.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read, Write};

use tungstenite::error::{CapacityError, Error as WsError};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Message, Utf8Bytes};

use protocol::close::{self, Close};

/// What a client's bytes amount to.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Text messages, in order.
    pub(crate) texts: Vec<Utf8Bytes>,
    /// Frames of any kind that were taken in.
    pub(crate) frames: u32,
    /// Bytes that the protocol wants sent back: pongs, the answer to a Close frame.
    pub(crate) answer: Vec<u8>,
    /// Set when the connection is over.
    pub(crate) end: Option<End>,
}

/// Why nothing more is to be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client closed; the answer to its Close frame is in [`Taken::answer`].
    ByPeer,
    /// The client broke a rule and is to be closed with this.
    Fault(Close),
}

/// What of some bytes is whole frames.
#[derive(Clone, Copy)]
struct Whole {
    bytes: usize,
    /// Fragments count each: tungstenite takes any number of them before it returns.
    frames: u32,
    /// Whether a message is unfinished after them.
    fragmented: bool,
}

/// The receiving side of one websocket.
#[derive(Default)]
pub(crate) struct Reader {
    /// The beginning of a frame whose rest has not come yet.
    rest: Vec<u8>,
    /// Kept only between the fragments of a message.
    context: Option<Box<WebSocketContext>>,
    /// Messages that came while the connection had as many in flight as it may: at most what one read brought.
    pub(crate) unrelayed: VecDeque<Utf8Bytes>,
}

impl Reader {
    /// Takes in what came from the socket. `message_bytes_max` bounds frames and messages.
    pub(crate) fn take(&mut self, bytes: &[u8], message_bytes_max: usize) -> Taken {
        if self.rest.is_empty() {
            let whole = self.measure(bytes, message_bytes_max);
            self.rest = bytes[whole.bytes..].to_vec();
            return self.run(&bytes[..whole.bytes], whole, message_bytes_max);
        }
        self.rest.extend_from_slice(bytes);
        let whole = self.measure(&self.rest, message_bytes_max);
        if whole.bytes == 0 {
            return Taken::default();
        }
        let mut frames = std::mem::take(&mut self.rest);
        self.rest = frames.split_off(whole.bytes);
        self.run(&frames, whole, message_bytes_max)
    }

    /// Which of the bytes are whole frames. A frame that is not allowed counts as whole, so that tungstenite gets to see
    /// and refuse it.
    fn measure(&self, bytes: &[u8], message_bytes_max: usize) -> Whole {
        let mut whole = Whole { bytes: 0, frames: 0, fragmented: self.context.is_some() };
        loop {
            let refused = Whole { bytes: bytes.len(), frames: whole.frames + 1, fragmented: true };
            let mut cursor = Cursor::new(&bytes[whole.bytes..]);
            let Ok(header) = FrameHeader::parse(&mut cursor) else { return refused };
            let Some((header, length)) = header else { return whole };
            if length > message_bytes_max as u64 {
                return refused;
            }
            let end = whole.bytes + cursor.position() as usize + length as usize;
            if end > bytes.len() {
                return whole;
            }
            whole.bytes = end;
            whole.frames += 1;
            if matches!(header.opcode, OpCode::Data(Data::Continue | Data::Text | Data::Binary)) {
                whole.fragmented = !header.is_final;
            }
        }
    }

    fn run(&mut self, frames: &[u8], whole: Whole, message_bytes_max: usize) -> Taken {
        let mut taken = Taken { frames: whole.frames, ..Taken::default() };
        if frames.is_empty() {
            return taken;
        }
        let mut context = self.context.take().unwrap_or_else(|| new_context(frames.len(), message_bytes_max));
        let mut stream = Frames { unread: frames, answer: &mut taken.answer };
        loop {
            match context.read(&mut stream) {
                Ok(Message::Text(text)) => taken.texts.push(text),
                Ok(Message::Binary(_)) => {
                    let close =
                        Close::new(close::UNSUPPORTED, "messages are text frames with one JSON object each");
                    taken.end = Some(End::Fault(close));
                    break;
                }
                Ok(Message::Close(_)) => taken.end = Some(End::ByPeer),
                Ok(_) => {}
                Err(WsError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(WsError::ConnectionClosed) => break,
                Err(error) => {
                    taken.end = Some(End::Fault(fault(&error, message_bytes_max)));
                    break;
                }
            }
        }
        if whole.fragmented && taken.end.is_none() {
            self.context = Some(context);
        }
        taken
    }
}

/// Whether `bytes` hold a Close frame: all that still counts after this side has sent its own. Bytes that cannot be
/// followed any more count as one.
pub(crate) fn has_close(mut bytes: &[u8]) -> bool {
    loop {
        let mut cursor = Cursor::new(bytes);
        match FrameHeader::parse(&mut cursor) {
            Ok(Some((header, _))) if header.opcode == OpCode::Control(Control::Close) => return true,
            Ok(Some((_, length))) => {
                let end = (cursor.position() as usize)
                    .saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
                let Some(rest) = bytes.get(end..) else { return false };
                bytes = rest;
            }
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}

fn new_context(buffer_bytes: usize, message_bytes_max: usize) -> Box<WebSocketContext> {
    let config = WebSocketConfig::default()
        .read_buffer_size(buffer_bytes)
        .write_buffer_size(0)
        .max_frame_size(Some(message_bytes_max))
        .max_message_size(Some(message_bytes_max));
    Box::new(WebSocketContext::new(Role::Server, Some(config)))
}

fn fault(error: &WsError, message_bytes_max: usize) -> Close {
    match error {
        WsError::Capacity(CapacityError::MessageTooLong { .. }) => {
            Close::new(close::TOO_LARGE, &format!("a message may have at most {message_bytes_max} bytes"))
        }
        WsError::Utf8(_) => Close::new(close::NOT_UTF8, "a text message must be UTF-8"),
        other => Close::new(close::PROTOCOL, &other.to_string()),
    }
}

/// Whole frames to read, and a place for what is written in return.
struct Frames<'a> {
    unread: &'a [u8],
    answer: &'a mut Vec<u8>,
}

impl Read for Frames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.unread.read(buffer)
    }
}

impl Write for Frames<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tungstenite::protocol::frame::{CloseFrame, Frame};

    use super::*;

    const MAX: usize = 1_000;

    fn masked(mut frame: Frame) -> Vec<u8> {
        frame.header_mut().mask = Some([1, 2, 3, 4]);
        let mut bytes = Vec::new();
        frame.format(&mut bytes).unwrap();
        bytes
    }

    fn text(payload: &str, is_final: bool) -> Vec<u8> {
        masked(Frame::message(payload.as_bytes().to_vec(), OpCode::Data(Data::Text), is_final))
    }

    fn more(payload: &str, is_final: bool) -> Vec<u8> {
        masked(Frame::message(payload.as_bytes().to_vec(), OpCode::Data(Data::Continue), is_final))
    }

    fn code(taken: &Taken) -> Option<u16> {
        match &taken.end {
            Some(End::Fault(close)) => Some(close.code),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn messages_are_the_same_however_their_bytes_are_cut(
            payloads in prop::collection::vec("[a-zé]{0,40}", 1..8),
            cuts in prop::collection::vec(1usize..30, 1..40),
        ) {
            let mut bytes = Vec::new();
            for payload in &payloads {
                let middle = payload.char_indices().nth(payload.chars().count() / 2).map_or(0, |(at, _)| at);
                bytes.extend(text(&payload[..middle], false));
                bytes.extend(masked(Frame::ping(&b"hi"[..])));
                bytes.extend(more(&payload[middle..], true));
            }
            let (mut reader, mut got, mut pongs) = (Reader::default(), Vec::new(), 0);
            let mut cuts = cuts.iter().cycle();
            let mut unread = bytes.as_slice();
            while !unread.is_empty() {
                let (now, later) = unread.split_at((*cuts.next().unwrap()).min(unread.len()));
                let taken = reader.take(now, MAX);
                prop_assert!(taken.end.is_none());
                got.extend(taken.texts.iter().map(ToString::to_string));
                pongs += taken.answer.len() / 4;
                unread = later;
            }
            prop_assert_eq!(&got, &payloads);
            prop_assert_eq!(pongs, payloads.len());
            prop_assert!(reader.rest.is_empty() && reader.context.is_none(), "an idle reader holds nothing");
        }

        #[test]
        fn any_bytes_at_all_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let mut reader = Reader::default();
            let _ = reader.take(&bytes, MAX);
            let _ = has_close(&bytes);
        }
    }

    #[test]
    fn each_fault_has_its_close_code() {
        let take = |bytes: &[u8]| code(&Reader::default().take(bytes, MAX));
        assert_eq!(
            take(&masked(Frame::message(vec![1], OpCode::Data(Data::Binary), true))),
            Some(close::UNSUPPORTED)
        );
        assert_eq!(take(&text(&"x".repeat(MAX + 1), true)), Some(close::TOO_LARGE));
        assert_eq!(
            take(&masked(Frame::message(vec![0xff], OpCode::Data(Data::Text), true))),
            Some(close::NOT_UTF8)
        );
        assert_eq!(take(&[0xf1, 0x80, 1, 2, 3, 4]), Some(close::PROTOCOL), "reserved bits");
        assert_eq!(take(&[0x81, 0x01, b'x']), Some(close::PROTOCOL), "not masked");
        assert_eq!(take(&more("x", true)), Some(close::PROTOCOL), "a continuation of nothing");
    }

    #[test]
    fn fragments_that_grow_beyond_the_bound_are_refused() {
        let mut reader = Reader::default();
        assert!(reader.take(&text(&"x".repeat(MAX), false), MAX).end.is_none());
        assert_eq!(code(&reader.take(&more("y", true), MAX)), Some(close::TOO_LARGE));
    }

    #[test]
    fn each_fragment_counts_as_a_frame() {
        let mut reader = Reader::default();
        let bytes = [text("x", false), more("", false).repeat(9), more("", true), text("y", true)].concat();
        let (some, rest) = bytes.split_at(bytes.len() / 2);
        assert_eq!(reader.take(some, MAX).frames + reader.take(rest, MAX).frames, 12);
    }

    #[test]
    fn a_close_frame_is_answered() {
        let frame = CloseFrame { code: 1000.into(), reason: "bye".into() };
        let taken = Reader::default().take(&masked(Frame::close(Some(frame))), MAX);
        assert_eq!(taken.end, Some(End::ByPeer));
        assert_eq!(taken.answer, b"\x88\x05\x03\xe8bye");
    }

    #[test]
    fn a_close_frame_is_found_behind_other_frames() {
        let mut bytes = text("hello", true);
        assert!(!has_close(&bytes));
        bytes.extend(masked(Frame::close(None)));
        assert!(has_close(&bytes));
    }
}
