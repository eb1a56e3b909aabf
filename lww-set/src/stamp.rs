//! When something was done, and by whom.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Replica;

/// Latest time of a stamp, milliseconds since 1970: 2^53 - 1, the largest integer that every JSON reader keeps exact.
pub const MS_MAX: u64 = (1 << 53) - 1;

/// When something was done, and by whom: `[1700000000000,"phone"]` in JSON.
///
/// Stamps are ordered by time, then by replica, so that no two replicas' stamps are ever equal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "(u64, Replica)", into = "(u64, Replica)")]
pub struct Stamp {
    // The order of the fields is the order of stamps.
    ms: u64,
    replica: Replica,
}

/// A time that no stamp can have.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("the time {0} of a stamp is over {MS_MAX}: give milliseconds since 1970")]
pub struct BadStamp(u64);

impl Stamp {
    /// A stamp of so many milliseconds since 1970.
    ///
    /// # Errors
    /// [`BadStamp`] if the time is over [`MS_MAX`].
    pub fn new(ms: u64, replica: Replica) -> Result<Self, BadStamp> {
        if ms <= MS_MAX { Ok(Self { ms, replica }) } else { Err(BadStamp(ms)) }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn ms(&self) -> u64 {
        self.ms
    }

    /// Who made it.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }
}

impl TryFrom<(u64, Replica)> for Stamp {
    type Error = BadStamp;

    fn try_from((ms, replica): (u64, Replica)) -> Result<Self, BadStamp> {
        Self::new(ms, replica)
    }
}

impl From<Stamp> for (u64, Replica) {
    fn from(stamp: Stamp) -> Self {
        (stamp.ms, stamp.replica)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.ms, self.replica)
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_written_as_time_and_replica() {
        let text = r#"[9007199254740991,"phone"]"#;
        let stamp: Stamp = serde_json::from_str(text).unwrap();
        assert_eq!((stamp.ms(), stamp.replica().as_str()), (MS_MAX, "phone"));
        assert_eq!(serde_json::to_string(&stamp).unwrap(), text);
    }

    #[test]
    fn what_is_no_stamp_is_refused() {
        for bad in [
            r#"[9007199254740992,"a"]"#,
            r#"[-1,"a"]"#,
            r#"[1.5,"a"]"#,
            r#"["1","a"]"#,
            r#"[1,""]"#,
            r#"[1,"a b"]"#,
            r#"[1]"#,
            r#"[1,"a",2]"#,
            r#"{"ms":1,"replica":"a"}"#,
            "null",
        ] {
            assert!(serde_json::from_str::<Stamp>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn stamps_are_ordered_by_time_and_then_by_replica() {
        let mut stamps: Vec<Stamp> =
            serde_json::from_str(r#"[[10,"a"],[9,"b"],[9,"B"],[9,"aa"],[9,"a"]]"#).unwrap();
        stamps.sort();
        assert_eq!(serde_json::to_string(&stamps).unwrap(), r#"[[9,"B"],[9,"a"],[9,"aa"],[9,"b"],[10,"a"]]"#);
    }
}
