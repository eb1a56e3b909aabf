//! What the server has acknowledged, and must therefore account for.

use std::collections::HashSet;

use lww_set::{LwwSet, Op, Operation, Replica, rule};

use crate::wire::{Change, Told};

/// What the server owes the monkeys for one set.
///
/// Of all acknowledged operations on a value only the greatest decides, so an acknowledged operation is lost exactly if the
/// server keeps a lesser one on its value, or none: the greatest is all that is remembered.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The merge of all that the server said it keeps.
    owed: LwwSet,
    /// Operations that may have been done, but nobody said so.
    unresolved: HashSet<Change>,
    /// Everyone who wrote.
    writers: HashSet<Replica>,
}

/// What is wrong about an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An operation that was acknowledged before was not there any more.
    #[error("{0} was acknowledged, and when it was sent again it was applied as if it were new")]
    Forgotten(String),
    /// A lesser operation won.
    #[error("{0} is said to be superseded by {1}, which is no greater")]
    LesserWon(String, String),
    /// The answer names another stamp than the request.
    #[error("{0} was answered with the stamp {1}")]
    OtherStamp(String, String),
}

/// What the server does not account for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Acknowledged operations that it does not keep.
    pub lost: Vec<Operation>,
    /// Operations of these monkeys that it keeps and never acknowledged.
    pub invented: Vec<Operation>,
}

impl Ledger {
    /// A replica writes to the set.
    pub fn writes(&mut self, replica: &Replica) {
        self.writers.insert(replica.clone());
    }

    /// The server answered a change; `again` says that it had acknowledged it before.
    ///
    /// # Errors
    /// [`Broken`] if the answer cannot be true.
    pub fn acknowledge(&mut self, change: &Change, told: &Told, again: bool) -> Result<(), Broken> {
        let by_server = |stamp| Operation { op: change.op, value: change.value.clone(), stamp };
        let (kept, is_new) = match told {
            Told::Applied { stamp } => (by_server(stamp.clone()), true),
            Told::Duplicate { stamp } => (by_server(stamp.clone()), false),
            Told::Superseded { op, stamp } => {
                (Operation { op: *op, value: change.value.clone(), stamp: stamp.clone() }, false)
            }
            Told::ClockAhead { .. } | Told::TooOld { .. } => return Ok(()),
        };
        self.owed.apply(kept.clone());
        let Some(own) = change.stamp.clone().map(by_server) else { return Ok(()) };
        self.owed.apply(own.clone());
        if is_new && again {
            return Err(Broken::Forgotten(text(&own)));
        }
        match told {
            Told::Superseded { .. } => {
                if rule::compare((&own.stamp, own.op), (&kept.stamp, kept.op)).is_lt() {
                    Ok(())
                } else {
                    Err(Broken::LesserWon(text(&own), text(&kept)))
                }
            }
            _ if own.stamp != kept.stamp => Err(Broken::OtherStamp(text(&own), kept.stamp.to_string())),
            _ => Ok(()),
        }
    }

    /// Nobody will ever know what became of a change.
    pub fn give_up(&mut self, change: Change) {
        self.unresolved.insert(change);
    }

    /// How many changes nobody knows the outcome of.
    #[must_use]
    pub fn unresolved(&self) -> usize {
        self.unresolved.len()
    }

    /// Holds what the server keeps, tombstones included, against what it owes.
    #[must_use]
    pub fn audit(&self, server: &LwwSet) -> Audit {
        let lost = self.owed.delta_for(server);
        let more = server.delta_for(&self.owed);
        Audit { lost, invented: more.into_iter().filter(|operation| !self.may_be(operation)).collect() }
    }

    /// Whether an operation that was never acknowledged can be true all the same.
    fn may_be(&self, operation: &Operation) -> bool {
        let change = |stamp| Change { op: operation.op, value: operation.value.clone(), stamp };
        !self.writers.contains(operation.stamp.replica())
            || self.unresolved.contains(&change(Some(operation.stamp.clone())))
            || self.unresolved.contains(&change(None))
    }
}

/// An operation in words, short enough for a line.
#[must_use]
pub fn text(operation: &Operation) -> String {
    let done = match operation.op {
        Op::Add => "add",
        Op::Remove => "remove",
    };
    format!("{done} {:?} {}", operation.value.chars().take(60).collect::<String>(), operation.stamp)
}

#[cfg(test)]
#[cfg(not(feature = "broken-merge"))]
mod tests {
    use super::*;

    fn operation(op: Op, ms: u64, replica: &str) -> Operation {
        let stamp = lww_set::Stamp::new(ms, replica.parse().unwrap()).unwrap();
        Operation { op, value: "x".into(), stamp }
    }

    fn add(ms: u64, replica: &str) -> Operation {
        operation(Op::Add, ms, replica)
    }

    fn applied(operation: &Operation) -> Told {
        Told::Applied { stamp: operation.stamp.clone() }
    }

    fn ledger(operations: &[Operation]) -> Ledger {
        let mut ledger = Ledger::default();
        for operation in operations {
            ledger.writes(operation.stamp.replica());
            ledger.acknowledge(&operation.clone().into(), &applied(operation), false).unwrap();
        }
        ledger
    }

    #[test]
    fn what_the_server_keeps_as_it_said_is_accounted_for() {
        let history = [add(1, "a"), operation(Op::Remove, 2, "b"), add(3, "a")];
        assert_eq!(ledger(&history).audit(&history.into_iter().collect()), Audit::default());
    }

    #[test]
    fn an_acknowledged_operation_that_the_server_does_not_keep_is_lost() {
        let audit = ledger(&[add(1, "a"), add(3, "a")]).audit(&[add(1, "a")].into_iter().collect());
        assert_eq!((audit.lost, audit.invented), (vec![add(3, "a")], vec![]));
        assert_eq!(ledger(&[add(1, "a")]).audit(&LwwSet::new()).lost, [add(1, "a")]);
    }

    #[test]
    fn an_operation_that_nobody_acknowledged_is_invented_unless_its_outcome_is_unknown_or_a_stranger_made_it()
    {
        let mut ledger = ledger(&[add(1, "a")]);
        assert_eq!(ledger.audit(&[add(5, "a")].into_iter().collect()).invented, [add(5, "a")]);
        assert_eq!(ledger.audit(&[add(5, "stranger")].into_iter().collect()), Audit::default());
        ledger.give_up(add(5, "a").into());
        assert_eq!(ledger.audit(&[add(5, "a")].into_iter().collect()), Audit::default());
    }

    #[test]
    fn what_supersedes_is_owed_too() {
        let mut ledger = Ledger::default();
        let told = Told::Superseded { op: Op::Remove, stamp: add(9, "b").stamp };
        ledger.acknowledge(&add(1, "a").into(), &told, false).unwrap();
        assert_eq!(ledger.audit(&LwwSet::new()).lost, [operation(Op::Remove, 9, "b")]);
    }

    #[test]
    fn answers_that_cannot_be_true_are_noticed() {
        let mut ledger = Ledger::default();
        let change: Change = add(5, "a").into();
        assert!(matches!(
            ledger.acknowledge(&change, &applied(&add(5, "a")), true),
            Err(Broken::Forgotten(_))
        ));
        assert!(matches!(
            ledger.acknowledge(&change, &applied(&add(6, "a")), false),
            Err(Broken::OtherStamp(..))
        ));
        let lesser = Told::Superseded { op: Op::Add, stamp: add(4, "a").stamp };
        assert!(matches!(ledger.acknowledge(&change, &lesser, false), Err(Broken::LesserWon(..))));
        let refused = Told::ClockAhead { server_ms: 1 };
        assert_eq!(ledger.acknowledge(&change, &refused, false), Ok(()));
    }
}
