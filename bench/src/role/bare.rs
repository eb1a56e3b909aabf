//! The limit of fan-out and of accepting: one thread that answers every upgrade with a canned response, and on order writes
//! a message to one socket after the other, one write a message, as fast as it can.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::time::Duration;

use anyhow::Result;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Protocol, Socket, Type};

use super::stdin;
use crate::clock;
use crate::order::{Listening, Send, Sent};
use crate::stamp::Stamp;
use crate::websocket::{frame, handshake};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;
const LISTENER: Token = Token(usize::MAX - 1);

/// A listening socket whose accepted ones have TCP_NODELAY on.
pub(super) fn listener(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Tells the conductor where a server listens.
pub(super) fn tell_port(listener: &std::net::TcpListener) -> Result<()> {
    stdin::answer(&Listening { port: listener.local_addr()?.port() })
}

/// Serves until it is ended.
pub(super) fn play() -> Result<()> {
    let listener = listener(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    tell_port(&listener)?;
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::from_std(listener);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    stdin::register(&poll)?;
    let mut bare = Bare { sockets: Vec::new(), free: Vec::new(), response: handshake::canned_response() };
    let mut events = Events::with_capacity(1024);
    loop {
        match poll.poll(&mut events, None::<Duration>) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            match event.token() {
                stdin::ORDERS => stdin::answer(&bare.send(stdin::read()?)?)?,
                LISTENER => bare.accept(&listener, &poll)?,
                Token(index) => bare.read(index),
            }
        }
    }
}

struct Bare {
    sockets: Vec<Option<TcpStream>>,
    free: Vec<usize>,
    response: Vec<u8>,
}

impl Bare {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> Result<()> {
        loop {
            match listener.accept() {
                Ok((mut socket, _)) => {
                    let index = self.free.pop().unwrap_or_else(|| {
                        self.sockets.push(None);
                        self.sockets.len() - 1
                    });
                    poll.registry().register(&mut socket, Token(index), Interest::READABLE)?;
                    self.sockets[index] = Some(socket);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Answers the request to upgrade and the Close frame; nothing else is ever sent to it that needs an answer.
    fn read(&mut self, index: usize) {
        let Some(socket) = self.sockets.get_mut(index).and_then(Option::as_mut) else { return };
        let mut buffer = [0; 2048];
        let answered = match socket.read(&mut buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(bytes) if buffer[..bytes].ends_with(b"\r\n\r\n") => socket.write_all(&self.response),
            Ok(_) if buffer[0] & 0x0f == 8 => {
                let mut close = Vec::new();
                frame::append(&mut close, 8, &1000_u16.to_be_bytes());
                socket.write_all(&close).and(Err(ErrorKind::ConnectionReset.into()))
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        };
        if answered.is_err() {
            self.sockets[index] = None;
            self.free.push(index);
        }
    }

    fn send(&mut self, Send { first, count }: Send) -> Result<Sent> {
        let mut waits = 0;
        let mut sockets: Vec<_> = self.sockets.iter_mut().flatten().collect();
        let mut message = Vec::new();
        for seq in first..first + count {
            let at_ns = clock::now_ns();
            message.clear();
            frame::append(&mut message, 1, &Stamp { seq, due_ns: at_ns, at_ns }.message());
            for socket in &mut sockets {
                waits += write_whole(socket, &message)?;
            }
        }
        Ok(Sent { sockets: sockets.len(), waits })
    }
}

/// Writes `message`, in one write if the socket takes it; counts how often it had to wait.
fn write_whole(socket: &mut TcpStream, mut message: &[u8]) -> io::Result<u64> {
    let mut waits = 0;
    while !message.is_empty() {
        match socket.write(message) {
            Ok(bytes) => message = &message[bytes..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                waits += 1;
                rustix::event::poll(&mut [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(waits)
}
