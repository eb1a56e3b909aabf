//! What handles the messages of one service.

use broker::{Address, Store, Tasks};
use futures_util::future::BoxFuture;
use protocol::{Answer, Event, WorkerId};

/// What handles the messages of one service. It answers with data and never touches a connection, so it is
/// tested without sockets.
pub trait Service: Send + Sync + 'static {
    /// The name, as it stands in events and in `/ws/<service>`.
    fn name(&self) -> &'static str;

    /// Prefixes of HTTP paths that nodes are to relay to this service; they match whole segments.
    fn paths(&self) -> Vec<String>;

    /// The largest body of an HTTP request that the service takes, bytes, if that is more than nodes relay to every service.
    fn body_bytes_max(&self) -> Option<usize> {
        None
    }

    /// Handles events that came together, in the order in which they came, and returns one outcome for each,
    /// in the same order. An answer that tells of a change is given after Redis has it.
    ///
    /// Those of one connection are all in the same batch or in a later one, which does not begin before this
    /// one is answered; other batches may be handled meanwhile. If it panics, every event of the batch is
    /// answered with `internal`.
    fn handle<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Vec<Outcome>>;

    /// The worker is about to leave: answers that wait ([`Outcome::Later`]) should be given now.
    fn leave(&self) {}

    /// Called last, after the last event was answered. Then the worker ends.
    fn drain(&self) -> BoxFuture<'_, ()>;
}

/// What became of an event.
pub enum Outcome {
    /// Its answer.
    Now(Answer),
    /// The answer to an event that waits for something to happen, like an HTTP request that polls. The lane
    /// goes on meanwhile, so it must not matter that later events of the same connection are answered before.
    Later(BoxFuture<'static, Answer>),
}

/// What a service is started with.
#[derive(Clone)]
pub struct Context {
    /// Where Redis is, for services that need a connection of their own.
    pub address: Address,
    /// Where a service starts what runs beside its handlers.
    pub tasks: Tasks,
    /// The data store.
    pub store: Store,
    /// The worker that the service runs in.
    pub worker: WorkerId,
}
