//! A worker in another language, with a service that the web layer has never heard of, is served as the protocol says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use system_tests::client::Closed;
use system_tests::stranger::Stranger;
use system_tests::{Client, Cluster, bounded, eventually};
use tokio_tungstenite::tungstenite::Message;

/// Opens a websocket as soon as the node knows the service.
async fn open(cluster: &Cluster, path: &str) -> Client {
    eventually("the service is known", async || Client::try_open(&cluster.nodes[0].ws(path)).await.ok()).await
}

/// Sends back what it gets, with what it was told about the sender.
fn echo(event: &Value) -> Option<Value> {
    Some(match event["kind"].as_str() {
        Some("message") => {
            let answer = json!({"echo": event["body"], "session": event["session"], "peer": event["peer"]});
            json!({"effects": [{"send": answer, "id": event["body"]["id"]}]})
        }
        _ => json!({"effects": []}),
    })
}

#[test]
fn a_new_service_needs_no_release_of_the_web_layer() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        assert!(Client::try_open(&cluster.nodes[0].ws("/ws/echo")).await.is_err());
        let _stranger = Stranger::start(&cluster.redis, "stranger", "echo", &[], echo).await;
        let client = open(&cluster, "/ws/echo").await;
        let answer = client.request(json!({"hello": "world"})).await.unwrap();
        assert_eq!(
            answer,
            json!({"id": 1, "echo": {"hello": "world", "id": 1}, "session": null, "peer": "127.0.0.1"})
        );
        // A body passes as it came: not even white space and digits are changed.
        client.send(Message::text("{\"a\" : 1.50,\n \"id\": 2}")).await;
        client.until("an answer", |heard| heard.answers.get(&2).cloned()).await;
    });
}

#[test]
fn a_session_travels_with_every_event_of_its_connection_and_of_no_other() {
    bounded(async {
        let cluster = Cluster::start(1, 0).await;
        let count = |event: &Value| {
            let counted = event["session"]["count"].as_u64().unwrap_or_default() + 1;
            let mut effects = vec![json!({"session": {"count": counted}})];
            if event["kind"] == "message" {
                effects.push(json!({"send": {"count": counted}, "id": event["body"]["id"]}));
            }
            Some(json!({ "effects": effects }))
        };
        let _stranger = Stranger::start(&cluster.redis, "stranger", "counter", &[], count).await;
        let first = open(&cluster, "/ws/counter").await;
        let second = open(&cluster, "/ws/counter").await;
        for round in 2..=20 {
            assert_eq!(first.request(json!({})).await.unwrap()["count"], round);
        }
        assert_eq!(second.request(json!({})).await.unwrap()["count"], 2);
    });
}

#[test]
fn pushes_reach_those_who_joined_and_not_who_left_or_is_excepted() {
    bounded(async {
        let cluster = Cluster::start(2, 0).await;
        let rooms = |event: &Value| {
            let body = &event["body"];
            let mut effects: Vec<Value> = ["join", "leave"]
                .iter()
                .filter(|it| body[**it].is_string())
                .map(|it| json!({*it: body[*it]}))
                .collect();
            effects.push(json!({"send": {"conn": event["conn"]}, "id": body["id"]}));
            Some(if event["kind"] == "message" {
                json!({ "effects": effects })
            } else {
                json!({"effects": []})
            })
        };
        let _stranger = Stranger::start(&cluster.redis, "stranger", "rooms", &[], rooms).await;
        let mut clients = Vec::new();
        for node in [0, 1, 0, 1] {
            let url = cluster.nodes[node].ws("/ws/rooms");
            clients
                .push(eventually("the service is known", async || Client::try_open(&url).await.ok()).await);
        }
        for client in &clients[..3] {
            client.request(json!({"join": "room"})).await.unwrap();
            client.request(json!({"join": "other room"})).await.unwrap();
        }
        let excepted = clients[0].request(json!({})).await.unwrap()["conn"].clone();
        clients[1].request(json!({"leave": "room"})).await.unwrap();
        for push in [
            json!({"body": {"n": 1}}),
            json!({"body": {"n": 2}, "except": excepted}),
            json!({"body": {"n": 3}}),
        ] {
            let () = cluster.redis.run(&["PUBLISH", "topic:room", &push.to_string()]).await;
        }
        let () = cluster.redis.run(&["PUBLISH", "topic:other room", r#"{"body":{"n":4}}"#]).await;
        for (client, expected) in clients.iter().zip([vec![1, 3, 4], vec![4], vec![1, 2, 3, 4]]) {
            client
                .until("the last push", |heard| heard.others.iter().any(|push| push["n"] == 4).then_some(()))
                .await;
            let heard = client.record().look(|heard| heard.others.clone());
            assert_eq!(heard, expected.iter().map(|n| json!({"n": n})).collect::<Vec<_>>());
        }
        clients[3].request(json!({})).await.unwrap();
        assert_eq!(clients[3].record().look(|heard| heard.others.len()), 0);
    });
}

#[test]
fn a_service_may_close_a_socket_with_its_own_code_after_what_it_sent_before() {
    bounded(async {
        let cluster = Cluster::start(1, 0).await;
        let bye = |event: &Value| {
            let effects = match event["kind"].as_str() {
                Some("message") => {
                    json!([{"send": {"bye": 1}}, {"close": {"code": 4501, "reason": "go away"}}])
                }
                _ => json!([]),
            };
            Some(json!({ "effects": effects }))
        };
        let _stranger = Stranger::start(&cluster.redis, "stranger", "bye", &[], bye).await;
        let client = open(&cluster, "/ws/bye").await;
        client.say("{}").await;
        assert_eq!(client.closed().await, Closed::With { code: 4501, reason: "go away".to_owned() });
        assert_eq!(client.record().look(|heard| heard.others.clone()), [json!({"bye": 1})]);
    });
}

#[test]
fn a_worker_hears_of_each_open_and_each_close() {
    bounded(async {
        let cluster = Cluster::start(1, 0).await;
        let (opened, closed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (opens, closes) = (Arc::clone(&opened), Arc::clone(&closed));
        let count = move |event: &Value| {
            match event["kind"].as_str() {
                Some("open") => opens.fetch_add(1, Ordering::Relaxed),
                Some("close") => closes.fetch_add(1, Ordering::Relaxed),
                _ => 0,
            };
            echo(event)
        };
        let _stranger = Stranger::start(&cluster.redis, "stranger", "echo", &[], count).await;
        for round in 1..=20 {
            let client = open(&cluster, "/ws/echo").await;
            client.request(json!({})).await.unwrap();
            assert_eq!(opened.load(Ordering::Relaxed), round);
            drop(client);
            eventually("the close is told", async || (closed.load(Ordering::Relaxed) == round).then_some(()))
                .await;
        }
    });
}

#[test]
fn an_http_request_is_relayed_whole_and_so_is_its_response() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let relay = |event: &Value| {
            (event["kind"] == "http").then(|| {
                json!({"http": {
                    "status": 207,
                    "headers": {"content-type": "application/json", "x-stranger": "yes"},
                    "body": event["http"].to_string(),
                }})
            })
        };
        let _stranger = Stranger::start(&cluster.redis, "stranger", "mirror", &["/mirror"], relay).await;
        let url = cluster.nodes[0].http("/mirror/a%20b/c?d=e&f");
        let client = reqwest::Client::new();
        let answer = eventually("the path is known", async || {
            let request =
                client.patch(&url).header("x-one", "1").header("connection", "keep-alive").body("grüß dich");
            Some(request.send().await.unwrap()).filter(|answer| answer.status() != 404)
        })
        .await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-stranger"]),
            (207, &"yes".parse().unwrap())
        );
        let seen: Value = answer.json().await.unwrap();
        assert_eq!(seen["method"], "PATCH");
        assert_eq!(seen["path"], "/mirror/a%20b/c");
        assert_eq!(seen["query"], "d=e&f");
        assert_eq!(seen["headers"]["x-one"], "1");
        assert_eq!(seen["headers"]["connection"], Value::Null);
        assert_eq!(seen["body"], "grüß dich");

        // What is large, or no text, travels by claim.
        for body in [vec![b'x'; 500_000], vec![0xff, 0xfe, 0]] {
            let answer: Value =
                client.post(&url).body(body.clone()).send().await.unwrap().json().await.unwrap();
            assert_eq!(answer["claim"]["bytes"], body.len(), "{answer}");
        }
    });
}

/// Rule 3: one outcome for each request, though its worker has none.
#[test]
fn a_request_whose_worker_never_answers_ends_when_its_time_is_over_and_is_sent_once() {
    bounded(async {
        let mut cluster = Cluster::start(0, 0).await;
        cluster.add_node_with(&["--request-timeout-ms", "500"]).await;
        let received = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&received);
        let silent = move |event: &Value| {
            if event["kind"] != "message" && event["kind"] != "http" {
                return echo(event);
            }
            count.fetch_add(1, Ordering::Relaxed);
            None
        };
        let _stranger = Stranger::start(&cluster.redis, "stranger", "silent", &["/silent"], silent).await;
        let client = open(&cluster, "/ws/silent").await;
        assert_eq!(client.request(json!({})).await, Err("outcome_unknown".to_owned()));
        let answer = reqwest::get(cluster.nodes[0].http("/silent")).await.unwrap();
        assert_eq!(answer.status(), 504);
        assert_eq!(received.load(Ordering::Relaxed), 2, "what was delivered is never sent again");
        client.assert_well();
    });
}

/// Rule 4: what nobody received may go to another worker, but not behind what came after it.
#[test]
fn a_request_that_nobody_received_is_not_handled_after_later_ones_of_its_socket() {
    bounded(async {
        let cluster = Cluster::start(1, 0).await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let note = move |event: &Value| {
            if event["kind"] == "message" {
                record.lock().push(event["body"]["n"].as_u64().unwrap());
            }
            echo(event)
        };
        let mut stranger = Stranger::start(&cluster.redis, "stranger", "echo", &[], note).await;
        let client = open(&cluster, "/ws/echo").await;
        client.request(json!({"n": 0})).await.unwrap();
        for round in 1..=5_u64 {
            stranger.leave_inbox().await;
            cluster.redis.process().freeze();
            let unread = cluster.redis.unread_bytes();
            let mut ids = vec![client.ask(json!({"n": round * 10 + 1})).await];
            eventually("the first is on its way", async || {
                (cluster.redis.unread_bytes() > unread).then_some(())
            })
            .await;
            // The others wait for the receipt of the first, which nobody will have received when the worker comes back.
            for n in 2..=5 {
                ids.push(client.ask(json!({"n": round * 10 + n})).await);
            }
            let unread = cluster.redis.unread_bytes();
            stranger.ask_for_inbox();
            eventually("the worker comes back", async || {
                (cluster.redis.unread_bytes() > unread).then_some(())
            })
            .await;
            cluster.redis.process().thaw();
            for id in ids {
                // On a slow machine Redis is frozen for so long that the node gives the worker up.
                let outcome = client.outcome(id).await;
                let honest = [Err("unavailable"), Err("outcome_unknown")];
                let said = outcome.as_ref().map(|_| ()).map_err(String::as_str);
                assert!(said.is_ok() || honest.contains(&said), "{outcome:?}");
            }
            let order = seen.lock().clone();
            assert!(order.is_sorted(), "{order:?}");
        }
    });
}

#[test]
fn nonsense_on_any_channel_harms_nobody() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let client = Client::open(&cluster.nodes[0].ws("/ws")).await;
        client.list().await;
        let long = "x".repeat(200_000);
        for channel in ["web:node-1", "worker:worker-1", "workers", "topic:numbers"] {
            for nonsense in [
                "",
                "\n\n",
                "nonsense",
                "{}",
                "[]",
                "{\"seq\":1}",
                "{\"seq\":18446744073709551615,\"effects\":[]}",
                "{\"seq\":-1,\"effects\":[{\"send\":{}}]}",
                "{\"worker\":\"a:b\",\"services\":{}}",
                "{\"body\":{},\"claim\":{\"key\":\"nothing\",\"bytes\":5}}",
                "{\"claim\":{\"key\":\"user:ana\",\"bytes\":99999999999}}",
                "{\"node\":\"node-1\",\"seq\":1,\"service\":\"nothing\",\"kind\":\"message\"}",
                "{\"node\":\"node-1\",\"seq\":1,\"service\":\"nothing\",\"kind\":\"gap\",\"topic\":\"numbers\"}",
                &long,
            ] {
                let () = cluster.redis.run(&["PUBLISH", channel, nonsense]).await;
            }
            let mut binary = redis::cmd("PUBLISH");
            binary.arg(channel).arg(&[0xff_u8, 0, 10, 0xfe][..]);
            let () = binary.query_async(&mut cluster.redis.connect().await).await.unwrap();
        }
        client.set("ana", 1).await;
        client.until_pushed("the change", |listing| listing.number("ana") == Some(1)).await;
        assert_eq!(client.list().await.names(), ["ana"]);
        client.assert_well();
        assert_eq!(cluster.nodes[0].readiness().await, Some(200));
    });
}

#[test]
fn a_person_can_read_along_with_redis_cli() {
    bounded(async {
        let cluster = Cluster::start(1, 1).await;
        let client = redis::Client::open(cluster.redis.url()).unwrap();
        let mut subscription = client.get_async_pubsub().await.unwrap();
        subscription.psubscribe("*").await.unwrap();
        let socket = Client::open(&cluster.nodes[0].ws("/ws")).await;
        socket.set("ana", 22).await;
        let mut messages = subscription.on_message();
        let mut awaited = vec!["worker:worker-1", "web:node-1", "topic:numbers", "workers"];
        while !awaited.is_empty() {
            let message = messages.next().await.unwrap();
            let channel = message.get_channel_name();
            if channel.starts_with("__keyspace") {
                continue;
            }
            let payload: String = message.get_payload().unwrap();
            for line in payload.lines() {
                let object: Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{channel}: {error}: {line}"));
                assert!(object.is_object(), "{channel}: {line}");
            }
            awaited.retain(|name| *name != channel);
        }
    });
}
