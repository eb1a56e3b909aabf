//! One file comes or goes, told over HTTP until it is acknowledged: then it is listed, logged and published. In a large listing
//! and a small one, in turns; against an echo over HTTP with the same requests.

use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

use super::growth::{Begin, Growth};
use super::listed::Listed;
use crate::http::Http;
use crate::measure::Stage;
use crate::measure::side::{Cost, Side, timed};
use crate::order::{Quantiles, latencies};
use crate::report::{Bar, Chart, Row, Target, count};
use crate::server::Server;

/// Changes of one listing before it is the turn of the other.
const CHANGES: usize = 50;
/// How long the echo may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found.
#[derive(Serialize)]
pub(super) struct Finding {
    files: [usize; 2],
    small: Cost,
    large: Cost,
    /// While changes of the small and of the large one are applied.
    growth: [Growth; 2],
    echo: Quantiles,
}

pub(super) fn find(stage: &Stage, small: &mut Listed, large: &mut Listed) -> Result<Finding> {
    let echo = Server::limit("echo")?;
    let mut echo_http = Http::connect(echo.address, PATIENCE)?;
    let (mut of_small, mut of_large, mut of_echo) = (Side::new()?, Side::new()?, latencies()?);
    let begin = [Begin::now(&small.deployment)?, Begin::now(&large.deployment)?];
    for round in 0..=stage.pick(10, 40) {
        // The first round warms up.
        if round == 1 {
            (of_small, of_large, of_echo) = (Side::new()?, Side::new()?, latencies()?);
        }
        apply(small, &mut of_small)?;
        apply(large, &mut of_large)?;
        ask(&mut echo_http, small, &mut of_echo)?;
    }
    let files = [small.watched.files, large.watched.files];
    let [begin_small, begin_large] = begin;
    let growth = [begin_small.growth()?, begin_large.growth()?];
    let (small, large) = (of_small.cost(), of_large.cost());
    Ok(Finding { files, small, large, growth, echo: Quantiles::of(&of_echo) })
}

fn apply(listed: &mut Listed, side: &mut Side) -> Result<()> {
    side.round(listed.deployment.pids(), CHANGES, || {
        let change = listed.change();
        timed(|| listed.apply(&change))
    })
}

fn ask(http: &mut Http, listed: &mut Listed, latency: &mut Histogram<u64>) -> Result<()> {
    let change = listed.change();
    for _ in 0..CHANGES {
        latency.saturating_record(timed(|| http.send("PATCH /", &change)?.with_status(200).map(drop))?);
    }
    // It is a change that the listing was not told of, and which follows.
    listed.apply(&change)
}

impl Finding {
    pub(super) fn rows(&self) -> [Row; 4] {
        let [small, large] = self.files.map(|files| count(files as f64));
        let ratio = self.large.latency.p50_ms / self.small.latency.p50_ms;
        let cpu_ratio = self.large.cpu_us() / self.small.cpu_us();
        [
            Row {
                measure: format!("PATCH of a file among {large} → acknowledged"),
                ours: self.large.shown(),
                limit: format!("among {small} {}", self.small.shown()),
                ratio: Some(ratio),
                target: Target::at_most(ratio, 1.5, 1.2, ""),
            },
            Row {
                measure: format!("PATCH of a file among {large}, CPU time"),
                ours: self.large.shown_cpu(),
                limit: format!("among {small} {:.0} µs", self.small.cpu_us()),
                ratio: Some(cpu_ratio),
                target: Target::at_most(cpu_ratio, 1.5, 1.2, ""),
            },
            Row {
                measure: format!("PATCH of a file among {large} → acknowledged"),
                ours: self.large.shown(),
                limit: format!("HTTP echo p50 {:.2}, p99 {:.2} ms", self.echo.p50_ms, self.echo.p99_ms),
                ratio: Some(self.large.latency.p50_ms / self.echo.p50_ms),
                target: Target::none(),
            },
            Row {
                measure: format!("PATCHes of files among {large}, memory at the most"),
                ours: self.growth[1].shown(),
                limit: format!("among {small} {}", self.growth[0].shown()),
                ratio: None,
                target: Target::none(),
            },
        ]
    }

    pub(super) fn chart(&self) -> Chart {
        let bars = |of: fn(&Quantiles) -> f64| {
            vec![
                Bar::new("among 10,000", of(&self.small.latency)),
                Bar::new("among 1,000,000", of(&self.large.latency)),
                Bar::new("HTTP echo", of(&self.echo)),
            ]
        };
        Chart {
            name: "file-change",
            title: "PATCH of a file, milliseconds".to_owned(),
            is_logarithmic: false,
            groups: vec![("p50".to_owned(), bars(|it| it.p50_ms)), ("p99".to_owned(), bars(|it| it.p99_ms))],
        }
    }
}
