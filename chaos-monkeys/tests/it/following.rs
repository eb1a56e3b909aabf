//! A client that is cut off at random, and gets changes twice, late and overtaken, holds at every step what the service held at
//! its position, and in the end what the service holds.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chaos_monkeys::copy::{Copies, Copy};
use chaos_monkeys::feed::{Feed, News};
use chaos_monkeys::gauge::Counters;
use chaos_monkeys::sent::Sent;
use chaos_monkeys::wire::{Incoming, Request};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::model::{Sabotage, Set};

/// Changes that the service keeps to catch up from: few, so that clients fall behind it.
const LOG_MAX: usize = 6;

#[derive(Debug, Clone)]
enum Step {
    /// Someone changes the set.
    Change(bool, u8, u64),
    /// The client takes the message at this place of those that wait, and perhaps leaves it there.
    Take(usize, bool),
    /// The connection breaks, and what was under way is lost.
    Cut,
    /// The service answers the client's request.
    Answer,
    /// The service starts a new epoch, without a word.
    Epoch,
    /// The service says what it holds, without being asked.
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (any::<bool>(), 0..6_u8, 0..50_u64).prop_map(|(add, value, ms)| Step::Change(add, value, ms)),
        12 => (0..3_usize, prop::bool::weighted(0.2)).prop_map(|(place, stays)| Step::Take(place, stays)),
        8 => Just(Step::Answer),
        2 => Just(Step::Cut),
        1 => Just(Step::Epoch),
        1 => Just(Step::Reset),
    ]
}

struct Client {
    feed: Feed,
    copies: Copies,
    copy: Option<Arc<Copy>>,
    counters: Counters,
    sent: Sent,
    /// Its request, if one is under way.
    asked: Option<Value>,
    /// Messages that are under way to it. None if it is not connected.
    waiting: VecDeque<String>,
    is_watched: bool,
    last_id: u64,
}

impl Client {
    fn new() -> Self {
        Self {
            feed: Feed::default(),
            copies: Copies::default(),
            copy: None,
            counters: Counters::default(),
            sent: Sent::default(),
            asked: None,
            waiting: VecDeque::new(),
            is_watched: false,
            last_id: 0,
        }
    }

    fn ask(&mut self) {
        if self.feed.must_ask() {
            self.last_id += 1;
            let request: Request<'_> = self.feed.ask(self.last_id, "s");
            self.asked = Some(serde_json::to_value(&request).unwrap());
        }
    }

    fn cut(&mut self) {
        self.feed.lose();
        self.asked = None;
        self.waiting.clear();
        self.is_watched = false;
    }

    fn take(&mut self, text: &str) {
        let incoming: Incoming<'_> = serde_json::from_str(text).unwrap();
        let news = self.feed.take(incoming.kind.unwrap(), &incoming, &self.counters).unwrap();
        let cursor = self.feed.cursor().cloned();
        let (copy, _) = match news {
            News::Nothing => return,
            News::Whole(elements, removed) => self.copies.whole(cursor.unwrap(), elements, removed).unwrap(),
            News::Operations(operations) => {
                let base = self.copy.as_ref().unwrap();
                self.copies.advance(base, cursor.unwrap(), operations, &self.sent).unwrap()
            }
        };
        self.copy = Some(copy);
    }
}

struct Scene {
    set: Set,
    /// The digest at every position that ever was.
    history: HashMap<String, Value>,
    client: Client,
}

impl Scene {
    fn new() -> Self {
        let set = Set::new("s", LOG_MAX, Sabotage::default());
        let mut scene = Self { set, history: HashMap::new(), client: Client::new() };
        scene.note();
        scene
    }

    fn note(&mut self) {
        self.history.insert(self.set.cursor(), self.set.digest()["digest"].clone());
    }

    fn act(&mut self, step: Step) {
        match step {
            Step::Change(add, value, ms) => {
                let op = if add { "add" } else { "remove" };
                let operation = json!({"op": op, "value": format!("v{value}"), "stamp": [ms, "a"]});
                let (_, push) = self.set.apply(vec![operation], 1_000);
                if let (Some(push), true) = (push, self.client.is_watched) {
                    self.client.waiting.push_back(addressed(push, None));
                }
            }
            Step::Take(place, stays) => {
                let place = place.min(self.client.waiting.len().saturating_sub(1));
                if let Some(text) = self.client.waiting.get(place).cloned() {
                    if !stays {
                        self.client.waiting.remove(place);
                    }
                    self.client.take(&text);
                }
            }
            Step::Cut => self.client.cut(),
            Step::Answer => {
                if let Some(request) = self.client.asked.take() {
                    let answer = self.set.watch(request["cursor"].as_str(), 2);
                    self.client.is_watched = true;
                    self.client.waiting.push_back(addressed(answer, Some(&request["id"])));
                }
            }
            Step::Epoch => {
                self.set.turn_epoch();
            }
            Step::Reset => {
                if self.client.is_watched {
                    self.client.waiting.push_back(addressed(self.set.whole("reset"), None));
                }
            }
        }
        self.note();
        self.client.ask();
    }

    /// The copy is what the service held at its position.
    fn check(&self) -> Result<(), TestCaseError> {
        if let Some(copy) = &self.client.copy {
            let told = &self.history[&copy.cursor.to_string()];
            prop_assert_eq!(copy.digest(), told.as_str().unwrap(), "at {}", copy.cursor);
        }
        Ok(())
    }
}

fn addressed(mut message: Value, id: Option<&Value>) -> String {
    message["set"] = json!("s");
    if let Some(id) = id {
        message["id"] = id.clone();
    }
    message.to_string()
}

proptest! {
    #[test]
    fn a_client_that_is_cut_off_and_confused_holds_what_the_service_held_at_its_position(
        steps in prop::collection::vec(step(), 0..150)
    ) {
        let mut scene = Scene::new();
        for step in steps {
            scene.act(step);
            scene.check()?;
        }
        // All that is under way arrives, and the service answers what it is asked: no further change helps the client.
        for _ in 0..1_000 {
            let is_still = scene.client.asked.is_none() && scene.client.waiting.is_empty();
            if is_still && scene.client.feed.is_following() {
                break;
            }
            scene.act(Step::Answer);
            scene.act(Step::Take(0, false));
            scene.check()?;
        }
        prop_assert!(scene.client.feed.is_following());
        let copy = scene.client.copy.unwrap();
        let held: std::collections::BTreeSet<&str> = copy.set.iter().map(|(value, _)| value).collect();
        prop_assert_eq!(held, scene.set.values());
    }
}
