//! The listing over HTTP.

use protocol::{Body, ErrorCode, HttpBody, HttpRequest, HttpResponse, RequestError, numbers};

/// The response to a request that is not answered with the listing; none for one that is.
pub(super) fn refused(request: &HttpRequest) -> Option<HttpResponse> {
    if request.path != numbers::PATH {
        let words = format!("there is nothing here: the listing is at {}", numbers::PATH);
        return Some(HttpResponse::error(&RequestError::new(ErrorCode::NotFound, words)));
    }
    if matches!(request.method.as_str(), "GET" | "HEAD") {
        return None;
    }
    let words = "the listing can only be read: numbers are set over the websocket at /ws";
    let mut response = HttpResponse::error(&RequestError::new(ErrorCode::MethodNotAllowed, words));
    response.headers.insert("allow".to_owned(), "GET, HEAD".to_owned());
    Some(response)
}

/// The listing as a response.
pub(super) fn listed(request: &HttpRequest, body: &Body) -> HttpResponse {
    let body = match body {
        _ if request.method == "HEAD" => HttpBody::default(),
        Body::Inline(json) => HttpBody::Body(json.get().to_owned()),
        Body::Claim(claim) => HttpBody::Claim(claim.clone()),
    };
    HttpResponse::json(200, body)
}
