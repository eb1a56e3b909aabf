//! How a request fails: the same codes over websockets and HTTP.

use serde::{Deserialize, Serialize};

use crate::body::{self, Json};

/// What went wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request is not what the service understands; the message says why. Do not retry as it is.
    BadRequest,
    /// Nobody is logged in, or what was given to prove who it is does not. Log in.
    Unauthorized,
    /// There is no such thing.
    NotFound,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// It contradicts what is there. Do not retry as it is.
    Conflict,
    /// The request is over a bound.
    TooLarge,
    /// It was never delivered: nothing happened, a retry is safe.
    Unavailable,
    /// It was delivered, but nobody knows what became of it. Ask for the state, or retry what is idempotent.
    OutcomeUnknown,
    /// A fault of the server. It is in the server's log.
    Internal,
}

/// A failed request, as its client sees it: `{"error":{"code":"bad_request","message":"…"}}`, with the request's `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RequestError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what happened and what to do next.
    pub message: String,
}

impl ErrorCode {
    /// Every code, for documents and tests.
    pub const ALL: [Self; 9] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::TooLarge,
        Self::Unavailable,
        Self::OutcomeUnknown,
        Self::Internal,
    ];

    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::OutcomeUnknown => 504,
        }
    }

    /// After how many seconds a retry makes sense, if it does.
    #[must_use]
    pub fn retry_after_s(self) -> Option<u64> {
        (self == Self::Unavailable).then_some(1)
    }
}

impl RequestError {
    /// A failed request.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// It was never delivered.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(
            ErrorCode::Unavailable,
            "no worker could be reached, nothing was done: try again in a moment",
        )
    }

    /// It was delivered, and then nothing was heard.
    #[must_use]
    pub fn outcome_unknown() -> Self {
        Self::new(
            ErrorCode::OutcomeUnknown,
            "the request was handed to a worker that did not answer: it may or may not have been done",
        )
    }

    /// The message for the client, without an id.
    #[must_use]
    pub fn body(&self) -> Json {
        #[derive(Serialize)]
        struct Wire<'a> {
            error: &'a RequestError,
        }
        body::encode(&Wire { error: self })
    }
}
