//! The home screen of a user with a thousand conversations, of which three changed since the device was there last: what
//! changed, beside all of it; and beside a user with ten conversations of which three changed, because what it costs must depend
//! on what changed alone. And what it costs to come back at all: to connect, log in and ask what changed.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use crate::audience::Audience;
use crate::clock;
use crate::measure::Stage;
use crate::order::{Ask, Quantiles, To, latencies};
use crate::report::{Bar, Chart, Row, Target, count};
use crate::server::{CHAT_PATH, Deployment, PATH, Server};
use crate::talk::name;
use crate::usage::Cpu;
use crate::websocket::blocking::Blocking;

/// Conversations of the two users.
const MANY: usize = 1_000;
const FEW: usize = 10;
/// Messages in each.
const MESSAGES: u64 = 3;
/// Conversations that change.
const CHANGED: usize = 3;
/// Conversations in a page: the most that the service allows.
const PAGE: usize = 200;
/// How often the same is asked for in a row.
const TIMES: usize = 10;
/// For what the processes have yet to tidy up after a change.
const TIDYING: Duration = Duration::from_millis(10);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The users and those who write to them: not those who talk elsewhere in the bench.
const USER_OF_MANY: usize = 1_000_000;
const USER_OF_FEW: usize = 2_000_000;

/// What was found.
#[derive(Serialize)]
pub(super) struct Finding {
    conversations: usize,
    changed: usize,
    since: Asked,
    full: Asked,
    since_of_few: Asked,
    /// Connecting and logging in, then what changed, then gone again.
    back: Asked,
    /// Connecting to an echo, and one message.
    echo: Quantiles,
}

/// What an answer costs; one in pages counts as one.
#[derive(Debug, Serialize)]
struct Asked {
    latency: Quantiles,
    bytes: usize,
    /// CPU time of node, worker and Redis, microseconds.
    cpu_us: f64,
}

/// A user with conversations, on two kinds of devices: one that asks, and those of the others who write.
struct User<'a> {
    deployment: &'a Deployment,
    device: Blocking,
    writers: Vec<Blocking>,
    user: usize,
    ids: u64,
}

pub(super) fn find(stage: &Stage, deployment: &Deployment) -> Result<Finding> {
    let mut many = User::with(deployment, USER_OF_MANY, MANY)?;
    let mut few = User::with(deployment, USER_OF_FEW, FEW)?;
    let (mut since, mut full, mut since_of_few) = (Costs::new()?, Costs::new()?, Costs::new()?);
    let (mut back, echo_server, mut echo) = (Costs::new()?, Server::limit("echo")?, latencies()?);
    for _ in 0..stage.pick(8, 30) {
        let changed = many.change()?;
        let changed_of_few = few.change()?;
        clock::sleep(TIDYING);
        many.measure(&mut since, Some(&changed), CHANGED)?;
        few.measure(&mut since_of_few, Some(&changed_of_few), CHANGED)?;
        many.measure(&mut full, None, MANY)?;
        many.come_back(&mut back, &changed)?;
        let begin_ns = clock::now_ns();
        let mut socket = Blocking::connect(echo_server.address, PATH, PATIENCE)?;
        socket.send("{}")?;
        socket.receive()?;
        echo.saturating_record(clock::now_ns() - begin_ns);
    }
    Ok(Finding {
        conversations: MANY,
        changed: CHANGED,
        since: since.asked(),
        full: full.asked(),
        since_of_few: since_of_few.asked(),
        back: back.asked(),
        echo: Quantiles::of(&echo),
    })
}

impl<'a> User<'a> {
    /// A user to whom so many others have written.
    fn with(deployment: &'a Deployment, user: usize, conversations: usize) -> Result<Self> {
        let first = user + 1;
        let mut others = Audience::at(&deployment.node, CHAT_PATH)?;
        others.connect(conversations)?;
        others.call_times(1, Ask::Login { first })?;
        others.call_times(MESSAGES, Ask::Send { first, to: To::One { user } })?;
        others.close()?;
        let writers =
            (0..CHANGED).map(|writer| logged_in(deployment, first + writer * conversations / CHANGED));
        let writers = writers.collect::<Result<_>>()?;
        Ok(Self { deployment, device: logged_in(deployment, user)?, writers, user, ids: 0 })
    }

    /// Lets some of the others write; the cursor before.
    fn change(&mut self) -> Result<String> {
        self.ids += 1;
        let cursor = self.ask(None, None)?.json["cursor"].as_str().context("no cursor")?.to_owned();
        let send = json!({
            "type": "send", "id": 1, "to": name(self.user), "message_id": format!("home-{}", self.ids),
            "text": "x".repeat(crate::talk::TEXT_BYTES)
        });
        for writer in &mut self.writers {
            let answer = answer(writer, &send)?.json;
            ensure!(answer["type"] == "sent", "a message is answered {answer}");
        }
        Ok(cursor)
    }

    /// Asks again and again for what changed since the cursor, or for all; `expected` conversations.
    fn measure(&mut self, costs: &mut Costs, since: Option<&str>, expected: usize) -> Result<()> {
        let pids = self.deployment.pids();
        let before = pids.map(Cpu::of);
        for _ in 0..TIMES {
            let (whole, found) = self.home(since)?;
            costs.latency.saturating_record(whole.took_ns);
            ensure!(found == expected, "{found} conversations in place of {expected}");
            costs.bytes = whole.bytes;
        }
        costs.account(pids, before)
    }

    /// A device connects, logs in, asks what changed, and is gone again.
    fn come_back(&mut self, costs: &mut Costs, since: &str) -> Result<()> {
        let pids = self.deployment.pids();
        let before = pids.map(Cpu::of);
        for _ in 0..TIMES {
            let begin_ns = clock::now_ns();
            let mut device = logged_in(self.deployment, self.user)?;
            let home = answer(&mut device, &json!({ "type": "home", "id": 2, "since": since }))?;
            costs.latency.saturating_record(clock::now_ns() - begin_ns);
            ensure!(conversations(&home.json) == CHANGED, "the home screen is answered {}", home.json);
            costs.bytes = home.bytes;
        }
        clock::sleep(TIDYING);
        costs.account(pids, before)
    }

    /// The whole answer, page by page, and how many conversations are in it.
    fn home(&mut self, since: Option<&str>) -> Result<(Answer, usize)> {
        let mut whole = self.ask(since, None)?;
        let mut found = conversations(&whole.json);
        while whole.json["more"] == true {
            let before =
                whole.json["next"].as_str().context("what changed does not fit into a page")?.to_owned();
            let page = self.ask(since, Some(&before))?;
            found += conversations(&page.json);
            let (bytes, took_ns) = (whole.bytes + page.bytes, whole.took_ns + page.took_ns);
            whole = Answer { json: page.json, bytes, took_ns };
        }
        Ok((whole, found))
    }

    fn ask(&mut self, since: Option<&str>, before: Option<&str>) -> Result<Answer> {
        let mut request = json!({ "type": "home", "id": 1, "limit": PAGE });
        for (member, value) in [("since", since), ("before", before)] {
            if let Some(value) = value {
                request[member] = value.into();
            }
        }
        let page = answer(&mut self.device, &request)?;
        let is_page = page.json["type"] == "home" && page.json["reset"] != true;
        ensure!(is_page, "the home screen is answered {}", page.json);
        Ok(page)
    }
}

fn conversations(page: &Value) -> usize {
    page["conversations"].as_array().map_or(0, Vec::len)
}

/// A connection on which this user is logged in.
fn logged_in(deployment: &Deployment, user: usize) -> Result<Blocking> {
    let mut socket = Blocking::connect(deployment.node.address, CHAT_PATH, PATIENCE)?;
    let answer = answer(&mut socket, &json!({ "type": "login", "id": 1, "username": name(user) }))?.json;
    ensure!(answer["type"] == "logged_in", "a login is answered {answer}");
    Ok(socket)
}

/// An answer, and how long it took until its bytes were there.
struct Answer {
    json: Value,
    bytes: usize,
    took_ns: u64,
}

/// Asks, and skips the pushes that come before the answer.
fn answer(socket: &mut Blocking, request: &Value) -> Result<Answer> {
    let begin_ns = clock::now_ns();
    socket.send(&request.to_string())?;
    loop {
        let received = socket.receive()?;
        let took_ns = clock::now_ns() - begin_ns;
        if received.starts_with(b"{\"id\":") {
            return Ok(Answer { json: serde_json::from_slice(&received)?, bytes: received.len(), took_ns });
        }
    }
}

/// What was asked for so far.
struct Costs {
    latency: hdrhistogram::Histogram<u64>,
    bytes: usize,
    used_ns: f64,
    times: usize,
}

impl Costs {
    fn new() -> Result<Self> {
        Ok(Self { latency: latencies()?, bytes: 0, used_ns: 0.0, times: 0 })
    }

    /// Adds what processes used since then, in [`TIMES`] times.
    fn account(&mut self, pids: [u32; 3], before: [Result<Cpu>; 3]) -> Result<()> {
        for (pid, before) in pids.into_iter().zip(before) {
            self.used_ns += Cpu::of(pid)?.since_ns(&before?);
        }
        self.times += TIMES;
        Ok(())
    }

    fn asked(&self) -> Asked {
        let cpu_us = self.used_ns / 1e3 / self.times.max(1) as f64;
        Asked { latency: Quantiles::of(&self.latency), bytes: self.bytes, cpu_us }
    }
}

impl Asked {
    fn shown(&self) -> String {
        let Self { latency: Quantiles { p50_ms, p99_ms, .. }, bytes, .. } = self;
        format!("p50 {p50_ms:.2}, p99 {p99_ms:.2} ms, {} bytes", count(*bytes as f64))
    }
}

impl Finding {
    pub(super) fn rows(&self) -> [Row; 4] {
        let Self { since, full, since_of_few, back, echo, .. } = self;
        let name = format!("chat: home, {CHANGED} of {} conversations changed", count(MANY as f64));
        let (time, cpu) = (since.latency.p50_ms / full.latency.p50_ms, since.cpu_us / full.cpu_us);
        let few = since.cpu_us / since_of_few.cpu_us;
        [
            Row {
                measure: name.clone(),
                ours: since.shown(),
                limit: format!("all of it {}", full.shown()),
                ratio: Some(time),
                target: Target::at_most(time, 0.2, 0.05, ""),
            },
            Row {
                measure: format!("{name}: CPU time"),
                ours: format!("{:.0} µs", since.cpu_us),
                limit: format!("all of it {:.0} µs", full.cpu_us),
                ratio: Some(cpu),
                target: Target::at_most(cpu, 0.1, 0.05, ""),
            },
            Row {
                measure: format!("{name}: CPU time"),
                ours: format!("{:.0} µs", since.cpu_us),
                limit: format!("{CHANGED} of {FEW} changed {:.0} µs", since_of_few.cpu_us),
                ratio: Some(few),
                target: Target::at_most(few, 1.5, 1.2, ""),
            },
            Row {
                measure: format!("chat: connect, login, home, {CHANGED} of {} changed", count(MANY as f64)),
                ours: format!("{}, CPU {:.0} µs", back.shown(), back.cpu_us),
                limit: format!(
                    "echo: connect, one message p50 {:.2}, p99 {:.2} ms",
                    echo.p50_ms, echo.p99_ms
                ),
                ratio: Some(back.latency.p50_ms / echo.p50_ms),
                target: Target::none(),
            },
        ]
    }

    pub(super) fn chart(&self) -> Chart {
        let group = |name: &str, asked: &Asked| {
            (
                name.to_owned(),
                vec![Bar::new("p50, ms", asked.latency.p50_ms), Bar::new("CPU, ms", asked.cpu_us / 1e3)],
            )
        };
        Chart {
            name: "chat-home",
            title: "the home screen, milliseconds".to_owned(),
            is_logarithmic: true,
            groups: vec![
                group("3 of 10 changed", &self.since_of_few),
                group("3 of 1,000 changed", &self.since),
                group("all 1,000", &self.full),
            ],
        }
    }
}
