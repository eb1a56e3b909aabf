//! The names of channels and keys, all of them, so that none is spelled twice.

use crate::id::{NodeId, WorkerId};

/// Where every worker announces itself and every node listens.
pub const WORKERS: &str = "workers";

/// What stands before the name of a topic in the name of its channel.
pub const TOPIC_PREFIX: &str = "topic:";

/// The inbox of a worker, which it alone subscribes to.
#[must_use]
pub fn worker_inbox(worker: &WorkerId) -> String {
    format!("worker:{worker}")
}

/// The inbox of a node, which it alone subscribes to.
#[must_use]
pub fn node_inbox(node: &NodeId) -> String {
    format!("web:{node}")
}

/// The channel that carries the pushes of a topic.
#[must_use]
pub fn topic_channel(topic: &str) -> String {
    format!("{TOPIC_PREFIX}{topic}")
}

/// The topic whose pushes a channel carries, if it is such a channel.
#[must_use]
pub fn topic_of(channel: &str) -> Option<&str> {
    channel.strip_prefix(TOPIC_PREFIX)
}

/// The name of a connection to Redis in its `CLIENT LIST`: of which run of which process, and for what.
#[must_use]
pub fn link(process: &str, part: &str) -> String {
    format!("tercet:{process}:{part}")
}

/// The process and the part that the name of a connection tells, if it is such a name.
#[must_use]
pub fn of_link(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("tercet:")?.split_once(':')
}

/// A key for a body that is too large to be published; see [`crate::body::Claim`].
#[must_use]
pub fn claim_key(unique: &str) -> String {
    format!("claim:{unique}")
}

/// The channels on which Redis tells of changes to keys that match `pattern`, in database `db`.
#[must_use]
pub fn keyspace_pattern(db: i64, pattern: &str) -> String {
    format!("__keyspace@{db}__:{pattern}")
}

/// The key that a keyspace channel tells of.
#[must_use]
pub fn key_of_keyspace(channel: &str) -> Option<&str> {
    channel.strip_prefix("__keyspace@")?.split_once("__:").map(|(_, key)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_found_again_in_its_channel() {
        assert_eq!(topic_of(&topic_channel("set:{7}")), Some("set:{7}"));
        assert_eq!(topic_of("web:topic"), None);
    }

    #[test]
    fn a_process_is_found_again_in_the_name_of_its_link() {
        assert_eq!(of_link(&link("7f", "store")), Some(("7f", "store")));
        assert_eq!(of_link("redis-cli"), None);
    }

    #[test]
    fn a_key_is_found_again_in_its_keyspace_channel() {
        assert_eq!(key_of_keyspace("__keyspace@12__:user:a__:b"), Some("user:a__:b"));
        assert_eq!(key_of_keyspace("topic:numbers"), None);
    }
}
