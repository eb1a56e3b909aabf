//! What a request is answered with.

use protocol::chat::{Picture, PictureKind, Uploaded};
use protocol::{HttpBody, HttpResponse, body};

/// What a browser may do with what it is sent: show it. Were it ever taken for a page, no script would run in it, and it
/// would be nobody's. The style is that of the browser's own page around a picture.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";

/// What is under a link never changes, but it is for those alone who have it.
const CACHE: &str = "private, max-age=31536000, immutable";

/// It is stored.
pub(super) fn stored(picture: &Picture) -> HttpResponse {
    let uploaded =
        Uploaded { picture: picture.clone(), url: picture.url(), thumbnail_url: picture.thumbnail_url() };
    let mut response = HttpResponse::json(201, HttpBody::Body(body::encode(&uploaded).get().to_owned()));
    response.headers.insert("location".to_owned(), uploaded.url);
    response.headers.insert("cache-control".to_owned(), "no-store".to_owned());
    response
}

/// Here it is; without a body only what is said about it. How long it is the node says, of a body that it has.
pub(super) fn found(name: &str, kind: PictureKind, body: HttpBody) -> HttpResponse {
    let mut response = unchanged(name);
    response.status = 200;
    response.body = body;
    let inline = format!("inline; filename=\"picture.{}\"", kind.extension());
    for (name, value) in [
        ("content-type", kind.media_type()),
        ("content-disposition", &inline),
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("accept-ranges", "none"),
    ] {
        response.headers.insert(name.to_owned(), value.to_owned());
    }
    response
}

/// The client has it.
pub(super) fn unchanged(name: &str) -> HttpResponse {
    let headers = [("etag", tag(name)), ("cache-control", CACHE.to_owned())];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
    HttpResponse { status: 304, headers, body: HttpBody::default() }
}

/// The entity tag of a file.
pub(super) fn tag(name: &str) -> String {
    format!("\"{name}\"")
}
