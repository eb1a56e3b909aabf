//! The sets service: sets of strings that any number of clients change, online or not, and that converge.
//!
//! The facts are in Redis (`key`): for each value the greatest operation that was seen, and a log of what changed. One call
//! of `apply.lua` merges a batch into a set, logs what it changed, and publishes it. Everything else reads. No worker keeps
//! anything, so any of them handles any request.
//!
//! ```text
//! events ──▶ ask ──▶ round: calls, readings ──▶ Redis, one round trip ──▶ answers ──▶ outcomes
//!                      ▲                                     │
//!                      └── what the answers make necessary ◀─┘
//! ```
//!
//! Modules, in reading order: `ask` and `route` (what an event asks for), `round` with `step` (what is asked of Redis
//! together), `call` (changing), `read` and `scan` (reading), `one` and `index` (what shares nothing), `script` (one round trip), `render` and
//! `answer` (what is said), `poll` and `waiting` (requests that wait for a change), `claims`, `shared`, `key`, `limit`, `trouble`, `option`.

mod answer;
mod ask;
mod call;
mod claims;
mod index;
mod key;
mod limit;
mod one;
mod option;
mod poll;
mod read;
mod render;
mod round;
mod route;
mod scan;
mod script;
mod shared;
mod step;
mod trouble;
mod waiting;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::{Answer, Event, HttpBody, HttpResponse, Subject, sets};

use self::ask::Ask;
use self::claims::Claims;
pub use self::option::Options;
use self::round::Batch;
use self::scan::Scans;
use self::script::Scripts;
use self::shared::Shared;
use self::waiting::Waiting;
use crate::service::{Context, Outcome, Service};

/// The service.
pub struct Sets {
    shared: Arc<Shared>,
}

impl Sets {
    /// Starts the service.
    #[must_use]
    pub fn start(context: &Context, options: &Options) -> Self {
        Self {
            shared: Arc::new(Shared {
                store: context.store.clone(),
                scripts: Scripts::new(),
                options: options.clone(),
                waiting: Waiting::start(context),
                scans: Scans::new(),
                claims: Claims::default(),
                log: trouble::Log::default(),
                tasks: context.tasks.clone(),
            }),
        }
    }

    async fn handle(&self, batch: &[Event]) -> Vec<Outcome> {
        let mut asks: Vec<Ask> = Vec::with_capacity(batch.len());
        for event in batch {
            asks.push(ask::of(&event.subject, &self.shared.store).await);
        }
        let outcomes = Batch::new(&self.shared, &asks).run().await;
        batch.iter().zip(outcomes).map(|(event, outcome)| without_body(event, outcome)).collect()
    }
}

impl Service for Sets {
    fn name(&self) -> &'static str {
        sets::SERVICE
    }

    fn paths(&self) -> Vec<String> {
        vec![sets::PATH.to_owned()]
    }

    fn handle<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Vec<Outcome>> {
        self.handle(batch).boxed()
    }

    fn leave(&self) {
        self.shared.waiting.leave();
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        async {}.boxed()
    }
}

/// The response to HEAD has no body.
fn without_body(event: &Event, outcome: Outcome) -> Outcome {
    match (&event.subject, outcome) {
        (Subject::Http { http, .. }, Outcome::Now(answer)) if http.method == "HEAD" => {
            Outcome::Now(head(answer))
        }
        (Subject::Http { http, .. }, Outcome::Later(answer)) if http.method == "HEAD" => {
            Outcome::Later(answer.map(head).boxed())
        }
        (_, outcome) => outcome,
    }
}

fn head(answer: Answer) -> Answer {
    match answer {
        Answer::Http(response) => Answer::Http(HttpResponse { body: HttpBody::default(), ..response }),
        answer => answer,
    }
}
