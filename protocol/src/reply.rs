//! The one answer of a worker to an event.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::body::{self, Body, Claim, Json};
use crate::close::Close;
use crate::error::RequestError;
use crate::http::HttpResponse;
use crate::push::Push;

/// The one answer to the event with the same `seq`. It is sent after whatever it tells of was stored.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Wire")]
pub struct Reply {
    /// The number of the event.
    pub seq: u64,
    /// What it says.
    pub answer: Answer,
}

/// What a reply says.
#[derive(Debug, Clone)]
pub enum Answer {
    /// What the node is to do with the connection, in this order.
    Effects(Vec<Effect>),
    /// The response to an HTTP request.
    Http(HttpResponse),
}

/// One thing that a node does for a worker.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "EffectWire")]
pub enum Effect {
    /// Send `body` to the client. With an `id`, the node writes it in as the first member: the same body can so answer
    /// the requests of many clients.
    Send {
        /// One JSON object.
        body: Body,
        /// The request that this answers.
        id: Option<Json>,
    },
    /// Join the connection to a topic. What follows waits until Redis has confirmed the subscription.
    Join {
        /// The topic.
        topic: String,
        /// One JSON object that comes back in a [`joined`](crate::Subject::Joined) event when the connection has joined:
        /// what is read from the store then misses nothing that is not pushed.
        then: Option<Json>,
    },
    /// Take the connection from a topic.
    Leave(String),
    /// Keep this value with the connection and send it along with its every event.
    Session(Json),
    /// Close the connection when all that was sent before has been written.
    Close(Close),
    /// Close the connection after so long, unless it has ended by then. A later one takes its place.
    CloseLater(CloseLater),
    /// Hand a push to this node's own connections of a topic: what a `gap` event is answered with.
    Push(TopicPush),
}

/// How a connection ends by itself: what its worker found to hold for a time, holds no longer than that, whatever becomes of the
/// workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseLater {
    /// After how many milliseconds, to about a second.
    pub after_ms: u64,
    /// How.
    pub close: Close,
}

/// A push together with its topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TopicPush {
    /// The topic.
    pub topic: String,
    /// The push.
    pub push: Push,
}

impl Effect {
    /// Joins the connection to a topic.
    #[must_use]
    pub fn join(topic: impl Into<String>) -> Self {
        Self::Join { topic: topic.into(), then: None }
    }

    /// Sends a value that answers the request with this id, if it has one.
    #[must_use]
    pub fn send<T: Serialize>(value: &T, id: Option<Json>) -> Self {
        Self::Send { body: Body::Inline(body::encode(value)), id }
    }

    /// Says that the request with this id failed.
    #[must_use]
    pub fn error(error: &RequestError, id: Option<Json>) -> Self {
        Self::Send { body: Body::Inline(error.body()), id }
    }
}

#[derive(Deserialize)]
struct Wire {
    seq: u64,
    effects: Option<Vec<Effect>>,
    http: Option<HttpResponse>,
}

impl TryFrom<Wire> for Reply {
    type Error = &'static str;

    fn try_from(Wire { seq, effects, http }: Wire) -> Result<Self, Self::Error> {
        let answer = match (effects, http) {
            (Some(effects), None) => Answer::Effects(effects),
            (None, Some(http)) => Answer::Http(http),
            _ => return Err("a reply has either effects or http"),
        };
        Ok(Self { seq, answer })
    }
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct WireRef<'a> {
            seq: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            effects: Option<&'a [Effect]>,
            #[serde(skip_serializing_if = "Option::is_none")]
            http: Option<&'a HttpResponse>,
        }
        let (effects, http) = match &self.answer {
            Answer::Effects(effects) => (Some(effects.as_slice()), None),
            Answer::Http(http) => (None, Some(http)),
        };
        WireRef { seq: self.seq, effects, http }.serialize(serializer)
    }
}

#[derive(Deserialize)]
struct EffectWire {
    send: Option<Json>,
    claim: Option<Claim>,
    #[serde(default, deserialize_with = "body::present")]
    id: Option<Json>,
    join: Option<String>,
    then: Option<Json>,
    leave: Option<String>,
    #[serde(default, deserialize_with = "body::present")]
    session: Option<Json>,
    close: Option<Close>,
    close_later: Option<CloseLater>,
    push: Option<TopicPush>,
}

impl TryFrom<EffectWire> for Effect {
    type Error = &'static str;

    fn try_from(wire: EffectWire) -> Result<Self, Self::Error> {
        let EffectWire { send, claim, id, join, then, leave, session, close, close_later, push } = wire;
        if then.is_some() && join.is_none() {
            return Err("only a join has a then");
        }
        let mut found = Vec::with_capacity(1);
        found.extend(Body::from_parts(send, claim)?.map(|body| Self::Send { body, id }));
        found.extend(join.map(|topic| Self::Join { topic, then }));
        found.extend(leave.map(Self::Leave));
        found.extend(session.map(Self::Session));
        found.extend(close.map(Self::Close));
        found.extend(close_later.map(Self::CloseLater));
        found.extend(push.map(Self::Push));
        match (found.pop(), found.is_empty()) {
            (Some(effect), true) => Ok(effect),
            _ => {
                Err("an effect is exactly one of send, claim, join, leave, session, close, close_later, push")
            }
        }
    }
}

#[derive(Default, Serialize)]
struct EffectWireRef<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    send: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'a Claim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    join: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leave: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    close: Option<&'a Close>,
    #[serde(skip_serializing_if = "Option::is_none")]
    close_later: Option<&'a CloseLater>,
    #[serde(skip_serializing_if = "Option::is_none")]
    push: Option<&'a TopicPush>,
}

impl Serialize for Effect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut wire = EffectWireRef::default();
        match self {
            Self::Send { body, id } => {
                (wire.send, wire.claim) = body.parts();
                wire.id = id.as_deref();
            }
            Self::Join { topic, then } => {
                wire.join = Some(topic);
                wire.then = then.as_deref();
            }
            Self::Leave(topic) => wire.leave = Some(topic),
            Self::Session(session) => wire.session = Some(session),
            Self::Close(close) => wire.close = Some(close),
            Self::CloseLater(later) => wire.close_later = Some(later),
            Self::Push(push) => wire.push = Some(push),
        }
        wire.serialize(serializer)
    }
}
