//! Which run of a watcher.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::INSTANCE_BYTES_MAX;

/// The id that a watcher makes when it starts: a UUID with most.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Arc<str>", into = "Arc<str>")]
pub struct Instance(Arc<str>);

/// A text that is no instance.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the instance {0:?} cannot be used: take 1 to {INSTANCE_BYTES_MAX} of the characters A-Z a-z 0-9 - _ ."
)]
pub struct BadInstance(String);

impl Instance {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<Arc<str>> for Instance {
    type Error = BadInstance;

    fn try_from(id: Arc<str>) -> Result<Self, BadInstance> {
        let fits = (1..=INSTANCE_BYTES_MAX).contains(&id.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if fits && id.bytes().all(plain) {
            Ok(Self(id))
        } else {
            Err(BadInstance(id.chars().take(INSTANCE_BYTES_MAX + 1).collect()))
        }
    }
}

impl FromStr for Instance {
    type Err = BadInstance;

    fn from_str(id: &str) -> Result<Self, BadInstance> {
        Self::try_from(Arc::from(id))
    }
}

impl From<Instance> for Arc<str> {
    fn from(instance: Instance) -> Self {
        instance.0
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_short_and_plain() {
        for good in ["a", "3f1c2b8e-9f0a-4a57-8a53-0a5cf4c3a9b1", "host.local_7", &"x".repeat(64)] {
            assert_eq!(good.parse::<Instance>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a:b", "{a}", "é", "a\n", "a/b", &"x".repeat(65)] {
            assert!(bad.parse::<Instance>().is_err(), "{bad:?}");
        }
    }
}
