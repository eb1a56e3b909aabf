//! Set → acknowledged, in a closed loop, against a websocket echo with the same clients. One node and one worker: every
//! request goes through three layers and is stored, and every change is pushed to all clients besides.

use anyhow::{Result, ensure};
use serde::Serialize;
use serde_json::json;

use super::Stage;
use crate::audience::Audience;
use crate::order::{Ask, Called};
use crate::report::{Bar, Chart, Row, Section, Target, count, median};
use crate::server::{Deployment, Server};

/// Rounds of one kind with so many clients.
#[derive(Serialize)]
struct Rounds {
    clients: usize,
    changing: bool,
    ours: Vec<Called>,
    echo: Vec<Called>,
}

pub(super) fn run(stage: &Stage) -> Result<Section> {
    let deployment = Deployment::start(&stage.folder)?;
    let echo = Server::limit("echo")?;
    let mut ours_clients = Audience::of(&deployment.node)?;
    let mut echo_clients = Audience::of(&echo)?;
    let (rounds, seconds) = stage.pick((3, 0.7), (5, 1.5));
    let mut all = Vec::new();
    for (clients, changing) in [(1, true), (100, true), (1_000, true), (100, false)] {
        ours_clients.connect(clients)?;
        echo_clients.connect(clients)?;
        let mut done = Rounds { clients, changing, ours: Vec::new(), echo: Vec::new() };
        for round in 0..=rounds {
            let ask = Ask::Number { changing };
            let (echo, ours) = (echo_clients.call(seconds, ask)?, ours_clients.call(seconds, ask)?);
            // The first round warms up.
            if round > 0 {
                done.echo.push(echo);
                done.ours.push(ours);
            }
        }
        ensure!(done.echo.iter().all(|called| called.refused + called.silent == 0), "the echo failed");
        all.push(done);
        ours_clients.close()?;
        echo_clients.close()?;
    }
    Ok(Section {
        rows: all.iter().map(Rounds::row).collect(),
        charts: vec![chart(&all)],
        raw: json!({ "nodes": 1, "workers": 1, "rounds": all }),
    })
}

impl Rounds {
    fn row(&self) -> Row {
        let ratio = median(self.ours.iter().zip(&self.echo).map(|(ours, echo)| ours.rate() / echo.rate()));
        let target = match (self.clients, self.changing) {
            (100, true) => Target::at_least(ratio, 0.6, 0.75, ""),
            _ => Target::none(),
        };
        let failed: u64 = self.ours.iter().map(|called| called.refused + called.silent).sum();
        let kind = if self.changing { "" } else { ", numbers that stay" };
        Row {
            measure: format!("set → acknowledged, {}{kind}", clients(self.clients)),
            ours: shown(&self.ours),
            limit: format!("echo {}", shown(&self.echo)),
            ratio: Some(ratio),
            target: target.unless(failed > 0, format!("{failed} requests failed")),
        }
    }
}

fn clients(clients: usize) -> String {
    format!("{} client{}", count(clients as f64), if clients == 1 { "" } else { "s" })
}

fn shown(rounds: &[Called]) -> String {
    format!(
        "{}/s, p50 {:.2}, p99 {:.2} ms",
        count(median(rounds.iter().map(Called::rate))),
        median(rounds.iter().map(|called| called.latency.p50_ms)),
        median(rounds.iter().map(|called| called.latency.p99_ms)),
    )
}

fn chart(all: &[Rounds]) -> Chart {
    let group = |rounds: &Rounds| {
        let kind = if rounds.changing { "" } else { ", numbers stay" };
        let bars = vec![
            Bar::new("tercet", median(rounds.ours.iter().map(Called::rate))),
            Bar::new("warp echo", median(rounds.echo.iter().map(Called::rate))),
        ];
        (format!("{}{kind}", clients(rounds.clients)), bars)
    };
    Chart {
        name: "request",
        title: "set → acknowledged, requests a second".to_owned(),
        is_logarithmic: false,
        groups: all.iter().map(group).collect(),
    }
}
