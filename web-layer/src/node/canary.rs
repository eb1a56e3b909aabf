//! A node publishes to its own inbox, to know that what it publishes comes back.

use std::sync::Arc;

use protocol::{line, name};

use super::Node;
use crate::health::EVERY;

/// Publishes the canary until the node ends.
pub(super) async fn sing(node: Arc<Node>) {
    let inbox: Arc<str> = name::node_inbox(&node.id).into();
    let mut beat = tokio::time::interval(EVERY);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            () = node.tasks.stop.cancelled() => return,
        }
        let _ = node.relay.publisher.try_publish(inbox.clone(), line::one(&node.health.canary()), 0);
    }
}
