//! All of a large listing at once: first, when the worker has no copy of it yet; after a change; and again, unchanged. Against
//! reading the whole sorted set from Redis, which stands still meanwhile. And the memory that it takes.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;
use serde::Serialize;

use super::growth::{Begin, Growth};
use super::listed::Listed;
use crate::clock;
use crate::measure::Stage;
use crate::measure::side::timed;
use crate::order::{Quantiles, latencies};
use crate::pipelining::{Pipelining, Turn};
use crate::report::{Row, Target, count};

/// Before each listing that is asked for: answers wait in Redis for the nodes for a while, and only so many.
const PAUSE: Duration = Duration::from_secs(1);

/// What was found.
#[derive(Serialize)]
pub(super) struct Finding {
    files: usize,
    bytes: usize,
    first_ms: f64,
    changed: Quantiles,
    unchanged: Quantiles,
    /// Not even sent: 304.
    not_modified: Quantiles,
    /// The whole sorted set, read from Redis.
    zrange: Quantiles,
    /// While the listing is asked for.
    growth: Growth,
}

pub(super) fn find(stage: &Stage, listed: &mut Listed) -> Result<Finding> {
    let (files, rounds) = (listed.watched.files, stage.pick(3, 10));
    let begin = Begin::now(&listed.deployment)?;
    let mut order = redis::pipe();
    order.cmd("ZRANGE").arg("{files}:order").arg(0).arg(-1);
    // A line for the array, and two for each place.
    let turn = Turn::new(&order, 1 + 2 * files);
    let redis = Pipelining::open(listed.deployment.redis.address, vec![turn])?;

    let first_ms = timed(|| whole(listed).map(drop))? as f64 / 1e6;
    let (mut changed, mut unchanged) = (latencies()?, latencies()?);
    let (mut not_modified, mut zrange) = (latencies()?, latencies()?);
    let mut bytes = 0;
    for _ in 0..rounds {
        // One file comes and goes again, so that there are as many as before.
        for _ in 0..2 {
            let change = listed.change();
            listed.apply(&change)?;
        }
        clock::sleep(PAUSE);
        let mut tag = String::new();
        changed.saturating_record(timed(|| {
            (bytes, tag) = whole(listed)?;
            Ok(())
        })?);
        unchanged.saturating_record(timed(|| whole(listed).map(drop))?);
        not_modified.saturating_record(timed(|| {
            listed.http.get_unless("/files/", &tag)?.with_status(304).map(drop)
        })?);
        zrange.saturating_record((redis.run(1)? * 1e9) as u64);
    }
    Ok(Finding {
        files,
        bytes,
        first_ms,
        changed: Quantiles::of(&changed),
        unchanged: Quantiles::of(&unchanged),
        not_modified: Quantiles::of(&not_modified),
        zrange: Quantiles::of(&zrange),
        growth: begin.growth()?,
    })
}

/// Reads all of it; how many bytes, and its tag.
fn whole(listed: &mut Listed) -> Result<(usize, String)> {
    let response = listed.get("/files/")?;
    let files = memmem::find_iter(&response.body, b"{\"filename\":").count();
    ensure!(files == listed.watched.files, "{files} of {} files are listed", listed.watched.files);
    let tag = response.header("etag").context("the listing has no tag")?;
    Ok((response.body.len(), tag.to_owned()))
}

impl Finding {
    /// Memory of the worker for each file while it is asked for all of them, bytes.
    pub(super) fn worker_bytes(&self) -> f64 {
        self.growth.worker_kept_bytes() / self.files as f64
    }

    pub(super) fn rows(&self) -> [Row; 3] {
        let files = count(self.files as f64);
        let Self { first_ms, changed, unchanged, not_modified, zrange, .. } = self;
        let mib = |bytes: f64| bytes / (1024.0 * 1024.0);
        let limit = format!("ZRANGE of all in Redis {:.0} ms", zrange.p50_ms);
        [
            Row {
                measure: format!(
                    "GET /files/ of {files} files ({:.0} MiB), the first",
                    mib(self.bytes as f64)
                ),
                ours: format!("{first_ms:.0} ms"),
                limit: limit.clone(),
                ratio: Some(first_ms / zrange.p50_ms),
                target: Target::at_most(*first_ms, 10_000.0, 5_000.0, " ms"),
            },
            Row {
                measure: format!("GET /files/ of {files} files, after a change"),
                ours: format!(
                    "{:.0} ms; unchanged {:.0}, 304 {:.2} ms",
                    changed.p50_ms, unchanged.p50_ms, not_modified.p50_ms
                ),
                limit,
                ratio: Some(changed.p50_ms / zrange.p50_ms),
                target: Target::at_most(changed.p50_ms, 2_000.0, 500.0, " ms"),
            },
            Row {
                measure: format!("GET /files/ of {files} files, memory at the most"),
                ours: self.growth.shown(),
                limit: format!("the answer {:.0} MiB", mib(self.bytes as f64)),
                ratio: None,
                target: Target::none(),
            },
        ]
    }
}
