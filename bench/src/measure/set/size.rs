//! Memory of an element in Redis, with the log of its set; against a plain hash with the same values, and what is kept for
//! each.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Result, ensure};
use memchr::memmem;
use redis::{Connection, cmd};
use serde::Serialize;
use serde_json::json;

use crate::element::{Value, kept};
use crate::report::{Bar, Chart, Row, Target, count};
use crate::server::{Deployment, SETS_PATH};
use crate::websocket::blocking::Blocking;

/// Elements.
const ELEMENTS: u64 = 100_000;
/// Operations in one request.
const BATCH: u64 = 100;
/// The set, and the hash beside it.
const SET: &str = "bench-size";
const HASH: &str = "bench:size";
/// How long a batch may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes an element.
#[derive(Serialize)]
pub(super) struct Finding {
    elements: u64,
    /// By how much Redis's `used_memory` grew.
    ours: f64,
    hash: f64,
    /// Of ours, what `MEMORY USAGE` says of two keys.
    ours_values: f64,
    ours_log: f64,
}

pub(super) fn find(deployment: &Deployment) -> Result<Finding> {
    let mut redis = deployment.redis_connection()?;
    deployment.create_set(SET)?;
    let now_ms = UNIX_EPOCH.elapsed()?.as_millis() as u64;
    let before = deployment.redis_used_bytes()?;
    fill_set(deployment, now_ms)?;
    let between = deployment.redis_used_bytes()?;
    fill_hash(&mut redis, now_ms)?;
    let after = deployment.redis_used_bytes()?;
    let usage = |redis: &mut Connection, key: &str| -> Result<f64> {
        let of_key = format!("set:{{{SET}}}:{key}");
        let bytes: u64 = cmd("MEMORY").arg("USAGE").arg(of_key).arg("SAMPLES").arg(0).query(redis)?;
        Ok(bytes as f64 / ELEMENTS as f64)
    };
    Ok(Finding {
        elements: ELEMENTS,
        ours: (between - before) / ELEMENTS as f64,
        hash: (after - between) / ELEMENTS as f64,
        ours_values: usage(&mut redis, "elements")?,
        ours_log: usage(&mut redis, "log")?,
    })
}

fn fill_set(deployment: &Deployment, ms: u64) -> Result<()> {
    let mut client = Blocking::connect(deployment.node.address, SETS_PATH, PATIENCE)?;
    for first in (0..ELEMENTS).step_by(BATCH as usize) {
        let operation = |number| {
            let value = Value { client: 0, number }.to_string();
            json!({ "op": "add", "value": value, "stamp": [ms, "bench-0"] })
        };
        let operations: Vec<_> = (first..first + BATCH).map(operation).collect();
        client.send(&json!({ "type": "apply", "set": SET, "operations": operations }).to_string())?;
        let applied = memmem::find_iter(&client.receive()?, b"\"applied\"").count();
        ensure!(applied as u64 == BATCH, "{applied} of {BATCH} operations were applied");
    }
    Ok(())
}

fn fill_hash(redis: &mut Connection, ms: u64) -> Result<()> {
    for first in (0..ELEMENTS).step_by(BATCH as usize) {
        let mut pipeline = redis::pipe();
        for number in first..first + BATCH {
            let value = Value { client: 0, number }.to_string();
            pipeline.cmd("HSET").arg(HASH).arg(value).arg(kept(0, ms)).ignore();
        }
        pipeline.exec(redis)?;
    }
    Ok(())
}

impl Finding {
    pub(super) fn row(&self) -> Row {
        let Self { ours, hash, ours_values, ours_log, .. } = self;
        Row {
            measure: format!("memory of an element in Redis, {} of 16 bytes", count(ELEMENTS as f64)),
            ours: format!("{ours:.0} bytes: values {ours_values:.0}, log {ours_log:.0}"),
            limit: format!("plain hash {hash:.0} bytes"),
            ratio: Some(ours / hash),
            target: Target::none(),
        }
    }

    pub(super) fn chart(&self) -> Chart {
        let bars = vec![
            Bar::new("set with its log", self.ours),
            Bar::new("its values", self.ours_values),
            Bar::new("its log", self.ours_log),
            Bar::new("plain hash", self.hash),
        ];
        Chart {
            name: "set-memory",
            title: "memory of an element in Redis, bytes".to_owned(),
            is_logarithmic: false,
            groups: vec![(format!("{} elements", count(ELEMENTS as f64)), bars)],
        }
    }
}
