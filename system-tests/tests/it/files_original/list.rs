//! The list that a played watcher serves.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use system_tests::patience::{SOON, within};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::original::{State, Tally, told};

/// How long it goes through its map for an answer.
const ANSWER_TAKES: Duration = Duration::from_millis(20);

/// Nothing tells that a port has become free.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The port may still be the run's before.
pub(super) async fn bind(address: SocketAddr) -> TcpListener {
    let free = async {
        loop {
            match TcpListener::bind(address).await {
                Ok(listener) => return listener,
                Err(_) => sleep(LOOK_AGAIN).await,
            }
        }
    };
    within("the port is free", SOON, free).await
}

pub(super) async fn serve(listener: TcpListener, state: Arc<State>, tally: Arc<Tally>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (state, tally) = (state.clone(), tally.clone());
        connections.spawn(async move {
            let answer = service_fn(|request| answer(request, &state, &tally));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// A request for the list that is being answered, until it was or its connection broke.
struct Answering<'a>(&'a State);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.asked_now.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn answer(
    request: Request<Incoming>,
    state: &State,
    tally: &Tally,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let respond = |status: StatusCode, body: String| {
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        Ok(response)
    };
    if request.method() != Method::GET || request.uri().path() != "/files" {
        return respond(StatusCode::NOT_FOUND, String::new());
    }
    tally.gets.fetch_add(1, Ordering::SeqCst);
    let at_once = state.asked_now.fetch_add(1, Ordering::SeqCst) + 1;
    let _answering = Answering(state);
    if at_once > 1 {
        // It goes through its map without a lock.
        let crash = format!("{} was asked for its list {at_once} times at once", state.instance);
        tally.crashes.lock().push(crash);
    }
    // The number is read before the list, and so may be older.
    let seqno = state.seqno.load(Ordering::SeqCst);
    sleep(ANSWER_TAKES).await;
    let names: Vec<String> = state.files.lock().iter().map(|name| told(name)).collect();
    let files: Vec<_> = names.into_iter().map(|filename| json!({ "filename": filename })).collect();
    respond(StatusCode::OK, json!({ "instance": state.instance, "files": files, "seqno": seqno }).to_string())
}
