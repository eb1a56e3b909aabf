//! What a node tells a worker.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::body::{self, Body, Claim, Json};
use crate::http::HttpRequest;
use crate::id::{ConnectionId, NodeId};

/// One thing that happened at a node and that a worker is to handle. It is answered by exactly one [`crate::Reply`] with
/// the same `seq`, published to the inbox of `node`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Wire")]
pub struct Event {
    /// Who waits for the reply.
    pub node: NodeId,
    /// The number that the reply must carry; unique at its node.
    pub seq: u64,
    /// The service that is meant.
    pub service: String,
    /// What happened.
    pub subject: Subject,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A client opened a connection. The first message waits until the reply was carried out.
    Open(Peer),
    /// A client sent a message.
    Message(Peer, Body),
    /// A connection has joined a topic with [`then`](crate::Effect::Join), which comes back as `body`.
    Joined {
        /// The connection.
        peer: Peer,
        /// The topic.
        topic: String,
        /// What the worker asked to have back.
        body: Json,
    },
    /// A connection is gone. The reply's effects go nowhere.
    Close(Peer),
    /// A client made an HTTP request to a path that this worker announced.
    Http {
        /// The address of the client.
        peer: String,
        /// The request.
        http: HttpRequest,
    },
    /// The node may have missed pushes of this topic. The reply says what its connections need, as `push` effects.
    Gap {
        /// The topic.
        topic: String,
    },
}

/// The connection that an event is about.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its id.
    pub conn: ConnectionId,
    /// The address of the client.
    pub peer: String,
    /// What a worker asked the node to keep with the connection.
    pub session: Option<Json>,
}

impl Subject {
    /// The connection that the event belongs to, if it belongs to one.
    #[must_use]
    pub fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Open(peer) | Self::Message(peer, _) | Self::Joined { peer, .. } | Self::Close(peer) => {
                Some(peer.conn)
            }
            Self::Http { .. } | Self::Gap { .. } => None,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Open(_) => Kind::Open,
            Self::Message(..) => Kind::Message,
            Self::Joined { .. } => Kind::Joined,
            Self::Close(_) => Kind::Close,
            Self::Http { .. } => Kind::Http,
            Self::Gap { .. } => Kind::Gap,
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Open,
    Message,
    Joined,
    Close,
    Http,
    Gap,
}

/// An event as it is read: flat, so that bodies stay the bytes that they were.
#[derive(Deserialize)]
struct Wire {
    node: NodeId,
    seq: u64,
    service: String,
    kind: Kind,
    conn: Option<ConnectionId>,
    #[serde(default)]
    peer: String,
    #[serde(default, deserialize_with = "body::present")]
    session: Option<Json>,
    body: Option<Json>,
    claim: Option<Claim>,
    http: Option<HttpRequest>,
    topic: Option<String>,
}

impl TryFrom<Wire> for Event {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let Wire { node, seq, service, kind, conn, peer, session, body, claim, http, topic } = wire;
        let subject = match (kind, conn) {
            (Kind::Http, _) => Subject::Http { peer, http: http.ok_or("an http event needs http")? },
            (Kind::Gap, _) => Subject::Gap { topic: topic.ok_or("a gap event needs a topic")? },
            (_, None) => return Err("this event needs a conn"),
            (Kind::Open, Some(conn)) => Subject::Open(Peer { conn, peer, session }),
            (Kind::Close, Some(conn)) => Subject::Close(Peer { conn, peer, session }),
            (Kind::Message, Some(conn)) => {
                let body = Body::from_parts(body, claim)?.ok_or("a message event needs a body")?;
                Subject::Message(Peer { conn, peer, session }, body)
            }
            (Kind::Joined, Some(conn)) => Subject::Joined {
                peer: Peer { conn, peer, session },
                topic: topic.ok_or("a joined event needs a topic")?,
                body: body.ok_or("a joined event needs a body")?,
            },
        };
        Ok(Self { node, seq, service, subject })
    }
}

/// An event as it is written.
#[derive(Serialize)]
struct WireRef<'a> {
    node: &'a NodeId,
    seq: u64,
    service: &'a str,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    conn: Option<ConnectionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim: Option<&'a Claim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<&'a HttpRequest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { node, seq, service, subject } = self;
        let mut wire = WireRef {
            node,
            seq: *seq,
            service,
            kind: subject.kind(),
            conn: subject.connection(),
            peer: None,
            session: None,
            body: None,
            claim: None,
            http: None,
            topic: None,
        };
        match subject {
            Subject::Open(peer)
            | Subject::Message(peer, _)
            | Subject::Joined { peer, .. }
            | Subject::Close(peer) => {
                wire.peer = Some(&peer.peer);
                wire.session = peer.session.as_deref();
            }
            Subject::Http { peer, http } => {
                wire.peer = Some(peer);
                wire.http = Some(http);
            }
            Subject::Gap { topic } => wire.topic = Some(topic),
        }
        match subject {
            Subject::Message(_, body) => (wire.body, wire.claim) = body.parts(),
            Subject::Joined { topic, body, .. } => {
                wire.topic = Some(topic);
                wire.body = Some(body);
            }
            _ => {}
        }
        wire.serialize(serializer)
    }
}
