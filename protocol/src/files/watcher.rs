//! What a watcher and the service say to each other.

use serde::{Deserialize, Serialize};

use super::{Cursor, FILENAME_BYTES_MAX, Instance};
use crate::error::{ErrorCode, RequestError};

/// `POST /hello`: a watcher is there. Its address is where the request came from, with this port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Who.
    pub instance: Instance,
    /// Where it serves its list: 1 to 65535.
    pub port: u16,
    /// Of a watcher that keeps count: the newest operation that the service has acknowledged, 1 before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seqno: Option<u64>,
}

/// `POST /bye`: a watcher leaves, and its files with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// Who.
    pub instance: Instance,
}

/// What happened to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// A file is there now.
    Add,
    /// A file is not there any more.
    Remove,
}

/// One thing that happened in a folder. `PATCH /files` carries an array of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Whose folder.
    pub instance: Instance,
    /// What happened.
    pub op: Op,
    /// To which file.
    pub value: File,
    /// The first is 2, each next one more.
    pub seqno: u64,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name: 1 to [`FILENAME_BYTES_MAX`] bytes, any characters but U+0000.
    pub filename: String,
}

/// What is known of a watcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its files are listed as they are.
    Synced,
    /// Something was missed, or its list was not fetched yet: it will be.
    Dirty,
    /// It was silent for so long that it may be gone.
    Stale,
    /// It said bye; its files are not listed.
    Gone,
}

/// The answer to whatever a watcher says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Who.
    pub instance: Instance,
    /// How it stands now.
    pub state: State,
    /// The newest operation that the service has of it, 0 if none. Missing when it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seqno: Option<u64>,
    /// A place in the log behind what was said.
    pub cursor: Cursor,
}

/// Checks the name of a file.
///
/// # Errors
/// `bad_request`, or `too_large`, with what is wrong about it.
pub fn check_filename(name: &str) -> Result<(), RequestError> {
    let bad = |words: &str| Err(RequestError::new(ErrorCode::BadRequest, words));
    if name.is_empty() {
        bad("filename is empty")
    } else if name.len() > FILENAME_BYTES_MAX {
        let words = format!("filename has {} bytes: at most {FILENAME_BYTES_MAX} are allowed", name.len());
        Err(RequestError::new(ErrorCode::TooLarge, words))
    } else if name.contains('\0') {
        bad("filename has a U+0000, which no name of a file can have")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filename_may_have_all_that_a_file_system_allows_and_1_024_bytes() {
        for good in ["a", "..", "a/b", "\n\"\\", "\u{fffd}", "\u{7f}", &"é".repeat(512)] {
            assert!(check_filename(good).is_ok(), "{good:?}");
        }
        assert_eq!(check_filename(&"é".repeat(513)).unwrap_err().code, ErrorCode::TooLarge);
        assert!(check_filename("").is_err() && check_filename("a\0").is_err());
    }
}
