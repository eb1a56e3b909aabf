//! What the node answers over HTTP.
//!
//! Its own are the page ([`page`]), `/healthz`, `/readyz` and `/metrics` ([`status`]), and the upgrades at `/ws` and
//! `/ws/<service>` ([`upgrade`], [`origin`]). Every other path belongs to the service that announced it ([`relayed`], [`carried`], [`compressed`]), so
//! that a new service or route needs no new web layer.

mod addressed;
mod carried;
pub(crate) mod compressed;
pub(crate) mod origin;
pub(crate) mod page;
pub(crate) mod relayed;
pub(crate) mod status;
pub(crate) mod upgrade;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use warp::filters::BoxedFilter;
use warp::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use warp::http::{HeaderValue, StatusCode};
use warp::reply::Response;
use warp::{Filter, Rejection};

use protocol::{ErrorCode, HttpBody, HttpResponse, RequestError};

use crate::http::origin::Origin;
use crate::node::Node;

/// All that the node answers.
pub(crate) fn routes(
    node: &Arc<Node>,
    static_folder: Option<PathBuf>,
    origins: Vec<Origin>,
) -> BoxedFilter<(Response,)> {
    upgrade::routes(node, origins)
        .or(status::routes(node))
        .unify()
        .or(page::routes(static_folder))
        .unify()
        .or(relayed::routes(node))
        .unify()
        .recover(async |rejection: Rejection| Ok::<_, Infallible>(refused(&rejection)))
        .unify()
        .boxed()
}

/// The response to a request that no route took. Routes look at the path before the method.
fn refused(rejection: &Rejection) -> Response {
    if rejection.find::<warp::reject::MethodNotAllowed>().is_none() {
        let nothing = RequestError::new(ErrorCode::NotFound, "there is no such path");
        return error(rejection.find().map_or(&nothing, |relayed::NoService(reason)| reason));
    }
    let mut response =
        error(&RequestError::new(ErrorCode::MethodNotAllowed, "this path is only for reading"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// The response to a request that failed.
pub(crate) fn error(error: &RequestError) -> Response {
    let HttpResponse { status, body, .. } = HttpResponse::error(error);
    let HttpBody::Body(text) = body else { unreachable!("errors are short") };
    let mut response = Response::new(text.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = error.code.retry_after_s() {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}
