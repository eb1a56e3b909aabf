//! Numbers are set and listed, and every change is told to everyone, exactly once.

use rand::RngExt;
use serde_json::{Value, json};
use system_tests::{Client, Cluster, Listing, bounded};
use tokio_tungstenite::tungstenite::Message;

use crate::{assert_all_have_the_truth, settle};

#[test]
fn the_messages_of_the_readme_work_as_printed() {
    bounded(async {
        let cluster = Cluster::start(1, 2).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        for request in [
            r#"{"Cmd":1,"CmdData":{"UserName":"branko","FavoriteNumber":11}}"#,
            r#"{"Cmd":1,"CmdData":{"UserName":"marko","FavoriteNumber":7}}"#,
            r#"{"Cmd":1,"CmdData":{"UserName":"ana","FavoriteNumber":22}}"#,
            r#"{"Cmd":1,"CmdData":{"UserName":"mihaela","FavoriteNumber":66}}"#,
        ] {
            client.say(request).await;
        }
        let complete = client.until_pushed("all four", |listing| listing.users.len() == 4).await;
        assert_eq!(complete.names(), ["ana", "branko", "marko", "mihaela"]);
        settle(&cluster, std::slice::from_ref(&client)).await;

        client.say(r#"{"Cmd":2,"CmdData":{"UserName":"ana"}}"#).await;
        client.list().await;
        let answers = client.record().look(|heard| heard.listings.clone());
        assert_eq!(answers.len(), 1, "{answers:?}");
        let answer: Value = serde_json::from_str(&answers[0]).unwrap();
        assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["Users", "Version"]);
        assert_eq!(answer["Users"][0], json!({"UserName": "ana", "FavoriteNumber": 22}));
        assert_eq!(client.record().look(|heard| heard.others.clone()), Vec::<Value>::new());
    });
}

#[test]
fn a_change_gives_each_socket_one_listing_and_a_request_one_answer_with_one_worker() {
    bounded(exactly_once(1));
}

#[test]
fn a_change_gives_each_socket_one_listing_and_a_request_one_answer_with_two_workers() {
    bounded(exactly_once(2));
}

/// Rule 1: pub/sub reaches every subscriber, but exactly one worker handles an event.
#[test]
fn a_change_gives_each_socket_one_listing_and_a_request_one_answer_with_three_workers() {
    bounded(exactly_once(3));
}

async fn exactly_once(workers: usize) {
    const CHANGES: i64 = 30;
    let cluster = Cluster::start(2, workers).await;
    let clients = cluster.clients(12).await;
    settle(&cluster, &clients).await;
    for change in 1..=CHANGES {
        let changer = &clients[usize::try_from(change).unwrap() % clients.len()];
        if change % 3 == 0 {
            let () = cluster
                .redis
                .run(&["HSET", "user:ana", "username", "ana", "favnum", &change.to_string()])
                .await;
        } else {
            changer.set("ana", change).await;
        }
        for client in &clients {
            client.until_pushed("the change", |listing| listing.number("ana") == Some(change)).await;
        }
    }
    // A listing too many would come before the answers to these, which go through every worker.
    for client in &clients {
        let listing = client.list().await;
        assert_eq!(listing.number("ana"), Some(CHANGES));
    }
    for client in &clients {
        client.assert_well();
        client.record().look(|heard| {
            let told: Vec<_> = heard.all().iter().map(|listing| listing.number("ana").unwrap()).collect();
            assert_eq!(told, (1..=CHANGES).collect::<Vec<_>>());
            assert!(heard.answers.values().all(|answers| answers.len() == 1), "{:?}", heard.answers);
            assert_eq!(heard.others, Vec::<Value>::new());
        });
    }
}

#[test]
fn after_10_000_random_sets_every_socket_has_the_listing_that_redis_holds() {
    const SETS_PER_CLIENT: usize = 200;
    const USERS: u32 = 60;
    bounded(async {
        let cluster = Cluster::start(2, 3).await;
        let clients = cluster.clients(50).await;
        let sets = clients.iter().map(|client| async move {
            for _ in 0..SETS_PER_CLIENT {
                let name = format!("user {}", rand::rng().random_range(0..USERS));
                client.set(&name, rand::random()).await;
            }
        });
        futures_util::future::join_all(sets).await;
        assert_eq!(cluster.redis.users().await.len(), USERS as usize);
        assert_all_have_the_truth(&clients, &cluster.redis).await;
    });
}

#[test]
fn a_listing_is_sorted_as_a_person_expects() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        let sorted =
            ["10 Downing", "ana", "Ana", "Ärger", "Branko", "čedo", "Émile", "Žana", "zebra", "日本"];
        for (number, name) in sorted.iter().enumerate().rev() {
            client.set(name, number.try_into().unwrap()).await;
        }
        assert_eq!(client.list().await.names(), sorted);
    });
}

#[test]
fn a_socket_that_only_listens_hears_of_changes_too() {
    bounded(async {
        let cluster = Cluster::start(2, 2).await;
        let listener = Client::open(&cluster.nodes[0].ws("/ws")).await;
        let changer = Client::open(&cluster.nodes[1].ws("/ws/numbers")).await;
        // The listener has joined when it gets any listing at all; until then, changes are made.
        let mut number = 0;
        system_tests::eventually("the listener hears", async || {
            number += 1;
            changer.set("ana", number).await;
            (listener.pushes() > 0).then_some(())
        })
        .await;
        changer.set("ana", -1).await;
        listener.until_pushed("the last change", |listing| listing.number("ana") == Some(-1)).await;
    });
}

#[test]
fn any_json_value_is_an_id_and_comes_back_as_it_was() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        let ids = [r#""a\"b""#, "[1,{\"x\":null}]", "null", "1.50", "12345678901234567890123", "true"];
        for id in ids {
            client.send(Message::text(format!(r#"{{"Cmd":2,"id":{id}}}"#))).await;
        }
        client.list().await;
        let heard: Vec<Value> = client.record().look(|heard| heard.others.clone());
        let found: Vec<&Value> = heard.iter().map(|answer| &answer["id"]).collect();
        let sent: Vec<Value> = ids.iter().map(|id| serde_json::from_str(id).unwrap()).collect();
        assert_eq!(found, sent.iter().collect::<Vec<_>>());
        assert!(heard.iter().all(|answer| Listing::from_value(answer).users.is_empty()));
    });
}
