//! There are as many users as a listing can hold.

use crate::support::{Client, Node, RedisServer, TestWorker};

/// Makes users by hand: each is 48 KB of the listing, because a control character is six bytes of JSON.
async fn populate(redis: &RedisServer, from: usize, to: usize) {
    let mut pipeline = broker::redis::pipe();
    for at in from..to {
        let name = name(at);
        pipeline.hset_multiple(format!("user:{name}"), &[("username", &*name), ("favnum", "1")]).ignore();
    }
    pipeline.exec_async(&mut redis.connection().await).await.expect("Redis keeps them");
}

fn name(at: usize) -> String {
    format!("{}{at}", "\u{1}".repeat(8_000))
}

fn setting(user: &str) -> String {
    format!(r#"{{"Cmd":1,"CmdData":{{"UserName":"{user}","FavoriteNumber":-1}},"id":1}}"#)
}

#[tokio::test]
async fn a_full_listing_takes_no_new_user_and_changes_those_it_has() {
    const LISTING: &str = r#"{"Cmd":2,"CmdData":{"UserName":"ana"},"id":2}"#;
    let redis = RedisServer::start();
    populate(&redis, 0, 1_000).await;
    let mut node = Node::start(&redis).await;
    let worker = TestWorker::start(&redis, &mut node).await;

    assert!(node.ask(&worker.id, Client::new(), LISTING).await.contains("claim"));
    assert!(
        node.ask(&worker.id, Client::new(), &setting("ana")).await.contains(r#""ok":true"#),
        "there is room"
    );

    populate(&redis, 1_000, 1_100).await;
    assert!(node.ask(&worker.id, Client::new(), LISTING).await.contains("claim"), "what is there is shown");
    let refused = node.ask(&worker.id, Client::new(), &setting("branko")).await;
    assert!(refused.contains("too_large") && refused.contains("as many users"), "{refused}");
    assert!(!redis.cli::<bool>("EXISTS user:branko").await);
    assert!(!redis.cli::<bool>("SISMEMBER users branko").await);
    assert!(
        node.ask(&worker.id, Client::new(), &setting("ana")).await.contains(r#""ok":true"#),
        "it is there"
    );

    populate(&redis, 1_100, 1_500).await;
    let unsendable = node.ask(&worker.id, Client::new(), LISTING).await;
    assert!(unsendable.contains("too_large") && unsendable.contains("listing"), "{unsendable}");
    assert!(node.ask(&worker.id, Client::new(), &setting("ana")).await.contains(r#""ok":true"#));

    let mut gone = broker::redis::cmd("DEL");
    for user in 500..1_500 {
        gone.arg(format!("user:{}", name(user)));
    }
    gone.exec_async(&mut redis.connection().await).await.expect("Redis removes them");
    assert!(node.ask(&worker.id, Client::new(), LISTING).await.contains("claim"), "it is shown again");
    assert!(node.ask(&worker.id, Client::new(), &setting("branko")).await.contains(r#""ok":true"#));
}
