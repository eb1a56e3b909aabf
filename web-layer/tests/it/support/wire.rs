//! A client that writes bytes, for what no well-behaved one would send.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{TestNode, within};

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;
/// Set in the first byte of the last fragment.
pub(crate) const FIN: u8 = 0x80;

pub(crate) struct Wire {
    stream: TcpStream,
}

impl Wire {
    pub(crate) async fn connect(node: &TestNode) -> Self {
        let stream =
            within("a connection", TcpStream::connect(node.address)).await.expect("the node listens");
        stream.set_nodelay(true).expect("an option");
        Self { stream }
    }

    /// A websocket, with these bytes right behind the handshake.
    pub(crate) async fn upgraded(node: &TestNode, path: &str, early: &[u8]) -> Self {
        let mut wire = Self::connect(node).await;
        wire.write(&[handshake(path).as_bytes(), early].concat()).await;
        assert!(wire.head().await.starts_with("HTTP/1.1 101 "));
        wire
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        within("room in the socket", self.stream.write_all(bytes)).await.expect("the node reads");
    }

    /// The head of a response.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.byte().await);
        }
        String::from_utf8(head).expect("text")
    }

    /// The next frame: its first byte and what it carries.
    pub(crate) async fn frame(&mut self) -> (u8, Vec<u8>) {
        let first = self.byte().await;
        let length = match self.byte().await {
            126 => usize::from(u16::from_be_bytes([self.byte().await, self.byte().await])),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        within("a frame", self.stream.read_exact(&mut payload)).await.expect("a whole frame");
        (first, payload)
    }

    /// The code of the next frame, which is a Close frame.
    pub(crate) async fn close_code(&mut self) -> u16 {
        let (first, payload) = self.frame().await;
        assert_eq!(first, FIN | CLOSE, "not a Close frame: {payload:?}");
        u16::from_be_bytes([payload[0], payload[1]])
    }

    /// Waits for the end of the stream, before which nothing more comes.
    pub(crate) async fn ended(mut self) {
        let mut rest = Vec::new();
        within("the end of the stream", self.stream.read_to_end(&mut rest)).await.expect("a clean end");
        assert_eq!(rest, b"");
    }

    async fn byte(&mut self) -> u8 {
        within("a byte", self.stream.read_u8()).await.expect("the node writes")
    }
}

/// A frame as a client has to write it: masked.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [7, 77, 177, 250];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length @ 126..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The request for a websocket.
pub(crate) fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}
