//! Looking after connections that fell silent (a ping, and later the end), and those whose time is over.
//!
//! One task goes through all connections once a second, so that none needs a timer of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use protocol::{Close, close};

use super::Node;
use crate::socket::connection::Phase;
use crate::socket::frame::ping_frame;
use crate::socket::{Connection, Frames};

/// Looks after the connections until the node ends.
pub(super) async fn run(node: Arc<Node>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = second.tick() => {}
            () = node.tasks.stop.cancelled() => return,
        }
        let now = Instant::now();
        for conn in node.connections.all() {
            look_after(&node, &conn);
            conn.close_if_due(now);
        }
    }
}

fn look_after(node: &Node, conn: &Connection) {
    if conn.phase() != Phase::Open {
        return;
    }
    let silent_s = node.clock.now_s().saturating_sub(conn.heard_s.load(Ordering::Relaxed));
    let silent = Duration::from_secs(u64::from(silent_s));
    if silent >= node.bounds.idle_timeout {
        conn.close(&Close::new(
            close::IDLE,
            "nothing was heard for too long: come back if you are still there",
        ));
    } else if silent >= node.bounds.ping_after && !conn.pinged.swap(true, Ordering::Relaxed) {
        let _ = conn.send(Frames::control(ping_frame()));
    }
}
