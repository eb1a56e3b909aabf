//! Events out, replies in: one outcome for each request, in order, whatever happens to workers and to Redis.
//!
//! - A request goes to the one worker that rendezvous hashing gives for its connection ([`registry`]).
//! - PUBLISH tells how many received it. Nobody: it is held, and goes to another worker at once, or to the next one that
//!   comes, or is answered with `unavailable` when it has been held for too long.
//! - Delivered, it ends with its worker's reply. If the worker falls silent, the link to Redis breaks or the time runs out,
//!   it ends with `outcome_unknown`, and is never sent again.
//! - The requests of one connection keep their order ([`lane`]).
//!
//! Locks are taken in the order lane, requests, holding; none is held over an await.

pub(crate) mod effect;
pub(crate) mod lane;
pub(crate) mod registry;
pub(crate) mod request;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use broker::{Address, PublishError, Publisher, Store, Tasks};
use protocol::{Answer, ConnectionId, ErrorCode, Json, NodeId, Reply, RequestError, WorkerId, line};

use crate::hub::Hub;
use crate::metric::{Metrics, Outcome};
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
    pub(crate) store: Store,
    node: NodeId,
    bounds: RelayBounds,
    tasks: Tasks,
    metrics: Arc<Metrics>,
    seq: AtomicU64,
    requests: Mutex<HashMap<u64, Request, foldhash::fast::RandomState>>,
    holding: Mutex<Holding>,
}

/// Where events are held, so that they are found again.
#[derive(Default)]
struct Holding {
    connections: HashMap<ConnectionId, Arc<Connection>>,
    /// Events without a connection, which have no order.
    free: HashSet<u64>,
    /// Topics for which a `gap` is being asked already.
    gaps: HashSet<Arc<str>>,
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
                store,
                node,
                bounds,
                tasks: tasks.clone(),
                metrics,
                seq: AtomicU64::new(1),
                requests: Mutex::default(),
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
        if self.holding.lock().gaps.insert(topic.clone()) {
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
    pub(crate) fn tick(self: &Arc<Self>, now: Instant) {
        self.expire_held(now);
        self.workers_changed();
        let silent: HashSet<WorkerId> = self.registry.forget_silent(now).into_iter().collect();
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
        if matches!(request.ask, Ask::Message(..) | Ask::Http(_))
            && self.in_flight() >= self.bounds.in_flight_max
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
        self.requests.lock().insert(seq, request);
        if lane.held.is_empty() && (opens || !lane.opening) {
            let worker = lane.worker(&self.registry.view(), &conn.service, conn.id);
            if worker.is_some_and(|worker| self.send(seq, &worker, lane.session.clone())) {
                lane.sent += 1;
                return;
            }
        }
        lane.hold(seq);
        drop(lane);
        self.holding.lock().connections.insert(conn.id, conn);
    }

    /// Publishes an event. If it says no, nothing has left.
    fn send(&self, seq: u64, worker: &Worker, session: Option<Json>) -> bool {
        // A reply that is published while this node cannot hear it would be lost.
        if !self.publisher.is_connected() || !self.hub.is_listening() {
            return false;
        }
        let mut requests = self.requests.lock();
        let Some(request) = requests.get_mut(&seq) else { return false };
        let line = line::one(&request.ask.event(&self.node, seq, session));
        request.sent_to = Some(worker.id.clone());
        drop(requests);
        if self.publisher.try_publish(worker.inbox.clone(), line, seq).is_ok() {
            return true;
        }
        if let Some(request) = self.requests.lock().get_mut(&seq) {
            request.sent_to = None;
        }
        false
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

    /// Sends what a connection holds, if it is its turn.
    fn release(&self, conn: &Arc<Connection>) {
        let view = self.registry.view();
        let mut lane = conn.lane.lock();
        if lane.sent > 0 {
            return;
        }
        while let Some(seq) = lane.held.front().copied() {
            let opens = matches!(self.requests.lock().get(&seq), Some(Request { ask: Ask::Open(_), .. }));
            if lane.opening && !opens {
                break;
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
    }

    fn receipt(self: &Arc<Self>, seq: u64, outcome: Result<u64, PublishError>) {
        match outcome {
            Ok(receivers) if receivers > 0 => {}
            Ok(_) => {
                let worker = self.requests.lock().get(&seq).and_then(|request| request.sent_to.clone());
                if let Some(worker) = worker {
                    self.registry.unreachable(&worker);
                }
                if let Some(conn) = self.undelivered(seq) {
                    self.release(&conn);
                } else {
                    self.send_free(seq);
                }
            }
            Err(PublishError::NotSent) => {
                self.undelivered(seq);
            }
            Err(PublishError::Unknown) => self.unknown(seq),
        }
    }

    /// Holds an event that no worker has. Returns its connection.
    fn undelivered(&self, seq: u64) -> Option<Arc<Connection>> {
        let conn = {
            let mut requests = self.requests.lock();
            let request = requests.get_mut(&seq)?;
            request.sent_to.take()?;
            request.ask.connection().cloned()
        };
        match conn {
            Some(conn) => {
                let mut lane = conn.lane.lock();
                lane.sent -= 1;
                lane.hold(seq);
                drop(lane);
                self.holding.lock().connections.insert(conn.id, conn.clone());
                Some(conn)
            }
            None => {
                self.holding.lock().free.insert(seq);
                None
            }
        }
    }

    /// Ends the requests that may have been delivered and of which nothing more will be heard.
    fn lose(self: &Arc<Self>, is_lost: impl Fn(&Request) -> bool) {
        let mut lost: Vec<u64> = self
            .requests
            .lock()
            .iter()
            .filter(|(_, request)| is_lost(request))
            .map(|(seq, _)| *seq)
            .collect();
        lost.sort_unstable();
        for seq in lost {
            self.unknown(seq);
        }
    }

    fn unknown(self: &Arc<Self>, seq: u64) {
        let mut requests = self.requests.lock();
        if let Some(request) = requests.get_mut(&seq).filter(|request| request.ask.repeats()) {
            // The time for an answer begins anew, or it would be repeated at every tick.
            request.born = Instant::now();
            drop(requests);
            self.undelivered(seq);
        } else if let Some(request) = requests.remove(&seq) {
            drop(requests);
            let answer = request.ask.failure(&RequestError::outcome_unknown());
            self.finish(seq, request, answer, Outcome::Unknown);
        }
    }

    fn expire_held(self: &Arc<Self>, now: Instant) {
        // Each with whether its connection is gone.
        let held: Vec<(u64, bool)> = {
            let holding = self.holding.lock();
            let connections: Vec<Arc<Connection>> = holding.connections.values().cloned().collect();
            let free: Vec<(u64, bool)> = holding.free.iter().map(|seq| (*seq, false)).collect();
            drop(holding);
            let of_connection = |conn: &Arc<Connection>| {
                let lane = conn.lane.lock();
                lane.held.iter().map(|seq| (*seq, lane.gone)).collect::<Vec<_>>()
            };
            connections.iter().flat_map(of_connection).chain(free).collect()
        };
        for (seq, gone) in held {
            let mut requests = self.requests.lock();
            let expired = requests.get(&seq).is_some_and(|request| {
                request.sent_to.is_none()
                    && (gone || !request.ask.repeats())
                    && now.saturating_duration_since(request.born) > self.bounds.hold
            });
            let Some(request) = expired.then(|| requests.remove(&seq)).flatten() else { continue };
            drop(requests);
            let answer = request.ask.failure(&RequestError::unavailable());
            self.finish(seq, request, answer, Outcome::Unavailable);
        }
    }

    /// Takes a request, which is no longer among the requests, off its lane, and answers it.
    fn finish(self: &Arc<Self>, seq: u64, request: Request, answer: Answer, outcome: Outcome) {
        let Some(conn) = request.ask.connection().cloned() else {
            let mut holding = self.holding.lock();
            holding.free.remove(&seq);
            if let Ask::Gap { topic, .. } = &request.ask {
                holding.gaps.remove(topic);
            }
            drop(holding);
            return self.answer(request, answer, outcome);
        };
        let mut lane = conn.lane.lock();
        let was_full = lane.in_flight() >= self.bounds.in_flight_per_connection_max;
        if request.sent_to.is_some() {
            lane.sent -= 1;
        } else {
            lane.held.retain(|held| *held != seq);
        }
        let (idle, holds) = (lane.sent == 0, !lane.held.is_empty());
        drop(lane);
        self.answer(request, answer, outcome);
        if idle && holds {
            self.release(&conn);
        }
        if was_full {
            conn.wake.notify_one();
        }
    }

    fn answer(self: &Arc<Self>, request: Request, answer: Answer, outcome: Outcome) {
        self.metrics.request(request.ask.kind(), outcome, request.born.elapsed());
        let ask = request.ask;
        let is_fitting = matches!(ask, Ask::Http(_)) == matches!(answer, Answer::Http(_));
        let answer = if is_fitting { answer } else { self.wrong_form(&ask) };
        match (ask, answer) {
            (Ask::Http(ask), Answer::Http(response)) => {
                let _ = ask.waiting.send(response);
            }
            (Ask::Open(conn), Answer::Effects(effects)) => self.carry_out(&conn, true, effects),
            (Ask::Message(conn, _), Answer::Effects(effects)) => self.carry_out(&conn, false, effects),
            (Ask::Gap { .. }, Answer::Effects(effects)) => self.carry_out_for_topic(effects),
            (Ask::Close(_), _) | (_, Answer::Http(_)) | (Ask::Http(_), _) => {}
        }
    }

    /// A worker answered HTTP with effects, or something else with an HTTP response: who waits for it is told.
    fn wrong_form(&self, ask: &Ask) -> Answer {
        log::error!(node:% = self.node, service = &**ask.service(); "a worker answered a {} event in a wrong form", ask.kind());
        ask.failure(&RequestError::new(ErrorCode::Internal, "the service answered in a wrong form"))
    }
}
