//! The options of a worker.

use broker::Address;
use protocol::WorkerId;

use crate::services::{self, Start};

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
