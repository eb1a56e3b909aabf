//! Why a connection is closed: the codes that a client sees, and whether it should come back.

use serde::{Deserialize, Serialize};

/// A Close frame: code and reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire")]
pub struct Close {
    /// One of this module's codes, or a service's own from 4100 to 4999.
    pub code: u16,
    /// At most 123 bytes, as RFC 6455 section 5.5.1 has it; the rest is cut off.
    pub reason: String,
}

/// All is done.
pub const NORMAL: u16 = 1000;
/// The client broke the websocket protocol (RFC 6455).
pub const PROTOCOL: u16 = 1002;
/// The client sent a binary frame: messages are text.
pub const UNSUPPORTED: u16 = 1003;
/// The client sent a text that is not UTF-8.
pub const NOT_UTF8: u16 = 1007;
/// The client sent a message over [`crate::limit::MESSAGE_BYTES_MAX`].
pub const TOO_LARGE: u16 = 1009;
/// The service went over one of its own bounds, like the size of a session; the server's log says more.
pub const INTERNAL: u16 = 1011;
/// The node restarts: come back, no sooner than the reason's `{"retry_ms":…}` says.
pub const RESTART: u16 = 1012;
/// Nothing was heard for [`crate::limit::IDLE_TIMEOUT_MS`]: come back if still there.
pub const IDLE: u16 = 4000;
/// The client read too slowly, so its outbox overflowed: come back and fetch what was missed.
pub const SLOW: u16 = 4008;
/// First code of a service's own after which a client may come back.
pub const SERVICE_RETRY_MIN: u16 = 4100;
/// First code of a service's own after which a client must not come back by itself.
pub const SERVICE_STOP_MIN: u16 = 4500;

/// Longest reason, bytes: a control frame holds 125, two of which are the code.
pub const REASON_BYTES_MAX: usize = 123;

impl Close {
    /// A Close frame whose reason fits.
    #[must_use]
    pub fn new(code: u16, reason: &str) -> Self {
        let mut end = reason.len().min(REASON_BYTES_MAX);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self { code, reason: reason[..end].to_owned() }
    }

    /// The node restarts; the client should wait `retry_ms` so that not all come back at once.
    #[must_use]
    pub fn restart(retry_ms: u64) -> Self {
        Self { code: RESTART, reason: format!("{{\"retry_ms\":{retry_ms}}}") }
    }
}

#[derive(Deserialize)]
struct Wire {
    code: u16,
    #[serde(default)]
    reason: String,
}

impl TryFrom<Wire> for Close {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        match wire.code {
            // What RFC 6455 section 7.4 allows in a Close frame. The others would break the connection instead.
            1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Self::new(wire.code, &wire.reason)),
            _ => Err("a close code is 1000 to 1003, 1007 to 1014, or 3000 to 4999"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_characters() {
        let close = Close::new(NORMAL, &"é".repeat(100));
        assert_eq!(close.reason.len(), 122);
    }
}
