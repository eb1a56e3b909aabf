//! Reads what watchers and readers ask for, or says what is wrong with it.

mod complaint;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Bye, Cursor, Hello, Instance, OPERATIONS_MAX, Operation, SEQNO_MAX, check_filename};
use crate::body::{self, Json};
use crate::error::{ErrorCode, RequestError};
use crate::limit;

/// What a client of `/ws/files` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// For what came since a cursor, or for everything.
    Watch {
        /// What the client has already; none if it has nothing.
        cursor: Option<Cursor>,
    },
}

/// Members stay text until each is looked at, so that an error can show what stood there.
#[derive(Deserialize)]
struct Greeting<'a> {
    #[serde(borrow)]
    instance: Option<&'a RawValue>,
    #[serde(borrow)]
    port: Option<&'a RawValue>,
    #[serde(borrow)]
    seqno: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    cursor: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "body::present")]
    id: Option<&'a RawValue>,
}

/// Reads the body of `POST /hello`.
///
/// # Errors
/// `bad_request` with what is wrong about it.
pub fn read_hello(body: &str) -> Result<Hello, RequestError> {
    let Greeting { instance, port, seqno } = object(body).ok_or_else(|| complaint::of_greeting(body))?;
    let port = port.ok_or_else(|| bad("port is missing: it is where the watcher serves its list"))?.get();
    let number = port.parse().ok().filter(|port| *port != 0);
    let wrong =
        || bad(format!("port must be a whole number from 1 to {}, not {}", u16::MAX, complaint::shown(port)));
    Ok(Hello {
        instance: read_instance(instance)?,
        port: number.ok_or_else(wrong)?,
        seqno: seqno.map(read_seqno).transpose()?,
    })
}

/// Reads the body of `POST /bye`.
///
/// # Errors
/// `bad_request` with what is wrong about it.
pub fn read_bye(body: &str) -> Result<Bye, RequestError> {
    let Greeting { instance, .. } = object(body).ok_or_else(|| complaint::of_greeting(body))?;
    Ok(Bye { instance: read_instance(instance)? })
}

/// Reads the body of `PATCH /files`: 1 to [`OPERATIONS_MAX`] operations of one instance, by ascending number.
///
/// # Errors
/// `bad_request`, or `too_large`, with what is wrong about it. Nothing of such a body may be applied.
pub fn read_operations(body: &str) -> Result<Vec<Operation>, RequestError> {
    let operations: Vec<Operation> =
        serde_json::from_str(body).map_err(|_| complaint::of_operations(body))?;
    let Some(first) = operations.first() else {
        return Err(complaint::of_length(0));
    };
    if operations.len() > OPERATIONS_MAX {
        return Err(complaint::of_length(operations.len()));
    }
    let mut before = 0;
    for (place, operation) in operations.iter().enumerate() {
        check_filename(&operation.value.filename).map_err(|error| complaint::at(place, error))?;
        if operation.instance != first.instance {
            return Err(complaint::at(place, bad("all operations of a request are of one instance")));
        }
        if operation.seqno <= before || operation.seqno > SEQNO_MAX {
            let words = format!("seqno must grow from operation to operation, from 1 to {SEQNO_MAX} at most");
            return Err(complaint::at(place, bad(words)));
        }
        before = operation.seqno;
    }
    Ok(operations)
}

/// Reads what a client of `/ws/files` says. The second part is the `id` that the answer must carry.
pub fn read(message: &RawValue) -> (Result<Request, RequestError>, Option<Json>) {
    let Some(Envelope { kind, cursor, id }) = object(message.get()) else {
        let words = "a request is one JSON object in which type, cursor and id stand at most once each";
        return (Err(bad(words)), body::request_id(message));
    };
    if let Some(id) = id.filter(|id| id.get().len() > limit::REQUEST_ID_BYTES_MAX) {
        let words =
            format!("id has {} bytes: at most {} are allowed", id.get().len(), limit::REQUEST_ID_BYTES_MAX);
        return (Err(bad(words)), None);
    }
    let request = match kind.map(RawValue::get) {
        Some(r#""watch""#) => read_cursor(cursor).map(|cursor| Request::Watch { cursor }),
        Some(other) => Err(bad(format!(r#"type must be "watch", not {}"#, complaint::shown(other)))),
        None => Err(bad(r#"type is missing: it is "watch""#)),
    };
    (request, id.map(ToOwned::to_owned))
}

fn read_instance(text: Option<&RawValue>) -> Result<Instance, RequestError> {
    let text = text.ok_or_else(|| bad("instance is missing: it is the id of a watcher"))?.get();
    let id: String = serde_json::from_str(text)
        .map_err(|_| bad(format!("instance must be a string, not {}", complaint::shown(text))))?;
    id.parse().map_err(|error: super::BadInstance| bad(error.to_string()))
}

fn read_seqno(text: &RawValue) -> Result<u64, RequestError> {
    let seqno = text.get().parse().ok().filter(|seqno| (1..=SEQNO_MAX).contains(seqno));
    seqno.ok_or_else(|| {
        let words = format!("seqno must be a whole number from 1 to {SEQNO_MAX}, not");
        bad(format!("{words} {}", complaint::shown(text.get())))
    })
}

fn read_cursor(cursor: Option<&RawValue>) -> Result<Option<Cursor>, RequestError> {
    let read = |text: &RawValue| {
        serde_json::from_str(text.get())
            .map_err(|_| bad(format!("{}: {}", super::BadCursor, complaint::shown(text.get()))))
    };
    cursor.map(read).transpose()
}

/// Reads an object. Left to itself, serde would read an array as one, too.
fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    if !json.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(json).ok()
}

fn bad(message: impl Into<String>) -> RequestError {
    RequestError::new(ErrorCode::BadRequest, message)
}
