//! How a worker makes itself known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::WorkerId;

/// What a worker publishes to [`crate::name::WORKERS`] once in [`crate::limit::ANNOUNCE_EVERY_MS`], and at once when it
/// comes or begins to leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Who.
    pub worker: WorkerId,
    /// What it handles, by name of the service.
    pub services: BTreeMap<String, Announced>,
    /// It takes no new events, but will still answer those that it has.
    #[serde(default)]
    pub draining: bool,
}

/// One service of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// Prefixes of HTTP paths that are relayed to the service, like `/numbers`: they match whole segments.
    #[serde(default)]
    pub paths: Vec<String>,
    /// The largest body of a request that the service takes, bytes, if that is more than nodes relay to every service
    /// ([`crate::limit::HTTP_BODY_BYTES_MAX`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_bytes_max: Option<usize>,
}
