//! What a person changes with redis-cli counts as much as what a client changes.

use system_tests::{Client, Cluster, bounded};

use crate::{assert_all_have_the_truth, settle};

/// Two nodes, two workers, four clients that are told of every change from here on.
async fn audience() -> (Cluster, Vec<Client>) {
    let cluster = Cluster::start(2, 2).await;
    let clients = cluster.clients(4).await;
    settle(&cluster, &clients).await;
    (cluster, clients)
}

async fn all_hear(clients: &[Client], name: &str, number: Option<i64>) {
    for client in clients {
        client.until_pushed(name, |listing| listing.number(name) == number).await;
    }
    for client in clients {
        assert_eq!(client.list().await.number(name), number);
    }
}

#[test]
fn a_hash_made_by_hand_shows_up_everywhere_and_disappears_with_it() {
    bounded(async {
        let (cluster, clients) = audience().await;
        let () = cluster.redis.run(&["HSET", "user:zoe", "username", "zoe", "favnum", "9"]).await;
        all_hear(&clients, "zoe", Some(9)).await;
        let () = cluster.redis.run(&["HINCRBY", "user:zoe", "favnum", "-19"]).await;
        all_hear(&clients, "zoe", Some(-10)).await;
        let () = cluster.redis.run(&["DEL", "user:zoe"]).await;
        all_hear(&clients, "zoe", None).await;
    });
}

#[test]
fn a_hash_without_a_user_name_is_called_after_its_key() {
    bounded(async {
        let (cluster, clients) = audience().await;
        let () = cluster.redis.run(&["HSET", "user:ana", "favnum", "5"]).await;
        all_hear(&clients, "ana", Some(5)).await;
    });
}

#[test]
fn a_user_who_is_renamed_by_hand_is_listed_once_under_the_new_name() {
    bounded(async {
        let (cluster, clients) = audience().await;
        clients[0].set("zoe", 9).await;
        all_hear(&clients, "zoe", Some(9)).await;
        let () = cluster.redis.run(&["RENAME", "user:zoe", "user:zoya"]).await;
        let () = cluster.redis.run(&["HSET", "user:zoya", "username", "zoya"]).await;
        all_hear(&clients, "zoya", Some(9)).await;
        all_hear(&clients, "zoe", None).await;
        assert_all_have_the_truth(&clients, &cluster.redis).await;
    });
}

#[test]
fn a_user_who_expires_disappears_everywhere() {
    bounded(async {
        let (cluster, clients) = audience().await;
        clients[0].set("zoe", 9).await;
        all_hear(&clients, "zoe", Some(9)).await;
        let () = cluster.redis.run(&["PEXPIRE", "user:zoe", "100"]).await;
        all_hear(&clients, "zoe", None).await;
    });
}

#[test]
fn when_everything_is_flushed_by_hand_nobody_is_listed_any_more_and_versions_still_grow() {
    bounded(async {
        let (cluster, clients) = audience().await;
        clients[0].set("zoe", 9).await;
        all_hear(&clients, "zoe", Some(9)).await;
        let () = cluster.redis.run(&["FLUSHALL"]).await;
        for client in &clients {
            client.until_pushed("that there is nobody", |listing| listing.users.is_empty()).await;
            assert!(client.list().await.users.is_empty());
        }
        clients[0].set("ana", 1).await;
        assert_all_have_the_truth(&clients, &cluster.redis).await;
    });
}

#[test]
fn what_is_no_user_is_not_listed_and_harms_nobody() {
    bounded(async {
        let (cluster, clients) = audience().await;
        for garbage in [
            &["HSET", "user:elephant", "username", "elephant", "favnum", "elephant"][..],
            &["HSET", "user:huge", "username", "huge", "favnum", "9223372036854775808"],
            &["HSET", "user:half", "username", "half"],
            &["SET", "user:string", "1"],
            &["RPUSH", "user:list", "1"],
            &["SADD", "users", "nobody"],
        ] {
            let _: redis::Value = cluster.redis.run(garbage).await;
        }
        clients[0].set("ana", 1).await;
        for client in &clients {
            let listing = client.until_pushed("ana", |listing| listing.number("ana") == Some(1)).await;
            assert_eq!(listing.names(), ["ana", "settle"]);
            assert_eq!(client.list().await.names(), ["ana", "settle"]);
        }
    });
}

#[test]
fn the_sort_command_of_the_readme_lists_all_users() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        for (name, number) in [("branko", 11), ("marko", 7), ("ana", 22), ("mihaela", 66)] {
            client.set(name, number).await;
        }
        let sort = [
            "SORT",
            "users",
            "ALPHA",
            "BY",
            "user:*->username",
            "GET",
            "user:*->username",
            "GET",
            "user:*->favnum",
        ];
        let rows: Vec<String> = cluster.redis.run(&sort).await;
        assert_eq!(rows, ["ana", "22", "branko", "11", "marko", "7", "mihaela", "66"]);
    });
}

#[test]
fn a_worker_switches_on_the_notifications_that_it_needs_and_drops_none() {
    bounded(async {
        let mut cluster = Cluster::start(1, 0).await;
        let () = cluster.redis.run(&["CONFIG", "SET", "notify-keyspace-events", "E$"]).await;
        cluster.add_worker().await;
        let clients = cluster.clients(2).await;
        settle(&cluster, &clients).await;
        let () = cluster.redis.run(&["HSET", "user:zoe", "username", "zoe", "favnum", "9"]).await;
        all_hear(&clients, "zoe", Some(9)).await;
        let flags: (String, String) = cluster.redis.run(&["CONFIG", "GET", "notify-keyspace-events"]).await;
        assert!(
            ['K', 'E', '$'].iter().all(|flag| flags.1.contains(*flag) || flags.1.contains('A')),
            "{flags:?}"
        );
    });
}

#[test]
fn a_worker_that_may_not_switch_on_notifications_says_what_to_set() {
    bounded(async {
        let mut cluster = Cluster::start(1, 0).await;
        let () = cluster.redis.run(&["CONFIG", "SET", "notify-keyspace-events", ""]).await;
        let () = cluster.redis.run(&["ACL", "SETUSER", "default", "-config"]).await;
        let worker = cluster.start_worker();
        system_tests::eventually("the worker says what to set", async || {
            worker.said().contains("notify-keyspace-events").then_some(())
        })
        .await;
    });
}
