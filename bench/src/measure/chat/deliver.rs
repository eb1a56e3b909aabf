//! From sending to delivery at the one whom it is for, at a rate that does not wait for anything: a modest one, and four fifths
//! of the highest that as many clients reached; against an echo at the same rate with as many. Times count from when a message
//! was due, so one that had to wait to be sent is late as well.

use anyhow::{Result, ensure};
use serde::Serialize;

use super::{CLIENTS, MODEST, SHARE};
use crate::audience::Audience;
use crate::measure::Stage;
use crate::order::{Ask, Conversed};
use crate::report::{Bar, Chart, Row, Target, count, median};
use crate::server::{CHAT_PATH, Deployment, Server};

/// What was found at a rate.
#[derive(Serialize)]
pub(super) struct Finding {
    rate: f64,
    ours: Vec<Conversed>,
    echo: Vec<Conversed>,
}

pub(super) fn find(stage: &Stage, deployment: &Deployment, rates: &[f64]) -> Result<Vec<Finding>> {
    let echo = Server::limit("echo")?;
    let mut audience = Audience::at(&deployment.node, CHAT_PATH)?;
    let mut echo_audience = Audience::of(&echo)?;
    let [_, clients] = CLIENTS;
    audience.connect(clients)?;
    echo_audience.connect(clients)?;
    audience.call_times(1, Ask::Login { first: 0 })?;
    let (rounds, seconds) = stage.pick((2, 2.0), (5, 5.0));
    let mut at = |rate: f64| -> Result<Finding> {
        let mut finding = Finding { rate, ours: Vec::new(), echo: Vec::new() };
        for round in 0..=rounds {
            let limit = echo_audience.converse(rate, seconds, true)?;
            ensure!(limit.delivered == limit.sent, "the echo failed");
            let ours = audience.converse(rate, seconds, false)?;
            // The first round warms up.
            if round > 0 {
                finding.ours.push(ours);
                finding.echo.push(limit);
            }
        }
        Ok(finding)
    };
    rates.iter().map(|rate| at(*rate)).collect()
}

impl Finding {
    fn is_modest(&self) -> bool {
        self.rate <= MODEST
    }

    fn p99_ms(&self) -> f64 {
        median(self.ours.iter().map(|round| round.to_delivered.p99_ms))
    }

    pub(super) fn row(&self) -> Row {
        let name = if self.is_modest() {
            format!("chat: send → delivered, {} sends/s", count(self.rate))
        } else {
            format!(
                "chat: send → delivered, {:.0} % of the most ({} sends/s)",
                100.0 * SHARE,
                count(self.rate)
            )
        };
        let target = if self.is_modest() {
            Target::at_most(self.p99_ms(), 20.0, 5.0, " ms p99")
        } else {
            Target::at_most(self.p99_ms(), 250.0, 50.0, " ms p99")
        };
        let wrong = |round: &Conversed| {
            round.sent.saturating_sub(round.delivered) + round.lost + round.disordered + round.refused
        };
        let wrong: u64 = self.ours.iter().map(wrong).sum();
        let late: u64 = self.ours.iter().map(|round| round.late).sum();
        let pairs = self.ours.iter().zip(&self.echo);
        Row {
            measure: name,
            ours: format!(
                "{}{}",
                shown(&self.ours),
                if late > 0 { format!(", {late} over 250 ms") } else { String::new() }
            ),
            limit: format!("echo {}", shown(&self.echo)),
            ratio: Some(median(
                pairs.map(|(ours, echo)| ours.to_delivered.p50_ms / echo.to_delivered.p50_ms),
            )),
            target: target.unless(wrong > 0, format!("{wrong} not delivered once and in order, or refused")),
        }
    }
}

fn shown(rounds: &[Conversed]) -> String {
    format!(
        "p50 {:.2}, p99 {:.2} ms",
        median(rounds.iter().map(|round| round.to_delivered.p50_ms)),
        median(rounds.iter().map(|round| round.to_delivered.p99_ms)),
    )
}

pub(super) fn chart(findings: &[Finding]) -> Chart {
    let bars = |finding: &Finding| {
        let of = |figure: fn(&Conversed) -> f64| median(finding.ours.iter().map(figure));
        vec![
            Bar::new("p50", of(|round| round.to_delivered.p50_ms)),
            Bar::new("p99", finding.p99_ms()),
            Bar::new("echo, p99", median(finding.echo.iter().map(|round| round.to_delivered.p99_ms))),
        ]
    };
    let group = |finding: &Finding| (format!("{} sends/s", count(finding.rate)), bars(finding));
    Chart {
        name: "chat-delivery",
        title: "send until delivered, milliseconds".to_owned(),
        is_logarithmic: true,
        groups: findings.iter().map(group).collect(),
    }
}
