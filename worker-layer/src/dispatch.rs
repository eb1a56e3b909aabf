//! Which lane an event belongs to.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::FixedState;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::{ErrorCode, Event, RequestError};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::lane::{Lane, Queued, Valid};
use crate::limit;
use crate::refusal::refusal;
use crate::reply::Replies;
use crate::service::{Outcome, Service};
use crate::standing::Standing;

/// The lanes of all services. A service has its own, so a slow one does not hold up the others.
///
/// Dropping it ends the lanes once they have handled what they have.
pub(crate) struct Dispatch {
    services: Vec<(&'static str, Vec<mpsc::Sender<Queued>>)>,
    unknown: mpsc::Sender<Queued>,
    generation: Arc<AtomicU64>,
    hasher: FixedState,
    turn: usize,
}

impl Dispatch {
    /// Starts the lanes.
    pub(crate) fn start(
        services: &[Arc<dyn Service>],
        replies: &Arc<Replies>,
        standing: &Arc<Standing>,
        lanes: &TaskTracker,
    ) -> Self {
        let generation = Arc::<AtomicU64>::default();
        let valid = || Valid { standing: Arc::clone(standing), generation: Arc::clone(&generation) };
        let start = |service: &Arc<dyn Service>| {
            let (sender, events) = mpsc::channel(limit::LANE_EVENTS_MAX);
            lanes.spawn(Lane::new(Arc::clone(service), events, Arc::clone(replies), valid()).run());
            sender
        };
        let lanes_of = |service: &Arc<dyn Service>| (0..limit::LANES).map(|_| start(service)).collect();
        Self {
            services: services.iter().map(|service| (service.name(), lanes_of(service))).collect(),
            unknown: start(&(Arc::new(Unknown) as Arc<dyn Service>)),
            generation: Arc::clone(&generation),
            hasher: FixedState::default(),
            turn: 0,
        }
    }

    /// What the lanes have now is not handled any more.
    pub(crate) fn next_generation(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Hands an event to its lane, and waits while that is full. Events of a connection always have the same
    /// lane, all others take turns.
    pub(crate) async fn hand_over(&mut self, event: Event) {
        let lane = match self.services.iter().find(|(name, _)| *name == event.service) {
            None => &self.unknown,
            Some((_, lanes)) => {
                let place = match event.subject.connection() {
                    Some(connection) => self.hasher.hash_one(connection) as usize,
                    None => {
                        self.turn = self.turn.wrapping_add(1);
                        self.turn
                    }
                };
                &lanes[place % lanes.len()]
            }
        };
        let queued = Queued { event, generation: self.generation.load(Ordering::Relaxed) };
        if lane.send(queued).await.is_err() {
            log::error!("a lane has ended although its worker runs: an event is lost");
        }
    }
}

/// Stands in for a service that this worker does not run.
struct Unknown;

impl Service for Unknown {
    fn name(&self) -> &'static str {
        "unknown"
    }

    fn paths(&self) -> Vec<String> {
        Vec::new()
    }

    fn handle<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Vec<Outcome>> {
        let answer = |event: &Event| {
            let name: String = event.service.chars().take(protocol::limit::PROCESS_NAME_BYTES_MAX).collect();
            let error =
                RequestError::new(ErrorCode::NotFound, format!("this worker has no service {name:?}"));
            Outcome::Now(refusal(&event.subject, &error))
        };
        let outcomes = batch.iter().map(answer).collect();
        async { outcomes }.boxed()
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}
