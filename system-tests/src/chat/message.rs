//! What is said in conversations, as it is on the wire.

use serde::Deserialize;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// Its number in its conversation.
    pub seq: u64,
    /// Who wrote it, as names are compared.
    pub from: String,
    /// The same, as it was typed.
    pub from_name: String,
    /// What it says.
    pub text: String,
    /// The writer's own name of it.
    pub message_id: String,
    /// When it was stored, milliseconds since 1970.
    pub sent_ms: u64,
}

/// What one user has of one conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Talk {
    /// In the order in which they came.
    pub messages: Vec<Message>,
    /// Messages of the other side that the user has not read.
    pub unread: u64,
    /// Up to which message the user has read.
    pub read: u64,
    /// Up to which message the other side has read.
    pub receipt: u64,
    /// Up to which message the other side has received on some device.
    pub delivered: u64,
}

/// A line of the home screen.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Summary {
    /// The other side, as names are compared.
    pub with: String,
    /// The same, for showing.
    pub with_name: String,
    /// The newest message.
    pub last: Message,
    /// As in [`Talk`].
    pub unread: u64,
    /// As in [`Talk`].
    pub read: u64,
    /// As in [`Talk`].
    pub receipt: u64,
    /// As in [`Talk`].
    pub delivered: u64,
}

/// A message that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Who wrote it, as names are compared.
    pub from: String,
    /// To whom, as names are compared.
    pub with: String,
    /// The writer's own name of it.
    pub message_id: String,
    /// What it says.
    pub text: String,
    /// The number that it got.
    pub seq: u64,
    /// When it was stored, milliseconds since 1970.
    pub sent_ms: u64,
}
