//! Order is kept: rule 4.

use serde_json::json;
use system_tests::client::set;
use system_tests::{Client, Cluster, bounded};

#[test]
fn requests_of_one_socket_are_answered_in_the_order_in_which_they_came() {
    bounded(async {
        let cluster = Cluster::start(1, 3).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        let mut ids = Vec::new();
        for number in 1..=1_000 {
            let request = if number % 10 == 0 { json!({"Cmd": 2}) } else { set("ana", number) };
            ids.push(client.ask(request).await);
        }
        for id in &ids {
            assert!(client.outcome(*id).await.is_ok());
        }
        client.record().look(|heard| {
            assert_eq!(heard.answered, ids);
            for (index, id) in ids.iter().enumerate().filter(|(index, _)| index % 10 == 9) {
                let listing = system_tests::Listing::from_value(&heard.answers[id][0]);
                assert_eq!(
                    listing.number("ana"),
                    Some(i64::try_from(index).unwrap()),
                    "a read in the midst of writes"
                );
            }
        });
    });
}

#[test]
fn order_is_kept_while_workers_come_and_go() {
    const SOCKETS: usize = 12;
    const NUMBERS: i64 = 3_000;
    bounded(async {
        let mut cluster = Cluster::start(2, 2).await;
        let clients = cluster.clients(SOCKETS).await;
        let run =
            futures_util::future::join_all(clients.iter().enumerate().map(|(index, client)| async move {
                let name = format!("user {index}");
                let mut ids = Vec::new();
                for number in 1..=NUMBERS {
                    ids.push(client.ask(set(&name, number)).await);
                }
                for id in &ids {
                    client.outcome(*id).await.unwrap();
                }
                client.record().look(|heard| assert_eq!(heard.answered, ids));
            }));
        let change = async {
            let answered = || clients[0].record().look(|heard| heard.answered.len());
            for round in 1..=3 {
                let goal = 800 * round;
                clients[0]
                    .until("the requests go on", |heard| (heard.answered.len() >= goal).then_some(()))
                    .await;
                cluster.add_worker().await;
                let mut leaving = cluster.workers.remove(0);
                leaving.terminate();
                assert!(leaving.ended().await.success());
            }
            answered()
        };
        let (_, _) = futures_util::future::join(run, change).await;
        let users = cluster.redis.users().await;
        assert!(users.values().all(|number| *number == NUMBERS), "{users:?}");
    });
}

#[test]
fn a_listing_answers_a_set_that_came_just_before_it_on_the_same_socket() {
    bounded(async {
        let cluster = Cluster::start(1, 2).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        for number in 1..=200 {
            let write = client.ask(set("ana", number)).await;
            let read = client.ask(json!({"Cmd": 2})).await;
            let listing = system_tests::Listing::from_value(&client.outcome(read).await.unwrap());
            assert_eq!(listing.number("ana"), Some(number));
            assert!(client.outcome(write).await.is_ok());
        }
    });
}
