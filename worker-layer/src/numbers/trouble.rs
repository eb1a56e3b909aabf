//! What goes wrong between this service and Redis, and what a client is told about it.

use broker::StoreError;
use broker::redis::{RedisError, ServerError};
use protocol::{ErrorCode, RequestError};

/// Why the listing could not be read or published.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The link with the notifications is lost: everything has to be read again.
    #[error("the link to Redis is lost")]
    Lost,
    /// A command failed.
    #[error("Redis: {0}")]
    Redis(#[from] RedisError),
    /// A script of the publisher was refused, as it is when Redis is out of memory.
    #[error("Redis: {0}")]
    Script(RedisError),
    /// A large listing could not be stored for the nodes to fetch.
    #[error("{0}")]
    Claim(#[from] StoreError),
    /// The listing is larger than what can be handed out.
    #[error("the listing of {0} bytes is too large to be sent: remove users")]
    TooLarge(usize),
    /// The store was flushed again and again while it was read.
    #[error("the store changes too fast to be read")]
    Restless,
}

impl Trouble {
    /// What a script failed of.
    pub(super) fn of_script(error: RedisError) -> Self {
        if error.code().is_some() { Self::Script(error) } else { Self::Redis(error) }
    }

    /// Whether what was read is still in step with Redis: only publishing, or handing out, has to be tried
    /// again.
    pub(super) fn leaves_mirror_intact(&self) -> bool {
        matches!(self, Self::Script(_) | Self::Claim(_) | Self::TooLarge(_))
    }

    /// What somebody is told who asked for the listing. Reading changes nothing, so a retry is always safe.
    pub(super) fn told(&self) -> RequestError {
        let refused = match self {
            Self::Redis(error) | Self::Script(error) | Self::Claim(StoreError::Refused(error)) => {
                error.code()
            }
            Self::TooLarge(_) | Self::Claim(StoreError::ClaimTooLarge(_)) => {
                return RequestError::new(ErrorCode::TooLarge, "the listing has become too large to be sent");
            }
            _ => None,
        };
        let why = refused.map_or("Redis cannot be reached", reason);
        RequestError::new(
            ErrorCode::Unavailable,
            format!("the listing cannot be read now, because {why}: try again"),
        )
    }
}

/// What somebody is told whose number could not be set, because the whole batch failed.
pub(super) fn unsent(error: &StoreError) -> RequestError {
    match error {
        StoreError::NotConnected => RequestError::new(
            ErrorCode::Unavailable,
            "Redis cannot be reached, the number was not set: try again in a moment",
        ),
        _ => RequestError::new(
            ErrorCode::OutcomeUnknown,
            "Redis did not answer: the number may or may not have been set; ask for the listing, or set it again",
        ),
    }
}

/// What somebody is told whose number was not set, because the listing is full.
pub(super) fn full() -> RequestError {
    RequestError::new(
        ErrorCode::TooLarge,
        "the number was not set: there are as many users as a listing can hold; those that are there can go on",
    )
}

/// What somebody is told whose number Redis refused to set.
pub(super) fn refused(error: &ServerError) -> RequestError {
    if error.code() == "WRONGTYPE" {
        return RequestError::new(
            ErrorCode::Internal,
            "the number was not set: the key of this user in Redis is no hash; whoever made it has to remove it",
        );
    }
    let why = reason(error.code());
    RequestError::new(
        ErrorCode::Unavailable,
        format!("the number was not set, because {why}: try again later"),
    )
}

/// Redis's error codes in words.
fn reason(code: &str) -> &'static str {
    match code {
        "OOM" => "Redis is out of memory (its operator can raise maxmemory)",
        "READONLY" => "this Redis is a read-only replica (its operator can name the primary)",
        "MISCONF" => "Redis cannot save to disk (its log says why)",
        "LOADING" => "Redis is still loading its data",
        "NOPERM" => "Redis does not permit it to this user (its operator can grant it with ACL SETUSER)",
        _ => "Redis refused it (the worker's log says why)",
    }
}
