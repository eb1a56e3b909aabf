//! Setting numbers: all sets of a batch in one round trip.

use std::sync::Arc;

use broker::Store;
use broker::redis::{Cmd, Pipeline, Value};
use parking_lot::Mutex;
use protocol::RequestError;
use protocol::numbers::User;

use super::key;
use super::listing::Listing;
use super::trouble;
use crate::cause::Causes;
use crate::pace::Pace;

/// A number to set.
pub(super) struct Set {
    pub(super) user: User,
    /// Whether it matters if it was set to this before.
    pub(super) compare: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// It is set.
    Set,
    /// It is set, and was before. Only said if it matters.
    Unchanged,
}

/// Writes users.
pub(super) struct Writer {
    store: Store,
    listing: Arc<Mutex<Listing>>,
    pace: Pace,
}

impl Writer {
    pub(super) fn new(store: Store, listing: Arc<Mutex<Listing>>) -> Self {
        Self { store, listing, pace: Pace::default() }
    }

    /// Sets numbers, in this order.
    ///
    /// Whether a number was the same before is read just before it is written, by a command of its own.
    /// Another client may come in between. If it changes the number to the one that is to be set, a push
    /// follows for that change; if it changes it to something else, one follows for ours. So in each case
    /// somebody who is told nothing gets a push.
    pub(super) async fn set(&self, sets: &[&Set]) -> Vec<Result<Done, RequestError>> {
        let (fit, pipeline) = self.pipeline(sets);
        match self.store.pipeline::<Vec<Value>>(&pipeline).await {
            Ok(values) => {
                let mut values = values.into_iter();
                let outcome = |(set, fits): (&&Set, &bool)| {
                    if *fits { self.outcome(set, &mut values) } else { Err(trouble::full()) }
                };
                sets.iter().zip(&fit).map(outcome).collect()
            }
            Err(error) => {
                self.complain(&Causes(&error));
                let told = |fits: &bool| Err(if *fits { trouble::unsent(&error) } else { trouble::full() });
                fit.iter().map(told).collect()
            }
        }
    }

    /// What the answers to the commands of one set say.
    fn outcome(&self, set: &Set, values: &mut impl Iterator<Item = Value>) -> Result<Done, RequestError> {
        let before = if set.compare { values.next() } else { None };
        match values.next() {
            Some(Value::Int(_)) if before.is_some_and(|before| is(&before, &set.user)) => Ok(Done::Unchanged),
            Some(Value::Int(_)) => Ok(Done::Set),
            Some(Value::ServerError(error)) => {
                self.complain(&format!("{} {}", error.code(), error.details().unwrap_or_default()));
                Err(trouble::refused(&error))
            }
            _ => Err(RequestError::outcome_unknown()),
        }
    }

    fn complain(&self, error: &dyn std::fmt::Display) {
        if let Some(withheld) = self.pace.turn() {
            log::warn!(error:% = error, more_before = withheld; "a number could not be set");
        }
    }

    /// The commands, and for each set whether it is among them: one more user may not fit into the listing.
    fn pipeline(&self, sets: &[&Set]) -> (Vec<bool>, Pipeline) {
        let listing = self.listing.lock();
        let fit: Vec<bool> = sets.iter().map(|set| listing.has_room_for(&set.user.user_name)).collect();
        let fitting = || sets.iter().zip(&fit).filter(|(_, fits)| **fits).map(|(set, _)| *set);
        let mut pipeline = Pipeline::with_capacity(sets.len() + 1);
        let mut key = String::with_capacity(64);
        for Set { user, compare } in fitting() {
            key.clear();
            key.push_str(key::USER_PREFIX);
            key.push_str(&user.user_name);
            if *compare {
                pipeline.cmd("HMGET").arg(&key).arg("username").arg("favnum");
            }
            let mut hset = Cmd::with_capacity(6, key.len() + user.user_name.len() + 40);
            hset.arg("HSET").arg(&key).arg("username").arg(&user.user_name);
            hset.arg("favnum").arg(user.favorite_number);
            pipeline.add_command(hset);
        }
        let names = fitting().map(|set| set.user.user_name.as_str());
        let new: Vec<&str> = names.filter(|name| !listing.knows(name)).collect();
        if !new.is_empty() {
            // The publisher makes up for it if this fails.
            pipeline.cmd("SADD").arg(key::USERS).arg(new).ignore();
        }
        pipeline.ignore_errors();
        (fit, pipeline)
    }
}

/// Whether a reply to HMGET shows just this user.
fn is(before: &Value, user: &User) -> bool {
    let Value::Array(fields) = before else { return false };
    let [Value::BulkString(name), Value::BulkString(number)] = fields.as_slice() else { return false };
    *name == *user.user_name.as_bytes() && *number == *user.favorite_number.to_string().as_bytes()
}
