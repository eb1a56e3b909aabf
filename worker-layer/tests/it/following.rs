//! The listing follows Redis, whoever changes what is there.

use broker::redis;

use crate::support::{LogLines, Node, RedisServer, TestWorker, shown, within};

#[tokio::test]
async fn users_that_are_made_altered_or_deleted_by_hand_show_up_at_once() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    let steps: [(&str, &[(&str, i64)]); 8] = [
        ("HSET user:zoe username zoe favnum 9", &[("zoe", 9)]),
        ("HSET user:ana favnum 5", &[("ana", 5), ("zoe", 9)]),
        ("HSET user:ana username Anna", &[("Anna", 5), ("zoe", 9)]),
        ("RENAME user:zoe user:bob", &[("Anna", 5), ("zoe", 9)]),
        ("HSET user:bob username bob", &[("Anna", 5), ("bob", 9)]),
        ("HINCRBY user:bob favnum -10", &[("Anna", 5), ("bob", -1)]),
        ("HDEL user:bob username", &[("Anna", 5), ("bob", -1)]),
        ("DEL user:ana", &[("bob", -1)]),
    ];
    let mut before: &[(&str, i64)] = &[];
    for (command, users) in steps {
        let _: redis::Value = redis.cli(command).await;
        assert_eq!(shown(&node.list(&worker.id).await), users, "{command}");
        if users != before {
            node.pushed_until(users).await;
        }
        before = users;
    }
    let _: u64 = redis.cli("PEXPIRE user:bob 1").await;
    node.pushed_until(&[]).await;
    assert!(node.list(&worker.id).await.users.is_empty());
}

#[tokio::test]
async fn a_hash_without_a_readable_number_is_left_out() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    for command in [
        "HSET user:a favnum 1",
        "HSET user:b favnum 1.5",
        "HSET user:c username c",
        "HSET user:d favnum 9223372036854775808",
        "HSET user:e favnum x username e",
    ] {
        let _: u64 = redis.cli(command).await;
    }
    let mut not_text = redis::cmd("HSET");
    not_text.arg(b"user:\xff\xfe").arg("favnum").arg(1);
    let _: u64 = not_text.query_async(&mut redis.connection().await).await.expect("stored");
    let _: u64 = redis.cli("SADD user:f x").await;
    // Once as it is loaded, once as it is noticed.
    let worker = TestWorker::start(&redis, &mut node).await;
    assert_eq!(shown(&node.list(&worker.id).await), [("a", 1)]);
    let _: u64 = redis.cli("HSET user:a favnum one").await;
    let _: u64 = redis.cli("HSET user:e favnum 5").await;
    let _: u64 = redis.cli("SADD user:g x").await;
    assert_eq!(shown(&node.list(&worker.id).await), [("e", 5)]);
}

#[tokio::test]
async fn sort_in_redis_cli_shows_the_same_as_the_listing() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let _: u64 = redis.cli("HSET user:old username old favnum 1").await;
    let _: u64 = redis.cli("SADD users gone").await;
    let worker = TestWorker::start(&redis, &mut node).await;
    node.set(&worker.id, "ana", 22).await;
    let _: u64 = redis.cli("HSET user:zoe username zoe favnum 9").await;
    let _: u64 = redis.cli("DEL user:old").await;
    node.pushed_until(&[("ana", 22), ("zoe", 9)]).await;
    let sorted: Vec<String> =
        redis.cli("SORT users ALPHA BY user:*->username GET user:*->username GET user:*->favnum").await;
    assert_eq!(sorted, ["ana", "22", "zoe", "9"]);
}

#[tokio::test]
async fn a_flushed_store_is_noticed_by_every_worker() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let first = TestWorker::start(&redis, &mut node).await;
    let second = TestWorker::start(&redis, &mut node).await;
    node.set(&first.id, "ana", 1).await;
    let before = node.pushed_until(&[("ana", 1)]).await;
    let () = redis.cli("FLUSHALL").await;
    // Who asks is told at once, and everyone soon.
    for worker in [&first, &second] {
        assert!(node.list(&worker.id).await.users.is_empty());
    }
    let after = node.pushed_until(&[]).await;
    assert!(after.version > before.version);
    node.set(&second.id, "zoe", 2).await;
    let last = node.pushed_until(&[("zoe", 2)]).await;
    assert!(last.version > after.version);
    for worker in [&first, &second] {
        assert_eq!(shown(&node.list(&worker.id).await), [("zoe", 2)]);
    }
}

#[tokio::test]
async fn notifications_are_switched_on_and_other_flags_are_kept() {
    let redis = RedisServer::with("--notify-keyspace-events Elg");
    let mut node = Node::start(&redis).await;
    let _worker = TestWorker::start(&redis, &mut node).await;
    node.pushed_until(&[]).await;
    let flags: Vec<String> = redis.cli("CONFIG GET notify-keyspace-events").await;
    assert!("ElgKhx".chars().all(|flag| flags[1].contains(flag)), "{flags:?}");
    let _: u64 = redis.cli("HSET user:ana favnum 1").await;
    node.pushed_until(&[("ana", 1)]).await;
}

#[tokio::test]
async fn where_config_is_forbidden_the_log_says_what_to_set_and_the_worker_goes_on() {
    LogLines::keep();
    let redis = RedisServer::with("--notify-keyspace-events Kgx");
    let mut node = Node::start(&redis).await;
    let () = redis.cli("ACL SETUSER blind on >secret ~* &* +@all -config").await;
    let () = redis.cli("ACL SETUSER seeing on >secret ~* &* +@all -config|set").await;
    let blind = TestWorker::launch(redis.address_of("blind", "secret"), None);
    node.hears_of(&blind.id).await;
    LogLines::find("make sure that `notify-keyspace-events Kghxe`, or more, is in redis.conf").await;
    let seeing = TestWorker::launch(redis.address_of("seeing", "secret"), None);
    node.hears_of(&seeing.id).await;
    let line = LogLines::find("CONFIG SET notify-keyspace-events").await;
    let flags = line.rsplit(' ').next().expect("words").trim_end_matches('`');
    assert!(
        line.starts_with("WARN") && flags.len() == 5 && "Kghxe".chars().all(|flag| flags.contains(flag)),
        "{line}"
    );
    node.set(&seeing.id, "ana", 1).await;
}

#[tokio::test]
async fn after_a_restart_of_redis_the_listing_is_read_again() {
    let mut redis = RedisServer::with("--notify-keyspace-events AKE");
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    node.set(&worker.id, "ana", 1).await;
    let before = node.pushed_until(&[("ana", 1)]).await;
    redis.kill();
    redis.restart();
    node.reconnect(&redis).await;
    let _: u64 = redis.cli("HSET user:zoe favnum 2").await;
    node.forget().await;
    // It comes back by itself, and says so.
    node.hears_of(&worker.id).await;
    let after = within("the listing", async {
        loop {
            let reply = node.ask(&worker.id, crate::support::Client::new(), "{\"Cmd\":2}").await;
            if !reply.contains("\"unavailable\"") {
                break node.list(&worker.id).await;
            }
        }
    })
    .await;
    assert_eq!(shown(&after), [("ana", 1), ("zoe", 2)]);
    assert!(after.version >= before.version);
    node.set(&worker.id, "ana", 3).await;
    node.pushed_until(&[("ana", 3), ("zoe", 2)]).await;
}

#[tokio::test]
async fn when_the_link_with_the_notifications_is_cut_no_change_is_overlooked() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    node.set(&worker.id, "ana", 0).await;
    node.pushed_until(&[("ana", 0)]).await;
    for number in 1..=5 {
        // The one client that subscribes to a pattern.
        let clients: String = redis.cli("CLIENT LIST").await;
        let feed = clients.lines().find(|client| client.contains(" psub=1 "));
        let id = feed.and_then(|client| client.strip_prefix("id=")?.split(' ').next());
        let Some(id) = id else { panic!("no feed: {clients}") };
        let _: redis::Value = redis.cli(&format!("CLIENT KILL ID {id}")).await;
        let _: u64 = redis.cli(&format!("HSET user:ana favnum {number}")).await;
        // Readers wait for the link, and nodes that tell of a gap are answered.
        let gap = protocol::Subject::Gap { topic: "numbers".to_owned() };
        let gap = node.tell(&worker.id, "numbers", gap).await;
        assert_eq!(shown(&node.list(&worker.id).await), [("ana", number)]);
        assert!(matches!(node.effect(gap).await, protocol::Effect::Push(_)));
        node.pushed_until(&[("ana", number)]).await;
    }
}
