//! When a connection breaks on purpose.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;

/// A cut that became due while nothing was under way comes at most so long after the next request began, to break it halfway.
const HALFWAY_MAX: Duration = Duration::from_millis(10);

/// The outages of one monkey: of its connection alone, and of all at once.
#[derive(Debug)]
pub struct Outage {
    dice: Dice,
    every: Option<Duration>,
    cut_at: Option<Instant>,
    storm: watch::Receiver<u64>,
    /// From when on nothing breaks any more.
    calm: CancellationToken,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Struck {
    /// This connection breaks.
    Cut,
    /// All connections break.
    Storm,
}

impl Outage {
    /// The outages of one monkey.
    #[must_use]
    pub fn new(
        dice: Dice,
        every: Option<Duration>,
        storm: watch::Receiver<u64>,
        calm: CancellationToken,
    ) -> Self {
        Self { dice, every, cut_at: None, storm, calm }
    }

    /// Chance for all that happens on the network of this monkey.
    pub fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    /// A connection was opened: it may break from now on.
    pub fn opened(&mut self) {
        self.cut_at = self.every.map(|every| Instant::now() + self.dice.pause(every));
        self.storm.mark_unchanged();
    }

    /// Waits until the connection breaks: for ever, if it never does.
    pub async fn strikes(&mut self) -> Struck {
        let now = Instant::now();
        let cut_at = self.cut_at.map(|at| if at <= now { now + self.dice.up_to(HALFWAY_MAX) } else { at });
        let cut = async {
            match cut_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.calm.cancelled() => std::future::pending().await,
            changed = self.storm.changed() => match changed {
                Ok(()) => Struck::Storm,
                Err(_) => std::future::pending().await,
            },
            () = cut => Struck::Cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::dice::Purpose;

    const LONG: Duration = Duration::from_secs(3_600);

    fn outage(every: Option<Duration>) -> (Outage, watch::Sender<u64>, CancellationToken) {
        let (storms, storm) = watch::channel(0);
        let calm = CancellationToken::new();
        let mut outage = Outage::new(Dice::new(1, Purpose::ViewerOutage, 0), every, storm, calm.clone());
        outage.opened();
        (outage, storms, calm)
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_breaks_by_itself_or_in_a_storm() {
        let (mut alone, _storms, _calm) = outage(Some(Duration::from_secs(1)));
        assert_eq!(alone.strikes().await, Struck::Cut);
        let (mut together, storms, _calm) = outage(None);
        storms.send_modify(|storm| *storm += 1);
        assert_eq!(together.strikes().await, Struck::Storm);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_breaks_without_torments_or_when_it_is_calm() {
        let (mut none, _storms, _calm) = outage(None);
        assert!(timeout(LONG, none.strikes()).await.is_err());
        let (mut calmed, storms, calm) = outage(Some(Duration::from_secs(1)));
        calm.cancel();
        storms.send_modify(|storm| *storm += 1);
        assert!(timeout(LONG, calmed.strikes()).await.is_err());
    }
}
