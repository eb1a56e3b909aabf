//! Claimed bodies of answers: each is fetched once for all connections that want it, and is here once until the last of
//! them has it.
//!
//! What a node holds of them is bounded, however many clients ask and do not read: a body takes room until its sockets have
//! taken it, and further bodies wait in Redis until there is room.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use broker::Store;
use protocol::{Claim, body, limit};

use crate::hub::topic;
use crate::socket::Frames;

/// How an object begins that has an id, up to the place where the id of each connection goes.
const BEFORE_ID: &str = "{\"id\":";

/// Claimed bodies on their way to websockets.
pub(crate) struct Claimed {
    store: Store,
    /// Bytes that may be here.
    room: Arc<Semaphore>,
    shared: Arc<Shared>,
}

/// The bodies that somebody waits for or has not sent yet.
type Shared = Mutex<HashMap<Wanted, Weak<Body>>>;

/// A body, and whether an id is to be written into it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Wanted {
    key: String,
    bytes: usize,
    with_id: bool,
}

struct Body {
    wanted: Wanted,
    shared: Arc<Shared>,
    fetched: OnceCell<Result<Fetched, String>>,
}

/// What all connections get alike, and the room that it takes.
struct Fetched {
    tail: Bytes,
    _room: OwnedSemaphorePermit,
}

/// A fetched body, kept for as long as a connection has to send it.
struct Unsent(Arc<Body>);

impl Claimed {
    pub(crate) fn new(store: Store) -> Self {
        let room = Arc::new(Semaphore::new(limit::RESPONSE_CLAIMS_BYTES_MAX));
        Self { store, room, shared: Arc::default() }
    }

    /// Bytes that are here, or about to be.
    pub(crate) fn held_bytes(&self) -> usize {
        limit::RESPONSE_CLAIMS_BYTES_MAX - self.room.available_permits()
    }

    /// The frame of a claimed answer, with the id that a client gave to its request.
    ///
    /// # Errors
    /// Says for the log why the body cannot be had.
    pub(super) async fn frames(&self, claim: &Claim, id: Option<&RawValue>) -> Result<Frames, String> {
        let body = self.body(claim, id.is_some());
        let fetched = body.fetched.get_or_init(|| self.fetch(claim, id.is_some())).await;
        if let Err(error) = fetched {
            return Err(error.clone());
        }
        let head = id.map_or_else(String::new, |id| format!("{BEFORE_ID}{}", id.get()));
        Ok(Frames::shared(&head, Bytes::from_owner(Unsent(body))))
    }

    fn body(&self, claim: &Claim, with_id: bool) -> Arc<Body> {
        let wanted = Wanted { key: claim.key.clone(), bytes: claim.bytes, with_id };
        let mut shared = self.shared.lock();
        if let Some(body) = shared.get(&wanted).and_then(Weak::upgrade) {
            return body;
        }
        let body = Body { wanted: wanted.clone(), shared: self.shared.clone(), fetched: OnceCell::new() };
        let body = Arc::new(body);
        shared.insert(wanted, Arc::downgrade(&body));
        body
    }

    async fn fetch(&self, claim: &Claim, with_id: bool) -> Result<Fetched, String> {
        // A claim can say anything.
        let wanted = u32::try_from(claim.bytes.min(limit::CLAIM_BYTES_MAX)).unwrap_or(u32::MAX);
        let room = timeout(
            Duration::from_secs(limit::CLAIM_KEPT_S),
            Arc::clone(&self.room).acquire_many_owned(wanted),
        );
        let Ok(Ok(room)) = room.await else {
            return Err("there was no room for it: clients take theirs too slowly".to_owned());
        };
        let bytes = self.store.fetch_claim(claim).await.map_err(|error| error.to_string())?;
        let json = topic::claimed_body(&bytes)?;
        drop(bytes);
        let tail = if with_id {
            // An id of its own gives way, as in every answer; each connection writes its id in the place of this one.
            let text = body::with_id(json.get(), Some(RawValue::NULL)).into_owned();
            Bytes::from(text).slice(BEFORE_ID.len() + RawValue::NULL.get().len()..)
        } else {
            Bytes::from(Box::<str>::from(json).into_string())
        };
        Ok(Fetched { tail, _room: room })
    }
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        self.0.fetched.get().and_then(|fetched| fetched.as_ref().ok()).map_or(&[], |fetched| &fetched.tail)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let mut shared = self.shared.lock();
        // It may be wanted anew meanwhile.
        if shared.get(&self.wanted).is_some_and(|body| body.strong_count() == 0) {
            shared.remove(&self.wanted);
        }
    }
}
