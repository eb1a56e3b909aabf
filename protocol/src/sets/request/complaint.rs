//! What is wrong with an operation or a stamp. What is right is read in one go; only when that fails is it looked at again,
//! member by member, so that the words say which.

use lww_set::replica::{BadReplica, REPLICA_BYTES_MAX};
use lww_set::stamp::MS_MAX;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{OPERATIONS_MAX, Op, SERVER, Stamp, VALUE_BYTES_MAX, bad, object};
use crate::error::{ErrorCode, RequestError};

#[derive(Deserialize)]
struct Operation<'a> {
    #[serde(borrow)]
    op: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    stamp: Option<&'a RawValue>,
}

/// A body that is not the object that it should be.
pub(super) fn of_body(body: &str, should_be: &str) -> RequestError {
    match serde_json::from_str::<&RawValue>(body) {
        Ok(_) => bad(format!("the body must be {should_be}")),
        Err(error) => bad(format!("the body is not JSON: {error}")),
    }
}

/// Too few operations, or too many.
pub(super) fn of_length(length: usize) -> RequestError {
    if length == 0 {
        bad(format!("operations is empty: give 1 to {OPERATIONS_MAX}"))
    } else {
        let words = format!("{length} operations are too many for one request: give 1 to {OPERATIONS_MAX}");
        RequestError::new(ErrorCode::TooLarge, words)
    }
}

/// Operations that could not be read.
pub(super) fn of_operations(text: &str) -> RequestError {
    let Ok(operations) = serde_json::from_str::<Vec<&RawValue>>(text) else {
        return bad(format!("operations must be an array, not {}", shown(text)));
    };
    if operations.len() > OPERATIONS_MAX {
        return of_length(operations.len());
    }
    let wrong =
        |(place, text): (usize, &&RawValue)| operation(text.get()).err().map(|error| at(place, error));
    let first = operations.iter().enumerate().find_map(wrong);
    first.unwrap_or_else(|| bad("operations cannot be read"))
}

/// The same, with the operation that it is about.
pub(super) fn at(place: usize, error: RequestError) -> RequestError {
    RequestError::new(error.code, format!("operations[{place}]: {}", error.message))
}

/// A value within its bound.
pub(super) fn check_value(value: &str) -> Result<(), RequestError> {
    if value.len() <= VALUE_BYTES_MAX {
        return Ok(());
    }
    let words = format!("value has {} bytes: at most {VALUE_BYTES_MAX} are allowed", value.len());
    Err(RequestError::new(ErrorCode::TooLarge, words))
}

/// A stamp that is not the service's own.
pub(super) fn check_stamp(stamp: &Stamp) -> Result<(), RequestError> {
    if stamp.replica().as_str() == SERVER {
        Err(bad(format!("the replica {SERVER:?} is the service's own: take another name")))
    } else {
        Ok(())
    }
}

/// A stamp, with the words for what is wrong about it.
pub(super) fn stamp(text: &str) -> Result<Stamp, RequestError> {
    let parts = serde_json::from_str::<Vec<&RawValue>>(text);
    let Ok([ms, replica]) = parts.as_deref() else {
        let words =
            r#"a stamp is the milliseconds since 1970 and a replica, like [1760000000000,"phone"], not"#;
        return Err(bad(format!("{words} {}", shown(text))));
    };
    let words = "the milliseconds of a stamp are a whole number from 0 to";
    let wrong_ms = || bad(format!("{words} {MS_MAX}, not {}", shown(ms.get())));
    let ms = ms.get().parse().map_err(|_| wrong_ms())?;
    let name: String = serde_json::from_str(replica.get()).map_err(|_| {
        let words =
            format!("the replica of a stamp is a string of at most {REPLICA_BYTES_MAX} characters, not");
        bad(format!("{words} {}", shown(replica.get())))
    })?;
    let replica = name.parse().map_err(|error: BadReplica| bad(error.to_string()))?;
    let stamp = Stamp::new(ms, replica).map_err(|_| wrong_ms())?;
    check_stamp(&stamp)?;
    Ok(stamp)
}

/// As much of what a client wrote as an error message can hold.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn operation(text: &str) -> Result<(), RequestError> {
    let Some(Operation { op, value, stamp: when }) = object(text) else {
        let words = "an operation is one object in which op, value and stamp stand at most once each, not";
        return Err(bad(format!("{words} {}", shown(text))));
    };
    let op = op.ok_or_else(|| bad(r#"op is missing: it is "add" or "remove""#))?.get();
    if serde_json::from_str::<Op>(op).is_err() {
        return Err(bad(format!(r#"op must be "add" or "remove", not {}"#, shown(op))));
    }
    let value = value.ok_or_else(|| bad("value is missing"))?.get();
    let value: String = serde_json::from_str(value)
        .map_err(|_| bad(format!("value must be a string of Unicode text, not {}", shown(value))))?;
    check_value(&value)?;
    when.map_or(Ok(()), |when| stamp(when.get()).map(drop))
}
