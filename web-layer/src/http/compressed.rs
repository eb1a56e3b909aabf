//! Large responses of services, compressed for clients that accept it.

use std::io::{self, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::Semaphore;
use warp::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, VARY};
use warp::http::{HeaderValue, StatusCode};

use broker::Tasks;
use protocol::limit;

/// Bodies that are compressed at the same time, each on a thread of its own: further ones are sent as they are.
const AT_ONCE_MAX: usize = 4;

/// Where compressing is done.
pub(crate) struct Compressor {
    places: Arc<Semaphore>,
    tasks: Tasks,
}

impl Compressor {
    pub(crate) fn new(tasks: Tasks) -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE_MAX)), tasks }
    }

    /// The body of a response, compressed if that pays; then the headers say so. `accepted` is what [`is_accepted`] said.
    pub(super) async fn body(
        &self,
        accepted: bool,
        status: StatusCode,
        headers: &mut HeaderMap,
        body: Bytes,
    ) -> Bytes {
        if body.len() < limit::COMPRESS_OVER_BYTES || !is_compressible(status, headers) {
            return body;
        }
        // Also on the plain form, so that a cache in between does not give it to everyone.
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        let Some(place) = accepted.then(|| Arc::clone(&self.places).try_acquire_owned().ok()).flatten()
        else {
            return body;
        };
        let plain = body.clone();
        let compressing = self.tasks.tracker.spawn_blocking(move || {
            let _place = place;
            gzip(&plain)
        });
        let Ok(Ok(compressed)) = compressing.await else {
            return body;
        };
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        weaken(headers);
        compressed.into()
    }
}

/// Whether a client takes gzip, as `accept-encoding` says (RFC 9110, section 12.5.3).
pub(super) fn is_accepted(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.any(|codings| codings.split(',').any(is_gzip))
}

fn is_gzip(coding: &str) -> bool {
    let mut parts = coding.split(';').map(|part| part.trim().to_ascii_lowercase());
    let named = parts.next().is_some_and(|name| name == "gzip" || name == "*");
    let weight = parts.find_map(|part| part.strip_prefix("q=")?.trim().parse::<f32>().ok());
    named && weight.is_none_or(|weight| weight > 0.0)
}

fn is_compressible(status: StatusCode, headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_text = kind.starts_with("text/") || kind.contains("json");
    status == StatusCode::OK && is_text && !headers.contains_key(CONTENT_ENCODING)
}

/// The fastest level: on JSON it saves most of what the others do.
fn gzip(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    encoder.write_all(plain)?;
    encoder.finish()
}

/// The same content in another form has no strong entity tag in common (RFC 9110, section 8.8.3).
fn weaken(headers: &mut HeaderMap) {
    let weak = headers.get(ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| !tag.starts_with("W/"));
    if let Some(tag) = weak.and_then(|tag| HeaderValue::try_from(format!("W/{tag}")).ok()) {
        headers.insert(ETAG, tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_accepted_where_it_is_named_and_not_refused() {
        let accepted = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
            is_accepted(&headers)
        };
        for value in ["gzip", "br, GZIP;q=0.5", "*", "deflate,gzip ; q=1.0"] {
            assert!(accepted(value), "{value}");
        }
        for value in ["", "br", "gzip;q=0", "gzip; q=0.0, br", "x-gzip", "identity"] {
            assert!(!accepted(value), "{value}");
        }
        assert!(!is_accepted(&HeaderMap::new()));
    }
}
