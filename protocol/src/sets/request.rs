//! Reads what a client of the sets service asks for, or says what is wrong with it.

mod complaint;
mod operation;

use serde::Deserialize;
use serde_json::value::RawValue;

use self::operation::Operation;
use super::{Cursor, OPERATIONS_MAX, Op, SERVER, SET_NAME_BYTES_MAX, SetId, Stamp, VALUE_BYTES_MAX};
use crate::body::{self, Json};
use crate::error::{ErrorCode, RequestError};
use crate::limit;

/// What a client of `/ws/sets` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// To be told of all changes of a set.
    Watch {
        /// The set.
        set: SetId,
        /// What the client has already; none if it has nothing.
        cursor: Option<Cursor>,
    },
    /// To be told of them no more.
    Unwatch {
        /// The set.
        set: SetId,
    },
    /// To change a set.
    Apply {
        /// The set.
        set: SetId,
        /// The operations, in order: 1 to [`OPERATIONS_MAX`].
        operations: Vec<Change>,
    },
}

/// An operation as a client gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is done.
    pub op: Op,
    /// To which value: at most [`VALUE_BYTES_MAX`].
    pub value: String,
    /// When, and by whom. The service stamps what has none.
    pub stamp: Option<Stamp>,
}

/// A set to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Creation {
    /// Its id; none if the service is to choose.
    pub id: Option<SetId>,
    /// Its name: at most [`SET_NAME_BYTES_MAX`].
    pub name: String,
}

/// Members stay text until each is looked at, so that an error can show what stood there.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    set: Option<&'a RawValue>,
    #[serde(borrow)]
    cursor: Option<&'a RawValue>,
    #[serde(borrow)]
    operations: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "body::present")]
    id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    operations: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Stamped<'a> {
    #[serde(borrow)]
    stamp: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
}

/// Reads a request. The second part is the `id` that the answer must carry.
pub fn read(message: &RawValue) -> (Result<Request, RequestError>, Option<Json>) {
    let Some(Envelope { kind, set, cursor, operations, id }) = object(message.get()) else {
        let words = "a request is one JSON object in which type, set, cursor, operations and id stand at most once each";
        return (Err(bad(words)), body::request_id(message));
    };
    if let Some(id) = id.filter(|id| id.get().len() > limit::REQUEST_ID_BYTES_MAX) {
        let words =
            format!("id has {} bytes: at most {} are allowed", id.get().len(), limit::REQUEST_ID_BYTES_MAX);
        return (Err(bad(words)), None);
    }
    let request = match kind.map(RawValue::get) {
        Some(r#""watch""#) => {
            set_id(set).and_then(|set| Ok(Request::Watch { set, cursor: read_cursor(cursor)? }))
        }
        Some(r#""unwatch""#) => set_id(set).map(|set| Request::Unwatch { set }),
        Some(r#""apply""#) => {
            set_id(set).and_then(|set| Ok(Request::Apply { set, operations: changes(operations)? }))
        }
        Some(other) => Err(bad(format!(
            r#"type must be "watch", "unwatch" or "apply", not {}"#,
            complaint::shown(other)
        ))),
        None => Err(bad(r#"type is missing: it is "watch", "unwatch" or "apply""#)),
    };
    (request, id.map(ToOwned::to_owned))
}

/// Reads the body of a request that creates a set: `{"id":…,"name":…}`, both optional, or nothing.
///
/// # Errors
/// `bad_request` with what is wrong about it.
pub fn read_creation(body: &str) -> Result<Creation, RequestError> {
    if body.trim().is_empty() {
        return Ok(Creation::default());
    }
    let Named { id, name } = object(body).ok_or_else(|| {
        complaint::of_body(body, "one JSON object in which id and name stand at most once each")
    })?;
    let id = id.map(|id| set_id(Some(id))).transpose()?;
    let Some(name) = name else { return Ok(Creation { id, name: String::new() }) };
    let name: String = serde_json::from_str(name.get()).map_err(|_| {
        bad(format!("name must be a string of Unicode text, not {}", complaint::shown(name.get())))
    })?;
    if name.len() > SET_NAME_BYTES_MAX {
        Err(bad(format!("name has {} bytes: at most {SET_NAME_BYTES_MAX} are allowed", name.len())))
    } else if name.chars().any(char::is_control) {
        Err(bad("name has a control character: leave it out"))
    } else {
        Ok(Creation { id, name })
    }
}

/// Reads the body of a batch: `{"operations":[…]}`.
///
/// # Errors
/// `bad_request`, or `too_large`, with what is wrong about it.
pub fn read_operations(body: &str) -> Result<Vec<Change>, RequestError> {
    let Batch { operations } = object(body)
        .ok_or_else(|| complaint::of_body(body, "one JSON object in which operations stands once"))?;
    changes(operations)
}

/// Reads the body of a request about one value: `{"stamp":[…]}`, or nothing.
///
/// # Errors
/// `bad_request` with what is wrong about it.
pub fn read_stamp(body: &str) -> Result<Option<Stamp>, RequestError> {
    if body.trim().is_empty() {
        return Ok(None);
    }
    let Stamped { stamp } = object(body)
        .ok_or_else(|| complaint::of_body(body, "one JSON object in which stamp stands at most once"))?;
    stamp.map(|stamp| complaint::stamp(stamp.get())).transpose()
}

fn set_id(set: Option<&RawValue>) -> Result<SetId, RequestError> {
    let text = set.ok_or_else(|| bad("set is missing: it is the id of a set"))?.get();
    let id: String = serde_json::from_str(text)
        .map_err(|_| bad(format!("the id of a set is a string, not {}", complaint::shown(text))))?;
    id.parse().map_err(|error: super::BadSetId| bad(error.to_string()))
}

fn read_cursor(cursor: Option<&RawValue>) -> Result<Option<Cursor>, RequestError> {
    let read = |text: &RawValue| {
        serde_json::from_str(text.get())
            .map_err(|_| bad(format!("{}: {}", super::BadCursor, complaint::shown(text.get()))))
    };
    cursor.map(read).transpose()
}

fn changes(operations: Option<&RawValue>) -> Result<Vec<Change>, RequestError> {
    let text = operations.ok_or_else(|| bad("operations is missing: it is an array of operations"))?.get();
    let read: Vec<Operation> = serde_json::from_str(text).map_err(|_| complaint::of_operations(text))?;
    if read.is_empty() || read.len() > OPERATIONS_MAX {
        return Err(complaint::of_length(read.len()));
    }
    let check = |(place, Operation { op, value, stamp }): (usize, Operation)| {
        complaint::check_value(&value)
            .and_then(|()| stamp.as_ref().map_or(Ok(()), complaint::check_stamp))
            .map_err(|error| complaint::at(place, error))?;
        Ok(Change { op, value, stamp })
    };
    read.into_iter().enumerate().map(check).collect()
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
