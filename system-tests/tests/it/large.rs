//! Large bodies travel by claim: rule 11.

use futures_util::StreamExt;
use serde_json::Value;
use system_tests::{Client, Cluster, bounded};

/// Longest payload on pub/sub, bytes: far below what would make Redis cut off a subscriber.
const PAYLOAD_BYTES_MAX: usize = 300 * 1024;

#[test]
fn a_listing_of_20_000_users_arrives_whole_though_no_message_on_pub_sub_is_large() {
    const USERS: usize = 20_000;
    bounded(async {
        let cluster = Cluster::start(2, 2).await;
        let clients = cluster.clients(4).await;
        crate::settle(&cluster, &clients).await;
        let client = redis::Client::open(cluster.redis.url()).unwrap();
        let mut subscription = client.get_async_pubsub().await.unwrap();
        subscription.subscribe("topic:numbers").await.unwrap();

        let mut fill = redis::pipe();
        for user in 0..USERS {
            let (key, name) = (format!("user:{user:0>20}"), format!("{user:0>20}"));
            fill.cmd("HSET").arg(&key).arg(&["username", &name, "favnum", "1"]).ignore();
        }
        let () = fill.query_async(&mut cluster.redis.connect().await).await.unwrap();
        clients[0].set("last", 1).await;
        for client in &clients {
            let all = |listing: &system_tests::Listing| listing.users.len() == USERS + 2;
            client.until_pushed("all users", all).await;
            client.assert_well();
        }
        assert_eq!(clients[3].list().await.users.len(), USERS + 2);
        let over_http = reqwest::get(cluster.nodes[0].http("/numbers")).await.unwrap().text().await.unwrap();
        assert!(over_http.len() > 64 * 1024);
        assert_eq!(system_tests::Listing::from_text(&over_http).users.len(), USERS + 2);

        let mut pushes = subscription.on_message();
        let mut claimed = None;
        while claimed.is_none() {
            let payload: String = pushes.next().await.unwrap().get_payload().unwrap();
            assert!(payload.len() <= PAYLOAD_BYTES_MAX, "{} bytes were published", payload.len());
            claimed = payload.lines().find_map(|line| {
                let push: Value = serde_json::from_str(line).unwrap();
                push["claim"]["key"].as_str().map(str::to_owned)
            });
        }
        let expires: i64 = cluster.redis.run(&["TTL", &claimed.unwrap()]).await;
        assert!((1..=60).contains(&expires), "a claimed body stays for {expires} s");
    });
}

#[test]
fn a_large_listing_is_pushed_to_many_sockets_and_read_from_redis_once_a_node() {
    bounded(async {
        let cluster = Cluster::start(2, 1).await;
        let clients: Vec<Client> = cluster.clients(20).await;
        crate::settle(&cluster, &clients).await;
        let mut fill = redis::pipe();
        for user in 0..4_000 {
            fill.cmd("HSET").arg(format!("user:{user:0>20}")).arg(&["favnum", "1"]).ignore();
        }
        let () = fill.query_async(&mut cluster.redis.connect().await).await.unwrap();
        for client in &clients {
            client.until_pushed("all users", |listing| listing.users.len() == 4_001).await;
        }
        let monitor = system_tests::monitor::Monitor::start(&cluster.redis).await;
        clients[0].set("last", 1).await;
        for client in &clients {
            client.until_pushed("the last user", |listing| listing.number("last") == Some(1)).await;
        }
        let heard = monitor.heard(&cluster.redis).await;
        let is_fetch = |words: &&Vec<String>| {
            let key = words.get(1).is_some_and(|key| key.starts_with("claim:"));
            key && words[0].to_uppercase().starts_with("GET")
        };
        let fetches = heard.iter().filter(is_fetch).count();
        // 240 kB for each of two nodes, in pieces of 256 KiB; and one listing more, if the last change made two.
        assert!((2..=8).contains(&fetches), "{fetches} fetches for two nodes");
    });
}
