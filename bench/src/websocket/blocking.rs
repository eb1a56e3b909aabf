//! One websocket for a thread that may wait: to ask whether a deployment answers, and to receive large listings.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tungstenite::{Bytes, Message, WebSocket};

/// A websocket whose calls wait.
pub(crate) struct Blocking(WebSocket<TcpStream>);

impl Blocking {
    /// Connects. A `receive` that waits for longer than `patience` is an error.
    pub(crate) fn connect(address: SocketAddr, path: &str, patience: Duration) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        let (socket, _) = tungstenite::client(format!("ws://{address}{path}"), stream)
            .map_err(|error| anyhow::anyhow!("no websocket at {address}{path}: {error}"))?;
        Ok(Self(socket))
    }

    /// Sends a text.
    pub(crate) fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.0.send(Message::text(text))?)
    }

    /// Waits for the next text.
    pub(crate) fn receive(&mut self) -> Result<Bytes> {
        loop {
            match self.0.read().context("no message came")? {
                Message::Text(text) => return Ok(text.into()),
                Message::Close(frame) => anyhow::bail!("the websocket was closed: {frame:?}"),
                _ => {}
            }
        }
    }
}
