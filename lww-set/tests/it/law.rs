//! What must hold of any history.

use lww_set::{LwwSet, Op, Operation, Outcome, rule};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::history::{history, operation, reordered, set};

fn merged(left: &LwwSet, right: &LwwSet) -> LwwSet {
    let mut all = left.clone();
    all.merge(right);
    all
}

/// Whether one set knows of each value as much as another one, or more.
fn at_least(greater: &LwwSet, lesser: &LwwSet) -> bool {
    lesser.entries().all(|(value, entry)| {
        let theirs = greater.get(value).expect("no value is forgotten");
        rule::compare((&theirs.stamp, theirs.op), (&entry.stamp, entry.op)).is_ge()
    })
}

/// A step of replicas that hand each other operations, deltas and whole sets.
#[derive(Debug, Clone)]
enum Step {
    Do(usize, Operation),
    Merge(usize, usize),
    Delta(usize, usize),
}

const REPLICAS: usize = 3;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..REPLICAS, operation()).prop_map(|(at, operation)| Step::Do(at, operation)),
        (0..REPLICAS, 0..REPLICAS).prop_map(|(from, to)| Step::Merge(from, to)),
        (0..REPLICAS, 0..REPLICAS).prop_map(|(from, to)| Step::Delta(from, to)),
    ]
}

proptest! {
    #[test]
    fn merging_is_commutative(left in set(), right in set()) {
        prop_assert_eq!(merged(&left, &right), merged(&right, &left));
    }

    #[test]
    fn merging_is_associative(a in set(), b in set(), c in set()) {
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
    }

    #[test]
    fn merging_is_idempotent(left in set(), right in set()) {
        let once = merged(&left, &right);
        prop_assert_eq!(&merged(&left, &left), &left);
        prop_assert_eq!(&merged(&once, &right), &once);
    }

    #[test]
    fn merging_is_monotone(a in set(), b in set(), c in set()) {
        let both = merged(&a, &b);
        prop_assert!(at_least(&both, &a) && at_least(&both, &b));
        // Who knew more before knows more afterwards.
        prop_assert!(at_least(&merged(&both, &c), &merged(&a, &c)));
    }

    #[test]
    fn applying_never_loses_knowledge(history in history()) {
        let mut set = LwwSet::new();
        for operation in history {
            let before = set.clone();
            set.apply(operation);
            prop_assert!(at_least(&set, &before));
        }
    }

    #[test]
    fn a_set_is_the_operations_that_it_keeps(history in history()) {
        let set: LwwSet = history.into_iter().collect();
        let kept: Vec<Operation> = set.operations().collect();
        prop_assert_eq!(&kept.iter().cloned().collect::<LwwSet>(), &set);
        prop_assert_eq!(set.into_operations().collect::<Vec<_>>(), kept);
    }

    #[test]
    fn any_order_and_any_repetition_converge((history, reordered) in reordered()) {
        let (left, right): (LwwSet, LwwSet) = (history.into_iter().collect(), reordered.into_iter().collect());
        prop_assert_eq!(&left, &right);
        prop_assert_eq!(left.digest(), right.digest());
    }

    #[test]
    fn replicas_that_exchange_whatever_they_like_converge(steps in vec(step(), 0..60)) {
        let mut replicas = vec![LwwSet::new(); REPLICAS];
        let mut all = LwwSet::new();
        let mut seen = [[0; REPLICAS]; REPLICAS];
        for step in steps {
            match step {
                Step::Do(at, operation) => {
                    all.apply(operation.clone());
                    replicas[at].apply(operation);
                }
                Step::Merge(from, to) => {
                    let other = replicas[from].clone();
                    replicas[to].merge(&other);
                }
                Step::Delta(from, to) => {
                    let delta = replicas[from].delta_since(seen[from][to]);
                    seen[from][to] = replicas[from].version();
                    replicas[to].extend(delta);
                }
            }
        }
        for from in 0..REPLICAS {
            let other = replicas[from].clone();
            replicas.iter_mut().for_each(|replica| { replica.merge(&other); });
        }
        for replica in &replicas {
            prop_assert_eq!(replica, &all);
        }
    }

    #[test]
    fn an_outcome_says_what_happened(mut set in set(), operation in operation()) {
        let before = set.clone();
        let outcome = set.apply(operation.clone());
        let kept = set.get(&operation.value).expect("something is kept");
        let is_kept = (&kept.stamp, kept.op) == (&operation.stamp, operation.op);
        match &outcome {
            Outcome::Applied => prop_assert!(is_kept && before.get(&operation.value) != Some(kept)),
            Outcome::Duplicate => prop_assert!(is_kept && before == set),
            Outcome::Superseded(winner) => prop_assert!(!is_kept && winner == kept && before == set),
        }
        prop_assert_eq!(set.version() - before.version(), u64::from(outcome == Outcome::Applied));
    }

    #[test]
    fn a_delta_for_another_set_is_all_that_it_lacks(left in set(), right in set()) {
        let delta = left.delta_for(&right);
        let mut patched = right.clone();
        for operation in delta {
            prop_assert_eq!(patched.apply(operation), Outcome::Applied, "nothing is sent in vain");
        }
        prop_assert_eq!(patched, merged(&right, &left));
    }

    #[test]
    fn a_delta_since_a_version_is_all_that_came_after_it(mut set in set(), later in history()) {
        let (mut copy, version) = (set.clone(), set.version());
        set.extend(later);
        copy.extend(set.delta_since(version));
        prop_assert_eq!(copy, set);
    }

    #[test]
    fn counts_and_views_agree(set in set()) {
        let contained: Vec<&str> = set.iter().map(|(value, _)| value).collect();
        prop_assert!(contained.is_sorted());
        prop_assert_eq!(set.len(), contained.len());
        prop_assert_eq!(set.is_empty(), contained.is_empty());
        for (value, entry) in set.entries() {
            prop_assert_eq!(set.contains(value), entry.op == Op::Add);
            prop_assert_eq!(contained.contains(&value), entry.op == Op::Add);
        }
    }

    #[test]
    fn json_brings_a_set_back_with_its_tombstones(set in set()) {
        let text = serde_json::to_string(&set).unwrap();
        prop_assert_eq!(serde_json::from_str::<LwwSet>(&text).unwrap(), set);
    }

    #[test]
    fn digests_are_equal_only_for_the_same_contained_values(left in set(), right in set()) {
        prop_assert_eq!(left.digest() == right.digest(), left.iter().eq(right.iter()));
    }
}
