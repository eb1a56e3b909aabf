//! Telling the service, one word after the other.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::aggregator::{Aggregator, Trouble};
use crate::dialogue::{Consequence, Turn, Word};
use crate::limit;
use crate::state::State;

/// How far two log lines about operations that were put off are apart.
const PUT_OFF_LOG_APART: Duration = Duration::from_secs(60);
/// The pause between two attempts to say bye.
const BYE_PAUSE: Duration = Duration::from_millis(100);

/// Tells the service what there is to tell, until `stop`; then says bye.
pub(crate) async fn speak(aggregator: Aggregator, state: Arc<State>, stop: CancellationToken) {
    let mut log = Log::default();
    loop {
        let turn = state.dialogue.lock().turn(Instant::now());
        match turn {
            Turn::Wait(until) => tokio::select! {
                () = stop.cancelled() => break,
                () = sleep_until(until) => {}
                () = state.changed.notified() => {}
            },
            Turn::Say(word) => tokio::select! {
                () = stop.cancelled() => break,
                () = say(&aggregator, &state, &word, &mut log) => {}
            },
        }
    }
    leave(&aggregator, &state).await;
}

async fn say(aggregator: &Aggregator, state: &State, word: &Word, log: &mut Log) {
    let (outcome, trouble) = aggregator.say(word).await;
    let now = Instant::now();
    {
        let mut service = state.service.lock();
        service.trouble = trouble.as_ref().map(ToString::to_string);
        if trouble.is_none() {
            service.accepted = Some(now);
        }
    }
    let consequence = state.dialogue.lock().take(now, word, outcome, rand::random());
    log.write(word, trouble.as_ref(), &consequence);
}

/// The service removes the files at once when it hears it, and half a minute later if it does not.
async fn leave(aggregator: &Aggregator, state: &State) {
    let instance = state.dialogue.lock().instance().clone();
    let bye = async {
        while let Err(trouble) = aggregator.bye(instance.clone()).await {
            log::debug!(instance:%; "bye was not taken: {trouble}");
            sleep(BYE_PAUSE).await;
        }
    };
    match timeout(Duration::from_millis(limit::BYE_MS), bye).await {
        Ok(()) => log::info!(instance:%; "said bye"),
        Err(_) => {
            log::warn!(instance:%; "the aggregator has not taken the bye: it forgets the files by itself");
        }
    }
}

/// One line an event worth waking up for.
#[derive(Default)]
struct Log {
    trouble: Option<std::mem::Discriminant<Trouble>>,
    was_heard: bool,
    put_off: Option<Instant>,
}

impl Log {
    fn write(&mut self, word: &Word, trouble: Option<&Trouble>, consequence: &Consequence) {
        match consequence {
            Consequence::None => self.write_trouble(trouble),
            Consequence::Renamed(instance) => {
                log::warn!(instance:%; "the aggregator takes this watcher for one that has left: it has a new id now");
            }
            Consequence::OneByOne => {
                let why = trouble.map(ToString::to_string).unwrap_or_default();
                log::info!(
                    "the aggregator does not take several operations at once, they go one by one: {why}"
                );
            }
            Consequence::PutOff(refused) => {
                let why = trouble.map(ToString::to_string).unwrap_or_default();
                if self.put_off.is_none_or(|at| at.elapsed() >= PUT_OFF_LOG_APART) {
                    self.put_off = Some(Instant::now());
                    log::warn!(name:? = refused.name.as_str(), seqno = refused.seqno; "the aggregator refuses this operation, it is tried again later: {why}");
                }
            }
        }
        log::trace!("{word:?}: {trouble:?}");
    }

    /// Once an outage, and when its reason changes.
    fn write_trouble(&mut self, trouble: Option<&Trouble>) {
        let kind = trouble.map(std::mem::discriminant);
        match trouble {
            Some(trouble) if self.trouble != kind => {
                log::warn!("the aggregator does not take what is told, it is tried for ever: {trouble}");
            }
            None if self.trouble.is_some() || !self.was_heard => {
                log::info!("the aggregator takes what is told");
            }
            _ => {}
        }
        self.was_heard |= trouble.is_none();
        self.trouble = kind;
    }
}
