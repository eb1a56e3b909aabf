//! What all requests of the service share.

use broker::Store;
use broker::redis::{Cmd, Value};
use protocol::RequestError;

use super::option::Waits;
use super::script::Scripts;
use super::token::TokenKey;
use super::trouble::{Doing, Log};

/// What all requests share.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) scripts: Scripts,
    pub(super) token_key: Option<TokenKey>,
    pub(super) waits: Waits,
    pub(super) log: Log,
}

impl Shared {
    /// Sends commands in one round trip.
    pub(super) async fn run(&self, commands: Vec<Cmd>, doing: Doing) -> Result<Vec<Value>, RequestError> {
        self.scripts.run(&self.store, commands).await.map_err(|error| self.log.lost(&error, doing))
    }
}
