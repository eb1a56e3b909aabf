//! A lane: one batch after the other, so what is in it stays in order.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::FutureExt as _;
use protocol::{Event, RequestError, Subject};
use tokio::sync::mpsc;

use crate::limit;
use crate::refusal::{internal, refusal};
use crate::reply::Replies;
use crate::service::{Outcome, Service};
use crate::standing::Standing;

/// Hands to a service everything that waits, as one batch, and then its answers to the replies.
pub(crate) struct Lane {
    service: Arc<dyn Service>,
    events: mpsc::Receiver<Queued>,
    replies: Arc<Replies>,
    valid: Valid,
}

/// An event in its lane. It is handled only while its generation lasts.
pub(crate) struct Queued {
    pub(crate) event: Event,
    pub(crate) generation: u64,
}

/// Tells which events the nodes still count on.
pub(crate) struct Valid {
    pub(crate) standing: Arc<Standing>,
    pub(crate) generation: Arc<AtomicU64>,
}

impl Valid {
    /// Parts what is to be handled from what may have been given up meanwhile. Only requests can do harm when they are
    /// handled late: that a connection opened or closed, or that a node missed pushes, stays true.
    fn part(&self, queued: &mut Vec<Queued>) -> (Vec<Event>, Vec<Event>) {
        let generation = self.generation.load(Ordering::Relaxed);
        let holds = self.standing.holds(Instant::now());
        let is_late = |queued: &Queued| {
            let is_request = matches!(queued.event.subject, Subject::Message(..) | Subject::Http { .. });
            is_request && !(holds && queued.generation == generation)
        };
        let (late, due): (Vec<Queued>, Vec<Queued>) = queued.drain(..).partition(is_late);
        (due.into_iter().map(|it| it.event).collect(), late.into_iter().map(|it| it.event).collect())
    }
}

impl Lane {
    pub(crate) fn new(
        service: Arc<dyn Service>,
        events: mpsc::Receiver<Queued>,
        replies: Arc<Replies>,
        valid: Valid,
    ) -> Self {
        Self { service, events, replies, valid }
    }

    /// Until the inbox has closed and all is answered.
    pub(crate) async fn run(mut self) {
        let mut queued = Vec::new();
        while self.events.recv_many(&mut queued, limit::BATCH_EVENTS_MAX).await > 0 {
            let (batch, late) = self.valid.part(&mut queued);
            if !late.is_empty() {
                // Nothing was done. A node that has given them up does not listen any more.
                let refuse =
                    |event: &Event| Outcome::Now(refusal(&event.subject, &RequestError::unavailable()));
                self.replies.send(&late, late.iter().map(refuse).collect()).await;
            }
            if !batch.is_empty() {
                let outcomes = self.handle(&batch).await;
                self.replies.send(&batch, outcomes).await;
            }
        }
    }

    /// The outcomes of a batch, also when the service fails: the lane must go on.
    async fn handle(&self, batch: &[Event]) -> Vec<Outcome> {
        let handled = AssertUnwindSafe(async { self.service.handle(batch).await }).catch_unwind().await;
        let problem = match handled {
            Ok(outcomes) if outcomes.len() == batch.len() => return outcomes,
            Ok(outcomes) => format!("it gave {} outcomes", outcomes.len()),
            Err(panic) => format!("it panicked: {}", words(panic.as_ref())),
        };
        let (service, events) = (self.service.name(), batch.len());
        log::error!(service = service, events = events, problem = problem.as_str(); "a service failed at a batch");
        batch.iter().map(|event| Outcome::Now(refusal(&event.subject, &internal()))).collect()
    }
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no words")
}
