//! All monkeys, whether they are in this process or in several.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::config::Config;
use crate::link::Failure;
use crate::monkey;
use crate::part::{Child, ChildError, Order, Said, sockets_max};
use crate::share::Share;
use crate::troop::{Progress, Testimony, Troop};
use crate::world::World;

/// All monkeys.
#[derive(Debug)]
pub enum Crew {
    /// In this process.
    Here(Troop),
    /// In several.
    Apart(Vec<Child>),
}

/// Where to look how they are doing.
#[derive(Debug, Clone)]
pub enum Lookout {
    /// At those of this process.
    Here(Arc<World>),
    /// At those of several.
    Apart(Vec<Arc<Mutex<Progress>>>),
}

/// Why the monkeys cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CrewError {
    /// The service does not answer.
    #[error("the sets could not be made: {0}")]
    Service(#[from] Failure),
    /// A process with a share of them.
    #[error(transparent)]
    Child(#[from] ChildError),
}

/// The processes that monkeys of these options need.
#[must_use]
pub fn processes(config: &Config) -> usize {
    let needed = (monkey::sockets(config) as u64).div_ceil(sockets_max());
    config.processes.unwrap_or(usize::try_from(needed).unwrap_or(usize::MAX)).max(1)
}

/// Starts the processes of a crew.
///
/// # Errors
/// A process cannot be started.
pub fn apart(processes: usize, seed: u64, run: &str, prefix: &str) -> Result<Vec<Child>, CrewError> {
    let start = |part| {
        let share = Share { part, of: processes }.to_string();
        let options = ["--share", &share, "--seed", &seed.to_string(), "--run", run, "--prefix", prefix]
            .map(str::to_owned);
        Ok(Child::start(&options)?)
    };
    (0..processes).map(start).collect()
}

impl Lookout {
    /// How everyone is doing.
    #[must_use]
    pub fn look(&self) -> Progress {
        match self {
            Self::Here(world) => Progress::of(world),
            Self::Apart(children) => {
                let mut all = Progress::default();
                for child in children {
                    let mut child = child.lock();
                    all.add(&child);
                    child.timed = Default::default();
                }
                all
            }
        }
    }
}

impl Crew {
    /// Lets everyone arrive.
    ///
    /// # Errors
    /// The service does not answer, or a process failed.
    pub async fn gather(world: Arc<World>, children: Vec<Child>) -> Result<Self, CrewError> {
        if children.is_empty() {
            return Ok(Self::Here(Troop::gather(world).await?));
        }
        let mut crew = children;
        for child in &mut crew {
            expect(child, |said| matches!(said, Said::Gathered).then_some(())).await?;
        }
        Ok(Self::Apart(crew))
    }

    /// Lets everyone do what they do until it is enough.
    ///
    /// # Errors
    /// A process failed.
    pub async fn chaos(&mut self, enough: impl Future<Output = ()>) -> Result<(), CrewError> {
        match self {
            Self::Here(troop) => troop.chaos(enough).await,
            Self::Apart(children) => {
                order(children, Order::Chaos).await?;
                enough.await;
            }
        }
        Ok(())
    }

    /// Ends the chaos and waits until everything is delivered.
    ///
    /// # Errors
    /// A process failed.
    pub async fn calm(&mut self) -> Result<(), CrewError> {
        match self {
            Self::Here(troop) => troop.calm().await,
            Self::Apart(children) => {
                order(children, Order::Enough).await?;
                for child in children {
                    expect(child, |said| matches!(said, Said::Calmed).then_some(())).await?;
                }
            }
        }
        Ok(())
    }

    /// What is so at the end.
    ///
    /// # Errors
    /// A process failed.
    pub async fn verify(self) -> Result<Testimony, CrewError> {
        match self {
            Self::Here(troop) => Ok(troop.verify().await),
            Self::Apart(mut children) => {
                order(&mut children, Order::Verify).await?;
                let mut all = Testimony::default();
                for child in &mut children {
                    let one = expect(child, |said| match said {
                        Said::Testimony(testimony) => Some(*testimony),
                        _ => None,
                    });
                    all.add(one.await?);
                }
                Ok(all)
            }
        }
    }
}

async fn order(children: &mut [Child], order: Order) -> Result<(), CrewError> {
    for child in children {
        child.order(order).await?;
    }
    Ok(())
}

async fn expect<T>(child: &mut Child, wanted: impl Fn(Said) -> Option<T>) -> Result<T, CrewError> {
    let said = child.hear().await?;
    wanted(said).ok_or_else(|| ChildError::Failed("it spoke out of turn".to_owned()).into())
}
