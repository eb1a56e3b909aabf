//! The task that keeps the listing: it answers readers, publishes, and starts anew after every trouble.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Request;
use super::waiting::Waiting;
use crate::cause::Causes;
use crate::numbers::body::{Bodies, Listed};
use crate::numbers::feed::Feed;
use crate::numbers::lease::Lease;
use crate::numbers::listing::Listing;
use crate::numbers::mirror::Mirror;
use crate::numbers::publisher::Publisher;
use crate::numbers::trouble::Trouble;
use crate::service::Context;

/// How often the lease is taken or renewed.
const LEASE_EVERY: Duration = Duration::from_millis(500);
/// Dirty users after which they are read back although nobody asks: it bounds memory, also when names come
/// and go.
const DIRTY_MAX: usize = 8_192;
/// The pause before everything is read again after something failed, at first; it doubles.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The pause at last.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How far complaints are apart.
const COMPLAINTS_APART: Duration = Duration::from_secs(60);

pub(super) struct Task {
    mirror: Mirror,
    publisher: Publisher,
    bodies: Bodies,
    requests: mpsc::Receiver<Request>,
    /// Readers that could not be answered when they asked.
    waiting: Waiting,
    lease_at: Instant,
    is_leaving: bool,
    quiet_until: Instant,
    pause: Duration,
}

impl Task {
    pub(super) fn new(
        feed: Feed,
        listing: Arc<Mutex<Listing>>,
        context: &Context,
        requests: mpsc::Receiver<Request>,
    ) -> Self {
        Self {
            mirror: Mirror::new(feed, listing),
            publisher: Publisher::new(Lease::new(&context.worker)),
            bodies: Bodies::new(context.store.clone()),
            requests,
            waiting: Waiting::default(),
            lease_at: Instant::now(),
            is_leaving: false,
            quiet_until: Instant::now(),
            pause: PAUSE_MIN,
        }
    }

    /// Until `stop`. After every trouble all is read again.
    pub(super) async fn run(mut self, stop: CancellationToken) {
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
        // Nodes may have missed what was published, too.
        self.publisher.begin();
        self.lease_at = Instant::now();
        loop {
            let step = if self.waiting.is_empty() { self.step().await } else { self.read().await };
            match step {
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

    /// Answers all who ask now. Whoever comes later may not share this reading, and waits for the next.
    async fn answer(&mut self, first: Request) -> Result<(), Trouble> {
        let mut leaving = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Read(reader) => self.waiting.add(reader),
                Request::Leave(done) => leaving.push(done),
            }
            next = self.requests.try_recv().ok();
        }
        let mut outcome = Ok(());
        if !self.waiting.is_empty() {
            outcome = self.read().await;
        }
        if !leaving.is_empty() {
            let left = self.leave().await;
            outcome = outcome.and(left);
            leaving.into_iter().for_each(|done| _ = done.send(()));
        }
        outcome
    }

    /// Answers all who wait. If everything has to be read again they wait for that.
    async fn read(&mut self) -> Result<(), Trouble> {
        let listed = self.listed().await;
        match &listed {
            Ok(listed) => self.waiting.answer(&Ok(Arc::clone(listed))),
            Err(trouble) if trouble.leaves_mirror_intact() => self.waiting.answer(&Err(trouble.told())),
            Err(_) => {}
        }
        listed.map(|_| ())
    }

    async fn listed(&mut self) -> Result<Arc<Listed>, Trouble> {
        let version = self.mirror.refresh().await?;
        self.bodies.listed(&self.mirror.listing, version).await
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

    /// Waits for Redis, or a while if it is there. Who has waited long enough is told what is wrong.
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
            tokio::select! {
                () = &mut over => return,
                () = self.waiting.over() => self.waiting.answer(&Err(trouble.told())),
                request = self.requests.recv() => match request {
                    Some(Request::Read(reader)) => self.waiting.add(reader),
                    Some(Request::Leave(done)) => {
                        self.is_leaving = true;
                        let _ = done.send(());
                    }
                    None => return over.await,
                }
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
