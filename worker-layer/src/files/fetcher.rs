//! Fetching lists, when they are due: a few at a time, each address by one worker.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use broker::Tasks;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use super::difference::Difference;
use super::fetch::{Fetched, fetch};
use super::limit::{AGAIN_MAX_MS, AGAIN_MIN_MS, FETCHES_MAX, FETCHES_PER_HOST_MAX};
use super::option::Options;
use super::pieces::cut;
use super::records::{Again, Answered, Candidate, End, Found, Records, Taken};
use super::trouble::{Log, Trouble};

/// The pause when Redis failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Fetches what is due.
pub(super) struct Fetcher {
    work: Arc<Work>,
    /// Woken when something has become due at this worker. What others made due is seen within a second.
    due: Arc<Notify>,
    running: JoinSet<IpAddr>,
    /// The hosts that are being asked.
    hosts: Vec<IpAddr>,
}

/// What every fetch needs.
struct Work {
    records: Arc<Records>,
    options: Options,
    tracker: TaskTracker,
    log: Log,
}

impl Fetcher {
    /// Starts the task; to be woken when something has become due.
    pub(super) fn start(records: &Arc<Records>, options: &Options, tasks: &Tasks) -> Arc<Notify> {
        let due = Arc::new(Notify::new());
        let work = Work {
            records: Arc::clone(records),
            options: options.clone(),
            tracker: tasks.tracker.clone(),
            log: Log::default(),
        };
        let fetcher =
            Self { work: Arc::new(work), due: Arc::clone(&due), running: JoinSet::new(), hosts: Vec::new() };
        let stop = tasks.stop.clone();
        tasks.tracker.spawn(async move { stop.run_until_cancelled(fetcher.run()).await });
        due
    }

    async fn run(mut self) {
        self.work.records.connected().await;
        loop {
            let wait = match self.take().await {
                Ok(wait_ms) => Duration::from_millis(wait_ms),
                Err(trouble) => {
                    self.work.log.line(&trouble, "nobody knows which lists of watchers are due");
                    self.work.records.connected().await;
                    PAUSE
                }
            };
            tokio::select! {
                () = self.due.notified() => {}
                () = tokio::time::sleep(wait) => {}
                Some(ended) = self.running.join_next() => self.end(ended.ok()),
            }
        }
    }

    /// Begins what is due and has room; in how many milliseconds to look again.
    async fn take(&mut self) -> Result<u64, Trouble> {
        let room = FETCHES_MAX - self.running.len().min(FETCHES_MAX);
        if room == 0 {
            // Whichever ends first wakes this.
            return Ok(1_000);
        }
        let asked = |ip: &IpAddr| self.hosts.iter().filter(|host| *host == ip).count();
        let busy: Vec<IpAddr> =
            self.hosts.iter().filter(|ip| asked(ip) >= FETCHES_PER_HOST_MAX).copied().collect();
        let (wait_ms, taken) = self.work.records.take(room, &busy).await?;
        for taken in taken {
            let (work, ip) = (Arc::clone(&self.work), taken.address.ip());
            self.hosts.push(ip);
            self.running.spawn(async move {
                work.fetch(&taken).await;
                ip
            });
        }
        Ok(wait_ms)
    }

    fn end(&mut self, ip: Option<IpAddr>) {
        match ip.and_then(|ip| self.hosts.iter().position(|host| *host == ip)) {
            Some(place) => _ = self.hosts.swap_remove(place),
            // One panicked, and which is not known: at worst a host is asked once too often.
            None => self.hosts.clear(),
        }
    }
}

impl Work {
    async fn fetch(&self, taken: &Taken) {
        let fetched = fetch(taken.address, &self.options, &self.tracker).await;
        let settled = match fetched {
            Ok(fetched) => self.take_in(taken, fetched).await,
            Err(error) => {
                log::debug!(address:% = taken.address, error:% = error; "the list of a watcher could not be fetched");
                let (why, is_deserted) = (error.to_string(), error.is_deserted());
                self.settle(taken, End::Failed { why: &why, is_deserted }).await
            }
        };
        if let Err(trouble) = settled {
            // The address is free again when its lease is over.
            self.log.line(&trouble, "the list of a watcher could not be applied");
        }
    }

    /// Applies a list.
    async fn take_in(&self, taken: &Taken, fetched: Fetched) -> Result<(), Trouble> {
        let Fetched { instance, files, seqno } = fetched;
        let candidate = taken.candidates.iter().find(|candidate| candidate.instance == instance);
        let (candidate, number) = match (self.records.found(taken, &instance).await?, candidate) {
            (Found::Known(number), Some(candidate)) => (candidate, number),
            (Found::New, _) | (Found::Known(_), None) => {
                // How far it was when it was asked is not known: it is asked again.
                let candidate = Candidate::unknown(instance);
                let answered = Answered { taken, candidate: &candidate, seqno: 0 };
                return self.settle(taken, End::Outdated(&answered)).await;
            }
            (Found::Stranger, _) => {
                let why = format!("another watcher answers there: {instance}");
                return self.settle(taken, End::Failed { why: &why, is_deserted: false }).await;
            }
        };
        let answered = Answered { taken, candidate, seqno };
        let mut difference = Difference::new(files, seqno, answered.is_step_back());
        let mut from = 0;
        loop {
            let (next, names) = self.records.names(number, from).await?;
            for (name, listed) in names {
                difference.listed(name, listed);
            }
            from = next;
            if from == 0 {
                break;
            }
        }
        let end = self.merge(&answered, difference).await?;
        self.settle(taken, end).await
    }

    async fn merge<'a>(
        &self,
        answered: &'a Answered<'a>,
        difference: Difference,
    ) -> Result<End<'a>, Trouble> {
        let found = difference.into_found();
        for piece in cut(&found, |(_, name)| name) {
            let piece: Vec<_> = piece.iter().map(|(sign, name)| (*sign, &**name)).collect();
            match self.records.merge(answered, &piece).await? {
                Some(true) => {}
                Some(false) => return Ok(End::Outdated(answered)),
                None => return Ok(End::Refused(answered, "it has more files than can be listed")),
            }
        }
        Ok(End::Applied(answered))
    }

    async fn settle(&self, taken: &Taken, end: End<'_>) -> Result<(), Trouble> {
        // Not all at the same time: from half to one and a half of the time.
        let jitter = |ms: u64| if ms == 0 { 0 } else { ms / 2 + rand::random_range(0..=ms) };
        let again = Again {
            check_ms: jitter(self.options.check_ms),
            first_ms: jitter(AGAIN_MIN_MS),
            last_ms: AGAIN_MAX_MS,
        };
        self.records.settle(taken, end, &again).await
    }
}
