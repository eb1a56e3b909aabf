//! Devices of chat users, and what must be true of them whatever happens to the processes.
//!
//! A device does what `docs/PROTOCOL.md` tells a client to do, and nothing more: it logs in, follows the log of its user by
//! pushes and `sync`, and sends what was not acknowledged again under the same id. Members and types that it does not know it
//! ignores. Modules, in reading order:
//!
//! - [`message`], [`cursor`], [`view`]: what a device knows
//! - [`line`](mod@line), [`device`]: how it gets to know it, over connections that come and go
//! - [`crowd`]: many devices that never rest
//! - [`stored`]: what Redis holds, read without any of the above
//! - [`difference`], [`verdict`]: whether the two agree

pub mod crowd;
pub mod cursor;
pub mod device;
pub mod difference;
pub mod line;
pub mod message;
pub mod stored;
pub mod verdict;
pub mod view;

pub use crowd::{Crowd, Habit};
pub use device::{Device, troubles};
