//! HTTP requests that a worker answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::Stream;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use warp::http::header::{CONNECTION, HeaderMap};
use warp::http::{HeaderName, HeaderValue, Method, StatusCode};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection};

use protocol::{ErrorCode, HttpBody, HttpRequest, HttpResponse, RequestError, limit};

use crate::http::{addressed, carried, compressed, page};
use crate::listener::{Cut, PeerAddress};
use crate::node::Node;
use crate::relay::request::HttpAsk;

/// Headers that concern one connection only (RFC 9110, section 7.6.1), or that the node writes itself.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
];

/// Why a request was relayed to nobody.
#[derive(Debug)]
pub(super) struct NoService(pub(super) RequestError);

impl warp::reject::Reject for NoService {}

pub(crate) fn routes(
    node: &Arc<Node>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let (of_service, node) = (node.clone(), node.clone());
    let service = warp::path::full().and_then(move |path: FullPath| {
        let node = of_service.clone();
        async move {
            if page::owns(path.as_str()) {
                return Err(warp::reject::not_found());
            }
            let found =
                addressed::service(&node, "there is no such path", |view| view.service_of(path.as_str()));
            match found.await {
                Ok(service) => Ok((service, path)),
                Err(error) => Err(warp::reject::custom(NoService(error))),
            }
        }
    });
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    service
        .untuple_one()
        .and(warp::method())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<PeerAddress>())
        .and(warp::ext::get::<Cut>())
        .and(warp::body::stream())
        .then(
            move |service,
                  path: FullPath,
                  method: Method,
                  query,
                  headers,
                  PeerAddress(peer),
                  Cut(cut),
                  body| {
                let node = node.clone();
                async move {
                    let head = HttpRequest {
                        method: method.as_str().to_owned(),
                        path: path.as_str().to_owned(),
                        query,
                        headers: plain(&headers),
                        body: HttpBody::default(),
                    };
                    let gzip = compressed::is_accepted(&headers);
                    let answered = async {
                        let response = relay(&node, service, peer.ip().to_string(), head, body).await?;
                        fetched(&node, response, gzip, &cut).await
                    };
                    answered.await.unwrap_or_else(|error| super::error(&error))
                }
            },
        )
}

async fn relay<B: Buf>(
    node: &Node,
    service: Arc<str>,
    peer: String,
    mut http: HttpRequest,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<HttpResponse, RequestError> {
    if node.is_stopping() {
        let message = "this node is stopping, nothing was done: try again";
        return Err(RequestError::new(ErrorCode::Unavailable, message));
    }
    let body = carried::read(node, body, body_bytes_max(node, &service)).await?;
    let _kept;
    (http.body, _kept) = carried::kept(node, body).await?;
    let (waiting, response) = oneshot::channel();
    node.relay.clone().http(HttpAsk { service, peer, http, waiting });
    response.await.map_err(|_| RequestError::outcome_unknown())
}

/// What the service announced, if that is more than every service gets.
fn body_bytes_max(node: &Node, service: &str) -> usize {
    let announced = node.relay.registry.view().body_bytes_max(service).unwrap_or_default();
    node.bounds.http_body_bytes_max.max(announced.min(limit::REQUEST_CLAIMS_BYTES_MAX))
}

/// The response with its body, wherever that is, compressed if the client accepts it.
async fn fetched(
    node: &Node,
    response: HttpResponse,
    gzip: bool,
    cut: &CancellationToken,
) -> Result<Response, RequestError> {
    let (body, room) = match response.body {
        HttpBody::Body(text) => (text.into(), None),
        HttpBody::Claim(claim) => carried::fetch(node, claim).await.map(|(body, room)| (body, Some(room)))?,
    };
    let status = StatusCode::from_u16(response.status)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
        .ok_or_else(|| RequestError::new(ErrorCode::Internal, "the service answered with a wrong status"))?;
    let mut answer = Response::new(Bytes::new().into());
    *answer.status_mut() = status;
    for (name, value) in &response.headers {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), _) if HOP_BY_HOP.contains(&name.as_str()) => {}
            (Ok(name), Ok(value)) => drop(answer.headers_mut().append(name, value)),
            _ => log::warn!(header = name.as_str(); "a service answered with a header that cannot be sent"),
        }
    }
    let body = node.compressor.body(gzip, status, answer.headers_mut(), body).await;
    *answer.body_mut() = match room {
        Some(room) => carried::held(node, body, room, cut).into(),
        None => body.into(),
    };
    Ok(answer)
}

/// The headers that concern the service.
fn plain(headers: &HeaderMap) -> BTreeMap<String, String> {
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
        .collect();
    let mut plain = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        if HOP_BY_HOP.contains(&name.as_str()) || named.iter().any(|named| named == name.as_str()) {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        plain
            .entry(name.as_str().to_owned())
            .and_modify(|elder| *elder = format!("{elder}, {value}"))
            .or_insert_with(|| value.into_owned());
    }
    plain
}
