//! What is only read: logins, pages of history, of what a device missed, and of the home screen.

use std::sync::Arc;

use broker::redis::{Cmd, Value, cmd};
use futures_util::FutureExt as _;
use protocol::chat::{Around, Cursor};
use protocol::{Answer, Effect, ErrorCode, Json, Push, RequestError, TopicPush};
use serde_json::value::RawValue;

use super::ask::{Ask, What};
use super::delivery::epoch;
use super::key::{self, ConversationKeys, UserKeys};
use super::limit::{GAP_ATTEMPTS_MAX, GAP_PAUSE, PAGE_BYTES_MAX};
use super::presence;
use super::shared::Shared;
use super::stored::{Stored, json, reading};
use super::token::unauthorized;
use super::trouble::{Doing, Log};
use super::user::{Pair, User};
use crate::service::Outcome;

/// What was read, as it is answered.
pub(super) struct Reading {
    pub(super) body: Json,
}

/// The command that reads what is asked for, if something is only read.
pub(super) fn command(shared: &Shared, ask: &Ask) -> Option<Cmd> {
    match ask {
        Ask::Nothing(_) | Ask::Http { .. } | Ask::WatchGap { .. } | Ask::Closed { .. } => None,
        Ask::Gap { user } => Some(standing(shared, user, "")),
        Ask::Of { me, what, .. } => match what {
            What::Login => Some(standing(shared, &me.key, &me.name)),
            What::History { with, around, limit } => Some(history(me, with, *around, *limit)),
            What::Sync { since, limit } => {
                let keys = UserKeys::of(&me.key);
                let mut call = shared.scripts.sync.call(&[&keys.meta, &keys.log]);
                place(&mut call, since.as_ref());
                call.arg(*limit).arg(PAGE_BYTES_MAX);
                Some(call)
            }
            What::Home { since, before, limit } => {
                let keys = UserKeys::of(&me.key);
                let mut call = shared.scripts.home.call(&[&keys.meta, &keys.home, &keys.changed, &keys.with]);
                place(&mut call, since.as_ref());
                call.arg(before.map(|before| before.to_string()).unwrap_or_default());
                call.arg(*limit).arg(PAGE_BYTES_MAX);
                Some(call)
            }
            What::Send { .. } | What::Read { .. } | What::Received { .. } | What::Typing { .. } => None,
            What::Watch { .. } | What::Watching { .. } => None,
        },
    }
}

/// What Redis answered to [`command`].
pub(super) fn understand(log: &Log, ask: &Ask, value: Option<Value>) -> Result<Reading, RequestError> {
    let text = match ask {
        Ask::Of { me, what: What::Login, .. } => {
            let (cursor, server_ms): (String, u64) = log.understood(value)?;
            let (user, name) = (json(&me.key), json(&me.name));
            format!(
                r#"{{"type":"logged_in","user":{user},"name":{name},"cursor":"{cursor}","server_ms":{server_ms}}}"#
            )
        }
        Ask::Of { what: What::History { with, around, limit }, .. } => {
            let value = log.understood(value)?;
            let odd = || log.odd("a conversation is not as this service writes it");
            let (messages, more) = cut(Stored::range(value).ok_or_else(odd)?, *around, *limit);
            format!(
                r#"{{"type":"history","with":{},"messages":[{messages}],"more":{more}}}"#,
                json(&with.key)
            )
        }
        Ask::Of { what: What::Sync { .. }, .. } => {
            let parts: Vec<String> = log.understood(value)?;
            match &parts[..] {
                [] => return Err(forgotten()),
                [cursor] => format!(r#"{{"type":"reset","cursor":"{cursor}"}}"#),
                [cursor, changes, more] => {
                    let more = more == "1";
                    format!(r#"{{"type":"changes","changes":[{changes}],"cursor":"{cursor}","more":{more}}}"#)
                }
                _ => return Err(log.odd("sync.lua answers something else")),
            }
        }
        Ask::Of { what: What::Home { .. }, .. } => {
            let parts: Option<(String, String, u8, String, u8)> = log.understood(value)?;
            let (cursor, conversations, more, next, reset) = parts.ok_or_else(forgotten)?;
            let next = if next.is_empty() { next } else { format!(r#","next":"{next}""#) };
            let reset = if reset == 1 { r#","reset":true"# } else { "" };
            format!(
                r#"{{"type":"home","conversations":[{conversations}],"cursor":"{cursor}","more":{}{next}{reset}}}"#,
                more == 1
            )
        }
        _ => {
            let (cursor, _): (String, u64) = log.understood(value)?;
            format!(r#"{{"type":"gap","cursor":"{cursor}"}}"#)
        }
    };
    let body = RawValue::from_string(text).map_err(|_| log.odd("what is kept is not JSON"))?;
    Ok(Reading { body })
}

/// The answer to a gap. Nobody can ask again for it, so it is tried again.
pub(super) fn gap(
    shared: &Arc<Shared>,
    user: &str,
    reading: Option<Result<Reading, RequestError>>,
) -> Outcome {
    if let Some(Ok(Reading { body })) = reading {
        return Outcome::Now(pushed(user, body));
    }
    let (shared, user) = (Arc::clone(shared), user.to_owned());
    let later = async move {
        let ask = Ask::Gap { user: user.clone() };
        for _ in 0..GAP_ATTEMPTS_MAX {
            tokio::time::sleep(GAP_PAUSE).await;
            shared.store.connected().await;
            if !matches!(presence::run(&shared, std::slice::from_ref(&ask)).await[..], [Some(Ok(_))]) {
                continue;
            }
            let values = shared.run(vec![standing(&shared, &user, "")], Doing::Reading).await;
            let read = values.and_then(|values| understand(&shared.log, &ask, values.into_iter().next()));
            if let Ok(Reading { body }) = read {
                return pushed(&user, body);
            }
        }
        log::warn!(user = user.as_str(); "a node that missed pushes to a user cannot be told where the log stands");
        Answer::Effects(Vec::new())
    };
    Outcome::Later(later.boxed())
}

/// The id is that of another message.
pub(super) fn other_text() -> RequestError {
    let words = "another message of yours in this conversation has this message_id: take a new one";
    RequestError::new(ErrorCode::Conflict, words)
}

/// There is nothing to have read.
pub(super) fn no_conversation() -> RequestError {
    RequestError::new(ErrorCode::NotFound, "there is no message in this conversation yet")
}

/// Redis has lost its data since the login.
fn forgotten() -> RequestError {
    unauthorized("what was kept of this user is gone: log in again")
}

fn pushed(user: &str, body: Json) -> Answer {
    Answer::Effects(vec![Effect::Push(TopicPush { topic: key::topic(user), push: Push::event(body) })])
}

/// Asks where the log of a user stands; a name is kept.
fn standing(shared: &Shared, user: &str, name: &str) -> Cmd {
    let mut call = shared.scripts.login.call(&[&UserKeys::of(user).meta]);
    call.arg(name).arg(epoch());
    call
}

/// One message more than is wanted, to know whether there are more.
fn history(me: &User, with: &User, around: Around, limit: usize) -> Cmd {
    let Pair { a, b } = Pair::of(&me.key, &with.key);
    let keys = ConversationKeys::of(&a, &b);
    let before = match around {
        Around::After(seq) => return reading(&keys, seq + 1, limit + 1),
        Around::Before(seq) => format!("({seq}-0"),
        Around::Newest => "+".to_owned(),
    };
    let mut range = cmd("XREVRANGE");
    range.arg(&keys.messages).arg(before).arg("-").arg("COUNT").arg(limit + 1);
    range
}

/// The messages of a page in order, with commas between, and whether there are more.
fn cut(found: Vec<Stored>, around: Around, limit: usize) -> (String, bool) {
    let (count, mut bytes) = (found.len(), 0);
    let mut texts: Vec<String> = Vec::with_capacity(limit);
    for message in found {
        let text = message.json();
        bytes += text.len();
        if texts.len() == limit || (!texts.is_empty() && bytes > PAGE_BYTES_MAX) {
            break;
        }
        texts.push(text);
    }
    let more = texts.len() < count;
    if !matches!(around, Around::After(_)) {
        texts.reverse();
    }
    (texts.join(","), more)
}

fn place(call: &mut Cmd, cursor: Option<&Cursor>) {
    call.arg(cursor.map(Cursor::epoch).unwrap_or_default());
    call.arg(cursor.map(|cursor| cursor.position().to_string()).unwrap_or_default());
}
