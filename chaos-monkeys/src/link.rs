//! Connections to the service, as any client would make them.
//!
//! - [`Target`]: where the service is
//! - [`Socket`]: a websocket with small buffers
//! - [`Http`]: one connection that is kept for many requests
//! - [`Backoff`]: how long to wait before trying again
//! - [`Outage`]: when to break a connection on purpose

mod backoff;
mod http;
mod outage;
mod socket;
mod target;

pub use backoff::Backoff;
pub use http::{Http, Response};
pub use outage::{Outage, Struck};
pub use socket::{Ended, Socket};
pub use target::{BadTarget, Source, Target};

use crate::wire::Trouble;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It was not handled: it can be made again.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It may have been handled.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// The connection was lost, so it may have been handled.
    #[error("connection lost: {0}")]
    Lost(String),
    /// It was refused, and will be again.
    #[error("refused: {0}")]
    Refused(String),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble.code.as_str() {
            "unavailable" => Self::Unavailable(trouble.message),
            "outcome_unknown" | "internal" => Self::OutcomeUnknown(trouble.message),
            code => Self::Refused(format!("{code}: {}", trouble.message)),
        }
    }
}
