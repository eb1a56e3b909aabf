//! What all requests of the service share.

use std::sync::Arc;

use broker::redis::Value;
use broker::{Store, StoreError, Tasks};
use protocol::sets::{Cursor, SetId, Snapshot};
use protocol::{Body, RequestError};

use super::claims::Claims;
use super::limit::READ_AT_ONCE_MAX;
use super::option::Options;
use super::read::{Head, NotRead, Reading, Since, read_all, read_head, read_since};
use super::render::{Kind, Rendered};
use super::scan::Scans;
use super::script::{Commands, Scripts};
use super::trouble::{Doing, Log, unknown};
use super::waiting::Waiting;
use crate::refusal::internal;

/// What all requests share.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) scripts: Scripts,
    pub(super) options: Options,
    pub(super) waiting: Waiting,
    pub(super) scans: Scans,
    pub(super) claims: Claims,
    pub(super) log: Log,
    pub(super) tasks: Tasks,
}

impl Shared {
    /// Works for long without holding up this worker, whose only thread is for short things.
    pub(super) async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RequestError> {
        self.tasks.tracker.spawn_blocking(work).await.map_err(|_| internal())
    }

    /// Sends commands in one round trip.
    pub(super) async fn run(&self, commands: &Commands) -> Result<Vec<Value>, StoreError> {
        self.scripts.run(&self.store, commands).await
    }

    /// Reads one thing by itself.
    pub(super) async fn read(&self, reading: &Reading) -> Result<Value, RequestError> {
        let mut commands = Commands::default();
        reading.ask(&self.scripts, &mut commands);
        self.run_one(&commands).await
    }

    /// Sends what has one answer.
    pub(super) async fn run_one(&self, commands: &Commands) -> Result<Value, RequestError> {
        let values = self.run(commands).await.map_err(|error| self.log.lost(&error, Doing::Reading))?;
        values.into_iter().next().ok_or_else(|| self.log.odd("nothing was answered"))
    }

    /// Understands what was read: all of a set.
    pub(super) fn all(&self, set: &SetId, value: Value) -> Result<Snapshot, RequestError> {
        read_all(set, self.log.checked(value)?).map_err(|error| self.told(set, error))
    }

    /// Understands what was read: how a set stands.
    pub(super) fn head(&self, set: &SetId, value: Value) -> Result<Head, RequestError> {
        read_head(self.log.checked(value)?).map_err(|error| self.told(set, error))
    }

    /// Understands what was read: what came since a cursor.
    pub(super) fn since(&self, set: &SetId, value: Value) -> Result<Since, RequestError> {
        read_since(self.log.checked(value)?).map_err(|error| self.told(set, error))
    }

    /// What a client is told about what was not read.
    pub(super) fn told(&self, set: &SetId, error: NotRead) -> RequestError {
        match error {
            NotRead::Unknown => unknown(set),
            NotRead::Odd => {
                self.log.odd(&format!("what is kept of set {set} is not as this service writes it"))
            }
        }
    }

    /// Reads what came since a cursor.
    pub(super) async fn read_since(
        &self,
        set: &SetId,
        cursor: &Cursor,
        limit: usize,
    ) -> Result<Since, RequestError> {
        let value = self.read(&Reading::Since(set.clone(), cursor.clone(), limit)).await?;
        self.since(set, value)
    }

    /// Reads how a set stands.
    pub(super) async fn read_head(&self, set: &SetId) -> Result<Head, RequestError> {
        let value = self.read(&Reading::Head(set.clone())).await?;
        self.head(set, value)
    }

    /// Reads all of a set at one go.
    pub(super) async fn read_at_once(&self, set: &SetId) -> Result<Snapshot, RequestError> {
        let value = self.read(&Reading::All(set.clone())).await?;
        self.all(set, value)
    }

    /// Reads all of a set, at one go or in pieces, for an answer in this form.
    pub(super) async fn read_all(self: &Arc<Self>, set: &SetId, kind: Kind) -> Result<Body, RequestError> {
        if self.read_head(set).await?.values > READ_AT_ONCE_MAX {
            return self.scans.all(self, set, kind.extent()).await?.body(kind, self).await;
        }
        Rendered::new(self.read_at_once(set).await?).body(kind, self).await
    }
}
