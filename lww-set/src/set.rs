//! The set.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Op, Operation, Stamp, digest, rule};

/// A set of strings that replicas change without asking each other.
///
/// For each value it keeps the greatest operation that it has seen; a removal that is kept is a tombstone. Sets are equal
/// if they keep the same operations. In JSON it is the list of these, by value.
#[derive(Debug, Clone, Default)]
pub struct LwwSet {
    kept: BTreeMap<String, Kept>,
    contained: usize,
    version: u64,
}

/// The greatest operation on a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it did: the value is contained if it was added.
    pub op: Op,
    /// When, and by whom.
    pub stamp: Stamp,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is the greatest on its value, and kept.
    Applied,
    /// A greater one is kept: this one.
    Superseded(Entry),
    /// It was kept already.
    Duplicate,
}

#[derive(Debug, Clone)]
struct Kept {
    entry: Entry,
    /// The version of the set that it made.
    version: u64,
}

impl LwwSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies an operation, of whichever replica, in whichever order, however often.
    pub fn apply(&mut self, operation: Operation) -> Outcome {
        let Operation { op, value, stamp } = operation;
        let was_contained = match self.kept.get(&value).map(|kept| &kept.entry) {
            None => false,
            Some(kept) => match rule::compare((&stamp, op), (&kept.stamp, kept.op)) {
                Ordering::Less => return Outcome::Superseded(kept.clone()),
                Ordering::Equal => return Outcome::Duplicate,
                Ordering::Greater => kept.op == Op::Add,
            },
        };
        self.version += 1;
        self.contained = self.contained + usize::from(op == Op::Add) - usize::from(was_contained);
        self.kept.insert(value, Kept { entry: Entry { op, stamp }, version: self.version });
        Outcome::Applied
    }

    /// Adds a value.
    pub fn add(&mut self, value: impl Into<String>, stamp: Stamp) -> Outcome {
        self.apply(Operation::add(value, stamp))
    }

    /// Removes a value, whether it was added or not: an addition with a lesser stamp may still come.
    pub fn remove(&mut self, value: impl Into<String>, stamp: Stamp) -> Outcome {
        self.apply(Operation::remove(value, stamp))
    }

    /// Takes over what another replica has seen; returns how many of its operations were applied.
    pub fn merge(&mut self, other: &Self) -> usize {
        other.operations().filter(|operation| self.apply(operation.clone()) == Outcome::Applied).count()
    }

    /// Whether the set contains a value.
    #[must_use]
    pub fn contains(&self, value: &str) -> bool {
        self.get(value).is_some_and(|entry| entry.op == Op::Add)
    }

    /// The operation that is kept for a value.
    #[must_use]
    pub fn get(&self, value: &str) -> Option<&Entry> {
        self.kept.get(value).map(|kept| &kept.entry)
    }

    /// How many values it contains.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contained
    }

    /// Whether it contains none. It may keep tombstones.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contained == 0
    }

    /// The contained values with their stamps, in bytewise order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Stamp)> {
        self.entries().filter(|(_, entry)| entry.op == Op::Add).map(|(value, entry)| (value, &entry.stamp))
    }

    /// All that is kept, tombstones too, by value in bytewise order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&str, &Entry)> {
        self.kept.iter().map(|(value, kept)| (value.as_str(), &kept.entry))
    }

    /// The operations that make this set of an empty one, by value in bytewise order.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = Operation> {
        self.entries().map(|(value, entry)| entry.on(value))
    }

    /// The same, without copying the values.
    pub fn into_operations(self) -> impl ExactSizeIterator<Item = Operation> {
        self.kept.into_iter().map(|(value, Kept { entry: Entry { op, stamp }, .. })| Operation {
            op,
            value,
            stamp,
        })
    }

    /// Counts what was applied to this copy: a bookmark for [`LwwSet::delta_since`]. Of no meaning to other copies.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What was applied after this version, in the order in which it came, without what was superseded meanwhile.
    #[must_use]
    pub fn delta_since(&self, version: u64) -> Vec<Operation> {
        let mut newer: Vec<(&String, &Kept)> =
            self.kept.iter().filter(|(_, kept)| kept.version > version).collect();
        newer.sort_unstable_by_key(|(_, kept)| kept.version);
        newer.into_iter().map(|(value, kept)| kept.entry.on(value)).collect()
    }

    /// What another copy lacks: to apply this there is as good as to merge this set.
    #[must_use]
    pub fn delta_for(&self, other: &Self) -> Vec<Operation> {
        let news = |value: &str, entry: &Entry| {
            other.get(value).is_none_or(|kept| {
                rule::compare((&entry.stamp, entry.op), (&kept.stamp, kept.op)) == Ordering::Greater
            })
        };
        self.entries()
            .filter(|(value, entry)| news(value, entry))
            .map(|(value, entry)| entry.on(value))
            .collect()
    }

    /// The [`digest`] of the contained values and their stamps: equal for replicas that have converged.
    #[must_use]
    pub fn digest(&self) -> String {
        digest::of(self.iter())
    }
}

impl Entry {
    fn on(&self, value: &str) -> Operation {
        Operation { op: self.op, value: value.to_owned(), stamp: self.stamp.clone() }
    }
}

impl PartialEq for LwwSet {
    fn eq(&self, other: &Self) -> bool {
        self.entries().eq(other.entries())
    }
}

impl Eq for LwwSet {}

impl Extend<Operation> for LwwSet {
    fn extend<T: IntoIterator<Item = Operation>>(&mut self, operations: T) {
        for operation in operations {
            self.apply(operation);
        }
    }
}

impl FromIterator<Operation> for LwwSet {
    fn from_iter<T: IntoIterator<Item = Operation>>(operations: T) -> Self {
        let mut set = Self::new();
        set.extend(operations);
        set
    }
}

impl Serialize for LwwSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.operations())
    }
}

impl<'de> Deserialize<'de> for LwwSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Operation>::deserialize(deserializer)?.into_iter().collect())
    }
}
