//! The network of a monkey, which may break: on purpose, or because the other side does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Method;
use tokio::time::{sleep, timeout};

use crate::dice::{Dice, Purpose};
use crate::gauge::count;
use crate::link::{Backoff, Ended, Failure, Http, Outage, Response, Socket, Source, Struck, Target};
use crate::monkey::Monkey;
use crate::wire::{Change, Incoming, Request, Told};
use crate::world::World;

/// How long an answer over a websocket may take: a node gives up after 30 s.
const ANSWER_MAX: Duration = Duration::from_secs(40);

/// The network of a monkey.
#[derive(Debug)]
pub struct Line {
    world: Arc<World>,
    name: String,
    source: Source,
    /// Which target it uses: at a failure it goes on to the next one.
    target: usize,
    backoff: Backoff,
    /// When it breaks.
    pub outage: Outage,
    lines: Lines,
    last_id: u64,
}

/// The connections, apart from what may break them.
#[derive(Debug, Default)]
struct Lines {
    http: Http,
    socket: Option<Socket>,
}

impl Line {
    /// The network of a monkey, without a connection yet.
    #[must_use]
    pub fn new(world: &Arc<World>, monkey: Monkey, purpose: Purpose) -> Self {
        let dice = Dice::new(world.seed, purpose, monkey.index);
        let every = world.config.torment.cut_every();
        Self {
            world: Arc::clone(world),
            name: monkey.name(&world.run),
            source: world.source(monkey.socket_number(&world.config)),
            target: monkey.first_target(&world.config),
            backoff: Backoff::default(),
            outage: Outage::new(dice, every, world.storm.subscribe(), world.calm.clone()),
            lines: Lines::default(),
            last_id: 0,
        }
    }

    fn target(&self) -> Target {
        self.world.target(self.target).clone()
    }

    /// Opens a websocket that nobody else uses.
    ///
    /// # Errors
    /// It can be tried again.
    pub async fn open(&mut self) -> Result<Socket, Failure> {
        let opened = Socket::open(&self.target(), &self.source).await;
        self.opened(opened.is_ok());
        opened
    }

    /// Applies changes over the websocket of this line.
    ///
    /// # Errors
    /// [`Failure`] says whether it may be made again.
    pub async fn apply(&mut self, set: &str, changes: &[Change]) -> Result<Vec<Told>, Failure> {
        if self.lines.socket.is_none() {
            self.lines.socket = Some(self.open().await?);
        }
        self.last_id += 1;
        count(&self.world.counters.requests_socket);
        let request = Request::Apply { id: self.last_id, set, operations: changes };
        let answered = tokio::select! {
            answered = self.lines.ask(self.last_id, &request) => answered,
            _ = self.outage.strikes() => Err(self.cut()),
        };
        answered.inspect_err(|failure| {
            if matches!(failure, Failure::Lost(_)) {
                self.lines.socket = None;
            }
        })
    }

    /// Makes a request over the HTTP connection of this line.
    ///
    /// # Errors
    /// [`Failure`] says whether it may be made again.
    pub async fn http(
        &mut self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Response, Failure> {
        let target = self.target();
        if !self.lines.http.is_open() {
            let opened = self.lines.http.open(&target, &self.source, &self.world.tracker).await;
            self.opened(opened.is_ok());
            opened?;
        }
        count(&self.world.counters.requests_http);
        tokio::select! {
            answered = self.lines.http.request(&target, method, path, body) => answered,
            _ = self.outage.strikes() => Err(self.cut()),
        }
    }

    /// Breaks all connections, in the middle of whatever they do.
    pub fn cut(&mut self) -> Failure {
        count(&self.world.counters.cuts);
        self.lines.http.cut();
        self.lines.socket = None;
        Failure::Lost("broken on purpose".to_owned())
    }

    /// A request failed: counts it, goes on to the next target, and waits.
    pub async fn failed(&mut self, failure: &Failure) {
        let counters = &self.world.counters;
        count(match failure {
            Failure::Unavailable(_) => &counters.unavailable,
            Failure::OutcomeUnknown(_) => &counters.outcome_unknown,
            Failure::Lost(_) => &counters.connection_lost,
            Failure::Refused(_) => return,
        });
        log::debug!("{}: {failure}", self.name);
        self.move_on();
        let wait = self.backoff.failed(self.outage.dice());
        self.rest(wait).await;
    }

    /// A request succeeded.
    pub fn succeeded(&mut self) {
        self.backoff.succeeded();
    }

    /// A websocket that was open since this time ended: waits until it is time for the next one.
    pub async fn ended(&mut self, ended: &Ended, since: Instant) {
        log::debug!("{}: {}", self.name, ended.why);
        count(&self.world.counters.closed);
        self.move_on();
        let wait = self.backoff.ended(since, self.outage.dice());
        self.rest(ended.retry.unwrap_or(wait)).await;
    }

    /// A websocket was broken on purpose: in a storm everyone comes back at once, otherwise after a moment.
    pub async fn struck(&mut self, struck: Struck) {
        self.cut();
        if struck == Struck::Cut {
            let wait = self.backoff.failed(self.outage.dice());
            self.backoff.succeeded();
            self.rest(wait).await;
        }
    }

    fn opened(&mut self, is_open: bool) {
        if is_open {
            count(&self.world.counters.connections);
            self.outage.opened();
        } else {
            count(&self.world.counters.connections_refused);
        }
    }

    /// Connections to a target that fails are given up, and the next one is tried.
    fn move_on(&mut self) {
        if self.world.config.url.len() > 1 {
            self.target += 1;
            self.lines.http.cut();
            self.lines.socket = None;
        }
    }

    async fn rest(&self, wait: Duration) {
        tokio::select! {
            () = sleep(wait) => {}
            () = self.world.over.cancelled() => {}
        }
    }
}

impl Lines {
    async fn ask(&mut self, id: u64, request: &Request<'_>) -> Result<Vec<Told>, Failure> {
        let lost = |ended: Ended| Failure::Lost(ended.why);
        let Some(socket) = &mut self.socket else {
            return Err(Failure::Lost("there is no websocket".to_owned()));
        };
        socket.send(request).await.map_err(lost)?;
        let answer = async {
            loop {
                let Some(text) = socket.next().await.map_err(lost)? else { continue };
                let incoming: Incoming<'_> = serde_json::from_str(&text).map_err(|error| {
                    Failure::Refused(format!("an answer cannot be read: {error}: {text}"))
                })?;
                match incoming {
                    Incoming { error: Some(trouble), id: to, .. } if to == Some(id) || to.is_none() => {
                        return Err(trouble.into());
                    }
                    Incoming { outcomes: Some(outcomes), id: Some(to), .. } if to == id => {
                        return Ok(outcomes);
                    }
                    _ => {}
                }
            }
        };
        let late = |_| Failure::Lost("no answer came in time".to_owned());
        timeout(ANSWER_MAX, answer).await.map_err(late)?
    }
}
