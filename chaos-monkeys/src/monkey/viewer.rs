//! A monkey that merges the server's set into its own copy and follows it live.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::line::Line;
use super::{Kind as Monkeys, Monkey};
use crate::dice::{Dice, Purpose};
use crate::feed::{Feed, News};
use crate::gauge::count;
use crate::link::{Backoff, Ended, Socket, Struck};
use crate::replica::Replica;
use crate::wire::{Incoming, Kind, Trouble};
use crate::world::World;

/// Silence after which a connection is given up: a node pings after 25 s.
const SILENCE_MAX: Duration = Duration::from_secs(40);

/// How long a change is held back to let others overtake it.
const LATE_MAX: Duration = Duration::from_millis(200);

/// A viewer.
pub struct Viewer {
    world: Arc<World>,
    line: Line,
    /// Chance for what it receives twice or late.
    dice: Dice,
    views: Vec<View>,
    /// Held back, until this time or the next change.
    late: Option<(Utf8Bytes, Instant)>,
    /// The service said no: when to ask again.
    ask_at: Option<Instant>,
    asking: Backoff,
    last_id: u64,
    opened: Instant,
    heard: Instant,
    alarm: Pin<Box<Sleep>>,
}

/// One set that it follows.
struct View {
    feed: Feed,
    replica: Arc<Replica>,
}

/// Why a connection is over.
enum End {
    Struck(Struck),
    Ended(Ended),
    Over,
}

impl Viewer {
    /// The viewer of this index.
    #[must_use]
    pub fn new(world: &Arc<World>, index: usize) -> Self {
        let monkey = Monkey { kind: Monkeys::Viewer, index };
        let config = &world.config;
        let view = |offset| {
            let set = (index + offset) % config.sets;
            View { feed: Feed::default(), replica: world.replica(monkey.name(&world.run), set) }
        };
        let now = Instant::now();
        Self {
            world: Arc::clone(world),
            line: Line::new(world, monkey, Purpose::ViewerOutage),
            dice: Dice::new(world.seed, Purpose::ViewerTorment, index),
            views: (0..config.watch.min(config.sets)).map(view).collect(),
            late: None,
            ask_at: None,
            asking: Backoff::default(),
            last_id: 0,
            opened: now,
            heard: now,
            alarm: Box::pin(sleep_until(now)),
        }
    }

    /// Follows its sets until all is over.
    pub async fn run(mut self: Box<Self>) {
        while !self.world.over.is_cancelled() {
            // What is needed once a connection is on the heap then, and not in the task all the time.
            match Box::pin(self.line.open()).await {
                Err(failure) => Box::pin(self.line.failed(&failure)).await,
                Ok(socket) => match self.follow(socket).await {
                    End::Over => {}
                    End::Struck(struck) => Box::pin(self.line.struck(struck)).await,
                    End::Ended(ended) => Box::pin(self.line.ended(&ended, self.opened.into_std())).await,
                },
            }
        }
    }

    async fn follow(&mut self, mut socket: Socket) -> End {
        (self.opened, self.heard) = (Instant::now(), Instant::now());
        (self.late, self.ask_at) = (None, None);
        self.views.iter_mut().for_each(|view| view.feed.lose());
        loop {
            if let Err(ended) = self.ask(&mut socket).await {
                return End::Ended(ended);
            }
            self.arm();
            tokio::select! {
                received = socket.next() => match received {
                    Err(ended) => return End::Ended(ended),
                    Ok(text) => {
                        self.heard = Instant::now();
                        text.into_iter().for_each(|text| self.receive(text));
                    }
                },
                struck = self.line.outage.strikes() => return End::Struck(struck),
                () = self.world.over.cancelled() => return End::Over,
                () = &mut self.alarm => if let Some(ended) = self.ring() { return End::Ended(ended) },
            }
        }
    }

    /// Asks for every set that it does not follow, unless it was told to wait.
    async fn ask(&mut self, socket: &mut Socket) -> Result<(), Ended> {
        if self.ask_at.is_some_and(|at| at > Instant::now()) {
            return Ok(());
        }
        self.ask_at = None;
        let count = self.views.len() as u64;
        for (index, view) in (0..).zip(&mut self.views) {
            if view.feed.must_ask() {
                self.last_id += 1;
                let id = self.last_id * count + index;
                let set = &self.world.sets[view.replica.set].id;
                socket.send(&view.feed.ask(id, set)).await?;
            }
        }
        Ok(())
    }

    /// Sets the alarm for what is due first. It may ring too early, so that it need not be set for every message.
    fn arm(&mut self) {
        let silent = self.heard + SILENCE_MAX;
        let late = self.late.as_ref().map_or(silent, |(_, until)| *until);
        let due = silent.min(late).min(self.ask_at.unwrap_or(silent));
        if due < self.alarm.deadline() || self.alarm.is_elapsed() {
            self.alarm.as_mut().reset(due);
        }
    }

    fn ring(&mut self) -> Option<Ended> {
        let now = Instant::now();
        if self.late.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.release();
        }
        let is_silent = now >= self.heard + SILENCE_MAX;
        is_silent.then(|| Ended { retry: None, why: "it was silent for too long".to_owned() })
    }

    /// Takes a message; changes perhaps twice, or after the next one.
    fn receive(&mut self, text: Utf8Bytes) {
        let (duplicate, reorder) =
            (self.world.config.torment.duplicate(), self.world.config.torment.reorder());
        let is_tormented = duplicate + reorder > 0.0 && !self.world.calm.is_cancelled();
        if !is_tormented || !is_push(&text) {
            return self.take(&text);
        }
        if self.late.is_none() && self.dice.happens(reorder) {
            count(&self.world.counters.reordered);
            self.late = Some((text, Instant::now() + LATE_MAX));
            return;
        }
        self.take(&text);
        if self.dice.happens(duplicate) {
            count(&self.world.counters.duplicated);
            self.take(&text);
        }
        self.release();
    }

    fn release(&mut self) {
        if let Some((text, _)) = self.late.take() {
            self.take(&text);
        }
    }

    fn take(&mut self, text: &str) {
        let taken = match serde_json::from_str::<Incoming<'_>>(text) {
            Ok(incoming) => self.understand(&incoming),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = taken {
            let start: String = text.chars().take(200).collect();
            self.world.findings.fault(format!("a viewer does not understand the service: {error}: {start}"));
        }
    }

    fn understand(&mut self, incoming: &Incoming<'_>) -> Result<(), String> {
        if let Some(trouble) = &incoming.error {
            return self.refused(trouble, incoming.id);
        }
        let set = incoming.set.as_deref().ok_or("a message names no set")?;
        let sets = &self.world.sets;
        let view = self.views.iter_mut().find(|view| *sets[view.replica.set].id == *set);
        let view = view.ok_or("a message is about a set that it does not follow")?;
        match incoming.kind {
            Some(kind @ (Kind::Snapshot | Kind::Reset | Kind::Delta)) => {
                let news = view
                    .feed
                    .take(kind, incoming, &self.world.counters)
                    .map_err(|error| error.to_string())?;
                self.asking.succeeded();
                view.hold(&self.world, &news, self.opened).map_err(|error| error.to_string())
            }
            Some(Kind::Deleted) => Err("the set was deleted".to_owned()),
            Some(Kind::Outcomes | Kind::Unwatched) | None => Ok(()),
        }
    }

    fn refused(&mut self, trouble: &Trouble, id: Option<u64>) -> Result<(), String> {
        let count = self.views.len() as u64;
        let view = id.and_then(|id| self.views.get_mut(usize::try_from(id % count).ok()?));
        view.ok_or_else(|| trouble.message.clone())?.feed.lose();
        self.ask_at = Some(Instant::now() + self.asking.failed(&mut self.dice));
        match trouble.code.as_str() {
            "unavailable" => crate::gauge::count(&self.world.counters.unavailable),
            "outcome_unknown" => crate::gauge::count(&self.world.counters.outcome_unknown),
            code => return Err(format!("{code}: {}", trouble.message)),
        }
        Ok(())
    }
}

impl View {
    /// Changes the copy as the news say.
    fn hold(&self, world: &World, news: &News<'_>, opened: Instant) -> Result<(), serde_json::Error> {
        let board = &world.sets[self.replica.set];
        let Some(cursor) = self.feed.cursor().cloned() else { return Ok(()) };
        let (copy, mismatch) = match news {
            News::Nothing => return Ok(()),
            News::Whole(elements, removed) => board.copies.whole(cursor, elements, *removed)?,
            News::Operations(operations) => {
                let Some(base) = self.replica.shared() else { return Ok(()) };
                let advanced = board.copies.advance(&base, cursor, operations, &board.sent)?;
                let (now, opened) = (std::time::Instant::now(), opened.into_std());
                let sent = advanced.0.sent.iter().filter(|sent| **sent >= opened);
                world.lags.propagation.record_all(sent.map(|sent| now.saturating_duration_since(*sent)));
                advanced
            }
        };
        if let Some(mismatch) = mismatch {
            world.differs(self.replica.set, &self.replica.name, &mismatch);
        }
        self.replica.hold(copy);
        Ok(())
    }
}

/// Whether a message is a change that was not asked for. It is enough to be right about those of the service.
fn is_push(text: &str) -> bool {
    text.contains("\"prev\":")
}
