//! A files service that the tests play: it can refuse, hang, cut off, vanish and come back, and knows either all of the protocol
//! or only the original's part of it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use protocol::files::{self, Instance, State};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::book::{Book, Heard};
use super::fetch::fetch;
use super::port::free_port;
use super::within::{LONG, within};

/// What the service knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All of the protocol.
    Files,
    /// One operation a request, no number in a hello, and nothing in its answers.
    Original,
}

/// How it treats what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Takes,
    /// Answers this, and takes nothing down.
    Answers(u16),
    /// Answers several operations with 400.
    TakesOne,
    /// Never answers.
    Hangs,
    /// Takes it down, and breaks the connection instead of answering.
    CutsOff,
}

struct Shared {
    kind: Kind,
    secret: Option<String>,
    book: Mutex<Book>,
    mood: Mutex<Mood>,
    changed: watch::Sender<()>,
}

/// The service. It is gone with the test.
pub(crate) struct Aggregator {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: Option<(CancellationToken, TaskTracker)>,
}

impl Aggregator {
    pub(crate) fn start(kind: Kind) -> Self {
        let mut aggregator = Self::down(kind, None);
        aggregator.come_back();
        aggregator
    }

    pub(crate) fn with_secret(secret: &str) -> Self {
        let mut aggregator = Self::down(Kind::Files, Some(secret.to_owned()));
        aggregator.come_back();
        aggregator
    }

    /// Its port is known, and nobody is there.
    pub(crate) fn down(kind: Kind, secret: Option<String>) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (book, mood) = (Mutex::default(), Mutex::new(Mood::Takes));
        let shared = Arc::new(Shared { kind, secret, book, mood, changed: watch::Sender::new(()) });
        Self { address, shared, running: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.shared.mood.lock() = mood;
    }

    /// Does something with what it knows.
    pub(crate) fn with<T>(&self, action: impl FnOnce(&mut Book) -> T) -> T {
        action(&mut self.shared.book.lock())
    }

    /// Waits until something is true of what it knows.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Book) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        let seen = async {
            while !is_so(&self.shared.book.lock()) {
                changed.changed().await.unwrap();
            }
        };
        within(what, seen).await;
    }

    /// Waits until exactly this is listed.
    pub(crate) async fn lists(&self, names: &BTreeSet<String>) {
        let mut changed = self.shared.changed.subscribe();
        let listed = async {
            while self.shared.book.lock().listing() != *names {
                changed.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(LONG, listed).await.is_err() {
            let listing = self.shared.book.lock().listing();
            let (more, less): (Vec<_>, Vec<_>) =
                (listing.difference(names).take(9).collect(), names.difference(&listing).take(9).collect());
            panic!("{} listed, {} there; too many {more:?}, missing {less:?}", listing.len(), names.len());
        }
    }

    /// Waits until so many more requests have come.
    pub(crate) async fn told(&self, count: usize) {
        let mut changed = self.shared.changed.subscribe();
        for _ in 0..count {
            within("a request", changed.changed()).await.unwrap();
        }
    }

    /// Is gone, with all connections.
    pub(crate) async fn vanish(&mut self) {
        if let Some((stop, tasks)) = self.running.take() {
            stop.cancel();
            tasks.close();
            within("the end of the service", tasks.wait()).await;
        }
    }

    /// Is there at the same address.
    pub(crate) fn come_back(&mut self) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        // A process that is just being started has a copy of the old socket for a moment.
        socket.set_reuseport(true).unwrap();
        socket.bind(self.address).unwrap();
        let listener = socket.listen(128).unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, self.shared.clone(), tasks.clone(), stop.clone()));
        self.running = Some((stop, tasks));
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, tasks: TaskTracker, stop: CancellationToken) {
    loop {
        let (stream, _) = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted.unwrap(),
        };
        let (shared, stop, fetches) = (shared.clone(), stop.clone(), tasks.clone());
        tasks.spawn(async move {
            let cut = CancellationToken::new();
            let service = service_fn(|request| {
                answer(request, shared.clone(), fetches.clone(), stop.clone(), cut.clone())
            });
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = stop.cancelled() => {}
                () = cut.cancelled() => {}
                _ = served => {}
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    fetches: TaskTracker,
    stop: CancellationToken,
    cut: CancellationToken,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body =
        String::from_utf8(body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default());
    let shown = head.headers.get("authorization").and_then(|header| header.to_str().ok());
    let wanted = shared.secret.as_ref().map(|secret| format!("Bearer {secret}"));
    let mood = *shared.mood.lock();
    if mood == Mood::Hangs {
        std::future::pending::<()>().await;
    }
    let (status, text) = if let Mood::Answers(status) = mood {
        (status, String::new())
    } else if shown != wanted.as_deref() {
        (401, String::new())
    } else if head.headers["content-type"] != "application/json" {
        (415, String::new())
    } else {
        hear(&shared, &head.method, head.uri.path(), &body.unwrap(), &fetches, &stop)
    };
    shared.changed.send_replace(());
    if mood == Mood::CutsOff {
        cut.cancel();
        std::future::pending::<()>().await;
    }
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

/// Takes down what was said. The answer is a status and a body.
fn hear(
    shared: &Arc<Shared>,
    method: &Method,
    path: &str,
    body: &str,
    fetches: &TaskTracker,
    stop: &CancellationToken,
) -> (u16, String) {
    let is_ours = shared.kind == Kind::Files;
    let mut book = shared.book.lock();
    let (instance, state) = match (method.as_str(), path) {
        ("POST", files::HELLO_PATH) => {
            let hello = files::read_hello(body).unwrap();
            book.heard.push(Heard::Hello(hello.clone()));
            (hello.instance.clone(), book.hello(&hello, is_ours))
        }
        ("POST", files::BYE_PATH) => {
            let bye = files::read_bye(body).unwrap();
            book.heard.push(Heard::Bye(bye.clone()));
            book.bye(&bye);
            (bye.instance, State::Gone)
        }
        ("PATCH", files::PATH) => {
            let all = files::read_operations(body).unwrap();
            book.heard.push(Heard::Operations(all.clone()));
            if all.len() > 1 && (!is_ours || *shared.mood.lock() == Mood::TakesOne) {
                return (400, String::new());
            }
            (all[0].instance.clone(), book.operations_of(&all))
        }
        _ => {
            book.violations.push(format!("{method} {path}"));
            return (404, String::new());
        }
    };
    let watcher = book.watchers.get(&instance);
    let seqno = watcher.map(|watcher| watcher.seqno);
    if let Some(port) = watcher.filter(|watcher| watcher.is_dirty).and_then(|watcher| watcher.port) {
        fetches.spawn(fetch_list(shared.clone(), instance.clone(), port, stop.clone()));
    }
    if is_ours {
        let cursor = "a-1".parse().unwrap();
        let heard = files::Heard { instance, state, seqno, cursor };
        (200, serde_json::to_string(&heard).unwrap())
    } else {
        (200, "OK".to_owned())
    }
}

/// Fetches until nothing was missed meanwhile.
async fn fetch_list(shared: Arc<Shared>, instance: Instance, port: u16, stop: CancellationToken) {
    loop {
        let known =
            shared.book.lock().watchers.get(&instance).filter(|watcher| watcher.is_dirty).map(|it| it.gaps);
        let Some(gaps) = known else {
            return;
        };
        let fetched = tokio::select! {
            () = stop.cancelled() => return,
            fetched = fetch(Method::GET, port, files::PATH, shared.secret.as_deref()) => fetched,
        };
        // If it is gone, its next hello leads here again.
        let Some(fetched) = fetched.filter(|fetched| fetched.status == StatusCode::OK) else {
            return;
        };
        let report = files::read_report(&fetched.body).unwrap();
        if report.instance != instance {
            return;
        }
        let mut book = shared.book.lock();
        if report.left_out > 0 {
            book.violations.push(format!("{} names cannot be listed", report.left_out));
        }
        book.merge(&report, gaps);
        drop(book);
        shared.changed.send_replace(());
    }
}
