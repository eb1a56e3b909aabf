//! Random histories, with a taste for conflict: few values, few times, few replicas.

use lww_set::{LwwSet, Op, Operation, Stamp};
use proptest::collection::vec;
use proptest::prelude::*;

/// Operations of a history.
const OPERATIONS_MAX: usize = 40;

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let op = prop_oneof![Just(Op::Add), Just(Op::Remove)];
    let value = prop_oneof!["a", "b", "", "😀"];
    let replica = prop_oneof!["phone", "laptop", "a", "server"];
    (op, value, 0..8_u64, replica).prop_map(|(op, value, ms, replica)| Operation {
        op,
        value,
        stamp: Stamp::new(ms, replica.parse().expect("the name is plain")).expect("the time is small"),
    })
}

pub(crate) fn history() -> impl Strategy<Value = Vec<Operation>> {
    vec(operation(), 0..OPERATIONS_MAX)
}

pub(crate) fn set() -> impl Strategy<Value = LwwSet> {
    history().prop_map(LwwSet::from_iter)
}

/// A history, and the same operations in another order with some of them repeated.
pub(crate) fn reordered() -> impl Strategy<Value = (Vec<Operation>, Vec<Operation>)> {
    (history(), vec(any::<prop::sample::Index>(), 0..OPERATIONS_MAX)).prop_flat_map(|(history, again)| {
        let mut all = history.clone();
        if !history.is_empty() {
            all.extend(again.iter().map(|index| index.get(&history).clone()));
        }
        (Just(history), Just(all).prop_shuffle())
    })
}
