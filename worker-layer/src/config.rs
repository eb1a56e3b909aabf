//! The options of a worker.

use broker::Address;
use protocol::WorkerId;

use crate::services::{self, Options, Start};

/// The options of a worker. Flags beat the environment.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Where Redis is: redis://, rediss:// or redis+unix://, with user, password and database as needed
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL", value_parser = Address::parse)]
    #[arg(default_value = "redis://127.0.0.1:6379")]
    pub redis: Address,

    /// The services to run, separated by commas
    #[arg(long, env = "SERVICES", value_name = "NAMES", value_delimiter = ',', value_parser = Choice::parse)]
    #[arg(default_values_t = Choice::all())]
    pub services: Vec<Choice>,

    /// The name of this worker: 1 to 64 of a-z A-Z 0-9 - _ . and no other running worker's [default: random]
    #[arg(long, env = "WORKER", value_name = "NAME")]
    pub worker: Option<WorkerId>,

    /// The name of this host: a random name of a worker begins with it. Container engines set it
    #[arg(long, env = "HOSTNAME", hide = true)]
    pub host: Option<String>,

    /// Those of single services
    #[command(flatten)]
    pub options: Options,
}

impl Config {
    /// The name of this worker. A random one is new with each start, so that nodes never take a worker for its
    /// predecessor.
    pub(crate) fn id(&self) -> WorkerId {
        let after_host = || {
            let random = WorkerId::random();
            let (_, unique) = random.as_str().rsplit_once('-')?;
            format!("{}-{unique}", self.host()?).parse().ok()
        };
        self.worker.clone().or_else(after_host).unwrap_or_else(WorkerId::random)
    }

    /// Whether a worker of this name is the one that these options mean: the named one, or one of this host, or any.
    #[must_use]
    pub fn means(&self, worker: &WorkerId) -> bool {
        match (&self.worker, self.host()) {
            (Some(named), _) => worker == named,
            (None, Some(host)) => worker.as_str().rsplit_once('-').is_some_and(|(of, _)| of == host),
            (None, None) => true,
        }
    }

    /// The name of this host, if the name of a worker can begin with it.
    fn host(&self) -> Option<&str> {
        let host = self.host.as_deref()?;
        format!("{host}-{:012}", 0).parse::<WorkerId>().is_ok().then_some(host)
    }
}

/// A service that was chosen.
#[derive(Clone)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// How it is started.
    pub start: Start,
}

/// A service that there is not.
#[derive(Debug, thiserror::Error)]
#[error("there is no service {0:?}: choose among {known}", known = services::names())]
pub struct UnknownService(String);

impl Choice {
    /// Every service.
    #[must_use]
    pub fn all() -> Vec<Self> {
        services::ALL.iter().map(|(name, start)| Self { name: (*name).to_owned(), start: *start }).collect()
    }

    /// Finds a service by its name.
    ///
    /// # Errors
    /// [`UnknownService`] names those that there are.
    pub fn parse(name: &str) -> Result<Self, UnknownService> {
        let start = services::find(name.trim()).ok_or_else(|| UnknownService(name.trim().to_owned()))?;
        Ok(Self { name: name.trim().to_owned(), start })
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl std::fmt::Debug for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(worker: Option<&str>, host: Option<&str>) -> Config {
        Config {
            redis: Address::parse("redis://127.0.0.1").unwrap(),
            services: Choice::all(),
            worker: worker.map(|name| name.parse().unwrap()),
            host: host.map(ToOwned::to_owned),
            options: Options::default(),
        }
    }

    #[test]
    fn a_worker_without_a_name_is_named_after_its_host_and_found_by_that() {
        let (here, there) = (config(None, Some("4f-e1")), config(None, Some("4f")));
        let id = here.id();
        assert!(id.as_str().starts_with("4f-e1-") && here.id() != id);
        assert!(here.means(&id) && !there.means(&id) && config(None, None).means(&id));
        for odd in ["no name: this", &"x".repeat(60)] {
            let config = config(None, Some(odd));
            assert!(config.id().as_str().starts_with("worker-") && config.means(&config.id()));
        }
    }

    #[test]
    fn a_name_that_was_given_is_the_name() {
        let config = config(Some("a"), Some("host"));
        assert_eq!(config.id().as_str(), "a");
        assert!(config.means(&config.id()) && !config.means(&"host-b".parse().unwrap()));
    }
}
