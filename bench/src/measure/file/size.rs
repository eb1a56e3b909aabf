//! Memory of a file in Redis, and how fast files are listed; against a plain sorted set of the same names.

use anyhow::Result;
use redis::cmd;
use serde::Serialize;

use super::listed::Listed;
use super::whole;
use crate::listing::name;
use crate::pipelining::{Pipelining, Turn};
use crate::report::{Row, Target, count};

/// Files in the plain sorted set.
const PLAIN: usize = 100_000;
/// Of them, in a turn.
const TURN: usize = 1_000;

/// Bytes a file, and files a second.
#[derive(Serialize)]
pub(super) struct Finding {
    /// By how much Redis's `used_memory` grew.
    bytes: f64,
    /// Of that, the log of changes: it is bounded, and not for each file.
    log_bytes: f64,
    plain_bytes: f64,
    per_s: f64,
    plain_per_s: f64,
}

pub(super) fn find(small: &Listed, large: &Listed) -> Result<Finding> {
    let mut redis = large.deployment.redis_connection()?;
    let log_bytes: f64 = cmd("MEMORY").arg(&["USAGE", "{files}:log", "SAMPLES", "0"]).query(&mut redis)?;
    let turn = |first: usize| {
        let mut pipeline = redis::pipe();
        for number in first..first + TURN {
            let place = format!("{}\0{:08}", name(number), number % large.watched.watchers);
            pipeline.cmd("ZADD").arg("bench:order").arg(0).arg(place);
        }
        Turn::new(&pipeline, TURN)
    };
    let turns: Vec<_> = (0..PLAIN).step_by(TURN).map(turn).collect();
    let count = turns.len();
    let before = small.deployment.redis_used_bytes()?;
    let plain_s = Pipelining::open(small.deployment.redis.address, turns)?.run(count)?;
    let plain_bytes = (small.deployment.redis_used_bytes()? - before) / PLAIN as f64;
    let files = large.watched.files as f64;
    Ok(Finding {
        bytes: large.redis_bytes / files,
        log_bytes: log_bytes / files,
        plain_bytes,
        per_s: files / large.load_s,
        plain_per_s: PLAIN as f64 / plain_s,
    })
}

impl Finding {
    pub(super) fn rows(&self, large: &Listed, whole: &whole::Finding) -> [Row; 2] {
        let Self { bytes, log_bytes, plain_bytes, per_s, plain_per_s } = self;
        let files = count(large.watched.files as f64);
        [
            Row {
                measure: format!("memory of a file, {files} with names of 18 bytes"),
                ours: format!(
                    "Redis {bytes:.0} bytes ({log_bytes:.0} of them the log); worker {:.0} while all are asked for",
                    whole.worker_bytes()
                ),
                limit: format!("plain sorted set {plain_bytes:.0} bytes"),
                ratio: Some(bytes / plain_bytes),
                target: Target::at_most(*bytes, 400.0, 250.0, " bytes"),
            },
            Row {
                measure: format!(
                    "{files} files of {} watchers until all are listed",
                    count(large.watched.watchers as f64)
                ),
                ours: format!("{:.1} s, {}/s", large.load_s, count(*per_s)),
                limit: format!("ZADD, pipelined {}/s", count(*plain_per_s)),
                ratio: Some(per_s / plain_per_s),
                target: Target::none(),
            },
        ]
    }
}
