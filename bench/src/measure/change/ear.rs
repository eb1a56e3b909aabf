//! Two places where a change is heard: the channel of the topic in Redis, and a websocket.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;
use tungstenite::Bytes;

use crate::clock;
use crate::server::{Deployment, PATH};
use crate::websocket::blocking::Blocking;

/// How long a change may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pushes that wait to be looked at.
const PUSHES_MAX: usize = 64 * 1024;

/// Hears the pushes in Redis, and when.
pub(super) struct PushEar(Receiver<u64>);

impl PushEar {
    /// Subscribes. The thread ends with the process.
    pub(super) fn open(deployment: &Deployment) -> Result<Self> {
        let mut connection = deployment.redis_connection()?;
        let (heard, ear) = sync_channel(PUSHES_MAX);
        let (ready, is_ready) = sync_channel(1);
        thread::spawn(move || -> Result<()> {
            let mut subscription = connection.as_pubsub();
            subscription.subscribe(protocol::name::topic_channel(protocol::numbers::TOPIC))?;
            ready.send(())?;
            loop {
                let message = subscription.get_message()?;
                let at_ns = clock::now_ns();
                for _ in protocol::line::split(message.get_payload_bytes()) {
                    heard.send(at_ns)?;
                }
            }
        });
        is_ready.recv().context("the bench could not subscribe to the topic")?;
        Ok(Self(ear))
    }

    /// When the next push came.
    pub(super) fn next_ns(&self) -> Result<u64> {
        self.0.recv_timeout(PATIENCE).context("a change was not pushed")
    }

    /// Drops the pushes that came so far; how many they were.
    pub(super) fn forget(&self) -> usize {
        self.0.try_iter().count()
    }
}

/// Hears the listings on a websocket.
pub(super) struct SocketEar(Blocking);

impl SocketEar {
    pub(super) fn open(node: SocketAddr) -> Result<Self> {
        Ok(Self(Blocking::connect(node, PATH, PATIENCE)?))
    }

    /// Asks for the listing until it holds `users`, and returns it.
    pub(super) fn wait_until_complete(&mut self, users: usize) -> Result<Vec<u8>> {
        let end_ns = clock::now_ns() + 4 * PATIENCE.as_nanos() as u64;
        loop {
            let listing = self.ask()?;
            let seen = memmem::find_iter(&listing, b"\"UserName\":").count();
            if seen == users {
                // What else was pushed while the users came must not be taken for a change.
                clock::sleep(Duration::from_millis(1_500));
                return Ok(listing.to_vec());
            }
            ensure!(clock::now_ns() < end_ns, "the listing has {seen} users instead of {users}");
            clock::sleep(Duration::from_millis(50));
        }
    }

    /// Asks for the listing, and reads past the ones that are pushed meanwhile until the answer comes. Not to read them
    /// would be to read too slowly.
    fn ask(&mut self) -> Result<Bytes> {
        self.0.send("{\"Cmd\":2,\"id\":\"whole\"}")?;
        loop {
            let listing = self.0.receive()?;
            if memmem::find(&listing[..listing.len().min(64)], b"\"id\":\"whole\"").is_some() {
                return Ok(listing);
            }
        }
    }

    /// When the listing came that has `number` in it.
    pub(super) fn wait_for(&mut self, number: i64) -> Result<u64> {
        let sought = format!("\"FavoriteNumber\":{number}}}");
        loop {
            let listing = self.0.receive()?;
            let at_ns = clock::now_ns();
            if memmem::find(&listing, sought.as_bytes()).is_some() {
                return Ok(at_ns);
            }
        }
    }
}
