//! The answer to an event that its service could not answer.

use protocol::{Answer, Body, Close, Effect, ErrorCode, HttpResponse, RequestError, Subject, body, close};

/// Tells whoever asked that it failed. A connection whose opening failed is closed, because it would miss the
/// pushes of topics that it never joined.
pub(crate) fn refusal(subject: &Subject, error: &RequestError) -> Answer {
    match subject {
        Subject::Message(_, Body::Inline(message)) | Subject::Joined { body: message, .. } => {
            Answer::Effects(vec![Effect::error(error, body::request_id(message))])
        }
        Subject::Message(_, Body::Claim(_)) => Answer::Effects(vec![Effect::error(error, None)]),
        Subject::Open(_) => {
            let code = if error.code == ErrorCode::NotFound {
                close::SERVICE_STOP_MIN
            } else {
                close::SERVICE_RETRY_MIN
            };
            Answer::Effects(vec![Effect::error(error, None), Effect::Close(Close::new(code, &error.message))])
        }
        Subject::Http { .. } => Answer::Http(HttpResponse::error(error)),
        Subject::Close(_) | Subject::Gap { .. } => Answer::Effects(Vec::new()),
    }
}

/// The fault is ours.
pub(crate) fn internal() -> RequestError {
    RequestError::new(
        ErrorCode::Internal,
        "the service failed at this request, which may or may not have been done: the cause is in the worker's log",
    )
}
