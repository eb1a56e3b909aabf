//! Serving the list.
//!
//! - `GET /files`: what is in the folder, for the service to fetch
//! - `GET /readyz`: 200 while the folder is followed and the service takes what is told, else 503

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use protocol::files::{Instance, PATH};
use protocol::{ErrorCode, RequestError};
use serde::Serialize;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ledger::List;
use crate::limit;
use crate::secret::Secret;
use crate::state::State;

/// Where a probe asks how the watcher is.
pub(crate) const READY_PATH: &str = "/readyz";
/// Connections that the system keeps until they are accepted.
const BACKLOG: i32 = 128;
/// The pause after connections could not be accepted: when there are no descriptors, it helps to wait.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Answer = Response<Full<Bytes>>;

/// What all connections share.
struct Server {
    state: Arc<State>,
    secret: Option<Secret>,
    lists: Semaphore,
    tasks: TaskTracker,
}

/// Takes the port. On a host without IPv6, all addresses are all of IPv4.
pub(crate) fn bind(host: IpAddr, port: u16) -> io::Result<TcpListener> {
    let bound = bind_to(SocketAddr::new(host, port));
    match bound {
        Err(error) if host.is_unspecified() && host.is_ipv6() && error.kind() != io::ErrorKind::AddrInUse => {
            bind_to(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
        }
        bound => bound,
    }
}

fn bind_to(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves until `stop`. What is being answered is answered to the end, which `tasks` waits for.
pub(crate) async fn serve(
    listener: TcpListener,
    state: Arc<State>,
    secret: Option<Secret>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let lists = Semaphore::new(limit::LISTS_MAX);
    let server = Arc::new(Server { state, secret, lists, tasks: tasks.clone() });
    let places = Arc::new(Semaphore::new(limit::CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                // Beyond the bound, the connection is closed.
                if let Ok(place) = places.clone().try_acquire_owned() {
                    let (server, stop) = (server.clone(), stop.clone());
                    tasks.spawn(async move {
                        connection(stream, server, stop).await;
                        drop(place);
                    });
                }
            }
            Err(error) => {
                log::warn!(error:%; "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, server: Arc<Server>, stop: CancellationToken) {
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(Duration::from_millis(limit::STALL_MS)));
    let service = service_fn(|request| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(server.answer(&request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limit::HEAD_READ_MS))
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        log::debug!(error:%; "HTTP connection ended early");
    }
}

impl Server {
    async fn answer(&self, request: &Request<Incoming>) -> Answer {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            PATH | READY_PATH if !is_read => {
                let error = RequestError::new(ErrorCode::MethodNotAllowed, "this is only for reading: GET");
                let mut answer = refusal(&error, StatusCode::METHOD_NOT_ALLOWED);
                answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                answer
            }
            PATH if !self.is_known(request) => {
                let error = RequestError::new(ErrorCode::BadRequest, "this watcher asks for its secret");
                let mut answer = refusal(&error, StatusCode::UNAUTHORIZED);
                answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                answer
            }
            PATH => self.list().await,
            READY_PATH => {
                let readiness = self.state.readiness(Instant::now());
                let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                answer(status, encode(&readiness))
            }
            _ => {
                let words = format!(
                    "there is nothing here: {PATH} is the list, {READY_PATH} tells how the watcher is"
                );
                refusal(&RequestError::new(ErrorCode::NotFound, words), StatusCode::NOT_FOUND)
            }
        }
    }

    fn is_known(&self, request: &Request<Incoming>) -> bool {
        self.secret.as_ref().is_none_or(|secret| secret.is(request.headers().get(AUTHORIZATION)))
    }

    /// A long list takes its time, which hellos must not wait for.
    async fn list(&self) -> Answer {
        let Ok(_turn) = self.lists.acquire().await else {
            return refusal(&RequestError::unavailable(), StatusCode::SERVICE_UNAVAILABLE);
        };
        let state = self.state.clone();
        let written = self.tasks.spawn_blocking(move || {
            let (instance, list) = state.dialogue.lock().show();
            // What it shows ahead of the operations is to be told.
            state.changed.notify_one();
            write(&instance, &list)
        });
        match written.await {
            Ok(text) => answer(StatusCode::OK, text),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// `{"instance":"…","files":[{"filename":"z.txt"}],"seqno":238}`
fn write(instance: &Instance, list: &List) -> Bytes {
    #[derive(Serialize)]
    struct File<'a> {
        filename: &'a str,
    }
    #[derive(Serialize)]
    struct Wire<'a> {
        instance: &'a Instance,
        files: Vec<File<'a>>,
        seqno: u64,
    }
    let files = list.names.iter().map(|name| File { filename: name.as_str() }).collect();
    encode(&Wire { instance, files, seqno: list.seqno })
}

fn encode(value: &impl Serialize) -> Bytes {
    Bytes::from(String::from(Box::<str>::from(protocol::body::encode(value))))
}

fn refusal(error: &RequestError, status: StatusCode) -> Answer {
    answer(status, encode(&error.body()))
}

fn answer(status: StatusCode, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
