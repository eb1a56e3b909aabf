//! What a client is told when something fails between this service and Redis.

use broker::StoreError;
use broker::redis::{ServerError, Value};
use protocol::sets::SetId;
use protocol::{ErrorCode, RequestError};

use crate::cause::Causes;
use crate::pace::Pace;

/// What was being done.
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
        // That Redis is out of reach, the link says.
        if !matches!(error, StoreError::NotConnected) {
            self.line(&Causes(error));
        }
        match (error, doing) {
            (StoreError::NotConnected, _) => unavailable("Redis cannot be reached"),
            (_, Doing::Reading) => unavailable("Redis did not answer"),
            (_, Doing::Changing) => RequestError::new(
                ErrorCode::OutcomeUnknown,
                "Redis did not answer: it may or may not have been done; sending it again with the same stamps does no harm",
            ),
        }
    }

    /// What is told when Redis did not do one command.
    pub(super) fn refused(&self, error: &ServerError) -> RequestError {
        self.line(&format!("{} {}", error.code(), error.details().unwrap_or_default()));
        match error.code() {
            "WRONGTYPE" => self.odd("a key of this set in Redis is of another type"),
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

    /// What is told when what stands in Redis is not what this service writes.
    pub(super) fn odd(&self, what: &str) -> RequestError {
        self.line(&what);
        RequestError::new(
            ErrorCode::Internal,
            "what is kept of this set in Redis cannot be understood: whoever wrote there has to repair it",
        )
    }

    /// An answer that is neither an error nor of the wrong kind.
    pub(super) fn checked(&self, value: Value) -> Result<Value, RequestError> {
        match value {
            Value::ServerError(error) => Err(self.refused(&error)),
            value => Ok(value),
        }
    }

    fn line(&self, error: &dyn std::fmt::Display) {
        if let Some(withheld) = self.pace.turn() {
            log::warn!(error:% = error, more_before = withheld; "a request to a set failed");
        }
    }
}

/// There is no such set.
pub(super) fn unknown(set: &SetId) -> RequestError {
    RequestError::new(ErrorCode::NotFound, format!("there is no set {set:?}: POST /sets creates one"))
}

/// What is told when so many operations of a request would have added to what a full set keeps.
pub(super) fn full(values_max: usize, left_out: usize, count: usize) -> RequestError {
    let mut words =
        format!("this set keeps {values_max} values, removed ones among them, and takes no new one");
    if left_out < count {
        words += &format!(
            ": {left_out} of the {count} operations were not done; sent one by one, each is answered"
        );
    }
    RequestError::new(ErrorCode::TooLarge, words)
}

/// What is told when the whole of a set is larger than an answer may be, bytes.
pub(super) fn too_large(bytes_max: usize) -> RequestError {
    RequestError::new(
        ErrorCode::TooLarge,
        format!(
            "the whole of this set has more than the {bytes_max} bytes that can be sent: ask for single values, or for changes"
        ),
    )
}

/// What is told when some of the operations of a request were handed to Redis with success, and others failed.
pub(super) fn in_part(error: &RequestError) -> RequestError {
    let words = format!("only the first of the operations were done: {}", error.message);
    RequestError::new(ErrorCode::OutcomeUnknown, words)
}

/// What is told when nothing was done, and a retry may help.
pub(super) fn unavailable(why: &str) -> RequestError {
    RequestError::new(ErrorCode::Unavailable, format!("{why}, nothing was done: try again in a moment"))
}
