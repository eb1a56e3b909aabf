//! What only real processes show. Each test has a Redis, nodes and workers of its own.
//!
//! The rules of the spine are numbered as in ARCHITECTURE.md; a test that pins one names it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and the backtrace says where")]

mod bad_input;
mod by_hand;
mod chat_page;
mod chat_pictures;
mod chat_presence;
mod chat_rolling;
mod chat_security;
mod chat_storm;
mod consistency;
mod files_hostile;
mod files_original;
mod files_page;
mod files_watcher;
mod http;
mod invariants;
mod large;
mod launching;
mod listings;
mod monkeys;
mod node_stop;
mod order;
mod page;
mod readme;
mod ready;
mod redis_loss;
mod sets_api;
mod sets_page;
mod slow_reader;
mod strangers;
mod worker_choice;
mod worker_loss;

use system_tests::{Client, Cluster, RedisServer};

/// Waits until the publishing worker has made its first listing, joins every client, and forgets what came until then: from
/// here on every push is the sign of a change.
async fn settle(cluster: &Cluster, clients: &[Client]) {
    cluster.publisher().await;
    system_tests::eventually("the first listing is published", async || {
        cluster.redis.run::<Option<u64>>(&["GET", "{numbers}:version"]).await
    })
    .await;
    for client in clients {
        client.set("settle", rand::random::<i32>().into()).await;
    }
    assert_all_have_the_truth(clients, &cluster.redis).await;
    for client in clients {
        client.record().forget();
    }
}

/// Every client ends with the listing that Redis holds, by itself, without having seen one that was older than its
/// predecessor.
async fn assert_all_have_the_truth(clients: &[Client], redis: &RedisServer) {
    let users = redis.users().await;
    for client in clients {
        client.until_pushed("the listing that Redis holds", |listing| listing.users() == users).await;
        client.assert_well();
    }
}
