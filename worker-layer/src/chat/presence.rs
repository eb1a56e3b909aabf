//! Who is online: whoever has a device that is connected, or had one a moment ago.
//!
//! Nothing is kept of connections. A node subscribes to the topic of a user exactly as long as a device of that user is connected
//! to it, so Redis itself knows (`PUBSUB NUMSUB`), whatever has died or was lost. `settle.lua` compares that with what was told
//! last, and tells those who watch. It is called when somebody may have come or gone: after a login and a close, when somebody
//! begins to watch, and for each user who is online every [`CHECK_EVERY`](super::limit::CHECK_EVERY) ([`look`]), because the
//! nodes that die say nothing. What Redis itself cannot know, it is told: that a machine has vanished ([`links`]).

pub(super) mod links;
pub(super) mod look;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker::redis::{Cmd, Value};
use futures_util::FutureExt as _;
use protocol::chat::{self, Presence};
use protocol::{Answer, Body, Effect, Json, Push, RequestError, TopicPush, body, name};
use serde::{Deserialize, Serialize};

use super::ask::{Ask, What};
use super::key::{self, PRESENCE, UserKeys};
use super::limit::{GAP_ATTEMPTS_MAX, GAP_PAUSE};
use super::shared::Shared;
use super::stored::json;
use super::trouble::Doing;
use super::user::User;
use crate::service::Outcome;

/// The key of what is told: a newer one takes its place.
const KEY: &str = "presence";

/// Users who are watched from now on, while their topics are joined.
#[derive(Serialize, Deserialize)]
struct Watching {
    #[serde(rename = "type")]
    kind: Kind,
    users: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    id: Option<Json>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Watch,
}

/// What `settle.lua` says of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Online,
    /// Online, but without a device for a moment.
    Leaving,
    Offline,
}

/// What a batch asks of presence, in one round trip: for each event that asks something, the effects that answer it, if it is
/// this that answers it.
pub(super) async fn run(shared: &Shared, asks: &[Ask]) -> Vec<Option<Result<Vec<Effect>, RequestError>>> {
    let commands: Vec<Vec<Cmd>> = asks.iter().map(|ask| commands(shared, ask)).collect();
    let all = shared.run(commands.iter().flatten().cloned().collect(), Doing::Reading).await;
    let mut values = all.map(Vec::into_iter);
    let answer = |(ask, commands): (&Ask, Vec<Cmd>)| {
        let count = Some(commands.len()).filter(|count| *count > 0)?;
        Some(match &mut values {
            Ok(values) => understand(shared, ask, values.take(count).collect()),
            Err(error) => Err(error.clone()),
        })
    };
    asks.iter().zip(commands).map(answer).collect()
}

/// The users that a connection watches when it has joined their topics, if that is what this comes back from.
pub(super) fn watched(then: &Json) -> Option<Vec<String>> {
    serde_json::from_str::<Watching>(then.get()).ok().map(|watching| watching.users)
}

/// Each user once.
pub(super) fn distinct(typed: &[String]) -> Result<Vec<String>, RequestError> {
    let users: Result<BTreeMap<String, User>, RequestError> =
        typed.iter().map(|typed| User::of(typed).map(|user| (user.key.clone(), user))).collect();
    Ok(users?.into_keys().collect())
}

/// What is answered to those who watch no longer.
pub(super) fn unwatched(users: Vec<String>, id: Option<Json>) -> Answer {
    let leave = users.iter().map(|user| Effect::Leave(key::watch_topic(user)));
    Answer::Effects(leave.chain([Effect::send(&chat::Answer::Ok {}, id)]).collect())
}

/// The answer to a gap. Nobody can ask again for it, so it is tried again.
pub(super) fn gap(
    shared: &Arc<Shared>,
    user: &str,
    told: Option<Result<Vec<Effect>, RequestError>>,
) -> Outcome {
    if let Some(Ok(effects)) = told {
        return Outcome::Now(Answer::Effects(effects));
    }
    let (shared, ask) = (Arc::clone(shared), Ask::WatchGap { user: user.to_owned() });
    let later = async move {
        for _ in 0..GAP_ATTEMPTS_MAX {
            tokio::time::sleep(GAP_PAUSE).await;
            shared.store.connected().await;
            if let Some(Some(Ok(effects))) = run(&shared, std::slice::from_ref(&ask)).await.pop() {
                return Answer::Effects(effects);
            }
        }
        log::warn!("a node that missed who is online cannot be told");
        Answer::Effects(Vec::new())
    };
    Outcome::Later(later.boxed())
}

/// What is asked of Redis for an event.
fn commands(shared: &Shared, ask: &Ask) -> Vec<Cmd> {
    match ask {
        Ask::Of { me, what: What::Login, .. } => {
            vec![due(shared, shared.waits.check, "", &[&me.key]), settle(shared, &me.key)]
        }
        // In this order, so that the time without a device is over when the look is due.
        Ask::Closed { user } => {
            vec![settle(shared, user), due(shared, shared.waits.grace, "LT", &[user])]
        }
        // Nodes have lost their links, and Redis perhaps its data: who is there is noted anew.
        Ask::Gap { user } => {
            vec![due(shared, shared.waits.check, "LT", &[user]), settle(shared, user)]
        }
        Ask::WatchGap { user } => vec![settle(shared, user)],
        Ask::Of { me, what: What::Watch { users }, .. } => {
            let mut call = shared.scripts.known.call(&[&UserKeys::of(&me.key).with]);
            call.arg(users);
            vec![call]
        }
        Ask::Of { what: What::Watching { users }, .. } => {
            users.iter().map(|user| settle(shared, user)).collect()
        }
        _ => Vec::new(),
    }
}

fn understand(shared: &Shared, ask: &Ask, values: Vec<Value>) -> Result<Vec<Effect>, RequestError> {
    match ask {
        Ask::Of { id, what: What::Watch { .. }, .. } => {
            let known: Vec<String> = shared.log.understood(values.into_iter().next())?;
            Ok(joins(known, id.clone()))
        }
        Ask::Of { id, what: What::Watching { users }, .. } => {
            let told = users.iter().zip(values).map(|(user, value)| settled(shared, user, value));
            let users = told.map(|told| Ok(told?.1)).collect::<Result<_, RequestError>>()?;
            Ok(vec![Effect::send(&chat::Answer::Presence { users }, id.clone())])
        }
        Ask::WatchGap { user } => {
            let value = values.into_iter().next().unwrap_or_default();
            let (_, presence) = settled(shared, user, value)?;
            let version = presence.version;
            let body = Body::Inline(body::encode(&chat::Answer::Presence { users: vec![presence] }));
            let push = Push::state(body, KEY, version);
            Ok(vec![Effect::Push(TopicPush { topic: key::watch_topic(user), push })])
        }
        _ => {
            // Nothing to say, but whether it is done.
            for value in values {
                let _: Value = shared.log.understood(Some(value))?;
            }
            Ok(Vec::new())
        }
    }
}

/// Joins the topics of users; the last one says when all are joined.
fn joins(users: Vec<String>, id: Option<Json>) -> Vec<Effect> {
    let topics: Vec<String> = users.iter().map(|user| key::watch_topic(user)).collect();
    let Some((last, others)) = topics.split_last() else {
        return vec![Effect::send(&chat::Answer::Presence { users: Vec::new() }, id)];
    };
    let then = body::encode(&Watching { kind: Kind::Watch, users, id });
    let mut effects: Vec<Effect> = others.iter().map(Effect::join).collect();
    effects.push(Effect::Join { topic: last.clone(), then: Some(then) });
    effects
}

/// Tells of a user what is not told yet.
fn settle(shared: &Shared, user: &str) -> Cmd {
    let keys = UserKeys::of(user);
    let mut call = shared.scripts.settle.call(&[&keys.meta]);
    call.arg(name::topic_channel(&keys.topic)).arg(name::topic_channel(&key::watch_topic(user)));
    call.arg(json(user)).arg(micros(shared.waits.grace));
    call
}

/// What `settle.lua` answers.
fn settled(shared: &Shared, user: &str, value: Value) -> Result<(State, Presence), RequestError> {
    let (state, version): (String, u64) = shared.log.understood(Some(value))?;
    let state = match state.as_str() {
        "online" => State::Online,
        "leaving" => State::Leaving,
        "offline" => State::Offline,
        _ => return Err(shared.log.odd("settle.lua answers something else")),
    };
    Ok((state, Presence { user: user.to_owned(), online: state != State::Offline, version }))
}

/// Notes when to look at users next.
fn due(shared: &Shared, after: Duration, how: &str, users: &[&str]) -> Cmd {
    let mut call = shared.scripts.due.call(&[PRESENCE]);
    call.arg(micros(after)).arg(how).arg(users);
    call
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
