//! Which of several processes this is.

use std::fmt;
use std::str::FromStr;

/// One of several processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which: 0 is the first.
    pub part: usize,
    /// Of how many.
    pub of: usize,
}

/// A text that is no share.
#[derive(Debug, thiserror::Error)]
#[error("a share is like 0/2")]
pub struct BadShare;

impl FromStr for Share {
    type Err = BadShare;

    fn from_str(text: &str) -> Result<Self, BadShare> {
        let (part, of) = text.split_once('/').ok_or(BadShare)?;
        let share = Self { part: part.parse().map_err(|_| BadShare)?, of: of.parse().map_err(|_| BadShare)? };
        if share.part < share.of { Ok(share) } else { Err(BadShare) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}
