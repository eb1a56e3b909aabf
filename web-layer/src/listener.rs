//! Accepting TCP connections and speaking HTTP/1.1 on them.
//!
//! warp serves the requests; the loop is our own, because it knows the client's address, sets TCP_NODELAY, bounds the time
//! for a request's head, and keeps the socket's own type, so that an upgrade gets the bare TCP stream back.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;
use warp::Reply;
use warp::filters::BoxedFilter;

use protocol::limit;

use crate::node::Node;

/// Connections that the system keeps until they are accepted: enough for a reconnect storm.
const BACKLOG: i32 = 16_384;

/// The address of a client, as an extension of its requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerAddress(pub(crate) SocketAddr);

/// Ends the connection that a request came on, at once.
#[derive(Clone)]
pub(crate) struct Cut(pub(crate) CancellationToken);

/// Takes the port.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it: without it, small answers wait for the client's delayed ACK.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The loops that accept, and the requests that are being served.
pub(crate) struct Listening {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Listening {
    /// Starts to accept.
    pub(crate) fn start<R: Reply + 'static>(
        listener: TcpListener,
        routes: BoxedFilter<(R,)>,
        node: &Arc<Node>,
    ) -> Self {
        let listening = Self { stop: CancellationToken::new(), tracker: TaskTracker::new() };
        let (stop, tracker) = (listening.stop.clone(), listening.tracker.clone());
        let node = node.clone();
        let places = Arc::new(Semaphore::new(limit::HTTP_CONNECTIONS_MAX));
        listening.tracker.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stop.cancelled() => return,
                };
                match accepted {
                    Ok((stream, peer)) => match places.clone().try_acquire_owned() {
                        Ok(place) => {
                            tracker.spawn(serve(stream, peer, routes.clone(), stop.clone(), place));
                        }
                        Err(_) => node.metrics.refuse(),
                    },
                    Err(error) => wait_after(&error, &node).await,
                }
            }
        });
        listening
    }

    /// Stops accepting. What is being answered is answered to the end, which the tracker waits for.
    pub(crate) fn stop(self) -> TaskTracker {
        self.stop.cancel();
        self.tracker.close();
        self.tracker
    }
}

/// An error of accept is the client's (it has gone again) or the system's (no descriptors): then it helps to wait.
async fn wait_after(error: &io::Error, node: &Node) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    log::error!(node:% = node.id, error:%; "cannot accept a connection; if there are too many open files, raise `ulimit -n`");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// Bounds how long a client may take no bytes at all. Websockets have bounds of their own.
pub(crate) fn set_stall_bound(stream: &TcpStream, bound: Option<Duration>) -> io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_user_timeout(bound)
}

async fn serve<R: Reply + 'static>(
    stream: TcpStream,
    peer: SocketAddr,
    routes: BoxedFilter<(R,)>,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
) {
    let _ = set_stall_bound(&stream, Some(Duration::from_millis(limit::HTTP_STALL_MS)));
    let cut = CancellationToken::new();
    let of_requests = cut.clone();
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(PeerAddress(peer));
        request.extensions_mut().insert(Cut(of_requests.clone()));
        let mut service = warp::service(routes.clone());
        async move { Ok::<_, Infallible>(service.call(request).await.into_response()) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limit::HEAD_READ_MS))
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let served = async {
        tokio::select! {
            served = connection.as_mut() => served,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    let Some(served) = cut.run_until_cancelled(served).await else {
        return log::info!(peer:%; "HTTP connection cut off: its client took a large response too slowly");
    };
    if let Err(error) = served {
        log::debug!(peer:%, error:%; "HTTP connection ended early");
    }
}
