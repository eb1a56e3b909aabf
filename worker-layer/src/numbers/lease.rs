//! The lease of the publisher, and the scripts that check it.

use broker::redis::Script;
use broker::redis::aio::MultiplexedConnection;
use protocol::WorkerId;

use super::key;
use super::trouble::Trouble;

/// How long a lease lasts, milliseconds: when a publisher is killed another takes over within this and one
/// try.
const LEASE_MS: u64 = 2_000;

/// One worker's claim to be the publisher.
pub(super) struct Lease {
    /// The name of the worker, and a part that it has for this run only.
    holder: String,
    is_held: bool,
    scripts: Scripts,
}

struct Scripts {
    lease: Script,
    begin: Script,
    publish: Script,
    release: Script,
}

/// Where the store stands.
pub(super) struct Standing {
    /// The lease was another's, or nobody's, before.
    pub(super) newly_held: bool,
    /// The newest version.
    pub(super) version: u64,
    /// See [`key::EPOCH`]; empty if there is none.
    pub(super) epoch: String,
}

impl Lease {
    pub(super) fn new(worker: &WorkerId) -> Self {
        Self {
            holder: format!("{worker}:{:08x}", rand::random::<u32>()),
            is_held: false,
            scripts: Scripts {
                lease: Script::new(include_str!("lease.lua")),
                begin: Script::new(include_str!("begin.lua")),
                publish: Script::new(include_str!("publish.lua")),
                release: Script::new(include_str!("release.lua")),
            },
        }
    }

    /// Whether it was held when last heard of. Only the scripts know for sure.
    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Takes it if it is free, renews it if it is held.
    pub(super) async fn take(&mut self, connection: &mut MultiplexedConnection) -> Result<Standing, Trouble> {
        let mut asked = self.scripts.lease.key(key::LEASE);
        asked.key(key::VERSION).key(key::EPOCH).arg(&self.holder).arg(LEASE_MS);
        let (held, version, epoch): (bool, u64, String) =
            asked.invoke_async(connection).await.map_err(Trouble::of_script)?;
        let newly_held = held && !self.is_held;
        self.is_held = held;
        Ok(Standing { newly_held, version, epoch })
    }

    /// The version of the listing that is read from now on; none if the lease is another's.
    pub(super) async fn begin(
        &mut self,
        connection: &mut MultiplexedConnection,
        newest: u64,
    ) -> Result<Option<u64>, Trouble> {
        let mut begun = self.scripts.begin.key(key::LEASE);
        begun.key(key::VERSION).arg(&self.holder).arg(newest);
        let version: Option<u64> = begun.invoke_async(connection).await.map_err(Trouble::of_script)?;
        self.is_held = version.is_some();
        Ok(version)
    }

    /// Publishes the listing of a version that was begun; false if it may not be published any more.
    pub(super) async fn publish(
        &mut self,
        connection: &mut MultiplexedConnection,
        version: u64,
        channel: &str,
        line: &[u8],
    ) -> Result<bool, Trouble> {
        let mut published = self.scripts.publish.key(key::LEASE);
        published.key(key::VERSION).arg(&self.holder).arg(version).arg(channel).arg(line);
        published.invoke_async(connection).await.map_err(Trouble::of_script)
    }

    /// Gives it back.
    pub(super) async fn release(&mut self, connection: &mut MultiplexedConnection) -> Result<(), Trouble> {
        self.is_held = false;
        self.scripts
            .release
            .key(key::LEASE)
            .arg(&self.holder)
            .invoke_async(connection)
            .await
            .map_err(Trouble::of_script)
    }
}
