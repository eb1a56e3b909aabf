//! Websockets as plain as they can be, for clients that must cost little beside what they measure.

pub(crate) mod blocking;
pub(crate) mod frame;
pub(crate) mod handshake;
pub(crate) mod link;
