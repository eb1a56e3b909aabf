//! Stands in for an S3-compatible store: it has one bucket in memory, and looks at what its clients send. It does not check
//! signatures; that they are there, with the right key and over the right headers, it does.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub(super) const KEY: &str = "the-key-of-a-test";

#[derive(Default)]
struct State {
    objects: Mutex<BTreeMap<String, Bytes>>,
    /// What clients did wrong.
    complaints: Mutex<Vec<String>>,
    is_broken: AtomicBool,
}

/// A store, while it lasts.
pub(super) struct Bucket {
    pub(super) address: SocketAddr,
    state: Arc<State>,
    _serving: JoinSet<()>,
}

impl Bucket {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let (mut serving, of_requests) = (JoinSet::new(), Arc::clone(&state));
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&of_requests);
                connections.spawn(async move {
                    let answer = service_fn(|request| {
                        let state = Arc::clone(&state);
                        async move { Ok::<_, Infallible>(state.answer(request).await) }
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { address, state, _serving: serving }
    }

    /// From now on every request fails, or none.
    pub(super) fn breaks(&self, is_broken: bool) {
        self.state.is_broken.store(is_broken, Ordering::SeqCst);
    }

    /// What is in it.
    pub(super) fn objects(&self) -> BTreeMap<String, Bytes> {
        self.state.objects.lock().clone()
    }

    pub(super) fn assert_content(&self) {
        assert_eq!(*self.state.complaints.lock(), [""; 0]);
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if self.is_broken.load(Ordering::SeqCst) {
            return response(StatusCode::SERVICE_UNAVAILABLE, Bytes::new());
        }
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let header = |name: &str| head.headers.get(name).map_or("", |value| value.to_str().unwrap());
        let signature = header("authorization");
        let is_signed = signature.starts_with(&format!("AWS4-HMAC-SHA256 Credential={KEY}/"))
            && signature.contains("/s3/aws4_request")
            && signature.contains("SignedHeaders=")
            && ["host", "x-amz-content-sha256", "x-amz-date"].iter().all(|name| signature.contains(name))
            && signature.contains("Signature=");
        let path = head.uri.path().to_owned();
        if !is_signed || !path.starts_with("/pictures/of/chat/") {
            self.complaints.lock().push(format!("{} {path}: {signature}", head.method));
            return response(StatusCode::FORBIDDEN, Bytes::new());
        }
        match head.method {
            Method::PUT => {
                self.objects.lock().insert(path, body);
                response(StatusCode::OK, Bytes::new())
            }
            Method::GET => match self.objects.lock().get(&path) {
                Some(object) => response(StatusCode::OK, object.clone()),
                None => response(StatusCode::NOT_FOUND, Bytes::new()),
            },
            other => {
                self.complaints.lock().push(format!("{other} {path}"));
                response(StatusCode::METHOD_NOT_ALLOWED, Bytes::new())
            }
        }
    }
}

fn response(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let builder = Response::builder().status(status).header("etag", "\"x\"");
    builder.header("last-modified", "Sat, 21 Nov 2026 07:00:00 GMT").body(Full::new(body)).unwrap()
}
