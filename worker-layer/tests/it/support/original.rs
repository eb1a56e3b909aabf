//! A watcher as the brief's, played: it has a folder that is a set of names, says what happens in it one operation a request,
//! never repeats what failed, and serves its list on a port of its own.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::files::{Files, patch};
use super::within;

/// One run of it.
pub(crate) struct Original {
    pub(crate) instance: String,
    pub(crate) port: u16,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

struct Shared {
    state: Mutex<State>,
    /// How many requests for the list came.
    gets: AtomicUsize,
    /// How many of them are being answered, and the most at a time.
    now: AtomicUsize,
    most: AtomicUsize,
    asked: Notify,
    /// What the header `authorization` was when its list was asked for last.
    shown: Mutex<Option<String>>,
    /// A permit lets one answer out.
    gate: Option<Semaphore>,
}

#[derive(Clone)]
struct State {
    instance: String,
    files: BTreeSet<String>,
    seqno: u64,
    /// What it answers instead of its list.
    answer: Option<(StatusCode, String)>,
}

impl Original {
    /// Starts on any port, with these files in its folder.
    pub(crate) async fn start(files: &[&str]) -> Self {
        Self::on(0, files, false).await
    }

    /// The same, but its list comes only when [`Original::let_out`] is called.
    pub(crate) async fn gated(files: &[&str]) -> Self {
        Self::on(0, files, true).await
    }

    /// Starts on a port.
    pub(crate) async fn on(port: u16, files: &[&str], is_gated: bool) -> Self {
        let instance = Uuid::new_v4().to_string();
        let state = State {
            instance: instance.clone(),
            files: files.iter().map(|name| (*name).to_owned()).collect(),
            seqno: 1,
            answer: None,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            gets: AtomicUsize::new(0),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            asked: Notify::new(),
            shown: Mutex::new(None),
            gate: is_gated.then(|| Semaphore::new(0)),
        });
        let listener = bind(port).await;
        let port = listener.local_addr().expect("it listens").port();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&shared)));
        Self { instance, port, shared, _serving: serving }
    }

    /// It dies without a word, and another run begins on the same port: with a new instance, and the same folder.
    pub(crate) async fn restarted(self) -> Self {
        let files = self.files();
        let port = self.port;
        drop(self);
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        Self::on(port, &files, false).await
    }

    pub(crate) fn files(&self) -> BTreeSet<String> {
        self.shared.state.lock().files.clone()
    }

    pub(crate) async fn hello(&self, files: &mut Files) {
        files.hello(&self.instance, self.port).await;
    }

    pub(crate) async fn bye(&self, files: &mut Files) {
        files.bye(&self.instance).await;
    }

    /// A file appears, and it says so.
    pub(crate) async fn add(&self, files: &mut Files, name: &str) {
        let seqno = self.add_unheard(name);
        files.patch(&self.instance, &[("add", name, seqno)]).await;
    }

    /// A file vanishes, and it says so.
    pub(crate) async fn remove(&self, files: &mut Files, name: &str) {
        let seqno = self.remove_unheard(name);
        files.patch(&self.instance, &[("remove", name, seqno)]).await;
    }

    /// A file appears; what it says of that is lost, and its number with it.
    pub(crate) fn add_unheard(&self, name: &str) -> u64 {
        self.count(|files| _ = files.insert(name.to_owned()))
    }

    /// A file vanishes; what it says of that is lost, and its number with it.
    pub(crate) fn remove_unheard(&self, name: &str) -> u64 {
        self.count(|files| _ = files.remove(name))
    }

    /// The body of the PATCH that tells of a file, for those who send it themselves.
    pub(crate) fn patch(&self, op: &str, name: &str, seqno: u64) -> String {
        patch(&self.instance, &[(op, name, seqno)])
    }

    /// Changes the folder; the number that the operation has.
    fn count(&self, change: impl FnOnce(&mut BTreeSet<String>)) -> u64 {
        let mut state = self.shared.state.lock();
        change(&mut state.files);
        state.seqno += 1;
        state.seqno
    }

    /// From now on it answers something else.
    pub(crate) fn answers(&self, status: u16, body: &str) {
        let status = StatusCode::from_u16(status).expect("a status");
        self.shared.state.lock().answer = Some((status, body.to_owned()));
    }

    /// How often its list was asked for.
    pub(crate) fn gets(&self) -> usize {
        self.shared.gets.load(Ordering::SeqCst)
    }

    /// How many requests for its list it had at the same time.
    pub(crate) fn gets_at_once(&self) -> usize {
        self.shared.most.load(Ordering::SeqCst)
    }

    /// What whoever asked for its list last showed as authorization.
    pub(crate) fn shown(&self) -> Option<String> {
        self.shared.shown.lock().clone()
    }

    /// Waits until its list has been asked for so often.
    pub(crate) async fn asked(&self, times: usize) {
        within("a request for the list", async {
            while self.gets() < times {
                self.shared.asked.notified().await;
            }
        })
        .await;
    }

    /// Lets one list out.
    pub(crate) fn let_out(&self) {
        self.shared.gate.as_ref().expect("it is gated").add_permits(1);
    }
}

/// The port may still be in use by the run before, for as long as that takes to end.
async fn bind(port: u16) -> TcpListener {
    within("the port", async {
        loop {
            match TcpListener::bind(("127.0.0.1", port)).await {
                Ok(listener) => return listener,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let answer = service_fn(|request| answer(request, Arc::clone(&shared)));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let respond = |status: StatusCode, body: String| {
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        Ok(response)
    };
    if request.uri().path() != "/files" || request.method() != "GET" {
        return respond(StatusCode::NOT_FOUND, String::new());
    }
    let shown = request.headers().get("authorization").and_then(|shown| shown.to_str().ok());
    *shared.shown.lock() = shown.map(ToOwned::to_owned);
    let now = shared.now.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most.fetch_max(now, Ordering::SeqCst);
    shared.gets.fetch_add(1, Ordering::SeqCst);
    // The number is read before the list, so it may be older.
    let seqno = shared.state.lock().seqno;
    shared.asked.notify_waiters();
    shared.asked.notify_one();
    if let Some(gate) = &shared.gate {
        gate.acquire().await.expect("it is open").forget();
    } else {
        tokio::task::yield_now().await;
    }
    let State { instance, files, answer, .. } = shared.state.lock().clone();
    shared.now.fetch_sub(1, Ordering::SeqCst);
    if let Some((status, body)) = answer {
        return respond(status, body);
    }
    let files: Vec<_> = files.iter().map(|name| json!({ "filename": name })).collect();
    respond(StatusCode::OK, json!({ "instance": instance, "files": files, "seqno": seqno }).to_string())
}
