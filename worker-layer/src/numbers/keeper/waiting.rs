//! Readers that wait for Redis to come back.

use std::sync::Arc;
use std::time::Duration;

use protocol::{RequestError, limit};
use tokio::time::Instant;

use super::Reader;
use crate::numbers::body::Listed;

/// Readers, and until when they wait: a node holds its events as long when it has no worker.
#[derive(Default)]
pub(super) struct Waiting {
    readers: Vec<Reader>,
    until: Option<Instant>,
}

impl Waiting {
    /// One more. Whoever comes later waits no longer than the first.
    pub(super) fn add(&mut self, reader: Reader) {
        self.readers.push(reader);
        self.until.get_or_insert_with(|| Instant::now() + Duration::from_millis(limit::HOLD_MS));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    /// When they have waited long enough; never if there are none.
    pub(super) async fn over(&self) {
        match self.until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
    }

    /// Answers all.
    pub(super) fn answer(&mut self, listed: &Result<Arc<Listed>, RequestError>) {
        self.until = None;
        for reader in self.readers.drain(..) {
            // Whoever asked may have gone.
            let _ = reader.send(listed.clone());
        }
    }
}
