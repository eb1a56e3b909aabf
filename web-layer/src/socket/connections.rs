//! The open connections of a node.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use protocol::ConnectionId;

use crate::socket::Connection;

/// The open connections of this node, in a few parts so that accepting on all cores does not meet in one lock.
pub(crate) struct Connections {
    parts: [Mutex<HashMap<ConnectionId, Arc<Connection>, foldhash::fast::RandomState>>; 16],
}

impl Default for Connections {
    fn default() -> Self {
        Self { parts: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl Connections {
    pub(crate) fn insert(&self, conn: Arc<Connection>) {
        self.part(conn.id).lock().insert(conn.id, conn);
    }

    pub(crate) fn remove(&self, conn: ConnectionId) {
        self.part(conn).lock().remove(&conn);
    }

    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.parts.iter().flat_map(|part| part.lock().values().cloned().collect::<Vec<_>>()).collect()
    }

    fn part(
        &self,
        conn: ConnectionId,
    ) -> &Mutex<HashMap<ConnectionId, Arc<Connection>, foldhash::fast::RandomState>> {
        &self.parts[usize::from(conn.0.as_bytes()[15]) % self.parts.len()]
    }
}
