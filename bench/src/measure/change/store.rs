//! The users in Redis, changed by hand.

use anyhow::Result;
use redis::{Connection, Value, cmd};

use crate::clock;

/// Users that are stored in one round trip.
const BATCH: usize = 1_000;
/// A prime by which users are spread, so that they neither come nor change in alphabetical order.
const SPREAD: usize = 7_919;

/// A connection to Redis, and how many users it holds.
pub(super) struct Store {
    connection: Connection,
    pub(super) users: usize,
}

impl Store {
    pub(super) fn over(connection: Connection) -> Self {
        Self { connection, users: 0 }
    }

    /// Adds users until there are `users`.
    pub(super) fn grow_to(&mut self, users: usize) -> Result<()> {
        let added: Vec<usize> = (self.users..users).collect();
        for batch in added.chunks(BATCH) {
            let mut pipeline = redis::pipe();
            for &user in batch {
                let name = name(user);
                pipeline
                    .cmd("HSET")
                    .arg(format!("user:{name}"))
                    .arg(&["username", &name, "favnum", &(user % 100).to_string()])
                    .ignore();
                pipeline.cmd("SADD").arg("users").arg(name).ignore();
            }
            pipeline.exec(&mut self.connection)?;
        }
        self.users = users;
        Ok(())
    }

    /// Changes the number of one user, another one with each `turn`.
    pub(super) fn change(&mut self, turn: usize, number: i64) -> Result<()> {
        let name = name(turn * SPREAD % self.users);
        Ok(cmd("HSET").arg(format!("user:{name}")).arg("favnum").arg(number).exec(&mut self.connection)?)
    }

    /// How long it takes to get the sorted listing with SORT in Redis.
    pub(super) fn sort_ns(&mut self) -> Result<u64> {
        let begin_ns = clock::now_ns();
        let _: Value = cmd("SORT")
            .arg(&["users", "ALPHA", "BY", "user:*->username"])
            .arg(&["GET", "user:*->username", "GET", "user:*->favnum"])
            .query(&mut self.connection)?;
        Ok(clock::now_ns() - begin_ns)
    }

    /// The CPU time that this process takes to store `listing`.
    pub(super) fn set_cpu_ns(&mut self, listing: &[u8]) -> Result<f64> {
        let before_ns = clock::thread_cpu_ns();
        cmd("SET").arg("bench:listing").arg(listing).exec(&mut self.connection)?;
        Ok((clock::thread_cpu_ns() - before_ns) as f64)
    }
}

/// The names are as long as people's, and no two users that follow each other have names that do.
fn name(user: usize) -> String {
    format!("user{:06}", user * SPREAD % 1_000_000)
}
