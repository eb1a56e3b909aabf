//! Reads what a client of the numbers service asks for, or says what is wrong with it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Command, USER_NAME_BYTES_MAX, User};
use crate::body::{self, Json};
use crate::error::{ErrorCode, RequestError};
use crate::limit;

/// Members stay text until each is looked at, so that an error can show what stood there.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    #[serde(borrow)]
    cmd: Option<&'a RawValue>,
    #[serde(borrow)]
    cmd_data: Option<&'a RawValue>,
    #[serde(rename = "id", borrow, default, deserialize_with = "body::present")]
    id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Data<'a> {
    #[serde(borrow)]
    user_name: Option<&'a RawValue>,
    #[serde(borrow)]
    favorite_number: Option<&'a RawValue>,
}

/// Reads a request. The second part is the `id` that the answer must carry.
pub fn read(message: &RawValue) -> (Result<Command, RequestError>, Option<Json>) {
    let Some(Request { cmd, cmd_data, id }) = object(message) else {
        let words = "a request is one JSON object in which Cmd, CmdData and id stand at most once each";
        return (Err(bad(words)), body::request_id(message));
    };
    if let Some(id) = id.filter(|id| id.get().len() > limit::REQUEST_ID_BYTES_MAX) {
        let words =
            format!("id has {} bytes: at most {} are allowed", id.get().len(), limit::REQUEST_ID_BYTES_MAX);
        return (Err(bad(words)), None);
    }
    let command = match cmd.map(RawValue::get) {
        Some("1") => set(cmd_data).map(Command::Set),
        Some("2") => Ok(Command::List),
        Some(other) => Err(bad(format!(
            "Cmd must be 1 to set a number or 2 to ask for the listing, not {}",
            shown(other)
        ))),
        None => Err(bad("Cmd is missing: 1 sets a number, 2 asks for the listing")),
    };
    (command, id.map(ToOwned::to_owned))
}

/// Checks the name of a user.
///
/// # Errors
/// `bad_request` with what is wrong about it.
pub fn check_user_name(name: &str) -> Result<(), RequestError> {
    if name.is_empty() {
        Err(bad(format!("UserName is empty: give 1 to {USER_NAME_BYTES_MAX} bytes of text")))
    } else if name.len() > USER_NAME_BYTES_MAX {
        Err(bad(format!("UserName has {} bytes: at most {USER_NAME_BYTES_MAX} are allowed", name.len())))
    } else if name.chars().any(char::is_control) {
        Err(bad("UserName has a control character: leave it out"))
    } else {
        Ok(())
    }
}

fn set(data: Option<&RawValue>) -> Result<User, RequestError> {
    let data = data.ok_or_else(|| bad("CmdData is missing: give it UserName and FavoriteNumber"))?;
    let Some(Data { user_name, favorite_number }) = object(data) else {
        let words = "CmdData must be one object in which UserName and FavoriteNumber stand once each, not";
        return Err(bad(format!("{words} {}", shown(data.get()))));
    };
    let name = user_name.ok_or_else(|| bad("UserName is missing"))?.get();
    let user_name: String = serde_json::from_str(name)
        .map_err(|_| bad(format!("UserName must be a string of Unicode text, not {}", shown(name))))?;
    check_user_name(&user_name)?;
    let number = favorite_number.ok_or_else(|| bad("FavoriteNumber is missing"))?.get();
    let favorite_number = number.parse().map_err(|_| {
        let (min, max) = (i64::MIN, i64::MAX);
        bad(format!("FavoriteNumber must be a whole number from {min} to {max}, not {}", shown(number)))
    })?;
    Ok(User { user_name, favorite_number })
}

/// Reads an object. Left to itself, serde would read an array as one, too.
fn object<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Option<T> {
    if !json.get().starts_with('{') {
        return None;
    }
    serde_json::from_str(json.get()).ok()
}

fn bad(message: impl Into<String>) -> RequestError {
    RequestError::new(ErrorCode::BadRequest, message)
}

/// As much of what a client wrote as an error message can hold.
fn shown(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: String) -> (Result<Command, RequestError>, Option<Json>) {
        read(&RawValue::from_string(text).unwrap())
    }

    #[test]
    fn a_user_name_may_have_256_bytes_and_no_more() {
        assert!(check_user_name(&"é".repeat(128)).is_ok());
        assert!(check_user_name(&"x".repeat(257)).is_err());
    }

    #[test]
    fn an_id_over_the_bound_is_refused_and_not_echoed() {
        let with = |bytes: usize| read_text(format!("{{\"Cmd\":2,\"id\":\"{}\"}}", "x".repeat(bytes - 2)));
        assert!(matches!(with(1_024), (Ok(Command::List), Some(_))));
        let (refused, id) = with(1_025);
        assert_eq!(refused.unwrap_err().message, "id has 1025 bytes: at most 1024 are allowed");
        assert!(id.is_none());
    }

    #[test]
    fn a_long_value_is_shown_in_part() {
        let (refused, _) = read_text(format!("{{\"Cmd\":\"{}\"}}", "é".repeat(100)));
        let message = refused.unwrap_err().message;
        assert!(message.ends_with("é…") && message.len() < 200, "{message}");
    }
}
