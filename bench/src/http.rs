//! HTTP/1.1 as plain as it can be, for a client that must cost little beside what it measures: one connection, one request
//! after the other.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;
use socket2::{Domain, Protocol, Socket, Type};

use crate::clock;

/// What one read takes at most, bytes.
const READ_BYTES: usize = 256 * 1024;

/// After how long without a request there is a new connection for the next one, nanoseconds: a node closes those that wait
/// for longer than ten seconds.
const IDLE_NS: u64 = 5_000_000_000;

/// A connection that is kept.
pub(crate) struct Http {
    stream: TcpStream,
    source: Ipv4Addr,
    address: SocketAddr,
    patience: Duration,
    used_ns: u64,
    host: String,
    buffer: Vec<u8>,
}

/// What a request is answered with.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Http {
    /// Connects. To wait for an answer for longer than `patience` is an error.
    pub(crate) fn connect(address: SocketAddr, patience: Duration) -> Result<Self> {
        Self::from(Ipv4Addr::UNSPECIFIED, address, patience)
    }

    /// The same, from this address of the loopback network.
    pub(crate) fn from(source: Ipv4Addr, address: SocketAddr, patience: Duration) -> Result<Self> {
        let (stream, used_ns) = (open(source, address, patience)?, clock::now_ns());
        let (host, buffer) = (address.to_string(), vec![0; READ_BYTES]);
        Ok(Self { stream, source, address, patience, used_ns, host, buffer })
    }

    /// Asks for what is at `target`.
    pub(crate) fn get(&mut self, target: &str) -> Result<Response> {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host))
    }

    /// The same, unless it is still what has this tag.
    pub(crate) fn get_unless(&mut self, target: &str, tag: &str) -> Result<Response> {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: {}\r\nIf-None-Match: {tag}\r\n\r\n", self.host))
    }

    /// Sends JSON, like `POST /sets`.
    pub(crate) fn send(&mut self, request: &str, json: &str) -> Result<Response> {
        self.send_bytes(request, "application/json", json.as_bytes())
    }

    /// Sends a body of this media type.
    pub(crate) fn send_bytes(&mut self, request: &str, media_type: &str, body: &[u8]) -> Result<Response> {
        let (host, length) = (&self.host, body.len());
        let of_body = format!("Content-Type: {media_type}\r\nContent-Length: {length}");
        let head = format!("{request} HTTP/1.1\r\nHost: {host}\r\n{of_body}\r\n\r\n");
        self.ask_bytes(&[head.as_bytes(), body].concat())
    }

    fn ask(&mut self, request: &str) -> Result<Response> {
        self.ask_bytes(request.as_bytes())
    }

    fn ask_bytes(&mut self, request: &[u8]) -> Result<Response> {
        if clock::now_ns() > self.used_ns + IDLE_NS {
            self.stream = open(self.source, self.address, self.patience)?;
        }
        self.stream.write_all(request)?;
        let mut received = Vec::new();
        let head_bytes = loop {
            self.receive(&mut received)?;
            if let Some(end) = memmem::find(&received, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let mut body = received.split_off(head_bytes);
        let head = String::from_utf8_lossy(&received).into_owned();
        let status = head.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
        let mut response = Response { status, head, body: Vec::new() };
        let length = response.header("content-length").and_then(|length| length.parse().ok());
        let length: usize = if status == 304 { 0 } else { length.context("an answer without a length")? };
        body.reserve(length.saturating_sub(body.len()));
        while body.len() < length {
            self.receive(&mut body)?;
        }
        response.body = body;
        self.used_ns = clock::now_ns();
        Ok(response)
    }

    fn receive(&mut self, to: &mut Vec<u8>) -> Result<()> {
        let bytes = self.stream.read(&mut self.buffer).context("no answer came")?;
        ensure!(bytes > 0, "the connection was closed before the answer");
        to.extend_from_slice(&self.buffer[..bytes]);
        Ok(())
    }
}

fn open(source: Ipv4Addr, address: SocketAddr, patience: Duration) -> Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    socket.connect(&address.into())?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(patience))?;
    Ok(stream)
}

impl Response {
    /// The value of a header, if it is there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Itself, if the status is as it should be.
    pub(crate) fn with_status(self, status: u16) -> Result<Self> {
        let body = &self.body[..self.body.len().min(200)];
        ensure!(self.status == status, "answered with {}: {}", self.status, String::from_utf8_lossy(body));
        Ok(self)
    }
}
