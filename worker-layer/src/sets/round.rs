//! The rounds of a batch: what is asked of Redis together, and what follows from the answers.
//!
//! First all that creates and changes, then all that reads, then all that deletes, so that whoever changes and then reads
//! reads the change. What the answers make necessary is asked in further rounds, of which there are few.

use std::collections::HashMap;
use std::sync::Arc;

use broker::redis::{Cmd, Value};
use foldhash::fast::RandomState;
use protocol::sets::{self, SetId};
use protocol::{Answer, RequestError};

use super::answer::{applied, failed, refused};
use super::ask::{Ask, To};
use super::call::{Calls, Done, Part, Unknown};
use super::one::{Next, One};
use super::read::Reading;
use super::script::Commands;
use super::shared::Shared;
use super::step::{Job, Step};
use super::trouble::{Doing, full, in_part, unknown};
use crate::service::Outcome;

/// A batch on its way.
pub(super) struct Batch<'a> {
    pub(super) shared: &'a Arc<Shared>,
    calls: Calls<'a>,
    applies: Vec<Apply<'a>>,
    done: Vec<Option<Result<Done, RequestError>>>,
    next: Vec<Step<'a>>,
    outcomes: Vec<Option<Outcome>>,
}

/// A request that changes a set.
struct Apply<'a> {
    place: usize,
    set: &'a SetId,
    to: &'a To,
    parts: Vec<Part>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(shared: &'a Arc<Shared>, asks: &'a [Ask]) -> Self {
        let mut batch = Self {
            shared,
            calls: Calls::default(),
            applies: Vec::new(),
            done: Vec::new(),
            next: Vec::new(),
            outcomes: asks.iter().map(|_| None).collect(),
        };
        batch.plan(asks);
        batch
    }

    /// Carries all out; one outcome for each event.
    pub(super) async fn run(mut self) -> Vec<Outcome> {
        let calls = self.calls.commands(&self.shared.scripts, &self.shared.options);
        let mut calls: Vec<Option<Cmd>> = calls.map(Some).collect();
        while !self.next.is_empty() {
            let steps = std::mem::take(&mut self.next);
            let mut commands = Commands::default();
            steps.iter().for_each(|step| step.ask(self.shared, &mut calls, &mut commands));
            match self.shared.run(&commands).await {
                Ok(values) => {
                    let mut values = values.into_iter();
                    for step in steps {
                        let values = values.by_ref().take(step.answers()).collect();
                        self.finish(step, values).await;
                    }
                }
                Err(error) => {
                    for step in steps {
                        let doing = if step.is_change() { Doing::Changing } else { Doing::Reading };
                        self.fail(step, &self.shared.log.lost(&error, doing));
                    }
                }
            }
        }
        self.answer_applies();
        let nothing = || Outcome::Now(Answer::Effects(Vec::new()));
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(nothing)).collect()
    }

    /// The outcome of an event.
    pub(super) fn set(&mut self, place: usize, outcome: Outcome) {
        self.outcomes[place] = Some(outcome);
    }

    /// Reads something in the next round, for this one and all others who want the same.
    pub(super) fn then_read(&mut self, wanted: Reading, job: Job) {
        let same = self.next.iter_mut().find_map(|step| match step {
            Step::Read { reading, jobs } if *reading == wanted => Some(jobs),
            _ => None,
        });
        match same {
            Some(jobs) => jobs.push(job),
            None => self.next.push(Step::Read { reading: wanted, jobs: vec![job] }),
        }
    }

    fn plan(&mut self, asks: &'a [Ask]) {
        let (mut first, mut then, mut last) = (Vec::new(), Vec::new(), Vec::new());
        let mut readings: HashMap<Reading, Vec<Job>, RandomState> = HashMap::default();
        for (place, ask) in asks.iter().enumerate() {
            match ask {
                Ask::Nothing(answer) => self.set(place, Outcome::Now(answer.clone())),
                Ask::Create { set, name } => first.push(Step::One { place, one: One::Create { set, name } }),
                Ask::Delete { set } => last.push(Step::One { place, one: One::Delete { set } }),
                Ask::Apply { set, changes, to } => {
                    let parts = self.calls.add(set, changes);
                    self.applies.push(Apply { place, set, to, parts });
                }
                Ask::Read { reading, form, to } => {
                    let job = Job { place, form: form.clone(), to: to.clone() };
                    readings.entry(reading.clone()).or_default().push(job);
                }
                Ask::Value { set, value } => then.push(Step::One { place, one: One::Value { set, value } }),
                Ask::Index { limit, after } => {
                    then.push(Step::One { place, one: One::index(*limit, after) });
                }
            }
        }
        self.done = (0..self.calls.len()).map(|_| None).collect();
        first.extend((0..self.calls.len()).map(Step::Call));
        first.extend(readings.into_iter().map(|(reading, jobs)| Step::Read { reading, jobs }));
        first.extend(then);
        first.extend(last);
        self.next = first;
    }

    async fn finish(&mut self, step: Step<'a>, mut values: Vec<Value>) {
        match step {
            Step::Call(call) => {
                let value = self.shared.log.checked(values.pop().unwrap_or_default());
                self.done[call] = Some(value.and_then(|value| self.understood(call, value)));
            }
            Step::Read { reading, jobs } => {
                super::answer::read(self, &reading, jobs, values.pop().unwrap_or_default()).await;
            }
            Step::One { place, one } => match one.finish(self.shared, values) {
                Ok(Next::Answer(answer)) => self.set(place, Outcome::Now(answer)),
                Ok(Next::Ask(one)) => self.next.push(Step::One { place, one }),
                Err(error) => self.set(place, Outcome::Now(refused(&To::Web, &error))),
            },
        }
    }

    fn understood(&self, call: usize, value: Value) -> Result<Done, RequestError> {
        match self.calls.done(call, value, &self.shared.options) {
            Some(Ok(done)) => Ok(done),
            Some(Err(Unknown)) => Err(unknown(self.calls.set(call))),
            None => Err(self.shared.log.odd("the answer of apply.lua is not as it is written")),
        }
    }

    fn fail(&mut self, step: Step<'a>, error: &RequestError) {
        match step {
            Step::Call(call) => self.done[call] = Some(Err(error.clone())),
            Step::Read { reading, jobs } => {
                for job in jobs {
                    let outcome = failed(self.shared, reading.set(), &job, error);
                    self.set(job.place, outcome);
                }
            }
            Step::One { place, .. } => self.set(place, Outcome::Now(refused(&To::Web, error))),
        }
    }

    fn answer_applies(&mut self) {
        for Apply { place, set, to, parts } in std::mem::take(&mut self.applies) {
            let answer = match self.outcomes_of(&parts) {
                Ok((outcomes, done)) => applied(set, to, outcomes, done),
                Err(error) => refused(to, &error),
            };
            self.set(place, Outcome::Now(answer));
        }
    }

    /// What became of the operations of a request, and the call that the last of them was in.
    fn outcomes_of(&self, parts: &[Part]) -> Result<(Vec<sets::Outcome>, &Done), RequestError> {
        let (mut outcomes, mut left_out, mut last) = (Vec::new(), 0, None);
        for part in parts {
            match &self.done[part.call] {
                Some(Ok(done)) => {
                    left_out += self.calls.left_out(part, done);
                    outcomes.extend(self.calls.outcomes(part, done));
                    last = Some(done);
                }
                Some(Err(error)) if last.is_some() => return Err(in_part(error)),
                Some(Err(error)) => return Err(error.clone()),
                None => return Err(RequestError::outcome_unknown()),
            }
        }
        if left_out > 0 {
            let count = parts.iter().map(Part::count).sum();
            return Err(full(self.shared.options.values_max, left_out, count));
        }
        last.map(|done| (outcomes, done)).ok_or_else(RequestError::outcome_unknown)
    }
}
