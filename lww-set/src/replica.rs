//! Who changes a set.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest name of a replica, bytes: it is kept with every value.
pub const REPLICA_BYTES_MAX: usize = 64;

/// The name of one that changes sets, such as a device. Names are compared byte by byte.
///
/// Two that change sets at the same time must not share a name: their stamps could be the same for different operations.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Arc<str>", into = "Arc<str>")]
pub struct Replica(Arc<str>);

/// A name that no replica can have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the replica {0:?} cannot be used: take 1 to {REPLICA_BYTES_MAX} of the characters A-Z a-z 0-9 - _ ."
)]
pub struct BadReplica(String);

impl Replica {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<Arc<str>> for Replica {
    type Error = BadReplica;

    fn try_from(name: Arc<str>) -> Result<Self, BadReplica> {
        let fits = (1..=REPLICA_BYTES_MAX).contains(&name.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if fits && name.bytes().all(plain) {
            Ok(Self(name))
        } else {
            Err(BadReplica(name.chars().take(REPLICA_BYTES_MAX + 1).collect()))
        }
    }
}

impl FromStr for Replica {
    type Err = BadReplica;

    fn from_str(name: &str) -> Result<Self, BadReplica> {
        Self::try_from(Arc::from(name))
    }
}

impl From<Replica> for Arc<str> {
    fn from(replica: Replica) -> Self {
        replica.0
    }
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for good in ["a", "phone-1.A_b", &"x".repeat(64)] {
            assert_eq!(good.parse::<Replica>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a:b", "a\n", "é", &"x".repeat(65)] {
            assert!(bad.parse::<Replica>().is_err(), "{bad:?}");
            assert!(serde_json::from_value::<Replica>(bad.into()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_compared_byte_by_byte() {
        let mut names =
            ["aa", "b", "_", "a", "A", "9", "10", ".", "-"].map(|name| name.parse::<Replica>().unwrap());
        names.sort();
        assert_eq!(names.map(|name| name.to_string()), ["-", ".", "10", "9", "A", "_", "a", "aa", "b"]);
    }
}
