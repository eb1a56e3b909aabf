//! Events out, replies in: one outcome for each request, in order, whatever happens to workers and to Redis.
//!
//! - A request goes to the one worker that rendezvous hashing gives for its connection ([`registry`]).
//! - PUBLISH tells how many received it. Nobody: it is held, and goes to another worker at once, or to the next one that
//!   comes, or is answered with `unavailable` when it has been held for too long.
//! - Delivered, it ends with its worker's reply. If the worker falls silent, the link to Redis breaks or the time runs out,
//!   it ends with `outcome_unknown`, and is never sent again.
//! - The requests of one connection keep their order ([`lane`]).
//!
//! Here is how they are sent; how they end is in [`outcome`].
//!
//! Locks are taken in the order lane, requests, holding; none is held over an await.

mod claimed;
pub(crate) mod effect;
pub(crate) mod lane;
mod outcome;
pub(crate) mod registry;
pub(crate) mod request;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use broker::{Address, Publisher, Store, Tasks};
use protocol::{ConnectionId, ErrorCode, Json, NodeId, Reply, RequestError, WorkerId, line};

use crate::hub::Hub;
use crate::metric::{Metrics, Outcome};
use crate::relay::claimed::Claimed;
use crate::relay::registry::{Registry, Worker};
use crate::relay::request::{Ask, HttpAsk, Request};
use crate::socket::Connection;

/// Bounds of the relay; see [`protocol::limit`] for the reasons of the defaults.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RelayBounds {
    pub(crate) hold: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) in_flight_max: usize,
    pub(crate) in_flight_per_connection_max: usize,
}

/// Events out, replies in.
pub(crate) struct Relay {
    pub(crate) registry: Registry,
    pub(crate) publisher: Publisher<u64>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) claimed: Claimed,
    node: NodeId,
    bounds: RelayBounds,
    tasks: Tasks,
    metrics: Arc<Metrics>,
    seq: AtomicU64,
    requests: Mutex<HashMap<u64, Request, foldhash::fast::RandomState>>,
    /// Those of them that clients asked: they are bounded.
    counted: AtomicUsize,
    holding: Mutex<Holding>,
}

/// Where events are held, so that they are found again.
#[derive(Default)]
struct Holding {
    connections: HashMap<ConnectionId, Arc<Connection>>,
    /// Events without a connection, which have no order.
    free: HashSet<u64>,
    /// Topics for which a `gap` is being asked, and whether there was another one meanwhile.
    gaps: HashMap<Arc<str>, bool>,
}

impl Relay {
    pub(crate) fn start(
        node: NodeId,
        address: Address,
        hub: Arc<Hub>,
        store: Store,
        bounds: RelayBounds,
        tasks: &Tasks,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|relay: &std::sync::Weak<Self>| {
            let relay = relay.clone();
            let receipt = move |seq, outcome| {
                if let Some(relay) = relay.upgrade() {
                    relay.receipt(seq, outcome);
                }
            };
            Self {
                registry: Registry::default(),
                publisher: Publisher::start(address, tasks, receipt),
                hub,
                claimed: Claimed::new(store),
                node,
                bounds,
                tasks: tasks.clone(),
                metrics,
                seq: AtomicU64::new(first_seq()),
                requests: Mutex::default(),
                counted: AtomicUsize::new(0),
                holding: Mutex::default(),
            }
        })
    }

    /// Tells a worker that a connection opened. Its messages wait until that has been answered.
    pub(crate) fn open(self: &Arc<Self>, conn: &Arc<Connection>) {
        self.submit(Ask::Open(conn.clone()));
    }

    /// Relays a client's message. The answer goes to the connection.
    pub(crate) fn message(self: &Arc<Self>, conn: &Arc<Connection>, message: Json) {
        self.submit(Ask::Message(conn.clone(), message));
    }

    /// Tells a worker that a connection has joined a topic. The answer goes to the connection.
    fn joined(self: &Arc<Self>, conn: &Arc<Connection>, topic: String, then: Json) {
        self.submit(Ask::Joined { conn: conn.clone(), topic, then });
    }

    /// Tells a worker that a connection is gone.
    pub(crate) fn close(self: &Arc<Self>, conn: &Arc<Connection>) {
        self.submit(Ask::Close(conn.clone()));
    }

    /// Relays an HTTP request.
    pub(crate) fn http(self: &Arc<Self>, ask: HttpAsk) {
        self.submit(Ask::Http(Box::new(ask)));
    }

    /// Asks a service what the connections of a topic need after a gap.
    pub(crate) fn gap(self: &Arc<Self>, service: Arc<str>, topic: Arc<str>) {
        let mut holding = self.holding.lock();
        if let Some(again) = holding.gaps.get_mut(&topic) {
            *again = true;
        } else {
            holding.gaps.insert(topic.clone(), false);
            drop(holding);
            self.submit(Ask::Gap { service, topic });
        }
    }

    /// Whether a connection may have one more request in flight.
    pub(crate) fn has_room(&self, conn: &Connection) -> bool {
        conn.lane.lock().in_flight() < self.bounds.in_flight_per_connection_max
    }

    /// Requests that have no outcome yet.
    pub(crate) fn in_flight(&self) -> usize {
        self.requests.lock().len()
    }

    /// Whether a connection has a request without an outcome.
    pub(crate) fn connections_wait(&self) -> bool {
        self.requests.lock().values().any(|request| request.ask.connection().is_some())
    }

    /// Takes in a worker's reply.
    pub(crate) fn reply(self: &Arc<Self>, reply: Reply) {
        let request = self.requests.lock().remove(&reply.seq);
        match request {
            Some(request) => self.finish(reply.seq, request, reply.answer, Outcome::Answered),
            None => self.metrics.late_reply(),
        }
    }

    /// The reply to this event could not be read.
    pub(crate) fn refuse(self: &Arc<Self>, seq: u64) {
        let Some(request) = self.requests.lock().remove(&seq) else { return };
        let error =
            RequestError::new(ErrorCode::Internal, "the service answered in a form that cannot be read");
        let answer = request.ask.failure(&error);
        self.finish(seq, request, answer, Outcome::Answered);
    }

    /// The link on which replies come is lost: what was in flight may have been answered without being heard.
    pub(crate) fn link_lost(self: &Arc<Self>) {
        self.lose(|request| request.sent_to.is_some());
    }

    /// Ends every request, because this node will hear of no outcome any more.
    pub(crate) fn give_up(self: &Arc<Self>) {
        self.expire_held(|_| true);
        self.lose(|_| true);
    }

    /// Sends again what is held, now that workers have come or gone.
    pub(crate) fn workers_changed(self: &Arc<Self>) {
        let (connections, free) = {
            let holding = self.holding.lock();
            (
                holding.connections.values().cloned().collect::<Vec<_>>(),
                holding.free.iter().copied().collect::<Vec<_>>(),
            )
        };
        for conn in connections {
            self.release(&conn);
        }
        for seq in free {
            self.send_free(seq);
        }
    }

    /// To be called every 100 ms or so: ends what has been held or in flight for too long.
    ///
    /// While the node is behind with what Redis sends it (`is_current` is false), it cannot tell who is silent.
    pub(crate) fn tick(self: &Arc<Self>, now: Instant, is_current: bool) {
        self.expire_held(|request| now.saturating_duration_since(request.born) > self.bounds.hold);
        self.workers_changed();
        let silent = if is_current { self.registry.forget_silent(now) } else { Vec::new() };
        let silent: HashSet<WorkerId> = silent.into_iter().collect();
        let timeout = self.bounds.request_timeout;
        self.lose(|request| {
            request.sent_to.as_ref().is_some_and(|worker| {
                silent.contains(worker) || now.saturating_duration_since(request.born) > timeout
            })
        });
    }

    fn submit(self: &Arc<Self>, ask: Ask) {
        let request = Request { ask, born: Instant::now(), sent_to: None };
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        if request.ask.is_counted()
            && self.counted.fetch_add(1, Ordering::Relaxed) >= self.bounds.in_flight_max
        {
            let answer = request.ask.failure(&RequestError::unavailable());
            return self.answer(request, answer, Outcome::Unavailable);
        }
        let Some(conn) = request.ask.connection().cloned() else {
            self.requests.lock().insert(seq, request);
            self.holding.lock().free.insert(seq);
            return self.send_free(seq);
        };
        let mut lane = conn.lane.lock();
        let opens = matches!(request.ask, Ask::Open(_));
        lane.opening |= opens;
        let is_next = lane.held.is_empty() && (opens || !lane.opening);
        let worker = is_next.then(|| lane.worker(&self.registry.view(), &conn.service, conn.id)).flatten();
        let Err(request) = self.send_new(seq, request, worker, lane.session.clone()) else {
            lane.sent += 1;
            return;
        };
        self.requests.lock().insert(seq, request);
        lane.hold(seq);
        drop(lane);
        self.holding.lock().connections.insert(conn.id, conn);
    }

    /// Publishes an event that nobody else knows yet. If nothing has left, it comes back.
    fn send_new(
        &self,
        seq: u64,
        mut request: Request,
        worker: Option<Worker>,
        session: Option<Json>,
    ) -> Result<(), Request> {
        let Some(worker) = worker.filter(|_| self.is_heard()) else { return Err(request) };
        // Written before the lock is taken, which all threads share.
        let line = line::one(&request.ask.event(&self.node, seq, session));
        request.sent_to = Some(worker.id);
        // Its reply finds it, because whoever brings that waits for the lock.
        let mut requests = self.requests.lock();
        if self.publisher.try_publish(worker.inbox, line, seq).is_err() {
            request.sent_to = None;
            return Err(request);
        }
        requests.insert(seq, request);
        Ok(())
    }

    /// Publishes an event that is held. If it says no, nothing has left.
    fn send(&self, seq: u64, worker: &Worker, session: Option<Json>) -> bool {
        if !self.is_heard() {
            return false;
        }
        let mut requests = self.requests.lock();
        let Some(request) = requests.get_mut(&seq) else { return false };
        let line = line::one(&request.ask.event(&self.node, seq, session));
        if self.publisher.try_publish(worker.inbox.clone(), line, seq).is_err() {
            return false;
        }
        request.sent_to = Some(worker.id.clone());
        if request.ask.repeats() {
            // What is asked until it is answered has its time for an answer from now on.
            request.born = Instant::now();
        }
        true
    }

    /// Whether an event can leave, and its reply come: one that is published while this node cannot hear it would be lost.
    fn is_heard(&self) -> bool {
        self.publisher.is_connected() && self.hub.is_listening()
    }

    fn send_free(&self, seq: u64) {
        // Whoever takes it from the free ones is the only one to send it.
        if !self.holding.lock().free.remove(&seq) {
            return;
        }
        let service = self.requests.lock().get(&seq).map(|request| request.ask.service().clone());
        let Some(service) = service else { return };
        let view = self.registry.view();
        if !view.choose(&service, seq).is_some_and(|worker| self.send(seq, worker, None)) {
            self.holding.lock().free.insert(seq);
        }
    }

    /// Sends what a connection holds, if it is its turn. An event whose successors a worker has handled already, because
    /// it alone was not delivered, has missed its turn.
    fn release(self: &Arc<Self>, conn: &Arc<Connection>) {
        let view = self.registry.view();
        let mut overtaken = Vec::new();
        let mut lane = conn.lane.lock();
        if lane.sent > 0 {
            return;
        }
        while let Some(seq) = lane.held.front().copied() {
            let opens = match self.requests.lock().get(&seq) {
                Some(request) => matches!(request.ask, Ask::Open(_)),
                None => {
                    // Its reply came just when it was taken for lost.
                    lane.held.pop_front();
                    continue;
                }
            };
            if lane.opening && !opens {
                break;
            }
            if seq < lane.handled && !opens {
                lane.held.pop_front();
                overtaken.push(seq);
                continue;
            }
            let worker = lane.worker(&view, &conn.service, conn.id);
            if !worker.is_some_and(|worker| self.send(seq, &worker, lane.session.clone())) {
                break;
            }
            lane.held.pop_front();
            lane.sent += 1;
        }
        if lane.held.is_empty() {
            self.holding.lock().connections.remove(&conn.id);
        }
        drop(lane);
        for seq in overtaken {
            let Some(request) = self.requests.lock().remove(&seq) else { continue };
            let answer = request.ask.failure(&RequestError::unavailable());
            self.answer(request, answer, Outcome::Unavailable);
            conn.wake.notify_one();
        }
    }
}

/// The number of the first event. It grows from one process to the next, so that a late reply to a node that was restarted
/// under the same name answers nobody. Microseconds since 1970 stay below 2^53, for workers that count in JavaScript.
fn first_seq() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(1, |now| u64::try_from(now.as_micros()).unwrap_or(1))
}
