//! The bytes below a link: TCP, TLS or a Unix socket.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::address::Transport;

/// Any of the three.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects. A host with many addresses is tried address by address.
pub(super) async fn connect(transport: &Transport) -> io::Result<Box<dyn Stream>> {
    Ok(match transport {
        Transport::Tcp(host, port) => Box::new(tcp(host, *port).await?),
        Transport::Tls(host, port, trust) => Box::new(trust.connect(host, tcp(host, *port).await?).await?),
        Transport::Unix(path) => Box::new(UnixStream::connect(path).await?),
    })
}

/// Without TCP_NODELAY, which redis-rs leaves off, a command waits up to 40 ms for the answer to the one before.
async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
