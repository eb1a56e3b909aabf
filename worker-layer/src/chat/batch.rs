//! The way of a batch: first what changes conversations, then what that changes for their users, then what is only read. So
//! whoever sends and then reads sees what was sent, and an answer never tells of what is not stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::redis::{Cmd, Value, cmd};
use futures_util::FutureExt as _;
use protocol::{Answer, Effect, Json, Push, RequestError, body, chat, name};

use super::ask::{Ask, What};
use super::delivery::{Delivery, Mark, deliver};
use super::key::{self, OUTBOX};
use super::outbox::entry;
use super::page::{self, Reading};
use super::presence;
use super::shared::Shared;
use super::stored::{Stored, by, said};
use super::trouble::{Doing, undelivered};
use super::user::{Pair, User};
use crate::service::Outcome;

/// A batch on its way.
pub(super) struct Batch<'a> {
    shared: &'a Arc<Shared>,
    asks: Vec<Ask>,
    answers: Vec<Option<Result<chat::Answer, RequestError>>>,
    /// The conversations that are changed, and the places of who waits for it.
    deliveries: Vec<Delivery>,
    waiting: Vec<Vec<usize>>,
    places: BTreeMap<Pair, usize>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, asks: Vec<Ask>) -> Self {
        let answers = asks.iter().map(|_| None).collect();
        Self { shared, asks, answers, deliveries: Vec::new(), waiting: Vec::new(), places: BTreeMap::new() }
    }

    /// Carries all out; one outcome for each event.
    pub(super) async fn run(mut self) -> Vec<Outcome> {
        self.change().await;
        let readings = self.read().await;
        let told = presence::run(self.shared, &self.asks).await;
        let asks = self.asks.into_iter().zip(self.answers).zip(readings).zip(told);
        asks.map(|(((ask, answer), reading), told)| outcome(self.shared, ask, answer, reading, told))
            .collect()
    }

    /// All that changes something.
    async fn change(&mut self) {
        self.plan();
        let entries: Vec<String> = self.deliveries.iter().map(|it| entry(&it.pair)).collect();
        let mut commands = Vec::new();
        if !entries.is_empty() {
            commands.push(of_outbox("SADD", &entries));
        }
        // Messages are numbered in the order in which they were sent.
        let is_send = |ask: &&Ask| matches!(ask, Ask::Of { what: What::Send { .. }, .. });
        if self.asks.iter().filter(is_send).nth(1).is_some() {
            commands.push(self.shared.scripts.send.load());
        }
        let first = commands.len();
        let changing: Vec<(usize, Cmd)> =
            self.asks.iter().enumerate().filter_map(|(at, ask)| Some((at, self.command(ask)?))).collect();
        let (asked, changes): (Vec<usize>, Vec<Cmd>) = changing.into_iter().unzip();
        commands.extend(changes);
        match self.shared.run(commands, Doing::Changing).await {
            Ok(values) => {
                for (at, value) in asked.into_iter().zip(values.into_iter().skip(first)) {
                    let answer = self.changed(at, value);
                    self.answers[at] = Some(answer);
                }
            }
            Err(error) => {
                asked.into_iter().for_each(|at| self.answers[at] = Some(Err(error.clone())));
                return;
            }
        }
        if entries.is_empty() {
            return;
        }
        let results = deliver(self.shared, &mut self.deliveries).await;
        let mut done = Vec::new();
        for ((result, waiting), entry) in results.into_iter().zip(&self.waiting).zip(entries) {
            match result {
                Ok(()) => done.push(entry),
                // The outbox has it: it will reach them.
                Err(error) => {
                    for at in waiting {
                        let answer = &mut self.answers[*at];
                        if matches!(answer, Some(Ok(_))) {
                            *answer = Some(Err(undelivered(&error)));
                        }
                    }
                }
            }
        }
        // What stays in there once too long is delivered once more, which does no harm.
        if !done.is_empty() {
            let _ = self.shared.run(vec![of_outbox("SREM", &done)], Doing::Changing).await;
        }
    }

    /// The conversations that are to be changed.
    fn plan(&mut self) {
        for (at, ask) in self.asks.iter().enumerate() {
            let Ask::Of { me, what, .. } = ask else { continue };
            let (What::Send { to: with, .. } | What::Read { with, .. } | What::Received { with, .. }) = what
            else {
                continue;
            };
            let pair = Pair::of(&me.key, &with.key);
            let place = *self.places.entry(pair.clone()).or_insert_with(|| {
                self.deliveries.push(Delivery::new(pair.clone()));
                self.waiting.push(Vec::new());
                self.deliveries.len() - 1
            });
            self.waiting[place].push(at);
            let delivery = &mut self.deliveries[place];
            for user in [with, me] {
                delivery.names[pair.side(&user.key) as usize] = Some(user.name.clone());
            }
            if pair.sides().len() == 1 {
                delivery.names[1] = Some(me.name.clone());
            }
        }
    }

    /// The command that does what is asked for, if it changes something.
    fn command(&self, ask: &Ask) -> Option<Cmd> {
        let Ask::Of { me, what, .. } = ask else { return None };
        let scripts = &self.shared.scripts;
        match what {
            What::Send { to, text, message_id, picture } => {
                let delivery = self.delivery(me, to)?;
                let keys = &delivery.keys;
                let mut call = scripts.send.call(&[&keys.meta, &keys.messages, &keys.ids]);
                call.arg(delivery.pair.side(&me.key).letter()).arg(message_id);
                let picture = picture.as_ref().map(|link| &link.picture);
                call.arg(by(me)).arg(said(text, message_id, picture));
                Some(call)
            }
            What::Read { with, seq } | What::Received { with, seq } => {
                let delivery = self.delivery(me, with)?;
                let kind = if matches!(what, What::Read { .. }) { "read" } else { "got" };
                let mut call = scripts.read.call(&[&delivery.keys.meta, &delivery.keys.messages]);
                call.arg(delivery.pair.side(&me.key).letter()).arg(seq).arg(kind);
                Some(call)
            }
            What::Typing { to } => {
                let (from, from_name) = (me.key.clone(), me.name.clone());
                let push = Push::event(body::encode(&chat::Answer::Typing { from, from_name }));
                let mut publish = cmd("PUBLISH");
                publish.arg(name::topic_channel(&key::topic(&to.key))).arg(protocol::line::one(&push));
                Some(publish)
            }
            _ => None,
        }
    }

    fn delivery(&self, me: &User, with: &User) -> Option<&Delivery> {
        self.deliveries.get(*self.places.get(&Pair::of(&me.key, &with.key))?)
    }

    /// What a change is answered, once it has reached its users.
    fn changed(&mut self, at: usize, value: Value) -> Result<chat::Answer, RequestError> {
        let log = &self.shared.log;
        let Ask::Of { me, what, .. } = &self.asks[at] else { return Err(log.odd("nobody asked for it")) };
        let place = |with: &User| self.places.get(&Pair::of(&me.key, &with.key)).copied();
        let value: Value = log.understood(Some(value))?;
        match what {
            What::Send { to, message_id, .. } => {
                let stored = Stored::sent(value).ok_or_else(|| log.odd("send.lua answers something else"))?;
                let stored = stored.ok_or_else(page::other_text)?;
                let (seq, sent_ms) = (stored.seq, stored.sent_ms);
                if let Some(place) = place(to) {
                    self.deliveries[place].add(stored);
                }
                let (with, with_name, message_id) = (to.key.clone(), to.name.clone(), message_id.clone());
                Ok(chat::Answer::Sent { with, with_name, message_id, seq, sent_ms })
            }
            What::Read { with, .. } | What::Received { with, .. } => {
                let marks: Vec<u64> = log.understood(Some(value))?;
                if marks.is_empty() {
                    return Err(page::no_conversation());
                }
                let [newest, read_a, met_a, got_a, read_b, met_b, got_b] = marks[..] else {
                    return Err(log.odd("read.lua answers something else"));
                };
                let a = Mark { read: read_a, met: met_a, got: got_a };
                let marks = [a, Mark { read: read_b, met: met_b, got: got_b }];
                let side = Pair::of(&me.key, &with.key).side(&me.key);
                if let Some(place) = place(with) {
                    self.deliveries[place].mark(newest, marks);
                }
                Ok(match what {
                    What::Read { .. } => {
                        let read = marks[side as usize].read;
                        chat::Answer::Marked { with: with.key.clone(), read }
                    }
                    _ => chat::Answer::Ok {},
                })
            }
            _ => Ok(chat::Answer::Ok {}),
        }
    }

    /// All that is only read, in one round trip.
    async fn read(&self) -> Vec<Option<Result<Reading, RequestError>>> {
        let commands: Vec<Option<Cmd>> =
            self.asks.iter().map(|ask| page::command(self.shared, ask)).collect();
        let all = self.shared.run(commands.iter().flatten().cloned().collect(), Doing::Reading).await;
        let mut values = all.as_ref().map(|values| values.iter().cloned());
        let reading = |(ask, command): (&Ask, Option<Cmd>)| {
            command?;
            Some(match &mut values {
                Ok(values) => page::understand(&self.shared.log, ask, values.next()),
                Err(error) => Err((*error).clone()),
            })
        };
        self.asks.iter().zip(commands).map(reading).collect()
    }
}

fn of_outbox(command: &str, entries: &[String]) -> Cmd {
    let mut command = cmd(command);
    command.arg(OUTBOX).arg(entries);
    command
}

fn outcome(
    shared: &Arc<Shared>,
    ask: Ask,
    answer: Option<Result<chat::Answer, RequestError>>,
    reading: Option<Result<Reading, RequestError>>,
    told: Option<Result<Vec<Effect>, RequestError>>,
) -> Outcome {
    match ask {
        Ask::Nothing(answer) => Outcome::Now(answer),
        Ask::Http { pictures, http } => Outcome::Later(pictures.answer(http).boxed()),
        Ask::Of { id, .. } => Outcome::Now(Answer::Effects(match told {
            Some(Ok(effects)) if !effects.is_empty() => effects,
            Some(Err(error)) => vec![Effect::error(&error, id)],
            _ => vec![effect(answer, reading, id)],
        })),
        Ask::Gap { user } => page::gap(shared, &user, reading.filter(|_| !matches!(told, Some(Err(_))))),
        Ask::WatchGap { user } => presence::gap(shared, &user, told),
        // What failed is made up for by the next look.
        Ask::Closed { .. } => Outcome::Now(Answer::Effects(Vec::new())),
    }
}

fn effect(
    answer: Option<Result<chat::Answer, RequestError>>,
    reading: Option<Result<Reading, RequestError>>,
    id: Option<Json>,
) -> Effect {
    let body = match (answer, reading) {
        (Some(answer), _) => answer.map(|answer| body::encode(&answer)),
        (None, Some(reading)) => reading.map(|Reading { body, .. }| body),
        (None, None) => Ok(body::encode(&chat::Answer::Ok {})),
    };
    match body {
        Ok(body) => Effect::Send { body: protocol::Body::Inline(body), id },
        Err(error) => Effect::error(&error, id),
    }
}
