//! A websocket client.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{TestNode, within};

pub(crate) struct Client {
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub(crate) async fn connect(node: &TestNode, path: &str) -> Self {
        Self::try_connect(node, path).await.expect("the node accepts")
    }

    /// Connects, or tells the status of the refusal.
    pub(crate) async fn try_connect(node: &TestNode, path: &str) -> Result<Self, u16> {
        let stream =
            within("a connection", TcpStream::connect(node.address)).await.expect("the node listens");
        Self::upgrade(stream, node, path).await
    }

    /// Connects with small buffers, so that little is under way while nobody reads.
    pub(crate) async fn small(node: &TestNode, path: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a size");
        let stream = within("a connection", socket.connect(node.address)).await.expect("the node listens");
        Self::upgrade(stream, node, path).await.expect("the node accepts")
    }

    async fn upgrade(stream: TcpStream, node: &TestNode, path: &str) -> Result<Self, u16> {
        stream.set_nodelay(true).expect("an option");
        let url = format!("ws://{}{path}", node.address);
        let large = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        let upgrade = tokio_tungstenite::client_async_with_config(url, stream, Some(large));
        match within("a handshake", upgrade).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.send_message(Message::text(message.to_string())).await;
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        within("room in the socket", self.socket.send(message)).await.expect("the node reads");
    }

    /// Hands messages to the system in one piece.
    pub(crate) async fn send_together(&mut self, messages: impl IntoIterator<Item = Value>) {
        for message in messages {
            self.socket.feed(Message::text(message.to_string())).await.expect("the node reads");
        }
        within("room in the socket", self.socket.flush()).await.expect("the node reads");
    }

    /// The next text, as it came.
    pub(crate) async fn next_text(&mut self) -> String {
        match self.next_besides_pings().await {
            Message::Text(text) => text.to_string(),
            other => panic!("not a text: {other:?}"),
        }
    }

    /// The next text, which is JSON.
    pub(crate) async fn next(&mut self) -> Value {
        let text = self.next_text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The code of the next text, which is an error, and its id.
    pub(crate) async fn next_error(&mut self) -> (String, Option<Value>) {
        let text = self.next().await;
        let code = text["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {text}"));
        assert!(text["error"]["message"].is_string(), "it says more to people");
        (code.to_owned(), text.get("id").cloned())
    }

    /// Waits for the Close frame, which comes next, and for a clean end of the connection.
    pub(crate) async fn closed(mut self) -> (u16, String) {
        let close = self.close_frame().await;
        within("the end of the connection", async {
            while let Some(message) = self.socket.next().await {
                message.expect("a clean end");
            }
        })
        .await;
        close
    }

    /// Waits for the Close frame, which comes next.
    pub(crate) async fn close_frame(&mut self) -> (u16, String) {
        match self.next_besides_pings().await {
            Message::Close(Some(CloseFrame { code, reason })) => (code.into(), reason.to_string()),
            other => panic!("not a Close frame: {other:?}"),
        }
    }

    /// Begins to close.
    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
        self.send_message(Message::Close(Some(frame))).await;
    }

    async fn next_besides_pings(&mut self) -> Message {
        within("a message", async {
            loop {
                let message = self.socket.next().await.expect("the connection is open");
                let message = message.expect("a clean connection");
                if !matches!(message, Message::Ping(_) | Message::Pong(_)) {
                    return message;
                }
            }
        })
        .await
    }
}
