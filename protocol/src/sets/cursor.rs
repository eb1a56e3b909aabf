//! A place in the log of a set.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest epoch, bytes.
const EPOCH_BYTES_MAX: usize = 32;
/// Largest position: the largest integer that every JSON reader keeps exact, and a time far away.
const POSITION_MAX: u64 = (1 << 53) - 1;

/// A place in the log of a set: `<epoch>-<position>`.
///
/// The epoch is made with the set, so that a set that was deleted and made anew is not taken for the old one. Within an
/// epoch positions grow: they are times in microseconds. A cursor that the log does not have gets everything.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    epoch: Arc<str>,
    position: u64,
}

/// A text that is no cursor.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("this is no cursor: hand back one that was given to you as it is, or none to get everything")]
pub struct BadCursor;

impl Cursor {
    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The position in its epoch.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (epoch, digits) = text.split_once('-').ok_or(BadCursor)?;
        let plain = epoch.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let decimal = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        let position = digits.parse().map_err(|_| BadCursor)?;
        if plain && decimal && (1..=EPOCH_BYTES_MAX).contains(&epoch.len()) && position <= POSITION_MAX {
            Ok(Self { epoch: epoch.into(), position })
        } else {
            Err(BadCursor)
        }
    }
}

impl TryFrom<String> for Cursor {
    type Error = BadCursor;

    fn try_from(text: String) -> Result<Self, BadCursor> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.position)
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor: Cursor = "8f3a0c-1760000000000001".parse().unwrap();
        assert_eq!((cursor.epoch(), cursor.position()), ("8f3a0c", 1_760_000_000_000_001));
        assert_eq!(cursor.to_string(), "8f3a0c-1760000000000001");
    }

    #[test]
    fn what_no_set_has_given_is_no_cursor() {
        let long = format!("{}-1", "a".repeat(33));
        for bad in [
            "",
            "-",
            "a",
            "a-",
            "-1",
            "a-b",
            "a-01",
            "a-+1",
            "a-1-2",
            "A-1",
            "é-1",
            "a-9007199254740992",
            &long,
        ] {
            assert_eq!(bad.parse::<Cursor>(), Err(BadCursor), "{bad:?}");
        }
    }
}
