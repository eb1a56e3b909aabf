//! A run: from the options to the report.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{interval, sleep};

use crate::config::Config;
use crate::crew::{self, Crew, CrewError, Lookout};
use crate::link::Http;
use crate::report::{Frame, Report};
use crate::verdict::Verdict;
use crate::view::View;
use crate::world::World;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The monkeys cannot go on.
    #[error(transparent)]
    Crew(#[from] CrewError),
    /// This process cannot hear signals.
    #[error("signals cannot be heard: {0}")]
    Signal(#[from] std::io::Error),
}

/// The names of a run, which its children get from their parent.
#[derive(Debug, Clone)]
struct Names {
    seed: u64,
    run: String,
    prefix: String,
}

impl Names {
    fn new(config: &Config) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let unique = || format!("{:x}{:04x}", now.as_millis(), rand::random::<u16>());
        let run = config.run.clone().unwrap_or_else(unique);
        let prefix = config.prefix.clone().unwrap_or_else(|| format!("monkeys-{run}"));
        Self { seed: config.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())), run, prefix }
    }

    fn world(&self, config: &Config) -> World {
        World::new(config.clone(), self.seed, self.run.clone(), &self.prefix)
    }
}

/// The share of a child: see [`child`](crate::child).
pub async fn obey(config: Config) {
    crate::child::obey(Names::new(&config).world(&config)).await;
}

/// Lets the monkeys loose and says what became of everything.
///
/// # Errors
/// [`RunError`] if there is nothing to report.
pub async fn run(config: Config) -> Result<Report, RunError> {
    let names = Names::new(&config);
    let world = Arc::new(names.world(&config));
    let processes = crew::processes(&config);
    let children = match processes {
        1 => Vec::new(),
        _ => crew::apart(processes, names.seed, &names.run, &names.prefix)?,
    };
    let lookout = match processes {
        1 => Lookout::Here(Arc::clone(&world)),
        _ => Lookout::Apart(children.iter().map(|child| Arc::clone(&child.progress)).collect()),
    };
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let enough = async {
        tokio::select! {
            () = sleep(config.lasting) => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };

    let mut view = View::new(config.plain, config.lasting);
    let gather = Crew::gather(Arc::clone(&world), children);
    let mut crew = watched(&mut view, "gathering", &lookout, gather).await?;
    let start = Instant::now();
    watched(&mut view, "chaos", &lookout, crew.chaos(enough)).await?;
    let (chaos, acknowledged) = (start.elapsed(), lookout.look().counted.acknowledged);
    let calm = Instant::now();
    watched(&mut view, "delivering", &lookout, crew.calm()).await?;
    let testimony = watched(&mut view, "comparing", &lookout, crew.verify()).await?;
    view.end();
    let frame = Frame {
        seed: names.seed,
        run: names.run,
        processes,
        chaos_s: chaos.as_secs_f64(),
        settle_s: calm.elapsed().as_secs_f64(),
        acknowledged,
    };
    let report = Report::new(&config, frame, testimony);
    if report.verdict == Verdict::Converged && !config.keep {
        delete(&world).await;
    }
    Ok(report)
}

/// Shows how everyone is doing while something goes on.
async fn watched<T>(
    view: &mut View,
    stage: &'static str,
    lookout: &Lookout,
    what: impl Future<Output = T>,
) -> T {
    let mut pace = interval(view.pace());
    let mut what = std::pin::pin!(what);
    loop {
        tokio::select! {
            done = &mut what => return done,
            _ = pace.tick() => view.show(stage, &lookout.look()),
        }
    }
}

/// Deletes the sets. If that fails they stay, which harms nobody.
async fn delete(world: &World) {
    let mut http = Http::default();
    let (target, source) = (world.target(0), world.source(0));
    for board in &world.sets {
        if !http.is_open() && http.open(target, &source, &world.tracker).await.is_err() {
            return;
        }
        let path = format!("/sets/{}", board.id);
        let _ = http.request(target, hyper::Method::DELETE, &path, None).await;
    }
}
