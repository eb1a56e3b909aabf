//! Which workers there are, and which of them an event goes to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::quality::FixedState;
use parking_lot::{Mutex, RwLock};

use protocol::{Announced, Announcement, WorkerId, limit, name};

/// The workers that announced themselves. Reading is one lock that is hardly ever contended: what events need is kept
/// ready as a [`View`] and replaced whole when a worker comes or goes.
#[derive(Default)]
pub(crate) struct Registry {
    workers: Mutex<HashMap<WorkerId, Entry>>,
    view: RwLock<Arc<View>>,
}

struct Entry {
    services: BTreeMap<String, Announced>,
    heard: Instant,
    /// It takes new events: it is not draining, and a PUBLISH to its inbox reached it.
    serving: bool,
    /// It said that it leaves.
    draining: bool,
}

/// The workers that take events now.
#[derive(Default)]
pub(crate) struct View {
    /// Changes with each view, so that a connection sees with one comparison that its choice still stands.
    pub(crate) version: u64,
    services: HashMap<Arc<str>, Vec<Worker>>,
    /// HTTP prefixes with their service, the longest first.
    paths: Vec<(String, Arc<str>)>,
    /// The largest bodies of requests that services take, bytes, of those that announced a bound.
    bodies: HashMap<Arc<str>, usize>,
    /// Every service that was ever announced to this node.
    known: HashSet<Arc<str>>,
    /// Every worker that was heard of lately, also those that take no events.
    present: HashSet<WorkerId>,
}

/// A worker that takes events.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    /// The name of its inbox channel.
    pub(crate) inbox: Arc<str>,
}

impl View {
    /// Chooses by rendezvous hashing (Thaler and Ravishankar, 1998): each worker gets a score for this key, the highest
    /// wins. So when a worker comes or goes only its own share of the keys moves.
    pub(crate) fn choose(&self, service: &str, key: impl Hash) -> Option<&Worker> {
        let hasher = FixedState::with_seed(0);
        let workers = self.services.get(service)?;
        workers.iter().max_by_key(|worker| hasher.hash_one((&key, &worker.id)))
    }

    pub(crate) fn is_serving(&self, service: &str, worker: &WorkerId) -> bool {
        self.services.get(service).is_some_and(|workers| workers.iter().any(|one| one.id == *worker))
    }

    /// Whether the worker may still handle what it was sent: it has not been silent for so long that it refuses it.
    pub(crate) fn counts_on(&self, worker: &WorkerId) -> bool {
        self.present.contains(worker)
    }

    /// The service that answers an HTTP path: a prefix matches whole segments.
    pub(crate) fn service_of(&self, path: &str) -> Option<&Arc<str>> {
        let covers = |prefix: &str| {
            path.strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
        };
        self.paths.iter().find(|(prefix, _)| covers(prefix)).map(|(_, service)| service)
    }

    /// The largest body of a request that the service takes, bytes, if it announced a bound.
    pub(crate) fn body_bytes_max(&self, service: &str) -> Option<usize> {
        self.bodies.get(service).copied()
    }

    /// The service of this name, if some worker ever announced it.
    pub(crate) fn known(&self, service: &str) -> Option<&Arc<str>> {
        self.known.get(service)
    }

    /// The services that some worker handles now, sorted.
    pub(crate) fn serving(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = self.services.keys().cloned().collect();
        names.sort();
        names
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.known.is_empty()
    }
}

impl Registry {
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.read().clone()
    }

    /// Takes in an announcement. Says whether the view changed.
    pub(crate) fn hear(&self, announcement: Announcement, now: Instant) -> bool {
        let Announcement { worker, services, draining } = announcement;
        let entry = Entry { services, heard: now, serving: !draining, draining };
        let mut workers = self.workers.lock();
        let elder = workers.get(&worker);
        let changed = elder.is_none_or(|it| it.serving != entry.serving || it.services != entry.services);
        if elder.is_none() {
            log::info!(worker:% = worker; "worker announced itself");
        } else if draining && elder.is_some_and(|it| it.serving) {
            log::info!(worker:% = worker; "worker is draining");
        }
        workers.insert(worker, entry);
        if changed {
            self.renew(&workers);
        }
        changed
    }

    /// A PUBLISH reached nobody: the worker gets nothing more until it announces itself again.
    pub(crate) fn unreachable(&self, worker: &WorkerId) {
        let mut workers = self.workers.lock();
        if let Some(entry) = workers.get_mut(worker).filter(|entry| entry.serving) {
            log::warn!(worker:%; "worker cannot be reached any more, others take over");
            entry.serving = false;
            self.renew(&workers);
        }
    }

    /// What was said meanwhile could not be heard: a worker is silent only from now on.
    pub(crate) fn was_deaf(&self, now: Instant) {
        for entry in self.workers.lock().values_mut() {
            entry.heard = entry.heard.max(now);
        }
    }

    /// Forgets the workers that have been silent for too long and returns them.
    pub(crate) fn forget_silent(&self, now: Instant) -> Vec<WorkerId> {
        let silence = Duration::from_millis(limit::WORKER_SILENCE_MS);
        let mut workers = self.workers.lock();
        let silent: Vec<WorkerId> = workers
            .iter()
            .filter(|(_, entry)| now.duration_since(entry.heard) > silence)
            .map(|(worker, _)| worker.clone())
            .collect();
        for worker in &silent {
            let level = match workers.remove(worker) {
                Some(Entry { draining: true, .. }) => log::Level::Debug,
                _ => log::Level::Warn,
            };
            log::log!(level, worker:%; "worker has been silent for {} ms and is forgotten", limit::WORKER_SILENCE_MS);
        }
        if !silent.is_empty() {
            self.renew(&workers);
        }
        silent
    }

    fn renew(&self, workers: &HashMap<WorkerId, Entry>) {
        let elder = self.view();
        let (known, bodies) = (elder.known.clone(), elder.bodies.clone());
        let mut view = View { version: elder.version + 1, known, bodies, ..View::default() };
        let mut paths = elder.paths.clone();
        for (id, entry) in workers {
            view.present.insert(id.clone());
            for (service, announced) in &entry.services {
                let service =
                    view.known.get(service.as_str()).cloned().unwrap_or_else(|| Arc::from(service.as_str()));
                view.known.insert(service.clone());
                view.bodies.extend(announced.body_bytes_max.map(|bytes| (service.clone(), bytes)));
                for path in &announced.paths {
                    if path.starts_with('/') && !paths.iter().any(|(known, _)| known == path) {
                        paths.push((path.clone(), service.clone()));
                    }
                }
                if entry.serving {
                    let inbox = name::worker_inbox(id).into();
                    view.services.entry(service).or_default().push(Worker { id: id.clone(), inbox });
                }
            }
        }
        paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        view.paths = paths;
        *self.view.write() = Arc::new(view);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(worker: &str, draining: bool) -> Announcement {
        let paths = vec!["/files".to_owned(), "/files/deep".to_owned(), "/hello".to_owned()];
        Announcement {
            worker: worker.parse().unwrap(),
            services: [("files".to_owned(), Announced { paths, body_bytes_max: None })].into(),
            draining,
        }
    }

    fn choices(registry: &Registry) -> Vec<String> {
        let view = registry.view();
        (0..1_000).map(|key| view.choose("files", key).unwrap().id.to_string()).collect()
    }

    #[test]
    fn when_a_worker_leaves_only_its_own_share_moves() {
        let (registry, now) = (Registry::default(), Instant::now());
        for worker in ["a", "b", "c"] {
            registry.hear(announcement(worker, false), now);
        }
        let before = choices(&registry);
        registry.hear(announcement("b", true), now);
        let after = choices(&registry);
        for (before, after) in before.iter().zip(&after) {
            assert!(before == after || before == "b");
            assert_ne!(after, "b");
        }
        for worker in ["a", "b", "c"] {
            let share = before.iter().filter(|chosen| *chosen == worker).count();
            assert!((250..420).contains(&share), "{worker} has {share} of 1000");
        }
    }

    #[test]
    fn a_silent_worker_is_forgotten_after_three_seconds_but_its_service_stays_known() {
        let (registry, now) = (Registry::default(), Instant::now());
        registry.hear(announcement("a", false), now);
        assert!(registry.forget_silent(now + Duration::from_millis(2_900)).is_empty());
        assert_eq!(registry.forget_silent(now + Duration::from_millis(3_100)).len(), 1);
        let view = registry.view();
        assert!(view.choose("files", 1).is_none() && view.known("files").is_some());
        assert!(view.service_of("/files").is_some(), "so that a request gets unavailable and not not_found");
    }

    #[test]
    fn a_worker_that_cannot_be_reached_comes_back_with_its_next_announcement() {
        let (registry, now) = (Registry::default(), Instant::now());
        registry.hear(announcement("a", false), now);
        registry.unreachable(&"a".parse().unwrap());
        assert!(registry.view().choose("files", 1).is_none());
        assert!(registry.hear(announcement("a", false), now));
        assert!(registry.view().choose("files", 1).is_some());
    }

    #[test]
    fn a_prefix_matches_whole_segments() {
        let registry = Registry::default();
        registry.hear(announcement("a", false), Instant::now());
        let view = registry.view();
        for covered in ["/files", "/files/", "/files/x/y", "/hello"] {
            assert!(view.service_of(covered).is_some(), "{covered}");
        }
        for other in ["/", "/filesystem", "/file", "/hello2", ""] {
            assert!(view.service_of(other).is_none(), "{other}");
        }
    }
}
