//! Who is who: newtypes, so that a node is never taken for a worker.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::limit;

/// One websocket, for as long as it is open. Written as a UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(pub Uuid);

impl ConnectionId {
    /// A name that no other connection has.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A process name that cannot become part of a channel name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the name {0:?} cannot be used: take 1 to {max} of the characters a-z A-Z 0-9 - _ .",
    max = limit::PROCESS_NAME_BYTES_MAX
)]
pub struct BadProcessName(String);

macro_rules! process_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "Arc<str>", into = "Arc<str>")]
        pub struct $name(Arc<str>);

        impl $name {
            /// A name that no other process has.
            #[must_use]
            pub fn random() -> Self {
                let id = Uuid::new_v4().simple().to_string();
                Self(format!("{}-{}", $prefix, &id[..12]).into())
            }

            /// The name as it stands in channel names.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<Arc<str>> for $name {
            type Error = BadProcessName;

            fn try_from(name: Arc<str>) -> Result<Self, BadProcessName> {
                let fits = (1..=limit::PROCESS_NAME_BYTES_MAX).contains(&name.len());
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
                if fits && name.bytes().all(plain) {
                    Ok(Self(name))
                } else {
                    Err(BadProcessName(name.chars().take(80).collect()))
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadProcessName;

            fn from_str(name: &str) -> Result<Self, BadProcessName> {
                Self::try_from(Arc::from(name))
            }
        }

        impl From<$name> for Arc<str> {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

process_id!(
    /// One running web-layer process.
    NodeId,
    "node"
);
process_id!(
    /// One running worker-layer process.
    WorkerId,
    "worker"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_is_short_and_plain() {
        assert!("node-1.a_B".parse::<NodeId>().is_ok());
        for bad in ["", "a b", "a:b", "a\n", "é", &"x".repeat(65)] {
            assert!(bad.parse::<WorkerId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn random_names_are_valid_and_differ() {
        let (a, b) = (NodeId::random(), NodeId::random());
        assert_ne!(a, b);
        assert!(a.as_str().parse::<NodeId>().is_ok());
    }
}
