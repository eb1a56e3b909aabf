//! What a client is told when something fails between this service and Redis.

use broker::StoreError;
use broker::redis::{FromRedisValue, ServerError, Value, from_redis_value};
use protocol::{ErrorCode, RequestError};

use crate::cause::Causes;
use crate::pace::Pace;

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// It changes nothing: a retry is always safe.
    Reading,
    /// It may have been done.
    Changing,
}

/// Says in the log what clients are not told.
#[derive(Default)]
pub(super) struct Log {
    pace: Pace,
}

impl Log {
    /// What is told when a whole batch failed.
    pub(super) fn lost(&self, error: &StoreError, doing: Doing) -> RequestError {
        self.line(&Causes(error));
        match (error, doing) {
            (StoreError::NotConnected, _) => unavailable("Redis cannot be reached"),
            (_, Doing::Reading) => unavailable("Redis did not answer"),
            (_, Doing::Changing) => unknown("Redis did not answer"),
        }
    }

    /// An answer of Redis as it should be.
    pub(super) fn understood<T: FromRedisValue>(&self, value: Option<Value>) -> Result<T, RequestError> {
        match value {
            Some(Value::ServerError(error)) => Err(self.refused(&error)),
            value => from_redis_value(value.unwrap_or_default())
                .map_err(|_| self.odd("what is kept in Redis is not as this service writes it")),
        }
    }

    /// What is told when what stands in Redis is not what this service writes.
    pub(super) fn odd(&self, what: &str) -> RequestError {
        self.line(&what);
        let words =
            "what is kept of this in Redis cannot be understood: whoever wrote there has to repair it";
        RequestError::new(ErrorCode::Internal, words)
    }

    fn refused(&self, error: &ServerError) -> RequestError {
        self.line(&format!("{} {}", error.code(), error.details().unwrap_or_default()));
        match error.code() {
            "WRONGTYPE" => self.odd("a key of the chat in Redis is of another type"),
            "OOM" => unavailable("Redis is out of memory (its operator can raise maxmemory)"),
            "READONLY" => {
                unavailable("this Redis is a read-only replica (its operator can name the primary)")
            }
            "MISCONF" => unavailable("Redis cannot save to disk (its log says why)"),
            "LOADING" => unavailable("Redis is still loading its data"),
            "NOPERM" => {
                unavailable("Redis does not permit it to this user (its operator can with ACL SETUSER)")
            }
            _ => unavailable("Redis refused it (the worker's log says why)"),
        }
    }

    fn line(&self, error: &dyn std::fmt::Display) {
        if let Some(withheld) = self.pace.turn() {
            log::warn!(error:% = error, more_before = withheld; "a request to the chat failed");
        }
    }
}

/// What was stored did not reach everyone yet, as far as is known.
pub(super) fn undelivered(error: &RequestError) -> RequestError {
    match error.code {
        ErrorCode::Unavailable => unknown("Redis failed half-way"),
        _ => error.clone(),
    }
}

fn unavailable(why: &str) -> RequestError {
    RequestError::new(ErrorCode::Unavailable, format!("{why}, nothing was done: try again in a moment"))
}

fn unknown(why: &str) -> RequestError {
    let words = "it may or may not have been done; sending it again with the same message_id does no harm";
    RequestError::new(ErrorCode::OutcomeUnknown, format!("{why}: {words}"))
}
