//! One event in flight: what it asks, who waits for its outcome, and since when.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use protocol::event::Peer;
use protocol::{
    Answer, Body, Close, Effect, Event, HttpRequest, HttpResponse, Json, NodeId, RequestError, Subject,
    WorkerId, body, close,
};

use crate::socket::Connection;

/// An event that has no outcome yet.
pub(crate) struct Request {
    pub(crate) ask: Ask,
    pub(crate) born: Instant,
    /// The worker that may have it.
    pub(crate) sent_to: Option<WorkerId>,
}

/// What is asked, by whom.
pub(crate) enum Ask {
    /// A connection opened. Asked until it is answered.
    Open(Arc<Connection>),
    /// A client's message.
    Message(Arc<Connection>, Json),
    /// A connection has joined a topic, and its worker wants to know.
    Joined { conn: Arc<Connection>, topic: String, then: Json },
    /// A connection is gone. Nobody waits.
    Close(Arc<Connection>),
    /// An HTTP request.
    Http(Box<HttpAsk>),
    /// Pushes of a topic may have been missed. Asked until it is answered.
    Gap { service: Arc<str>, topic: Arc<str> },
}

/// An HTTP request and who waits for its response.
pub(crate) struct HttpAsk {
    pub(crate) service: Arc<str>,
    pub(crate) peer: String,
    pub(crate) http: HttpRequest,
    pub(crate) waiting: oneshot::Sender<HttpResponse>,
}

impl Ask {
    pub(crate) fn connection(&self) -> Option<&Arc<Connection>> {
        match self {
            Self::Open(conn) | Self::Message(conn, _) | Self::Joined { conn, .. } | Self::Close(conn) => {
                Some(conn)
            }
            Self::Http(_) | Self::Gap { .. } => None,
        }
    }

    pub(crate) fn service(&self) -> &Arc<str> {
        match self {
            Self::Open(conn) | Self::Message(conn, _) | Self::Joined { conn, .. } | Self::Close(conn) => {
                &conn.service
            }
            Self::Http(http) => &http.service,
            Self::Gap { service, .. } => service,
        }
    }

    /// Whether the node may ask again although it may have been delivered: nobody is told an outcome twice by that.
    pub(crate) fn repeats(&self) -> bool {
        matches!(self, Self::Open(_) | Self::Gap { .. })
    }

    /// Whether a client asked it: such requests are bounded.
    pub(crate) fn is_counted(&self) -> bool {
        matches!(self, Self::Message(..) | Self::Joined { .. } | Self::Http(_))
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Message(..) => "message",
            Self::Joined { .. } => "joined",
            Self::Close(_) => "close",
            Self::Http(_) => "http",
            Self::Gap { .. } => "gap",
        }
    }

    /// The event that a worker gets.
    pub(crate) fn event(&self, node: &NodeId, seq: u64, session: Option<Json>) -> Event {
        let peer = |conn: &Connection| Peer { conn: conn.id, peer: conn.peer.to_string(), session };
        let subject = match self {
            Self::Open(conn) => Subject::Open(peer(conn)),
            Self::Message(conn, body) => Subject::Message(peer(conn), Body::Inline(body.clone())),
            Self::Joined { conn, topic, then } => {
                Subject::Joined { peer: peer(conn), topic: topic.clone(), body: then.clone() }
            }
            Self::Close(conn) => Subject::Close(peer(conn)),
            Self::Http(ask) => Subject::Http { peer: ask.peer.clone(), http: ask.http.clone() },
            Self::Gap { topic, .. } => Subject::Gap { topic: topic.to_string() },
        };
        Event { node: node.clone(), seq, service: self.service().to_string(), subject }
    }

    /// The answer that whoever waits gets when no worker gives one.
    pub(crate) fn failure(&self, error: &RequestError) -> Answer {
        match self {
            Self::Http(_) => Answer::Http(HttpResponse::error(error)),
            Self::Message(_, message) | Self::Joined { then: message, .. } => {
                Answer::Effects(vec![Effect::error(error, body::request_id(message))])
            }
            // It would miss the pushes of topics that it never joined.
            Self::Open(_) => {
                Answer::Effects(vec![Effect::Close(Close::new(close::INTERNAL, &error.message))])
            }
            Self::Close(_) | Self::Gap { .. } => Answer::Effects(Vec::new()),
        }
    }
}
