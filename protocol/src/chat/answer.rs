//! What clients are answered, and what is pushed to them.

use serde::{Deserialize, Serialize};

use super::{Cursor, Picture};

/// A message to a client of `/ws/chat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer {
    /// The answer to a `login`: from now on each push comes.
    LoggedIn {
        /// The name, as names are compared.
        user: String,
        /// The name as it was typed.
        name: String,
        /// Where the user's log stood then.
        cursor: Cursor,
        /// The server's time, milliseconds since 1970.
        server_ms: u64,
    },
    /// The answer to a `send`: the message is stored.
    Sent {
        /// To whom.
        with: String,
        /// To whom, for people.
        with_name: String,
        /// The client's id of the message.
        message_id: String,
        /// Its number in the conversation.
        seq: u64,
        /// When it was stored, milliseconds since 1970.
        sent_ms: u64,
    },
    /// The answer to a `history`.
    History {
        /// Of the conversation with whom.
        with: String,
        /// In order.
        messages: Vec<Message>,
        /// There is more in the direction that was asked for.
        more: bool,
    },
    /// The answer to a `sync`: what came since.
    Changes {
        /// In order, without their cursors.
        changes: Vec<Change>,
        /// The place in the log behind them.
        cursor: Cursor,
        /// There is more behind it.
        more: bool,
    },
    /// The answer to a `sync` from a place that the log does not have.
    Reset {
        /// Where the log stands.
        cursor: Cursor,
    },
    /// The answer to a `home`.
    Home {
        /// The conversations.
        conversations: Vec<Conversation>,
        /// The place in the log up to which this is all, or all of this page.
        cursor: Cursor,
        /// There are more.
        more: bool,
        /// Of a page of all conversations: what to ask for to get the next one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
        /// The cursor that was given is of another time: these are all conversations, not only what changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reset: Option<bool>,
    },
    /// The answer to a `read`.
    Marked {
        /// The conversation with whom.
        with: String,
        /// The number up to which the user has read.
        read: u64,
    },
    /// The answer to a `received`, an `unwatch` or a `typing`.
    Ok {},
    /// The answer to a `watch`: those of them that the user has a conversation with. Also a push: one of them came or went.
    Presence {
        /// Who is online and who is not.
        users: Vec<Presence>,
    },
    /// A push: the other side types a message to this user. It is nowhere stored.
    Typing {
        /// Who.
        from: String,
        /// Who, for people.
        from_name: String,
    },
    /// A push: the node may have missed pushes. Whoever is not at this cursor asks for what came since their own.
    Gap {
        /// Where the log stands.
        cursor: Cursor,
    },
    /// A push: what was added to the user's log.
    #[serde(untagged)]
    Change(Change),
}

/// An entry in the log of a user. A push has both cursors, an entry in a page of changes none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Change {
    /// A message to the user or by the user.
    Message {
        /// The conversation with whom.
        with: String,
        /// With whom, for people.
        with_name: String,
        /// The message.
        message: Message,
        /// How many messages of the other side the user had not read then, this one among them.
        unread: u64,
        /// The place in the log before it. Whoever is not there has missed something.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prev: Option<Cursor>,
        /// The place in the log behind it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<Cursor>,
    },
    /// The user has read, on some device.
    Read {
        /// The conversation with whom.
        with: String,
        /// The number up to which the user has read.
        read: u64,
        /// How many messages of the other side the user had not read then.
        unread: u64,
        /// The place in the log before it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prev: Option<Cursor>,
        /// The place in the log behind it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<Cursor>,
    },
    /// Some device of the other side has received.
    Delivered {
        /// The conversation with whom.
        with: String,
        /// The number up to which the other side has received.
        delivered: u64,
        /// The place in the log before it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prev: Option<Cursor>,
        /// The place in the log behind it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<Cursor>,
    },
    /// The other side has read, and so has received.
    Receipt {
        /// The conversation with whom.
        with: String,
        /// The number up to which the other side has read.
        read: u64,
        /// The place in the log before it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prev: Option<Cursor>,
        /// The place in the log behind it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<Cursor>,
    },
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its number in the conversation: 1, 2, 3 …
    pub seq: u64,
    /// Who wrote it.
    pub from: String,
    /// Who wrote it, for people.
    pub from_name: String,
    /// The text: empty only beside a picture.
    pub text: String,
    /// The id that its client gave it.
    pub message_id: String,
    /// The picture that it carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    /// When it was stored, milliseconds since 1970.
    pub sent_ms: u64,
}

/// A conversation on the home screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// With whom.
    pub with: String,
    /// With whom, for people.
    pub with_name: String,
    /// The newest message.
    pub last: Message,
    /// How many messages of the other side the user has not read.
    pub unread: u64,
    /// The number up to which the user has read; 0 if nothing.
    pub read: u64,
    /// The number up to which the other side has read; 0 if nothing.
    pub receipt: u64,
    /// The number up to which some device of the other side has received: never below `receipt`.
    pub delivered: u64,
}

/// Whether a user is online.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Who, as names are compared.
    pub user: String,
    /// Some device is connected, or was a moment ago.
    pub online: bool,
    /// Of two that are told of one user the higher one is newer.
    pub version: u64,
}
