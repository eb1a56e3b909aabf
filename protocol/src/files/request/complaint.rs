//! What is wrong with something. What is right is read in one go; only when that fails is it looked at again, member by
//! member, so that the words say which.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{OPERATIONS_MAX, bad, object, read_instance, read_seqno};
use crate::error::{ErrorCode, RequestError};
use crate::files::Op;

#[derive(Deserialize)]
struct Operation<'a> {
    #[serde(borrow)]
    instance: Option<&'a RawValue>,
    #[serde(borrow)]
    op: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    seqno: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    filename: Option<&'a RawValue>,
}

/// A hello or bye that is not the object that it should be.
pub(super) fn of_greeting(body: &str) -> RequestError {
    of_json(body, "one JSON object in which instance, port and seqno stand at most once each")
}

/// Too few operations, or too many.
pub(super) fn of_length(length: usize) -> RequestError {
    if length == 0 {
        bad(format!("there is no operation: give 1 to {OPERATIONS_MAX}"))
    } else {
        let words = format!("{length} operations are too many for one request: give 1 to {OPERATIONS_MAX}");
        RequestError::new(ErrorCode::TooLarge, words)
    }
}

/// Operations that could not be read.
pub(super) fn of_operations(body: &str) -> RequestError {
    let Ok(operations) = serde_json::from_str::<Vec<&RawValue>>(body) else {
        return of_json(body, "an array of operations");
    };
    if operations.is_empty() || operations.len() > OPERATIONS_MAX {
        return of_length(operations.len());
    }
    let wrong =
        |(place, text): (usize, &&RawValue)| operation(text.get()).err().map(|error| at(place, error));
    let first = operations.iter().enumerate().find_map(wrong);
    first.unwrap_or_else(|| bad("the operations cannot be read"))
}

/// The same, with the operation that it is about.
pub(super) fn at(place: usize, error: RequestError) -> RequestError {
    RequestError::new(error.code, format!("operation {place}: {}", error.message))
}

/// As much of what a client wrote as an error message can hold.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn of_json(body: &str, should_be: &str) -> RequestError {
    match serde_json::from_str::<&RawValue>(body) {
        Ok(_) => bad(format!("the body must be {should_be}")),
        Err(error) => bad(format!("the body is not JSON: {error}")),
    }
}

fn operation(text: &str) -> Result<(), RequestError> {
    let Some(Operation { instance, op, value, seqno }) = object(text) else {
        let words =
            "an operation is one object in which instance, op, value and seqno stand at most once each, not";
        return Err(bad(format!("{words} {}", shown(text))));
    };
    read_instance(instance)?;
    let op = op.ok_or_else(|| bad(r#"op is missing: it is "add" or "remove""#))?.get();
    if serde_json::from_str::<Op>(op).is_err() {
        return Err(bad(format!(r#"op must be "add" or "remove", not {}"#, shown(op))));
    }
    let value = value.ok_or_else(|| bad("value is missing: it has the filename"))?.get();
    let Some(File { filename }) = object(value) else {
        return Err(bad(format!("value must be one object with a filename, not {}", shown(value))));
    };
    let filename = filename.ok_or_else(|| bad("filename is missing"))?.get();
    if serde_json::from_str::<String>(filename).is_err() {
        return Err(bad(format!("filename must be a string of Unicode text, not {}", shown(filename))));
    }
    read_seqno(seqno.ok_or_else(|| bad("seqno is missing"))?).map(drop)
}
