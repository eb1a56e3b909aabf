//! What an event asks of the service.

use std::time::Duration;

use broker::Store;
use protocol::sets::{self, CHANGES_MAX, Change, Cursor, Request, SetId};
use protocol::{
    Answer, Body, Effect, ErrorCode, HttpBody, HttpRequest, Json, RequestError, Subject, body as json,
};

use super::read::Reading;
use super::render::Kind;
use super::route;
use crate::refusal::refusal;

/// What an event asks for.
pub(super) enum Ask {
    /// Nothing of Redis: this is the answer.
    Nothing(Answer),
    /// To create a set.
    Create { set: SetId, name: String },
    /// To delete one.
    Delete { set: SetId },
    /// To change one.
    Apply { set: SetId, changes: Vec<Change>, to: To },
    /// To read one.
    Read { reading: Reading, form: Form, to: To },
    /// What is kept for a value.
    Value { set: SetId, value: String },
    /// A page of the index: so many sets, behind this one.
    Index { limit: usize, after: Option<(u64, SetId)> },
}

/// In which form what was read is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// A message: all, to a client that had nothing.
    Snapshot,
    /// A message: all, in the place of what the client had.
    Reset,
    /// A message: what came since; all, if that is not known.
    Delta,
    /// All over HTTP, unless the client has one of these already; with the removed values, or without.
    Set { removed: bool, known: Vec<String> },
    /// What came since over HTTP; all, if that is not known. If nothing came, it may wait so long.
    Changes { wait: Duration },
    /// All, as the answer to a request for changes.
    ChangesReset,
    /// The digest.
    Digest,
}

impl Form {
    /// The form of all of a set.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Snapshot => Kind::Snapshot,
            Self::Reset | Self::Delta => Kind::Reset,
            Self::Set { removed, .. } => Kind::Set { removed: *removed },
            Self::Changes { .. } | Self::ChangesReset => Kind::ChangesReset,
            Self::Digest => Kind::Digest,
        }
    }
}

/// Who is answered.
#[derive(Debug, Clone)]
pub(super) enum To {
    /// A connection, with the id of its request.
    Connection(Option<Json>),
    /// An HTTP request about a whole batch, or a whole set.
    Web,
    /// An HTTP request about one value.
    WebOne,
    /// All connections of a node that watch the set.
    Node,
}

/// What the subject of an event asks for. A large body is fetched first.
pub(super) async fn of(subject: &Subject, store: &Store) -> Ask {
    match subject {
        Subject::Open(_) | Subject::Close(_) => Ask::Nothing(Answer::Effects(Vec::new())),
        Subject::Message(_, Body::Inline(message)) => of_message(message),
        Subject::Message(_, Body::Claim(_)) => {
            let error = RequestError::new(ErrorCode::TooLarge, "no message to this service is that large");
            Ask::Nothing(refusal(subject, &error))
        }
        Subject::Joined { body, .. } => of_joined(body),
        Subject::Gap { topic } => match SetId::of_topic(topic) {
            Some(set) => Ask::Read { reading: Reading::Head(set), form: Form::Reset, to: To::Node },
            None => Ask::Nothing(Answer::Effects(Vec::new())),
        },
        Subject::Http { http, .. } => match text(http, store).await {
            Ok(text) => {
                route::ask(http, &text).unwrap_or_else(|refused| Ask::Nothing(Answer::Http(*refused)))
            }
            Err(error) => Ask::Nothing(refusal(subject, &error)),
        },
    }
}

/// A watch is answered when the connection has joined the topic: then nothing falls in between.
fn of_message(message: &Json) -> Ask {
    let (request, id) = sets::read(message);
    match request {
        Ok(Request::Watch { set, .. }) => {
            let join = Effect::Join { topic: set.topic(), then: Some(message.clone()) };
            Ask::Nothing(Answer::Effects(vec![join]))
        }
        Ok(Request::Unwatch { set }) => {
            let unwatched = sets::Message::Unwatched { set: set.clone() };
            let send = Effect::Send { body: Body::Inline(json::encode(&unwatched)), id };
            Ask::Nothing(Answer::Effects(vec![Effect::Leave(set.topic()), send]))
        }
        Ok(Request::Apply { set, operations }) => {
            Ask::Apply { set, changes: operations, to: To::Connection(id) }
        }
        Err(error) => Ask::Nothing(Answer::Effects(vec![Effect::error(&error, id)])),
    }
}

/// The connection has joined: the watch comes back.
fn of_joined(body: &Json) -> Ask {
    match sets::read(body) {
        (Ok(Request::Watch { set, cursor: None }), id) => {
            Ask::Read { reading: Reading::Head(set), form: Form::Snapshot, to: To::Connection(id) }
        }
        (Ok(Request::Watch { set, cursor: Some(cursor) }), id) => {
            since(set, cursor, CHANGES_MAX, Form::Delta, To::Connection(id))
        }
        _ => Ask::Nothing(Answer::Effects(Vec::new())),
    }
}

/// To read what came since a cursor.
pub(super) fn since(set: SetId, cursor: Cursor, limit: usize, form: Form, to: To) -> Ask {
    Ask::Read { reading: Reading::Since(set, cursor, limit), form, to }
}

/// The body of a request, which must be text.
async fn text(http: &HttpRequest, store: &Store) -> Result<String, RequestError> {
    let claim = match &http.body {
        HttpBody::Body(text) => return Ok(text.clone()),
        HttpBody::Claim(claim) => claim,
    };
    let unavailable = |_| {
        RequestError::new(
            ErrorCode::Unavailable,
            "the body of the request cannot be fetched, nothing was done: try again in a moment",
        )
    };
    let bytes = store.fetch_claim(claim).await.map_err(unavailable)?;
    let no_text = |_| RequestError::new(ErrorCode::BadRequest, "the body is not JSON: it is not UTF-8");
    String::from_utf8(bytes.to_vec()).map_err(no_text)
}
