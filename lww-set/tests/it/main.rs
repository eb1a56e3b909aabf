//! The set, checked from outside: laws, the definition of the literature, and the vectors that other languages share.

// With the rule broken on purpose none of this holds: that is what the switch is for.
#![cfg(not(feature = "broken-merge"))]
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail like the test")]

mod history;
mod law;
mod model;
mod vector;
