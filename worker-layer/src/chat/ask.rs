//! What an event asks of the service.

use std::sync::Arc;

use protocol::chat::{self, Around, Cursor, Request};
use protocol::event::Peer;
use protocol::{
    Answer, Body, Close, CloseLater, Effect, ErrorCode, HttpRequest, Json, RequestError, Subject, body,
};
use serde::Serialize;

use super::key;
use super::limit::TOKEN_EXPIRED;
use super::picture::Pictures;
use super::picture::link::Link;
use super::presence;
use super::session::{Session, now_s};
use super::token::{TokenKey, unauthorized};
use super::user::User;
use crate::refusal::refusal;

/// What an event asks for.
pub(super) enum Ask {
    /// Nothing of Redis: this is the answer.
    Nothing(Answer),
    /// Something about pictures, which takes its time.
    Http { pictures: Arc<Pictures>, http: HttpRequest },
    /// Something of a user who is logged in, with the id of the request.
    Of { me: User, id: Option<Json>, what: What },
    /// A node may have missed pushes to this user.
    Gap { user: String },
    /// A node may have missed pushes to those who watch this user.
    WatchGap { user: String },
    /// A connection of this user is gone.
    Closed { user: String },
}

/// What a user asks for.
pub(super) enum What {
    /// To be logged in: the connection has joined the topic.
    Login,
    Send {
        to: User,
        text: String,
        message_id: String,
        picture: Option<Link>,
    },
    History {
        with: User,
        around: Around,
        limit: usize,
    },
    Sync {
        since: Option<Cursor>,
        limit: usize,
    },
    Home {
        since: Option<Cursor>,
        before: Option<u64>,
        limit: usize,
    },
    Read {
        with: User,
        seq: u64,
    },
    Received {
        with: User,
        seq: u64,
    },
    /// Who is online, by their folded names; those who are known are joined.
    Watch {
        users: Vec<String>,
    },
    /// The same: their topics are joined.
    Watching {
        users: Vec<String>,
    },
    Typing {
        to: User,
    },
}

/// A login that waits until the connection has joined: without the token, which has done its part.
#[derive(Serialize)]
struct Waiting<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Json>,
}

/// What the subject of an event asks for.
pub(super) fn of(subject: &Subject, token_key: Option<&TokenKey>) -> Ask {
    match subject {
        Subject::Message(peer, Body::Inline(message)) => {
            let (request, id) = chat::read(message);
            match request.and_then(|request| of_request(peer, request, id.as_ref(), token_key)) {
                Ok(ask) => ask,
                Err(error) => Ask::Nothing(Answer::Effects(vec![Effect::error(&error, id)])),
            }
        }
        Subject::Message(_, Body::Claim(_)) => {
            let error = RequestError::new(ErrorCode::TooLarge, "no message to this service is that large");
            Ask::Nothing(refusal(subject, &error))
        }
        Subject::Joined { peer, topic, body } => of_joined(peer, topic, body),
        Subject::Gap { topic } => match (key::user_of(topic), key::watched_of(topic)) {
            (Some(user), _) => Ask::Gap { user },
            (None, Some(user)) => Ask::WatchGap { user },
            (None, None) => Ask::Nothing(Answer::Effects(Vec::new())),
        },
        Subject::Http { .. } => {
            let error = RequestError::new(ErrorCode::NotFound, "the chat is at /ws/chat");
            Ask::Nothing(refusal(subject, &error))
        }
        Subject::Close(peer) => match Session::of(peer) {
            Some(session) => Ask::Closed { user: session.user().key },
            None => Ask::Nothing(Answer::Effects(Vec::new())),
        },
        Subject::Open(_) => Ask::Nothing(Answer::Effects(Vec::new())),
    }
}

fn of_request(
    peer: &Peer,
    request: Request,
    id: Option<&Json>,
    token_key: Option<&TokenKey>,
) -> Result<Ask, RequestError> {
    if let Request::Login { username, device, token } = request {
        let user = User::of(&username)?;
        let device = device.unwrap_or_default();
        log::debug!(conn:% = peer.conn, user = user.key.as_str(), device = device.as_str(); "a login");
        return login(peer, &user, token.as_deref(), id, token_key);
    }
    let me = Session::allowed(peer)?;
    let what = match request {
        Request::Login { .. } => What::Login,
        Request::Send { to, text, message_id, picture } => {
            let picture = picture.map(|id| Link::of_message(&id)).transpose()?;
            What::Send { to: User::of(&to)?, text, message_id, picture }
        }
        Request::History { with, around, limit } => What::History { with: User::of(&with)?, around, limit },
        Request::Sync { since, limit } => What::Sync { since, limit },
        Request::Home { since, before, limit } => What::Home { since, before, limit },
        Request::Read { with, seq } => What::Read { with: User::of(&with)?, seq },
        Request::Received { with, seq } => What::Received { with: User::of(&with)?, seq },
        Request::Watch { users } => What::Watch { users: presence::distinct(&users)? },
        Request::Unwatch { users } => {
            return Ok(Ask::Nothing(presence::unwatched(presence::distinct(&users)?, id.cloned())));
        }
        Request::Typing { to } => What::Typing { to: User::of(&to)? },
    };
    Ok(Ask::Of { me, id: id.cloned(), what })
}

/// The session first, so that the event that follows the join carries it.
fn login(
    peer: &Peer,
    user: &User,
    token: Option<&str>,
    id: Option<&Json>,
    token_key: Option<&TokenKey>,
) -> Result<Ask, RequestError> {
    let until_s = token_key.map(|key| key.check(token, user)).transpose()?;
    if Session::of(peer).is_some_and(|session| session.user().key != user.key) {
        let words = "somebody else is logged in on this connection: open another one";
        return Err(RequestError::new(ErrorCode::Conflict, words));
    }
    let then = body::encode(&Waiting { kind: "login", username: &user.name, id });
    let join = Effect::Join { topic: key::topic(&user.key), then: Some(then) };
    let close = Close::new(TOKEN_EXPIRED, "the token has expired: log in with a new one");
    let end = until_s.map(|until_s| {
        let after_ms = until_s.saturating_sub(now_s()).saturating_mul(1_000);
        Effect::CloseLater(CloseLater { after_ms, close })
    });
    let login = [Effect::Session(Session::json(user, until_s)), join];
    Ok(Ask::Nothing(Answer::Effects(end.into_iter().chain(login).collect())))
}

/// The login comes back. If another one has overtaken it, its session is that of another user.
fn of_joined(peer: &Peer, topic: &str, body: &Json) -> Ask {
    let id = body::request_id(body);
    match Session::allowed(peer) {
        Ok(me) if key::topic(&me.key) == topic => Ask::Of { me, id, what: What::Login },
        Ok(me) if key::watched_of(topic).is_some() => {
            let users = presence::watched(body).unwrap_or_default();
            Ask::Of { me, id, what: What::Watching { users } }
        }
        _ => {
            let error = unauthorized("another login came before the answer to this one: wait for answers");
            let leave = Effect::Leave(topic.to_owned());
            Ask::Nothing(Answer::Effects(vec![leave, Effect::error(&error, id)]))
        }
    }
}
