//! The page: from inside the binary, or from a folder while one works on it.

use std::path::PathBuf;

use rust_embed::{Embed, EmbeddedFile};
use warp::filters::BoxedFilter;
use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS,
};
use warp::http::{HeaderValue, StatusCode};
use warp::path::Tail;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

/// Nothing but our own files, and no frame around them.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self'; script-src 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

#[derive(Embed)]
#[folder = "../static"]
#[exclude = "tests/*"]
#[exclude = "package.json"]
struct Files;

/// Whether a path is the page's, so that no service is looked for.
pub(super) fn owns(path: &str) -> bool {
    path.strip_prefix("/static").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `/` and `/static/…`.
pub(crate) fn routes(folder: Option<PathBuf>) -> BoxedFilter<(Response,)> {
    let files = match folder {
        None => embedded(),
        Some(folder) => {
            let index = warp::path::end().and(warp::fs::file(folder.join("index.html")));
            index
                .or(warp::path("static").and(warp::fs::dir(folder)))
                .unify()
                .map(Reply::into_response)
                .boxed()
        }
    };
    files.map(protected).boxed()
}

fn embedded() -> BoxedFilter<(Response,)> {
    let index = warp::path::end().map(|| "index.html".to_owned());
    let file = warp::path("static").and(warp::path::tail()).map(|tail: Tail| tail.as_str().to_owned());
    index
        .or(file)
        .unify()
        .and(warp::get().or(warp::head()).unify())
        .and(warp::header::optional::<String>("if-none-match"))
        .and_then(async |name: String, known: Option<String>| match Files::get(&name) {
            Some(file) => Ok(response(file, known.as_deref())),
            None => Err::<Response, Rejection>(warp::reject::not_found()),
        })
        .boxed()
}

fn response(file: EmbeddedFile, known: Option<&str>) -> Response {
    let hash = file.metadata.sha256_hash();
    let etag = hash[..8].iter().fold(String::from("\""), |etag, byte| format!("{etag}{byte:02x}")) + "\"";
    // RFC 9110, section 13.1.2: a list, compared weakly.
    let is_this = |tag: &str| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag;
    let unchanged = known.is_some_and(|known| known.split(',').any(|tag| is_this(tag.trim())));
    let kind = HeaderValue::from_str(file.metadata.mimetype());
    let mut response = Response::new(if unchanged { Vec::new() } else { file.data.into_owned() }.into());
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    headers.extend(HeaderValue::from_str(&etag).ok().map(|etag| (ETAG, etag)));
    response
}

fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
