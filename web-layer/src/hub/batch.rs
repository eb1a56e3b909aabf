//! Pushes of one topic that leave together, encoded once for all connections.

use bytes::Bytes;
use foldhash::quality::FixedState;
use std::hash::BuildHasher;

use protocol::{Body, ConnectionId, Push};

use crate::socket::Frames;

/// Frames that are joined into one piece are copied once more; larger pieces gain nothing by that.
const TOGETHER_BYTES_MAX: usize = 256 * 1024;

/// A push, encoded.
#[derive(Debug, Clone)]
pub(crate) struct Encoded {
    frames: Frames,
    except: Option<ConnectionId>,
}

impl Encoded {
    /// Encodes a push whose body is here.
    pub(crate) fn new(topic: &str, push: &Push) -> Option<Self> {
        let Body::Inline(json) = &push.body else { return None };
        let key = push.key.as_deref().map(|key| FixedState::with_seed(0).hash_one((topic, key)));
        let frames = Frames { key, ..Frames::event(json.get()) };
        Some(Self { frames, except: push.except })
    }
}

/// Pushes in the form in which connections get them: some pieces, each of them one write.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pieces: Vec<Piece>,
    /// Those that not everyone gets, and so the whole batch once more, for the few who are excepted.
    excepted: Vec<Encoded>,
}

/// Frames that are written together.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) together: Bytes,
    pub(crate) parts: Vec<Frames>,
}

impl Batch {
    /// Puts pushes together. Of a state only the newest is kept.
    pub(crate) fn new(pushes: Vec<Encoded>) -> Self {
        let mut newest: Vec<Encoded> = Vec::with_capacity(pushes.len());
        for push in pushes {
            if push.frames.key.is_some() {
                newest.retain(|elder| elder.frames.key != push.frames.key || elder.except != push.except);
            }
            newest.push(push);
        }
        let pieces = Self::pieces(newest.iter().map(|push| &push.frames));
        let excepted = if newest.iter().any(|push| push.except.is_some()) { newest } else { Vec::new() };
        Self { pieces, excepted }
    }

    /// How many messages each connection gets.
    pub(crate) fn messages(&self) -> usize {
        self.pieces.iter().map(|piece| piece.parts.len()).sum()
    }

    /// Calls `write` with each piece for this connection.
    pub(crate) fn for_connection(&self, conn: ConnectionId, mut write: impl FnMut(&Piece)) {
        if self.excepted.iter().any(|push| push.except == Some(conn)) {
            let own = self.excepted.iter().filter(|push| push.except != Some(conn)).map(|push| &push.frames);
            Self::pieces(own).iter().for_each(write);
        } else {
            self.pieces.iter().for_each(&mut write);
        }
    }

    fn pieces<'a>(frames: impl Iterator<Item = &'a Frames>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let (mut parts, mut bytes) = (Vec::new(), 0);
        for frame in frames {
            if !parts.is_empty() && bytes + frame.bytes.len() > TOGETHER_BYTES_MAX {
                pieces.push(Piece::new(std::mem::take(&mut parts)));
                bytes = 0;
            }
            bytes += frame.bytes.len();
            parts.push(frame.clone());
        }
        if !parts.is_empty() {
            pieces.push(Piece::new(parts));
        }
        pieces
    }
}

impl Piece {
    fn new(parts: Vec<Frames>) -> Self {
        let together = match parts.as_slice() {
            [only] => only.bytes.clone(),
            several => {
                several.iter().flat_map(|frames| frames.bytes.iter().copied()).collect::<Vec<u8>>().into()
            }
        };
        Self { together, parts }
    }
}

#[cfg(test)]
mod tests {
    use protocol::body;

    use super::*;

    fn encoded(text: &str, key: Option<&str>, except: Option<ConnectionId>) -> Encoded {
        let body = Body::Inline(body::message(text).unwrap());
        Encoded::new("t", &Push { body, key: key.map(ToOwned::to_owned), version: None, except }).unwrap()
    }

    fn got(batch: &Batch, conn: ConnectionId) -> Vec<u8> {
        let mut bytes = Vec::new();
        batch.for_connection(conn, |piece| bytes.extend_from_slice(&piece.together));
        bytes
    }

    #[test]
    fn frames_are_joined_in_order_and_old_state_is_left_out() {
        let batch = Batch::new(vec![
            encoded("{\"s\":1}", Some("k"), None),
            encoded("{\"e\":1}", None, None),
            encoded("{\"s\":2}", Some("k"), None),
        ]);
        assert_eq!(got(&batch, ConnectionId::random()), b"\x81\x07{\"e\":1}\x81\x07{\"s\":2}");
        assert_eq!(batch.messages(), 2);
    }

    #[test]
    fn who_is_excepted_gets_the_others() {
        let conn = ConnectionId::random();
        let batch =
            Batch::new(vec![encoded("{\"e\":1}", None, Some(conn)), encoded("{\"e\":2}", None, None)]);
        assert_eq!(got(&batch, conn), b"\x81\x07{\"e\":2}");
        assert_eq!(got(&batch, ConnectionId::random()).len(), 18);
    }

    #[test]
    fn large_frames_are_not_joined() {
        let large = format!("{{\"x\":\"{}\"}}", "x".repeat(TOGETHER_BYTES_MAX));
        let batch = Batch::new(vec![
            encoded("{}", None, None),
            encoded(&large, None, None),
            encoded("{}", None, None),
        ]);
        assert_eq!(batch.pieces.len(), 3);
    }
}
