//! The merge rule, and with it the tie rule: which of two operations on one value wins.
//!
//! The greater stamp wins. Stamps are equal only if one replica used a stamp twice, to add and to remove a value; then
//! the removal wins, whichever came first. So the operations on one value are totally ordered, all replicas know the same
//! greatest one when they have seen the same operations, and neither the order in which they came nor how often
//! matters.

use std::cmp::Ordering;

use crate::{Op, Stamp};

/// How an operation that arrives compares to the one that is kept: it wins if it is greater. Equal operations are one and
/// the same.
#[must_use]
#[cfg(not(feature = "broken-merge"))]
pub fn compare(arrived: (&Stamp, Op), kept: (&Stamp, Op)) -> Ordering {
    arrived.0.cmp(kept.0).then(rank(arrived.1).cmp(&rank(kept.1)))
}

/// The rule broken on purpose: whatever arrives last wins, whenever it was done.
#[must_use]
#[cfg(feature = "broken-merge")]
pub fn compare(arrived: (&Stamp, Op), kept: (&Stamp, Op)) -> Ordering {
    if arrived == kept { rank(arrived.1).cmp(&rank(kept.1)) } else { Ordering::Greater }
}

/// The tie rule: at equal stamps, a removal is greater than an addition.
fn rank(op: Op) -> u8 {
    match op {
        Op::Add => 0,
        Op::Remove => 1,
    }
}

#[cfg(all(test, not(feature = "broken-merge")))]
mod tests {
    use super::*;

    #[test]
    fn time_decides_then_the_replica_then_the_removal() {
        let stamp = |ms, replica: &str| Stamp::new(ms, replica.parse().unwrap()).unwrap();
        let in_order = [
            (stamp(1, "b"), Op::Remove),
            (stamp(2, "a"), Op::Add),
            (stamp(2, "a"), Op::Remove),
            (stamp(2, "b"), Op::Add),
            (stamp(10, "a"), Op::Add),
        ];
        for (i, (left, left_op)) in in_order.iter().enumerate() {
            for (j, (right, right_op)) in in_order.iter().enumerate() {
                assert_eq!(compare((left, *left_op), (right, *right_op)), i.cmp(&j), "{i} {j}");
            }
        }
    }
}

#[cfg(all(test, feature = "broken-merge"))]
mod tests {
    use super::*;

    #[test]
    fn with_the_broken_rule_what_arrives_last_wins() {
        let stamp = |ms| Stamp::new(ms, "a".parse().unwrap()).unwrap();
        assert_eq!(compare((&stamp(1), Op::Add), (&stamp(2), Op::Add)), Ordering::Greater);
    }
}
