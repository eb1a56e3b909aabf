//! The messages of the chat service: conversations of two users, on every device of both.
//!
//! The messages of a conversation are numbered 1, 2, 3 …, and everyone sees them in that order. Each user has a log of what
//! changed for them. A [`Cursor`] is a place in that log: whoever hands one back gets what came since, or `reset` if the log
//! does not have it any more.
//!
//! - [`read`]: what clients ask for, as a [`Request`]
//! - [`Answer`]: what they are answered, and what is pushed to them
//! - [`Message`], [`Conversation`], [`Picture`]: what is in it
//! - [`Presence`]: whether a user is online

mod answer;
mod picture;
mod request;

pub use crate::sets::{BadCursor, Cursor};

pub use answer::{Answer, Change, Conversation, Message, Presence};
pub use picture::{Picture, PictureKind, Uploaded};
pub use request::{Around, Request, read};

/// The name of the service.
pub const SERVICE: &str = "chat";

/// Longest name of a user, bytes of UTF-8, as it is typed and as it is compared: it stands in Redis keys and topics.
pub const NAME_BYTES_MAX: usize = 64;
/// Longest name of a device, bytes.
pub const DEVICE_BYTES_MAX: usize = 64;
/// Longest token, bytes: far more than a signed name with a time needs.
pub const TOKEN_BYTES_MAX: usize = 4_096;
/// Longest text of a message, bytes of UTF-8: it stands in the conversation, in two logs, and on two home screens.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// Longest id that a client gives to a message, bytes: it is kept as long as the message.
pub const MESSAGE_ID_BYTES_MAX: usize = 64;
/// Messages in one page of history.
pub const HISTORY_MAX: usize = 200;
/// Messages in one page of history, if the client does not say how many.
pub const HISTORY_DEFAULT: usize = 50;
/// Changes in one page of what a device missed.
pub const SYNC_MAX: usize = 500;
/// Changes in one page of what a device missed, if the client does not say how many.
pub const SYNC_DEFAULT: usize = 100;
/// Conversations in one page of the home screen.
pub const HOME_MAX: usize = 200;
/// Conversations in one page of the home screen, if the client does not say how many.
pub const HOME_DEFAULT: usize = 50;
/// Changes that the log of a user keeps, or a few more: a device that missed more loads the home screen instead.
pub const CHAT_LOG_ENTRIES_MAX: usize = 1_000;
/// Users in one request to watch, or to watch no longer: as many as a screen shows, and far below
/// [`crate::limit::TOPICS_PER_CONNECTION_MAX`].
pub const WATCHED_MAX: usize = 100;

/// Where pictures are sent to, and read from.
pub const PICTURES_PATH: &str = "/chat/pictures";
/// Largest file of a picture, bytes: what a telephone's camera makes has 2 to 6 MiB.
pub const PICTURE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest edge of a picture, pixels.
pub const PICTURE_EDGE_MAX: u32 = 16_384;
/// Most pixels of a picture: with four bytes each they are 100 MB in the memory of whoever shows it.
pub const PICTURE_PIXELS_MAX: u64 = 25_000_000;
/// Most frames of a picture that moves.
pub const PICTURE_FRAMES_MAX: usize = 600;
/// Most pixels of all frames of a picture that moves: a browser decodes each of them, again and again.
pub const PICTURE_FRAMES_PIXELS_MAX: u64 = 300_000_000;
/// Longest name of a picture, bytes.
pub const PICTURE_ID_BYTES_MAX: usize = 128;
/// Longest edge of the small one that is made of each picture, pixels: twice what a page shows, for fine screens.
pub const THUMBNAIL_EDGE_MAX: u32 = 640;
