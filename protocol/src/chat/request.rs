//! Reads what a client of the chat service asks for, or says what is wrong with it.

mod member;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::member::{bad, checked_id, limit, number, optional, shown, text, user, users};
use super::{
    Cursor, DEVICE_BYTES_MAX, HISTORY_DEFAULT, HISTORY_MAX, HOME_DEFAULT, HOME_MAX, MESSAGE_ID_BYTES_MAX,
    PICTURE_ID_BYTES_MAX, SYNC_DEFAULT, SYNC_MAX, TEXT_BYTES_MAX, TOKEN_BYTES_MAX,
};
use crate::body::{self, Json};
use crate::error::RequestError;

/// What a client of `/ws/chat` asks for. Names are as they were typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// To be this user from now on.
    Login {
        /// Who.
        username: String,
        /// On which device: for people who read the log.
        device: Option<String>,
        /// The proof, if the service wants one.
        token: Option<String>,
    },
    /// To send a message.
    Send {
        /// To whom.
        to: String,
        /// What: at most [`TEXT_BYTES_MAX`], empty only beside a picture.
        text: String,
        /// The client's own id of it: a retry with the same one is stored once.
        message_id: String,
        /// The picture that it carries: the id that its upload was answered with.
        picture: Option<String>,
    },
    /// For a page of a conversation.
    History {
        /// With whom.
        with: String,
        /// Which page.
        around: Around,
        /// How many messages.
        limit: usize,
    },
    /// For what this device missed.
    Sync {
        /// Where it stands; none if nowhere.
        since: Option<Cursor>,
        /// How many changes.
        limit: usize,
    },
    /// For the conversations.
    Home {
        /// Only those that changed since.
        since: Option<Cursor>,
        /// Of all: those behind this place, which the page before has named.
        before: Option<u64>,
        /// How many.
        limit: usize,
    },
    /// To have read up to a message.
    Read {
        /// The conversation with whom.
        with: String,
        /// The number of the message.
        seq: u64,
    },
    /// To have received up to a message, on this device.
    Received {
        /// The conversation with whom.
        with: String,
        /// The number of the message.
        seq: u64,
    },
    /// To be told who of these is online, now and whenever that changes.
    Watch {
        /// Who: one to [`WATCHED_MAX`](super::WATCHED_MAX).
        users: Vec<String>,
    },
    /// To be told no longer.
    Unwatch {
        /// Who: one to [`WATCHED_MAX`](super::WATCHED_MAX).
        users: Vec<String>,
    },
    /// To show the other side that a message is being typed.
    Typing {
        /// To whom.
        to: String,
    },
}

/// Which page of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Around {
    /// The newest messages.
    Newest,
    /// The newest below this number.
    Before(u64),
    /// The oldest above this number.
    After(u64),
}

/// Members stay text until each is looked at, so that an error can show what stood there.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    username: Option<&'a RawValue>,
    #[serde(borrow)]
    device: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    to: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    message_id: Option<&'a RawValue>,
    #[serde(borrow)]
    picture: Option<&'a RawValue>,
    #[serde(borrow)]
    with: Option<&'a RawValue>,
    #[serde(borrow)]
    before: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<&'a RawValue>,
    #[serde(borrow)]
    since: Option<&'a RawValue>,
    #[serde(borrow)]
    limit: Option<&'a RawValue>,
    #[serde(borrow)]
    seq: Option<&'a RawValue>,
    #[serde(borrow)]
    users: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "body::present")]
    id: Option<&'a RawValue>,
}

/// The types of requests, for people.
const TYPES: &str =
    r#""login", "send", "history", "sync", "home", "read", "received", "watch", "unwatch" or "typing""#;

/// Reads a message of a client: what it asks for, and the `id` under which it is to be answered.
///
/// # Errors
/// The first part is `bad_request`, or `too_large`, with what is wrong about the message.
pub fn read(message: &Json) -> (Result<Request, RequestError>, Option<Json>) {
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(message.get()) else {
        let words = "a request is one JSON object in which each member stands at most once";
        return (Err(bad(words)), body::request_id(message));
    };
    match checked_id(envelope.id) {
        Ok(()) => (request(&envelope), envelope.id.map(ToOwned::to_owned)),
        Err(error) => (Err(error), None),
    }
}

fn request(envelope: &Envelope<'_>) -> Result<Request, RequestError> {
    let kind = envelope.kind.ok_or_else(|| bad(format!("type is missing: it is {TYPES}")))?;
    Ok(match kind.get() {
        r#""login""# => Request::Login {
            username: user("username", envelope.username)?,
            device: optional("device", envelope.device, DEVICE_BYTES_MAX)?,
            token: optional("token", envelope.token, TOKEN_BYTES_MAX)?,
        },
        r#""send""# => Request::Send {
            to: user("to", envelope.to)?,
            text: text_of(envelope)?,
            message_id: text("message_id", envelope.message_id, MESSAGE_ID_BYTES_MAX)?,
            picture: optional("picture", envelope.picture, PICTURE_ID_BYTES_MAX)?,
        },
        r#""history""# => Request::History {
            with: user("with", envelope.with)?,
            around: around(envelope)?,
            limit: limit(envelope.limit, HISTORY_DEFAULT, HISTORY_MAX)?,
        },
        r#""sync""# => Request::Sync {
            since: cursor(envelope.since)?,
            limit: limit(envelope.limit, SYNC_DEFAULT, SYNC_MAX)?,
        },
        r#""home""# => home(envelope)?,
        r#""read""# => {
            Request::Read { with: user("with", envelope.with)?, seq: number("seq", envelope.seq)? }
        }
        r#""received""# => {
            Request::Received { with: user("with", envelope.with)?, seq: number("seq", envelope.seq)? }
        }
        r#""watch""# => Request::Watch { users: users(envelope.users)? },
        r#""unwatch""# => Request::Unwatch { users: users(envelope.users)? },
        r#""typing""# => Request::Typing { to: user("to", envelope.to)? },
        other => return Err(bad(format!("type must be {TYPES}, not {}", shown(other)))),
    })
}

/// A picture may stand for itself.
fn text_of(envelope: &Envelope<'_>) -> Result<String, RequestError> {
    match envelope.text.map(RawValue::get) {
        None | Some(r#""""#) if envelope.picture.is_some() => Ok(String::new()),
        _ => text("text", envelope.text, TEXT_BYTES_MAX),
    }
}

fn around(envelope: &Envelope<'_>) -> Result<Around, RequestError> {
    match (envelope.before, envelope.after) {
        (None, None) => Ok(Around::Newest),
        (before @ Some(_), None) => number("before", before).map(Around::Before),
        (None, after @ Some(_)) => number("after", after).map(Around::After),
        (Some(_), Some(_)) => Err(bad("give before or after, not both")),
    }
}

fn home(envelope: &Envelope<'_>) -> Result<Request, RequestError> {
    let since = cursor(envelope.since)?;
    let place = optional("before", envelope.before, MESSAGE_ID_BYTES_MAX)?;
    if since.is_some() && place.is_some() {
        return Err(bad("give since or before, not both"));
    }
    let digits = |place: String| {
        let is_plain = place.bytes().all(|byte| byte.is_ascii_digit());
        place.parse().ok().filter(|_| is_plain).ok_or_else(|| {
            bad(format!("before must be the next of a page as it was given, not {}", shown(&place)))
        })
    };
    let before = place.map(digits).transpose()?;
    Ok(Request::Home { since, before, limit: limit(envelope.limit, HOME_DEFAULT, HOME_MAX)? })
}

fn cursor(since: Option<&RawValue>) -> Result<Option<Cursor>, RequestError> {
    let read = |text: &RawValue| {
        serde_json::from_str(text.get())
            .map_err(|_| bad(format!("{}: {}", super::BadCursor, shown(text.get()))))
    };
    since.map(read).transpose()
}
