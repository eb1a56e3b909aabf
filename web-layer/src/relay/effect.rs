//! Carrying out what a worker answered, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use protocol::{Body, Close, Effect, RequestError, body, close, limit};

use crate::relay::Relay;
use crate::relay::lane::WaitingReply;
use crate::socket::connection::Phase;
use crate::socket::{Connection, Frames};

impl Relay {
    /// Carries out a reply to a connection, after those before it. Most replies are done at once, on the spot; one that
    /// has to wait for Redis (a join, a claimed body) makes the later ones of its connection wait, and nobody else.
    pub(crate) fn carry_out(self: &Arc<Self>, conn: &Arc<Connection>, opens: bool, effects: Vec<Effect>) {
        let mut lane = conn.lane.lock();
        if let Some(waiting) = &mut lane.replies {
            waiting.push_back(WaitingReply { opens, effects });
            return;
        }
        if !opens && effects.iter().all(is_immediate) {
            drop(lane);
            for effect in effects {
                self.carry_out_now(conn, effect);
            }
            return;
        }
        lane.replies = Some(VecDeque::new());
        drop(lane);
        let (relay, conn) = (self.clone(), conn.clone());
        self.tasks
            .tracker
            .spawn(async move { relay.carry_out_waiting(&conn, WaitingReply { opens, effects }).await });
    }

    /// Carries out what a service answered to a gap: pushes to this node's connections of a topic.
    pub(crate) fn carry_out_for_topic(self: &Arc<Self>, effects: Vec<Effect>) {
        let relay = self.clone();
        self.tasks.tracker.spawn(async move {
            for effect in effects {
                if let Effect::Push(push) = effect {
                    relay.hub.push(&push.topic, push.push).await;
                } else {
                    log::error!("a worker answered a gap with something else than pushes");
                }
            }
        });
    }

    async fn carry_out_waiting(self: Arc<Self>, conn: &Arc<Connection>, first: WaitingReply) {
        let mut next = Some(first);
        while let Some(WaitingReply { opens, effects }) = next {
            for effect in effects {
                if is_immediate(&effect) {
                    self.carry_out_now(conn, effect);
                } else {
                    self.carry_out_slowly(conn, effect).await;
                }
            }
            next = {
                let mut lane = conn.lane.lock();
                lane.opening &= !opens;
                let next = lane.replies.as_mut().and_then(VecDeque::pop_front);
                if next.is_none() {
                    lane.replies = None;
                }
                next
            };
            if opens {
                self.release(conn);
            }
            conn.wake.notify_one();
        }
    }

    fn carry_out_now(&self, conn: &Connection, effect: Effect) {
        match effect {
            Effect::Send { body: Body::Inline(json), id } => {
                self.deliver(conn, Frames::event(&body::with_id(json.get(), id.as_deref())));
            }
            Effect::Session(session) if session.get().len() > limit::SESSION_BYTES_MAX => {
                self.fault(conn, "its session is too large");
            }
            Effect::Session(session) => conn.lane.lock().session = Some(session),
            Effect::Close(close) => conn.close(&close),
            Effect::CloseLater(later) => conn.close_later(later),
            Effect::Send { .. } | Effect::Join { .. } | Effect::Leave(_) | Effect::Push(_) => {
                unreachable!("is_immediate() tells these apart")
            }
        }
    }

    async fn carry_out_slowly(self: &Arc<Self>, conn: &Arc<Connection>, effect: Effect) {
        match effect {
            Effect::Send { body: Body::Claim(claim), id } => {
                if conn.phase() != Phase::Open {
                    // Nobody would get it.
                    return;
                }
                match self.claimed.frames(&claim, id.as_deref()).await {
                    Ok(frames) => self.deliver(conn, frames),
                    Err(error) => {
                        log::warn!(conn:% = conn.id, error; "the body of an answer could not be fetched");
                        let unknown = RequestError::outcome_unknown().body();
                        self.deliver(conn, Frames::event(&body::with_id(unknown.get(), id.as_deref())));
                    }
                }
            }
            Effect::Join { topic, then } => {
                if topic.is_empty() || topic.len() > limit::TOPIC_BYTES_MAX {
                    self.fault(conn, "the name of a topic is empty or too long");
                } else if conn.lane.lock().is_full_for(&topic) {
                    self.fault(conn, "it joined too many topics");
                } else {
                    self.hub.join(conn, &topic).await;
                    if let Some(then) = then {
                        self.joined(conn, topic, then);
                    }
                }
            }
            Effect::Leave(topic) => self.hub.leave(conn, &topic).await,
            Effect::Push(push) => self.hub.push(&push.topic, push.push).await,
            immediate => self.carry_out_now(conn, immediate),
        }
    }

    fn deliver(&self, conn: &Connection, frames: Frames) {
        if conn.send(frames).is_err() {
            self.metrics.slow_reader();
        }
    }

    /// A service went over a bound: its connection ends, and the log says why.
    fn fault(&self, conn: &Connection, why: &str) {
        log::error!(conn:% = conn.id, service = &*conn.service; "connection closed: {why}");
        conn.close(&Close::new(close::INTERNAL, why));
    }
}

/// Whether an effect needs nothing of Redis.
fn is_immediate(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Send { body: Body::Inline(_), .. }
            | Effect::Session(_)
            | Effect::Close(_)
            | Effect::CloseLater(_)
    )
}
