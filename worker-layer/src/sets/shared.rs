//! What all requests of the service share.

use broker::redis::Value;
use broker::{Store, StoreError};
use protocol::RequestError;
use protocol::sets::{Cursor, SetId};

use super::option::Options;
use super::read::{NotRead, Reading, Since, read_all, read_since};
use super::render::Rendered;
use super::script::{Commands, Scripts};
use super::trouble::{Doing, Log, unknown};
use super::waiting::Waiting;

/// What all requests share.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) scripts: Scripts,
    pub(super) options: Options,
    pub(super) waiting: Waiting,
    pub(super) log: Log,
}

impl Shared {
    /// Sends commands in one round trip.
    pub(super) async fn run(&self, commands: &Commands) -> Result<Vec<Value>, StoreError> {
        self.scripts.run(&self.store, commands).await
    }

    /// Reads one thing by itself.
    pub(super) async fn read(&self, reading: &Reading) -> Result<Value, RequestError> {
        let mut commands = Commands::default();
        reading.ask(&self.scripts, &mut commands);
        let values = self.run(&commands).await.map_err(|error| self.log.lost(&error, Doing::Reading))?;
        values.into_iter().next().ok_or_else(|| self.log.odd("nothing was answered"))
    }

    /// Understands what was read: all of a set.
    pub(super) fn all(&self, set: &SetId, value: Value) -> Result<Rendered, RequestError> {
        let snapshot = read_all(set, self.log.checked(value)?).map_err(|error| self.told(set, error))?;
        Ok(Rendered::new(snapshot))
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

    /// Reads all of a set.
    pub(super) async fn read_all(&self, set: &SetId) -> Result<Rendered, RequestError> {
        let value = self.read(&Reading::All(set.clone())).await?;
        self.all(set, value)
    }
}
