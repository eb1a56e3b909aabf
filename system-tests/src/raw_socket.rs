//! A websocket client that breaks rules: it sends any bytes, and reads only when it is told to.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use crate::patience::{SOON, within};

/// What a slow reader's system keeps for it, bytes: little, so that what is not read stays with the sender.
const RECEIVE_BUFFER_BYTES: u32 = 16 * 1024;

/// Codes of frames (RFC 6455, section 5.2).
pub mod opcode {
    /// More of the message before.
    pub const CONTINUATION: u8 = 0;
    /// A text message.
    pub const TEXT: u8 = 1;
    /// A binary message.
    pub const BINARY: u8 = 2;
    /// The end.
    pub const CLOSE: u8 = 8;
    /// A sign of life is asked for.
    pub const PING: u8 = 9;
    /// A sign of life.
    pub const PONG: u8 = 10;
}

/// A websocket whose frames are made and read by hand.
#[derive(Debug)]
pub struct RawSocket {
    stream: BufReader<TcpStream>,
}

/// A frame as it was received.
#[derive(Debug)]
pub struct Frame {
    /// One of [`opcode`].
    pub opcode: u8,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code of a Close frame.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        match (self.opcode, self.payload.as_slice()) {
            (opcode::CLOSE, [high, low, ..]) => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// The text of a text frame.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        (self.opcode == opcode::TEXT).then(|| std::str::from_utf8(&self.payload).expect("texts are UTF-8"))
    }
}

impl RawSocket {
    /// Opens a websocket.
    pub async fn open(address: SocketAddr, path: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).expect("a buffer can be sized");
        let mut stream =
            BufReader::new(socket.connect(address).await.expect("the node accepts a connection"));
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("the node listens");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within("the upgrade", SOON, stream.read_u8()).await.expect("the node answers"));
        }
        let head = String::from_utf8(head).expect("heads are text");
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        // The example of RFC 6455, section 1.3.
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        Self { stream }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the node has hung up.
    pub async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends bytes while reading, until `answers` text frames came back. Returns how many came before the node hung up.
    pub async fn flood(&mut self, bytes: &[u8], answers: usize) -> usize {
        let (mut incoming, mut outgoing) = tokio::io::split(&mut self.stream);
        let read = async {
            let mut came = 0;
            while came < answers {
                match within("the next frame", SOON, read_frame(&mut incoming)).await {
                    Ok(frame) if frame.opcode == opcode::TEXT => came += 1,
                    Ok(frame) if frame.opcode == opcode::CLOSE => break,
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
            came
        };
        let (came, _) = futures_util::future::join(read, outgoing.write_all(bytes)).await;
        came
    }

    /// Receives the next frame, or nothing when the node has hung up.
    pub async fn read(&mut self) -> Option<Frame> {
        within("the next frame", SOON, read_frame(&mut self.stream)).await.ok()
    }

    /// Reads on to the Close frame and returns its code; nothing if the node hung up without one.
    pub async fn read_to_close(&mut self) -> Option<u16> {
        while let Some(frame) = self.read().await {
            if frame.opcode == opcode::CLOSE {
                return frame.close_code();
            }
        }
        None
    }

    /// Whether the node has taken, and answered, all that was sent: it answers a ping.
    pub async fn is_open(&mut self) -> bool {
        if self.write(&frame(true, opcode::PING, b"fence")).await.is_err() {
            return false;
        }
        while let Some(frame) = self.read().await {
            match frame.opcode {
                opcode::PONG => return true,
                opcode::CLOSE => return false,
                _ => {}
            }
        }
        false
    }
}

async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Frame> {
    let opcode = stream.read_u8().await? & 0x0f;
    let length = match stream.read_u8().await? {
        126 => u64::from(stream.read_u16().await?),
        127 => stream.read_u64().await?,
        short => u64::from(short),
    };
    let mut payload = vec![0; usize::try_from(length).expect("frames fit into memory")];
    stream.read_exact(&mut payload).await?;
    Ok(Frame { opcode, payload })
}

/// A frame as a client must send it: masked, with a mask that changes nothing.
#[must_use]
pub fn frame(is_last: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASKED: u8 = 0x80;
    let mut frame = vec![u8::from(is_last) << 7 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..126), _) => frame.push(MASKED | short),
        (_, Ok(medium)) => {
            frame.push(MASKED | 126);
            frame.extend(medium.to_be_bytes());
        }
        _ => {
            frame.push(MASKED | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// A text message in one frame.
#[must_use]
pub fn text(text: &str) -> Vec<u8> {
    frame(true, opcode::TEXT, text.as_bytes())
}
