//! What the parts of a watcher share.

use std::time::Duration;

use parking_lot::Mutex;
use protocol::files::{Instance, STALE_MS};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::dialogue::Dialogue;

/// What the parts of a watcher share. No lock is held while another one is taken.
pub(crate) struct State {
    /// What there is to tell, and how far the telling is.
    pub(crate) dialogue: Mutex<Dialogue>,
    /// There is something to tell.
    pub(crate) changed: Notify,
    /// Why the folder is not followed as it should be, if so.
    pub(crate) folder_trouble: Mutex<Option<String>>,
    /// How it goes with the service.
    pub(crate) service: Mutex<Service>,
}

/// How it goes with the service.
#[derive(Default)]
pub(crate) struct Service {
    /// When it last took something.
    pub(crate) accepted: Option<Instant>,
    /// Why it did not take what was said last, if so.
    pub(crate) trouble: Option<String>,
}

/// Whether the watcher does what it is there for.
#[derive(Serialize)]
pub(crate) struct Readiness {
    /// The folder is followed, and the service takes what is told.
    pub(crate) ready: bool,
    instance: Instance,
    files: usize,
    /// Operations that the service has not taken yet, at most.
    untold: usize,
    seqno: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder_trouble: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregator_trouble: Option<String>,
}

impl State {
    pub(crate) fn new(dialogue: Dialogue) -> Self {
        Self {
            dialogue: Mutex::new(dialogue),
            changed: Notify::new(),
            folder_trouble: Mutex::default(),
            service: Mutex::default(),
        }
    }

    /// How the watcher is now.
    pub(crate) fn readiness(&self, now: Instant) -> Readiness {
        let folder_trouble = self.folder_trouble.lock().clone();
        let (accepted, aggregator_trouble) = {
            let service = self.service.lock();
            (service.accepted, service.trouble.clone())
        };
        let is_heard = accepted.is_some_and(|at| now - at < Duration::from_millis(STALE_MS));
        let dialogue = self.dialogue.lock();
        Readiness {
            ready: folder_trouble.is_none() && is_heard,
            instance: dialogue.instance().clone(),
            files: dialogue.ledger.files(),
            untold: dialogue.ledger.untold(),
            seqno: dialogue.ledger.settled(),
            folder_trouble,
            aggregator_trouble,
        }
    }
}
