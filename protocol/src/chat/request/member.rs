//! Single members of a request, with the words for what is wrong about them.

use serde_json::value::RawValue;

use super::super::{NAME_BYTES_MAX, WATCHED_MAX};
use crate::error::{ErrorCode, RequestError};
use crate::limit::REQUEST_ID_BYTES_MAX;

/// Largest number of a message: the largest integer that every JSON reader keeps exact.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// The name of a user, as it was typed.
pub(super) fn user(name: &str, member: Option<&RawValue>) -> Result<String, RequestError> {
    let user = text(name, member, NAME_BYTES_MAX)?;
    if user.chars().any(char::is_control) {
        Err(bad(format!("{name} has a control character: leave it out")))
    } else if user.trim().len() != user.len() {
        Err(bad(format!("{name} begins or ends with white space: leave it out")))
    } else {
        Ok(user)
    }
}

/// The names of some users.
pub(super) fn users(member: Option<&RawValue>) -> Result<Vec<String>, RequestError> {
    let raw = member.ok_or_else(|| bad("users is missing: it is an array of names"))?.get();
    let names: Vec<&RawValue> = serde_json::from_str(raw)
        .map_err(|_| bad(format!("users must be an array of names, not {}", shown(raw))))?;
    if names.is_empty() {
        Err(bad("users is empty"))
    } else if names.len() > WATCHED_MAX {
        let words = format!("users has {} names: at most {WATCHED_MAX} are allowed", names.len());
        Err(RequestError::new(ErrorCode::TooLarge, words))
    } else {
        names.into_iter().map(|name| user("a name in users", Some(name))).collect()
    }
}

/// A text that is not empty.
pub(super) fn text(name: &str, member: Option<&RawValue>, bytes_max: usize) -> Result<String, RequestError> {
    let raw = member.ok_or_else(|| bad(format!("{name} is missing")))?.get();
    let text: String = serde_json::from_str(raw)
        .map_err(|_| bad(format!("{name} must be a string of Unicode text, not {}", shown(raw))))?;
    if text.is_empty() {
        Err(bad(format!("{name} is empty")))
    } else if text.len() > bytes_max {
        let words = format!("{name} has {} bytes: at most {bytes_max} are allowed", text.len());
        Err(RequestError::new(ErrorCode::TooLarge, words))
    } else {
        Ok(text)
    }
}

/// A text that may be missing, or null.
pub(super) fn optional(
    name: &str,
    member: Option<&RawValue>,
    bytes_max: usize,
) -> Result<Option<String>, RequestError> {
    member.map(|member| text(name, Some(member), bytes_max)).transpose()
}

/// The number of a message.
pub(super) fn number(name: &str, member: Option<&RawValue>) -> Result<u64, RequestError> {
    let raw = member.ok_or_else(|| bad(format!("{name} is missing: it is the number of a message")))?.get();
    let number = raw.parse().ok().filter(|number| *number <= NUMBER_MAX);
    number.ok_or_else(|| {
        bad(format!("{name} must be a whole number from 0 to {NUMBER_MAX}, not {}", shown(raw)))
    })
}

/// How many are wanted.
pub(super) fn limit(member: Option<&RawValue>, default: usize, max: usize) -> Result<usize, RequestError> {
    let Some(raw) = member.map(RawValue::get) else { return Ok(default) };
    let limit = raw.parse().ok().filter(|limit| (1..=max).contains(limit));
    limit.ok_or_else(|| bad(format!("limit must be a whole number from 1 to {max}, not {}", shown(raw))))
}

/// The id of a request within its bound.
pub(super) fn checked_id(id: Option<&RawValue>) -> Result<(), RequestError> {
    match id.map(|id| id.get().len()) {
        Some(bytes) if bytes > REQUEST_ID_BYTES_MAX => {
            Err(bad(format!("id has {bytes} bytes: at most {REQUEST_ID_BYTES_MAX} are allowed")))
        }
        _ => Ok(()),
    }
}

/// As much of what a client wrote as an error message can hold.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

pub(super) fn bad(message: impl Into<String>) -> RequestError {
    RequestError::new(ErrorCode::BadRequest, message)
}
