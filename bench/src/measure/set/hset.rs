//! The limit: HSETs of the very values that the service keeps, pipelined by one client that never waits.

use std::net::SocketAddr;

use anyhow::Result;

use super::SETS;
use crate::element::{VALUES, Value, kept};
use crate::pipelining::{self, Turn};

/// A time of as many digits as those of today, milliseconds.
const MS: u64 = 1_760_000_000_000;

/// The client.
pub(super) struct Pipelining(pipelining::Pipelining);

impl Pipelining {
    /// Connects; the hashes are as those of `clients`.
    pub(super) fn open(redis: SocketAddr, clients: usize) -> Result<Self> {
        Ok(Self(pipelining::Pipelining::open(redis, (0..clients).map(turn).collect())?))
    }

    /// Sets `count` values, or a few more so that all turns are whole; how many they were, and how many a second.
    pub(super) fn rate(&self, count: u64) -> Result<(u64, f64)> {
        let turns = count.div_ceil(VALUES).max(1);
        let seconds = self.0.run(turns as usize)?;
        let set = turns * VALUES;
        Ok((set, set as f64 / seconds))
    }
}

/// All values of a client, a command each.
fn turn(client: usize) -> Turn {
    let mut pipeline = redis::pipe();
    let key = format!("bench:hash:{}", client % SETS);
    for number in 0..VALUES {
        let value = Value { client, number }.to_string();
        pipeline.cmd("HSET").arg(&key).arg(value).arg(kept(client, MS));
    }
    Turn::new(&pipeline, VALUES as usize)
}
