//! A set that is followed over a websocket: what comes is sorted by the rules of [`follow`](crate::follow).

use serde_json::value::RawValue;

use crate::cursor::Cursor;
use crate::follow::{Follower, Step};
use crate::gauge::{Counters, count};
use crate::wire::{Incoming, Kind, Request};

/// A set that is followed.
#[derive(Debug, Default)]
pub struct Feed {
    follower: Follower,
    /// The id of the `watch` that is under way.
    asked: Option<u64>,
}

/// What has to be done to the copy, which then is at [`Feed::cursor`].
#[derive(Debug)]
pub enum News<'a> {
    /// Nothing.
    Nothing,
    /// Apply these operations.
    Operations(&'a RawValue),
    /// Put this in its place.
    Whole(&'a RawValue, Option<&'a RawValue>),
}

/// A message that breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {0} came without {1}")]
pub struct Incomplete(&'static str, &'static str);

impl Feed {
    /// The position of the copy.
    #[must_use]
    pub fn cursor(&self) -> Option<&Cursor> {
        self.follower.cursor()
    }

    /// Whether a `watch` must be sent now.
    #[must_use]
    pub fn must_ask(&self) -> bool {
        self.follower.must_ask()
    }

    /// Whether the service answered, and nothing is missing for all that is known.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.follower.is_following()
    }

    /// The `watch` that is to be sent.
    pub fn ask<'a>(&'a mut self, id: u64, set: &'a str) -> Request<'a> {
        self.follower.ask();
        self.asked = Some(id);
        Request::Watch { id, set, cursor: self.follower.cursor() }
    }

    /// The `watch` failed, or the connection was lost.
    pub fn lose(&mut self) {
        self.follower.lose();
        self.asked = None;
    }

    /// The copy is given up.
    pub fn forget(&mut self) {
        self.follower.forget();
        self.asked = None;
    }

    /// Takes a snapshot, reset or delta.
    ///
    /// # Errors
    /// [`Incomplete`] if it breaks the protocol.
    pub fn take<'a>(
        &mut self,
        kind: Kind,
        incoming: &Incoming<'a>,
        counters: &Counters,
    ) -> Result<News<'a>, Incomplete> {
        let cursor = incoming.cursor.clone().ok_or(Incomplete("message", "cursor"))?;
        let is_answer = incoming.id.is_some();
        if is_answer && incoming.id != self.asked {
            // To a request that was given up.
            return Ok(News::Nothing);
        }
        if is_answer {
            self.asked = None;
        }
        if kind == Kind::Snapshot || kind == Kind::Reset {
            count(if kind == Kind::Reset { &counters.resets } else { &counters.snapshots });
            let elements = incoming.elements.ok_or(Incomplete("snapshot", "elements"))?;
            self.follower.replace(cursor, is_answer);
            return Ok(News::Whole(elements, incoming.removed));
        }
        let operations = incoming.operations.ok_or(Incomplete("delta", "operations"))?;
        let asked = self.follower.must_ask();
        let step = match &incoming.prev {
            Some(prev) => self.follower.push(prev, cursor),
            None if is_answer => self.follower.answer(cursor, incoming.more),
            None => return Err(Incomplete("delta", "prev")),
        };
        if !asked && !is_answer && self.follower.must_ask() {
            count(&counters.holes);
        }
        if step == Step::Apply {
            count(&counters.deltas);
            return Ok(News::Operations(operations));
        }
        if !is_answer {
            count(&counters.dropped);
        }
        Ok(News::Nothing)
    }
}
