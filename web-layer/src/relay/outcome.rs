//! How requests end: answered, never delivered, or nobody knows.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use broker::PublishError;
use protocol::{Answer, ErrorCode, RequestError};

use crate::metric::Outcome;
use crate::relay::Relay;
use crate::relay::request::{Ask, Request};
use crate::socket::Connection;

impl Relay {
    /// What became of a PUBLISH.
    pub(super) fn receipt(self: &Arc<Self>, seq: u64, outcome: Result<u64, PublishError>) {
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
    pub(super) fn lose(self: &Arc<Self>, is_lost: impl Fn(&Request) -> bool) {
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

    /// Ends what is held and has been for too long.
    pub(super) fn expire_held(self: &Arc<Self>, is_expired: impl Fn(&Request) -> bool) {
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
                request.sent_to.is_none() && (gone || !request.ask.repeats()) && is_expired(request)
            });
            let Some(request) = expired.then(|| requests.remove(&seq)).flatten() else { continue };
            drop(requests);
            let answer = request.ask.failure(&RequestError::unavailable());
            self.finish(seq, request, answer, Outcome::Unavailable);
        }
    }

    /// Takes a request, which is no longer among the requests, off its lane, and answers it.
    pub(super) fn finish(self: &Arc<Self>, seq: u64, request: Request, answer: Answer, outcome: Outcome) {
        let Some(conn) = request.ask.connection().cloned() else {
            let mut holding = self.holding.lock();
            holding.free.remove(&seq);
            let again = match &request.ask {
                Ask::Gap { service, topic } if holding.gaps.remove(topic) == Some(true) => {
                    Some((service.clone(), topic.clone()))
                }
                _ => None,
            };
            drop(holding);
            self.answer(request, answer, outcome);
            if let Some((service, topic)) = again {
                self.gap(service, topic);
            }
            return;
        };
        let mut lane = conn.lane.lock();
        let was_full = lane.in_flight() >= self.bounds.in_flight_per_connection_max;
        if let Some(worker) = request.sent_to.clone() {
            lane.ended(seq, worker, outcome == Outcome::Answered);
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

    pub(super) fn answer(self: &Arc<Self>, request: Request, answer: Answer, outcome: Outcome) {
        self.metrics.request(request.ask.kind(), outcome, request.born.elapsed());
        if request.ask.is_counted() {
            self.counted.fetch_sub(1, Ordering::Relaxed);
        }
        let ask = request.ask;
        let is_fitting = matches!(ask, Ask::Http(_)) == matches!(answer, Answer::Http(_));
        let answer = if is_fitting { answer } else { self.wrong_form(&ask) };
        match (ask, answer) {
            (Ask::Http(ask), Answer::Http(response)) => {
                let _ = ask.waiting.send(response);
            }
            (Ask::Open(conn), Answer::Effects(effects)) => self.carry_out(&conn, true, effects),
            (Ask::Message(conn, _) | Ask::Joined { conn, .. }, Answer::Effects(effects)) => {
                self.carry_out(&conn, false, effects);
            }
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
