//! How the node is, for load balancers, container engines and Prometheus.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use warp::http::{HeaderValue, StatusCode};
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::node::Node;

#[derive(Serialize)]
struct Readiness<'a> {
    ready: bool,
    node: &'a str,
    /// The services that some worker handles now.
    services: Vec<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<&'static str>,
}

pub(crate) fn routes(
    node: &Arc<Node>,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let readable = warp::get().or(warp::head()).unify();
    let (of_readyz, of_metrics) = (node.clone(), node.clone());
    let healthz =
        warp::path!("healthz").and(readable).map(|| text(StatusCode::OK, "text/plain", "alive\n".to_owned()));
    let readyz = warp::path!("readyz").and(readable).map(move || readiness(&of_readyz));
    let metrics = warp::path!("metrics").and(readable).map(move || metrics(&of_metrics));
    healthz.or(readyz).unify().or(metrics).unify()
}

fn readiness(node: &Node) -> Response {
    let trouble = node.health.trouble(Instant::now());
    let services = node.relay.registry.view().serving();
    let readiness = Readiness { ready: trouble.is_none(), node: node.id.as_str(), services, trouble };
    let status = if trouble.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(status, "application/json", protocol::body::encode(&readiness).get().to_owned())
}

fn metrics(node: &Node) -> Response {
    node.metrics.claimed_bytes(node.relay.claimed.held_bytes());
    let text_ =
        node.metrics.text(node.relay.in_flight(), node.relay.publisher.is_connected(), node.clock.now_s());
    text(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", text_)
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
