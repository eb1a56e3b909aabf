//! The one task that keeps the listing: it alone reads, so readers share what is read, and publishes in between.

use std::sync::Arc;
use std::time::Duration;

use broker::{Store, Subscriber};
use parking_lot::Mutex;
use protocol::RequestError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::body::{Bodies, Listed};
use super::feed::Feed;
use super::lease::Lease;
use super::listing::Listing;
use super::mirror::Mirror;
use super::publisher::Publisher;
use super::trouble::Trouble;
use crate::cause::Causes;
use crate::service::Context;

/// How often the lease is taken or renewed.
const LEASE_EVERY: Duration = Duration::from_millis(500);
/// Readers that wait for a task that is busy: each is a lane with a batch.
const READERS_MAX: usize = 4 * crate::limit::LANES;
/// Dirty users after which they are read back although nobody asks: it bounds memory, also when names come and go.
const DIRTY_MAX: usize = 8_192;
/// The pause before everything is read again after something failed, at first; it doubles.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The pause at last.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How far complaints are apart.
const COMPLAINTS_APART: Duration = Duration::from_secs(60);

/// Asks the keeper.
pub(super) struct Keeper {
    requests: mpsc::Sender<Request>,
}

enum Request {
    /// For the listing as it is after now.
    Read(oneshot::Sender<Result<Arc<Listed>, RequestError>>),
    /// To publish what is pending and to give the lease back.
    Leave(oneshot::Sender<()>),
}

impl Keeper {
    /// Starts the task.
    pub(super) fn start(context: &Context, listing: Arc<Mutex<Listing>>) -> Self {
        let (subscriber, received) = Subscriber::start(context.address.clone(), &context.tasks);
        let feed = Feed::new(subscriber, received, context.address.db());
        let (sender, requests) = mpsc::channel(READERS_MAX);
        let task = Task::new(feed, listing, Lease::new(&context.worker), context.store.clone(), requests);
        context.tasks.tracker.spawn(task.run(context.tasks.stop.clone()));
        Self { requests: sender }
    }

    /// The listing with every change that was made before this was called.
    pub(super) async fn read(&self) -> Result<Arc<Listed>, RequestError> {
        let (sender, listed) = oneshot::channel();
        // A task that has ended has dropped the sender.
        let _ = self.requests.send(Request::Read(sender)).await;
        listed.await.unwrap_or_else(|_| Err(RequestError::unavailable()))
    }

    /// Publishes what is pending, and gives the lease back.
    pub(super) async fn leave(&self) {
        let (sender, left) = oneshot::channel();
        let _ = self.requests.send(Request::Leave(sender)).await;
        let _ = left.await;
    }
}

struct Task {
    mirror: Mirror,
    publisher: Publisher,
    bodies: Bodies,
    requests: mpsc::Receiver<Request>,
    lease_at: Instant,
    is_leaving: bool,
    quiet_until: Instant,
    pause: Duration,
}

impl Task {
    fn new(
        feed: Feed,
        listing: Arc<Mutex<Listing>>,
        lease: Lease,
        store: Store,
        requests: mpsc::Receiver<Request>,
    ) -> Self {
        Self {
            mirror: Mirror::new(feed, listing),
            publisher: Publisher::new(lease),
            bodies: Bodies::new(store),
            requests,
            lease_at: Instant::now(),
            is_leaving: false,
            quiet_until: Instant::now(),
            pause: PAUSE_MIN,
        }
    }

    /// Until `stop`. After every trouble all is read again.
    async fn run(mut self, stop: CancellationToken) {
        let work = async {
            loop {
                let trouble = self.serve().await;
                self.complain(&trouble);
                self.wait(&trouble).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = work => {}
        }
    }

    /// Until something goes wrong.
    async fn serve(&mut self) -> Trouble {
        if let Err(trouble) = self.mirror.load().await {
            return trouble;
        }
        self.lease_at = Instant::now();
        loop {
            match self.step().await {
                Ok(()) => {}
                Err(trouble) if trouble.leaves_mirror_intact() => self.complain(&trouble),
                Err(trouble) => return trouble,
            }
        }
    }

    async fn step(&mut self) -> Result<(), Trouble> {
        let ready = self.bodies.ready_at();
        let due = self.publisher.due(&self.mirror).map(|due| due.max(ready));
        tokio::select! {
            request = next(&mut self.requests, ready) => self.answer(request).await,
            () = sleep_until(self.lease_at), if !self.is_leaving => self.take_lease().await,
            () = sleep_until(due.unwrap_or(ready)), if due.is_some() => self.publish().await,
            changed = self.mirror.feed.changed() => {
                changed?;
                if self.mirror.feed.take_lease_is_free() {
                    self.lease_at = Instant::now();
                }
                if self.mirror.feed.dirty() > DIRTY_MAX {
                    self.mirror.refresh().await?;
                }
                Ok(())
            }
        }
    }

    /// Answers all who wait. Whoever comes later may not share this reading, and waits for the next.
    async fn answer(&mut self, first: Request) -> Result<(), Trouble> {
        let mut readers = Vec::new();
        let mut leaving = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Read(reader) => readers.push(reader),
                Request::Leave(done) => leaving.push(done),
            }
            next = self.requests.try_recv().ok();
        }
        let mut outcome = Ok(());
        if !readers.is_empty() {
            outcome = self.read(readers).await;
        }
        if !leaving.is_empty() {
            let left = self.leave().await;
            outcome = outcome.and(left);
            leaving.into_iter().for_each(|done| _ = done.send(()));
        }
        outcome
    }

    async fn read(
        &mut self,
        readers: Vec<oneshot::Sender<Result<Arc<Listed>, RequestError>>>,
    ) -> Result<(), Trouble> {
        let listed = match self.mirror.refresh().await {
            Ok(version) => self.bodies.listed(&self.mirror.listing, version).await,
            Err(trouble) => Err(trouble),
        };
        for reader in readers {
            // Whoever asked may have gone.
            let _ = reader.send(listed.as_ref().map(Arc::clone).map_err(Trouble::told));
        }
        listed.map(|_| ())
    }

    async fn leave(&mut self) -> Result<(), Trouble> {
        self.is_leaving = true;
        if self.publisher.lease.is_held() {
            self.publish().await?;
            self.publisher.lease.release(&mut self.mirror.feed.connection()?).await?;
            self.follow_lease();
        }
        Ok(())
    }

    async fn publish(&mut self) -> Result<(), Trouble> {
        let published = self.publisher.round(&mut self.mirror, &mut self.bodies).await;
        self.follow_lease();
        published
    }

    async fn take_lease(&mut self) -> Result<(), Trouble> {
        self.lease_at = Instant::now() + LEASE_EVERY;
        let standing = self.publisher.lease.take(&mut self.mirror.feed.connection()?).await?;
        self.pause = PAUSE_MIN;
        self.mirror.newest = self.mirror.newest.max(standing.version);
        self.follow_lease();
        if standing.newly_held {
            log::info!("this worker publishes the listing from now on");
            self.mirror.users_unchecked = true;
            self.publisher.begin();
        }
        if self.mirror.is_of(&standing.epoch) { Ok(()) } else { self.mirror.load().await }
    }

    fn follow_lease(&mut self) {
        self.mirror.keeps_users = self.publisher.lease.is_held();
    }

    /// Waits for Redis, or a while if it is there. Who asks meanwhile is told what is wrong.
    async fn wait(&mut self, trouble: &Trouble) {
        let pause = self.pause;
        self.pause = (2 * pause).min(PAUSE_MAX);
        let feed = &self.mirror.feed;
        let over = async {
            sleep(pause).await;
            feed.connected().await;
        };
        tokio::pin!(over);
        loop {
            let request = tokio::select! {
                () = &mut over => return,
                request = self.requests.recv() => request,
            };
            match request {
                Some(Request::Read(reader)) => _ = reader.send(Err(trouble.told())),
                Some(Request::Leave(done)) => {
                    self.is_leaving = true;
                    let _ = done.send(());
                }
                None => over.as_mut().await,
            }
        }
    }

    /// Says what goes wrong, once a minute. That Redis is out of reach is said by the link.
    fn complain(&mut self, trouble: &Trouble) {
        let now = Instant::now();
        if !matches!(trouble, Trouble::Lost) && self.quiet_until <= now {
            log::warn!(error:% = Causes(trouble); "the listing cannot be read or published: trying again for ever");
            self.quiet_until = now + COMPLAINTS_APART;
        }
    }
}

/// The next request, when it can be answered.
async fn next(requests: &mut mpsc::Receiver<Request>, ready: Instant) -> Request {
    sleep_until(ready).await;
    match requests.recv().await {
        Some(request) => request,
        // The service is gone, the process ends.
        None => std::future::pending().await,
    }
}
