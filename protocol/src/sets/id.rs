//! Which set.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::SET_ID_BYTES_MAX;

/// What stands around an id in the name of a topic. The braces are a hash tag: all that belongs to a set is in one place
/// when Redis is many.
const TOPIC: (&str, &str) = ("set:{", "}");

/// The id of a set.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Arc<str>", into = "Arc<str>")]
pub struct SetId(Arc<str>);

/// An id that no set can have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the id {0:?} cannot be used for a set: take 1 to {SET_ID_BYTES_MAX} of the characters A-Z a-z 0-9 - _ . but neither . nor .. alone"
)]
pub struct BadSetId(String);

impl SetId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The topic that all who watch the set join.
    #[must_use]
    pub fn topic(&self) -> String {
        let (before, after) = TOPIC;
        format!("{before}{}{after}", self.0)
    }

    /// The set that a topic belongs to, if it is the topic of one.
    #[must_use]
    pub fn of_topic(topic: &str) -> Option<Self> {
        let (before, after) = TOPIC;
        topic.strip_prefix(before)?.strip_suffix(after)?.parse().ok()
    }
}

impl TryFrom<Arc<str>> for SetId {
    type Error = BadSetId;

    fn try_from(id: Arc<str>) -> Result<Self, BadSetId> {
        let fits = (1..=SET_ID_BYTES_MAX).contains(&id.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        // In a path, `.` and `..` are something else.
        if fits && id.bytes().all(plain) && !matches!(&*id, "." | "..") {
            Ok(Self(id))
        } else {
            Err(BadSetId(id.chars().take(SET_ID_BYTES_MAX + 1).collect()))
        }
    }
}

impl FromStr for SetId {
    type Err = BadSetId;

    fn from_str(id: &str) -> Result<Self, BadSetId> {
        Self::try_from(Arc::from(id))
    }
}

impl From<SetId> for Arc<str> {
    fn from(id: SetId) -> Self {
        id.0
    }
}

impl fmt::Display for SetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_plain_and_can_stand_in_a_path() {
        for good in ["a", "to-do_1.A", "...", &"x".repeat(64)] {
            assert_eq!(good.parse::<SetId>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a b", "a/b", "{a}", "é", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<SetId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_set_is_found_again_in_its_topic() {
        let id: SetId = "to-do".parse().unwrap();
        assert_eq!(id.topic(), "set:{to-do}");
        assert_eq!(SetId::of_topic(&id.topic()), Some(id));
        for other in ["numbers", "set:to-do", "set:{}", "set:{a}}", "set:{a"] {
            assert_eq!(SetId::of_topic(other), None, "{other}");
        }
    }
}
