//! A websocket with small buffers, of which one machine can hold many thousands.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::Failure;
use super::target::{Source, Stream, Target};
use crate::wire::Request;

/// What is read at once, bytes: a delta is some hundred.
const READ_BUFFER_BYTES: usize = 1_024;

/// Largest message, bytes: what a node passes on at most.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long the upgrade may take.
const UPGRADE_MAX: Duration = Duration::from_secs(20);

/// How long sending may take while the other side does not read.
const SEND_MAX: Duration = Duration::from_secs(20);

/// Where the service is, at a node.
const PATH: &str = "/ws/sets";

/// A websocket.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<Stream>,
}

/// Why a websocket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How long the other side asked to wait before coming back.
    pub retry: Option<Duration>,
    /// In words.
    pub why: String,
}

impl Socket {
    /// Opens a websocket.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] or [`Failure::Lost`]: it can be tried again.
    pub async fn open(target: &Target, source: &Source) -> Result<Self, Failure> {
        let stream = target.connect(source).await.map_err(|error| Failure::Lost(error.to_string()))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let upgrade = client_async_with_config(target.websocket(PATH), stream, Some(config));
        match timeout(UPGRADE_MAX, Box::pin(upgrade)).await {
            Ok(Ok((stream, _))) => Ok(Self { stream }),
            Ok(Err(tungstenite::Error::Http(response))) => {
                Err(Failure::Unavailable(format!("the upgrade was answered with {}", response.status())))
            }
            Ok(Err(error)) => Err(Failure::Lost(error.to_string())),
            Err(_) => Err(Failure::Lost("the upgrade took too long".to_owned())),
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The websocket has ended.
    pub async fn send(&mut self, request: &Request<'_>) -> Result<(), Ended> {
        let text = serde_json::to_string(request).map_err(|error| Ended::because(error.to_string()))?;
        self.put(Message::text(text)).await
    }

    async fn put(&mut self, message: Message) -> Result<(), Ended> {
        match timeout(SEND_MAX, self.stream.send(message)).await {
            Ok(sent) => sent.map_err(|error| Ended::because(error.to_string())),
            Err(_) => Err(Ended::because("the other side reads nothing".to_owned())),
        }
    }

    /// The next message; `None` is a sign of life that says nothing. Loses nothing when it is given up halfway.
    ///
    /// # Errors
    /// The websocket has ended.
    pub async fn next(&mut self) -> Result<Option<Utf8Bytes>, Ended> {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => Ok(Some(text)),
            Some(Ok(Message::Close(frame))) => Err(Ended::by(frame.as_ref())),
            Some(Ok(Message::Binary(_))) => Err(Ended::because("a binary message came".to_owned())),
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Err(Ended::because(error.to_string())),
            None => Err(Ended::because("the stream ended".to_owned())),
        }
    }
}

impl Ended {
    fn because(why: String) -> Self {
        Self { retry: None, why }
    }

    fn by(frame: Option<&tungstenite::protocol::CloseFrame>) -> Self {
        #[derive(Deserialize)]
        struct Reason {
            retry_ms: u64,
        }
        let Some(frame) = frame else { return Self::because("closed".to_owned()) };
        let retry = serde_json::from_str::<Reason>(&frame.reason).ok();
        Self {
            retry: retry.map(|reason| Duration::from_millis(reason.retry_ms)),
            why: format!("closed with {} {}", u16::from(frame.code), frame.reason),
        }
    }
}
