//! One client's websocket on a non-blocking socket.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::frame::{self, Frame, FrameReader};
use super::handshake;

/// How far a link has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The TCP connection is being made.
    Connecting,
    /// The upgrade has been asked for.
    Upgrading,
    /// Frames go both ways.
    Open,
    /// A Close frame has been sent.
    Closing,
    /// Over.
    Closed {
        /// With a Close frame from the other side.
        clean: bool,
    },
}

/// One client's websocket.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) stream: TcpStream,
    pub(crate) phase: Phase,
    /// The code of the Close frame that came, if one did.
    pub(crate) close_code: Option<u16>,
    reader: FrameReader,
    /// While upgrading, the response so far; it is empty for good afterwards.
    head: Vec<u8>,
    unsent: Vec<u8>,
}

impl Link {
    /// Begins to connect from `source`, an address of the loopback network, to `target`.
    pub(crate) fn connect(source: SocketAddr, target: SocketAddr, path: &str) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&source.into())?;
        match socket.connect(&target.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                return Err(error);
            }
            _ => {}
        }
        Ok(Self {
            stream: TcpStream::from_std(socket.into()),
            phase: Phase::Connecting,
            close_code: None,
            reader: FrameReader::default(),
            head: Vec::new(),
            unsent: handshake::request(target, path),
        })
    }

    /// Goes on when the socket may be written to.
    pub(crate) fn on_writable(&mut self) -> io::Result<()> {
        if self.phase == Phase::Connecting {
            if let Some(error) = self.stream.take_error()? {
                return Err(error);
            }
            self.phase = Phase::Upgrading;
        }
        self.flush()
    }

    /// Reads what is there through `buffer` and tells `found` of every text or binary frame. `all`: also look for the end
    /// of the stream. Without, a read that does not fill the buffer has emptied the socket, and the next arrival is told
    /// anew.
    pub(crate) fn on_readable(
        &mut self,
        buffer: &mut [u8],
        all: bool,
        mut found: impl FnMut(Frame<'_>),
    ) -> io::Result<()> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => {
                    self.phase = Phase::Closed { clean: self.close_code.is_some() };
                    return Ok(());
                }
                Ok(bytes) => {
                    self.take(&buffer[..bytes], &mut found)?;
                    if bytes < buffer.len() && !all {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a text frame.
    pub(crate) fn send_text(&mut self, payload: &[u8]) -> io::Result<()> {
        self.send(1, payload)
    }

    /// Begins the closing handshake; the server ends the connection.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.phase = Phase::Closing;
        self.send(8, &1000_u16.to_be_bytes())
    }

    fn take(&mut self, mut chunk: &[u8], found: &mut impl FnMut(Frame<'_>)) -> io::Result<()> {
        if self.phase == Phase::Upgrading {
            let known = self.head.len();
            self.head.extend_from_slice(chunk);
            let Some(head_bytes) = handshake::head_bytes(&self.head) else { return Ok(()) };
            if !handshake::is_accepted(&self.head) {
                let line = String::from_utf8_lossy(&self.head).lines().next().unwrap_or_default().to_owned();
                return Err(io::Error::other(format!("the upgrade was answered with {line:?}")));
            }
            chunk = &chunk[head_bytes - known..];
            self.head = Vec::new();
            self.phase = Phase::Open;
        }
        let mut pong = None;
        self.reader.feed(chunk, |frame| match frame.opcode {
            8 => {
                let code = frame.start.get(..2).map_or([3, 237], |code| [code[0], code[1]]);
                self.close_code = Some(u16::from_be_bytes(code));
            }
            9 => pong = Some(frame.start.to_vec()),
            1 | 2 => found(frame),
            _ => {}
        });
        if let Some(payload) = pong {
            self.send(10, &payload)?;
        }
        if self.close_code.is_some() && self.phase == Phase::Open {
            self.close()?;
        }
        Ok(())
    }

    fn send(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        frame::append_masked(&mut self.unsent, opcode, payload);
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(bytes) => drop(self.unsent.drain(..bytes)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
