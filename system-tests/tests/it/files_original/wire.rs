//! Requests byte for byte as the original makes them, over one connection.

use std::net::SocketAddr;

use serde_json::Value;
use system_tests::patience::{SOON, within};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection that is kept.
pub(super) struct Wire {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Wire {
    pub(super) async fn open(address: SocketAddr) -> Self {
        Self { stream: BufReader::new(TcpStream::connect(address).await.unwrap()), address }
    }

    /// Makes a request; the answer must be 200, say nothing of another place, and leave the connection open.
    pub(super) async fn ask(&mut self, method: &str, path: &str, body: &str) -> Value {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let answer = within("the answer", SOON, self.read()).await;
        let (head, body) = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert!(head.starts_with("http/1.1 200 "), "{method} {path}: {head}");
        for unwanted in ["\r\nlocation:", "\r\nconnection: close"] {
            assert!(!head.contains(unwanted), "{method} {path}: {head}");
        }
        serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    async fn read(&mut self) -> std::io::Result<(String, Vec<u8>)> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or_else(|| panic!("no length: {head}"))];
        self.stream.read_exact(&mut body).await?;
        Ok((head, body))
    }
}
