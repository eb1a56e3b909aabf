//! What a client received.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::listing::Listing;

/// Listings that are kept; of earlier ones only the versions are.
const KEPT: usize = 200;

/// What a client received.
#[derive(Debug, Default)]
pub struct Record {
    heard: Mutex<Heard>,
    more: Notify,
}

/// What a client received.
#[derive(Debug, Default)]
pub struct Heard {
    /// Messages with an id, by it. Each request must have one.
    pub answers: HashMap<u64, Vec<Value>>,
    /// The ids in the order in which the answers came.
    pub answered: Vec<u64>,
    /// The versions of the listings without an id.
    pub versions: Vec<u64>,
    /// The newest of these listings, as they came.
    pub listings: VecDeque<String>,
    /// All other messages.
    pub others: Vec<Value>,
    /// How the socket was closed, if it was.
    pub closed: Option<Closed>,
}

/// How a socket was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// With a Close frame.
    With {
        /// Its code.
        code: u16,
        /// Its reason.
        reason: String,
    },
    /// Without one.
    Uncleanly(String),
}

impl Closed {
    /// The code of the Close frame.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::With { code, .. } => Some(*code),
            Self::Uncleanly(_) => None,
        }
    }
}

impl Heard {
    /// The newest listing that was pushed.
    #[must_use]
    pub fn newest(&self) -> Option<Listing> {
        self.listings.back().map(|text| Listing::from_text(text))
    }

    /// The listings from the first that was pushed, which must all be kept still.
    #[must_use]
    pub fn all(&self) -> Vec<Listing> {
        assert_eq!(self.listings.len(), self.versions.len(), "only {KEPT} listings are kept");
        self.listings.iter().map(|text| Listing::from_text(text)).collect()
    }

    fn add(&mut self, received: Result<Message, tungstenite::Error>) {
        match received {
            Ok(Message::Text(text)) => self.add_text(&text),
            Ok(Message::Close(frame)) => {
                let (code, reason) = frame
                    .map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                self.closed.get_or_insert(Closed::With { code, reason });
            }
            Ok(Message::Binary(_)) => panic!("the server sent a binary frame"),
            Ok(_) => {}
            Err(error) => {
                self.closed.get_or_insert(Closed::Uncleanly(error.to_string()));
            }
        }
    }

    /// Listings come by the thousand: they are told from the rest, and their version is read, without parsing them.
    fn add_text(&mut self, text: &str) {
        if let Some(version) = version_of_listing(text) {
            self.versions.push(version);
            self.listings.push_back(text.to_owned());
            if self.listings.len() > KEPT {
                self.listings.pop_front();
            }
            return;
        }
        let message: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        match message["id"].as_u64() {
            Some(id) => {
                self.answered.push(id);
                self.answers.entry(id).or_default().push(message);
            }
            None => self.others.push(message),
        }
    }
}

fn version_of_listing(text: &str) -> Option<u64> {
    let (_, version) = text.strip_prefix("{\"Users\":")?.rsplit_once(",\"Version\":")?;
    version.strip_suffix('}')?.parse().ok()
}

impl Record {
    pub(super) fn add(&self, received: Result<Message, tungstenite::Error>) {
        self.heard.lock().add(received);
        self.more.notify_waiters();
    }

    pub(super) fn end(&self) {
        self.heard.lock().closed.get_or_insert(Closed::Uncleanly("the stream ended".to_owned()));
        self.more.notify_waiters();
    }

    /// Looks at what was received until now.
    pub fn look<T>(&self, look: impl FnOnce(&Heard) -> T) -> T {
        look(&self.heard.lock())
    }

    /// Forgets everything but whether the socket is closed, so that what comes next can be counted.
    pub fn forget(&self) {
        let mut heard = self.heard.lock();
        *heard = Heard { closed: heard.closed.take(), ..Heard::default() };
    }

    /// Waits until `look` finds something.
    pub async fn find<T>(&self, mut look: impl FnMut(&Heard) -> Option<T>) -> T {
        loop {
            let mut more = std::pin::pin!(self.more.notified());
            more.as_mut().enable();
            if let Some(found) = look(&self.heard.lock()) {
                return found;
            }
            more.await;
        }
    }
}
