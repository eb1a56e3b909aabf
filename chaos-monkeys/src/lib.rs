//! Bots that use, load and torment the sets service, and then say whether everything converged.
//!
//! Monkeys come in three kinds: *normal* ones add and remove values all the time; *offline* ones change a copy of their own
//! for a while, then sync; *viewers* follow sets live. Clocks are wrong, operations come twice and out of order, connections
//! break, all at once if need be. Then it gets calm, everything is delivered, and the [`verdict`] is spoken:
//!
//! - every replica and the server hold the same sets, compared by digest;
//! - every operation that the server acknowledged is in what it keeps, or a greater one is ([`ledger`]);
//! - nothing else is in it.
//!
//! All that the monkeys decide comes from a seed ([`dice`]), so a run can be repeated; what the network does cannot.
//!
//! Modules, in reading order:
//!
//! - [`config`]: the options
//! - [`program`], [`run`](mod@run): the program; a run: gathering, chaos, calm, verdict
//! - [`troop`]: the monkeys of a process; [`crew`], [`part`], [`child`]: of several
//! - [`monkey`]: the three kinds
//! - [`dice`], [`decision`], [`timepiece`]: what they decide, and what their clock says
//! - [`wire`], [`cursor`]: what is said to the service and what it says
//! - [`follow`], [`feed`]: the rules by which a client follows a set
//! - [`copy`], [`replica`]: what they hold
//! - [`delivery`], [`ledger`], [`sent`]: what became of operations
//! - [`link`](mod@link): connections
//! - [`world`]: what all share
//! - [`gauge`], [`finding`], [`verdict`], [`report`], [`view`]: what is told

pub mod child;
pub mod config;
pub mod copy;
pub mod crew;
pub mod cursor;
pub mod decision;
pub mod delivery;
pub mod dice;
pub mod feed;
pub mod finding;
pub mod follow;
pub mod gauge;
mod insist;
pub mod ledger;
pub mod link;
pub mod monkey;
pub mod part;
pub mod program;
pub mod replica;
pub mod report;
pub mod run;
pub mod sent;
pub mod share;
pub mod timepiece;
pub mod troop;
pub mod verdict;
pub mod view;
pub mod wire;
pub mod world;

pub use config::Config;
pub use report::Report;
pub use run::{obey, run};
pub use verdict::Verdict;
