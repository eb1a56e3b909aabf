//! Asking a watcher for its list: one GET to the address that said hello, and nothing else. No name is looked up, no redirect
//! followed, no proxy asked.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use protocol::files::{self, BadReport, Instance, read_report};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use super::option::Options;

/// Who asks, for the log of the watcher.
const AGENT: &str = concat!("tercet/", env!("CARGO_PKG_VERSION"));

/// Why there is no list. Operators see it at `/nodes`.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// Lists are not fetched from there.
    #[error("its network is none that lists are fetched from (--files-networks)")]
    NotAllowed,
    /// Nobody listens, or the network is down.
    #[error("it cannot be reached: {0}")]
    Connect(#[source] std::io::Error),
    /// It broke off, or speaks no HTTP.
    #[error("it broke off: {0}")]
    Http(#[from] hyper::Error),
    /// It took too long.
    #[error("it did not answer in {0} ms")]
    Slow(u64),
    /// It answered, but not with its list.
    #[error("it answered with status {0}")]
    Status(StatusCode),
    /// The list is too large, or broke off.
    #[error("its list has more than {0} bytes")]
    TooLarge(usize),
    /// It is no list.
    #[error("{0}")]
    Report(#[from] BadReport),
    /// The worker stops, or has no memory.
    #[error("its list could not be read here")]
    Here,
}

impl FetchError {
    /// Whether nobody listens there: a watcher that lives does.
    pub(super) fn is_deserted(&self) -> bool {
        matches!(self, Self::Connect(error) if error.kind() == std::io::ErrorKind::ConnectionRefused)
    }
}

/// A watcher's list.
pub(super) struct Fetched {
    pub(super) instance: Instance,
    pub(super) files: Vec<Box<str>>,
    pub(super) seqno: u64,
}

/// Fetches the list from an address.
///
/// # Errors
/// [`FetchError`] says what the operator may have to do.
pub(super) async fn fetch(
    address: SocketAddr,
    options: &Options,
    tracker: &TaskTracker,
) -> Result<Fetched, FetchError> {
    if !options.allows(address.ip()) {
        return Err(FetchError::NotAllowed);
    }
    let asked = tokio::time::timeout(Duration::from_millis(options.fetch_ms), ask(address, options));
    let body = asked.await.map_err(|_| FetchError::Slow(options.fetch_ms))??;
    // A million names take so long that others would have to wait.
    tracker.spawn_blocking(move || read(&body)).await.map_err(|_| FetchError::Here)?
}

fn read(body: &[u8]) -> Result<Fetched, FetchError> {
    let report = read_report(body)?;
    if report.left_out > 0 {
        log::warn!(
            instance:% = report.instance, names = report.left_out;
            "a watcher has names that are empty, too long or have a U+0000: they are left out"
        );
    }
    let files = report.files.into_iter().map(|name| name.into_owned().into_boxed_str()).collect();
    Ok(Fetched { instance: report.instance, files, seqno: report.seqno })
}

async fn ask(address: SocketAddr, options: &Options) -> Result<Bytes, FetchError> {
    let stream = TcpStream::connect(address).await.map_err(FetchError::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async move {
        let response = sender.send_request(request(address, options)?).await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), options.fetch_bytes_max).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(error) => FetchError::Http(*error),
            Err(error) if error.is::<LengthLimitError>() => FetchError::TooLarge(options.fetch_bytes_max),
            Err(_) => FetchError::Here,
        })
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        // First what came, so that a connection that is closed behind the last byte is no error.
        biased;
        body = &mut exchange => body,
        ended = &mut connection => {
            // What has come was handed over, and nothing more will.
            let body = exchange.await;
            ended?;
            body
        }
    }
}

fn request(address: SocketAddr, options: &Options) -> Result<Request<Empty<Bytes>>, FetchError> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = hyper::Uri::from_static(files::PATH);
    let headers = request.headers_mut();
    let host = HeaderValue::try_from(address.to_string()).map_err(|_| FetchError::Here)?;
    headers.insert(HOST, host);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    if let Some(secret) = &options.secret {
        let mut shown = HeaderValue::try_from(secret.header()).map_err(|_| FetchError::Here)?;
        shown.set_sensitive(true);
        headers.insert(AUTHORIZATION, shown);
    }
    Ok(request)
}
