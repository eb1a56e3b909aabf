//! The numbers service: every user has a favorite number, and everyone sees all of them, sorted.
//!
//! The facts are in Redis: a hash `user:<name>` with `username` and `favnum`, and the set `users`. A set
//! writes there, and that is all it does. Every worker keeps the sorted [`listing`] in memory: Redis notifies
//! of each change to a hash, whoever made it, and only users that changed are read back (`feed`, `readback`,
//! `mirror`). One worker, the holder of a lease, pushes the listing when it changed (`lease`, `publisher`). A
//! read is up to date because a barrier on the connection with the notifications comes first; versions and
//! contents agree because of what the head of `mirror` says.
//!
//! Modules, in reading order: [`listing`] with `row` and `chunk` (what is sorted), `key` (where it is in
//! Redis), `store` (setting numbers), `feed`, `flags`, `readback`, `mirror`, `users` (following Redis),
//! `lease`, `publisher`, `body`, `keeper` (answering and pushing), `plan` (the order within a batch), `web`
//! (HTTP), `trouble` (what is told when something fails).

mod body;
mod chunk;
mod feed;
mod flags;
mod keeper;
mod key;
mod lease;
pub mod listing;
mod mirror;
mod plan;
mod publisher;
mod readback;
mod row;
mod store;
mod trouble;
mod users;
mod web;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use protocol::numbers::{self, Command};
use protocol::reply::TopicPush;
use protocol::{Answer, Body, Effect, ErrorCode, Event, Json, Push, RequestError, Subject, body as json};

use self::body::Listed;
use self::keeper::Keeper;
use self::listing::Listing;
use self::plan::{Phase, Plan};
use self::store::{Done, Set, Writer};
use crate::refusal::refusal;
use crate::service::{Context, Outcome, Service};

/// The service.
pub struct Numbers {
    writer: Writer,
    keeper: Keeper,
    /// `{"ok":true}`: the answer to a set with an id.
    ok: Json,
}

/// A set, and the id that its answer carries.
struct Order {
    set: Set,
    id: Option<Json>,
}

/// The answers to a batch, as they become known.
struct Answers<'a> {
    batch: &'a [Event],
    /// The ids of messages that are answered with the listing.
    ids: Vec<Option<Json>>,
    outcomes: Vec<Option<Outcome>>,
}

impl Numbers {
    /// Starts the service. It reads the listing as soon as Redis can be reached; who asks before that waits.
    #[must_use]
    pub fn start(context: &Context) -> Self {
        let listing = Arc::new(Mutex::new(Listing::new()));
        #[derive(serde::Serialize)]
        struct Ok {
            ok: bool,
        }
        Self {
            writer: Writer::new(context.store.clone(), Arc::clone(&listing)),
            keeper: Keeper::start(context, listing),
            ok: json::encode(&Ok { ok: true }),
        }
    }

    async fn handle(&self, batch: &[Event]) -> Vec<Outcome> {
        let mut answers = Answers::new(batch);
        let plan = answers.plan();
        for phase in plan.into_phases() {
            self.carry_out(phase, &mut answers).await;
        }
        answers.into_outcomes()
    }

    async fn carry_out(&self, Phase { sets, mut readers }: Phase<Order>, answers: &mut Answers<'_>) {
        if !sets.is_empty() {
            let wishes: Vec<&Set> = sets.iter().map(|(_, order)| &order.set).collect();
            let outcomes = self.writer.set(&wishes).await;
            for ((place, order), outcome) in sets.into_iter().zip(outcomes) {
                match outcome {
                    // Nobody is told of it by a push, so whoever cannot get an acknowledgement gets the
                    // listing.
                    Ok(Done::Unchanged) => readers.push(place),
                    Ok(Done::Set) => answers.set(place, self.acknowledgement(order.id)),
                    Err(error) => answers.set(place, Answer::Effects(vec![Effect::error(&error, order.id)])),
                }
            }
        }
        if !readers.is_empty() {
            let listed = self.keeper.read().await;
            for place in readers {
                answers.listed(place, &listed, &self.keeper);
            }
        }
    }

    /// A set without an id is answered by the push that everyone gets.
    fn acknowledgement(&self, id: Option<Json>) -> Answer {
        let send = id.map(|id| Effect::Send { body: Body::Inline(self.ok.clone()), id: Some(id) });
        Answer::Effects(send.into_iter().collect())
    }
}

impl Service for Numbers {
    fn name(&self) -> &'static str {
        numbers::SERVICE
    }

    fn paths(&self) -> Vec<String> {
        vec![numbers::PATH.to_owned()]
    }

    fn handle<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Vec<Outcome>> {
        self.handle(batch).boxed()
    }

    fn drain(&self) -> BoxFuture<'_, ()> {
        self.keeper.leave().boxed()
    }
}

impl<'a> Answers<'a> {
    fn new(batch: &'a [Event]) -> Self {
        let nothing = || batch.iter().map(|_| None);
        Self { batch, ids: nothing().collect(), outcomes: batch.iter().map(|_| None).collect() }
    }

    /// Answers what needs neither the store nor the listing, and plans the rest.
    fn plan(&mut self) -> Plan<Order> {
        let mut plan = Plan::new();
        for (place, event) in self.batch.iter().enumerate() {
            match &event.subject {
                Subject::Open(_) => {
                    self.set(place, Answer::Effects(vec![Effect::join(numbers::TOPIC)]));
                }
                Subject::Close(_) | Subject::Joined { .. } => self.set(place, Answer::Effects(Vec::new())),
                Subject::Message(peer, Body::Inline(message)) => match numbers::read(message) {
                    (Ok(Command::Set(user)), id) => {
                        plan.set(peer.conn, place, Order { set: Set { user, compare: id.is_none() }, id });
                    }
                    (Ok(Command::List), id) => {
                        self.ids[place] = id;
                        plan.read(peer.conn, place);
                    }
                    (Err(error), id) => self.set(place, Answer::Effects(vec![Effect::error(&error, id)])),
                },
                Subject::Message(_, Body::Claim(_)) => {
                    let error =
                        RequestError::new(ErrorCode::TooLarge, "no request to this service is that large");
                    self.set(place, refusal(&event.subject, &error));
                }
                Subject::Http { http, .. } => match web::refused(http) {
                    Some(response) => self.set(place, Answer::Http(response)),
                    None => plan.read_alone(place),
                },
                Subject::Gap { topic } if topic == numbers::TOPIC => plan.read_alone(place),
                Subject::Gap { .. } => self.set(place, Answer::Effects(Vec::new())),
            }
        }
        plan
    }

    fn set(&mut self, place: usize, answer: Answer) {
        self.outcomes[place] = Some(Outcome::Now(answer));
    }

    /// Answers with the listing.
    fn listed(&mut self, place: usize, listed: &Result<Arc<Listed>, RequestError>, keeper: &Keeper) {
        let subject = &self.batch[place].subject;
        let outcome = match (listed, subject) {
            // Nobody is told that this failed, so it must not: its connections would show what is past.
            (Err(_), Subject::Gap { topic }) => {
                let (keeper, topic) = (keeper.clone(), topic.clone());
                Outcome::Later(async move { gap(topic, &keeper.read_again().await) }.boxed())
            }
            (_, Subject::Gap { topic }) => Outcome::Now(gap(topic.clone(), listed)),
            (Err(error), _) => Outcome::Now(refusal(subject, error)),
            (Ok(listed), Subject::Http { http, .. }) => {
                Outcome::Now(Answer::Http(web::listed(http, &listed.body)))
            }
            (Ok(listed), _) => {
                let send = Effect::Send { body: listed.body.clone(), id: self.ids[place].take() };
                Outcome::Now(Answer::Effects(vec![send]))
            }
        };
        self.outcomes[place] = Some(outcome);
    }

    fn into_outcomes(self) -> Vec<Outcome> {
        let nothing = || Outcome::Now(Answer::Effects(Vec::new()));
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(nothing)).collect()
    }
}

/// The newest listing for all connections of a node, which may have missed some.
fn gap(topic: String, listed: &Result<Arc<Listed>, RequestError>) -> Answer {
    let push = match listed {
        Ok(listed) => Push::state(listed.body.clone(), numbers::LISTING, listed.version),
        Err(error) => {
            log::warn!(error = error.message.as_str(); "a node that missed listings cannot be given the newest");
            return Answer::Effects(Vec::new());
        }
    };
    Answer::Effects(vec![Effect::Push(TopicPush { topic, push })])
}
