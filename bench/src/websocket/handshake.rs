//! The opening handshake with a fixed key, so that the one right answer to it is fixed as well.

use std::net::SocketAddr;

use memchr::memmem;

/// The example key of RFC 6455, section 1.3, and the accept value that belongs to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What a client sends.
pub(crate) fn request(address: SocketAddr, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// What a server answers that does not even look at the request.
pub(crate) fn canned_response() -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    )
    .into_bytes()
}

/// Where the head of a message ends, if it does.
pub(crate) fn head_bytes(received: &[u8]) -> Option<usize> {
    memmem::find(received, b"\r\n\r\n").map(|end| end + 4)
}

/// Whether a response opens the websocket.
pub(crate) fn is_accepted(head: &[u8]) -> bool {
    head.starts_with(b"HTTP/1.1 101 ") && memmem::find(head, ACCEPT.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_value_belongs_to_the_key() {
        assert_eq!(tungstenite::handshake::derive_accept_key(KEY.as_bytes()), ACCEPT);
        let response = canned_response();
        assert_eq!(head_bytes(&response), Some(response.len()));
        assert!(is_accepted(&response));
    }
}
