//! What is said to the sets service and what it says.

use std::borrow::Cow;

use lww_set::{LwwSet, Op, Operation, Stamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cursor::Cursor;

/// A request over `/ws/sets`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request<'a> {
    /// Asks for what a set is, or for what changed since a cursor, and for every change from then on.
    Watch {
        /// Echoed in the answer.
        id: u64,
        /// Which set.
        set: &'a str,
        /// What is known already.
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<&'a Cursor>,
    },
    /// Applies operations.
    Apply {
        /// Echoed in the answer.
        id: u64,
        /// To which set.
        set: &'a str,
        /// In this order.
        operations: &'a [Change],
    },
}

/// An operation as it is sent: without a stamp, the server gives it one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Change {
    /// What is done.
    pub op: Op,
    /// To which value.
    pub value: String,
    /// When, and by whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
}

/// A message from `/ws/sets`: an answer if it has an id, else a push.
#[derive(Debug, Deserialize)]
pub struct Incoming<'a> {
    /// What it is. Missing in an error.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// The id of the request that it answers.
    pub id: Option<u64>,
    /// Which set.
    #[serde(borrow)]
    pub set: Option<Cow<'a, str>>,
    /// The position after it.
    pub cursor: Option<Cursor>,
    /// The position before it, of a delta that was pushed.
    pub prev: Option<Cursor>,
    /// The changes of a delta.
    #[serde(borrow)]
    pub operations: Option<&'a RawValue>,
    /// Whether a delta that was asked for is not all there is.
    #[serde(default)]
    pub more: bool,
    /// The contained values of a snapshot or reset.
    #[serde(borrow)]
    pub elements: Option<&'a RawValue>,
    /// The tombstones of a snapshot or reset.
    #[serde(borrow)]
    pub removed: Option<&'a RawValue>,
    /// What became of each operation.
    pub outcomes: Option<Vec<Told>>,
    /// What went wrong.
    pub error: Option<Trouble>,
}

/// Kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The whole set, as asked for.
    Snapshot,
    /// Changes.
    Delta,
    /// The whole set, to replace what is known of it.
    Reset,
    /// What became of operations.
    Outcomes,
    /// A set is no longer watched.
    Unwatched,
    /// There is no such set any more.
    Deleted,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Told {
    /// It is kept.
    Applied {
        /// Its stamp.
        stamp: Stamp,
    },
    /// A greater one is kept.
    Superseded {
        /// What the kept one did.
        op: Op,
        /// The stamp of the kept one.
        stamp: Stamp,
    },
    /// It was kept already.
    Duplicate {
        /// Its stamp.
        stamp: Stamp,
    },
    /// Its stamp is too far in the future.
    ClockAhead {
        /// The time of the server, milliseconds since 1970.
        server_ms: u64,
    },
    /// Its stamp is from before the horizon of tombstones.
    TooOld {
        /// Stamps up to here are refused, milliseconds since 1970.
        floor_ms: u64,
    },
}

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Trouble {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
}

/// The answer to operations over HTTP, and the members that the answer to a single one shares with it.
#[derive(Debug, Deserialize)]
pub struct Outcomes {
    /// What became of each.
    pub outcomes: Vec<Told>,
}

/// A body that says what went wrong.
#[derive(Debug, Deserialize)]
pub struct Failed {
    /// What went wrong.
    pub error: Trouble,
}

/// A value with its stamp.
#[derive(Debug, Deserialize)]
struct Element {
    value: String,
    stamp: Stamp,
}

/// A set as `GET /sets/{id}?tombstones=1` tells it.
#[derive(Debug, Deserialize)]
pub struct Snapshot<'a> {
    /// The position at which it is so.
    pub cursor: Cursor,
    /// The contained values.
    #[serde(borrow)]
    pub elements: &'a RawValue,
    /// The tombstones.
    #[serde(borrow)]
    pub removed: Option<&'a RawValue>,
}

/// The digest of a set as `GET /sets/{id}/digest` tells it.
#[derive(Debug, Deserialize)]
pub struct Digest {
    /// The position at which it is so.
    pub cursor: Cursor,
    /// How many values the set contains.
    pub count: u64,
    /// Their digest.
    pub digest: String,
}

/// Reads the members of a snapshot as a set.
///
/// # Errors
/// They are not lists of values with stamps.
pub fn whole(elements: &RawValue, removed: Option<&RawValue>) -> Result<LwwSet, serde_json::Error> {
    let elements: Vec<Element> = serde_json::from_str(elements.get())?;
    let removed: Vec<Element> =
        removed.map(|removed| serde_json::from_str(removed.get())).transpose()?.unwrap_or_default();
    let added = elements.into_iter().map(|element| Operation::add(element.value, element.stamp));
    let gone = removed.into_iter().map(|element| Operation::remove(element.value, element.stamp));
    Ok(added.chain(gone).collect())
}

impl Told {
    /// Whether it was not done at all.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::ClockAhead { .. } | Self::TooOld { .. })
    }
}

impl From<Operation> for Change {
    fn from(operation: Operation) -> Self {
        Self { op: operation.op, value: operation.value, stamp: Some(operation.stamp) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_written_as_the_service_reads_them() {
        let watch = Request::Watch { id: 1, set: "s", cursor: Some(&"e-1".parse().unwrap()) };
        let text = serde_json::to_string(&watch).unwrap();
        assert_eq!(text, r#"{"type":"watch","id":1,"set":"s","cursor":"e-1"}"#);
        let stamp: Stamp = serde_json::from_str(r#"[1,"a"]"#).unwrap();
        let operations =
            [Operation::add("x", stamp).into(), Change { op: Op::Remove, value: "y".into(), stamp: None }];
        let text =
            serde_json::to_string(&Request::Apply { id: 2, set: "s", operations: &operations }).unwrap();
        assert_eq!(
            text,
            r#"{"type":"apply","id":2,"set":"s","operations":[{"op":"add","value":"x","stamp":[1,"a"]},{"op":"remove","value":"y"}]}"#
        );
    }

    #[test]
    fn messages_are_read_with_the_members_that_they_have() {
        let delta: Incoming<'_> = serde_json::from_str(
            r#"{"type":"delta","set":"s","prev":"e-1","cursor":"e-2","operations":[{"op":"add","value":"x","stamp":[1,"a"]}],"server_ms":5}"#,
        )
        .unwrap();
        assert_eq!((delta.kind, delta.set.as_deref()), (Some(Kind::Delta), Some("s")));
        assert!(delta.operations.is_some() && !delta.more && delta.id.is_none());
        let outcomes: Incoming<'_> = serde_json::from_str(
            r#"{"id":7,"type":"outcomes","set":"s","outcomes":[{"outcome":"superseded","op":"add","stamp":[1,"a"]},{"outcome":"clock_ahead","server_ms":3,"ahead_ms_max":60000}],"cursor":"e-2"}"#,
        )
        .unwrap();
        assert!(matches!(
            outcomes.outcomes.unwrap()[..],
            [Told::Superseded { .. }, Told::ClockAhead { server_ms: 3 }]
        ));
        let error: Incoming<'_> =
            serde_json::from_str(r#"{"error":{"code":"unavailable","message":"m"},"id":7}"#).unwrap();
        assert_eq!((error.id, error.error.unwrap().code), (Some(7), "unavailable".to_owned()));
    }

    #[test]
    fn a_snapshot_is_read_with_its_tombstones() {
        let text = r#"{"cursor":"e-2","elements":[{"value":"x","stamp":[1,"a"]}],"removed":[{"value":"y","stamp":[2,"a"]}]}"#;
        let snapshot: Snapshot<'_> = serde_json::from_str(text).unwrap();
        let set = whole(snapshot.elements, snapshot.removed).unwrap();
        assert!(set.contains("x") && !set.contains("y") && set.entries().len() == 2);
    }
}
