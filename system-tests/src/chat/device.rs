//! A device of a user: it follows, it writes, and it never gives up.

mod reading;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::cursor::is_reached;
use super::line::{Line, Trouble};
use super::message::{Summary, Written};
use super::view::{Took, View};
use crate::client::Closed;
use crate::patience::{SOON, within};

/// How long it waits before it tries again: a random time up to this at first, and up to twice as long after each failure.
const BACKOFF: Duration = Duration::from_millis(250);
/// At most so long.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// Errors after which a device tries again. Any other one is a fault of the system.
const PASSING: [&str; 2] = ["unavailable", "outcome_unknown"];
/// Conversations and changes in the pages that it asks for: few, so that there are several.
const PAGE: std::ops::RangeInclusive<u64> = 7..=100;

/// A device of a user.
#[derive(Debug)]
pub struct Device {
    name: String,
    user: String,
    urls: Arc<[String]>,
    line: Option<Line>,
    view: Option<View>,
    is_behind: bool,
    home: BTreeMap<String, Summary>,
    home_cursor: Option<String>,
    random: StdRng,
    failures_in_a_row: u32,
    /// What went wrong on the way, and how often.
    pub troubles: BTreeMap<String, usize>,
    /// What was acknowledged, in that order.
    pub written: Vec<Written>,
    /// Up to which message it marked conversations as read, as was acknowledged.
    pub marked: BTreeMap<String, u64>,
    /// Up to which message it said that it has conversations, as was acknowledged.
    pub received: BTreeMap<String, u64>,
}

impl Device {
    /// One that is not connected yet. `urls`: those of `/ws/chat` on the nodes, of which it takes any.
    #[must_use]
    pub fn new(name: &str, urls: Arc<[String]>, seed: u64) -> Self {
        Self {
            name: name.to_owned(),
            user: String::new(),
            urls,
            line: None,
            view: None,
            is_behind: false,
            home: BTreeMap::new(),
            home_cursor: None,
            random: StdRng::seed_from_u64(seed),
            failures_in_a_row: 0,
            troubles: BTreeMap::new(),
            written: Vec::new(),
            marked: BTreeMap::new(),
            received: BTreeMap::new(),
        }
    }

    /// A further device of the same user, not connected yet.
    #[must_use]
    pub fn sibling(&mut self) -> Self {
        let mut sibling = Self::new(&self.name, Arc::clone(&self.urls), self.random.random());
        sibling.user.clone_from(&self.user);
        sibling
    }

    /// Whose it is, as names are compared, once it has been logged in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What it chooses by.
    pub fn random(&mut self) -> &mut StdRng {
        &mut self.random
    }

    /// What it knows.
    ///
    /// # Panics
    /// Before it was logged in.
    #[must_use]
    pub fn view(&self) -> &View {
        self.view.as_ref().expect("it was logged in")
    }

    /// What it knows of the home screen: from that and its changes alone.
    #[must_use]
    pub fn home(&self) -> &BTreeMap<String, Summary> {
        &self.home
    }

    /// Cuts its connection, without a word to the node.
    pub fn hang_up(&mut self) {
        if let Some(line) = self.line.take() {
            line.assert_one_outcome_each();
        }
    }

    /// Takes what came; connects, logs in and asks for what was missed as far as that is needed.
    pub async fn keep_up(&mut self) {
        loop {
            self.connect().await;
            self.take_pushes();
            if !self.is_behind {
                return;
            }
            // What comes meanwhile is looked at in the next round; so is a connection that is lost meanwhile.
            self.is_behind = false;
            loop {
                let request = json!({"type": "sync", "since": self.view().cursor(), "limit": self.random.random_range(PAGE)});
                let page = self.insist(&request).await;
                if !self.view.as_mut().expect("it was logged in").page(&page) {
                    break;
                }
            }
        }
    }

    /// Follows until it has all up to this place of the log, which must be [`SOON`]: from what it is told, without asking.
    pub async fn follow_to(&mut self, cursor: &str) {
        let what = format!("{} is told of all up to {cursor}", self.name);
        let follow = async {
            loop {
                self.keep_up().await;
                if is_reached(cursor, self.view().cursor()) {
                    return;
                }
                if let Some(line) = &self.line {
                    line.news().await;
                }
            }
        };
        within(&what, SOON, follow).await;
    }

    /// Makes a request that does no harm when it is made twice, until it is answered.
    pub async fn insist(&mut self, request: &Value) -> Value {
        loop {
            self.connect().await;
            match self.line.as_mut().expect("it is connected").ask(request).await {
                Ok(answer) => {
                    self.failures_in_a_row = 0;
                    return answer;
                }
                Err(trouble) => self.suffer(trouble).await,
            }
        }
    }

    /// Connects and logs in, if it is not.
    pub async fn connect(&mut self) {
        if let Some(closed) = self.line.as_ref().and_then(Line::closed) {
            self.suffer(Trouble::Lost(closed)).await;
        }
        while self.line.is_none() {
            match self.log_in().await {
                Ok(line) => self.line = Some(line),
                Err(trouble) => self.suffer(trouble).await,
            }
        }
    }

    async fn log_in(&mut self) -> Result<Line, Trouble> {
        let url = &self.urls[self.random.random_range(0..self.urls.len())];
        let mut line = Line::open(url).await?;
        let answer = line.ask(&json!({"type": "login", "username": self.name, "device": "a device"})).await?;
        answer["user"].as_str().expect("a name is a text").clone_into(&mut self.user);
        match self.view {
            Some(_) => self.is_behind = true,
            None => self.view = Some(View::at(answer["cursor"].as_str().expect("a cursor is a text"))),
        }
        Ok(line)
    }

    fn take_pushes(&mut self) {
        let (Some(line), Some(view)) = (&mut self.line, &mut self.view) else { return };
        for push in line.pushes() {
            self.is_behind |= view.push(&push) == Took::Missed;
        }
    }

    /// Notes what went wrong and waits as a client should.
    async fn suffer(&mut self, trouble: Trouble) {
        let mut pause = Duration::ZERO;
        let name = match trouble {
            Trouble::Refused { code, message } => {
                assert!(PASSING.contains(&code.as_str()), "{}: {code}: {message}", self.name);
                code
            }
            Trouble::Lost(closed) => {
                self.hang_up();
                pause = asked_for(&closed);
                closed.code().map_or("cut".to_owned(), |code| format!("closed with {code}"))
            }
            Trouble::NotLetIn(_) => "not let in".to_owned(),
        };
        *self.troubles.entry(name).or_default() += 1;
        let longest = BACKOFF_MAX.min(BACKOFF * 2_u32.saturating_pow(self.failures_in_a_row));
        self.failures_in_a_row += 1;
        sleep(pause + longest.mul_f64(self.random.random_range(0.0..1.0))).await;
    }
}

/// What went wrong on the way of all of them, and how often.
#[must_use]
pub fn troubles(devices: &[Device]) -> BTreeMap<&str, usize> {
    let mut all = BTreeMap::new();
    for (trouble, count) in devices.iter().flat_map(|device| &device.troubles) {
        *all.entry(trouble.as_str()).or_default() += count;
    }
    all
}

/// For how long a node asks who it sent away to stay away.
fn asked_for(closed: &Closed) -> Duration {
    let Closed::With { code: 1012, reason } = closed else { return Duration::ZERO };
    let reason: Value = serde_json::from_str(reason).expect("the reason is JSON");
    Duration::from_millis(reason["retry_ms"].as_u64().expect("retry_ms is a number"))
}
