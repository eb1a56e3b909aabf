//! The definition of the literature: Shapiro et al. 2011, section 3.3.3, as it stands there, slow and obvious.

use std::collections::BTreeSet;

use lww_set::{LwwSet, Op, Operation, Stamp};
use proptest::prelude::*;

use crate::history::history;

/// Two grow-only sets, of additions and of removals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct TwoSets {
    additions: BTreeSet<(String, Stamp)>,
    removals: BTreeSet<(String, Stamp)>,
}

impl TwoSets {
    fn apply(&mut self, operation: Operation) {
        let Operation { op, value, stamp } = operation;
        match op {
            Op::Add => self.additions.insert((value, stamp)),
            Op::Remove => self.removals.insert((value, stamp)),
        };
    }

    fn merge(&mut self, other: &Self) {
        self.additions.extend(other.additions.iter().cloned());
        self.removals.extend(other.removals.iter().cloned());
    }

    /// There is an addition, and no removal with the same or a later stamp.
    fn lookup(&self, value: &str) -> bool {
        self.additions.iter().filter(|(added, _)| added == value).any(|(_, addition)| {
            !self.removals.iter().any(|(removed, removal)| removed == value && removal >= addition)
        })
    }

    fn values(&self) -> BTreeSet<&str> {
        self.additions.union(&self.removals).map(|(value, _)| value.as_str()).collect()
    }
}

fn both(history: Vec<Operation>) -> (LwwSet, TwoSets) {
    let mut model = TwoSets::default();
    history.iter().cloned().for_each(|operation| model.apply(operation));
    (history.into_iter().collect(), model)
}

fn agree(set: &LwwSet, model: &TwoSets) -> Result<(), TestCaseError> {
    for value in model.values() {
        prop_assert_eq!(set.contains(value), model.lookup(value), "{:?}", value);
    }
    prop_assert!(set.iter().all(|(value, _)| model.lookup(value)));
    Ok(())
}

proptest! {
    #[test]
    fn a_set_contains_what_the_two_set_definition_says_after_each_operation(history in history()) {
        let (mut set, mut model) = (LwwSet::new(), TwoSets::default());
        for operation in history {
            model.apply(operation.clone());
            set.apply(operation);
            agree(&set, &model)?;
        }
    }

    #[test]
    fn merged_sets_contain_what_the_two_set_definition_says(left in history(), right in history()) {
        let ((mut set, mut model), (other, other_model)) = (both(left), both(right));
        set.merge(&other);
        model.merge(&other_model);
        agree(&set, &model)?;
    }
}
