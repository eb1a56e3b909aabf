//! What goes wrong between this service and Redis, and what is told of it.

use broker::StoreError;
use broker::redis::RedisError;
use protocol::{ErrorCode, RequestError};

use crate::cause::Causes;
use crate::pace::Pace;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Redis did not do it, or nobody knows.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What Redis answered is not what the scripts answer: somebody else wrote there.
    #[error("what is stored cannot be understood: {0}")]
    Odd(&'static str),
    /// The log went on faster than it could be followed.
    #[error("the log goes on faster than it can be followed")]
    Behind,
    /// An answer would be over [`protocol::limit::CLAIM_BYTES_MAX`].
    #[error("the listing is too large for one answer")]
    TooLarge,
    /// Too much waits already.
    #[error("too many large answers at a time")]
    Busy,
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        Self::Store(error.into())
    }
}

impl Trouble {
    /// What somebody is told who asked for something that changes nothing: a retry is always safe.
    fn of_reading(&self) -> RequestError {
        let why = match self {
            Self::TooLarge => {
                let words = "the listing is too large for one answer: ask for pages with ?limit=1000";
                return RequestError::new(ErrorCode::TooLarge, words);
            }
            Self::Odd(_) => return crate::refusal::internal(),
            Self::Store(StoreError::Refused(error)) => reason(error),
            Self::Store(_) => "Redis cannot be reached",
            Self::Behind => "it changes too fast",
            Self::Busy => "too many ask for large answers",
        };
        let words = format!("the listing cannot be read now, because {why}: try again in a moment");
        RequestError::new(ErrorCode::Unavailable, words)
    }

    /// What a watcher is told.
    fn of_saying(&self) -> RequestError {
        match self {
            Self::Store(StoreError::NotConnected) => unavailable("Redis cannot be reached"),
            Self::Store(StoreError::Refused(error)) => unavailable(reason(error)),
            Self::Odd(_) => crate::refusal::internal(),
            _ => RequestError::new(
                ErrorCode::OutcomeUnknown,
                "Redis did not answer: it may or may not have been done; saying it again does no harm",
            ),
        }
    }
}

/// Says in the log what clients are not told.
#[derive(Default)]
pub(super) struct Log {
    pace: Pace,
}

impl Log {
    /// What somebody is told who asked for something.
    pub(super) fn reading(&self, trouble: &Trouble) -> RequestError {
        self.line(trouble, "the listing of files could not be read");
        trouble.of_reading()
    }

    /// What a watcher is told.
    pub(super) fn saying(&self, trouble: &Trouble) -> RequestError {
        self.line(trouble, "what a watcher said could not be stored");
        trouble.of_saying()
    }

    /// One line a second is enough.
    pub(super) fn line(&self, trouble: &Trouble, what: &str) {
        if matches!(trouble, Trouble::TooLarge) {
            return;
        }
        if let Some(withheld) = self.pace.turn() {
            log::warn!(error:% = Causes(trouble), more_before = withheld; "{what}");
        }
    }
}

fn unavailable(why: &str) -> RequestError {
    RequestError::new(ErrorCode::Unavailable, format!("{why}, nothing was done: try again in a moment"))
}

fn reason(error: &RedisError) -> &'static str {
    match error.code().unwrap_or_default() {
        "OOM" => "Redis is out of memory (its operator can raise maxmemory)",
        "READONLY" => "this Redis is a read-only replica (its operator can name the primary)",
        "MISCONF" => "Redis cannot save to disk (its log says why)",
        "LOADING" => "Redis is still loading its data",
        "NOPERM" => "Redis does not permit it to this user (its operator can with ACL SETUSER)",
        _ => "Redis refused it (the worker's log says why)",
    }
}
