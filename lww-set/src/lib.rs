//! A set that replicas change without asking each other, and that converges all the same.
//!
//! The *LWW-Element-Set* of Shapiro, Preguiça, Baquero and Zawirski, ["A comprehensive study of Convergent and Commutative
//! Replicated Data Types"](https://inria.hal.science/inria-00555588), 2011, section 3.3.3: each value is added and
//! removed with a stamp, and for each value the last writer wins.
//!
//! The paper keeps two sets, of additions and of removals, each of pairs (value, stamp); a value is contained if it has an
//! addition that no removal with the same or a later stamp follows. Only the greatest operation on a value ever decides
//! that, so a [`LwwSet`] keeps just this one; `tests/it/model.rs` holds it to the definition of the paper.
//!
//! Which of two operations is greater is said in one place: [`rule`].
//!
//! ```
//! use lww_set::{LwwSet, Stamp};
//!
//! let stamp = |ms, replica: &str| Stamp::new(ms, replica.parse().unwrap()).unwrap();
//! let (mut phone, mut laptop) = (LwwSet::new(), LwwSet::new());
//! phone.add("milk", stamp(1, "phone"));
//! laptop.merge(&phone);
//!
//! // Both go offline.
//! phone.remove("milk", stamp(2, "phone"));
//! laptop.add("eggs", stamp(2, "laptop"));
//!
//! phone.merge(&laptop);
//! laptop.merge(&phone);
//! assert_eq!(phone, laptop);
//! assert!(!phone.contains("milk") && phone.contains("eggs"));
//! ```
//!
//! There is no I/O in this crate and no clock: the time is an argument. Modules, in reading order:
//!
//! - [`replica`], [`stamp`]: who did it, and when
//! - [`operation`]: what was done
//! - [`rule`]: which operation wins
//! - [`set`]: the set: apply, merge, and what another one lacks
//! - [`digest`]: two sets compared by one short string
//! - [`clock`]: stamps that one replica never uses twice

pub mod clock;
pub mod digest;
pub mod operation;
pub mod replica;
pub mod rule;
pub mod set;
pub mod stamp;

pub use clock::Clock;
pub use operation::{Op, Operation};
pub use replica::{BadReplica, Replica};
pub use set::{Entry, LwwSet, Outcome};
pub use stamp::{BadStamp, Stamp};
