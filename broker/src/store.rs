//! Commands to the data store, on one connection that is made anew for ever.

use std::sync::Arc;

use parking_lot::RwLock;
use protocol::ErrorCode;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, ScriptInvocation};
use tokio::sync::Notify;

use crate::address::Address;
use crate::link::{Dialer, NoPushes};
use crate::tasks::Tasks;

/// Why a command brought no result.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Redis is out of reach. The command was not sent: a retry is safe.
    #[error("Redis is out of reach: nothing was done")]
    NotConnected,
    /// The command was sent, but its answer did not come or could not be read: it may have been done.
    #[error("Redis did not answer as expected: what was asked may have been done")]
    Unknown(#[source] RedisError),
    /// Redis answered with an error, such as OOM, READONLY, NOPERM or MISCONF: the command was not done. Of a
    /// pipeline other commands may have been done; a script may have failed half-way.
    #[error("Redis refused the command")]
    Refused(#[source] RedisError),
    /// A claimed body is not there any more, or not all of it.
    #[error("the claimed body has expired")]
    ClaimGone,
    /// A body is over [`protocol::limit::CLAIM_BYTES_MAX`].
    #[error("a body of {0} bytes is too large to be claimed")]
    ClaimTooLarge(usize),
}

impl StoreError {
    /// What a client is told.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotConnected | Self::Refused(_) => ErrorCode::Unavailable,
            Self::Unknown(_) | Self::ClaimGone => ErrorCode::OutcomeUnknown,
            Self::ClaimTooLarge(_) => ErrorCode::TooLarge,
        }
    }
}

impl From<RedisError> for StoreError {
    /// Only an error reply proves that nothing was done.
    fn from(error: RedisError) -> Self {
        if error.code().is_some() { Self::Refused(error) } else { Self::Unknown(error) }
    }
}

/// Sends commands. All that are under way share one connection, so none may block or watch.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connection: RwLock<Option<MultiplexedConnection>>,
    connected: Notify,
}

impl Store {
    /// Begins to connect.
    ///
    /// When `tasks.stop` is cancelled new commands are [`StoreError::NotConnected`]; those under way are answered.
    #[must_use]
    pub fn start(address: Address, tasks: &Tasks) -> Self {
        let shared = Arc::<Shared>::default();
        tasks.tracker.spawn(run(Arc::clone(&shared), address, tasks.clone()));
        Self { shared }
    }

    /// One command.
    ///
    /// # Errors
    /// [`StoreError`] says whether it may have been done.
    pub async fn query<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T, StoreError> {
        Ok(cmd.query_async(&mut self.connection()?).await?)
    }

    /// Many commands in one round trip.
    ///
    /// # Errors
    /// As [`Store::query`]. With [`Pipeline::ignore_errors`] each command has its own result.
    pub async fn pipeline<T: FromRedisValue>(&self, pipe: &Pipeline) -> Result<T, StoreError> {
        Ok(pipe.query_async(&mut self.connection()?).await?)
    }

    /// A Lua script; it is loaded when Redis does not know it yet.
    ///
    /// # Errors
    /// As [`Store::query`].
    pub async fn script<T: FromRedisValue>(
        &self,
        invocation: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        Ok(invocation.invoke_async(&mut self.connection()?).await?)
    }

    /// Whether commands can be sent now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.connection.read().is_some()
    }

    /// Waits until commands can be sent: when a process starts, and in tests.
    pub async fn connected(&self) {
        loop {
            let connected = self.shared.connected.notified();
            tokio::pin!(connected);
            connected.as_mut().enable();
            if self.is_connected() {
                return;
            }
            connected.await;
        }
    }

    pub(crate) fn connection(&self) -> Result<MultiplexedConnection, StoreError> {
        self.shared.connection.read().clone().ok_or(StoreError::NotConnected)
    }
}

async fn run(shared: Arc<Shared>, address: Address, tasks: Tasks) {
    let mut dialer = Dialer::new(address, &tasks, "store");
    while let Some(link) = dialer.next(|_| NoPushes).await {
        dialer.restored();
        *shared.connection.write() = Some(link.connection.clone());
        shared.connected.notify_waiters();
        tokio::select! {
            () = link.ended() => {}
            () = tasks.stop.cancelled() => {}
        }
        shared.connection.write().take();
        dialer.lost(link.reason());
    }
}
