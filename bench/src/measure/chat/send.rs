//! Messages a second, and the CPU time of each: clients in a closed loop, in pairs that talk to each other. Each message is
//! stored, put into two logs and onto two home screens, and pushed to both.

use anyhow::{Result, ensure};
use serde::Serialize;

use super::write::Writing;
use crate::audience::Audience;
use crate::measure::Stage;
use crate::order::{Ask, Called, To};
use crate::report::{Bar, Chart, Row, Target, count, median};
use crate::server::{CHAT_PATH, Deployment, Server};
use crate::usage::Cpu;

/// What the busiest time of a million conversations a day needs: 20 messages each, at five times the average.
const PEAK_PER_S: f64 = 1_000_000.0 * 20.0 * 5.0 / 86_400.0;

/// What came of so many clients.
#[derive(Serialize)]
pub(super) struct Finding {
    clients: usize,
    rounds: Vec<Round>,
}

/// Ours, the echo, and as many plain writes.
#[derive(Serialize)]
struct Round {
    called: Called,
    echo: Called,
    writes_per_s: f64,
    /// CPU time of a message, microseconds.
    node_us: f64,
    worker_us: f64,
    redis_us: f64,
    /// CPU time of Redis for the plain writes of one.
    writes_us: f64,
}

pub(super) fn find(stage: &Stage, deployment: &Deployment, clients: &[usize]) -> Result<Vec<Finding>> {
    let echo = Server::limit("echo")?;
    let mut audience = Audience::at(&deployment.node, CHAT_PATH)?;
    let mut echo_audience = Audience::of(&echo)?;
    let writing = Writing::open(deployment.redis.address)?;
    let (rounds, seconds) = stage.pick((3, 1.0), (5, 2.0));
    let mut findings = Vec::new();
    for &clients in clients {
        audience.connect(clients)?;
        echo_audience.connect(clients)?;
        audience.call_times(1, Ask::Login { first: 0 })?;
        let mut finding = Finding { clients, rounds: Vec::new() };
        for round in 0..=rounds {
            let found = self::round(deployment, &mut audience, &mut echo_audience, &writing, seconds)?;
            // The first round warms up.
            if round > 0 {
                finding.rounds.push(found);
            }
        }
        findings.push(finding);
        audience.close()?;
        echo_audience.close()?;
    }
    Ok(findings)
}

fn round(
    deployment: &Deployment,
    audience: &mut Audience,
    echo_audience: &mut Audience,
    writing: &Writing,
    seconds: f64,
) -> Result<Round> {
    let ask = Ask::Send { first: 0, to: To::Partner };
    let echo = echo_audience.call(seconds, ask)?;
    ensure!(echo.refused + echo.silent == 0, "the echo failed");
    let pids = deployment.pids();
    let before = pids.map(Cpu::of);
    let called = audience.call(seconds, ask)?;
    let mut used_us = [0.0; 3];
    for ((used_us, pid), before) in used_us.iter_mut().zip(pids).zip(before) {
        *used_us = Cpu::of(pid)?.since_ns(&before?) / 1e3 / called.answered.max(1) as f64;
    }
    let [node_us, worker_us, redis_us] = used_us;
    let before = Cpu::of(pids[2])?;
    let (written, writes_per_s) = writing.rate(called.answered)?;
    let writes_us = Cpu::of(pids[2])?.since_ns(&before) / 1e3 / written as f64;
    Ok(Round { called, echo, writes_per_s, node_us, worker_us, redis_us, writes_us })
}

impl Finding {
    fn of(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(figure))
    }

    /// Messages a second.
    pub(super) fn per_s(&self) -> f64 {
        self.of(|round| round.called.rate())
    }

    /// Beside the plain writes.
    pub(super) fn row(&self) -> Row {
        let failed: u64 = self.rounds.iter().map(|round| round.called.refused + round.called.silent).sum();
        let target =
            Target::at_least(self.per_s(), (2.0 * PEAK_PER_S).round(), (5.0 * PEAK_PER_S).round(), "/s");
        Row {
            measure: format!("chat: send → acknowledged, {} clients", count(self.clients as f64)),
            ours: self.shown(),
            limit: format!("the same writes, pipelined {}/s", count(self.of(|round| round.writes_per_s))),
            ratio: Some(self.of(|round| round.called.rate() / round.writes_per_s)),
            target: target.unless(failed > 0, format!("{failed} sends failed")),
        }
    }

    /// The same, beside the echo, and CPU time.
    pub(super) fn rows(&self) -> [Row; 3] {
        let row = self.row();
        let cpu_us = self.of(|round| round.node_us + round.worker_us + round.redis_us);
        let writes_us = self.of(|round| round.writes_us);
        let beside_echo = Row {
            measure: row.measure.clone(),
            ours: self.shown(),
            limit: format!(
                "echo {}/s, p50 {:.2}, p99 {:.2} ms",
                count(self.of(|round| round.echo.rate())),
                self.of(|round| round.echo.latency.p50_ms),
                self.of(|round| round.echo.latency.p99_ms)
            ),
            ratio: Some(self.of(|round| round.called.rate() / round.echo.rate())),
            target: Target::none(),
        };
        let cpu = Row {
            measure: format!("chat: a message, {} clients, CPU time", count(self.clients as f64)),
            ours: format!(
                "{cpu_us:.0} µs: node {:.0}, worker {:.0}, Redis {:.0}",
                self.of(|round| round.node_us),
                self.of(|round| round.worker_us),
                self.of(|round| round.redis_us)
            ),
            limit: format!("the same writes, Redis {writes_us:.0} µs"),
            ratio: Some(cpu_us / writes_us),
            target: Target::none(),
        };
        [row, beside_echo, cpu]
    }

    fn shown(&self) -> String {
        format!(
            "{}/s, p50 {:.2}, p99 {:.2} ms",
            count(self.per_s()),
            self.of(|round| round.called.latency.p50_ms),
            self.of(|round| round.called.latency.p99_ms)
        )
    }
}

pub(super) fn chart(findings: &[Finding]) -> Chart {
    let bars = |finding: &Finding| {
        vec![
            Bar::new("tercet", finding.per_s()),
            Bar::new("the same writes, pipelined", finding.of(|round| round.writes_per_s)),
            Bar::new("warp echo", finding.of(|round| round.echo.rate())),
        ]
    };
    let group = |finding: &Finding| (format!("{} clients", count(finding.clients as f64)), bars(finding));
    Chart {
        name: "chat",
        title: "messages of the chat a second".to_owned(),
        is_logarithmic: false,
        groups: findings.iter().map(group).collect(),
    }
}
