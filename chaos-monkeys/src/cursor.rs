//! Positions in the change log of a set.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A position in the change log of a set: `<epoch>-<position>`. Positions of one epoch are ordered.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "&str", into = "String")]
pub struct Cursor {
    epoch: Arc<str>,
    position: u64,
}

/// A text that is no cursor.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no cursor: it is an epoch, a hyphen and a position")]
pub struct BadCursor(String);

impl Cursor {
    /// Whether this is a later position of the same epoch.
    #[must_use]
    pub fn is_after(&self, other: &Self) -> bool {
        self.epoch == other.epoch && self.position > other.position
    }

    /// Whether both are of one epoch, so that one is at, before or after the other.
    #[must_use]
    pub fn is_comparable(&self, other: &Self) -> bool {
        self.epoch == other.epoch
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let bad = || BadCursor(text.chars().take(80).collect());
        let (epoch, position) = text.rsplit_once('-').ok_or_else(bad)?;
        let position = position.parse().map_err(|_| bad())?;
        if epoch.is_empty() { Err(bad()) } else { Ok(Self { epoch: epoch.into(), position }) }
    }
}

impl TryFrom<&str> for Cursor {
    type Error = BadCursor;

    fn try_from(text: &str) -> Result<Self, BadCursor> {
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
    fn positions_are_compared_as_numbers_within_an_epoch() {
        let cursor = |text: &str| text.parse::<Cursor>().unwrap();
        assert!(cursor("e-10").is_after(&cursor("e-9")) && !cursor("e-9").is_after(&cursor("e-9")));
        assert!(!cursor("f-10").is_after(&cursor("e-9")) && !cursor("f-10").is_comparable(&cursor("e-9")));
        assert_eq!(cursor("a-b-7").to_string(), "a-b-7");
        for bad in ["", "7", "-7", "e-", "e-x"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
