//! Websockets begin as HTTP requests: the handshake of RFC 6455, section 4.2.

use std::sync::Arc;

use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tungstenite::handshake::derive_accept_key;
use warp::http::header::{
    CONNECTION, HeaderMap, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use warp::http::{HeaderValue, StatusCode};
use warp::reply::Response;
use warp::{Filter, Rejection};

use protocol::{ConnectionId, ErrorCode, RequestError};

use crate::http::addressed;
use crate::http::origin::{self, Origin};
use crate::listener::{PeerAddress, set_stall_bound};
use crate::node::Node;
use crate::socket::{Connection, task};

/// The service of `/ws` alone. The one name of a service that the web layer was told.
const DEFAULT_SERVICE: &str = "numbers";

pub(crate) fn routes(
    node: &Arc<Node>,
    origins: Vec<Origin>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let (node, origins) = (node.clone(), Arc::<[Origin]>::from(origins));
    let default = warp::path!("ws").map(|| DEFAULT_SERVICE.to_owned());
    let named = warp::path!("ws" / String);
    default
        .or(named)
        .unify()
        .and(warp::get())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<OnUpgrade>())
        .and(warp::ext::get::<PeerAddress>())
        .then(move |service: String, headers: HeaderMap, upgrade: Option<OnUpgrade>, PeerAddress(peer)| {
            let (node, origins) = (node.clone(), origins.clone());
            async move {
                let accepted = match own(&origins, &headers) {
                    Ok(()) => accept(&node, &service, &headers, upgrade, &peer.ip().to_string()).await,
                    Err(refusal) => Err(refusal),
                };
                accepted.unwrap_or_else(|refusal| refusal.response())
            }
        })
}

/// Why there is no websocket.
struct Refusal {
    status: Option<StatusCode>,
    error: RequestError,
}

impl Refusal {
    fn response(self) -> Response {
        let mut response = super::error(&self.error);
        if let Some(status) = self.status {
            *response.status_mut() = status;
        }
        if self.status == Some(StatusCode::UPGRADE_REQUIRED) {
            response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        Self { status: None, error }
    }
}

async fn accept(
    node: &Arc<Node>,
    service: &str,
    headers: &HeaderMap,
    upgrade: Option<OnUpgrade>,
    peer: &str,
) -> Result<Response, Refusal> {
    let (key, upgrade) = handshake(headers, upgrade)?;
    let unknown = format!("there is no service {service:?}");
    let service = addressed::service(node, &unknown, |view| view.known(service)).await?;
    if node.is_stopping() {
        let error = RequestError::new(ErrorCode::Unavailable, "this node is stopping: connect again");
        return Err(error.into());
    }
    if node.metrics.connections.get() >= node.bounds.connections_max as i64 {
        node.metrics.refuse();
        let error = RequestError::new(
            ErrorCode::Unavailable,
            "this node has as many connections as it may: try again, or add a node",
        );
        return Err(error.into());
    }
    let (node_, peer) = (node.clone(), peer.to_owned());
    node.metrics.accept();
    node.sockets.spawn(async move {
        hold(&node_, service, &peer, upgrade).await;
        node_.metrics.gone();
    });
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    answer.insert(SEC_WEBSOCKET_ACCEPT, accept.unwrap_or_else(|_| HeaderValue::from_static("")));
    Ok(response)
}

async fn hold(node: &Arc<Node>, service: Arc<str>, peer: &str, upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else { return };
    let Ok(Parts { io, read_buf, .. }) = upgraded.downcast::<TokioIo<TcpStream>>() else { return };
    let stream = io.into_inner();
    let _ = set_stall_bound(&stream, None);
    let conn = Connection::new(ConnectionId::random(), service, peer, stream, node.bounds.outbox);
    conn.heard(node.clock.now_s());
    let conn = Arc::new(conn);
    node.connections.insert(conn.clone());
    task::serve(node.clone(), conn.clone(), read_buf).await;
    node.connections.remove(conn.id);
}

/// Checks where the page is from that wants to connect.
fn own(origins: &[Origin], headers: &HeaderMap) -> Result<(), Refusal> {
    origin::check(origins, headers).map_err(|origin| Refusal {
        status: Some(StatusCode::FORBIDDEN),
        error: RequestError::new(
            ErrorCode::BadRequest,
            format!("pages of {origin:?} may not connect to this node: if they shall, its option --origins has to name them"),
        ),
    })
}

/// Checks what the client says of its side.
fn handshake(headers: &HeaderMap, upgrade: Option<OnUpgrade>) -> Result<(&HeaderValue, OnUpgrade), Refusal> {
    let has = |name, wanted: &str| {
        let values = headers.get_all(name);
        let mut tokens =
            values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        tokens.any(|token| token.trim().eq_ignore_ascii_case(wanted))
    };
    let refuse = |message: &str| Refusal {
        status: Some(StatusCode::UPGRADE_REQUIRED),
        error: RequestError::new(ErrorCode::BadRequest, message),
    };
    if !has(CONNECTION, "upgrade") || !has(UPGRADE, "websocket") {
        return Err(refuse("this path is for websockets: connect with a websocket client, like websocat"));
    }
    if !has(SEC_WEBSOCKET_VERSION, "13") {
        return Err(refuse("only version 13 of the websocket protocol is spoken here"));
    }
    match (headers.get(SEC_WEBSOCKET_KEY), upgrade) {
        (Some(key), Some(upgrade)) => Ok((key, upgrade)),
        _ => Err(RequestError::new(ErrorCode::BadRequest, "the header Sec-WebSocket-Key is missing").into()),
    }
}
