//! What clients of the numbers service say and hear.

use protocol::{Effect, ErrorCode, HttpBody, Subject};

use crate::support::{Client, Node, RedisServer, TestWorker, set, shown};

/// The reply to an event with this number, as the golden text has it.
fn reply(seq: u64, effects: &str) -> String {
    format!("{{\"seq\":{seq},\"effects\":[{effects}]}}")
}

#[tokio::test]
async fn an_opened_connection_joins_the_topic_and_is_sent_nothing() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    let client = Client::new();
    assert_eq!(node.open(&worker.id, client).await, reply(1, r#"{"join":"numbers"}"#));
    assert_eq!(node.close(&worker.id, client).await, reply(2, ""));
}

#[tokio::test]
async fn a_set_with_an_id_is_acknowledged_when_it_is_stored() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    let text = r#"{"Cmd":1,"CmdData":{"UserName":"ana","FavoriteNumber":22},"id":["x", 1]}"#;
    let got = node.ask(&worker.id, Client::new(), text).await;
    assert_eq!(got, reply(1, r#"{"send":{"ok":true},"id":["x", 1]}"#));
    let stored: Vec<String> = redis.cli("HMGET user:ana username favnum").await;
    assert_eq!(stored, ["ana", "22"]);
    assert!(redis.cli::<bool>("SISMEMBER users ana").await);
}

#[tokio::test]
async fn the_listing_is_what_the_readme_prints() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    for (user, number) in [("branko", 11), ("marko", 7), ("ana", 22), ("mihaela", 66)] {
        node.set(&worker.id, user, number).await;
    }
    let text = r#"{"Cmd":2,"CmdData":{"UserName":"ana"},"id":"b"}"#;
    let got = node.ask(&worker.id, Client::new(), text).await;
    let (before, after) = got.split_once("\"Version\":").expect("a version");
    let users = [("ana", 22), ("branko", 11), ("marko", 7), ("mihaela", 66)]
        .map(|(user, number)| format!(r#"{{"UserName":"{user}","FavoriteNumber":{number}}}"#));
    assert_eq!(before, format!(r#"{{"seq":5,"effects":[{{"send":{{"Users":[{}],"#, users.join(",")));
    let version = after.strip_suffix(r#"},"id":"b"}]}"#).expect("the id");
    assert!(version.parse::<u64>().is_ok(), "{version}");
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_answered_with_what_is_wrong() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    let long = "x".repeat(257);
    let data = |user: &str, number: &str| {
        format!(r#"{{"Cmd":1,"CmdData":{{"UserName":{user},"FavoriteNumber":{number}}},"id":7}}"#)
    };
    let bad = [
        (r#"{"id":7}"#.to_owned(), "Cmd"),
        (r#"{"Cmd":3,"id":7}"#.to_owned(), "Cmd"),
        (r#"{"Cmd":"1","id":7}"#.to_owned(), "Cmd"),
        (r#"{"Cmd":1,"id":7}"#.to_owned(), "CmdData"),
        (r#"{"Cmd":1,"CmdData":[],"id":7}"#.to_owned(), "CmdData"),
        (r#"{"Cmd":1,"CmdData":{"UserName":"a"},"id":7}"#.to_owned(), "FavoriteNumber"),
        (r#"{"Cmd":1,"CmdData":{"FavoriteNumber":1},"id":7}"#.to_owned(), "UserName"),
        (data("5", "1"), "UserName"),
        (data("\"\"", "1"), "UserName"),
        (data(&format!("\"{long}\""), "1"), "257 bytes"),
        (data(r#""a\u0000b""#, "1"), "control character"),
        (data("\"a\"", "1.5"), "FavoriteNumber"),
        (data("\"a\"", "9223372036854775808"), "FavoriteNumber"),
        (data("\"a\"", "\"1\""), "FavoriteNumber"),
        (data("\"a\"", "null"), "FavoriteNumber"),
    ];
    for (message, words) in bad {
        let seq = node.send(&worker.id, Client::new(), &message).await;
        let Effect::Send { body, id } = node.effect(seq).await else { panic!("{message}") };
        let text = format!("{body:?}");
        assert!(
            text.contains("bad_request") && text.contains(&words.replace('"', "\\\\\\\"")),
            "{message}: {text}"
        );
        assert_eq!(id.expect("the id").get(), "7");
    }
    assert!(node.list(&worker.id).await.users.is_empty());
}

#[tokio::test]
async fn extreme_numbers_and_names_are_kept_as_they_are() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    let long = "é".repeat(128);
    let users = [("*?[a]\\", i64::MIN), ("\"quoted\" {}", 0), (" ", 5), ("日本", -1), (&*long, i64::MAX)];
    for (user, number) in users {
        node.set(&worker.id, user, number).await;
    }
    let listing = node.list(&worker.id).await;
    for user in users {
        assert!(shown(&listing).contains(&user), "{user:?}");
    }
}

#[tokio::test]
async fn on_one_connection_a_listing_shows_what_was_set_before_it_and_not_what_came_after() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    let client = Client::new();
    // All in one payload, so that they make one batch.
    let (mut lines, mut seqs) = (Vec::new(), Vec::new());
    for number in 0..20 {
        for message in [set("ana", number, Some(1)), "{\"Cmd\":2}".to_owned()] {
            let (seq, line) = node.message(client, &message);
            lines.extend(line);
            seqs.push(seq);
        }
        let other = node.message(Client::new(), &set("zoe", number, Some(1)));
        lines.extend(other.1);
    }
    node.publish(&worker.id, lines).await;
    for (number, pair) in (0..20).zip(seqs.chunks(2)) {
        let _acknowledged = node.effect(pair[0]).await;
        let listing = node.listing_of(pair[1]).await;
        assert_eq!(shown(&listing)[0], ("ana", number));
    }
}

#[tokio::test]
async fn a_set_without_an_id_is_answered_by_the_push_or_by_the_listing_if_it_changes_nothing() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    node.pushed_until(&[]).await;
    let got = node.ask(&worker.id, Client::new(), &set("ana", 1, None)).await;
    assert_eq!(got, reply(1, ""));
    assert_eq!(shown(&node.pushed().await), [("ana", 1)]);
    // The same once more: the setter alone gets the listing, and nobody a push.
    let seq = node.send(&worker.id, Client::new(), &set("ana", 1, None)).await;
    assert_eq!(shown(&node.listing_of(seq).await), [("ana", 1)]);
    node.set(&worker.id, "ana", 1).await;
    node.set(&worker.id, "zoe", 2).await;
    assert_eq!(shown(&node.pushed().await), [("ana", 1), ("zoe", 2)]);
    assert_eq!(node.unread_pushes().await, 0);
}

#[tokio::test]
async fn the_listing_can_be_got_over_http_and_nothing_else() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    node.set(&worker.id, "ana", 1).await;
    let got = node.http(&worker.id, "numbers", "GET", "/numbers").await;
    assert_eq!((got.status, got.headers["content-type"].as_str()), (200, "application/json"));
    let HttpBody::Body(text) = got.body else { panic!("a small listing") };
    assert!(text.starts_with(r#"{"Users":[{"UserName":"ana","FavoriteNumber":1}],"Version":"#), "{text}");
    let head = node.http(&worker.id, "numbers", "HEAD", "/numbers").await;
    assert_eq!((head.status, head.body), (200, HttpBody::default()));
    let post = node.http(&worker.id, "numbers", "POST", "/numbers").await;
    assert_eq!((post.status, post.headers["allow"].as_str()), (405, "GET, HEAD"));
    let below = node.http(&worker.id, "numbers", "GET", "/numbers/ana").await;
    assert_eq!(below.status, ErrorCode::NotFound.status());
}

#[tokio::test]
async fn a_gap_is_answered_with_the_newest_listing_as_a_push() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    node.set(&worker.id, "ana", 1).await;
    let pushed = node.pushed_until(&[("ana", 1)]).await;
    let seq = node.tell(&worker.id, "numbers", Subject::Gap { topic: "numbers".to_owned() }).await;
    let Effect::Push(push) = node.effect(seq).await else { panic!("no push") };
    let listing = node.listing(&push.push.body).await;
    assert_eq!((push.topic.as_str(), push.push.key.as_deref()), ("numbers", Some("listing")));
    assert_eq!((shown(&listing), push.push.version), (vec![("ana", 1)], Some(listing.version)));
    assert!(listing.version >= pushed.version);
    let seq = node.tell(&worker.id, "numbers", Subject::Gap { topic: "other".to_owned() }).await;
    assert_eq!(node.reply(seq).await, reply(seq, ""));
}

#[tokio::test]
async fn what_redis_refuses_is_told_in_words_that_say_what_to_do() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    let () = redis.cli("SET user:ana text").await;
    let got = node.ask(&worker.id, Client::new(), &set("ana", 1, Some(1))).await;
    assert!(got.contains("\"internal\"") && got.contains("is no hash"), "{got}");
    node.set(&worker.id, "zoe", 1).await;
    let () = redis.cli("CONFIG SET maxmemory 1").await;
    let got = node.ask(&worker.id, Client::new(), &set("zoe", 2, Some(1))).await;
    assert!(got.contains("\"unavailable\"") && got.contains("out of memory"), "{got}");
    let () = redis.cli("CONFIG SET maxmemory 0").await;
    node.set(&worker.id, "zoe", 3).await;
    assert_eq!(shown(&node.list(&worker.id).await), [("zoe", 3)]);
}

#[tokio::test]
async fn a_large_listing_travels_by_one_claim_that_all_answers_share() {
    let redis = RedisServer::start();
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;
    let mut pipeline = broker::redis::pipe();
    for user in 0..2_000 {
        let user = format!("user number {user:05}");
        pipeline
            .cmd("HSET")
            .arg(format!("user:{user}"))
            .arg("username")
            .arg(user)
            .arg("favnum")
            .arg(7)
            .ignore();
    }
    let () = pipeline.query_async(&mut redis.connection().await).await.expect("stored");
    let pushed = loop {
        let push = node.push().await;
        let listing = node.listing(&push.body).await;
        if listing.users.len() == 2_000 {
            assert!(matches!(push.body, protocol::Body::Claim(_)));
            break listing;
        }
    };
    assert!(pushed.users.is_sorted_by(|a, b| a.user_name < b.user_name));
    let mut claims = Vec::new();
    for _ in 0..3 {
        let seq = node.send(&worker.id, Client::new(), "{\"Cmd\":2}").await;
        let Effect::Send { body: protocol::Body::Claim(claim), .. } = node.effect(seq).await else {
            panic!("no claim")
        };
        claims.push(claim);
    }
    assert!(claims.windows(2).all(|pair| pair[0] == pair[1]), "{claims:?}");
    let HttpBody::Claim(claim) = node.http(&worker.id, "numbers", "GET", "/numbers").await.body else {
        panic!("no claim")
    };
    assert_eq!(claim, claims[0]);
    assert_eq!(node.list(&worker.id).await, pushed);
}
