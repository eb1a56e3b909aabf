//! What a node keeps with a connection of this service: who is logged in.

use std::time::{SystemTime, UNIX_EPOCH};

use protocol::event::Peer;
use protocol::{Json, RequestError, body};
use serde::{Deserialize, Serialize};

use super::token::unauthorized;
use super::user::User;

/// Who is logged in.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Session {
    /// The name as names are compared.
    user: String,
    /// The name as it was typed.
    name: String,
    /// When the token expires, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_s: Option<u64>,
}

impl Session {
    /// That of a user, as a node keeps it.
    pub(super) fn json(user: &User, until_s: Option<u64>) -> Json {
        let User { key, name } = user.clone();
        body::encode(&Self { user: key, name, until_s })
    }

    /// That of a connection, if somebody is logged in.
    pub(super) fn of(peer: &Peer) -> Option<Self> {
        serde_json::from_str(peer.session.as_ref()?.get()).ok()
    }

    /// Who is logged in, also if the token has expired.
    pub(super) fn user(self) -> User {
        User { key: self.user, name: self.name }
    }

    /// Who may make requests on this connection.
    ///
    /// # Errors
    /// `unauthorized` if nobody may.
    pub(super) fn allowed(peer: &Peer) -> Result<User, RequestError> {
        let session = Self::of(peer).ok_or_else(|| {
            unauthorized("nobody is logged in on this connection: log in, and wait for the answer")
        })?;
        match session.until_s {
            Some(until_s) if until_s <= now_s() => {
                Err(unauthorized("the token of this connection has expired: log in with a new one"))
            }
            _ => Ok(session.user()),
        }
    }
}

/// Seconds since 1970.
pub(super) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
