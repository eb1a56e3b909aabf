//! The messages of the numbers service (brief 004): set a favorite number, list all of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::body::{self, Json};
use crate::error::{ErrorCode, RequestError};

/// The name of the service.
pub const SERVICE: &str = "numbers";
/// The topic that every connection of the service joins.
pub const TOPIC: &str = "numbers";
/// The key of the listing among the topic's pushes.
pub const LISTING: &str = "listing";
/// The HTTP path that answers with the listing.
pub const PATH: &str = "/numbers";
/// Longest name of a user, bytes: it stands in a Redis key and in every listing.
pub const USER_NAME_BYTES_MAX: usize = 256;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `{"Cmd":1,"CmdData":{"UserName":"ana","FavoriteNumber":22}}`
    Set(User),
    /// `{"Cmd":2}`
    List,
}

/// A user and the favorite number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    /// 1 to [`USER_NAME_BYTES_MAX`] bytes without control characters.
    pub user_name: String,
    /// A signed 64-bit integer.
    pub favorite_number: i64,
}

/// The one response message: all users, sorted alphabetically.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listing {
    /// Sorted as a person expects.
    pub users: Vec<User>,
    /// It only grows: of two listings the one with the higher version is newer.
    pub version: u64,
}

/// Reads a request. The second part is the `id` that the answer must carry.
#[must_use]
pub fn read(message: &RawValue) -> (Result<Command, RequestError>, Option<Json>) {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request<'a> {
        cmd: u64,
        cmd_data: Option<Data>,
        #[serde(rename = "id", borrow)]
        id: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Data {
        user_name: Option<String>,
        favorite_number: Option<i64>,
    }
    let Ok(request) = serde_json::from_str::<Request<'_>>(message.get()) else {
        return (Err(what_is_wrong(message)), body::request_id(message));
    };
    let command = match (request.cmd, request.cmd_data) {
        (2, _) => Ok(Command::List),
        (1, Some(Data { user_name: Some(user_name), favorite_number: Some(favorite_number) })) => {
            check_user_name(&user_name).map(|()| Command::Set(User { user_name, favorite_number }))
        }
        _ => Err(what_is_wrong(message)),
    };
    (command, request.id.filter(|id| id.get().len() <= crate::limit::REQUEST_ID_BYTES_MAX).map(ToOwned::to_owned))
}

/// Checks the name of a user.
///
/// # Errors
/// `bad_request` with what is wrong about it.
pub fn check_user_name(name: &str) -> Result<(), RequestError> {
    if name.is_empty() {
        Err(bad("UserName is empty: give 1 to 256 bytes of text"))
    } else if name.len() > USER_NAME_BYTES_MAX {
        Err(bad(format!("UserName has {} bytes: at most {USER_NAME_BYTES_MAX} are allowed", name.len())))
    } else if name.chars().any(char::is_control) {
        Err(bad("UserName has a control character: leave it out"))
    } else {
        Ok(())
    }
}

fn bad(message: impl Into<String>) -> RequestError {
    RequestError::new(ErrorCode::BadRequest, message)
}

/// Finds the words for a request that could not be read: slower, but only for requests that fail.
fn what_is_wrong(message: &RawValue) -> RequestError {
    let Ok(Value::Object(request)) = serde_json::from_str::<Value>(message.get()) else {
        return bad("a request is one JSON object, like {\"Cmd\":2}");
    };
    match request.get("Cmd") {
        None => return bad("Cmd is missing: 1 sets a number, 2 asks for the listing"),
        Some(cmd) if cmd.as_u64() == Some(1) => {}
        Some(cmd) if cmd.as_u64() == Some(2) => {
            return bad("with Cmd 2 leave CmdData out, or give it as {\"UserName\":\"ana\"}");
        }
        Some(cmd) => return bad(format!("Cmd {} is unknown: 1 sets a number, 2 asks for the listing", shown(cmd))),
    }
    let data = match request.get("CmdData") {
        Some(Value::Object(data)) => data,
        _ => return bad("CmdData must be an object with UserName and FavoriteNumber"),
    };
    match data.get("UserName") {
        Some(Value::String(_)) => {}
        Some(other) => return bad(format!("UserName must be a string, not {}", shown(other))),
        None => return bad("UserName is missing"),
    }
    match data.get("FavoriteNumber") {
        None => bad("FavoriteNumber is missing"),
        Some(number) if number.as_i64().is_none() => bad(format!(
            "FavoriteNumber must be a whole number from {} to {}, not {}",
            i64::MIN,
            i64::MAX,
            shown(number)
        )),
        Some(_) => bad("the same member stands in the request twice"),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
