//! The sets service in memory, behind a real socket: HTTP and websockets as the monkeys use them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::model::{Sabotage, Set};

/// Pushes that may wait for a socket.
const PUSHES_MAX: usize = 10_000;

/// Changes that are kept to catch up from, and changes of one answer.
const LOG_MAX: usize = 50;
const PAGE: usize = 3;

/// Every how many-th request over a websocket a trouble comes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trouble {
    /// The answer is `unavailable`.
    pub(crate) unavailable_every: Option<u64>,
    /// It is done, and the connection breaks before the answer.
    pub(crate) break_every: Option<u64>,
}

/// The service.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

struct Shared {
    state: Mutex<State>,
    sabotage: Sabotage,
    trouble: Trouble,
}

#[derive(Default)]
struct State {
    sets: HashMap<String, Set>,
    watchers: HashMap<String, Vec<mpsc::Sender<String>>>,
    requests: u64,
}

#[cfg_attr(feature = "broken-merge", expect(dead_code, reason = "the one run with it needs none of it"))]
impl Service {
    pub(crate) async fn start(sabotage: Sabotage, trouble: Trouble) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { state: Mutex::default(), sabotage, trouble });
        let mut server = JoinSet::new();
        let accepted = Arc::clone(&shared);
        server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shared = Arc::clone(&accepted);
                connections.spawn(async move {
                    let answer = service_fn(move |request| answer(Arc::clone(&shared), request));
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), answer).with_upgrades().await;
                });
            }
        });
        Self { address, shared, _server: server }
    }

    /// How many sets there are.
    pub(crate) fn sets(&self) -> usize {
        self.shared.state.lock().sets.len()
    }

    /// No older cursor is known any more, and nobody is told.
    pub(crate) fn turn_epochs(&self) {
        self.shared.state.lock().sets.values_mut().for_each(Set::turn_epoch);
    }
}

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

impl State {
    fn apply(&mut self, id: &str, operations: Vec<Value>) -> Value {
        let set = self.sets.get_mut(id).expect("monkeys use sets that there are");
        let (outcomes, push) = set.apply(operations, now_ms());
        let cursor = set.cursor();
        if let Some(mut push) = push {
            push["set"] = json!(id);
            let text = push.to_string();
            let watchers = self.watchers.entry(id.to_owned()).or_default();
            watchers.retain(|watcher| watcher.try_send(text.clone()).is_ok());
        }
        json!({"outcomes": outcomes, "cursor": cursor, "server_ms": now_ms()})
    }
}

type Answer = Result<Response<Full<Bytes>>, Infallible>;

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Answer {
    if request.uri().path() == "/ws/sets" {
        return upgrade(shared, request);
    }
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let path: Vec<&str> = uri.path().split('/').skip(1).collect();
    let (status, body) = http(&mut shared.state.lock(), shared.sabotage, &method, &path, body);
    let response = Response::builder().status(status).body(Full::from(body.to_string()));
    Ok(response.unwrap())
}

fn http(
    state: &mut State,
    sabotage: Sabotage,
    method: &Method,
    path: &[&str],
    body: Value,
) -> (StatusCode, Value) {
    match (method, path) {
        (&Method::POST, ["sets"]) => {
            let id = body["id"].as_str().unwrap();
            state.sets.entry(id.to_owned()).or_insert_with(|| Set::new(id, LOG_MAX, sabotage));
            (StatusCode::CREATED, json!({"id": id}))
        }
        (&Method::POST, ["sets", id, "operations"]) => {
            (StatusCode::OK, state.apply(id, body["operations"].as_array().unwrap().clone()))
        }
        (&Method::PUT | &Method::DELETE, ["sets", id, "elements", value]) => {
            let op = if method == Method::PUT { "add" } else { "remove" };
            let value = percent_decode_str(value).decode_utf8().unwrap();
            let mut operation = json!({"op": op, "value": value});
            if let Some(stamp) = body.get("stamp") {
                operation["stamp"] = stamp.clone();
            }
            let outcome = state.apply(id, vec![operation])["outcomes"][0].clone();
            let is_refusal = outcome["outcome"] == "clock_ahead";
            (if is_refusal { StatusCode::CONFLICT } else { StatusCode::OK }, outcome)
        }
        (&Method::GET, ["sets", id, "digest"]) => (StatusCode::OK, state.sets[*id].digest()),
        (&Method::GET, ["sets", id]) => (StatusCode::OK, state.sets[*id].whole("snapshot")),
        (&Method::DELETE, ["sets", id]) => {
            state.sets.remove(*id);
            (StatusCode::NO_CONTENT, Value::Null)
        }
        _ => (StatusCode::NOT_FOUND, json!({"error": {"code": "not_found", "message": "no such path"}})),
    }
}

fn upgrade(shared: Arc<Shared>, mut request: Request<Incoming>) -> Answer {
    let key = request.headers()["sec-websocket-key"].as_bytes().to_vec();
    let upgraded = hyper::upgrade::on(&mut request);
    let serve = async move {
        let Ok(upgraded) = upgraded.await else { return };
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        converse(&shared, socket).await;
    };
    // The task ends with its connection, and the connection with the test.
    #[expect(clippy::disallowed_methods, reason = "an upgraded connection has no task of its own")]
    drop(tokio::spawn(serve));
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", derive_accept_key(&key));
    Ok(response.body(Full::default()).unwrap())
}

async fn converse(shared: &Shared, mut socket: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>) {
    let (sender, mut pushes) = mpsc::channel(PUSHES_MAX);
    loop {
        let out = tokio::select! {
            Some(push) = pushes.recv() => push,
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let request: Value = serde_json::from_str(&text).unwrap();
                    match request_over_socket(shared, &request, &sender) {
                        Some(answer) => answer.to_string(),
                        None => return,
                    }
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
        };
        if socket.send(Message::text(out)).await.is_err() {
            return;
        }
    }
}

/// The answer; none if the connection is to break.
fn request_over_socket(shared: &Shared, request: &Value, pushes: &mpsc::Sender<String>) -> Option<Value> {
    let mut state = shared.state.lock();
    state.requests += 1;
    let happens = |every: Option<u64>| every.is_some_and(|every| state.requests.is_multiple_of(every));
    let is_broken = happens(shared.trouble.break_every);
    if happens(shared.trouble.unavailable_every) {
        let message = "try again";
        return Some(json!({"error": {"code": "unavailable", "message": message}, "id": request["id"]}));
    }
    let id = request["set"].as_str().unwrap();
    let mut answer = if request["type"] == "watch" {
        let set = &state.sets[id];
        let answer = set.watch(request["cursor"].as_str(), PAGE);
        let watchers = state.watchers.entry(id.to_owned()).or_default();
        watchers.retain(|watcher| !watcher.same_channel(pushes));
        watchers.push(pushes.clone());
        answer
    } else {
        let mut answer = state.apply(id, request["operations"].as_array().unwrap().clone());
        answer["type"] = json!("outcomes");
        answer
    };
    answer["set"] = json!(id);
    answer["id"] = request["id"].clone();
    (!is_broken).then_some(answer)
}
