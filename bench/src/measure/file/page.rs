//! A page of a thousand files, somewhere in the listing: of a large one and a small one, in turns; against reading as many
//! places of the sorted set from Redis.

use anyhow::{Result, ensure};
use memchr::memmem;
use redis::{Value, cmd};
use serde::Serialize;

use super::growth::{Begin, Growth};
use super::listed::Listed;
use crate::measure::Stage;
use crate::measure::side::{Cost, Side, timed};
use crate::order::{Quantiles, latencies};
use crate::report::{Row, Target, count};

/// Files in a page.
const FILES: usize = 1_000;
/// Pages of one listing before it is the turn of the other.
const PAGES: usize = 10;

/// What was found.
#[derive(Serialize)]
pub(super) struct Finding {
    files: [usize; 2],
    page_bytes: usize,
    small: Cost,
    large: Cost,
    /// While pages of the small and of the large one are read.
    growth: [Growth; 2],
    /// Reading the places from Redis, of the large one.
    zrange: Quantiles,
}

pub(super) fn find(stage: &Stage, small: &mut Listed, large: &mut Listed) -> Result<Finding> {
    let mut redis = large.deployment.redis_connection()?;
    let (mut of_small, mut of_large, mut zrange) = (Side::new()?, Side::new()?, latencies()?);
    let (mut turn, mut page_bytes) = (0, 0);
    let begin = [Begin::now(&small.deployment)?, Begin::now(&large.deployment)?];
    for round in 0..=stage.pick(5, 20) {
        // The first round warms up.
        if round == 1 {
            (of_small, of_large, zrange) = (Side::new()?, Side::new()?, latencies()?);
        }
        read(small, &mut of_small, turn)?;
        page_bytes = read(large, &mut of_large, turn)?;
        for page in turn..turn + PAGES {
            let from = format!("({}", large.place(page));
            zrange.saturating_record(timed(|| {
                let mut range = cmd("ZRANGE");
                range.arg("{files}:order").arg(from).arg(&["+", "BYLEX", "LIMIT", "0"]).arg(FILES);
                let places: Vec<Value> = range.query(&mut redis)?;
                ensure!(places.len() == FILES, "{} places in place of {FILES}", places.len());
                Ok(())
            })?);
        }
        turn += PAGES;
    }
    let files = [small.watched.files, large.watched.files];
    let zrange = Quantiles::of(&zrange);
    let [begin_small, begin_large] = begin;
    let growth = [begin_small.growth()?, begin_large.growth()?];
    Ok(Finding { files, page_bytes, small: of_small.cost(), large: of_large.cost(), growth, zrange })
}

/// Reads pages; how many bytes the last one has.
fn read(listed: &mut Listed, side: &mut Side, turn: usize) -> Result<usize> {
    let (mut turn, mut bytes) = (turn, 0);
    side.round(listed.deployment.pids(), PAGES, || {
        let target = format!("/files?limit={FILES}&after=1%3A{}", listed.place(turn));
        turn += 1;
        let mut page = None;
        let took_ns = timed(|| {
            page = Some(listed.get(&target)?);
            Ok(())
        })?;
        let body = page.map(|page| page.body).unwrap_or_default();
        let files = memmem::find_iter(&body, b"\"filename\":").count();
        ensure!(files == FILES, "a page has {files} files in place of {FILES}");
        bytes = body.len();
        Ok(took_ns)
    })?;
    Ok(bytes)
}

impl Finding {
    pub(super) fn rows(&self) -> [Row; 3] {
        let [small, large] = self.files.map(|files| count(files as f64));
        let ratio = self.large.latency.p50_ms / self.small.latency.p50_ms;
        let Quantiles { p50_ms, p99_ms, .. } = self.zrange;
        [
            Row {
                measure: format!("a page of {} of {large} files", count(FILES as f64)),
                ours: self.large.shown(),
                limit: format!("of {small} {}", self.small.shown()),
                ratio: Some(ratio),
                target: Target::at_most(ratio, 1.5, 1.2, ""),
            },
            Row {
                measure: format!("a page of {} of {large} files", count(FILES as f64)),
                ours: self.large.shown(),
                limit: format!("ZRANGE in Redis p50 {p50_ms:.2}, p99 {p99_ms:.2} ms"),
                ratio: Some(self.large.latency.p50_ms / p50_ms),
                target: Target::none(),
            },
            Row {
                measure: format!("pages of {} of {large} files, memory at the most", count(FILES as f64)),
                ours: self.growth[1].shown(),
                limit: format!("of {small} {}", self.growth[0].shown()),
                ratio: None,
                target: Target::none(),
            },
        ]
    }
}
